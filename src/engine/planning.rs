//! Physical plans inside other physical plans, optimized once.
//!
//! A table whose rows are a query (a view) plans that query when it is scanned. The engine's views are merged into the
//! query above them before that, but a table that wraps another asks for its plan directly. Were that plan optimized by
//! itself, the query's own optimization would go over it a second time, and some rules of the engine refuse what they have
//! already changed: a hash join whose dynamic filter is in place cannot swap its inputs any more. So the wrapped plan is
//! made without optimization, and the whole is optimized together.

use std::sync::Arc;

use datafusion::catalog::Session;
use datafusion::common::{Result, internal_err};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// The rules that the session above has, kept in the settings of a session without any.
struct RulesOfWhole(Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>);

/// The same session, whose physical plans are not optimized: for plans that become a visible part of another one.
///
/// # Errors
/// Where `session` is none of this engine's.
pub fn planning_parts(session: &dyn Session) -> Result<SessionState> {
    let state = state_of(session)?;
    if state.physical_optimizers().is_empty() {
        return Ok(state.clone());
    }
    let rules = RulesOfWhole(state.physical_optimizers().to_vec());
    let config = state
        .config()
        .clone()
        // A state that is built with its default catalog puts an empty one in place of the tables.
        .with_create_default_catalog_and_schema(false)
        .with_extension(Arc::new(rules));
    let parts = SessionStateBuilder::new_from_existing(state.clone())
        .with_config(config)
        .with_physical_optimizer_rules(Vec::new());
    Ok(parts.build())
}

/// The optimized plan of `rows`, for a node that hides it from the plan above, also in a session that is
/// [`planning_parts`].
///
/// # Errors
/// Where `session` is none of this engine's, and where the plan cannot be made.
pub async fn whole_plan(session: &dyn Session, rows: &LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let state = state_of(session)?;
    match state.config().get_extension::<RulesOfWhole>() {
        Some(rules) if state.physical_optimizers().is_empty() => {
            let whole = SessionStateBuilder::new_from_existing(state.clone());
            let whole = whole.with_physical_optimizer_rules(rules.0.clone());
            whole.build().create_physical_plan(rows).await
        }
        _ => state.create_physical_plan(rows).await,
    }
}

fn state_of(session: &dyn Session) -> Result<&SessionState> {
    match session.as_any().downcast_ref::<SessionState>() {
        Some(state) => Ok(state),
        None => internal_err!("a plan was asked for in a session of another engine"),
    }
}
