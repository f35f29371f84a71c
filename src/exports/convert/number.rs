//! Converts percents: numbers of any width, and numbers as text.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array};
use datafusion::arrow::datatypes::DataType;

use super::{Unconvertible, is_text, parsed, refused, shown, widened};
use crate::exports::contract::Column;

/// Converts a column of percents.
pub fn numbers(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let found = values.data_type();
    if found.is_numeric() {
        return widened(values, &DataType::Float64);
    }
    if !is_text(found) {
        return Err(refused(column, values));
    }
    let numbers = parsed(column, values, |text| number(text).ok_or_else(|| refusal(column, text)))?;
    Ok(Arc::new(Float64Array::from(numbers)))
}

/// Parses a decimal number, or one of the usual spellings of NaN.
fn number(text: &str) -> Option<f64> {
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let is_spelled = |c: u8| c.is_ascii_digit() || matches!(c, b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.bytes().all(is_spelled) {
        return None;
    }
    text.parse().ok()
}

fn refusal(column: &Column, text: &str) -> (String, Option<String>) {
    let name = column.name;
    let mapping = if text.ends_with('%') {
        format!("cast(replace({name}, '%', '') as double)")
    } else {
        format!("try_cast(replace({name}, ',', '.') as double)")
    };
    (format!("{} is not a number such as 62.5", shown(text)), Some(mapping))
}
