//! Sums and differences of times and intervals, which the operators are planned as.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, Result, ScalarValue, plan_err};

use super::super::civil::{Civil, DAY};
use super::super::clock::Clock;
use super::super::endless::midnight;
use super::super::error::TimeError;
use super::super::function::{Call, Definition, function, out_of_range};
use super::super::interval::{Interval, out_of_range as interval_out_of_range};
use super::super::interval_text::{Unit, interval_of};
use super::super::values::{Kind, Value, interval_type, kind_of, local_type, moment_type, span_type, time_type};
use super::casts::{local_of, moment};

pub const PLUS: &str = "time_plus";
pub const MINUS: &str = "time_minus";
pub const TIMES: &str = "interval_times";
pub const DIVIDED: &str = "interval_divided";
pub const LENGTH: &str = "interval_length";

pub static FUNCTIONS: [Definition; 5] = [
    function(PLUS, (2, 2), plus_type, plus),
    function(MINUS, (2, 2), minus_type, minus),
    function(TIMES, (2, 2), |_, _| Ok(interval_type()), times),
    function(DIVIDED, (2, 2), |_, _| Ok(interval_type()), divided),
    function(LENGTH, (1, 1), |_, _| Ok(span_type()), length),
];

/// The type of a time later by an interval, or of an interval longer by another.
fn plus_type(kinds: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match (kind_of(&kinds[0]), kind_of(&kinds[1])) {
        (Kind::Moment, _) => Ok(moment_type()),
        (Kind::Date | Kind::Local, _) => Ok(local_type()),
        (Kind::Time, _) => Ok(time_type()),
        (Kind::Interval | Kind::Span, _) => Ok(interval_type()),
        _ => plan_err!("{} and {} cannot be added", kinds[0], kinds[1]),
    }
}

fn minus_type(kinds: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let (left, right) = (kind_of(&kinds[0]), kind_of(&kinds[1]));
    match (left, right) {
        (Kind::Date, Kind::Date) => Ok(DataType::Int32),
        (left, right) if left.is_point() && right.is_point() => Ok(span_type()),
        (Kind::Time, Kind::Time) => Ok(interval_type()),
        _ => plus_type(kinds, constants),
    }
}

fn length_of(values: Value) -> Result<Option<Interval>> {
    Ok(match values {
        Value::Interval(interval) => Some(interval),
        // A time of the day is as long as the time since midnight.
        Value::Time(micros) => Some(Interval {
            micros,
            ..Interval::default()
        }),
        Value::Text(text) => Some(interval_of(text, Unit::Second)?),
        _ => None,
    })
}

/// A time later by an interval. Endless times stay what they are.
pub fn later(call: &Call, time: Value, by: Interval) -> Result<i64> {
    if let Some(endless) = time.endless() {
        return Ok(endless.micros());
    }
    match time {
        Value::Date(days) => later_local(midnight(days)?, by),
        Value::Local(local) => later_local(local, by),
        Value::Moment(utc) => later_moment(utc, by, &call.clock),
        Value::Time(time) => Ok((time + by.micros % DAY).rem_euclid(DAY)),
        other => call.refused(&[other, Value::Interval(by)]),
    }
}

fn later_local(local: i64, by: Interval) -> Result<i64> {
    let later = || {
        let local = match by.months == 0 && by.days == 0 {
            true => local,
            false => by.after(Civil::of_micros(local))?.micros()?,
        };
        local.checked_add(by.micros)
    };
    later().ok_or_else(|| out_of_range("timestamp"))
}

/// Months and days are added in the session's zone, so that a day has 23 or 25 hours where the clock changes.
fn later_moment(utc: i64, by: Interval, clock: &Clock) -> Result<i64> {
    let mut utc = utc;
    for part in [
        Interval {
            days: 0,
            micros: 0,
            ..by
        },
        Interval {
            months: 0,
            micros: 0,
            ..by
        },
    ] {
        if part != Interval::default() {
            utc = clock.utc(later_local(clock.local(utc), part)?);
        }
    }
    utc.checked_add(by.micros).ok_or_else(|| out_of_range("timestamp"))
}

fn plus(call: &Call) -> Result<ArrayRef> {
    added(call, |values| {
        length_of(values[1])?.map_or_else(|| call.refused(values), Ok)
    })
}

/// The first value of each row, later or longer by the interval that `length` gives for the row.
fn added(call: &Call, length: impl Fn(&[Value]) -> Result<Interval>) -> Result<ArrayRef> {
    match &call.returns {
        DataType::Timestamp(_, _) => call.points(|values| later(call, values[0], length(values)?)),
        DataType::Time64(_) => call.times_of_day(|values| later(call, values[0], length(values)?)),
        _ => call.intervals(|values| match length_of(values[0])? {
            Some(first) => first.plus(length(values)?),
            None => call.refused(values),
        }),
    }
}

fn minus(call: &Call) -> Result<ArrayRef> {
    match &call.returns {
        DataType::Int32 => days_between(call),
        DataType::Duration(_) => call.spans(|values| between(call, values)),
        _ => added(call, |values| match length_of(values[1])? {
            Some(length) => length.negated(),
            None => call.refused(values),
        }),
    }
}

fn days_between(call: &Call) -> Result<ArrayRef> {
    let days = call.each(|values| match values {
        values if is_endless(values) => Err(endless_difference("dates")),
        [Value::Date(later), Value::Date(earlier)] => {
            i32::try_from(later - earlier).map_err(|_| out_of_range("integer"))
        }
        values => call.refused(values),
    })?;
    Ok(Arc::new(Int32Array::from(days)))
}

fn is_endless(values: &[Value]) -> bool {
    values.iter().any(|value| value.endless().is_some())
}

fn endless_difference(of: &str) -> DataFusionError {
    TimeError::OutOfRange(format!("cannot subtract infinite {of}")).into()
}

/// Microseconds between two times. Where one has a zone, the other is of the session's.
fn between(call: &Call, values: &[Value]) -> Result<i64> {
    let is_moment = values.iter().any(|value| matches!(value, Value::Moment(_)));
    let micros = |value: Value| match is_moment {
        true => moment(call, &[value]),
        false => local_of(call, &[value]),
    };
    if is_endless(values) {
        return Err(endless_difference("timestamps"));
    }
    let (later, earlier) = (micros(values[0])?, micros(values[1])?);
    later.checked_sub(earlier).ok_or_else(interval_out_of_range)
}

fn times(call: &Call) -> Result<ArrayRef> {
    call.intervals(|values| match values {
        [Value::Interval(interval), factor] => interval.times(factor.double()?),
        [factor, Value::Interval(interval)] => interval.times(factor.double()?),
        values => call.refused(values),
    })
}

fn divided(call: &Call) -> Result<ArrayRef> {
    call.intervals(|values| match values {
        [Value::Interval(interval), divisor] => interval.divided(divisor.double()?),
        values => call.refused(values),
    })
}

/// How long an interval is, where a month has 30 days and a day 24 hours: what intervals are compared by.
fn length(call: &Call) -> Result<ArrayRef> {
    call.spans(|values| match length_of(values[0])? {
        Some(interval) => i64::try_from(interval.span()).map_err(|_| interval_out_of_range()),
        None => call.refused(values),
    })
}
