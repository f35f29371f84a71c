//! The report of one batch or of several, those of a course or a list: its query, and the rows that pass a filter.

use std::collections::BTreeSet;

use datafusion::arrow::array::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{Expr, col, lit};
use futures::StreamExt;

use super::BATCHES_AHEAD;
use super::error::ReportError;
use super::filter::ReportFilter;
use super::parts::{MOST_PARTS, texts};
use crate::catalog::Catalog;
use crate::engine::{EngineError, without_spreading};
use crate::ids::BatchId;
use crate::queries::Parameters;

/// The most batches of one report: each may become a file.
pub const MOST_BATCHES: usize = MOST_PARTS;

/// The queries that say which batches have a report.
const OF_BATCHES: [&str; 3] = ["reports/report_batches", "reports/batch", "reports/named_batches"];
/// The view of the table `batches`.
const LISTED_BATCHES: &str = "distinct_batches";

/// The name of the work in error messages.
const REPORT: &str = "the Course Progress Report";

/// One of several batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectedBatch {
    /// The batch's id.
    pub batch_id: BatchId,
    /// `None` where the snapshot has no name of it.
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
        Some(batch) => Err(unknown(catalog, batch)),
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
/// A batch of the snapshot without enrolments has no rows; an unknown batch is an error. The first rows have been made
/// when this returns.
///
/// # Errors
/// A batch is unknown, the query cannot be planned, or its first rows cannot be made.
pub async fn report_of_batches(
    catalog: &Catalog,
    batches: &[BatchId],
    filter: &ReportFilter,
) -> Result<SendableRecordBatchStream, ReportError> {
    if batches.len() > 1 {
        check_all(catalog, batches).await?;
    }
    let rows = query_of_batches(catalog, batches, filter).await?;
    let rows = rows.execute_stream().await.map_err(EngineError::running(REPORT))?;
    // Rows are made ahead while earlier ones are written.
    let (rows, are_there_rows) = begun(spawn_buffered(rows, BATCHES_AHEAD)).await?;
    if let [batch] = batches {
        check_one(catalog, batch, are_there_rows).await?;
    }
    Ok(rows)
}

/// The query of [`report_of_batches`]: the query of one report, or the query of all reports with a condition on the
/// batch. The table `enrolment_details` decides which rows are assembled, and how.
///
/// # Errors
/// The query cannot be planned.
pub async fn query_of_batches(
    catalog: &Catalog,
    batches: &[BatchId],
    filter: &ReportFilter,
) -> Result<DataFrame, ReportError> {
    let failed = || EngineError::running(REPORT);
    let mut rows = match batches {
        [batch] => {
            let of_batch = |parameters: Parameters| parameters.with("batch_id", batch.as_str());
            catalog.query("reports/report_of_batch", of_batch).await?
        }
        batches => {
            let all = catalog.query("reports/all_reports", |parameters| parameters).await?;
            all.filter(is_one_of(batches)).map_err(failed())?
        }
    };
    if let Some(predicate) = filter.predicate() {
        rows = rows.filter(predicate).map_err(failed())?;
    }
    Ok(match catalog.assembles_details().await {
        true => without_spreading(rows),
        false => rows,
    })
}

/// The same rows, and whether there are any, after waiting for the first ones.
async fn begun(rows: SendableRecordBatchStream) -> Result<(SendableRecordBatchStream, bool), ReportError> {
    let schema = rows.schema();
    let mut rows = rows.fuse();
    let first = loop {
        let next = rows.next().await.transpose();
        match next.map_err(EngineError::running_or_named(REPORT))? {
            Some(rows) if rows.num_rows() == 0 => {}
            first => break first,
        }
    };
    let are_there_rows = first.is_some();
    let rows = futures::stream::iter(first.map(Ok)).chain(rows);
    Ok((Box::pin(RecordBatchStreamAdapter::new(schema, rows)), are_there_rows))
}

fn unknown(catalog: &Catalog, batch: &BatchId) -> ReportError {
    ReportError::UnknownBatch {
        batch: batch.clone(),
        date: catalog.date,
    }
}

/// Whether every batch that `batches` lists or an enrolment names has a report; a site's own query may leave some out.
fn has_every_batch(catalog: &Catalog) -> bool {
    catalog.are_built_in(&OF_BATCHES)
}

/// Refuses a batch that the snapshot does not know. A batch with rows is known, so that its enrolments are not read a
/// second time, and so is a listed one.
async fn check_one(catalog: &Catalog, batch: &BatchId, has_rows: bool) -> Result<(), ReportError> {
    let one = std::slice::from_ref(batch);
    let is_reported = has_every_batch(catalog) && (has_rows || listed_among(catalog, one).await?.contains(batch));
    match is_reported || is_known(catalog, batch).await? {
        true => Ok(()),
        false => Err(unknown(catalog, batch)),
    }
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

/// Refuses batches that the snapshot does not know. Enrolments are read only for those that `batches`, a small table,
/// does not list.
async fn check_all(catalog: &Catalog, batches: &[BatchId]) -> Result<(), ReportError> {
    let listed = match has_every_batch(catalog) {
        true => listed_among(catalog, batches).await?,
        false => BTreeSet::new(),
    };
    let others = batches.iter().filter(|&batch| !listed.contains(batch));
    let others: Vec<BatchId> = others.cloned().collect();
    if !others.is_empty() {
        batches_of_list(catalog, &others).await?;
    }
    Ok(())
}

/// The batches among `batches` that the table of that name lists.
async fn listed_among(catalog: &Catalog, batches: &[BatchId]) -> Result<BTreeSet<BatchId>, ReportError> {
    let failed = || EngineError::running("the list of batches");
    let rows = catalog.session.table(LISTED_BATCHES).await.map_err(failed())?;
    let rows = rows
        .filter(is_one_of(batches))
        .and_then(|rows| rows.select_columns(&["batch_id"]))
        .map_err(failed())?;
    let mut listed = BTreeSet::new();
    for rows in &rows.collect().await.map_err(failed())? {
        let ids = texts(rows, "batch_id")?;
        listed.extend(ids.iter().flatten().filter_map(|id| id.parse::<BatchId>().ok()));
    }
    Ok(listed)
}
