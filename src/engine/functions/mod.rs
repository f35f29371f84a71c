//! The SQL functions that Pragati adds, one in a file. They are pure: no state, no I/O.

mod cdata_id;
mod collection_text;
mod collections;
mod json;
mod json_find;
mod json_path;
mod local_date;
mod strip;
mod utc_time;

use datafusion::logical_expr::ScalarUDF;

/// Every function. They are registered in each session and, on a cluster, in each executor.
pub fn all() -> Vec<ScalarUDF> {
    let ours = [
        crate::exports::canonical(),
        crate::exports::nonblank(),
        cdata_id::cdata_id(),
        json_find::json_find_str(),
        local_date::local_date(),
        strip::strip(),
        utc_time::utc_time(),
    ];
    let ours = ours.into_iter().chain(collections::collection_functions());
    let ours = ours.chain(json::json_functions());
    ours.chain(super::dialect::time::all()).collect()
}
