//! Stands for clusters in a build without them.

use std::sync::Arc;

use datafusion::logical_expr::ScalarUDF;

use super::cluster_options::ClusterOptions;
use super::error::EngineError;

/// There is none.
#[derive(Debug)]
pub enum Cluster {}

impl Cluster {
    /// Says how to get one.
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
