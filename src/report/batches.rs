//! Selects several batches, those of a course or a list, and reads the rows of their reports that pass a filter.

use datafusion::arrow::array::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::prelude::{Expr, col, lit};

use super::error::ReportError;
use super::filter::ReportFilter;
use super::parts::{MOST_PARTS, texts};
use super::{BATCHES_AHEAD, can_assemble};
use crate::catalog::Catalog;
use crate::details::{Scope, Wanted, assemble_some};
use crate::engine::{EngineError, cluster_of};
use crate::ids::BatchId;

/// The most batches of one report: each may become a file.
pub const MOST_BATCHES: usize = MOST_PARTS;

/// One of several batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedBatch {
    /// The batch's id.
    pub batch_id: BatchId,
    /// None where the snapshot does not say it.
    pub batch_name: Option<String>,
}

/// Every batch of a course that has a report, ordered by id.
///
/// # Errors
/// Where the snapshot knows no batch of the course, or more than [`MOST_BATCHES`].
pub async fn batches_of_course(catalog: &Catalog, course: &str) -> Result<Vec<SelectedBatch>, ReportError> {
    let found = named_batches(catalog, col("course_id").eq(lit(course))).await?;
    if found.is_empty() {
        return Err(ReportError::UnknownCourse {
            course: course.to_owned(),
            date: catalog.date,
        });
    }
    checked_count(found)
}

/// These batches, with their names, ordered by id and each once.
///
/// # Errors
/// Where the snapshot does not know one of them, or there are more than [`MOST_BATCHES`].
pub async fn batches_of_list(catalog: &Catalog, ids: &[BatchId]) -> Result<Vec<SelectedBatch>, ReportError> {
    let found = named_batches(catalog, is_one_of(ids)).await?;
    let missing = ids.iter().find(|&id| !found.iter().any(|batch| batch.batch_id == *id));
    match missing {
        Some(batch) => Err(ReportError::UnknownBatch {
            batch: batch.clone(),
            date: catalog.date,
        }),
        None => checked_count(found),
    }
}

fn checked_count(batches: Vec<SelectedBatch>) -> Result<Vec<SelectedBatch>, ReportError> {
    if batches.len() > MOST_BATCHES {
        return Err(ReportError::TooManyParts {
            what: "Batch",
            limit: MOST_BATCHES,
        });
    }
    Ok(batches)
}

async fn named_batches(catalog: &Catalog, wanted: Expr) -> Result<Vec<SelectedBatch>, ReportError> {
    let failed = || EngineError::running("the list of batches");
    let rows = catalog
        .query("reports/named_batches", |parameters| parameters)
        .await?
        .filter(wanted)
        .map_err(failed())?;
    let rows = rows.collect().await.map_err(failed())?;
    let mut batches = Vec::new();
    for rows in &rows {
        let (ids, names) = (texts(rows, "batch_id")?, texts(rows, "batch_name")?);
        for (id, name) in ids.iter().zip(&names) {
            // A blank id was read as NULL, and a batch without an id is in no table.
            let Some(batch_id) = id.and_then(|id| id.parse().ok()) else {
                continue;
            };
            batches.push(SelectedBatch {
                batch_id,
                batch_name: name.map(str::to_owned),
            });
        }
    }
    batches.sort_by(|a, b| a.batch_id.cmp(&b.batch_id));
    Ok(batches)
}

fn is_one_of(ids: &[BatchId]) -> Expr {
    col("batch_id").in_list(ids.iter().map(|id| lit(id.as_str())).collect(), false)
}

/// The rows of the reports of one or several batches that pass `filter`, ordered by batch and User ID, with the column
/// `batch_id` beside the report's. `batches` must be ordered by id.
///
/// A batch of the snapshot without enrolments has no rows; an unknown batch is an error.
///
/// # Errors
/// A batch is unknown, or the query cannot be planned.
pub async fn report_of_batches(
    catalog: &Catalog,
    batches: &[BatchId],
    filter: &ReportFilter,
) -> Result<SendableRecordBatchStream, ReportError> {
    // On a cluster, the executors join the rows.
    let mut rows = if can_assemble(catalog) && cluster_of(&catalog.session).is_none() {
        assembled(catalog, batches).await?
    } else {
        queried(catalog, batches).await?
    };
    let failed = || EngineError::running("the Course Progress Report");
    if let Some(predicate) = filter.predicate() {
        rows = rows.filter(predicate).map_err(failed())?;
    }
    let rows = rows.execute_stream().await.map_err(failed())?;
    // Rows are made ahead while earlier ones are written.
    Ok(spawn_buffered(rows, BATCHES_AHEAD))
}

fn unknown(catalog: &Catalog, batch: &BatchId) -> ReportError {
    ReportError::UnknownBatch {
        batch: batch.clone(),
        date: catalog.date,
    }
}

async fn assembled(catalog: &Catalog, batches: &[BatchId]) -> Result<DataFrame, ReportError> {
    let scope = match batches {
        [batch] => Scope::OneBatch(batch),
        batches => Scope::Batches(batches),
    };
    let assembly = assemble_some(catalog, scope, &Wanted::all()).await?;
    let is_known = |id: &BatchId| {
        let place = assembly
            .batches
            .binary_search_by(|batch| batch.batch_id.as_str().cmp(id.as_str()));
        place.is_ok()
    };
    if let Some(missing) = batches.iter().find(|&id| !is_known(id)) {
        return Err(unknown(catalog, missing));
    }
    let details = assembly.details_table()?;
    Ok(catalog
        .query_over("reports/course_progress_report", "enrolment_details", details)
        .await?)
}

async fn queried(catalog: &Catalog, batches: &[BatchId]) -> Result<DataFrame, ReportError> {
    if let [batch] = batches {
        if !is_known(catalog, batch).await? {
            return Err(unknown(catalog, batch));
        }
        return Ok(catalog
            .query("reports/report_of_batch", |parameters| {
                parameters.with("batch_id", batch.as_str())
            })
            .await?);
    }
    batches_of_list(catalog, batches).await?;
    let all = catalog.query("reports/all_reports", |parameters| parameters).await?;
    Ok(all
        .filter(is_one_of(batches))
        .map_err(EngineError::running("the Course Progress Report"))?)
}

async fn is_known(catalog: &Catalog, batch: &BatchId) -> Result<bool, ReportError> {
    let frame = catalog
        .query("reports/batch", |parameters| {
            parameters.with("batch_id", batch.as_str())
        })
        .await?;
    let found: Vec<RecordBatch> = frame
        .collect()
        .await
        .map_err(EngineError::running("looking for the batch"))?;
    Ok(found.iter().any(|rows| rows.num_rows() > 0))
}
