//! The Course Progress Report (`docs/design.md`, "The Course Progress Report"): its columns, its
//! rows, and the files that they become.
//!
//! `queries/reports/course_progress_report.sql` defines a row; this room reads rows in their order and writes them. It
//! knows nothing of mail, of nightly runs or of who may see a report.

mod all;
mod assembly;
mod columns;
mod consent;
mod csv;
mod error;
mod fingerprint;
mod groups;
mod rows;
#[cfg(feature = "cluster")]
pub mod shares;
mod write;
mod xlsx;

pub use all::{ALL_REPORTS, AllReports, EnrolmentCounts, ReportBatch, ReportGroup, count_enrolments};
pub use assembly::Section;
pub use columns::{COLUMNS, ReportColumn};
pub use consent::{ConsentCounts, count_consents};
pub use csv::{CsvStyle, CsvWriter, is_formula};
pub use error::ReportError;
pub use fingerprint::{Fingerprint, FingerprintBuilder};
pub use rows::{ReportRows, unknown_users};
pub use write::{ReportFormat, write_report};

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::prelude::DataFrame;

use assembly::assemble_one;

use crate::catalog::Catalog;
use crate::engine::{EngineError, cluster_of};
use crate::ids::BatchId;

/// The queries whose rows [`assembly`] makes without running them. Where a site replaces one of them, or consent is
/// required, the queries run.
const ASSEMBLED: [&str; 10] = [
    "staging/distinct_users",
    "staging/distinct_enrolments",
    "staging/numeric_course_progress",
    "staging/distinct_course_progress",
    "reports/report_batches",
    "reports/batch",
    "reports/enrolment_details",
    "reports/course_progress_report",
    "reports/report_of_batch",
    "reports/all_reports",
];

/// Record batches that are buffered ahead of the writer.
const BATCHES_AHEAD: usize = 2;

/// Whether the reports of a catalog can be assembled: it must use the built-in queries. What consent lets reports show
/// depends on user and batch together, so the queries decide it.
pub fn can_assemble(catalog: &Catalog) -> bool {
    !catalog.requires_consent() && catalog.are_built_in(&ASSEMBLED)
}

/// The rows of one batch, ordered by User ID.
///
/// A batch that the snapshot knows and nobody is enrolled in has no rows; an unknown batch is an error.
pub async fn report_of_batch(catalog: &Catalog, batch: &BatchId) -> Result<SendableRecordBatchStream, ReportError> {
    // On a cluster, the executors join the rows.
    let rows = if can_assemble(catalog) && cluster_of(&catalog.session).is_none() {
        assembled_report(catalog, batch).await?
    } else {
        queried_report(catalog, batch).await?
    };
    let rows = rows.ok_or_else(|| ReportError::UnknownBatch {
        batch: batch.clone(),
        date: catalog.date,
    })?;
    let rows = rows.execute_stream().await;
    let rows = rows.map_err(EngineError::running("the Course Progress Report"))?;
    // Rows are made ahead while earlier ones are written.
    Ok(spawn_buffered(rows, BATCHES_AHEAD))
}

/// The rows of a batch, or `None` where it is not known.
async fn assembled_report(catalog: &Catalog, batch: &BatchId) -> Result<Option<DataFrame>, ReportError> {
    let assembly = assemble_one(catalog, batch).await?;
    if assembly.batches.is_empty() {
        return Ok(None);
    }
    let details = assembly.details_table()?;
    let rows = catalog
        .query_over("reports/course_progress_report", "enrolment_details", details)
        .await?;
    Ok(Some(rows))
}

/// The rows of a batch, or `None` where it is not known.
async fn queried_report(catalog: &Catalog, batch: &BatchId) -> Result<Option<DataFrame>, ReportError> {
    if !is_known(catalog, batch).await? {
        return Ok(None);
    }
    let rows = catalog
        .query("reports/report_of_batch", |parameters| {
            parameters.with("batch_id", batch.as_str())
        })
        .await?;
    Ok(Some(rows))
}

async fn is_known(catalog: &Catalog, batch: &BatchId) -> Result<bool, ReportError> {
    let frame = catalog
        .query("reports/batch", |parameters| {
            parameters.with("batch_id", batch.as_str())
        })
        .await?;
    let found = frame
        .collect()
        .await
        .map_err(EngineError::running("looking for the batch"))?;
    Ok(found.iter().any(|rows| rows.num_rows() > 0))
}
