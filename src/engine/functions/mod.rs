//! The SQL functions that Pragati adds: small, pure, one a file.

mod cdata_id;
mod local_date;
mod strip;

use datafusion::logical_expr::ScalarUDF;

/// Every function, to be registered in each session (and, on a cluster, in each executor).
pub fn all() -> Vec<ScalarUDF> {
    vec![
        crate::exports::canonical(),
        crate::exports::nonblank(),
        cdata_id::cdata_id(),
        local_date::local_date(),
        strip::strip(),
    ]
}
