//! Arrays as PostgreSQL has them: written as text, compared with ANY and ALL, and measured.

mod functions;
mod of_queries;
mod quantified;
mod subscripts;
mod text;

use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::Statement;

use super::DialectError;
use super::function::Function;

pub use functions::ONLY_VALUE;
pub use of_queries::aggregate;
pub use quantified::{EQUAL_TO_ANY, is_quantified};
pub use subscripts::count_from_one;
pub use text::{ARRAY_OF, ARRAY_OF_IDS, element_of, elements, is_list, list_of, written};

/// Rewrites casts to arrays, and comparisons with arrays, to PostgreSQL's meaning.
///
/// # Errors
/// Where a literal is not an array, or ANY or ALL follows an operator that is not a comparison.
pub fn rewrite(statement: &mut Statement) -> Result<(), DialectError> {
    text::read_casts(statement)?;
    quantified::call_functions(statement)
}

/// The functions that measure arrays.
pub fn all() -> impl Iterator<Item = Function> {
    functions::ALL.into_iter()
}

/// Registers the functions that rewritten statements call.
pub fn register(session: &SessionContext) {
    for reader in text::readers() {
        session.register_udf(reader);
    }
    quantified::register(session);
}
