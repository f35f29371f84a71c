//! Telemetry events as tables: files of newline JSON (plain or gzip) and Parquet, read line by line in constant memory.
//!
//! Nothing that is in a file is fatal: what is no event is counted, and can be looked at line by line. Which events are
//! clicks is said in SQL, and where the files are is the catalog's business.

mod event;
mod files;
mod lines;
mod outcome;
mod parquet;
mod reading;
mod rows;
mod table;

pub use event::{Cdatum, Event, Malformed, parse};
pub use files::{TelemetryFile, find};
pub use outcome::Outcome;
pub use table::{events_table, malformed_table};
