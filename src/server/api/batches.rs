//! `/api/v1/batches`: the batches whose reports the caller may have, with how far their learners are.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::AppState;
use super::batch_list::{BatchOrder, ListedBatch};
use super::batch_views::BatchPage;
use super::extract::{Caller, Parameters};
use super::openapi::ListProblems;
use super::paging::page_size;
use super::problem::{Problem, ProblemKind};
use crate::delivery::access::BatchFacts;
use crate::delivery::person::Person;

const USUAL_PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;
/// The most batches to skip, as the schema says.
const LARGEST_OFFSET: u32 = 1_000_000;
/// Characters of a text to search for.
const LONGEST_SEARCH: usize = 200;

/// Which batches to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListParameters {
    /// Batches on a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only batches whose ids come after this one: the `next` of the page before. Not together with `sort` or `offset`.
    #[param(example = "0130271096968396800")]
    after: Option<String>,
    /// Only batches with this text in their name or id, or in those of their course, whatever the case.
    #[param(max_length = 200)]
    search: Option<String>,
    /// The column to order by, downwards with `-` before it: `batch_id`, `batch_name`, `course_id`, `course_name`,
    /// `tenant_id`, `learners`, `completed`, `average_progress`, `change` (people added, removed, completed) or
    /// `downloads`. Without it, by id.
    #[param(max_length = 30, pattern = "^-?[a-z_]+$", example = "-learners")]
    sort: Option<String>,
    /// Batches to skip.
    #[param(minimum = 0, maximum = 1000000)]
    offset: Option<u32>,
}

/// List the batches whose reports I may have
///
/// Those of the latest snapshot that you created or mentor, that are your tenant's where you are its admin, or all
/// where you are an admin of the platform. Ordered by id, page by page, or by another column. Learners and their
/// progress are counted once for each snapshot; for a little while after a new one they are not there yet (`counted`).
/// What changed is what the latest nightly run found, where it was of the same day.
#[utoipa::path(
    get,
    path = "/api/v1/batches",
    operation_id = "listBatches",
    tag = "batches",
    params(ListParameters),
    responses((status = 200, description = "A page of batches", body = BatchPage), ListProblems),
    security(("bearer" = [])),
)]
pub async fn list(
    State(state): State<AppState>,
    Caller(person): Caller,
    Parameters(asked): Parameters<ListParameters>,
) -> Result<Json<BatchPage>, Problem> {
    let limit = page_size(asked.limit, USUAL_PAGE, LARGEST_PAGE)? as usize;
    let order = order(&asked)?;
    let current = state.parts.source.current();
    let counted = state.parts.batch_figures.of_snapshot(&current);
    let figures = state.parts.figures.held();
    let names = current.directory.names();
    let open = current.directory.open_to(&person).into_iter();
    let mut batches: Vec<ListedBatch<'_>> = open
        .map(|facts| {
            let downloads = figures.as_ref().filter(|_| is_admin_of(&person, facts));
            ListedBatch {
                facts,
                course_name: facts.course_id.as_deref().and_then(|id| names.of_course(id)),
                tenant_name: facts.tenant_id.as_ref().and_then(|id| names.of_tenant(id.as_str())),
                progress: counted.as_ref().map(|counted| counted.progress_of(&facts.batch_id)),
                change: counted.as_ref().and_then(|counted| counted.change_of(&facts.batch_id)),
                downloads: downloads.and_then(|figures| figures.downloads.get(facts.batch_id.as_str()).copied()),
            }
        })
        .collect();
    if let Some(search) = asked.search.as_deref().filter(|search| !search.is_empty()) {
        let sought = search.to_lowercase();
        batches.retain(|batch| batch.contains(&sought));
    }
    if let Some(order) = order {
        batches = order.sort(batches);
    }
    let start = match (&asked.after, asked.offset) {
        (Some(after), _) => batches.partition_point(|batch| batch.facts.batch_id.as_str() <= after.as_str()),
        (None, Some(offset)) => usize::try_from(offset).unwrap_or(usize::MAX),
        (None, None) => 0,
    };
    let rest = batches.get(start..).unwrap_or_default();
    let page = rest.get(..limit).unwrap_or(rest);
    let is_by_id = order.is_none() && asked.offset.is_none();
    let last = page.last().filter(|_| is_by_id && rest.len() > limit);
    Ok(Json(BatchPage {
        snapshot_date: current.directory.date().day(),
        counted: counted.is_some(),
        changes_since: counted.as_ref().and_then(|counted| counted.changes_since()),
        total: batches.len() as u64,
        next: last.map(|batch| batch.facts.batch_id.to_string()),
        items: page.iter().map(ListedBatch::view).collect(),
    }))
}

/// The order that is asked for; none for that of ids. Rejects parameters that are wrong or exclude each other.
fn order(asked: &ListParameters) -> Result<Option<BatchOrder>, Problem> {
    let bad = |detail: String| Problem::new(ProblemKind::BadRequest, detail);
    if asked.after.is_some() && (asked.sort.is_some() || asked.offset.is_some()) {
        return Err(bad(
            "`after` goes with the order by id alone: with `sort`, turn pages by `offset`.".to_owned(),
        ));
    }
    if asked.offset.is_some_and(|offset| offset > LARGEST_OFFSET) {
        return Err(bad(format!("`offset` must be between 0 and {LARGEST_OFFSET}.")));
    }
    let search = asked.search.as_deref().unwrap_or_default();
    if search.chars().count() > LONGEST_SEARCH {
        return Err(bad(format!("`search` may have {LONGEST_SEARCH} characters at most.")));
    }
    let Some(sort) = &asked.sort else { return Ok(None) };
    let order = BatchOrder::named(sort);
    order.map(Some).ok_or_else(|| {
        let names = BatchOrder::NAMES;
        bad(format!(
            "`sort` must be one of {names}, with a `-` before it for the other direction."
        ))
    })
}

/// Whether somebody may see figures of the batch's use.
fn is_admin_of(person: &Person, batch: &BatchFacts) -> bool {
    let roles = &person.roles;
    let is_tenant_admin = || {
        batch
            .tenant_id
            .as_ref()
            .is_some_and(|tenant| roles.tenant_admin_of.contains(tenant))
    };
    roles.platform_admin || is_tenant_admin()
}
