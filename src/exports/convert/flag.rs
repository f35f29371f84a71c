//! Converts flags: booleans, 1 and 0, and words for true and false.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Float64Type};

use super::{Unconvertible, is_text, parsed, refused, shown, widened};
use crate::exports::contract::Column;

/// Converts a column of flags.
pub fn flags(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let found = values.data_type();
    match found {
        DataType::Boolean => Ok(Arc::clone(values)),
        _ if found.is_numeric() => numbers(column, values),
        _ if is_text(found) => texts(column, values),
        _ => Err(refused(column, values)),
    }
}

fn numbers(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    // Integers near 0 and 1 are exact as doubles, so no other integer becomes 0 or 1.
    let numbers = widened(values, &DataType::Float64)?;
    let flag = |(row, number): (usize, Option<f64>)| match number {
        None => Ok(None),
        Some(0.0) => Ok(Some(false)),
        Some(1.0) => Ok(Some(true)),
        Some(other) => {
            let name = column.name;
            let refused = Unconvertible::new(row, format!("{other} is neither 1 (true) nor 0 (false)"));
            Err(refused.with_mapping(Some(format!("{name} <> 0"))))
        }
    };
    let numbers = numbers.as_primitive::<Float64Type>().iter().enumerate();
    let flags: BooleanArray = numbers.map(flag).collect::<Result<_, _>>()?;
    Ok(Arc::new(flags))
}

fn texts(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let flags = parsed(column, values, |text| match text {
        "1" => Ok(true),
        "0" => Ok(false),
        _ if text.eq_ignore_ascii_case("true") => Ok(true),
        _ if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err((
            format!("{} is neither true nor false, 1 nor 0", shown(text)),
            Some(format!("lower({}) = 'yes'", column.name)),
        )),
    })?;
    Ok(Arc::new(BooleanArray::from(flags)))
}
