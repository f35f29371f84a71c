//! Copies the texts and bytes of rows into buffers of their own, so that the buffers that they were read from can be freed.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::common::Result;

/// Copies the texts and bytes of view columns into buffers of their own. A view refers to the whole buffer that its
/// value was read from, and the reported memory size of a batch is that of all these buffers.
///
/// # Errors
/// None in practice: the columns keep their types and lengths.
pub fn compacted(rows: &RecordBatch) -> Result<RecordBatch> {
    let own = |values: &ArrayRef| -> ArrayRef {
        match (values.as_string_view_opt(), values.as_binary_view_opt()) {
            (Some(texts), _) => Arc::new(texts.gc()),
            (None, Some(bytes)) => Arc::new(bytes.gc()),
            (None, None) => Arc::clone(values),
        }
    };
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    let columns = rows.columns().iter().map(own).collect();
    Ok(RecordBatch::try_new_with_options(rows.schema(), columns, &options)?)
}
