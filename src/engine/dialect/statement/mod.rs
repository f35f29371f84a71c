//! Rewrites of parsed statements: what PostgreSQL's SQL means, written so that the engine plans it.

mod casts;
mod functions;
mod literals;
mod names;
mod operators;
mod parameters;
mod patterns;
mod refused;
mod series;
mod sets;
mod tuples;

use datafusion::sql::sqlparser::ast::Statement;

use super::DialectError;
use super::{arrays, json};

pub use names::{name_columns, shown_name, times_repeated};

/// Rewrites a statement of an analyst. Its columns get PostgreSQL's names.
///
/// # Errors
/// Where a form is not supported, with what to write instead.
pub fn rewrite(statement: &mut Statement) -> Result<(), DialectError> {
    // Values of variables, cursors and the like are no expressions.
    let has_query = matches!(
        statement,
        Statement::Query(_)
            | Statement::Explain { .. }
            | Statement::Declare { .. }
            | Statement::Copy { .. }
            | Statement::Prepare { .. }
            | Statement::CreateView { .. }
            | Statement::CreateTable { .. }
    );
    if !has_query {
        return Ok(());
    }
    refused::refuse(statement)?;
    name_columns(statement);
    sets::count_rows(statement)?;
    series::give_rows(statement);
    json::rewrite(statement);
    arrays::aggregate(statement);
    arrays::count_from_one(statement);
    tuples::compare(statement)?;
    parameters::type_by_place(statement);
    arrays::rewrite(statement)?;
    operators::rewrite(statement);
    patterns::anchor(statement);
    casts::call_functions(statement);
    functions::rename(statement);
    literals::type_numbers(statement);
    Ok(())
}
