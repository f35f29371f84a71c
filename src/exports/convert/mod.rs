//! Converts columns of files to the types of the contract. The result does not depend on the physical type that the
//! writer chose.
//!
//! A value whose meaning would have to be guessed is an error. It names the row and the reason, and where possible the SQL
//! expression that would read the column in a mapping. Each kind of column has its own file.

mod date;
mod flag;
mod function;
mod iso;
mod list;
mod number;
mod remedy;
mod text;
mod time;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, new_null_array};
use datafusion::arrow::compute::{cast, max, min, take};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::arrow::error::ArrowError;

use super::contract::{Column, Kind, Table};
use crate::zone::Zone;

pub use function::{canonical, canonical_call};
pub use remedy::{Range, Remedy, remedy_for};

/// A value that cannot be read as its column's kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unconvertible {
    /// The first row that cannot be read, counted from 0 within the array.
    pub row: usize,
    /// The reason. It never contains values of text columns, which may be personal data.
    pub reason: String,
    /// The SQL expression that would read the column, for a mapping.
    pub mapping: Option<String>,
    /// When this expression is right, in words that follow it; empty where it always is.
    pub condition: String,
}

impl Unconvertible {
    fn new(row: usize, reason: impl Into<String>) -> Self {
        Self {
            row,
            reason: reason.into(),
            mapping: None,
            condition: String::new(),
        }
    }

    fn with_mapping(self, mapping: Option<String>) -> Self {
        Self { mapping, ..self }
    }
}

/// Converts `values` to the [`Kind::data_type`] of the column. `field` is the field in the file: its metadata distinguishes
/// UUIDs from other bytes. `zone` is the site's time zone, which decides the date of an instant.
///
/// Blank text becomes NULL; a column of NULLs may have any type. Values that need no conversion are not copied.
///
/// # Errors
/// The first row that cannot be read, and why.
pub fn canonical_array(
    column: &Column,
    field: &Field,
    values: &ArrayRef,
    zone: &Zone,
) -> Result<ArrayRef, Unconvertible> {
    if values.logical_null_count() == values.len() {
        return Ok(new_null_array(&column.kind.data_type(), values.len()));
    }
    if let Some(dictionary) = values.as_any_dictionary_opt() {
        let distinct = canonical_array(column, field, dictionary.values(), zone);
        return match distinct {
            Ok(distinct) => take(&distinct, dictionary.keys(), None).map_err(|error| failed(&error)),
            // The dictionary may hold unreadable values that no row refers to, so the rows are converted instead.
            Err(_) => {
                let rows = take(dictionary.values(), dictionary.keys(), None).map_err(|error| failed(&error))?;
                canonical_array(column, field, &rows, zone)
            }
        };
    }
    match column.kind {
        Kind::Text => text::texts(column, field, values),
        Kind::TextList => list::lists(column, values),
        Kind::Boolean => flag::flags(column, values),
        Kind::Percent => number::numbers(column, values),
        Kind::Timestamp => time::times(column, values, zone),
        Kind::Date => date::dates(column, values, zone),
    }
}

/// Ids as text, of any type that the contract accepts for ids; `None` for other types, and where a value is no id. `field`
/// is the field in the file.
pub fn ids_as_text(field: &Field, values: &ArrayRef) -> Option<ArrayRef> {
    let column = Table::Users.column("user_id")?;
    if !column.kind.accepts(field) {
        return None;
    }
    // Only dates need the zone.
    canonical_array(column, field, values, &Zone::utc()).ok()
}

/// The error for a column of an unsupported type, at the first row that has a value.
fn refused(column: &Column, values: &ArrayRef) -> Unconvertible {
    refused_in(column, values, &Zone::utc())
}

/// The same, for a column whose remedy depends on the site's zone.
fn refused_in(column: &Column, values: &ArrayRef, zone: &Zone) -> Unconvertible {
    let row = (0..values.len()).find(|row| values.is_valid(*row)).unwrap_or_default();
    let (found, expected) = (values.data_type(), column.kind.expectation());
    let refused = Unconvertible::new(row, format!("it is {found}, expected {expected}"));
    match remedy_for(column, found, range_of(values), zone) {
        None => refused,
        Some(Remedy { expression, condition }) => Unconvertible {
            mapping: Some(expression),
            condition,
            ..refused
        },
    }
}

/// The least and the greatest of some numbers.
fn range_of(values: &ArrayRef) -> Option<Range> {
    if !values.data_type().is_numeric() {
        return None;
    }
    let numbers = cast(values, &DataType::Int64).ok()?;
    let numbers = numbers.as_primitive::<Int64Type>();
    Some((min(numbers)?, max(numbers)?))
}

/// The error for a failed cast. The engine's message may contain values, so it is not passed on.
fn failed(error: &ArrowError) -> Unconvertible {
    Unconvertible::new(0, format!("it cannot be converted: {error}"))
}

/// Whether an array of this type is text, or bytes that may be text.
fn is_text(data_type: &DataType) -> bool {
    data_type.is_string()
        || matches!(
            data_type,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView
        )
}

/// The texts of a column that is parsed from text; blank ones are NULL.
fn spelled(column: &Column, values: &ArrayRef) -> Result<StringViewArray, Unconvertible> {
    let texts = text::filled(column, values)?;
    Ok(texts.as_string_view().clone())
}

/// Parses each text without the white space at its ends. An error of `read` is the reason, and the mapping that would read
/// the text.
fn parsed<T>(
    column: &Column,
    values: &ArrayRef,
    mut read: impl FnMut(&str) -> Result<T, (String, Option<String>)>,
) -> Result<Vec<Option<T>>, Unconvertible> {
    let texts = spelled(column, values)?;
    let read_row = |(row, text): (usize, Option<&str>)| {
        let value = text.map(|text| read(text.trim())).transpose();
        value.map_err(|(reason, mapping)| Unconvertible::new(row, reason).with_mapping(mapping))
    };
    texts.iter().enumerate().map(read_row).collect()
}

/// A cast to a wider type, which cannot fail for any value.
fn widened(values: &ArrayRef, target: &DataType) -> Result<ArrayRef, Unconvertible> {
    if values.data_type() == target {
        return Ok(Arc::clone(values));
    }
    cast(values, target).map_err(|error| failed(&error))
}

/// A value for a message, shortened to one line.
fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("'{shown}'")
}
