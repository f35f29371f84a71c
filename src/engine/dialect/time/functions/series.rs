//! `series(first, last[, step])`: the array of numbers or times that `generate_series` makes rows of.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_err};

use super::super::error::TimeError;
use super::super::function::{Call, Definition, function, out_of_range};
use super::super::interval::Interval;
use super::super::interval_text::{Unit, interval_of};
use super::super::values::{Kind, Value, kind_of, local_type, moment_type};
use super::arithmetic::later;
use super::casts::{local_of, moment};

/// The name of the function that makes the values of a series.
pub const SERIES: &str = "series";
/// The limit of values that are made of the rows of a batch: 64 MiB.
const MOST: usize = 8 * 1024 * 1024;

pub static FUNCTIONS: [Definition; 1] = [function(SERIES, (2, 3), returns, rows)];

fn returns(kinds: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let all: Vec<Kind> = kinds.iter().map(kind_of).collect();
    let is_number = all.iter().all(|kind| matches!(kind, Kind::Number | Kind::Null));
    let is_step = |kind: &Kind| kind.is_length() || matches!(kind, Kind::Text | Kind::Null);
    let ends = &all[..2];
    let element = if is_number {
        of_numbers(kinds, constants)
    } else if all.len() < 3 || !is_step(&all[2]) {
        return plan_err!("generate_series of times takes an interval as its third argument, such as interval '1 day'");
    } else if ends.contains(&Kind::Local) && !ends.contains(&Kind::Moment) {
        local_type()
    } else if ends
        .iter()
        .all(|kind| kind.is_point() || matches!(kind, Kind::Text | Kind::Null))
    {
        moment_type()
    } else {
        return plan_err!(
            "generate_series takes numbers or timestamps, not {} and {}",
            kinds[0],
            kinds[1]
        );
    };
    Ok(DataType::new_list(element, true))
}

/// The type of a series of numbers, by the types of its arguments alone: their values are known at times only after planning, and
/// a type that changes then is an error. A NULL that is written out has any type.
fn of_numbers(kinds: &[DataType], constants: &[Option<&ScalarValue>]) -> DataType {
    if kinds.iter().all(|kind| kind.is_integer() || kind.is_null()) {
        let is_small = |place: usize, kind: &DataType| match kind {
            DataType::Int32 | DataType::Int16 | DataType::Int8 => true,
            DataType::Null => constants.get(place).copied().flatten().is_some(),
            _ => false,
        };
        let are_small = kinds.iter().enumerate().all(|(place, kind)| is_small(place, kind));
        return if are_small { DataType::Int32 } else { DataType::Int64 };
    }
    let is_exact = kinds.iter().all(|kind| kind.is_decimal() || kind.is_integer());
    let scale = kinds.iter().map(|kind| match kind {
        DataType::Decimal128(_, scale) => *scale,
        _ => 0,
    });
    match is_exact {
        true => DataType::Decimal128(38, scale.max().unwrap_or(0)),
        false => DataType::Float64,
    }
}

fn too_long() -> DataFusionError {
    let reason = format!("generate_series gives more than {MOST} values at a time; write a shorter series");
    TimeError::TooMany(reason).into()
}

fn zero_step() -> DataFusionError {
    TimeError::Parameter("step size cannot equal zero".to_owned()).into()
}

/// Refuses evenly spaced values that are too many beside the `made` ones before any of them is made; `step` is not zero.
fn check_length(first: i64, last: i64, step: i64, made: usize) -> Result<()> {
    let leads_on = if step > 0 { first <= last } else { first >= last };
    let after_first = (i128::from(last) - i128::from(first)) / i128::from(step);
    let after_first = usize::try_from(after_first).unwrap_or(usize::MAX);
    if leads_on && after_first >= MOST.saturating_sub(made) {
        return Err(too_long());
    }
    Ok(())
}

/// The values from first to last, by steps that `next` takes.
fn steps<T: PartialOrd + Copy>(
    first: T,
    last: T,
    is_up: bool,
    next: impl Fn(T) -> Result<Option<T>>,
    all: &mut Vec<T>,
) -> Result<()> {
    let mut current = first;
    while if is_up { current <= last } else { current >= last } {
        if all.len() >= MOST {
            return Err(too_long());
        }
        all.push(current);
        match next(current)? {
            Some(next) => current = next,
            None => break,
        }
    }
    Ok(())
}

/// The lists of all rows: their values one after the other, and how many of them each row has; `None` for NULL.
fn lists(lengths: Vec<Option<usize>>, values: ArrayRef) -> Result<ArrayRef> {
    let mut offsets = vec![0_i32];
    let mut end = 0_usize;
    for length in &lengths {
        end += length.unwrap_or(0);
        offsets.push(i32::try_from(end).map_err(|_| too_long())?);
    }
    let valid: NullBuffer = lengths.iter().map(Option::is_some).collect::<Vec<bool>>().into();
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(valid))?))
}

/// Fills `all` row by row and gives the length of each row's list.
fn lengths<'a, T>(
    call: &'a Call,
    all: &mut Vec<T>,
    mut fill: impl FnMut(&[Value<'a>], &mut Vec<T>) -> Result<()>,
) -> Result<Vec<Option<usize>>> {
    call.each(|values| {
        let before = all.len();
        fill(values, all)?;
        Ok(all.len() - before)
    })
}

fn rows(call: &Call) -> Result<ArrayRef> {
    let DataType::List(field) = &call.returns else {
        return call.refused(&[]);
    };
    match field.data_type() {
        DataType::Int32 | DataType::Int64 => integers(call, field.data_type()),
        DataType::Decimal128(precision, scale) => decimals(call, *precision, *scale),
        DataType::Float64 => doubles(call),
        kind => times(call, kind),
    }
}

fn integers(call: &Call, kind: &DataType) -> Result<ArrayRef> {
    let mut all: Vec<i64> = Vec::new();
    let lengths = lengths(call, &mut all, |values, all| {
        let step = values.get(2).map_or(Ok(1), |step| step.integer())?;
        if step == 0 {
            return Err(zero_step());
        }
        let (first, last) = (values[0].integer()?, values[1].integer()?);
        check_length(first, last, step, all.len())?;
        steps(first, last, step > 0, |value| Ok(value.checked_add(step)), all)
    })?;
    let values: ArrayRef = match kind {
        DataType::Int32 => {
            let small: std::result::Result<Vec<i32>, _> = all.into_iter().map(i32::try_from).collect();
            Arc::new(Int32Array::from(small.map_err(|_| out_of_range("integer"))?))
        }
        _ => Arc::new(Int64Array::from(all)),
    };
    lists(lengths, values)
}

fn decimals(call: &Call, precision: u8, scale: i8) -> Result<ArrayRef> {
    let digits = |value: Value| -> Result<i128> {
        let (digits, own) = match value {
            Value::Integer(value) => (i128::from(value), 0),
            Value::Decimal(digits, own) => (digits, own),
            other => return call.refused(&[other]),
        };
        let more = u32::try_from(scale - own).unwrap_or(0);
        digits
            .checked_mul(10_i128.pow(more))
            .ok_or_else(|| out_of_range("numeric"))
    };
    let mut all: Vec<i128> = Vec::new();
    let lengths = lengths(call, &mut all, |values, all| {
        let step = values
            .get(2)
            .map_or(Ok(10_i128.pow(u32::try_from(scale).unwrap_or(0))), |step| digits(*step))?;
        if step == 0 {
            return Err(zero_step());
        }
        let (first, last) = (digits(values[0])?, digits(values[1])?);
        steps(first, last, step > 0, |value| Ok(value.checked_add(step)), all)
    })?;
    let values = Decimal128Array::from(all).with_precision_and_scale(precision, scale)?;
    lists(lengths, Arc::new(values))
}

fn doubles(call: &Call) -> Result<ArrayRef> {
    let mut all: Vec<f64> = Vec::new();
    let lengths = lengths(call, &mut all, |values, all| {
        let step = values.get(2).map_or(Ok(1.0), |step| step.double())?;
        let (first, last) = (values[0].double()?, values[1].double()?);
        if ![first, last, step].iter().all(|number| number.is_finite()) {
            let reason = "generate_series takes finite numbers";
            return Err(TimeError::Parameter(reason.to_owned()).into());
        }
        if step == 0.0 {
            return Err(zero_step());
        }
        // A step that is too small to count would never end.
        let next = |value: f64| Ok(Some(value + step).filter(|next| *next != value));
        steps(first, last, step > 0.0, next, all)
    })?;
    lists(lengths, Arc::new(Float64Array::from(all)))
}

fn times(call: &Call, kind: &DataType) -> Result<ArrayRef> {
    let is_local = *kind == local_type();
    let end = |value: Value| match is_local {
        true => local_of(call, &[value]),
        false => moment(call, &[value]),
    };
    let mut all: Vec<i64> = Vec::new();
    let lengths = lengths(call, &mut all, |values, all| {
        let step = match values.get(2) {
            Some(Value::Interval(interval)) => *interval,
            Some(Value::Text(text)) => interval_of(text, Unit::Second)?,
            _ => return call.refused(values),
        };
        if step.span() == 0 {
            return Err(zero_step());
        }
        let next = |value: i64| {
            let value = if is_local {
                Value::Local(value)
            } else {
                Value::Moment(value)
            };
            next_time(call, value, step)
        };
        let (first, last) = (end(values[0])?, end(values[1])?);
        // Days and months are of several lengths.
        if step.months == 0 && step.days == 0 {
            check_length(first, last, step.micros, all.len())?;
        }
        steps(first, last, step.span() > 0, next, all)
    })?;
    let values = TimestampMicrosecondArray::from(all);
    let values = if is_local { values } else { values.with_timezone("UTC") };
    lists(lengths, Arc::new(values))
}

/// The next time; `None` where the step does not lead on.
fn next_time(call: &Call, time: Value, step: Interval) -> Result<Option<i64>> {
    let (Value::Local(before) | Value::Moment(before)) = time else {
        return Ok(None);
    };
    let next = later(call, time, step)?;
    Ok(((next > before) == (step.span() > 0) && next != before).then_some(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_values_as_there_is_room_for_are_made_and_one_more_is_refused() {
        let most = i64::try_from(MOST).expect("a number");
        for (first, last, step, made, is_made) in [
            (1, most, 1, 0, true),
            (1, most + 1, 1, 0, false),
            (most, 1, -1, 0, true),
            (0, -2 * most, -2, 0, false),
            (1, most, 1, 1, false),
            (5, 1, 1, MOST, true),
            (i64::MIN, i64::MAX, 1, 0, false),
        ] {
            let checked = check_length(first, last, step, made);
            assert_eq!(checked.is_ok(), is_made, "{first} to {last} by {step} after {made}");
        }
    }
}
