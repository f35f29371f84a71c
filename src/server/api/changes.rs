//! `/api/v1/batches/changed`: the batches whose reports changed with the latest nightly run, among those that the caller
//! may have.

use std::collections::HashSet;

use axum::Json;
use axum::extract::State;
use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::extract::{Caller, Parameters};
use super::openapi::ChangeProblems;
use super::paging::page_size;
use super::problem::{Problem, ProblemKind};
use crate::delivery::person::Person;
use crate::nightly::PublishedError;
use crate::nightly::changes::{ChangedBatch, batches_of};

const USUAL_PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;

/// Which changed batches to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ChangeParameters {
    /// Batches on a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only batches whose ids come after this one: the `next` of the page before.
    #[param(example = "0130271096968396800")]
    after: Option<String>,
}

/// A batch whose report changed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "batch_id": "0130271096968396800",
    "course_id": "do_31309287232935526411138",
    "tenant_id": "t1",
    "rows_before": 310,
    "rows_after": 312,
    "added": 3,
    "removed": 1,
    "completed": 7
}))]
pub struct ChangeView {
    pub batch_id: String,
    pub course_id: Option<String>,
    pub tenant_id: Option<String>,
    /// Rows of the earlier report; none where there was no such batch.
    pub rows_before: Option<u64>,
    /// Rows of the report; none where there is no such batch any more.
    pub rows_after: Option<u64>,
    /// People who are in the report and were not in the earlier one; none where they could not be counted.
    pub added: Option<u64>,
    /// People who were in the earlier report and are not in this one.
    pub removed: Option<u64>,
    /// People who completed the course since.
    pub completed: Option<u64>,
}

/// Some of the changed batches whose reports the caller may have, ordered by id.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChangePage {
    /// The day of the output that was compared; none where there was no earlier one.
    pub since: Option<NaiveDate>,
    /// The day of the output.
    pub as_of: NaiveDate,
    /// How many changed batches there are on all pages.
    pub total: u64,
    pub items: Vec<ChangeView>,
    /// The `after` of the next page; none on the last one.
    pub next: Option<String>,
}

/// List the batches that changed, among those whose reports I may have
///
/// As the latest nightly run found them, compared with the output of the day before. A batch that is gone is shown to
/// admins of its tenant and of the platform. Ordered by id, page by page.
#[utoipa::path(
    get,
    path = "/api/v1/batches/changed",
    operation_id = "listChangedBatches",
    tag = "batches",
    params(ChangeParameters),
    responses((status = 200, description = "A page of changed batches", body = ChangePage), ChangeProblems),
    security(("bearer" = [])),
)]
pub async fn list(
    State(state): State<AppState>,
    Caller(person): Caller,
    Parameters(asked): Parameters<ChangeParameters>,
) -> Result<Json<ChangePage>, Problem> {
    let limit = page_size(asked.limit, USUAL_PAGE, LARGEST_PAGE)? as usize;
    let current = state.parts.source.current();
    let none = || Problem::new(ProblemKind::NotFound, "No nightly run has said which batches changed.");
    let output = current.output().ok_or_else(none)?;
    let rows = match output.changed_batches().await {
        Ok(rows) => rows,
        Err(PublishedError::NoChanges { .. }) => return Err(none()),
        Err(error) => {
            return Err(Problem::unavailable(
                "the table of changed batches cannot be read",
                &error,
            ));
        }
    };
    let unreadable = |error| Problem::unavailable("the table of changed batches cannot be read", &error);
    let mut changed = batches_of(&rows).map_err(unreadable)?;
    let open = current.directory.open_to(&person);
    let open: HashSet<&str> = open.iter().map(|batch| batch.batch_id.as_str()).collect();
    changed.retain(|batch| open.contains(batch.batch_id.as_str()) || is_gone_and_open(batch, &person));
    let start = match &asked.after {
        Some(after) => changed.partition_point(|batch| batch.batch_id.as_str() <= after.as_str()),
        None => 0,
    };
    let total = changed.len() as u64;
    let rest = changed.split_off(start);
    let has_more = rest.len() > limit;
    let items: Vec<ChangeView> = rest.into_iter().take(limit).map(ChangeView::from).collect();
    let next = items.last().filter(|_| has_more).map(|batch| batch.batch_id.clone());
    let manifest = output.manifest();
    Ok(Json(ChangePage {
        since: manifest.changes_since.map(|day| day.day()),
        as_of: manifest.snapshot_date.day(),
        total,
        items,
        next,
    }))
}

/// Whether the batch is gone and the caller is an admin of its tenant. The creator of a batch that is gone is not known
/// any more, so only admins see it.
fn is_gone_and_open(batch: &ChangedBatch, person: &Person) -> bool {
    let roles = &person.roles;
    let is_tenant_admin = || {
        let tenant = batch.tenant_id.as_deref();
        roles.tenant_admin_of.iter().any(|of| Some(of.as_str()) == tenant)
    };
    batch.rows_after.is_none() && (roles.platform_admin || is_tenant_admin())
}

impl From<ChangedBatch> for ChangeView {
    fn from(batch: ChangedBatch) -> Self {
        Self {
            batch_id: batch.batch_id,
            course_id: batch.course_id,
            tenant_id: batch.tenant_id,
            rows_before: batch.rows_before,
            rows_after: batch.rows_after,
            added: batch.people.map(|people| people.added),
            removed: batch.people.map(|people| people.removed),
            completed: batch.people.map(|people| people.completed),
        }
    }
}
