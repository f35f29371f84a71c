//! Converts percents: numbers of any width, and numbers as text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use datafusion::arrow::datatypes::{DataType, Float64Type};

use super::{Unconvertible, is_text, parsed, refused, shown, widened};
use crate::exports::contract::Column;

/// Converts a column of percents.
pub fn numbers(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let found = values.data_type();
    if found.is_numeric() {
        let numbers = widened(values, &DataType::Float64)?;
        check_finite(column, &numbers)?;
        return Ok(numbers);
    }
    if !is_text(found) {
        return Err(refused(column, values));
    }
    let numbers = parsed(column, values, |text| number(text).ok_or_else(|| refusal(column, text)))?;
    Ok(Arc::new(Float64Array::from(numbers)))
}

/// Refuses infinity, which would count as 100 % or 0 %. NaN is no percent, and is blank in reports.
fn check_finite(column: &Column, numbers: &ArrayRef) -> Result<(), Unconvertible> {
    let numbers = numbers.as_primitive::<Float64Type>();
    // Slots of NULLs hold arbitrary values, so an infinite one counts only in a valid row.
    if !numbers.values().iter().any(|number| number.is_infinite()) {
        return Ok(());
    }
    let is_infinite = |row: &usize| numbers.is_valid(*row) && numbers.value(*row).is_infinite();
    match (0..numbers.len()).find(is_infinite) {
        None => Ok(()),
        Some(row) => {
            let reason = format!("{} is not a number such as 62.5", numbers.value(row));
            Err(Unconvertible::new(row, reason).with_mapping(Some(finite(column.name))))
        }
    }
}

/// The expression that reads numbers, and infinity as NULL.
fn finite(number: &str) -> String {
    format!("case when abs({number}) <= 1e308 then {number} end")
}

/// Parses a finite decimal number, or one of the usual spellings of NaN.
fn number(text: &str) -> Option<f64> {
    if text.eq_ignore_ascii_case("nan") {
        return Some(f64::NAN);
    }
    let is_spelled = |c: u8| c.is_ascii_digit() || matches!(c, b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.bytes().all(is_spelled) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn refusal(column: &Column, text: &str) -> (String, Option<String>) {
    let name = column.name;
    let mapping = if text.ends_with('%') {
        format!("cast(replace({name}, '%', '') as double)")
    } else if text.parse::<f64>().is_ok_and(f64::is_infinite) {
        finite(&format!("try_cast({name} as double)"))
    } else {
        format!("try_cast(replace({name}, ',', '.') as double)")
    };
    (format!("{} is not a number such as 62.5", shown(text)), Some(mapping))
}
