//! Totals of whole numbers and numerics: of one group, of many, and of distinct values.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array};
use datafusion::arrow::datatypes::{Decimal128Type, Int64Type};
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
}

impl Accumulator for Total {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let values = values(&columns[0])?;
        for value in values.iter().flatten() {
            self.total = sum(self.total, value)?;
        }
        self.count += i64::try_from(values.len() - values.null_count()).unwrap_or(i64::MAX);
        Ok(())
    }

    fn retract_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let values = values(&columns[0])?;
        for value in values.iter().flatten() {
            self.total = sum(self.total, -value)?;
        }
        self.count -= i64::try_from(values.len() - values.null_count()).unwrap_or(i64::MAX);
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

/// The totals of many groups.
#[derive(Debug)]
pub struct GroupTotals {
    shape: Shape,
    totals: Vec<i128>,
    counts: Vec<i64>,
}

impl GroupTotals {
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            totals: Vec::new(),
            counts: Vec::new(),
        }
    }

    fn grow(&mut self, groups: usize) {
        self.totals.resize(groups, 0);
        self.counts.resize(groups, 0);
    }

    fn take(&mut self, emitted: EmitTo) -> (Vec<i128>, Vec<i64>) {
        (
            emitted.take_needed(&mut self.totals),
            emitted.take_needed(&mut self.counts),
        )
    }
}

/// Whether a row is counted.
fn passes(filter: Option<&BooleanArray>, row: usize) -> bool {
    filter.is_none_or(|filter| filter.is_valid(row) && filter.value(row))
}

impl GroupsAccumulator for GroupTotals {
    fn update_batch(
        &mut self,
        columns: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        total_groups: usize,
    ) -> Result<()> {
        self.grow(total_groups);
        let values = values(&columns[0])?;
        for (row, group) in groups.iter().enumerate() {
            if values.is_valid(row) && passes(filter, row) {
                self.totals[*group] = sum(self.totals[*group], values.value(row))?;
                self.counts[*group] += 1;
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emitted: EmitTo) -> Result<ArrayRef> {
        let (totals, counts) = self.take(emitted);
        let values = totals
            .into_iter()
            .zip(counts)
            .map(|(total, count)| self.shape.value(total, count));
        self.shape.column(values.collect::<Result<_>>()?)
    }

    fn state(&mut self, emitted: EmitTo) -> Result<Vec<ArrayRef>> {
        let (totals, counts) = self.take(emitted);
        Ok(vec![
            totals_of(&self.shape, totals)?,
            Arc::new(Int64Array::from(counts)),
        ])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], total_groups: usize) -> Result<()> {
        self.grow(total_groups);
        let [totals, counts] = states else {
            return exec_err!("a total has two states");
        };
        let (totals, counts) = (
            totals.as_primitive::<Decimal128Type>(),
            counts.as_primitive::<Int64Type>(),
        );
        for (row, group) in groups.iter().enumerate() {
            self.totals[*group] = sum(self.totals[*group], totals.value(row))?;
            self.counts[*group] += counts.value(row);
        }
        Ok(())
    }

    fn convert_to_state(&self, columns: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let values = values(&columns[0])?;
        let counts_row = |row: usize| values.is_valid(row) && passes(filter, row);
        let totals = (0..values.len()).map(|row| if counts_row(row) { values.value(row) } else { 0 });
        let counts: Int64Array = (0..values.len()).map(|row| Some(i64::from(counts_row(row)))).collect();
        Ok(vec![totals_of(&self.shape, totals.collect())?, Arc::new(counts)])
    }

    fn size(&self) -> usize {
        self.totals.capacity() * size_of::<i128>() + self.counts.capacity() * size_of::<i64>()
    }
}
