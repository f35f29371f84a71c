//! PostgreSQL's `numeric` as decimals of 38 digits.
//!
//! A decimal has one scale for a whole column, where PostgreSQL's values have one each. Two scales stand for "as many
//! decimals as the value needs": [`QUOTIENT`] of divisions and averages, which PostgreSQL works out to at least 16
//! digits, and [`FREE`] of texts and floating point numbers. Their values are written with PostgreSQL's number of
//! decimals. What does not fit into 38 digits is an error.

use std::cmp::Ordering;

use datafusion::arrow::datatypes::{DataType, i256};
use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;

/// Digits of every numeric.
pub const DIGITS: u8 = 38;
/// Decimals of quotients and averages.
pub const QUOTIENT: i8 = 20;
/// Decimals of numbers that were texts or floating point numbers.
pub const FREE: i8 = 18;
/// Digits that PostgreSQL works quotients out to, at least.
const QUOTIENT_DIGITS: i32 = 16;
/// Decimal digits in each digit of PostgreSQL's `numeric`, which is to the base of 10,000.
const DIGITS_OF_GROUP: i32 = 4;
/// Digits of a floating point number that count when it becomes a numeric.
const DIGITS_OF_FLOAT: usize = 15;

/// The numeric of this many decimals.
pub fn numeric(scale: i8) -> DataType {
    DataType::Decimal128(DIGITS, scale)
}

/// The decimals of a whole number or a numeric; none of other types.
pub fn scale_of(kind: &DataType) -> Option<i8> {
    match kind {
        kind if kind.is_integer() => Some(0),
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => Some(*scale),
        _ => None,
    }
}

/// Whether a type is one of PostgreSQL's numeric.
pub fn is_numeric(kind: &DataType) -> bool {
    scale_of(kind).is_some() && !kind.is_integer()
}

/// A number that its type cannot hold, with PostgreSQL's code.
pub fn out_of_range(what: &str) -> ArrowError {
    ArrowError::ArithmeticOverflow(format!("{what} out of range"))
}

/// A floating point number that its type cannot hold.
pub fn float_overflow() -> ArrowError {
    ArrowError::ArithmeticOverflow("value out of range: overflow".to_owned())
}

/// A numeric of more than 38 digits.
pub fn too_many_digits() -> ArrowError {
    ArrowError::ArithmeticOverflow(format!(
        "value overflows numeric format, which has {DIGITS} digits here; cast to double precision"
    ))
}

/// A text that is no number of a type.
pub fn no_number(kind: &str, text: &str) -> DataFusionError {
    ArrowError::ParseError(format!("invalid input syntax for type {kind}: \"{text}\"")).into()
}

/// The powers of 10 that 128 bits hold.
const POWERS_OF_TEN: [i128; 39] = {
    let mut powers = [1; 39];
    let mut exponent = 1;
    while exponent < powers.len() {
        powers[exponent] = powers[exponent - 1] * 10;
        exponent += 1;
    }
    powers
};

/// 10 to the power of `exponent`; none above 38.
pub fn ten_to(exponent: i32) -> Option<i128> {
    POWERS_OF_TEN.get(usize::try_from(exponent).ok()?).copied()
}

fn wide_ten_to(exponent: i32) -> Option<i256> {
    let low = ten_to(exponent.min(38))?;
    let high = ten_to(exponent - exponent.min(38))?;
    i256::from_i128(low).checked_mul(i256::from_i128(high))
}

/// `value / divisor`, halves away from zero; `divisor` is not zero.
pub fn divide_rounded(value: i128, divisor: i128) -> Option<i128> {
    let quotient = value.checked_div(divisor)?;
    // Division is the slowest of all operations, so the rest is not found by another one.
    let rest = (value - quotient * divisor).unsigned_abs();
    let divisor_size = divisor.unsigned_abs();
    let rounds_up = rest >= divisor_size - rest;
    match rounds_up && rest != 0 {
        false => Some(quotient),
        true if (value < 0) == (divisor < 0) => quotient.checked_add(1),
        true => quotient.checked_sub(1),
    }
}

fn wide_divide_rounded(value: i256, divisor: i256) -> Option<i256> {
    let quotient = value.checked_div(divisor)?;
    let rest = value.wrapping_sub(quotient.wrapping_mul(divisor)).wrapping_abs();
    let rounds_up = rest != i256::ZERO && rest >= divisor.wrapping_abs().wrapping_sub(rest);
    match rounds_up {
        false => Some(quotient),
        true if value.is_negative() == divisor.is_negative() => quotient.checked_add(i256::ONE),
        true => quotient.checked_sub(i256::ONE),
    }
}

/// `value` of `from` decimals with `to` decimals, halves away from zero.
///
/// # Errors
/// The value does not fit into 38 digits.
pub fn rescaled(value: i128, from: i8, to: i8) -> Result<i128, ArrowError> {
    let by = i32::from(to) - i32::from(from);
    let moved = match by.cmp(&0) {
        Ordering::Equal => Some(value),
        Ordering::Greater => match ten_to(by) {
            Some(factor) => value.checked_mul(factor),
            None => (value == 0).then_some(0),
        },
        // Beyond 38 digits nothing is left.
        Ordering::Less => match ten_to(-by) {
            Some(divisor) => divide_rounded(value, divisor),
            None => Some(0),
        },
    };
    fitting(moved)
}

fn fitting(value: Option<i128>) -> Result<i128, ArrowError> {
    const MOST: i128 = 10_i128.pow(38) - 1;
    value
        .filter(|value| (-MOST..=MOST).contains(value))
        .ok_or_else(too_many_digits)
}

/// The sum of two values of `out` decimals, or their difference.
///
/// # Errors
/// The value does not fit into 38 digits.
pub fn add(left: i128, right: i128) -> Result<i128, ArrowError> {
    fitting(left.checked_add(right))
}

/// The product of values of `left.1` and `right.1` decimals, with `out` decimals.
///
/// # Errors
/// The value does not fit into 38 digits.
pub fn multiply(left: (i128, i8), right: (i128, i8), out: i8) -> Result<i128, ArrowError> {
    let scale = left.1 + right.1;
    if let Some(product) = left.0.checked_mul(right.0) {
        return rescaled(product, scale, out);
    }
    let product = i256::from_i128(left.0).checked_mul(i256::from_i128(right.0));
    let rounded = product.and_then(|product| match i32::from(scale) - i32::from(out) {
        by if by > 0 => wide_divide_rounded(product, wide_ten_to(by)?),
        _ => Some(product),
    });
    fitting(rounded.and_then(i256::to_i128))
}

/// Decimals of a product of values with `left` and `right` decimals.
pub fn scale_of_product(left: i8, right: i8) -> i8 {
    (left + right).min(QUOTIENT.max(left).max(right))
}

/// The quotient with [`QUOTIENT`] decimals, or more where an operand has more, rounded where PostgreSQL rounds it.
///
/// # Errors
/// The divisor is zero, or the value does not fit into 38 digits.
pub fn divide(left: (i128, i8), right: (i128, i8), out: i8) -> Result<i128, ArrowError> {
    if right.0 == 0 {
        return Err(ArrowError::DivideByZero);
    }
    let decimals = decimals_of_quotient(left, right).min(i32::from(out));
    let by = decimals - i32::from(left.1) + i32::from(right.1);
    let quotient = match ten_to(by.abs()) {
        Some(factor) if by < 0 => right
            .0
            .checked_mul(factor)
            .and_then(|divisor| divide_rounded(left.0, divisor)),
        Some(factor) => left
            .0
            .checked_mul(factor)
            .and_then(|dividend| divide_rounded(dividend, right.0)),
        None => None,
    };
    let quotient = quotient.or_else(|| wide_quotient(left.0, right.0, by));
    let quotient = fitting(quotient)?;
    // At most `out` decimals are left to fill.
    rescaled(quotient, i8::try_from(decimals).unwrap_or(out), out)
}

fn wide_quotient(left: i128, right: i128, by: i32) -> Option<i128> {
    let factor = wide_ten_to(by.abs())?;
    let (mut dividend, mut divisor) = (i256::from_i128(left), i256::from_i128(right));
    match by < 0 {
        true => divisor = divisor.checked_mul(factor)?,
        false => dividend = dividend.checked_mul(factor)?,
    }
    wide_divide_rounded(dividend, divisor)?.to_i128()
}

/// The number of decimals that PostgreSQL gives a quotient.
fn decimals_of_quotient(left: (i128, i8), right: (i128, i8)) -> i32 {
    let ((left_weight, left_group), (right_weight, right_group)) = (first_group(left), first_group(right));
    let mut weight = left_weight - right_weight;
    if left_group <= right_group {
        weight -= 1;
    }
    let shown = |scale: i8| match scale {
        QUOTIENT | FREE => QUOTIENT_DIGITS,
        scale => i32::from(scale),
    };
    (QUOTIENT_DIGITS - weight * DIGITS_OF_GROUP)
        .max(shown(left.1))
        .max(shown(right.1))
        .max(0)
}

/// The weight of the first of PostgreSQL's groups of four digits that is not zero, and the group.
fn first_group((value, scale): (i128, i8)) -> (i32, u128) {
    let size = value.unsigned_abs();
    let Some(last) = size.checked_ilog10() else {
        return (0, 0);
    };
    // The first digit stands for 10 to the power of `first`.
    let last = i32::try_from(last).unwrap_or(0);
    let first = last - i32::from(scale);
    let weight = first.div_euclid(DIGITS_OF_GROUP);
    let digits = first.rem_euclid(DIGITS_OF_GROUP) + 1;
    let group = match ten_to((last + 1 - digits).abs()) {
        Some(power) if digits > last + 1 => size * power.unsigned_abs(),
        Some(power) => size / power.unsigned_abs(),
        None => 0,
    };
    (weight, group)
}

/// A numeric as PostgreSQL writes it.
pub fn written(value: i128, scale: i8) -> String {
    let digits = usize::try_from(scale).unwrap_or(0);
    let text = format!("{:0>width$}", value.unsigned_abs(), width = digits + 1);
    let (whole, decimals) = text.split_at(text.len() - digits);
    let needed = decimals.trim_end_matches('0').len();
    let shown = match scale {
        FREE => needed,
        QUOTIENT => {
            let (weight, _) = first_group((value, scale));
            let weight = if value == 0 { -1 } else { weight };
            let usual = usize::try_from(QUOTIENT_DIGITS - weight * DIGITS_OF_GROUP).unwrap_or(0);
            usual.clamp(needed, digits)
        }
        _ => digits,
    };
    let sign = if value < 0 { "-" } else { "" };
    let zeros = if scale < 0 && value != 0 {
        "0".repeat(usize::from(scale.unsigned_abs()))
    } else {
        String::new()
    };
    match shown {
        0 => format!("{sign}{whole}{zeros}"),
        shown => format!("{sign}{whole}.{}", &decimals[..shown]),
    }
}

/// The number that a text writes, with as many decimals as it has; none where it is no number.
pub fn read(text: &str) -> Option<Result<(i128, i8), ArrowError>> {
    let text = text.trim();
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, mantissa.strip_prefix('+').unwrap_or(mantissa)),
    };
    let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{decimals}");
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = digits.trim_start_matches('0');
    let value = match digits {
        "" => Some(0),
        digits => digits.parse::<i128>().ok(),
    };
    let scale = i32::try_from(decimals.len())
        .unwrap_or(i32::MAX)
        .saturating_sub(exponent);
    let moved = value.and_then(|value| match scale {
        0..=38 => Some((sign * value, i8::try_from(scale).ok()?)),
        ..0 => Some((sign * value.checked_mul(ten_to(-scale)?)?, 0)),
        _ if value == 0 => Some((0, i8::try_from(DIGITS).ok()?)),
        _ => None,
    });
    let fits = moved.and_then(|(value, scale)| Some((fitting(Some(value)).ok()?, scale)));
    Some(fits.ok_or_else(too_many_digits))
}

/// A floating point number as a numeric of `scale` decimals: its first 15 digits.
///
/// # Errors
/// The float is no number, or does not fit into 38 digits.
pub fn of_float(value: f64, scale: i8) -> Result<i128, ArrowError> {
    if !value.is_finite() {
        return Err(ArrowError::ArithmeticOverflow(format!(
            "numeric has no {} here; cast to double precision",
            super::floats::written(value)
        )));
    }
    let text = format!("{value:.digits$e}", digits = DIGITS_OF_FLOAT - 1);
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits: i128 = mantissa.replace('.', "").parse().unwrap_or(0);
    let from = i32::try_from(DIGITS_OF_FLOAT).unwrap_or(0) - 1 - exponent;
    let by = i32::from(scale) - from;
    let moved = match ten_to(by.abs()) {
        Some(factor) if by >= 0 => digits.checked_mul(factor),
        Some(divisor) => divide_rounded(digits, divisor),
        None if by < 0 || digits == 0 => Some(0),
        None => None,
    };
    fitting(moved)
}

/// A numeric as the floating point number that is nearest to it.
pub fn to_float(value: i128, scale: i8) -> f64 {
    // Read from text, as division of two floating point numbers rounds twice.
    format!("{value}e{}", -i32::from(scale)).parse().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> (i128, i8) {
        read(text).expect("a number").expect("that fits")
    }

    #[test]
    fn quotients_have_postgresqls_decimals() {
        for (left, right, expected) in [
            ("7", "2.0", "3.5000000000000000"),
            ("1", "3.0", "0.33333333333333333333"),
            ("2", "3.0", "0.66666666666666666667"),
            ("100", "3", "33.3333333333333333"),
            ("10000", "3", "3333.3333333333333333"),
            ("83778", "1240", "67.5629032258064516"),
            ("-7", "9", "-0.77777777777777777778"),
            ("5", "100000", "0.00005000000000000000"),
            ("123456789012345678", "7", "17636684144620811"),
        ] {
            let quotient = divide(number(left), number(right), QUOTIENT).expect(left);
            assert_eq!(written(quotient, QUOTIENT), expected, "{left} / {right}");
        }
        assert!(matches!(
            divide((1, 0), (0, 2), QUOTIENT),
            Err(ArrowError::DivideByZero)
        ));
    }

    #[test]
    fn numbers_are_read_and_written() {
        for (text, expected) in [
            ("1.50", "1.50"),
            (" -0.05 ", "-0.05"),
            ("+.5", "0.5"),
            ("7.", "7"),
            ("1e3", "1000"),
            ("1.5E-3", "0.0015"),
            ("00012.10", "12.10"),
            ("0.00", "0.00"),
        ] {
            let (value, scale) = number(text);
            assert_eq!(written(value, scale), expected, "{text}");
        }
        for text in ["", ".", "e5", "1,5", "1 2", "--1", "NaN", "0x1", "१"] {
            assert!(read(text).is_none(), "{text}");
        }
        assert!(read(&"9".repeat(39)).expect("a number").is_err());
        assert_eq!(written(1_500_000_000_000_000_000, FREE), "1.5");
        assert_eq!(written(-25, -2), "-2500");
    }

    #[test]
    fn powers_of_ten_end_where_128_bits_do() {
        assert_eq!(ten_to(0), Some(1));
        assert_eq!(ten_to(19), Some(10_000_000_000_000_000_000));
        assert_eq!(ten_to(38), 10_i128.checked_pow(38));
        assert_eq!((ten_to(39), ten_to(-1)), (None, None));
    }

    #[test]
    fn halves_go_away_from_zero() {
        for (value, from, to, expected) in [(25, 1, 0, 3), (-25, 1, 0, -3), (1005, 3, 2, 101), (1004, 3, 2, 100)] {
            assert_eq!(rescaled(value, from, to).expect("fits"), expected);
        }
        for (value, divisor, expected) in [
            (7, 2, Some(4)),
            (7, -2, Some(-4)),
            (-7, -3, Some(2)),
            (i128::MAX, 10, Some(i128::MAX / 10 + 1)),
            (i128::MIN, 1, Some(i128::MIN)),
            (i128::MIN, -1, None),
            (1, i128::MIN, Some(0)),
        ] {
            assert_eq!(divide_rounded(value, divisor), expected, "{value} / {divisor}");
        }
        assert!(rescaled(10_i128.pow(30), 0, 20).is_err());
    }

    #[test]
    fn floats_become_what_they_show() {
        for (value, expected) in [
            (0.1 + 0.2, "0.3"),
            (1.005, "1.005"),
            (-1e17, "-100000000000000000"),
            (0.0, "0"),
        ] {
            assert_eq!(written(of_float(value, FREE).expect("fits"), FREE), expected);
        }
        assert!(of_float(1e30, FREE).is_err());
        assert!(of_float(f64::NAN, FREE).is_err());
        assert!((to_float(1005, 3) - 1.005).abs() < f64::EPSILON);
    }

    #[test]
    fn products_are_exact_or_an_error() {
        assert_eq!(multiply((15, 1), (15, 1), 2).expect("fits"), 225);
        let large = 10_i128.pow(25);
        assert_eq!(multiply((large, 20), (large, 20), 20).expect("fits"), 10_i128.pow(30));
        assert!(multiply((large, 0), (large, 0), 0).is_err());
    }
}
