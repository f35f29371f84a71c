//! JSON as PostgreSQL has it: the types `json` and `jsonb`, their operators, and functions that make and read documents.
//!
//! `json` keeps a text as it is, `jsonb` what it means (`document`). A document is of a type of its own (`types`), so that it is
//! never taken for a text; what would order or group by documents is refused (`unordered`).

mod aggregates;
mod build;
mod document;
mod error;
mod operators;
mod parts;
mod rows;
mod types;
mod unordered;
mod values;

use datafusion::sql::sqlparser::ast::Statement;

use super::function::{Function, FunctionOfSession};

pub use error::JsonError;
pub use operators::{operation, with_typed_parameter};
pub use parts::{ELEMENT_TEXTS, ELEMENTS, KEYS};
pub use types::{Kind, texts};
pub use unordered::{check, check_expression};

/// Functions that read documents.
pub fn all() -> impl Iterator<Item = Function> {
    parts::ALL.into_iter()
}

/// Functions that make documents, in the session's time zone.
pub fn of_session() -> impl Iterator<Item = FunctionOfSession> {
    build::ALL.into_iter()
}

/// Puts aggregates and functions that give rows as the engine plans them.
pub fn rewrite(statement: &mut Statement) {
    rows::in_from(statement);
    aggregates::rewrite(statement);
}
