//! The replacement for `cluster` in a build without the feature `cluster`, so that its callers need no `cfg`.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::error::EngineError;
use crate::config::ClusterOptions;

/// A cluster. Without the feature there is none, so it has no values.
#[derive(Debug)]
pub enum Cluster {}

impl Cluster {
    /// Always fails; the error says how to build the program with clusters.
    ///
    /// # Errors
    /// This build has no clusters.
    pub fn connect(
        _options: &ClusterOptions,
        _functions: impl IntoIterator<Item = ScalarUDF>,
    ) -> Result<Arc<Self>, EngineError> {
        Err(EngineError::Start {
            reason:
                "this program was built without clusters; build it with `cargo build --release --features cluster`, \
                     or leave out --cluster"
                    .to_owned(),
        })
    }
}
