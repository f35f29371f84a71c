//! The engine: one DataFusion session with Pragati's functions, a bounded memory pool and a place to spill to.
//!
//! Knows SQL and resources; which tables there are is `catalog`'s business.

mod answer;
#[cfg(feature = "cluster")]
pub mod cluster;
mod cluster_options;
mod compact;
mod constraints;
pub mod copies;
pub mod dialect;
mod error;
pub mod functions;
mod kept;
mod limits;
#[cfg(not(feature = "cluster"))]
mod no_cluster;
mod ordered_schema;
mod packing;
mod planning;
mod session;
mod stoppable;
mod temp_files;
mod threads;

pub use crate::compact::compacted;
pub use answer::Answer;
#[cfg(feature = "cluster")]
pub use cluster::Cluster;
pub use cluster_options::{AddressError, ClusterOptions, SchedulerAddress, TlsFiles};
pub use error::{EngineError, is_disk_full};
pub use kept::kept;
pub use limits::{QueryLimits, SharedLimits};
#[cfg(not(feature = "cluster"))]
pub use no_cluster::Cluster;
pub use planning::{planning_parts, whole_plan};
pub use session::{
    CATALOG, EngineOptions, RAW_SCHEMA, TABLE_SCHEMA, cluster_of, empty_beside, new_session, partitioned_session,
    session_beside, share_tables,
};
#[cfg(feature = "cluster")]
pub use temp_files::TempFiles;
pub use threads::{EngineThreads, STACK_OF_THREADS};
