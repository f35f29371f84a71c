//! Logarithms, powers of e, and the inverses of trigonometric functions: out of their domain they are errors, where the
//! engine's own give NaN or infinity.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Float64Array};
use datafusion::arrow::compute::try_binary;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue};

use super::arithmetic::is_number;
use super::casts;
use crate::engine::dialect::function::{Function, no_function};

/// All functions of this file.
pub const ALL: [Function; 8] = [
    Function {
        name: "ln",
        coerce: numbers::<1, 1>,
        returns: float,
        run: |columns, _| of_each(&columns[0], |value| Ok(positive(value)?.ln())),
    },
    Function {
        name: "log",
        coerce: numbers::<1, 2>,
        returns: float,
        run: |columns, _| match columns {
            [base, value] => to_base(base, value),
            columns => of_each(&columns[0], |value| Ok(positive(value)?.log10())),
        },
    },
    Function {
        name: "log10",
        coerce: numbers::<1, 1>,
        returns: float,
        run: |columns, _| of_each(&columns[0], |value| Ok(positive(value)?.log10())),
    },
    Function {
        name: "exp",
        coerce: numbers::<1, 1>,
        returns: float,
        run: |columns, _| of_each(&columns[0], power_of_e),
    },
    Function {
        name: "asin",
        coerce: numbers::<1, 1>,
        returns: float,
        run: |columns, _| of_each(&columns[0], |value| Ok(within(value, -1.0, 1.0)?.asin())),
    },
    Function {
        name: "acos",
        coerce: numbers::<1, 1>,
        returns: float,
        run: |columns, _| of_each(&columns[0], |value| Ok(within(value, -1.0, 1.0)?.acos())),
    },
    Function {
        name: "acosh",
        coerce: numbers::<1, 1>,
        returns: float,
        run: |columns, _| of_each(&columns[0], |value| Ok(within(value, 1.0, f64::INFINITY)?.acosh())),
    },
    Function {
        name: "atanh",
        coerce: numbers::<1, 1>,
        returns: float,
        run: |columns, _| of_each(&columns[0], |value| Ok(within(value, -1.0, 1.0)?.atanh())),
    },
];

fn float(_: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(DataType::Float64)
}

fn numbers<const LEAST: usize, const MOST: usize>(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    let are_known = types.iter().all(|kind| is_number(kind) || kind.is_null());
    match are_known && (LEAST..=MOST).contains(&types.len()) {
        true => Ok(types.iter().map(number).collect()),
        false => no_function(name, types),
    }
}

/// NULL is that of a floating point number.
fn number(kind: &DataType) -> DataType {
    match kind {
        DataType::Null => DataType::Float64,
        kind => kind.clone(),
    }
}

fn of_each(values: &ArrayRef, function: fn(f64) -> Result<f64, ArrowError>) -> Result<ArrayRef> {
    let floats = casts::float(values)?;
    let made: Float64Array = floats.as_primitive::<Float64Type>().try_unary(function)?;
    Ok(Arc::new(made))
}

fn to_base(base: &ArrayRef, value: &ArrayRef) -> Result<ArrayRef> {
    let (base, value) = (casts::float(base)?, casts::float(value)?);
    let made: Float64Array = try_binary(
        base.as_primitive::<Float64Type>(),
        value.as_primitive::<Float64Type>(),
        |base, value| match positive(base)?.ln() {
            0.0 => Err(ArrowError::DivideByZero),
            // The quotient of natural logarithms would be 2.9999999999999996 of 10 and 1000.
            _ if base == 10.0 => Ok(positive(value)?.log10()),
            _ if base == 2.0 => Ok(positive(value)?.log2()),
            natural => Ok(positive(value)?.ln() / natural),
        },
    )?;
    Ok(Arc::new(made))
}

fn positive(value: f64) -> Result<f64, ArrowError> {
    if value == 0.0 {
        return Err(ArrowError::ComputeError("cannot take logarithm of zero".to_owned()));
    }
    match value < 0.0 {
        true => Err(ArrowError::ComputeError(
            "cannot take logarithm of a negative number".to_owned(),
        )),
        false => Ok(value),
    }
}

fn power_of_e(value: f64) -> Result<f64, ArrowError> {
    let made = value.exp();
    if value.is_finite() && (made.is_infinite() || made == 0.0) {
        let what = if made == 0.0 { "underflow" } else { "overflow" };
        return Err(ArrowError::ComputeError(format!("value out of range: {what}")));
    }
    Ok(made)
}

/// The value, which has to be between these. NaN stays.
fn within(value: f64, least: f64, most: f64) -> Result<f64, ArrowError> {
    match value < least || value > most {
        true => Err(ArrowError::ComputeError("input is out of range".to_owned())),
        false => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(name: &str, arguments: &[f64]) -> Option<f64> {
        let function = ALL.iter().find(|function| function.name == name).expect(name);
        let columns: Vec<ArrayRef> = arguments
            .iter()
            .map(|value| Arc::new(Float64Array::from(vec![*value])) as ArrayRef)
            .collect();
        let made = (function.run)(&columns, &DataType::Float64).ok()?;
        Some(made.as_primitive::<Float64Type>().value(0))
    }

    #[test]
    fn values_out_of_the_domain_are_errors() {
        assert_eq!(answer("ln", &[1.0]), Some(0.0));
        assert_eq!(answer("log", &[1000.0]), Some(3.0));
        assert_eq!(answer("log", &[2.0, 8.0]), Some(3.0));
        assert_eq!(answer("log", &[10.0, 1000.0]), Some(3.0));
        assert_eq!(answer("exp", &[0.0]), Some(1.0));
        assert_eq!(answer("acos", &[1.0]), Some(0.0));
        for (name, arguments) in [
            ("ln", vec![0.0]),
            ("log", vec![-1.0]),
            ("log", vec![1.0, 8.0]),
            ("log10", vec![0.0]),
            ("exp", vec![1000.0]),
            ("exp", vec![-1000.0]),
            ("asin", vec![2.0]),
            ("acosh", vec![0.5]),
            ("atanh", vec![-1.5]),
        ] {
            assert_eq!(answer(name, &arguments), None, "{name} {arguments:?}");
        }
    }
}
