//! The SQL dialect of every session, shell and network alike: what statements mean where DataFusion's SQL and PostgreSQL's differ.

pub mod time;
