//! System tables: `pg_catalog` and `information_schema`, as PostgreSQL's clients ask for them.
//!
//! `schemas` registers them in a session: the tables of `datafusion-pg-catalog`, and over them the views of
//! `pg_catalog/` and `information_schema/`, a file each, which `described` feeds with the tables that the session sees.
//! `questions` rewrites what is asked of them, and nothing else; `functions` has what is only asked there.

mod access_lists;
mod described;
mod functions;
mod joined_values;
mod known_parts;
mod lookups;
mod named_functions;
mod questions;
mod schemas;
mod shown_types;
mod size_pretty;
mod subqueries;
mod table_functions;
mod table_ids;
mod views;
mod wildcards;

pub use questions::{
    is_about_system, keep_parameters, reads_tables, rewrite_after_library, rewrite_before_library, rewrite_known_parts,
};
pub use schemas::set_up;
