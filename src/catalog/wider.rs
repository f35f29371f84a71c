//! The common supertype of two types, for files of one table that were written with different widths or units.
//!
//! There is none where a value would be ambiguous or lose digits: a time with a zone and one without, a large integer and a
//! float, a number and a text.

use std::cmp::max;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, TimeUnit};

/// Digits of the largest 64-bit integer.
const INTEGER_DIGITS: u8 = 20;
const DECIMAL128_DIGITS: u8 = 38;
const DECIMAL256_DIGITS: u8 = 76;

/// The type that holds all values of both types; `None` where there is none.
pub fn wider(one: &DataType, other: &DataType) -> Option<DataType> {
    use DataType as T;
    match (one, other) {
        _ if one == other => Some(one.clone()),
        (T::Null, known) | (known, T::Null) => Some(known.clone()),
        (T::Dictionary(_, one), other) => wider(one, plain(other)),
        (one, T::Dictionary(_, other)) => wider(one, other),
        _ if one.is_string() && other.is_string() => Some(T::Utf8View),
        _ if is_binary(one) && is_binary(other) => Some(T::BinaryView),
        _ if one.is_integer() && other.is_integer() => wider_integer(one, other),
        _ if one.is_floating() && other.is_floating() => Some(max_width(one, other)),
        _ if one.is_floating() && is_exact_float(other) => Some(T::Float64),
        _ if other.is_floating() && is_exact_float(one) => Some(T::Float64),
        _ if one.is_decimal() && other.is_decimal() => wider_decimal(one, other),
        _ if one.is_decimal() && other.is_integer() => wider_decimal(one, &as_decimal(other)),
        _ if one.is_integer() && other.is_decimal() => wider_decimal(&as_decimal(one), other),
        (T::Timestamp(one, zone), T::Timestamp(other, other_zone)) => {
            let zone = match (zone, other_zone) {
                (None, None) => None,
                (Some(zone), Some(other)) if zone == other => Some(Arc::clone(zone)),
                // Both are instants, whatever their zones.
                (Some(_), Some(_)) => Some("UTC".into()),
                _ => return None,
            };
            Some(T::Timestamp(wider_unit(*one, *other), zone))
        }
        (T::Date32 | T::Date64, T::Date32 | T::Date64) => Some(T::Date32),
        (T::Struct(one), T::Struct(other)) => Some(T::Struct(wider_fields(one, other)?)),
        _ => {
            let ((item, is_large), (other, is_other_large)) = (item_of(one)?, item_of(other)?);
            let item = Arc::new(Field::new_list_field(wider(item, other)?, true));
            Some(if is_large || is_other_large {
                T::LargeList(item)
            } else {
                T::List(item)
            })
        }
    }
}

/// The decimal that holds every value of an integer.
fn as_decimal(integer: &DataType) -> DataType {
    let digits = match width(integer) {
        ..=8 => 3,
        9..=16 => 5,
        17..=32 => 10,
        _ if integer.is_signed_integer() => 19,
        _ => INTEGER_DIGITS,
    };
    DataType::Decimal128(digits, 0)
}

/// The value type of a dictionary; any other type unchanged.
pub fn plain(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, value) => value,
        plain => plain,
    }
}

fn is_binary(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView
    )
}

/// The width in bits of an integer or a float.
fn width(data_type: &DataType) -> usize {
    data_type.primitive_width().unwrap_or_default() * 8
}

fn max_width(one: &DataType, other: &DataType) -> DataType {
    if width(one) >= width(other) {
        one.clone()
    } else {
        other.clone()
    }
}

/// Whether a double represents every value of the type exactly.
fn is_exact_float(data_type: &DataType) -> bool {
    data_type.is_integer() && width(data_type) <= 32
}

fn wider_integer(one: &DataType, other: &DataType) -> Option<DataType> {
    if one.is_signed_integer() == other.is_signed_integer() {
        return Some(max_width(one, other));
    }
    let (signed, unsigned) = if one.is_signed_integer() {
        (one, other)
    } else {
        (other, one)
    };
    Some(match max(width(signed), 2 * width(unsigned)) {
        ..=16 => DataType::Int16,
        17..=32 => DataType::Int32,
        33..=64 => DataType::Int64,
        _ => DataType::Decimal128(INTEGER_DIGITS, 0),
    })
}

/// Milliseconds for seconds and milliseconds; otherwise microseconds, the unit of canonical tables, as nanoseconds do not
/// reach the year 9999.
fn wider_unit(one: TimeUnit, other: TimeUnit) -> TimeUnit {
    match (one, other) {
        (one, other) if one == other => one,
        (TimeUnit::Second | TimeUnit::Millisecond, TimeUnit::Second | TimeUnit::Millisecond) => TimeUnit::Millisecond,
        _ => TimeUnit::Microsecond,
    }
}

fn wider_decimal(one: &DataType, other: &DataType) -> Option<DataType> {
    let digits = |data_type: &DataType| match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => Some((i16::from(*precision), i16::from(*scale))),
        _ => None,
    };
    let ((precision, scale), (other_precision, other_scale)) = (digits(one)?, digits(other)?);
    let wider_scale = max(scale, other_scale);
    let precision = u8::try_from(max(precision - scale, other_precision - other_scale) + wider_scale).ok()?;
    let scale = i8::try_from(wider_scale).ok()?;
    match precision {
        ..=DECIMAL128_DIGITS => Some(DataType::Decimal128(precision, scale)),
        _ if precision <= DECIMAL256_DIGITS => Some(DataType::Decimal256(precision, scale)),
        _ => None,
    }
}

/// Structs have a common type where their fields have the same names in the same order.
fn wider_fields(one: &Fields, other: &Fields) -> Option<Fields> {
    if one.len() != other.len() {
        return None;
    }
    let pairs = one.iter().zip(other);
    let field = |(one, other): (&Arc<Field>, &Arc<Field>)| {
        let data_type = wider(one.data_type(), other.data_type())?;
        (one.name() == other.name()).then(|| one.as_ref().clone().with_data_type(data_type).with_nullable(true))
    };
    pairs.map(field).collect()
}

/// The item type of a list, and whether it is a large list.
fn item_of(data_type: &DataType) -> Option<(&DataType, bool)> {
    match data_type {
        DataType::List(item) | DataType::FixedSizeList(item, _) | DataType::ListView(item) => {
            Some((item.data_type(), false))
        }
        DataType::LargeList(item) | DataType::LargeListView(item) => Some((item.data_type(), true)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use DataType as T;
    use proptest::prelude::*;

    use super::*;

    fn both_ways(one: &DataType, other: &DataType) -> Option<DataType> {
        let found = wider(one, other);
        assert_eq!(found, wider(other, one), "{one} and {other}");
        found
    }

    fn dictionary(value: DataType) -> DataType {
        T::Dictionary(Box::new(T::Int8), Box::new(value))
    }

    fn micros(zone: Option<&str>) -> DataType {
        T::Timestamp(TimeUnit::Microsecond, zone.map(Into::into))
    }

    #[test]
    fn the_wider_of_two_holds_both() {
        let list = |item| T::new_list(item, true);
        let millis = |zone: Option<&str>| T::Timestamp(TimeUnit::Millisecond, zone.map(Into::into));
        let nanos = T::Timestamp(TimeUnit::Nanosecond, None);
        for (one, other, expected) in [
            (T::Int32, T::Int64, T::Int64),
            (T::UInt8, T::Int8, T::Int16),
            (T::UInt32, T::Int8, T::Int64),
            (T::UInt64, T::Int64, T::Decimal128(20, 0)),
            (T::Float32, T::Float64, T::Float64),
            (T::Int32, T::Float32, T::Float64),
            (T::Utf8, T::LargeUtf8, T::Utf8View),
            (dictionary(T::Utf8), T::Utf8, T::Utf8),
            (dictionary(T::Utf8), T::LargeUtf8, T::Utf8View),
            (
                dictionary(T::Utf8),
                T::Dictionary(Box::new(T::Int32), Box::new(T::Utf8)),
                T::Utf8,
            ),
            (T::Binary, T::LargeBinary, T::BinaryView),
            (millis(None), micros(None), micros(None)),
            (millis(None), nanos.clone(), micros(None)),
            (millis(Some("UTC")), micros(Some("Asia/Kolkata")), micros(Some("UTC"))),
            (T::Date64, T::Date32, T::Date32),
            (T::Null, T::Date32, T::Date32),
            (T::Decimal128(5, 2), T::Decimal64(10, 0), T::Decimal128(12, 2)),
            (T::Decimal128(20, 0), T::Int32, T::Decimal128(20, 0)),
            (T::Decimal128(5, 2), T::UInt8, T::Decimal128(5, 2)),
            (T::Decimal128(38, 0), T::Decimal128(20, 10), T::Decimal256(48, 10)),
            (
                list(T::Utf8),
                T::new_large_list(T::Utf8View, true),
                T::new_large_list(T::Utf8View, true),
            ),
            (list(T::Null), list(T::Int8), list(T::Int8)),
        ] {
            assert_eq!(both_ways(&one, &other), Some(expected), "{one} and {other}");
        }
        let named = |name: &str| T::List(Arc::new(Field::new(name, T::Utf8, false)));
        assert_eq!(both_ways(&named("item"), &named("element")), Some(list(T::Utf8)));
        let with = |number| T::Struct(vec![Field::new("id", T::Utf8, true), Field::new("n", number, true)].into());
        assert_eq!(both_ways(&with(T::Int8), &with(T::Int32)), Some(with(T::Int32)));
    }

    proptest! {
        #[test]
        fn the_order_of_files_decides_nothing(numbers in prop::collection::vec(0_usize..8, 1..6), turn in 0_usize..6) {
            let integers = [T::Int8, T::Int16, T::Int32, T::Int64, T::UInt8, T::UInt16, T::UInt32, T::UInt64];
            let types: Vec<&DataType> = numbers.iter().map(|number| &integers[*number]).collect();
            let merged = |types: &[&DataType]| {
                types.iter().try_fold(T::Null, |known, data_type| wider(&known, data_type))
            };
            let mut turned = types.clone();
            turned.rotate_left(turn % types.len());
            prop_assert_eq!(merged(&types), merged(&turned));
            turned.reverse();
            prop_assert_eq!(merged(&types).is_some(), merged(&turned).is_some());
        }
    }

    #[test]
    fn what_would_be_a_guess_or_lose_digits_has_no_wider_type() {
        let with = |name: &str| T::Struct(vec![Field::new(name, T::Utf8, true)].into());
        for (one, other) in [
            (T::Int64, T::Float64),
            (T::Int32, T::Utf8),
            (T::Binary, T::Utf8),
            (T::Boolean, T::Int8),
            (micros(None), micros(Some("UTC"))),
            (T::Date32, micros(None)),
            (T::Utf8, T::new_list(T::Utf8, true)),
            (T::Decimal256(76, 0), T::Decimal128(38, 38)),
            (with("a"), with("b")),
        ] {
            assert_eq!(both_ways(&one, &other), None, "{one} and {other}");
        }
    }
}
