//! Times as PostgreSQL has them: types, casts in the session's zone, operators, patterns.
//!
//! - A timestamp with a zone (`timestamptz`) is a moment: `Timestamp(Microsecond, "UTC")`, as in the tables. The
//!   session's zone, the engine's setting `datafusion.execution.time_zone`, decides what its day and hour are, how it
//!   is written, and what a text without a zone means.
//! - A timestamp without a zone is a local time.
//! - `infinity` and `-infinity` are the largest and the smallest value of a type ([`Endless`]).
//! - The difference of two timestamps is a duration, which is an interval of days and time to users; all other
//!   intervals have months, days and time.
//!
//! The planner chooses functions for operators ([`planner`]), the analyzer for casts and comparisons ([`analyzer`]),
//! and what the engine's SQL planner would take for something else is rewritten before ([`rewrite`]).

mod analyzer;
mod civil;
mod clock;
mod endless;
mod error;
mod function;
mod functions;
mod interval;
mod interval_literal;
mod interval_text;
mod number_pattern;
mod offset;
mod pattern;
mod pattern_read;
mod pattern_write;
mod planner;
mod read;
mod rewrite;
mod series;
mod shown;
mod text;
mod types;
mod values;
mod zone;

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ScalarUDF};

pub use endless::{Endless, has_endless};
pub use error::TimeError;
pub use functions::series::SERIES;
pub use rewrite::{in_statement, session_zone, zone_setting};
pub use shown::{as_intervals, as_shown, in_session_zone};
pub use types::type_of;
pub use zone::{UTC, Zone, session_name};

/// Every function of times, as sessions and executors register them.
pub fn all() -> impl Iterator<Item = ScalarUDF> {
    functions::all().map(function::Definition::registered)
}

/// Has a session's statements about times planned and analysed as PostgreSQL understands them. The functions have to be
/// registered too.
pub fn register(mut state: SessionStateBuilder) -> SessionStateBuilder {
    let functions = Arc::new(Functions::new());
    let planner = Arc::new(planner::TimePlanner(Arc::clone(&functions)));
    state.expr_planners().get_or_insert_default().insert(0, planner);
    let analyzer = state.analyzer().get_or_insert_default();
    // The engine's type coercion is between the two.
    analyzer
        .rules
        .insert(0, Arc::new(analyzer::Comparisons(Arc::clone(&functions))));
    analyzer.rules.push(Arc::new(analyzer::Casts(functions)));
    state.with_type_planner(Arc::new(types::TimeTypes))
}

/// The functions of times by their names, for plans.
#[derive(Debug)]
pub struct Functions(HashMap<&'static str, Arc<ScalarUDF>>);

impl Functions {
    fn new() -> Self {
        let functions = functions::all().map(|definition| (definition.name, Arc::new(definition.registered())));
        Self(functions.collect())
    }

    /// A call of a function of times, by its name.
    fn call(&self, name: &'static str, arguments: Vec<Expr>) -> Expr {
        Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&self.0[name]), arguments))
    }
}
