//! Converts a column as a file has it into the type of the contract, value by value the same whatever the writer chose.
//!
//! What cannot be read without guessing is refused: the error says which row and why, and gives the SQL expression that
//! would read the column where there is one. One file a kind of column.

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
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;

use super::contract::{Column, Kind};
use crate::zone::Zone;

pub use function::{canonical, canonical_call};
pub use remedy::expression_for;

/// A value that cannot be read as its column's kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unconvertible {
    /// The first such row, counted from 0 within the array.
    pub row: usize,
    /// What is wrong. Values of text columns, which may be personal, are never part of it.
    pub reason: String,
    /// The SQL expression that would read the column, for a mapping.
    pub mapping: Option<String>,
}

impl Unconvertible {
    fn new(row: usize, reason: impl Into<String>) -> Self {
        Self {
            row,
            reason: reason.into(),
            mapping: None,
        }
    }

    fn with_mapping(self, mapping: Option<String>) -> Self {
        Self { mapping, ..self }
    }
}

/// `values` as [`Kind::data_type`] of the column. `field` is the field that the file gives the column: its metadata tells
/// UUIDs from other bytes. `zone` is the site's, for columns of dates that hold instants.
///
/// Blank text is NULL, and so is a column of NULLs of any type. Where nothing has to be converted, nothing is copied.
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
            // A value that no row has is none of the column's, so the rows decide.
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
        Kind::Timestamp => time::times(column, values),
        Kind::Date => date::dates(column, values, zone),
    }
}

/// Refuses a column for its type, at the first row that has a value.
fn refused(column: &Column, values: &ArrayRef) -> Unconvertible {
    let row = (0..values.len()).find(|row| values.is_valid(*row)).unwrap_or_default();
    let (found, expected) = (values.data_type(), column.kind.expectation());
    Unconvertible::new(row, format!("it is {found}, expected {expected}")).with_mapping(expression_for(column, found))
}

/// The engine could not convert an array; it says so without values.
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

/// The texts of a column that is read out of text: blank ones are NULL.
fn spelled(column: &Column, values: &ArrayRef) -> Result<StringViewArray, Unconvertible> {
    let texts = text::filled(column, values)?;
    Ok(texts.as_string_view().clone())
}

/// Reads each text, without white space at both ends; `read` gives the reason why a text is refused, and the mapping that would read it.
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

/// A cast that every value of the array survives, by the types alone.
fn widened(values: &ArrayRef, target: &DataType) -> Result<ArrayRef, Unconvertible> {
    if values.data_type() == target {
        return Ok(Arc::clone(values));
    }
    cast(values, target).map_err(|error| failed(&error))
}

/// A value in a message, of at most a line.
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
