//! Lists of texts: lists of any layout, and JSON text such as `["a", "b"]`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, ListBuilder, StringViewBuilder};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use serde_json::Value;

use super::{Unconvertible, canonical_array, failed, is_text, parsed, refused};
use crate::exports::blank::is_blank;
use crate::exports::contract::{Column, Kind};
use crate::zone::Zone;

/// Converts a column of lists.
pub fn lists(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    match values.data_type() {
        DataType::List(item) => typed(column, values.as_list(), item),
        DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => {
            let lists = cast(values, &DataType::List(Arc::clone(item))).map_err(|error| failed(&error))?;
            typed(column, lists.as_list(), item)
        }
        found if is_text(found) => json(column, values),
        _ => Err(refused(column, values)),
    }
}

/// Converts typed lists; the items may be ids of any type.
fn typed(column: &Column, lists: &ListArray, item: &Field) -> Result<ArrayRef, Unconvertible> {
    let (first, last) = match (lists.offsets().first(), lists.offsets().last()) {
        (Some(first), Some(last)) => (*first, *last),
        _ => (0, 0),
    };
    // Offsets are never negative.
    let used = lists.values().slice(first as usize, (last - first) as usize);
    let text = Column {
        kind: Kind::Text,
        ..*column
    };
    // Only dates need the zone.
    let items = canonical_array(&text, item, &used, &Zone::utc()).map_err(|unread| {
        let is_of = |ends: &[i32]| (ends[0]..ends[1]).contains(&(first + unread.row as i32));
        let row = lists.offsets().windows(2).position(is_of).unwrap_or_default();
        Unconvertible::new(row, format!("an item of the list: {}", unread.reason))
    })?;
    let offsets = OffsetBuffer::new(lists.offsets().iter().map(|offset| offset - first).collect());
    let field = Arc::new(Field::new_list_field(DataType::Utf8View, true));
    let lists = ListArray::try_new(field, offsets, items, lists.nulls().cloned());
    Ok(Arc::new(lists.map_err(|error| failed(&error))?))
}

fn json(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let read = parsed(column, values, |text| {
        items(text).ok_or_else(|| {
            let reason = "it is text, but no JSON list of texts such as [\"a\", \"b\"]".to_owned();
            (reason, Some(format!("string_to_array({}, ',')", column.name)))
        })
    })?;
    let mut lists = ListBuilder::new(StringViewBuilder::new());
    for list in read {
        match list.flatten() {
            None => lists.append(false),
            Some(items) => {
                for item in items {
                    lists.values().append_option(item.filter(|item| !is_blank(item)));
                }
                lists.append(true);
            }
        }
    }
    Ok(Arc::new(lists.finish()))
}

/// The items of a JSON list; an inner `None` is a JSON `null`.
fn items(text: &str) -> Option<Option<Vec<Option<String>>>> {
    let item = |value| match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text)),
        Value::Number(id) if id.is_i64() || id.is_u64() => Some(Some(id.to_string())),
        _ => None,
    };
    match serde_json::from_str(text).ok()? {
        Value::Null => Some(None),
        Value::Array(values) => values.into_iter().map(item).collect::<Option<_>>().map(Some),
        _ => None,
    }
}
