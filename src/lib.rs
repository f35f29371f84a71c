//! Pragati: Course Progress Reports and the download ratio from a learning platform's daily Parquet exports.
//!
//! Data flows one way, top to bottom: [`exports`] finds and checks a snapshot, [`telemetry`] reads events, [`engine`]
//! runs SQL, [`catalog`] makes the snapshot's tables and the views of [`queries`] available, [`report`] and [`ratio`]
//! turn them into what people read, [`nightly`] publishes all of it in one run, and [`delivery`] brings one report to
//! whom asked for it. [`identity`] says who somebody is, [`postgres`] answers SQL of PostgreSQL's clients, and
//! [`server`] is the HTTP service, which runs it too. `cluster` starts the processes of a cluster, whose tasks may do
//! the work of all of these. [`shell`] is the analyst's way to all tables and views. [`observability`] tells a
//! collector what all of them did.

pub mod catalog;
pub mod check;
#[cfg(feature = "cluster")]
pub mod cluster;
mod compact;
pub mod config;
pub mod delivery;
mod details;
pub mod engine;
pub mod exports;
mod files;
pub mod formats;
mod hex;
pub mod identity;
pub mod ids;
pub mod language;
mod names;
pub mod network;
pub mod nightly;
pub mod observability;
mod plan_nodes;
pub mod postgres;
pub mod queries;
pub mod ratio;
pub mod report;
pub mod sample;
mod scans;
pub mod server;
pub mod shell;
pub mod telemetry;
pub mod zone;
