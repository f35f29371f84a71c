//! Plans queries inside other physical plans, so that the whole is optimized once.
//!
//! A table that wraps a view plans the view's query when it is scanned. If that plan were optimized by itself, the
//! optimization of the whole plan would apply the rules a second time, and some rules of the engine are not idempotent:
//! a hash join with a dynamic filter, for example, cannot swap its inputs. So the wrapped plan is not optimized by
//! itself.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::{Result, internal_err};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, col};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;

/// The rules of the outer session, stored in the settings of a session without rules.
struct RulesOfWhole(Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>);

/// The same session without physical optimization, for plans that become a visible part of another plan.
///
/// # Errors
/// Where `session` is not one of this engine.
pub fn planning_parts(session: &dyn Session) -> Result<SessionState> {
    let state = state_of(session)?;
    if state.physical_optimizers().is_empty() {
        return Ok(state.clone());
    }
    let rules = RulesOfWhole(state.physical_optimizers().to_vec());
    let config = state
        .config()
        .clone()
        // A default catalog would replace the tables by an empty one.
        .with_create_default_catalog_and_schema(false)
        .with_extension(Arc::new(rules));
    let parts = SessionStateBuilder::new_from_existing(state.clone())
        .with_config(config)
        .with_physical_optimizer_rules(Vec::new());
    Ok(parts.build())
}

/// The plan of a scan of the rows of `query`, which has the columns `schema`: for tables that run a view's query where
/// they cannot read its rows elsewhere. It becomes a visible part of the plan above, like the plans of
/// [`planning_parts`].
///
/// # Errors
/// Where `session` is not one of this engine, or the query cannot be planned.
pub async fn scan_of_view(
    session: &dyn Session,
    query: &LogicalPlan,
    schema: &SchemaRef,
    projection: Option<&Vec<usize>>,
    filters: &[Expr],
) -> Result<Arc<dyn ExecutionPlan>> {
    let mut rows = LogicalPlanBuilder::from(query.clone());
    for filter in filters {
        rows = rows.filter(filter.clone())?;
    }
    if let Some(projection) = projection {
        let columns = projection.iter().map(|&place| col(schema.field(place).name()));
        rows = rows.project(columns.collect::<Vec<_>>())?;
    }
    planning_parts(session)?.create_physical_plan(&rows.build()?).await
}

/// The optimized plan of `rows`, for a node that hides it from the plan above. Works in a session of [`planning_parts`]
/// too.
///
/// # Errors
/// Where `session` is not one of this engine, or the query cannot be planned.
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
