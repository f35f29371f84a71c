//! The Course Progress Report (`docs/design.md`, "The Course Progress Report"): its columns, its
//! rows, and the files that they become.
//!
//! `queries/reports/course_progress_report.sql` defines a row; this room selects rows, reads them in the order of the
//! report, and writes them as one file or in parts. It knows nothing of mail, of nightly runs or of who may see a
//! report.

mod all;
mod batches;
mod columns;
mod consent;
mod csv;
mod error;
mod filter;
mod format;
mod memory_groups;
mod parts;
mod rows;
mod selection;
#[cfg(feature = "cluster")]
pub mod shares;
mod spool;
mod write;
mod xlsx;

pub use all::{ALL_REPORTS, AllReports, ReportGroup, count_enrolments, counts_while_reading};
pub use batches::{
    MOST_BATCHES, SelectedBatch, batches_of_course, batches_of_list, query_of_batches, report_of_batches,
};
pub use columns::{COLUMNS, ReportColumn, SplitColumn};
pub use consent::{ConsentCounts, count_consents};
pub use csv::{CsvStyle, CsvWriter, is_formula};
pub use error::ReportError;
pub use filter::{Condition, FilterError, MOST_VALUES, ProgressRange, ReportFilter, Wanted};
pub use format::{Container, ReportFormat};
pub use parts::{MOST_PARTS, MOST_SHEETS, Parts, PartsBy, PartsOptions, PartsWritten, collect_parts};
pub use rows::{Cells, ReportRows, unknown_users};
pub use selection::{Selection, SelectionWritten};
pub use write::write_report;

use datafusion::execution::SendableRecordBatchStream;

use crate::catalog::Catalog;
pub(crate) use crate::details::ReportBatch;
pub use crate::details::{EnrolmentCounts, Fingerprint, FingerprintBuilder, Section};
use crate::ids::BatchId;

/// Record batches that are buffered ahead of the writer.
const BATCHES_AHEAD: usize = 2;

/// The rows of one batch, ordered by User ID.
///
/// A batch of the snapshot without enrolments has no rows; an unknown batch is an error.
///
/// # Errors
/// The batch is unknown, or the query cannot be planned.
pub async fn report_of_batch(catalog: &Catalog, batch: &BatchId) -> Result<SendableRecordBatchStream, ReportError> {
    report_of_batches(catalog, std::slice::from_ref(batch), &ReportFilter::default()).await
}
