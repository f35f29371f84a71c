//! The plan of a prepared statement, and what is kept of it from one execution to the next: from the second one on, the
//! plan is optimised already, for one snapshot as its user sees it and one time zone.

use std::sync::{Arc, Mutex};

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ParamValues;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::running::{PlanToRun, state_in};
use super::snapshots::VisibleSnapshot;
use super::stop::Stop;
use super::{Session, held};
use crate::engine::OptimisedPlan;
use crate::postgres::error::QueryError;

/// A plan, and the snapshot that it is of: the newest that the statement ran over, so that older ones can be freed.
#[derive(Clone)]
pub struct Planned {
    pub plan: LogicalPlan,
    /// The columns of its rows, as clients are told.
    pub columns: SchemaRef,
    pub seen: Arc<VisibleSnapshot>,
    optimised: Optimised,
}

/// The plan as it is executed.
#[derive(Clone)]
enum Optimised {
    /// It has not run. Most statements run once, so the plan is not optimised for later.
    NotRun,
    /// It has run once. The plan is optimised when it runs again.
    Wanted,
    /// The optimised plan for this time zone; none where each execution has to be planned.
    Made {
        zone: Arc<str>,
        plan: Option<Arc<OptimisedPlan>>,
    },
}

impl Planned {
    /// The plan of a statement that has not run.
    pub fn new(plan: LogicalPlan, columns: SchemaRef, seen: Arc<VisibleSnapshot>) -> Self {
        Self {
            plan,
            columns,
            seen,
            optimised: Optimised::NotRun,
        }
    }

    /// The plan of a statement that ran over another snapshot.
    pub fn again(plan: LogicalPlan, columns: SchemaRef, seen: Arc<VisibleSnapshot>) -> Self {
        Self {
            plan,
            columns,
            seen,
            optimised: Optimised::Wanted,
        }
    }
}

/// The columns of a plan's rows. As long as a plan is not analysed, a UNION and a CASE have the types of their first
/// branches, while their rows have those that all branches fit into.
pub fn columns_of(state: &SessionState, plan: &LogicalPlan) -> SchemaRef {
    let planned = Arc::clone(plan.schema().inner());
    if !has_branches(plan) {
        return planned;
    }
    let analysed = state
        .analyzer()
        .execute_and_check(plan.clone(), state.config_options(), |_, _| {});
    match analysed {
        Ok(analysed) if analysed.schema().fields().len() == planned.fields().len() => {
            let kinds = analysed.schema().fields().iter().map(|field| field.data_type().clone());
            let fields = planned.fields().iter().zip(kinds);
            let fields: Vec<Field> = fields
                .map(|(field, kind)| field.as_ref().clone().with_data_type(kind))
                .collect();
            Arc::new(Schema::new(fields))
        }
        // What cannot be analysed before its parameters have values is described as it was planned.
        _ => planned,
    }
}

fn has_branches(plan: &LogicalPlan) -> bool {
    let mut found = false;
    let walked = plan.apply_with_subqueries(|node| {
        found |= matches!(node, LogicalPlan::Union(_));
        if !found {
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    found |= matches!(expr, Expr::Case(_));
                    Ok(next_of(found))
                })
            })?;
        }
        Ok(next_of(found))
    });
    found || walked.is_err()
}

fn next_of(found: bool) -> TreeNodeRecursion {
    match found {
        true => TreeNodeRecursion::Stop,
        false => TreeNodeRecursion::Continue,
    }
}

impl Session {
    /// The plan to run for `known`, a copy of the content of `planned`, with the values of its parameters, in a time
    /// zone. An error where the statement is stopped before it is planned.
    pub(super) async fn asked(
        &self,
        planned: &Mutex<Planned>,
        known: Planned,
        values: Option<&ParamValues>,
        (zone, stop): (&str, &Stop),
    ) -> Result<PlanToRun, QueryError> {
        if let Some(optimised) = self.optimised(planned, &known, zone, stop).await?
            && let Some(plan) = optimised.bound(values)?
        {
            return Ok(PlanToRun::Optimised(plan));
        }
        Ok(PlanToRun::Planned(match values {
            Some(values) => known.plan.replace_params_with_values(values)?,
            None => known.plan,
        }))
    }

    /// The optimised plan of a statement that has run before; none where each execution has to be planned.
    async fn optimised(
        &self,
        planned: &Mutex<Planned>,
        known: &Planned,
        zone: &str,
        stop: &Stop,
    ) -> Result<Option<Arc<OptimisedPlan>>, QueryError> {
        match &known.optimised {
            Optimised::NotRun => {
                held(planned).optimised = Optimised::Wanted;
                return Ok(None);
            }
            Optimised::Made { zone: made, plan } if made.as_ref() == zone => return Ok(plan.clone()),
            Optimised::Wanted | Optimised::Made { .. } => {}
        }
        let (state, plan) = (state_in(&known.seen.session, zone), known.plan.clone());
        let threads = &self.endpoint.threads;
        let optimised =
            stop.or_stopped(async { Ok(threads.run(async move { OptimisedPlan::of(&state, plan) }).await?) });
        // A statement that cannot be planned without the values may be planned with them; otherwise planning with them
        // says why.
        let plan = optimised.await?.ok().flatten().map(Arc::new);
        held(planned).optimised = Optimised::Made {
            zone: zone.into(),
            plan: plan.clone(),
        };
        Ok(plan)
    }
}
