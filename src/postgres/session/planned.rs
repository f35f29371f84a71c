//! The plan of a prepared statement, and what is kept of it from one execution to the next: from the second one on, the
//! plan is optimised already, for one snapshot as its user sees it and one time zone.

use std::sync::{Arc, Mutex};

use datafusion::common::ParamValues;
use datafusion::logical_expr::LogicalPlan;

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
    pub fn new(plan: LogicalPlan, seen: Arc<VisibleSnapshot>) -> Self {
        let optimised = Optimised::NotRun;
        Self { plan, seen, optimised }
    }

    /// The plan of a statement that ran over another snapshot.
    pub fn again(plan: LogicalPlan, seen: Arc<VisibleSnapshot>) -> Self {
        let optimised = Optimised::Wanted;
        Self { plan, seen, optimised }
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
