//! The protocol of PostgreSQL: what comes in and what goes out.
//!
//! `listen` takes connections, `admission` limits how many there are, `connection` takes messages and `handler` answers
//! them; `adapter` passes them on to it, and `wire` has clients with their types erased. `parse` reads statements and
//! `statement_limits` refuses those that are too large. `parameters`, `types`, `type_ids`, `far_times` and
//! `result_columns` say what values are on the wire, and `copy` has the protocol of COPY.

pub mod adapter;
pub mod admission;
pub mod connection;
pub mod copy;
pub mod far_times;
pub mod handler;
pub mod listen;
pub mod parameters;
pub mod parse;
pub mod result_columns;
pub mod statement_limits;
pub mod type_ids;
pub mod types;
pub mod wire;
