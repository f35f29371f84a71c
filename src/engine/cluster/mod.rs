//! Runs the plans of a session on a Ballista cluster.
//!
//! A plan is made here, where the tables are known, and travels as it is ([`codec`]): Ballista's scheduler cuts it into
//! stages at its exchanges, its executors run them, and the rows of the last one come back. Nothing above the session
//! knows. A plan that reads no files, or that holds what cannot travel, such as rows kept in memory, runs in this process.
//!
//! The processes of the cluster themselves are started by the room `cluster`.

mod client;
mod codec;
mod empty;
mod functions;
mod planner;
mod remote;
mod tls;

pub use client::{Cluster, EXECUTOR_LOST, NO_EXECUTOR, fetching_connections, with_connections};
pub use codec::{NodeCodec, PlanCodec, decode_plan, encode_plan};
pub use functions::registry;
pub use planner::{ClusterPlanner, travelling_plan};
pub use tls::Tls;

use datafusion::prelude::SessionConfig;

use super::error::EngineError;

/// Bytes of the largest message between the cluster's processes: a plan over many files, or a batch of wide rows.
pub const LARGEST_MESSAGE: usize = 256 * 1024 * 1024;

impl Cluster {
    /// The settings of sessions whose plans run here.
    pub fn configure(self: std::sync::Arc<Self>, config: SessionConfig) -> SessionConfig {
        let mut config = config
            .with_target_partitions(self.partitions())
            // An exchange that only spreads rows would be written to disk and fetched for nothing.
            .with_round_robin_repartition(false)
            .with_extension(self);
        let optimizer = &mut config.options_mut().optimizer;
        // What one operator finds out while it runs does not reach another one's process.
        optimizer.enable_dynamic_filter_pushdown = false;
        optimizer.enable_physical_uncorrelated_scalar_subquery = false;
        // The build side of a hash join must fit into the memory of a task; sorts spill.
        optimizer.prefer_hash_join = false;
        config
    }
}
