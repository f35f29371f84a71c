//! Columns of times and records as they are sent: PostgreSQL's texts in the client's zone, and durations as intervals of days and
//! time.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, Schema};
use pgwire::api::results::{FieldFormat, FieldInfo};
use pgwire::types::format::FormatOptions;

use super::error::QueryError;
use crate::engine::dialect::texts::as_records;
use crate::engine::dialect::time::{Zone, as_intervals, as_shown};

/// The style of intervals that the dialect writes; the library writes the others.
const POSTGRES: &str = "postgres";

/// A batch as the client wants its columns.
pub fn as_sent(batch: RecordBatch, columns: &[FieldInfo]) -> Result<RecordBatch, QueryError> {
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(columns.len());
    let mut sent = Vec::with_capacity(columns.len());
    for ((column, field), wanted) in batch.columns().iter().zip(schema.fields()).zip(columns) {
        let column = column_as_sent(column, wanted)?;
        let is_same = column.data_type() == field.data_type();
        fields.push(match is_same {
            true => Arc::clone(field),
            false => {
                let field = Field::new(field.name(), column.data_type().clone(), true);
                Arc::new(field.with_metadata(schema.field(sent.len()).metadata().clone()))
            }
        });
        sent.push(column);
    }
    if fields
        .iter()
        .zip(schema.fields())
        .all(|(ours, theirs)| Arc::ptr_eq(ours, theirs))
    {
        return Ok(batch);
    }
    let schema = Schema::new_with_metadata(fields, schema.metadata().clone());
    RecordBatch::try_new(Arc::new(schema), sent)
        .map_err(|error| QueryError::from(datafusion::error::DataFusionError::from(error)))
}

fn column_as_sent(column: &ArrayRef, wanted: &FieldInfo) -> Result<ArrayRef, QueryError> {
    let look: &FormatOptions = wanted.format_options();
    let is_interval = wanted.datatype().name() == "interval";
    let is_written = wanted.format() == FieldFormat::Text && (!is_interval || look.interval_style == POSTGRES);
    let sent = match is_written {
        true => {
            let zone = Zone::named(&look.time_zone).unwrap_or_else(Zone::utc);
            as_records(column, &zone).and_then(|column| as_shown(&column, &zone))
        }
        false => as_intervals(column),
    };
    Ok(sent?)
}
