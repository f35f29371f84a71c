//! `+ - * / %` and `^` of numbers: whole numbers and floating point numbers are checked for what their types can hold,
//! numerics are exact, and nothing is divided by zero.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray};
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::compute::{cast, try_binary};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::ColumnarValue;

use super::casts::rounded_to_reals;
use super::columns::{Numbers, of_numerics};
use super::numeric as decimal;
use super::numeric::{DIGITS, QUOTIENT, float_overflow, is_numeric, out_of_range, scale_of};
use crate::engine::dialect::function::{Function, FunctionOfValues, no_function};
use crate::engine::dialect::type_names::of_arrow;

/// A calculation of two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operation {
    Add,
    Subtract,
    Multiply,
    Divide,
    Rest,
}

/// The functions that operators become; `mod` is one of PostgreSQL's as well.
pub const OPERATORS: [FunctionOfValues; 5] = [
    FunctionOfValues {
        name: "add_numbers",
        coerce: coerced,
        returns: |types, _| result(Operation::Add, types),
        run: |values, rows, out| of_values(Operation::Add, values, rows, out),
    },
    FunctionOfValues {
        name: "subtract_numbers",
        coerce: coerced,
        returns: |types, _| result(Operation::Subtract, types),
        run: |values, rows, out| of_values(Operation::Subtract, values, rows, out),
    },
    FunctionOfValues {
        name: "multiply_numbers",
        coerce: coerced,
        returns: |types, _| result(Operation::Multiply, types),
        run: |values, rows, out| of_values(Operation::Multiply, values, rows, out),
    },
    FunctionOfValues {
        name: "divide_numbers",
        coerce: coerced,
        returns: |types, _| result(Operation::Divide, types),
        run: |values, rows, out| of_values(Operation::Divide, values, rows, out),
    },
    FunctionOfValues {
        name: "mod",
        coerce: coerced,
        returns: |types, _| result(Operation::Rest, types),
        run: |values, rows, out| of_values(Operation::Rest, values, rows, out),
    },
];

/// `div(a, b)`: the quotient without its decimals.
pub const DIV: Function = Function {
    name: "div",
    coerce: coerced,
    returns: |_, _: &[Option<&ScalarValue>]| Ok(decimal::numeric(0)),
    run: |columns, _| whole_quotient(columns),
};

/// Whether a type takes part in calculations.
pub fn is_number(kind: &DataType) -> bool {
    kind.is_integer() || kind.is_floating() || is_numeric(kind)
}

fn coerced(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    let [left, right] = types else {
        return no_function(name, types);
    };
    let (left, right) = match (left.is_null(), right.is_null()) {
        (true, true) => (&DataType::Int32, &DataType::Int32),
        (true, false) => (right, right),
        (false, true) => (left, left),
        (false, false) => (left, right),
    };
    match is_number(left) && is_number(right) {
        true => Ok(vec![left.clone(), right.clone()]),
        false => no_function(name, types),
    }
}

/// PostgreSQL's type of a calculation with numbers of two types.
pub fn result(operation: Operation, types: &[DataType]) -> Result<DataType> {
    let [left, right] = types else {
        return exec_err!("two numbers are expected");
    };
    if left.is_floating() || right.is_floating() {
        let is_real = |kind: &DataType| matches!(kind, DataType::Float32 | DataType::Float16);
        let is_real = is_real(left) && is_real(right);
        return Ok(if is_real { DataType::Float32 } else { DataType::Float64 });
    }
    if let (true, true) = (left.is_integer(), right.is_integer()) {
        return Ok(whole(left).max_by_width(whole(right)));
    }
    let (left, right) = (scale_of(left).unwrap_or(0), scale_of(right).unwrap_or(0));
    Ok(decimal::numeric(match operation {
        Operation::Add | Operation::Subtract | Operation::Rest => left.max(right),
        Operation::Multiply => decimal::scale_of_product(left, right),
        Operation::Divide => QUOTIENT.max(left).max(right),
    }))
}

/// A whole number's type among PostgreSQL's three.
fn whole(kind: &DataType) -> Width {
    match kind {
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => Width(DataType::Int16),
        DataType::UInt16 | DataType::Int32 => Width(DataType::Int32),
        _ => Width(DataType::Int64),
    }
}

struct Width(DataType);

impl Width {
    fn max_by_width(self, other: Self) -> DataType {
        match self.0.primitive_width() >= other.0.primitive_width() {
            true => self.0,
            false => other.0,
        }
    }
}

/// Two values of each row calculated, as a column of the type. Numerics that are the same in all rows do not become
/// columns before.
fn of_values(operation: Operation, values: &[ColumnarValue], rows: usize, out: &DataType) -> Result<ArrayRef> {
    let [left, right] = values else {
        return exec_err!("two numbers are expected");
    };
    match out {
        DataType::Decimal128(_, scale) => {
            of_numerics(operation, &Numbers::of(left)?, &Numbers::of(right)?, rows, *scale)
        }
        _ => calculated(operation, &[left.to_array(rows)?, right.to_array(rows)?], out),
    }
}

/// Two columns calculated, as a column of the type.
pub fn calculated(operation: Operation, columns: &[ArrayRef], out: &DataType) -> Result<ArrayRef> {
    let [left, right] = columns else {
        return exec_err!("two numbers are expected");
    };
    match out {
        DataType::Float64 => Ok(Arc::new(of_floats(operation, left, right)?)),
        DataType::Float32 => of_reals(operation, left, right),
        DataType::Decimal128(_, scale) => {
            let (left, right, rows) = (Numbers::of_column(left)?, Numbers::of_column(right)?, left.len());
            of_numerics(operation, &left, &right, rows, *scale)
        }
        kind if kind.is_integer() => of_whole_numbers(operation, left, right, kind),
        other => exec_err!("numbers are not of type {other}"),
    }
}

fn of_whole_numbers(operation: Operation, left: &ArrayRef, right: &ArrayRef, kind: &DataType) -> Result<ArrayRef> {
    let (left, right) = (cast(left, kind)?, cast(right, kind)?);
    let made = match operation {
        Operation::Add => numeric::add(&left, &right),
        Operation::Subtract => numeric::sub(&left, &right),
        Operation::Multiply => numeric::mul(&left, &right),
        Operation::Divide => numeric::div(&left, &right),
        Operation::Rest => numeric::rem(&left, &right),
    };
    Ok(made.map_err(|error| match error {
        ArrowError::ArithmeticOverflow(_) => out_of_range(&of_arrow(kind)),
        other => other,
    })?)
}

fn of_floats(operation: Operation, left: &ArrayRef, right: &ArrayRef) -> Result<PrimitiveArray<Float64Type>> {
    let (left, right) = (cast(left, &DataType::Float64)?, cast(right, &DataType::Float64)?);
    let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
    Ok(try_binary(left, right, |left, right| of_two(operation, left, right))?)
}

/// Computing with 53 bits and rounding to the 24 of a `real` gives the same result as computing with 24.
fn of_reals(operation: Operation, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
    Ok(Arc::new(rounded_to_reals(&of_floats(operation, left, right)?)?))
}

// A divisor is compared with zero, which floating point numbers have exactly.
fn of_two(operation: Operation, left: f64, right: f64) -> Result<f64, ArrowError> {
    let divides = matches!(operation, Operation::Divide | Operation::Rest);
    if divides && right == 0.0 && !left.is_nan() {
        return Err(ArrowError::DivideByZero);
    }
    let made = match operation {
        Operation::Add => left + right,
        Operation::Subtract => left - right,
        Operation::Multiply => left * right,
        Operation::Divide => left / right,
        Operation::Rest => left % right,
    };
    if made.is_infinite() && left.is_finite() && right.is_finite() {
        return Err(float_overflow());
    }
    let can_vanish = match operation {
        Operation::Multiply => left != 0.0 && right != 0.0,
        Operation::Divide => left != 0.0 && right.is_finite(),
        _ => false,
    };
    if made == 0.0 && can_vanish {
        return Err(ArrowError::ArithmeticOverflow(
            "value out of range: underflow".to_owned(),
        ));
    }
    Ok(made)
}

/// A column of whole numbers or numerics as values, and their decimals.
///
/// # Errors
/// The column is not of numbers.
pub fn as_numerics(column: &ArrayRef) -> Result<(PrimitiveArray<Decimal128Type>, i8)> {
    let scale = scale_of(column.data_type()).unwrap_or(0);
    let kind = decimal::numeric(scale);
    let values = match column.data_type() {
        DataType::Decimal128(..) => column.as_primitive::<Decimal128Type>().clone(),
        // The engine's cast checks each value, and all of 64 bits fit.
        from if from.is_signed_integer() => {
            let whole = cast(column, &DataType::Int64)?;
            let values: PrimitiveArray<Decimal128Type> = whole.as_primitive::<Int64Type>().unary(i128::from);
            values.with_precision_and_scale(DIGITS, scale)?
        }
        _ => cast(column, &kind)?.as_primitive::<Decimal128Type>().clone(),
    };
    Ok((values, scale))
}

fn whole_quotient(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let [left, right] = columns else {
        return exec_err!("two numbers are expected");
    };
    if left.data_type().is_floating() || right.data_type().is_floating() {
        return no_function("div", &[left.data_type().clone(), right.data_type().clone()]);
    }
    let ((left, left_scale), (right, right_scale)) = (as_numerics(left)?, as_numerics(right)?);
    let scale = left_scale.max(right_scale);
    let made: PrimitiveArray<Decimal128Type> = try_binary(&left, &right, |left, right| {
        match decimal::rescaled(right, right_scale, scale)? {
            0 => Err(ArrowError::DivideByZero),
            right => Ok(decimal::rescaled(left, left_scale, scale)? / right),
        }
    })?;
    Ok(Arc::new(made.with_precision_and_scale(DIGITS, 0)?))
}
