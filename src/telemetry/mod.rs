//! Telemetry events as tables: files of newline JSON (plain or gzip) and Parquet, read line by line in constant memory.
//!
//! No content of a file is fatal: malformed lines are counted, and a table lists them. SQL decides which events are clicks;
//! the catalog decides where the files are.

mod event;
mod files;
mod lines;
mod outcome;
mod parquet;
mod reading;
mod rows;
mod table;

pub use event::{Cdatum, Event, Malformed, parse};
pub use files::{FoundFiles, TelemetryFile, find};
pub use outcome::Outcome;
pub use table::{events_table, malformed_table};
