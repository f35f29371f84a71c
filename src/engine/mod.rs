//! The engine: one DataFusion session with Pragati's functions, a bounded memory pool and a place to spill to.
//!
//! Knows SQL and resources; which tables there are is `catalog`'s business.

mod compact;
pub mod copies;
mod error;
pub mod functions;
mod kept;
mod packing;
mod session;
mod temp_files;

pub use error::EngineError;
pub use kept::kept;
pub use session::{EngineOptions, RAW_SCHEMA, TABLE_SCHEMA, new_session, partitioned_session, session_beside};
