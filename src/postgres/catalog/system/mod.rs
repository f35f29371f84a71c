//! System tables: `pg_catalog` and `information_schema`, as PostgreSQL's clients ask for them.
//!
//! `schemas` registers them in a session: the tables of `datafusion-pg-catalog`, and over them the views of
//! `pg_catalog/` and `information_schema/`, a file each, which read the schema `described` (`described_schema`): the
//! tables that the session sees. `statements` tells which statements are about the database itself, and rewrites these
//! alone; `functions` has what is only asked there.

mod access_lists;
mod described_schema;
mod functions;
mod joined_values;
mod known_parts;
mod lookups;
mod named_functions;
mod schemas;
mod shown_types;
mod size_pretty;
mod statements;
mod subqueries;
mod table_functions;
mod table_ids;
mod views;
mod wildcards;

pub use schemas::set_up;
pub use statements::{
    is_about_system, keep_parameters, reads_tables, rewrite_after_library, rewrite_before_library, rewrite_known_parts,
};
