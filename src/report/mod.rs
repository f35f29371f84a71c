//! The Course Progress Report (DESIGN, section 3): its columns, its rows, and the files that they become.
//!
//! What a row means is said in `queries/reports/course_progress_report.sql`; this room asks for rows in their order and
//! writes them. It knows nothing of mail, of nightly runs or of who may see a report.

mod columns;
mod csv;
mod error;
mod rows;
mod write;
mod xlsx;

pub use columns::{COLUMNS, ReportColumn};
pub use csv::{CsvStyle, CsvWriter};
pub use error::ReportError;
pub use rows::ReportRows;
pub use write::{ReportFormat, write_report};

use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::DataFrame;
use datafusion::arrow::array::AsArray;

use crate::catalog::Catalog;
use crate::engine::EngineError;
use crate::ids::BatchId;

/// The rows of one batch, ordered by User ID.
///
/// A batch that the snapshot knows and nobody is enrolled in has no rows; an unknown batch is an error.
pub async fn report_of_batch(catalog: &Catalog, batch: &BatchId) -> Result<SendableRecordBatchStream, ReportError> {
    if !is_known(catalog, batch).await? {
        return Err(ReportError::UnknownBatch {
            batch: batch.clone(),
            date: catalog.date,
        });
    }
    let rows = catalog
        .query("reports/report_of_batch", |parameters| parameters.with("batch_id", batch.as_str()))
        .await?;
    stream(rows, "the Course Progress Report").await
}

/// The rows of all batches, ordered by batch and User ID.
pub async fn all_reports(catalog: &Catalog) -> Result<SendableRecordBatchStream, ReportError> {
    let rows = catalog.query("reports/all_reports", |parameters| parameters).await?;
    stream(rows, "the Course Progress Reports of all batches").await
}

/// One batch that has a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportBatch {
    pub batch_id: String,
    /// None where the snapshot does not know it.
    pub course_id: Option<String>,
    /// None where the snapshot does not know it.
    pub tenant_id: Option<String>,
}

/// Every batch that has a report, also those without enrolments, ordered by id.
pub async fn report_batches(catalog: &Catalog) -> Result<Vec<ReportBatch>, ReportError> {
    let frame = catalog
        .query("reports/batches_in_order", |parameters| parameters)
        .await?;
    let batches = frame
        .collect()
        .await
        .map_err(EngineError::running("the list of batches"))?;
    let mut all = Vec::new();
    for batch in &batches {
        let texts = |name: &'static str| {
            batch
                .column_by_name(name)
                .and_then(|column| column.as_string_view_opt())
                .ok_or(ReportError::MissingColumn(name))
        };
        let (ids, courses, tenants) = (texts("batch_id")?, texts("course_id")?, texts("tenant_id")?);
        for ((id, course), tenant) in ids.iter().zip(courses).zip(tenants) {
            all.push(ReportBatch {
                batch_id: id.unwrap_or_default().to_owned(),
                course_id: course.map(str::to_owned),
                tenant_id: tenant.map(str::to_owned),
            });
        }
    }
    Ok(all)
}

async fn is_known(catalog: &Catalog, batch: &BatchId) -> Result<bool, ReportError> {
    let frame = catalog
        .query("reports/batch", |parameters| parameters.with("batch_id", batch.as_str()))
        .await?;
    let found = frame
        .collect()
        .await
        .map_err(EngineError::running("looking for the batch"))?;
    Ok(found.iter().any(|rows| rows.num_rows() > 0))
}

async fn stream(rows: DataFrame, what: &str) -> Result<SendableRecordBatchStream, ReportError> {
    Ok(rows.execute_stream().await.map_err(EngineError::running(what))?)
}
