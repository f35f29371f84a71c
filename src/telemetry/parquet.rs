//! Converts rows of Parquet files to events, whatever types the producer chose for the fields.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StructArray, make_array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, Int64Type, TimeUnit};
use datafusion::arrow::error::ArrowError;

use super::event::Time;
use super::rows::{self, EventColumns};

/// The columns that are read.
pub const COLUMNS: [&str; 7] = ["eid", "ets", "mid", "actor", "context", "object", "edata"];

/// The events of a batch, and the positions of malformed rows, which have no `eid`.
pub fn events(read: &RecordBatch, arrived_on: i32) -> Result<(RecordBatch, Vec<usize>), ArrowError> {
    let root = StructArray::from(read.clone());
    let text = |path: &[&str]| as_text(part(&root, path), read.num_rows());
    let columns = EventColumns {
        arrived_on,
        eid: text(&["eid"])?,
        ets: as_time(part(&root, &["ets"]), read.num_rows())?,
        mid: text(&["mid"])?,
        actor_id: text(&["actor", "id"])?,
        channel: text(&["context", "channel"])?,
        producer_id: text(&["context", "pdata", "id"])?,
        cdata: as_cdata(part(&root, &["context", "cdata"]), read.num_rows())?,
        object_id: text(&["object", "id"])?,
        edata_id: text(&["edata", "id"])?,
        edata_type: text(&["edata", "type"])?,
        page_id: text(&["edata", "pageid"])?,
    };
    let eids = Arc::clone(&columns.eid);
    let all = columns.batch()?;
    let without: Vec<usize> = (0..eids.len()).filter(|&row| eids.is_null(row)).collect();
    if without.is_empty() {
        return Ok((all, without));
    }
    let are_events = BooleanArray::from_iter((0..eids.len()).map(|row| Some(eids.is_valid(row))));
    Ok((filter_record_batch(&all, &are_events)?, without))
}

/// The field at a path, NULL where an object above it is NULL; `None` where the file does not have the field.
fn part(object: &StructArray, path: &[&str]) -> Option<ArrayRef> {
    let (name, below) = path.split_first()?;
    let column = object.column_by_name(name)?;
    let nulls = NullBuffer::union(object.nulls(), column.nulls());
    let column = make_array(column.to_data().into_builder().nulls(nulls).build().ok()?);
    if below.is_empty() {
        return Some(column);
    }
    part(column.as_struct_opt()?, below)
}

fn as_text(column: Option<ArrayRef>, rows: usize) -> Result<ArrayRef, ArrowError> {
    let column = column.filter(|column| is_text(column.data_type()));
    match column {
        // The cast gives NULL for bytes that are not UTF-8.
        Some(column) => cast(&column, &DataType::Utf8View),
        None => Ok(new_null_array(&DataType::Utf8View, rows)),
    }
}

/// Whether values are texts, or ids that were written as numbers.
fn is_text(found: &DataType) -> bool {
    match found {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        found => found.is_string() || found.is_integer(),
    }
}

fn as_time(column: Option<ArrayRef>, rows: usize) -> Result<ArrayRef, ArrowError> {
    let Some(column) = column else {
        return Ok(new_null_array(&DataType::Int64, rows));
    };
    let times: Int64Array = match column.data_type() {
        DataType::Timestamp(_, zone) => {
            let milliseconds = cast(&column, &DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))?;
            kept_times(&cast(&milliseconds, &DataType::Int64)?)
        }
        found if found.is_integer() => kept_times(&cast(&column, &DataType::Int64)?),
        found if found.is_numeric() => {
            let floats = cast(&column, &DataType::Float64)?;
            let floats = floats.as_primitive::<datafusion::arrow::datatypes::Float64Type>();
            floats.iter().map(|time| Time::of_float(time?).0).collect()
        }
        found if is_text(found) => {
            let texts = cast(&column, &DataType::Utf8View)?;
            texts
                .as_string_view()
                .iter()
                .map(|text| Time::of_text(text?).0)
                .collect()
        }
        _ => Int64Array::new_null(rows),
    };
    Ok(Arc::new(times))
}

fn kept_times(times: &ArrayRef) -> Int64Array {
    times
        .as_primitive::<Int64Type>()
        .iter()
        .map(|time| Time::of(time?).0)
        .collect()
}

fn as_cdata(column: Option<ArrayRef>, rows: usize) -> Result<ArrayRef, ArrowError> {
    let lists = column.and_then(|column| match column.data_type() {
        DataType::List(_) => Some(column),
        DataType::LargeList(item) => cast(&column, &DataType::List(Arc::clone(item))).ok(),
        _ => None,
    });
    let none = || rows::cdata(OffsetBuffer::new_zeroed(rows), as_text(None, 0)?, as_text(None, 0)?);
    let Some(lists) = lists else { return none() };
    let lists = lists.as_list::<i32>();
    let Some(entries) = lists.values().as_struct_opt() else {
        return none();
    };
    let text = |name| as_text(part(entries, &[name]), entries.len());
    // A NULL list may have entries in memory, which must not appear.
    let lengths = (0..rows).map(|row| {
        if lists.is_valid(row) {
            lists.value_length(row) as usize
        } else {
            0
        }
    });
    let has_hidden = (0..rows).any(|row| lists.is_null(row) && lists.value_length(row) > 0);
    let is_whole = lists.value_offsets().first() == Some(&0) && !has_hidden;
    if is_whole {
        return rows::cdata(OffsetBuffer::from_lengths(lengths), text("type")?, text("id")?);
    }
    let places = (0..rows).filter(|&row| lists.is_valid(row)).flat_map(|row| {
        let ends = &lists.value_offsets()[row..=row + 1];
        ends[0] as u32..ends[1] as u32
    });
    let places = datafusion::arrow::array::UInt32Array::from_iter_values(places);
    let kept = |name| datafusion::arrow::compute::take(&text(name)?, &places, None);
    rows::cdata(OffsetBuffer::from_lengths(lengths), kept("type")?, kept("id")?)
}
