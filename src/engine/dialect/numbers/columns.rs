//! Sums, differences and products of columns of numerics.
//!
//! To check each value for what 38 digits hold takes several times as long as to calculate it. So a column is
//! calculated without checks, and the bits of all operands are collected on the way. Only where these do not prove that
//! every value fits is the column calculated again, value by value.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, Decimal128Array, new_null_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::compute::try_binary;
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

use super::arithmetic::{Operation, as_numerics};
use super::numeric::{self as decimal, DIGITS, ten_to};

/// Numbers below 2 to this power have at most 38 digits.
const BITS: u32 = 126;

/// One side of a calculation.
#[derive(Debug)]
pub struct Numbers {
    values: Values,
    /// Decimals of all values.
    scale: i8,
}

#[derive(Debug, Clone)]
enum Values {
    Many(Decimal128Array),
    /// The same in all rows; `None` for NULL.
    One(Option<i128>),
}

impl Numbers {
    /// The numbers of an argument.
    ///
    /// # Errors
    /// The argument is not of numbers.
    pub fn of(argument: &ColumnarValue) -> Result<Self> {
        match argument {
            ColumnarValue::Array(column) => Self::of_column(column),
            ColumnarValue::Scalar(value) => {
                let (values, scale) = as_numerics(&value.to_array()?)?;
                let value = values.is_valid(0).then(|| values.value(0));
                Ok(Self {
                    values: Values::One(value),
                    scale,
                })
            }
        }
    }

    /// The numbers of a column.
    ///
    /// # Errors
    /// The column is not of numbers.
    pub fn of_column(column: &ArrayRef) -> Result<Self> {
        let (values, scale) = as_numerics(column)?;
        Ok(Self {
            values: Values::Many(values),
            scale,
        })
    }

    fn is_null(&self) -> bool {
        matches!(self.values, Values::One(None))
    }

    fn column(&self, rows: usize) -> Decimal128Array {
        match &self.values {
            Values::Many(values) => values.clone(),
            Values::One(Some(value)) => Decimal128Array::from_value(*value, rows),
            Values::One(None) => Decimal128Array::new_null(rows),
        }
    }

    /// The values to calculate with where results have `scale` decimals, and what each is to be multiplied by. One
    /// value is multiplied here. `None` where the factor or the value is too large.
    fn with_factor(&self, scale: i8) -> Option<(Values, i128)> {
        let factor = ten_to(i32::from(scale) - i32::from(self.scale))?;
        Some(match &self.values {
            Values::One(Some(value)) => (Values::One(Some(value.checked_mul(factor)?)), 1),
            values => (values.clone(), factor),
        })
    }
}

/// The results for the numbers of each of `rows`, with `out` decimals.
///
/// # Errors
/// A divisor is zero, or a result does not fit into 38 digits.
pub fn of_numerics(operation: Operation, left: &Numbers, right: &Numbers, rows: usize, out: i8) -> Result<ArrayRef> {
    if left.is_null() || right.is_null() {
        return Ok(new_null_array(&decimal::numeric(out), rows));
    }
    let made = match unchecked(operation, left, right, out) {
        Some(made) => made,
        None => checked(operation, left, right, rows, out)?,
    };
    Ok(Arc::new(made.with_precision_and_scale(DIGITS, out)?))
}

/// Calculates value by value, each with a check.
fn checked(
    operation: Operation,
    left: &Numbers,
    right: &Numbers,
    rows: usize,
    out: i8,
) -> Result<Decimal128Array, ArrowError> {
    let (left_scale, right_scale) = (left.scale, right.scale);
    try_binary(&left.column(rows), &right.column(rows), |left, right| {
        let (one, other) = ((left, left_scale), (right, right_scale));
        match operation {
            Operation::Multiply => decimal::multiply(one, other, out),
            Operation::Divide => decimal::divide(one, other, out),
            _ => {
                let left = decimal::rescaled(left, left_scale, out)?;
                let right = decimal::rescaled(right, right_scale, out)?;
                match operation {
                    Operation::Subtract => decimal::add(left, -right),
                    Operation::Rest if right == 0 => Err(ArrowError::DivideByZero),
                    Operation::Rest => Ok(left % right),
                    _ => decimal::add(left, right),
                }
            }
        }
    })
}

/// Calculates all values without checks; `None` where a value may not fit, or has to be rounded.
fn unchecked(operation: Operation, left: &Numbers, right: &Numbers, out: i8) -> Option<Decimal128Array> {
    match operation {
        Operation::Multiply => product(left, right, out),
        Operation::Add => sum(left, right, out, i128::wrapping_add),
        Operation::Subtract => sum(left, right, out, i128::wrapping_sub),
        Operation::Divide | Operation::Rest => None,
    }
}

fn product(left: &Numbers, right: &Numbers, out: i8) -> Option<Decimal128Array> {
    if i32::from(left.scale) + i32::from(right.scale) != i32::from(out) {
        return None;
    }
    let made = combined(&left.values, &right.values, i128::wrapping_mul)?;
    (made.left_bits + made.right_bits <= BITS).then_some(made.values)
}

/// The sum or the difference, whatever `add` makes of two values of the same decimals.
fn sum(left: &Numbers, right: &Numbers, out: i8, add: impl Fn(i128, i128) -> i128) -> Option<Decimal128Array> {
    let (left, left_factor) = left.with_factor(out)?;
    let (right, right_factor) = right.with_factor(out)?;
    let made = match (left_factor, right_factor) {
        (1, 1) => combined(&left, &right, add)?,
        _ => combined(&left, &right, |left, right| {
            add(left.wrapping_mul(left_factor), right.wrapping_mul(right_factor))
        })?,
    };
    // Of two values with one bit less than fits, the sum fits.
    let left_bits = made.left_bits + bits(left_factor);
    let right_bits = made.right_bits + bits(right_factor);
    (left_bits.max(right_bits) < BITS).then_some(made.values)
}

/// Results of which it is not known whether they fit.
struct Combined {
    values: Decimal128Array,
    /// No value of the left side is larger than 2 to this power, or smaller than the negative of that.
    left_bits: u32,
    right_bits: u32,
}

/// `calculate` of all values, also of those below NULL, which may be anything. `None` where neither side is a column, or
/// the columns are not of one length.
fn combined(left: &Values, right: &Values, calculate: impl Fn(i128, i128) -> i128) -> Option<Combined> {
    let (mut left_sizes, mut right_sizes) = (0_i128, 0_i128);
    let mut calculate = |left: i128, right: i128| {
        left_sizes |= size(left);
        right_sizes |= size(right);
        calculate(left, right)
    };
    let (values, nulls): (Vec<i128>, _) = match (left, right) {
        (Values::Many(left), Values::Many(right)) if left.len() == right.len() => {
            let pairs = left.values().iter().zip(right.values().iter());
            let values = pairs.map(|(left, right)| calculate(*left, *right)).collect();
            (values, NullBuffer::union(left.nulls(), right.nulls()))
        }
        (Values::Many(left), Values::One(Some(right))) => {
            let values = left.values().iter().map(|left| calculate(*left, *right)).collect();
            (values, left.nulls().cloned())
        }
        (Values::One(Some(left)), Values::Many(right)) => {
            let values = right.values().iter().map(|right| calculate(*left, *right)).collect();
            (values, right.nulls().cloned())
        }
        _ => return None,
    };
    Some(Combined {
        values: Decimal128Array::new(values.into(), nulls),
        left_bits: bits(left_sizes),
        right_bits: bits(right_sizes),
    })
}

/// The bits of a value without its sign; those of a negative one are of a number smaller by one.
fn size(value: i128) -> i128 {
    value ^ (value >> 127)
}

/// The bits that are needed for sizes.
fn bits(sizes: i128) -> u32 {
    i128::BITS - sizes.leading_zeros()
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;
    use proptest::prelude::*;

    use super::*;

    /// The largest number of 38 digits.
    const MOST: i128 = 10_i128.pow(38) - 1;

    fn column(values: impl IntoIterator<Item = Option<i128>>, scale: i8) -> Numbers {
        let values: Decimal128Array = values.into_iter().collect();
        Numbers {
            values: Values::Many(values),
            scale,
        }
    }

    fn one(value: i128, scale: i8) -> Numbers {
        Numbers {
            values: Values::One(Some(value)),
            scale,
        }
    }

    /// The results of both ways, `None` for an error or where the faster way does not know.
    fn both(operation: Operation, left: &Numbers, right: &Numbers, out: i8) -> [Option<Vec<Option<i128>>>; 2] {
        let rows = match (&left.values, &right.values) {
            (Values::Many(values), _) | (_, Values::Many(values)) => values.len(),
            _ => 1,
        };
        let values = |column: Decimal128Array| column.iter().collect::<Vec<_>>();
        [
            unchecked(operation, left, right, out).map(values),
            checked(operation, left, right, rows, out).ok().map(values),
        ]
    }

    #[test]
    fn usual_columns_are_calculated_at_once() {
        let price = column([Some(9_010_050), None, Some(-1), Some(0)], 2);
        let discount = column([Some(4), Some(10), Some(0), None], 2);
        let rest = Some(vec![Some(96), Some(90), Some(100), None]);
        assert_eq!(
            both(Operation::Subtract, &one(1, 0), &discount, 2),
            [rest.clone(), rest]
        );
        let made = Some(vec![Some(36_040_200), None, Some(0), None]);
        assert_eq!(both(Operation::Multiply, &price, &discount, 4), [made.clone(), made]);
        let made = Some(vec![Some(9_010_054), None, Some(-1), None]);
        assert_eq!(both(Operation::Add, &price, &discount, 2), [made.clone(), made]);
        let made = Some(vec![Some(901_004_996), None, Some(-100), None]);
        assert_eq!(
            both(
                Operation::Subtract,
                &price,
                &column([Some(4), Some(10), Some(0), None], 4),
                4
            ),
            [made.clone(), made]
        );
    }

    #[test]
    fn the_last_numbers_that_fit_are_results_and_the_next_are_errors() {
        let sum = |left: i128, right: i128| {
            let (left, right) = (column([Some(left)], 0), column([Some(right)], 0));
            of_numerics(Operation::Add, &left, &right, 1, 0).is_ok()
        };
        assert!(sum(MOST - 1, 1) && sum(-MOST + 1, -1) && sum(MOST, -MOST));
        assert!(!sum(MOST, 1) && !sum(-MOST, -1));
        let product = |left: i128, right: i128| {
            let (left, right) = (column([Some(left)], 0), one(right, 0));
            of_numerics(Operation::Multiply, &left, &right, 1, 0).is_ok()
        };
        let half = 10_i128.pow(19);
        assert!(product(MOST, -1) && product(half, half - 1) && product(MOST / 3, 3));
        assert!(!product(half, half) && !product(MOST, 2) && !product(-MOST, 10));
        assert!(!product(i128::from(i64::MIN) * 2, i128::from(i64::MIN) * 2));
    }

    #[test]
    fn what_lies_below_null_is_no_error() {
        let hidden = NullBuffer::from(vec![false, true]);
        let below = Numbers {
            values: Values::Many(Decimal128Array::new(vec![i128::MAX, 3].into(), Some(hidden))),
            scale: 0,
        };
        let made = of_numerics(Operation::Multiply, &below, &one(7, 0), 2, 0).expect("a column");
        let (made, _) = as_numerics(&made).expect("numerics");
        assert_eq!(made.iter().collect::<Vec<_>>(), [None, Some(21)]);
    }

    #[test]
    fn null_as_one_value_gives_null_and_divides_nothing() {
        let null = Numbers::of(&ColumnarValue::Scalar(ScalarValue::Decimal128(None, 38, 2))).expect("a number");
        for operation in [Operation::Add, Operation::Multiply, Operation::Divide] {
            let made = of_numerics(operation, &null, &column([Some(0), Some(1)], 2), 2, 4).expect("a column");
            assert_eq!((made.len(), made.null_count()), (2, 2));
            assert_eq!(made.data_type(), &decimal::numeric(4));
        }
    }

    /// Numbers of any number of digits, and those at the ends.
    fn number() -> impl Strategy<Value = i128> {
        let any_size = (any::<i128>(), 0_u32..128).prop_map(|(value, by)| (value >> by).clamp(-MOST, MOST));
        prop_oneof![any_size, Just(MOST), Just(-MOST), Just(0), Just(-1)]
    }

    fn operation() -> impl Strategy<Value = Operation> {
        prop_oneof![
            Just(Operation::Add),
            Just(Operation::Subtract),
            Just(Operation::Multiply)
        ]
    }

    proptest! {
        #[test]
        fn both_ways_give_the_same(
            operation in operation(),
            pairs in proptest::collection::vec((proptest::option::of(number()), proptest::option::of(number())), 1..5),
            scales in (0_i8..20, 0_i8..20),
            is_one in any::<[bool; 2]>(),
        ) {
            let side = |values: Vec<Option<i128>>, is_one: bool, scale: i8| match values.first().copied().flatten() {
                Some(value) if is_one => one(value, scale),
                _ => column(values, scale),
            };
            let (lefts, rights): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let (left, right) = (side(lefts, is_one[0], scales.0), side(rights, is_one[1], scales.1));
            let out = match operation {
                Operation::Multiply => decimal::scale_of_product(scales.0, scales.1),
                _ => scales.0.max(scales.1),
            };
            let [at_once, value_by_value] = both(operation, &left, &right, out);
            if at_once.is_some() {
                prop_assert_eq!(at_once, value_by_value);
            }
        }
    }
}
