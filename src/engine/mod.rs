//! The engine: a DataFusion session with Pragati's functions, a bounded memory pool and a spill folder.
//!
//! This room handles SQL and resources; `catalog` registers the tables.

#[cfg(feature = "cluster")]
pub mod cluster;
mod compact_before_sort;
mod compacted_stream;
mod constraints;
mod counts_of_values;
pub mod dialect;
mod early_semi_joins;
mod error;
pub mod functions;
mod layered_schema;
mod limits;
mod materialised;
mod materialised_table;
mod materialised_when_read;
mod measured_stream;
#[cfg(not(feature = "cluster"))]
mod no_cluster;
mod optimised_plan;
mod ordered_schema;
mod parameter_lists;
mod planning;
pub mod repeated_rows;
mod repeated_texts;
mod running_query;
mod session;
mod spilled_rows;
mod stoppable;
mod temp_files;
mod threads;

pub use crate::compact::compacted;
pub(crate) use crate::plan_nodes::{column_names, leaf, one_input, statistics_of_input, without_expressions};
#[cfg(feature = "cluster")]
pub use cluster::Cluster;
pub use error::{EngineError, is_disk_full};
pub use layered_schema::LayeredSchema;
pub use limits::{QueryLimits, SharedLimits};
pub use materialised::materialised;
pub use materialised_table::materialised_table;
pub use measured_stream::measured;
#[cfg(not(feature = "cluster"))]
pub use no_cluster::Cluster;
pub use optimised_plan::OptimisedPlan;
pub use planning::{planning_parts, scan_of_view, whole_plan};
pub use running_query::RunningQuery;
pub use session::{
    CATALOG, EngineOptions, RAW_SCHEMA, TABLE_SCHEMA, cluster_of, empty_beside, new_session, partitioned_session,
    register_table_functions, session_beside, share_tables, without_spreading,
};
#[cfg(feature = "cluster")]
pub use temp_files::TempFiles;
pub use threads::{EngineThreads, STACK_OF_THREADS};
