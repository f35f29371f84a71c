//! Converts rows of Parquet files to events, whatever types the producer chose for the fields.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StructArray, make_array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, filter_record_batch};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type, TimeUnit};
use datafusion::arrow::error::ArrowError;

use super::event::Time;
use super::rows::{self, EventColumns};
use crate::exports::ids_as_text;

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

/// Values of a field, with its definition in the file, whose metadata tells UUIDs from other bytes.
type Part = (FieldRef, ArrayRef);

/// The field at a path, NULL where an object above it is NULL; `None` where the file does not have the field.
fn part(object: &StructArray, path: &[&str]) -> Option<Part> {
    let (name, below) = path.split_first()?;
    let (place, field) = object.fields().find(name)?;
    let column = object.column(place);
    let nulls = NullBuffer::union(object.nulls(), column.nulls());
    let column = make_array(column.to_data().into_builder().nulls(nulls).build().ok()?);
    if below.is_empty() {
        return Some((Arc::clone(field), column));
    }
    part(column.as_struct_opt()?, below)
}

fn as_text(part: Option<Part>, rows: usize) -> Result<ArrayRef, ArrowError> {
    let texts = match part {
        // The cast gives NULL for bytes that are not UTF-8.
        Some((_, column)) if is_text(column.data_type()) => Some(cast(&column, &DataType::Utf8View)?),
        Some((field, column)) => ids_as_text(&field, &column),
        None => None,
    };
    Ok(texts.unwrap_or_else(|| new_null_array(&DataType::Utf8View, rows)))
}

/// Whether values are texts, or ids that were written as numbers.
fn is_text(found: &DataType) -> bool {
    match found {
        DataType::Dictionary(_, value) => is_text(value),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => true,
        found => found.is_string() || found.is_integer(),
    }
}

fn as_time(part: Option<Part>, rows: usize) -> Result<ArrayRef, ArrowError> {
    let Some((_, column)) = part else {
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

fn as_cdata(part_of_context: Option<Part>, rows: usize) -> Result<ArrayRef, ArrowError> {
    let lists = part_of_context.and_then(|(_, column)| match column.data_type() {
        DataType::List(_) => Some(column),
        DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => cast(&column, &DataType::List(Arc::clone(item))).ok(),
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

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{
        Decimal128Array, FixedSizeBinaryArray, FixedSizeListArray, ListViewArray, StringArray,
    };
    use datafusion::arrow::buffer::ScalarBuffer;
    use datafusion::arrow::datatypes::Field;

    use super::*;

    fn text(field: Field, values: impl Array + 'static) -> Option<String> {
        let texts = as_text(Some((Arc::new(field), Arc::new(values))), 1).expect("texts");
        let texts = texts.as_string_view();
        texts.is_valid(0).then(|| texts.value(0).to_owned())
    }

    #[test]
    fn ids_may_have_the_types_that_exports_may() {
        let bytes = || FixedSizeBinaryArray::try_from_iter([[7_u8; 16]].into_iter()).expect("bytes");
        let field = || Field::new("mid", DataType::FixedSizeBinary(16), true);
        let name = ("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned());
        let uuid = text(field().with_metadata([name].into()), bytes());
        assert_eq!(uuid.as_deref(), Some("07070707-0707-0707-0707-070707070707"));
        assert_eq!(text(field(), bytes()), None);
        let number = |scale| {
            let number = Decimal128Array::from(vec![77]).with_precision_and_scale(20, scale);
            let number = number.expect("a decimal");
            text(Field::new("mid", number.data_type().clone(), true), number)
        };
        assert_eq!(number(0).as_deref(), Some("77"));
        assert_eq!(number(1), None);
    }

    #[test]
    fn lists_may_have_any_layout() {
        let column = |value: &str| -> ArrayRef { Arc::new(StringArray::from(vec![value])) };
        let field = |name: &str| Arc::new(Field::new(name, DataType::Utf8, true));
        let entries = StructArray::from(vec![(field("type"), column("Batch")), (field("id"), column("b1"))]);
        let item = Arc::new(Field::new("item", entries.data_type().clone(), true));
        let entries: ArrayRef = Arc::new(entries);
        let fixed = FixedSizeListArray::try_new(Arc::clone(&item), 1, Arc::clone(&entries), None);
        let (offsets, sizes) = (ScalarBuffer::from(vec![0_i32]), ScalarBuffer::from(vec![1_i32]));
        let view = ListViewArray::try_new(item, offsets, sizes, entries, None);
        let lists: [ArrayRef; 2] = [Arc::new(fixed.expect("a list")), Arc::new(view.expect("a list"))];
        for list in lists {
            let field = Arc::new(Field::new("cdata", list.data_type().clone(), true));
            let cdata = as_cdata(Some((field, list)), 1).expect("entries");
            let entries = cdata.as_list::<i32>().value(0);
            let id = entries.as_struct().column_by_name("id").expect("ids");
            assert_eq!(id.as_string_view().iter().collect::<Vec<_>>(), [Some("b1")]);
        }
    }
}
