//! Runs the plans of a session on a Ballista cluster.
//!
//! The physical plan is made in this process, which knows the tables, and sent to the scheduler ([`codec`]). The
//! scheduler cuts it into stages at its exchanges, executors run the stages, and the rows of the last stage come back.
//! Code above the session does not notice. A plan that reads no files, or that has a node which cannot be encoded, such
//! as rows in memory, or a part that the encoding would lose, runs in this process.
//!
//! The room `cluster` starts the processes of a cluster.

mod client;
mod codec;
mod empty;
mod exported_rows;
mod functions;
mod planner;
mod remote;
mod tls;
mod windows;

pub use client::{Cluster, EXECUTOR_LOST, NO_EXECUTOR, fetching_connections, with_connections};
pub use codec::{NodeCodec, PlanCodec, decode_plan, encode_plan};
pub use functions::registry;
pub use planner::{ClusterPlanner, remote_plan};
pub use tls::Tls;

use datafusion::prelude::SessionConfig;

use super::error::EngineError;

/// Bytes of the largest gRPC message: a plan over many files, or a batch of wide rows.
pub const LARGEST_MESSAGE: usize = 256 * 1024 * 1024;

impl Cluster {
    /// The settings of sessions whose plans run on this cluster.
    pub fn configure(self: std::sync::Arc<Self>, config: SessionConfig) -> SessionConfig {
        let mut config = config
            .with_target_partitions(self.partitions())
            // A round-robin exchange would be written to disk and fetched for nothing.
            .with_round_robin_repartition(false)
            .with_extension(self);
        let optimizer = &mut config.options_mut().optimizer;
        // Dynamic filters do not reach operators in other processes.
        optimizer.enable_dynamic_filter_pushdown = false;
        optimizer.enable_physical_uncorrelated_scalar_subquery = false;
        // The build side of a hash join must fit into the memory of a task; a sort-merge join spills.
        optimizer.prefer_hash_join = false;
        config
    }
}
