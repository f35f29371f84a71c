//! The columns of the ratio's rows, of the same types wherever the rows were computed.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{ArrayRef, RecordBatch, new_null_array};
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;

static RATIO: LazyLock<SchemaRef> = LazyLock::new(|| {
    let column = |(name, kind): (&str, DataType)| Field::new(name, kind, true);
    let columns = [
        ("level", DataType::Utf8),
        ("course_id", DataType::Utf8),
        ("tenant_id", DataType::Utf8),
        ("time_window", DataType::Utf8),
        ("downloads", DataType::Int64),
        ("batches", DataType::Int64),
        ("download_ratio", DataType::Float64),
        ("batches_downloaded", DataType::Int64),
        ("coverage", DataType::Float64),
        ("requests", DataType::Int64),
        ("delivered", DataType::Int64),
        ("window_start", DataType::Date32),
        ("window_end", DataType::Date32),
        ("as_of", DataType::Date32),
        ("revision", DataType::Int64),
    ];
    Arc::new(Schema::new(columns.map(column).to_vec()))
});

/// The columns of a row of the ratio. `revision` is NULL where no nightly run keeps count of it.
pub fn ratio_columns() -> SchemaRef {
    Arc::clone(&RATIO)
}

/// All rows in one, with the columns of `schema` in its order and types; a column that the rows lack is NULL.
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
