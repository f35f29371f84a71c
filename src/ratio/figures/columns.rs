//! The columns of rows in memory, to which rows from queries and files are converted.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;

use crate::ratio::columns;

static RATIO: LazyLock<SchemaRef> = LazyLock::new(|| columns::ratio_columns(&DataType::Utf8));

/// The columns of rows in memory.
pub fn ratio_columns() -> SchemaRef {
    Arc::clone(&RATIO)
}

/// Concatenates rows and converts them to `schema`; a missing column becomes NULL.
///
/// # Errors
/// A column cannot be added to the rows.
pub fn with_columns(schema: &SchemaRef, rows: &[RecordBatch]) -> Result<RecordBatch, ArrowError> {
    let cast_all = |rows: &RecordBatch| {
        let columns: Result<Vec<ArrayRef>, ArrowError> = schema
            .fields()
            .iter()
            .map(|field| match rows.column_by_name(field.name()) {
                Some(column) => cast(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), rows.num_rows())),
            })
            .collect();
        RecordBatch::try_new(Arc::clone(schema), columns?)
    };
    let rows: Result<Vec<RecordBatch>, ArrowError> = rows.iter().map(cast_all).collect();
    concat_batches(schema, &rows?)
}
