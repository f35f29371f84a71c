//! JSON as PostgreSQL has it: the types `json` and `jsonb`, their operators, and functions that make and read documents.
//!
//! `json` keeps a text as it is, `jsonb` normalises it (`document`). Documents have types of their own (`types`), so
//! that they are never taken for texts; sorting or grouping by them is refused (`unordered`).

mod aggregates;
mod build;
mod document;
mod error;
mod literals;
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

/// Rewrites aggregates, functions that return rows, and texts that are documents, to forms that the engine plans.
pub fn rewrite(statement: &mut Statement) {
    rows::in_from(statement);
    literals::of_documents(statement);
    aggregates::rewrite(statement);
}
