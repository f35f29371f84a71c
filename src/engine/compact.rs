//! Lets go of what few rows hold of the many that they were read among.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::common::Result;

/// The same rows with texts of their own. Texts are views into what was read, or into what was sorted, and whoever asks for
/// the size of the rows is told the size of all that.
pub fn compacted(rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(|column| match column.as_string_view_opt() {
        Some(texts) => Arc::new(texts.gc()) as ArrayRef,
        None => Arc::clone(column),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(
        rows.schema(),
        columns.collect(),
        &options,
    )?)
}
