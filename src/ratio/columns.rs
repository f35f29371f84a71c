//! The columns of the ratio's rows, which are the same in queries, in memory and in published files.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

/// The column that outputs of earlier versions do not have: reports that subscriptions sent.
pub const SENT_BY_SUBSCRIPTION: &str = "sent_by_subscription";

/// The columns of the view `download_ratio`, and `revision`, which is NULL in rows that are not from a nightly output.
/// `text` is the type of texts. What came later is the last, so that who reads a file by places, or copies it into a
/// table, finds the others where they were.
pub fn ratio_columns(text: &DataType) -> SchemaRef {
    let columns = [
        ("level", text),
        ("course_id", text),
        ("tenant_id", text),
        ("time_window", text),
        ("downloads", &DataType::Int64),
        ("batches", &DataType::Int64),
        ("download_ratio", &DataType::Float64),
        ("batches_downloaded", &DataType::Int64),
        ("coverage", &DataType::Float64),
        ("requests", &DataType::Int64),
        ("delivered", &DataType::Int64),
        ("window_start", &DataType::Date32),
        ("window_end", &DataType::Date32),
        ("as_of", &DataType::Date32),
        ("revision", &DataType::Int64),
        (SENT_BY_SUBSCRIPTION, &DataType::Int64),
    ];
    let fields = columns.map(|(name, kind)| Field::new(name, kind.clone(), true));
    Arc::new(Schema::new(fields.to_vec()))
}
