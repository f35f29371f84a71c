//! `round`, `trunc`, `ceil`, `floor`, `sign`, `power`, `sqrt` and other functions of numbers, with PostgreSQL's types: of
//! numerics they give numerics, and of floating point numbers the same. A floating point number rounds halves to even.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int32Array, PrimitiveArray};
use datafusion::arrow::compute::{cast, try_binary};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int32Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err};

use super::arithmetic::{as_numerics, is_number};
use super::casts;
use super::numeric::{self as decimal, DIGITS, FREE, divide_rounded, float_overflow, is_numeric, out_of_range, ten_to};
use crate::engine::dialect::function::{Function, no_function};

/// `round(value, decimals)` where the statement writes the decimals, with those that are shown.
pub const ROUND_TO: &str = "round_to";
/// The same of `trunc`.
pub const TRUNC_TO: &str = "trunc_to";

/// All functions of this file.
pub const ALL: [Function; 14] = [
    Function {
        name: ROUND_TO,
        coerce: with_shown_decimals,
        returns: with_scale,
        run: |columns, out| to_decimals(columns, out, round, f64::round_ties_even),
    },
    Function {
        name: TRUNC_TO,
        coerce: with_shown_decimals,
        returns: with_scale,
        run: |columns, out| to_decimals(columns, out, trunc, f64::trunc),
    },
    Function {
        name: "round",
        coerce: with_decimals,
        returns: with_scale,
        run: |columns, out| to_decimals(columns, out, round, f64::round_ties_even),
    },
    Function {
        name: "trunc",
        coerce: with_decimals,
        returns: with_scale,
        run: |columns, out| to_decimals(columns, out, trunc, f64::trunc),
    },
    Function {
        name: "ceil",
        coerce: of_number,
        returns: whole_of,
        run: |columns, _| to_whole(&columns[0], ceil, f64::ceil),
    },
    Function {
        name: "ceiling",
        coerce: of_number,
        returns: whole_of,
        run: |columns, _| to_whole(&columns[0], ceil, f64::ceil),
    },
    Function {
        name: "floor",
        coerce: of_number,
        returns: whole_of,
        run: |columns, _| to_whole(&columns[0], floor, f64::floor),
    },
    Function {
        name: "sign",
        coerce: of_number,
        returns: whole_of,
        run: |columns, _| to_whole(&columns[0], |value, divisor| Some(value.signum() * divisor), sign),
    },
    Function {
        name: "power",
        coerce: of_two_numbers,
        returns: numeric_or_float,
        run: power,
    },
    Function {
        name: "sqrt",
        coerce: of_number,
        returns: numeric_or_float,
        run: |columns, out| of_one(&columns[0], out, square_root),
    },
    Function {
        name: "cbrt",
        coerce: of_number,
        returns: |_, _| Ok(DataType::Float64),
        run: |columns, out| of_one(&columns[0], out, |value| Ok(value.cbrt())),
    },
    Function {
        name: "factorial",
        coerce: of_number,
        returns: |_, _| Ok(decimal::numeric(0)),
        run: |columns, _| factorial(&columns[0]),
    },
    Function {
        name: "gcd",
        coerce: of_two_numbers,
        returns: |types, _| Ok(wider(types)),
        run: |columns, out| of_two_whole(columns, out, |left, right| Some(greatest_divisor(left, right))),
    },
    Function {
        name: "lcm",
        coerce: of_two_numbers,
        returns: |types, _| Ok(wider(types)),
        run: |columns, out| of_two_whole(columns, out, least_multiple),
    },
];

/// `width_bucket(value, low, high, buckets)`
pub const WIDTH_BUCKET: Function = Function {
    name: "width_bucket",
    coerce: |name, types| match types {
        [value, low, high, buckets] if [value, low, high, buckets].iter().all(|kind| is_number(kind)) => Ok(vec![
            DataType::Float64,
            DataType::Float64,
            DataType::Float64,
            DataType::Int32,
        ]),
        _ => no_function(name, types),
    },
    returns: |_, _| Ok(DataType::Int32),
    run: |columns, _| width_bucket(columns),
};

fn of_number(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [kind] if is_number(kind) => Ok(vec![kind.clone()]),
        [DataType::Null] => Ok(vec![DataType::Float64]),
        _ => no_function(name, types),
    }
}

fn of_two_numbers(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [left, right] if is_number(left) && is_number(right) => Ok(vec![left.clone(), right.clone()]),
        [DataType::Null, kind] | [kind, DataType::Null] if is_number(kind) => Ok(vec![kind.clone(), kind.clone()]),
        _ => no_function(name, types),
    }
}

fn with_decimals(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [value] => of_number(name, std::slice::from_ref(value)),
        [value, decimals] if decimals.is_integer() || decimals.is_null() => {
            let mut coerced = of_number(name, std::slice::from_ref(value))?;
            coerced.push(DataType::Int32);
            Ok(coerced)
        }
        _ => no_function(name, types),
    }
}

fn with_shown_decimals(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [value, decimals, shown] if shown.is_integer() => {
            let mut coerced = with_decimals(name, &[value.clone(), decimals.clone()])?;
            coerced.push(DataType::Int64);
            Ok(coerced)
        }
        _ => no_function(name, types),
    }
}

/// Of numerics, numerics without decimals; of other numbers, floating point numbers.
fn whole_of(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(match is_numeric(&types[0]) {
        true => decimal::numeric(0),
        false => DataType::Float64,
    })
}

fn with_scale(types: &[DataType], values: &[Option<&ScalarValue>]) -> Result<DataType> {
    if types.len() == 1 {
        return whole_of(types, values);
    }
    // An expression that is not a literal now may become one later, when the type must not change.
    Ok(decimal::numeric(match values.get(2).copied().flatten() {
        Some(ScalarValue::Int64(Some(shown))) => i8::try_from(*shown).unwrap_or(FREE),
        _ => FREE,
    }))
}

fn numeric_or_float(types: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    let is_exact = types.iter().any(is_numeric) && types.iter().all(|kind| !kind.is_floating());
    Ok(match is_exact {
        true => decimal::numeric(FREE),
        false => DataType::Float64,
    })
}

fn wider(types: &[DataType]) -> DataType {
    let is_wide = |kind: &DataType| !matches!(kind, DataType::Int8 | DataType::Int16 | DataType::Int32);
    match types.iter().any(is_wide) {
        true => DataType::Int64,
        false => DataType::Int32,
    }
}

/// `value / divisor`, as a whole number times the divisor, where the divisor is a power of ten.
type Rounding = fn(i128, i128) -> Option<i128>;

fn round(value: i128, divisor: i128) -> Option<i128> {
    divide_rounded(value, divisor)?.checked_mul(divisor)
}

fn trunc(value: i128, divisor: i128) -> Option<i128> {
    (value / divisor).checked_mul(divisor)
}

fn ceil(value: i128, divisor: i128) -> Option<i128> {
    value
        .checked_neg()?
        .div_euclid(divisor)
        .checked_neg()?
        .checked_mul(divisor)
}

fn floor(value: i128, divisor: i128) -> Option<i128> {
    value.div_euclid(divisor).checked_mul(divisor)
}

fn sign(value: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value.signum() }
}

/// `round` and `trunc`, with a number of decimals or without.
fn to_decimals(columns: &[ArrayRef], out: &DataType, rounding: Rounding, of_float: fn(f64) -> f64) -> Result<ArrayRef> {
    let [values, decimals, ..] = columns else {
        return to_whole(&columns[0], rounding, of_float);
    };
    let DataType::Decimal128(_, scale) = *out else {
        return exec_err!("numbers with decimals are numerics");
    };
    // Of a floating point number, the first 15 digits count, as in a cast to numeric.
    let (values, from) = match values.data_type().is_floating() {
        true => {
            let floats = cast(values, &DataType::Float64)?;
            let exact: PrimitiveArray<Decimal128Type> = floats
                .as_primitive::<Float64Type>()
                .try_unary(|value| decimal::of_float(value, FREE))?;
            (exact, FREE)
        }
        false => as_numerics(values)?,
    };
    let made: PrimitiveArray<Decimal128Type> =
        try_binary(&values, decimals.as_primitive::<Int32Type>(), |value, decimals| {
            let by = i32::from(from) - decimals;
            let rounded = match ten_to(by) {
                _ if by <= 0 => Some(value),
                Some(divisor) => rounding(value, divisor),
                None => Some(0),
            };
            decimal::rescaled(rounded.ok_or_else(decimal::too_many_digits)?, from, scale)
        })?;
    Ok(Arc::new(made.with_precision_and_scale(DIGITS, scale)?))
}

fn to_whole(values: &ArrayRef, rounding: Rounding, of_float: fn(f64) -> f64) -> Result<ArrayRef> {
    if !is_numeric(values.data_type()) {
        let floats = casts::float(values)?;
        let made: Float64Array = floats.as_primitive::<Float64Type>().unary(of_float);
        return Ok(Arc::new(made));
    }
    let (values, scale) = as_numerics(values)?;
    let made: PrimitiveArray<Decimal128Type> = values.try_unary(|value| {
        let rounded = match ten_to(i32::from(scale)) {
            Some(divisor) => rounding(value, divisor),
            None => Some(value),
        };
        decimal::rescaled(rounded.ok_or_else(decimal::too_many_digits)?, scale, 0)
    })?;
    Ok(Arc::new(made.with_precision_and_scale(DIGITS, 0)?))
}

/// The result of a function of floating point numbers, as a numeric where the argument is one.
fn given(values: Float64Array, out: &DataType) -> Result<ArrayRef> {
    match out {
        DataType::Decimal128(_, scale) => {
            let made: PrimitiveArray<Decimal128Type> = values.try_unary(|value| decimal::of_float(value, *scale))?;
            Ok(Arc::new(made.with_precision_and_scale(DIGITS, *scale)?))
        }
        _ => Ok(Arc::new(values)),
    }
}

fn of_one(values: &ArrayRef, out: &DataType, function: fn(f64) -> Result<f64, ArrowError>) -> Result<ArrayRef> {
    let floats = casts::float(values)?;
    given(floats.as_primitive::<Float64Type>().try_unary(function)?, out)
}

fn square_root(value: f64) -> Result<f64, ArrowError> {
    match value < 0.0 {
        true => Err(ArrowError::ComputeError(
            "cannot take square root of a negative number".to_owned(),
        )),
        false => Ok(value.sqrt()),
    }
}

fn power(columns: &[ArrayRef], out: &DataType) -> Result<ArrayRef> {
    let (base, exponent) = (casts::float(&columns[0])?, casts::float(&columns[1])?);
    let made: Float64Array = try_binary(
        base.as_primitive::<Float64Type>(),
        exponent.as_primitive::<Float64Type>(),
        |base, exponent| {
            if base == 0.0 && exponent < 0.0 {
                return Err(ArrowError::ComputeError(
                    "zero raised to a negative power is undefined".to_owned(),
                ));
            }
            if base < 0.0 && exponent.fract() != 0.0 {
                let reason = "a negative number raised to a non-integer power yields a complex result";
                return Err(ArrowError::ComputeError(reason.to_owned()));
            }
            let made = base.powf(exponent);
            match made.is_infinite() && base.is_finite() && exponent.is_finite() {
                true => Err(float_overflow()),
                false => Ok(made),
            }
        },
    )?;
    given(made, out)
}

fn factorial(values: &ArrayRef) -> Result<ArrayRef> {
    let values = cast(values, &DataType::Int64)?;
    let made: PrimitiveArray<Decimal128Type> = values.as_primitive::<Int64Type>().try_unary(|value| {
        if value < 0 {
            return Err(ArrowError::ComputeError(
                "factorial of a negative number is undefined".to_owned(),
            ));
        }
        let product = (1..=i128::from(value)).try_fold(1_i128, i128::checked_mul);
        decimal::rescaled(product.ok_or_else(decimal::too_many_digits)?, 0, 0)
    })?;
    Ok(Arc::new(made.with_precision_and_scale(DIGITS, 0)?))
}

fn greatest_divisor(left: i64, right: i64) -> i64 {
    let (mut left, mut right) = (left, right);
    while right != 0 {
        (left, right) = (right, left.wrapping_rem(right));
    }
    left.wrapping_abs()
}

fn least_multiple(left: i64, right: i64) -> Option<i64> {
    match greatest_divisor(left, right) {
        0 => Some(0),
        divisor => (left / divisor).checked_mul(right)?.checked_abs(),
    }
}

fn of_two_whole(columns: &[ArrayRef], out: &DataType, function: fn(i64, i64) -> Option<i64>) -> Result<ArrayRef> {
    let (left, right) = (
        cast(&columns[0], &DataType::Int64)?,
        cast(&columns[1], &DataType::Int64)?,
    );
    let made: PrimitiveArray<Int64Type> = try_binary(
        left.as_primitive::<Int64Type>(),
        right.as_primitive::<Int64Type>(),
        |left, right| function(left, right).ok_or_else(|| out_of_range("bigint")),
    )?;
    let made: ArrayRef = Arc::new(made);
    let narrow = cast(&made, out)?;
    match narrow.null_count() == made.null_count() {
        true => Ok(narrow),
        false => Err(out_of_range("integer").into()),
    }
}

fn width_bucket(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [value, low, high] = [0, 1, 2].map(|place| columns[place].as_primitive::<Float64Type>());
    let buckets = columns[3].as_primitive::<Int32Type>();
    let made = (0..value.len()).map(|row| {
        if value.is_null(row) || low.is_null(row) || high.is_null(row) || buckets.is_null(row) {
            return Ok(None);
        }
        let (value, low, high) = (value.value(row), low.value(row), high.value(row));
        bucket(value, low, high, buckets.value(row)).map(Some)
    });
    Ok(Arc::new(made.collect::<Result<Int32Array, ArrowError>>()?))
}

fn bucket(value: f64, low: f64, high: f64, buckets: i32) -> Result<i32, ArrowError> {
    let refused = |reason: &str| Err(ArrowError::ComputeError(reason.to_owned()));
    if buckets <= 0 {
        return refused("count must be greater than zero");
    }
    if value.is_nan() || !low.is_finite() || !high.is_finite() {
        return refused("the bounds of width_bucket must be finite, and its value a number");
    }
    if (low - high).abs() == 0.0 {
        return refused("lower bound cannot equal upper bound");
    }
    let share = (value - low) / (high - low);
    let last = f64::from(buckets);
    // Between 0 and the number of buckets.
    Ok(match share {
        share if share < 0.0 => 0,
        share if share >= 1.0 => buckets.checked_add(1).ok_or_else(|| out_of_range("integer"))?,
        share => (share * last).floor().min(last - 1.0) as i32 + 1,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_counted_from_one() {
        for (value, expected) in [(-1.0, 0), (0.0, 1), (4.9, 1), (5.0, 2), (9.9, 2), (10.0, 3), (11.0, 3)] {
            assert_eq!(bucket(value, 0.0, 10.0, 2).expect("a bucket"), expected, "{value}");
        }
        assert_eq!(bucket(9.0, 10.0, 0.0, 10).expect("a bucket"), 2);
        assert!(bucket(1.0, 5.0, 5.0, 2).is_err());
        assert!(bucket(1.0, 0.0, 5.0, 0).is_err());
    }

    #[test]
    fn divisors_and_multiples() {
        assert_eq!((greatest_divisor(12, -8), greatest_divisor(0, 5)), (4, 5));
        assert_eq!((least_multiple(4, 6), least_multiple(0, 0)), (Some(12), Some(0)));
        assert_eq!(least_multiple(i64::MAX, 2), None);
    }

    #[test]
    fn numerics_are_rounded_at_any_place() {
        assert_eq!(
            (round(1_255, 10), round(-1_255, 10), trunc(-1_259, 10)),
            (Some(1_260), Some(-1_260), Some(-1_250))
        );
        assert_eq!(
            (ceil(21, 10), ceil(-21, 10), floor(21, 10), floor(-21, 10)),
            (Some(30), Some(-20), Some(20), Some(-30))
        );
    }
}
