//! The columns of a chunk of rows that come from enrolments, progress and batches.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, RecordBatchOptions, TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;

use super::batches::RankedBatches;
use super::columns::Column;
use super::rows::{Enrolment, Progress};

/// Rows that are given at a time.
pub const CHUNK_ROWS: usize = 8_192;

/// Some enrolments with their batches and progress: three lists of the same length.
pub struct Chunk<'a, E, P> {
    pub batches: &'a RankedBatches,
    /// The ranks of the enrolments' batches.
    pub ranks: UInt32Array,
    pub enrolments: &'a [Enrolment<E>],
    pub progress: &'a [Option<Progress<P>>],
}

impl<E, P> Chunk<'_, E, P> {
    /// A column of these rows; `None` for one that is about the user. Times are microseconds of UTC.
    ///
    /// # Errors
    /// A rank is none of the listed batches.
    pub fn column(&self, column: Column) -> Result<Option<ArrayRef>> {
        let of_progress = self.progress.iter().map(Option::as_ref);
        Ok(Some(match column {
            Column::BatchId => take(&self.batches.ids, &self.ranks, None)?,
            Column::CourseId => take(&self.batches.course_ids, &self.ranks, None)?,
            Column::TenantId => take(&self.batches.tenant_ids, &self.ranks, None)?,
            Column::EnrolledAt => timestamps(self.enrolments.iter().map(Enrolment::enrolled_at)),
            Column::HasProgress => booleans(of_progress.map(|row| row.is_some())),
            Column::ProgressPercent => {
                let percents = of_progress.map(|row| row.and_then(Progress::percent));
                Arc::new(percents.collect::<Float64Array>())
            }
            Column::CompletedAt => timestamps(of_progress.map(|row| row.and_then(Progress::completed_at))),
            Column::UserId | Column::KnownUser | Column::Text(_) => return Ok(None),
        }))
    }
}

/// Columns as a record batch of `rows` rows, also where there is no column.
///
/// # Errors
/// The columns are not those of `schema`, or have another number of rows.
pub fn record_batch(schema: &SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns,
        &options,
    )?)
}

/// A column of booleans.
pub fn booleans(values: impl Iterator<Item = bool>) -> ArrayRef {
    Arc::new(values.map(Some).collect::<BooleanArray>())
}

fn timestamps(micros: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}
