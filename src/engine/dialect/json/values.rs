//! Values of all types as JSON, as `to_json` writes them: numbers and booleans as they are, documents as part of the whole,
//! arrays, rows and maps with all that is in them, and everything else as a text in quotes.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{ArrowNativeType, DataType};
use datafusion::common::{Result, exec_err, not_impl_err};

use super::document::write_text;
use super::types::{Kind, texts};
use crate::engine::dialect::arrays::{element_of, list_of};
use crate::engine::dialect::numbers::is_number;
use crate::engine::dialect::shown_name;
use crate::engine::dialect::texts::{as_text, is_text};
use crate::engine::dialect::time::{Zone, as_shown};
use crate::engine::dialect::type_names::of_arrow;

/// The values of a column; NULL is none.
///
/// # Errors
/// Where values of the type have no JSON here.
pub fn written(column: &ArrayRef, zone: &Arc<Zone>) -> Result<Vec<Option<String>>> {
    match column.data_type() {
        DataType::Null => Ok(vec![None; column.len()]),
        DataType::Boolean => Ok(owned(&as_text(column)?)),
        kind if kind.is_floating() => {
            let numbers = as_text(column)?;
            let quoted = |text: &str| match text.contains(['N', 'I']) {
                // NaN and Infinity are no numbers of JSON.
                true => format!("\"{text}\""),
                false => text.to_owned(),
            };
            Ok(numbers.iter().map(|text| text.map(quoted)).collect())
        }
        kind if is_number(kind) => Ok(owned(&as_text(column)?)),
        kind if Kind::of(kind).is_some() => Ok(owned(&texts(column)?)),
        kind if is_text(kind) => quoted(texts(column)?.iter(), str::to_owned),
        DataType::Timestamp(..) => {
            let shown = as_shown(column, zone)?;
            quoted(texts(&shown)?.iter(), moment)
        }
        kind if kind.is_temporal() => {
            let shown = as_shown(column, zone)?;
            quoted(texts(&shown)?.iter(), str::to_owned)
        }
        kind if element_of(kind).is_some() => lists(column, zone),
        DataType::Struct(_) => rows(column, zone),
        DataType::Map(..) => maps(column, zone),
        other => not_impl_err!(
            "values of type {} cannot become JSON; cast them to text",
            of_arrow(other)
        ),
    }
}

fn owned(texts: &datafusion::arrow::array::StringArray) -> Vec<Option<String>> {
    texts.iter().map(|text| text.map(str::to_owned)).collect()
}

fn quoted<'a>(texts: impl Iterator<Item = Option<&'a str>>, put: fn(&str) -> String) -> Result<Vec<Option<String>>> {
    let quoted = texts.map(|text| match text {
        None => Ok(None),
        Some(text) => {
            let mut out = String::with_capacity(text.len() + 2);
            write_text(&put(text), &mut out)?;
            Ok(Some(out))
        }
    });
    quoted.collect()
}

/// `2026-01-01 10:00:00+05` as `2026-01-01T10:00:00+05:00`.
fn moment(text: &str) -> String {
    let (text, era) = match text.strip_suffix(" BC") {
        Some(text) => (text, " BC"),
        None => (text, ""),
    };
    let Some((day, time)) = text.split_once(' ') else {
        return format!("{text}{era}");
    };
    let is_short = time.rfind(['+', '-']).is_some_and(|sign| !time[sign..].contains(':'));
    let minutes = if is_short { ":00" } else { "" };
    format!("{day}T{time}{minutes}{era}")
}

fn lists(column: &ArrayRef, zone: &Arc<Zone>) -> Result<Vec<Option<String>>> {
    Ok(elements(column, zone)?
        .into_iter()
        .map(|elements| elements.map(|elements| format!("[{}]", elements.join(","))))
        .collect())
}

/// The elements of each array as JSON, where NULL is `null`.
///
/// # Errors
/// The same errors as [`written`].
pub fn elements(column: &ArrayRef, zone: &Arc<Zone>) -> Result<Vec<Option<Vec<String>>>> {
    let Some(element) = element_of(column.data_type()) else {
        return exec_err!("{} is no array", of_arrow(column.data_type()));
    };
    let column = match column.data_type() {
        DataType::List(_) => Arc::clone(column),
        _ => cast(column, &list_of(element.clone()))?,
    };
    let lists = column.as_list::<i32>();
    let rows = lists.iter().map(|elements| match elements {
        None => Ok(None),
        Some(elements) => {
            let elements = written(&elements, zone)?.into_iter();
            Ok(Some(elements.map(|text| text.unwrap_or_else(null)).collect()))
        }
    });
    rows.collect()
}

/// NULL within a document.
pub fn null() -> String {
    "null".to_owned()
}

fn rows(column: &ArrayRef, zone: &Arc<Zone>) -> Result<Vec<Option<String>>> {
    let rows = column.as_struct();
    let mut named = Vec::new();
    for (field, column) in rows.fields().iter().zip(rows.columns()) {
        let mut key = String::new();
        write_text(shown_name(field.name()), &mut key)?;
        named.push((key, written(column, zone)?));
    }
    let row = |place: usize| {
        let fields = named.iter().map(|(key, values)| {
            let value = values[place].as_deref().unwrap_or("null");
            format!("{key}:{value}")
        });
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    };
    Ok((0..rows.len())
        .map(|place| rows.is_valid(place).then(|| row(place)))
        .collect())
}

/// Maps as objects, in the order of their entries.
fn maps(column: &ArrayRef, zone: &Arc<Zone>) -> Result<Vec<Option<String>>> {
    let maps = column.as_map();
    let keys = quoted(texts(maps.keys())?.iter(), str::to_owned)?;
    let values = written(maps.values(), zone)?;
    let offsets = maps.value_offsets();
    let map = |place: usize| {
        let entries = (offsets[place].as_usize()..offsets[place + 1].as_usize()).map(|entry| {
            let key = keys[entry].as_deref().unwrap_or("\"\"");
            let value = values[entry].as_deref().unwrap_or("null");
            format!("{key}:{value}")
        });
        format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
    };
    Ok((0..maps.len())
        .map(|place| maps.is_valid(place).then(|| map(place)))
        .collect())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{
        Date32Array, Float64Array, Int32Builder, MapBuilder, StringArray, StringBuilder, TimestampMicrosecondArray,
    };

    use super::*;

    fn one(column: impl Array + 'static) -> String {
        let column: ArrayRef = Arc::new(column);
        let values = written(&column, &Zone::utc()).expect("JSON");
        values[0].clone().unwrap_or_else(null)
    }

    #[test]
    fn values_are_written_as_postgresql_writes_them() {
        assert_eq!(one(StringArray::from(vec!["a\"b"])), r#""a\"b""#);
        assert_eq!(one(StringArray::from(vec![None::<&str>])), "null");
        assert_eq!(one(Float64Array::from(vec![f64::NAN])), "\"NaN\"");
        assert_eq!(one(Float64Array::from(vec![1e20])), "1e+20");
        assert_eq!(one(Date32Array::from(vec![0])), "\"1970-01-01\"");
        let utc = TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC");
        assert_eq!(one(utc), "\"1970-01-01T00:00:00+00:00\"");
        assert_eq!(
            one(TimestampMicrosecondArray::from(vec![1_500_000])),
            "\"1970-01-01T00:00:01.5\""
        );
    }

    #[test]
    fn maps_are_objects() {
        let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        maps.append(true).expect("an empty map");
        for (key, value) in [("c\"1", Some(2)), ("c2", None)] {
            maps.keys().append_value(key);
            maps.values().append_option(value);
        }
        maps.append(true).expect("a map");
        maps.append(false).expect("no map");
        let maps = maps.finish();
        let column: ArrayRef = Arc::new(maps.slice(1, 2));
        let values = written(&column, &Zone::utc()).expect("JSON");
        assert_eq!(values, [Some(r#"{"c\"1":2,"c2":null}"#.to_owned()), None]);
        assert_eq!(one(maps), "{}");
    }

    #[test]
    fn moments_have_minutes_in_their_offset() {
        assert_eq!(moment("2026-01-01 10:00:00+05:30"), "2026-01-01T10:00:00+05:30");
        assert_eq!(moment("2026-01-01 10:00:00-03"), "2026-01-01T10:00:00-03:00");
        assert_eq!(moment("2026-01-01 10:00:00"), "2026-01-01T10:00:00");
    }
}
