//! What a session has besides the tables of the exports: system tables (`system`), lists of functions and relations
//! (`listings`), functions that PostgreSQL has (`functions`), functions whose results are limited (`bounded_functions`),
//! and addresses of rows.

pub mod bounded_functions;
pub mod functions;
pub mod listings;
pub mod row_addresses;
pub mod system;
