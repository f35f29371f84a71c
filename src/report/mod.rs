//! The Course Progress Report (DESIGN, section 3): its columns, its rows, and the files that they become.
//!
//! What a row means is said in `queries/reports/course_progress_report.sql`; this room asks for rows in their order and
//! writes them. It knows nothing of mail, of nightly runs or of who may see a report.

mod all;
mod assembly;
mod columns;
mod csv;
mod error;
mod rows;
mod write;
mod xlsx;

pub use all::{ALL_REPORTS, AllReports, EnrolmentCounts, ReportBatch};
pub use columns::{COLUMNS, ReportColumn};
pub use csv::{CsvStyle, CsvWriter};
pub use error::ReportError;
pub use rows::ReportRows;
pub use write::{ReportFormat, write_report};

use datafusion::execution::SendableRecordBatchStream;
use datafusion::prelude::DataFrame;

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
