//! PostgreSQL's SQL where the engine's differs, for everybody who asks it.

pub mod forms;
