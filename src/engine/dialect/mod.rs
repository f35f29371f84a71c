//! The dialect: SQL as PostgreSQL understands it, for the statements of analysts, in the shell and over the network alike.
//!
//! A statement is parsed in PostgreSQL's dialect, then [`rewrite`] replaces forms that the engine lacks, and names its
//! columns. It is planned in a session to which [`add_to`] added the dialect's functions and operators, and [`check`]
//! refuses plans that PostgreSQL would refuse. All of this happens while a statement is planned: views and built-in
//! queries, which are planned by sessions without the dialect, keep the engine's own functions, also within the plan of
//! an analyst's statement.
//!
//! `statement` holds the rewrites, a file each, and `forms` those of whole queries with what plans them; `numbers`,
//! `texts`, `arrays` and `json` the functions, types and aggregates; `planner` the operators. A new function is one
//! entry in a table there. `time` has all about dates, times, zones and intervals, and holds in every session.
//! `precedence` comes before all rewrites, for built-in queries too.

pub mod arrays;
mod check;
pub mod forms;
mod function;
pub mod json;
pub mod numbers;
mod planner;
pub mod precedence;
mod statement;
pub mod syntax;
pub mod texts;
pub mod time;
pub mod type_names;
pub mod walk;

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::prelude::SessionContext;

use function::{Function, FunctionOfSession, FunctionOfValues};

pub use check::check;
#[cfg(feature = "cluster")]
pub use function::is_of_dialect;
pub use statement::{name_columns, rewrite, shown_name, times_repeated};

/// A statement that the dialect does not support.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum DialectError {
    #[error("{0}")]
    Syntax(String),
    #[error("{0}")]
    NotSupported(String),
}

/// The dialect's own scalar functions, which take the place of the engine's of the same name.
pub fn functions() -> Vec<ScalarUDF> {
    let alone = every_function().map(|function| function.udf(Vec::new()));
    let of_values = numbers::of_values().map(FunctionOfValues::udf);
    let of_session = json::of_session().map(FunctionOfSession::udf);
    alone.chain(of_values).chain(of_session).collect()
}

fn every_function() -> impl Iterator<Item = Function> {
    numbers::all()
        .chain(texts::all())
        .chain(arrays::all())
        .chain(json::all())
}

/// The dialect's own aggregates.
pub fn aggregates() -> Vec<AggregateUDF> {
    numbers::aggregates().collect()
}

/// Gives a session the dialect. What was planned in it before stays as it is.
///
/// # Errors
/// Never, unless the engine refuses the session's own settings.
pub fn add_to(session: &SessionContext) -> Result<()> {
    let state = session.state();
    let mut planners: Vec<Arc<dyn ExprPlanner>> = state.expr_planners().to_vec();
    // After the first rule, which compares times: it must see the texts beside times as they are written.
    planners.insert(planners.len().min(1), Arc::new(planner::Operators::new()));
    let mut config = state
        .config()
        .clone()
        // A state that is built with its default catalog puts an empty one in place of the tables.
        .with_create_default_catalog_and_schema(false);
    config.options_mut().sql_parser.parse_float_as_decimal = true;
    let planned = SessionStateBuilder::new_from_existing(state)
        .with_config(config)
        .with_expr_planners(planners)
        .build();
    *session.state_ref().write() = planned;
    // Done after the state is built, because building registers the engine's functions. The engine's aliases are
    // replaced too.
    for function in every_function() {
        let state = session.state_ref();
        let known = state
            .read()
            .scalar_functions()
            .get(function.name)
            .map(|engines| engines.aliases().to_vec());
        session.register_udf(function.udf(known.unwrap_or_default()));
    }
    for function in numbers::of_values() {
        session.register_udf(function.udf());
    }
    for function in json::of_session() {
        session.register_udf(function.udf());
    }
    for aggregate in aggregates() {
        session.register_udaf(aggregate);
    }
    arrays::register(session);
    Ok(())
}

/// A session with the tables of another, and with the dialect: what is planned in the other keeps the engine's own SQL.
/// Tables that are added to one are seen in both.
///
/// # Errors
/// As [`add_to`].
pub fn session_of(other: &SessionContext) -> Result<SessionContext> {
    let state = other.state();
    let config = state.config().clone().with_create_default_catalog_and_schema(false);
    let own = SessionStateBuilder::new_from_existing(state)
        .with_config(config)
        .build();
    let session = SessionContext::new_with_state(own);
    add_to(&session)?;
    Ok(session)
}
