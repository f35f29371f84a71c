//! The engine: one DataFusion session with Pragati's functions, a bounded memory pool and a place to spill to.
//!
//! Knows SQL and resources; which tables there are is `catalog`'s business.

mod answer;
mod compact;
pub mod copies;
mod error;
pub mod functions;
mod kept;
mod limits;
mod ordered_schema;
mod packing;
mod session;
mod stoppable;
mod temp_files;
mod threads;

pub use answer::Answer;
pub use error::{EngineError, is_disk_full};
pub use kept::kept;
pub use limits::{QueryLimits, SharedLimits};
pub use session::{
    CATALOG, EngineOptions, RAW_SCHEMA, TABLE_SCHEMA, empty_beside, new_session, partitioned_session, session_beside,
    share_tables,
};
pub use threads::EngineThreads;
