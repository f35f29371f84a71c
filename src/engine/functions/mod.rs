//! The SQL functions that Pragati adds, one in a file. They are pure: no state, no I/O.

mod cdata_id;
mod collection_text;
mod collections;
mod json;
mod json_find;
mod json_path;
mod local_date;
mod series;
mod series_rows;
mod strip;
mod utc_time;

use std::sync::Arc;

use datafusion::catalog::TableFunctionImpl;
use datafusion::logical_expr::ScalarUDF;

/// Every scalar function. They are registered in each session and, on a cluster, in each executor.
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

/// Every table function by its name. Sessions register them in place of the engine's of the same names.
pub fn tables() -> [(&'static str, Arc<dyn TableFunctionImpl>); 1] {
    [(series::NAME, Arc::new(series::GenerateSeries))]
}
