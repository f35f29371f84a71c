//! `/api/v1/batches`: the batches whose reports the caller may have.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::AppState;
use super::extract::{Caller, Parameters};
use super::openapi::ListProblems;
use super::problem::Problem;
use super::reports::page_size;
use super::views::{BatchPage, BatchView};

const USUAL_PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 1000;

/// Which batches to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListParameters {
    /// Batches on a page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// Only batches whose ids come after this one: the `next` of the page before.
    #[param(example = "0130271096968396800")]
    after: Option<String>,
}

/// List the batches whose reports I may have
///
/// Those of the latest snapshot that you created or mentor, that are your tenant's where you are its admin, or all where you
/// are an admin of the platform. Ordered by id, page by page.
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
    let current = state.parts.source.current();
    let batches = current.directory.open_to(&person);
    let start = match &asked.after {
        Some(after) => batches.partition_point(|batch| batch.batch_id.as_str() <= after.as_str()),
        None => 0,
    };
    let rest = batches.get(start..).unwrap_or_default();
    let names = current.directory.names();
    let views = rest.iter().take(limit).map(|batch| BatchView::of(batch).named(names));
    let items: Vec<BatchView> = views.collect();
    let next = items.last().filter(|_| rest.len() > limit);
    Ok(Json(BatchPage {
        snapshot_date: current.directory.date().day(),
        total: batches.len() as u64,
        next: next.map(|batch| batch.batch_id.clone()),
        items,
    }))
}
