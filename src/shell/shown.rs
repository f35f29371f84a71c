//! Prepares the rows of a statement for output: columns get the names of the statement, averages and quotients become
//! floating point numbers, and documents become texts, which all formats and readers support.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::engine::dialect::json;
use crate::engine::dialect::numbers::numeric::{DIGITS, FREE, QUOTIENT};
use crate::engine::dialect::time::{TimeError, has_endless};
use crate::engine::dialect::{shown_name, times_repeated};

/// The same rows with these names and types.
pub fn shown(rows: SendableRecordBatchStream) -> SendableRecordBatchStream {
    let schema = shown_schema(&rows.schema());
    let told = Arc::clone(&schema);
    let batches = rows.map(move |batch| {
        let batch = batch?;
        check_times(&batch)?;
        match schema == batch.schema() {
            true => Ok(batch),
            false => shown_batch(&batch, &schema),
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(told, batches))
}

fn shown_schema(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let kind = match field.data_type() {
            DataType::Decimal128(DIGITS, QUOTIENT | FREE) => DataType::Float64,
            kind if json::Kind::of(kind).is_some() => DataType::Utf8,
            kind => kind.clone(),
        };
        let name = match times_repeated(field.name()) {
            Some(number) => format!("{}_{number}", shown_name(field.name())),
            None => field.name().clone(),
        };
        Field::new(name, kind, field.is_nullable()).with_metadata(field.metadata().clone())
    });
    let fields: Vec<Field> = fields.collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// Refuses endless times: in a file they would be days of a calendar to others.
fn check_times(batch: &RecordBatch) -> Result<()> {
    let columns = batch.schema_ref().fields().iter().zip(batch.columns());
    for (field, column) in columns {
        if has_endless(column) {
            let name = shown_name(field.name());
            let reason = format!(
                "column {name} holds infinity, which has no day to show or to write; cast its values to text, as value::text"
            );
            return Err(TimeError::NotSupported(reason).into());
        }
    }
    Ok(())
}

fn shown_batch(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| {
        Ok(match column.data_type() == field.data_type() {
            true => Arc::clone(column),
            false if json::Kind::of(column.data_type()).is_some() => Arc::new(json::texts(column)?),
            false => cast(column, field.data_type())?,
        })
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endless_times_are_refused() {
        let of = |days: i32| {
            let dates: ArrayRef = Arc::new(datafusion::arrow::array::Date32Array::from(vec![days]));
            RecordBatch::try_from_iter([("d", dates)]).expect("a batch")
        };
        assert!(check_times(&of(0)).is_ok());
        let error = check_times(&of(i32::MAX)).expect_err("refused").to_string();
        assert!(error.contains("column d holds infinity"), "{error}");
    }

    #[test]
    fn names_and_types_are_supported_by_all_formats() {
        let schema = Arc::new(Schema::new(vec![
            Field::new("count", DataType::Int64, false),
            Field::new("count\u{F8FF}2", DataType::Int64, false),
            Field::new("avg", DataType::Decimal128(DIGITS, QUOTIENT), true),
            Field::new("price", DataType::Decimal128(10, 2), true),
        ]));
        let shown = shown_schema(&schema);
        let columns: Vec<String> = shown
            .fields()
            .iter()
            .map(|field| format!("{}: {}", field.name(), field.data_type()))
            .collect();
        assert_eq!(
            columns,
            [
                "count: Int64",
                "count_2: Int64",
                "avg: Float64",
                "price: Decimal128(10, 2)"
            ]
        );
    }
}
