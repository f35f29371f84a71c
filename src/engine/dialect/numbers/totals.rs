//! Totals of whole numbers and numerics: of one group, of many, and of distinct values.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, PrimitiveArray};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Decimal128Type, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{Accumulator, EmitTo, GroupsAccumulator};

use super::numeric::{DIGITS, too_many_digits};
use super::sums::{Shape, values};

fn sum(left: i128, right: i128) -> Result<i128> {
    Ok(left.checked_add(right).ok_or_else(too_many_digits)?)
}

/// Totals as a column, which two numbers of a state make: a total and the count of its values.
fn totals_of(shape: &Shape, totals: Vec<i128>) -> Result<ArrayRef> {
    let column = Decimal128Array::from(totals).with_precision_and_scale(DIGITS, shape.scale)?;
    Ok(Arc::new(column))
}

/// The total of one group.
#[derive(Debug)]
pub struct Total {
    shape: Shape,
    total: i128,
    count: i64,
}

impl Total {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            total: 0,
            count: 0,
        }
    }

    /// Adds all values to the total, or takes them from it. Returns how many there are.
    fn step(&mut self, values: &Decimal128Array, add: impl Fn(i128, i128) -> (i128, bool)) -> Result<i64> {
        let add = |(total, is_over): (i128, bool), value: i128| {
            let (total, is_this_over) = add(total, value);
            (total, is_over | is_this_over)
        };
        let (total, is_over) = match values.null_count() {
            0 => values.values().iter().copied().fold((self.total, false), add),
            _ => values.iter().flatten().fold((self.total, false), add),
        };
        self.total = total;
        fitting(is_over)?;
        Ok(i64::try_from(values.len() - values.null_count()).unwrap_or(i64::MAX))
    }
}

impl Accumulator for Total {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let count = self.step(&values(&columns[0])?, i128::overflowing_add)?;
        self.count += count;
        Ok(())
    }

    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let count = self.step(&values(&columns[0])?, i128::overflowing_sub)?;
        self.count -= count;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        one(&self.shape, self.total, self.count)
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![
            ScalarValue::Decimal128(Some(self.total), DIGITS, self.shape.scale),
            ScalarValue::Int64(Some(self.count)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for total in states[0].as_primitive::<Decimal128Type>().iter().flatten() {
            self.total = sum(self.total, total)?;
        }
        self.count += states[1].as_primitive::<Int64Type>().iter().flatten().sum::<i64>();
        Ok(())
    }
}

fn one(shape: &Shape, total: i128, count: i64) -> Result<ScalarValue> {
    let column = shape.column(vec![shape.value(total, count)?])?;
    ScalarValue::try_from_array(&column, 0)
}

/// The total of the distinct values of one group.
#[derive(Debug)]
pub struct DistinctTotal {
    shape: Shape,
    values: HashSet<i128>,
}

impl DistinctTotal {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            values: HashSet::new(),
        }
    }
}

impl Accumulator for DistinctTotal {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.values.extend(values(&columns[0])?.iter().flatten());
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let total = self.values.iter().try_fold(0, |total, value| sum(total, *value))?;
        one(&self.shape, total, i64::try_from(self.values.len()).unwrap_or(i64::MAX))
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.values.capacity() * size_of::<i128>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let scale = self.shape.scale;
        let values: Vec<ScalarValue> = self
            .values
            .iter()
            .map(|value| ScalarValue::Decimal128(Some(*value), DIGITS, scale))
            .collect();
        let list = ScalarValue::new_list_nullable(&values, &self.shape.total());
        Ok(vec![ScalarValue::List(list)])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for list in states[0].as_list::<i32>().iter().flatten() {
            self.values
                .extend(list.as_primitive::<Decimal128Type>().iter().flatten());
        }
        Ok(())
    }
}

/// The total of a group and the count of its values.
#[derive(Debug, Clone, Copy, Default)]
struct Group {
    total: i128,
    count: i64,
}

/// The totals of many groups.
#[derive(Debug)]
pub struct GroupTotals {
    shape: Shape,
    groups: Vec<Group>,
}

impl GroupTotals {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            groups: Vec::new(),
        }
    }

    /// Adds each counted value to the group of its row.
    fn add<T: ArrowPrimitiveType>(
        &mut self,
        values: &PrimitiveArray<T>,
        groups_of_rows: &[usize],
        filter: Option<&BooleanArray>,
    ) -> Result<()>
    where
        T::Native: Into<i128>,
    {
        // Looked at once after all rows: a branch for each would take longer than the sum.
        let mut is_over = false;
        let mut add = |group: usize, value: T::Native| {
            let group = &mut self.groups[group];
            let (total, is_this_over) = group.total.overflowing_add(value.into());
            group.total = total;
            group.count += 1;
            is_over |= is_this_over;
        };
        match counted(values.nulls(), filter) {
            None => {
                let rows = groups_of_rows.iter().zip(values.values());
                rows.for_each(|(group, value)| add(*group, *value));
            }
            Some(counted) => counted
                .valid_indices()
                .for_each(|row| add(groups_of_rows[row], values.value(row))),
        }
        fitting(is_over)
    }
}

/// The rows that have a value and pass the filter, as those that are valid; `None` for all.
fn counted(nulls: Option<&NullBuffer>, filter: Option<&BooleanArray>) -> Option<NullBuffer> {
    let passing = filter.map(|filter| match filter.nulls() {
        Some(known) => NullBuffer::new(filter.values() & known.inner()),
        None => NullBuffer::new(filter.values().clone()),
    });
    NullBuffer::union(nulls, passing.as_ref())
}

/// An error where a total is not within 128 bits.
fn fitting(is_over: bool) -> Result<()> {
    match is_over {
        true => Err(too_many_digits().into()),
        false => Ok(()),
    }
}

impl GroupsAccumulator for GroupTotals {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.groups.resize(total_groups, Group::default());
        let column = &columns[0];
        match column.data_type() {
            DataType::Int64 => self.add(column.as_primitive::<Int64Type>(), groups, filter),
            DataType::Int32 => self.add(column.as_primitive::<Int32Type>(), groups, filter),
            _ => self.add(&values(column)?, groups, filter),
        }
    }

    fn evaluate(&mut self, emitted: EmitTo) -> Result<ArrayRef> {
        let groups = emitted.take_needed(&mut self.groups);
        let values = groups
            .into_iter()
            .map(|group| self.shape.value(group.total, group.count));
        self.shape.column(values.collect::<Result<_>>()?)
    }

    fn state(&mut self, emitted: EmitTo) -> Result<Vec<ArrayRef>> {
        let groups = emitted.take_needed(&mut self.groups);
        let totals = groups.iter().map(|group| group.total).collect();
        let counts = groups.iter().map(|group| group.count).collect::<Vec<_>>();
        Ok(vec![
            totals_of(&self.shape, totals)?,
            Arc::new(Int64Array::from(counts)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.groups.resize(total_groups, Group::default());
        let [totals, counts] = states else {
            return exec_err!("a total has two states");
        };
        let totals = totals.as_primitive::<Decimal128Type>().values();
        let counts = counts.as_primitive::<Int64Type>().values();
        let mut is_over = false;
        for (group, (total, count)) in groups.iter().zip(totals.iter().zip(counts)) {
            let group = &mut self.groups[*group];
            let (total, is_this_over) = group.total.overflowing_add(*total);
            group.total = total;
            group.count += count;
            is_over |= is_this_over;
        }
        fitting(is_over)
    }

    fn convert_to_state(&self, columns: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values(&columns[0])?;
        let rows = values.len();
        let Some(counted) = counted(values.nulls(), filter) else {
            // Each value is the total of itself.
            let totals: ArrayRef = Arc::new(values.with_precision_and_scale(DIGITS, self.shape.scale)?);
            return Ok(vec![totals, Arc::new(Int64Array::from_value(1, rows))]);
        };
        let (mut totals, mut counts) = (vec![0; rows], vec![0; rows]);
        for row in counted.valid_indices() {
            totals[row] = values.value(row);
            counts[row] = 1;
        }
        Ok(vec![
            totals_of(&self.shape, totals)?,
            Arc::new(Int64Array::from(counts)),
        ])
    }

    fn size(&self) -> usize {
        self.groups.capacity() * size_of::<Group>()
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int32Array;

    use super::*;
    use crate::engine::dialect::numbers::numeric::numeric;
    use crate::engine::dialect::numbers::sums::Measure;

    /// The largest number of 38 digits.
    const MOST: i128 = 10_i128.pow(38) - 1;

    fn shape(measure: Measure) -> Shape {
        Shape::of(measure, &numeric(2))
    }

    fn numerics(values: &[Option<i128>]) -> ArrayRef {
        let column: Decimal128Array = values.iter().copied().collect();
        Arc::new(column.with_precision_and_scale(DIGITS, 2).expect("a type"))
    }

    fn numbers(column: &ArrayRef) -> Vec<Option<i128>> {
        column.as_primitive::<Decimal128Type>().iter().collect()
    }

    fn result(groups: &mut GroupTotals) -> Vec<Option<i128>> {
        numbers(&groups.evaluate(EmitTo::All).expect("sums"))
    }

    #[test]
    fn values_are_added_to_the_groups_of_their_rows() {
        let mut sums = GroupTotals::new(shape(Measure::Sum));
        let column = numerics(&[Some(100), Some(-30), Some(5), Some(1)]);
        sums.update_batch(&[Arc::clone(&column)], &[0, 2, 0, 2], None, 4)
            .expect("sums");
        let mut means = GroupTotals::new(shape(Measure::Mean));
        means.update_batch(&[column], &[0, 1, 0, 1], None, 2).expect("sums");
        // Groups without values are NULL.
        assert_eq!(result(&mut sums), [Some(105), None, Some(-29), None]);
        // 1.05 / 2 and -0.29 / 2, with 20 decimals.
        let decimals = 10_i128.pow(15);
        assert_eq!(result(&mut means), [Some(52_500 * decimals), Some(-14_500 * decimals)]);
    }

    #[test]
    fn null_and_what_a_filter_leaves_out_is_not_added() {
        let column = numerics(&[Some(1), None, Some(2), Some(4), None]);
        let filter = BooleanArray::from(vec![Some(true), Some(true), Some(false), None, Some(false)]);
        let groups = [0, 0, 0, 1, 1];
        let mut sums = GroupTotals::new(shape(Measure::Sum));
        sums.update_batch(&[Arc::clone(&column)], &groups, None, 2)
            .expect("sums");
        assert_eq!(result(&mut sums), [Some(3), Some(4)]);
        sums.update_batch(&[Arc::clone(&column)], &groups, Some(&filter), 2)
            .expect("sums");
        assert_eq!(result(&mut sums), [Some(1), None]);
        let all = numerics(&[Some(1), Some(2), Some(3), Some(4), Some(5)]);
        sums.update_batch(&[all], &groups, Some(&filter), 2).expect("sums");
        assert_eq!(result(&mut sums), [Some(3), None]);
    }

    #[test]
    fn states_of_groups_and_of_rows_are_merged() {
        let column = numerics(&[Some(1), None, Some(2), Some(4)]);
        let filter = BooleanArray::from(vec![true, true, false, true]);
        let mut first = GroupTotals::new(shape(Measure::Sum));
        first
            .update_batch(&[Arc::clone(&column)], &[0, 1, 2, 2], None, 3)
            .expect("sums");
        let early = first.state(EmitTo::First(2)).expect("states");
        let rest = first.state(EmitTo::All).expect("states");
        let mut last = GroupTotals::new(shape(Measure::Sum));
        last.merge_batch(&early, &[0, 1], 2).expect("sums");
        last.merge_batch(&rest, &[0], 2).expect("sums");
        assert_eq!(result(&mut last), [Some(7), None]);
        let plain = first
            .convert_to_state(&[numerics(&[Some(3), Some(5)])], None)
            .expect("states");
        last.merge_batch(&plain, &[0, 1], 3).expect("sums");
        let filtered = first.convert_to_state(&[column], Some(&filter)).expect("states");
        assert_eq!(filtered[0].null_count() + filtered[1].null_count(), 0);
        last.merge_batch(&filtered, &[1, 2, 2, 1], 3).expect("sums");
        assert_eq!(result(&mut last), [Some(3), Some(5 + 1 + 4), None]);
    }

    #[test]
    fn sums_have_up_to_38_digits() {
        let sum = |values: &[Option<i128>]| {
            let mut sums = GroupTotals::new(shape(Measure::Sum));
            let groups = vec![0; values.len()];
            sums.update_batch(&[numerics(values)], &groups, None, 1)?;
            sums.evaluate(EmitTo::All)
        };
        assert_eq!(numbers(&sum(&[Some(MOST - 1), Some(1)]).expect("a sum")), [Some(MOST)]);
        assert_eq!(
            numbers(&sum(&[Some(MOST), Some(1), Some(-1)]).expect("a sum")),
            [Some(MOST)]
        );
        assert!(sum(&[Some(MOST), Some(1)]).is_err());
        assert!(sum(&[Some(-MOST), Some(-1)]).is_err());
        // 128 bits do not hold the sum of two.
        assert!(sum(&[Some(MOST), Some(MOST), Some(-MOST), Some(-MOST)]).is_err());
        let mut one = Total::new(shape(Measure::Sum));
        one.update_batch(&[numerics(&[Some(MOST), None])]).expect("a sum");
        assert!(one.update_batch(&[numerics(&[Some(MOST), None])]).is_err());
    }

    #[test]
    fn whole_numbers_are_added_as_they_are() {
        let mut sums = GroupTotals::new(Shape::of(Measure::Sum, &DataType::Int64));
        let column: ArrayRef = Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(1), None]));
        sums.update_batch(&[column], &[0, 0, 1], None, 2).expect("sums");
        assert_eq!(result(&mut sums), [Some(i128::from(i64::MAX) + 1), None]);
        let mut sums = GroupTotals::new(Shape::of(Measure::Sum, &DataType::Int32));
        let column: ArrayRef = Arc::new(Int32Array::from(vec![i32::MAX, i32::MAX]));
        sums.update_batch(&[column], &[0, 0], None, 1).expect("sums");
        let made = sums.evaluate(EmitTo::All).expect("sums");
        assert_eq!(made.as_primitive::<Int64Type>().value(0), 2 * i64::from(i32::MAX));
    }

    #[test]
    fn a_window_takes_back_what_leaves_it() {
        let mut total = Total::new(shape(Measure::Sum));
        let value = |total: &mut Total| total.evaluate().expect("a sum");
        let expected = |value: Option<i128>| ScalarValue::Decimal128(value, DIGITS, 2);
        total
            .update_batch(&[numerics(&[Some(5), None, Some(7)])])
            .expect("a sum");
        assert_eq!(value(&mut total), expected(Some(12)));
        total.retract_batch(&[numerics(&[Some(5), None])]).expect("a sum");
        assert_eq!(value(&mut total), expected(Some(7)));
        total.retract_batch(&[numerics(&[Some(7)])]).expect("a sum");
        assert_eq!(value(&mut total), expected(None));
    }
}
