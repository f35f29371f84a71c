//! Converts text and ids: text of any Arrow layout, UTF-8 bytes, whole numbers and UUIDs.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Field, i256};

use super::{Unconvertible, failed, is_text, refused, widened};
use crate::exports::blank::blanks_to_null;
use crate::exports::contract::{Column, is_uuid};

/// Converts a column of text.
pub fn texts(column: &Column, field: &Field, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let found = values.data_type();
    match found {
        _ if is_text(found) => filled(column, values),
        DataType::FixedSizeBinary(_) if is_uuid(field) => Ok(uuids(values)),
        DataType::Decimal256(_, scale) => wide_decimals(values, *scale),
        _ if found.is_decimal() => decimals(values),
        _ if found.is_integer() => widened(values, &DataType::Utf8View),
        _ => Err(refused(column, values)),
    }
}

/// Text or UTF-8 bytes of any Arrow layout; blank text is NULL.
pub fn filled(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let found = values.data_type();
    let texts: ArrayRef = match found {
        _ if found.is_string() => widened(values, &DataType::Utf8View)?,
        _ if is_text(found) => Arc::new(decoded(values)?),
        _ => return Err(refused(column, values)),
    };
    blanks_to_null(&texts).map_err(|error| Unconvertible::new(0, error.to_string()))
}

/// Bytes as text. The reader does not validate bytes, so each value is checked to be UTF-8 here.
fn decoded(values: &ArrayRef) -> Result<StringViewArray, Unconvertible> {
    let bytes = widened(values, &DataType::BinaryView)?;
    let bytes: &BinaryViewArray = bytes.as_binary_view();
    if let Ok(texts) = bytes.clone().to_string_view() {
        return Ok(texts);
    }
    let decoded = bytes.iter().enumerate().map(|(row, bytes)| {
        let text = bytes.map(str::from_utf8).transpose();
        text.map_err(|error| {
            let place = error.valid_up_to() + 1;
            Unconvertible::new(
                row,
                format!("its bytes are not UTF-8 text: byte {place} of the value is wrong"),
            )
        })
    });
    // Where no row is at fault, the invalid bytes belong to NULLs.
    decoded.collect()
}

fn uuids(values: &ArrayRef) -> ArrayRef {
    let mut texts = StringViewBuilder::with_capacity(values.len());
    for bytes in values.as_fixed_size_binary() {
        let uuid = bytes.and_then(|bytes| uuid::Uuid::from_slice(bytes).ok());
        texts.append_option(uuid.map(|uuid| uuid.hyphenated().to_string()));
    }
    Arc::new(texts.finish())
}

/// Decimals of up to 38 digits that are whole numbers.
fn decimals(values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let scale = match values.data_type() {
        DataType::Decimal32(_, scale) | DataType::Decimal64(_, scale) | DataType::Decimal128(_, scale) => *scale,
        _ => 0,
    };
    let wide = cast(values, &DataType::Decimal128(38, scale)).map_err(|error| failed(&error))?;
    let fraction = 10_i128.checked_pow(u32::from(scale.unsigned_abs()));
    let whole = |value: i128| match (fraction, scale) {
        (_, 0) => Some(value),
        (Some(fraction), ..0) => value.checked_mul(fraction),
        (Some(fraction), _) => (value % fraction == 0).then_some(value / fraction),
        // The scale exceeds the digits of the largest number, so only 0 is a whole number.
        (None, _) => (value == 0).then_some(value),
    };
    let numbers = wide.as_primitive::<Decimal128Type>();
    whole_numbers(numbers.iter().map(|value| value.map(whole)))
}

/// Decimals of up to 76 digits that are whole numbers.
fn wide_decimals(values: &ArrayRef, scale: i8) -> Result<ArrayRef, Unconvertible> {
    let fraction = i256::from_i128(10).checked_pow(u32::from(scale.unsigned_abs()));
    let whole = |value: i256| match fraction {
        Some(fraction) if scale < 0 => value.checked_mul(fraction),
        Some(fraction) => {
            let is_whole = value.checked_rem(fraction)? == i256::ZERO;
            is_whole.then(|| value.checked_div(fraction)).flatten()
        }
        None => (value == i256::ZERO).then_some(value),
    };
    let numbers = values.as_primitive::<Decimal256Type>();
    whole_numbers(numbers.iter().map(|value| value.map(whole)))
}

fn whole_numbers<N: std::fmt::Display>(
    numbers: impl ExactSizeIterator<Item = Option<Option<N>>>,
) -> Result<ArrayRef, Unconvertible> {
    let mut texts = StringViewBuilder::with_capacity(numbers.len());
    let mut digits = String::new();
    for (row, number) in numbers.enumerate() {
        match number {
            None => texts.append_null(),
            Some(None) => return Err(Unconvertible::new(row, "it is a number with a fraction, and no id")),
            Some(Some(number)) => {
                digits.clear();
                // Writing to a String does not fail.
                let _ = write!(digits, "{number}");
                texts.append_value(&digits);
            }
        }
    }
    Ok(Arc::new(texts.finish()))
}
