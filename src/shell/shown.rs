//! Prepares the rows of a statement for output: columns get the names of the statement, averages and quotients become
//! floating point numbers, and documents become texts, which all formats and readers support.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::engine::dialect::json;
use crate::engine::dialect::numbers::float;
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
            // Arrow's cast would round twice: the number to a float, and its quotient by a power of ten again.
            false => float(column)?,
        })
    });
    let columns: Vec<ArrayRef> = columns.collect::<Result<_>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Array, AsArray, Decimal128Array};
    use datafusion::arrow::datatypes::Float64Type;

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
    fn quotients_become_the_nearest_floating_point_numbers() {
        for (value, scale, expected) in [
            // 95 / 48, 10 / 3 and 5 / 3, rounded to 20 decimals.
            (197_916_666_666_666_666_667, QUOTIENT, "1.9791666666666667"),
            (333_333_333_333_333_333_333, QUOTIENT, "3.3333333333333335"),
            (-166_666_666_666_666_666_667, QUOTIENT, "-1.6666666666666667"),
            (6_250_000_000_000_000_000_000, QUOTIENT, "62.5"),
            (0, QUOTIENT, "0"),
            (1_005_000_000_000_000_000, FREE, "1.005"),
        ] {
            let numbers = Decimal128Array::from(vec![Some(value), None]);
            let numbers = numbers.with_precision_and_scale(DIGITS, scale).expect("fits");
            let batch = RecordBatch::try_from_iter_with_nullable([("x", Arc::new(numbers) as ArrayRef, true)]);
            let batch = batch.expect("a batch");
            let shown = shown_batch(&batch, &shown_schema(&batch.schema())).expect("shown");
            let floats = shown.column(0).as_primitive::<Float64Type>();
            assert_eq!(floats.value(0).to_string(), expected);
            assert!(floats.is_null(1));
        }
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
