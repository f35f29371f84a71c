//! Casts to numbers: `int2`, `int4`, `int8`, `float4`, `float8` and `numeric`, by the names that PostgreSQL's functions
//! have.
//!
//! Floating point numbers become whole with halves to even, numerics with halves away from zero. What a type cannot hold is
//! an error, as is a text that is no number.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array, Float64Array, Int64Array, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};

use super::arithmetic::{as_numerics, is_number};
use super::floats;
use super::numeric::{self as decimal, DIGITS, FREE, float_overflow, is_numeric, no_number, out_of_range, scale_of};
use crate::engine::dialect::function::{Function, no_function};
use crate::engine::dialect::type_names::of_arrow;

/// All functions of this file.
pub const ALL: [Function; 6] = [
    Function {
        name: "int2",
        coerce: of_value,
        returns: |_, _| Ok(DataType::Int16),
        run: |columns, out| whole(&columns[0], out),
    },
    Function {
        name: "int4",
        coerce: of_value,
        returns: |_, _| Ok(DataType::Int32),
        run: |columns, out| whole(&columns[0], out),
    },
    Function {
        name: "int8",
        coerce: of_value,
        returns: |_, _| Ok(DataType::Int64),
        run: |columns, out| whole(&columns[0], out),
    },
    Function {
        name: "float4",
        coerce: of_value,
        returns: |_, _| Ok(DataType::Float32),
        run: |columns, _| real(&columns[0]),
    },
    Function {
        name: "float8",
        coerce: of_value,
        returns: |_, _| Ok(DataType::Float64),
        run: |columns, _| float(&columns[0]),
    },
    Function {
        name: "numeric",
        coerce: |name, types| match types {
            [value, sizes @ ..] if sizes.len() <= 2 => {
                let mut coerced = of_value(name, std::slice::from_ref(value))?;
                coerced.extend(sizes.iter().map(|_| DataType::Int64));
                Ok(coerced)
            }
            _ => no_function(name, types),
        },
        returns: |types, values| {
            let (_, scale) = size(types, values)?;
            Ok(decimal::numeric(scale))
        },
        run: numeric,
    },
];

/// The argument of a cast: numbers, texts and booleans.
fn of_value(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [kind] if is_number(kind) => Ok(vec![kind.clone()]),
        [kind] if super::super::texts::is_text(kind) || kind.is_null() => Ok(vec![DataType::Utf8]),
        [DataType::Boolean] if name.starts_with("int") => Ok(vec![DataType::Boolean]),
        [kind] => plan_err!("cannot cast type {} to {name}", of_arrow(kind)),
        _ => no_function(name, types),
    }
}

/// Whole numbers of a type, as 64 bits hold them.
fn whole(column: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    let name = of_arrow(kind);
    let wide: Int64Array = match column.data_type() {
        DataType::Utf8 => column
            .as_string::<i32>()
            .iter()
            .map(|text| text.map(|text| read_whole(text, &name)).transpose())
            .collect::<Result<_>>()?,
        from if from.is_floating() => {
            let floats = cast(column, &DataType::Float64)?;
            floats
                .as_primitive::<Float64Type>()
                .try_unary(|value| rounded(value).ok_or_else(|| out_of_range(&name)))?
        }
        from if is_numeric(from) => {
            let (values, scale) = as_numerics(column)?;
            values.try_unary(|value| {
                let whole = decimal::rescaled(value, scale, 0)?;
                i64::try_from(whole).map_err(|_| out_of_range(&name))
            })?
        }
        _ => checked(column, &DataType::Int64, &name)?
            .as_primitive::<Int64Type>()
            .clone(),
    };
    let wide: ArrayRef = Arc::new(wide);
    checked(&wide, kind, &name)
}

/// A cast of whole numbers that is an error where one does not fit.
fn checked(column: &ArrayRef, kind: &DataType, name: &str) -> Result<ArrayRef> {
    let made = cast(column, kind)?;
    match made.null_count() == column.null_count() {
        true => Ok(made),
        false => Err(out_of_range(name).into()),
    }
}

fn read_whole(text: &str, name: &str) -> Result<i64> {
    let digits = text.trim();
    let unsigned = digits.strip_prefix(['-', '+']).unwrap_or(digits);
    if unsigned.is_empty() || !unsigned.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(no_number(name, text));
    }
    digits
        .parse()
        .map_err(|_| ArrowError::ArithmeticOverflow(format!("value \"{text}\" is out of range for type {name}")).into())
}

/// A number as a whole one, halves to even; none where 64 bits do not hold it.
fn rounded(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    let whole = value.round_ties_even();
    // The value is whole and within the limits.
    (-LIMIT..LIMIT).contains(&whole).then_some(whole as i64)
}

/// A column as `double precision`: of each numeric, the floating point number that is nearest to it.
///
/// # Errors
/// A text that is no number, or a column that is not of numbers.
pub fn float(column: &ArrayRef) -> Result<ArrayRef> {
    match column.data_type() {
        DataType::Utf8 => {
            let read = |text: &str| floats::read(text).ok_or_else(|| no_number("double precision", text));
            let texts = column.as_string::<i32>();
            let made: Float64Array = texts
                .iter()
                .map(|text| text.map(read).transpose())
                .collect::<Result<_>>()?;
            Ok(Arc::new(made))
        }
        kind if is_numeric(kind) => {
            let (values, scale) = as_numerics(column)?;
            let made: Float64Array = values.unary(|value| decimal::to_float(value, scale));
            Ok(Arc::new(made))
        }
        _ => Ok(cast(column, &DataType::Float64)?),
    }
}

fn real(column: &ArrayRef) -> Result<ArrayRef> {
    Ok(Arc::new(rounded_to_reals(
        float(column)?.as_primitive::<Float64Type>(),
    )?))
}

/// Floating point numbers rounded to those of a `real`.
///
/// # Errors
/// A number is too large for a `real`.
pub fn rounded_to_reals(wide: &Float64Array) -> Result<Float32Array> {
    let made: Float32Array = wide.try_unary(|wide| {
        let made = wide as f32;
        match made.is_infinite() && wide.is_finite() {
            true => Err(float_overflow()),
            false => Ok(made),
        }
    })?;
    Ok(made)
}

/// The digits and decimals of `numeric(value, digits, decimals)`.
fn size(types: &[DataType], values: &[Option<&ScalarValue>]) -> Result<(u8, i8)> {
    let given = |place: usize| match values.get(place).copied().flatten() {
        Some(ScalarValue::Int64(Some(value))) => Ok(*value),
        _ => plan_err!("the digits of numeric are written as numbers"),
    };
    if types.len() > 1 {
        let (digits, decimals) = (given(1)?, if types.len() > 2 { given(2)? } else { 0 });
        let fits = (1..=i64::from(DIGITS)).contains(&digits) && (0..=digits).contains(&decimals);
        return match (u8::try_from(digits), i8::try_from(decimals)) {
            (Ok(digits), Ok(decimals)) if fits => Ok((digits, decimals)),
            _ => plan_err!(
                "NUMERIC precision {digits} and scale {decimals} must be between 1 and {DIGITS}, and 0 and the precision"
            ),
        };
    }
    Ok((DIGITS, scale_of(&types[0]).map_or(FREE, |scale| scale.max(0))))
}

fn numeric(columns: &[ArrayRef], out: &DataType) -> Result<ArrayRef> {
    let DataType::Decimal128(_, scale) = *out else {
        return exec_err!("numeric gives numerics");
    };
    let values: PrimitiveArray<Decimal128Type> = match columns[0].data_type() {
        DataType::Utf8 => {
            let read = |text: &str| match decimal::read(text) {
                Some(number) => number
                    .and_then(|(value, from)| decimal::rescaled(value, from, scale))
                    .map_err(Into::into),
                None => Err(no_number("numeric", text)),
            };
            let texts = columns[0].as_string::<i32>();
            texts
                .iter()
                .map(|text| text.map(read).transpose())
                .collect::<Result<_>>()?
        }
        kind if kind.is_floating() => {
            let floats = cast(&columns[0], &DataType::Float64)?;
            let floats = floats.as_primitive::<Float64Type>();
            floats.try_unary(|value| decimal::of_float(value, scale))?
        }
        _ => {
            let (values, from) = as_numerics(&columns[0])?;
            values.try_unary(|value| decimal::rescaled(value, from, scale))?
        }
    };
    if let [_, digits, ..] = columns {
        check_digits(&values, digits, scale)?;
    }
    Ok(Arc::new(values.with_precision_and_scale(DIGITS, scale)?))
}

/// Refuses values with more digits than `digits` says, which is the same in all rows.
fn check_digits(values: &PrimitiveArray<Decimal128Type>, digits: &ArrayRef, scale: i8) -> Result<()> {
    let digits = cast(digits, &DataType::Int32)?;
    let digits = digits.as_primitive::<Int32Type>();
    let most = digits.iter().flatten().next().and_then(decimal::ten_to);
    let fits = |value: i128| most.is_none_or(|most| value.abs() < most);
    match values.iter().flatten().all(fits) {
        true => Ok(()),
        false => Err(ArrowError::ArithmeticOverflow(format!(
            "numeric field overflow: a field with precision {} and scale {scale} must round to fewer digits",
            digits.iter().flatten().next().unwrap_or_default()
        ))
        .into()),
    }
}
