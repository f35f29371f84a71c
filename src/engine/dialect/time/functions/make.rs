//! Times and intervals made of parts, and intervals brought into form: `make_interval`, `age`, `justify_days`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::super::civil::{Civil, DAY, HOUR, MINUTE, SECOND, checked_days};
use super::super::clock::Clock;
use super::super::error::TimeError;
use super::super::function::{Call, Definition, function, out_of_range};
use super::super::interval::{Interval, age as age_of, out_of_range as interval_out_of_range};
use super::super::values::{Value, interval_type, local_type, moment_type, time_type};
use super::super::zone::Zone;
use super::casts::{local_of, moment};

pub static FUNCTIONS: [Definition; 9] = [
    function("age", (2, 2), |_, _| Ok(interval_type()), age),
    function(
        "justify_days",
        (1, 1),
        |_, _| Ok(interval_type()),
        |call| justified(call, Interval::justified_days),
    ),
    function(
        "justify_hours",
        (1, 1),
        |_, _| Ok(interval_type()),
        |call| justified(call, Interval::justified_hours),
    ),
    function(
        "justify_interval",
        (1, 1),
        |_, _| Ok(interval_type()),
        |call| justified(call, Interval::justified),
    ),
    function("make_interval", (0, 7), |_, _| Ok(interval_type()), make_interval),
    function("make_time", (3, 3), |_, _| Ok(time_type()), make_time),
    function(
        "make_timestamp",
        (6, 6),
        |_, _| Ok(local_type()),
        |call| call.locals(|values| local(call, values)),
    ),
    function("make_timestamptz", (6, 7), |_, _| Ok(moment_type()), make_moment),
    function("isfinite", (1, 1), |_, _| Ok(DataType::Boolean), is_finite),
];

/// The time between two times in years, months, days and time. Moments are taken in the session's zone.
fn age(call: &Call) -> Result<ArrayRef> {
    call.intervals(|values| {
        let is_moment = values.iter().any(|value| matches!(value, Value::Moment(_)));
        let civil = |value: Value| -> Result<Civil> {
            if value.endless().is_some() {
                return Err(out_of_range("timestamp"));
            }
            let local = match (is_moment, value) {
                (true, value) => call.clock.local(moment(call, &[value])?),
                (false, value) => local_of(call, &[value])?,
            };
            Ok(Civil::of_micros(local))
        };
        Ok(age_of(civil(values[0])?, civil(values[1])?))
    })
}

fn justified(call: &Call, justify: fn(Interval) -> Result<Interval>) -> Result<ArrayRef> {
    call.intervals(|values| match values {
        [Value::Interval(interval)] => justify(*interval),
        values => call.refused(values),
    })
}

/// Years, months, weeks, days, hours, minutes and seconds.
fn make_interval(call: &Call) -> Result<ArrayRef> {
    call.intervals(|values| {
        let part = |place: usize| values.get(place).map_or(Ok(0), |value| value.integer());
        let (years, months, weeks, days) = (part(0)?, part(1)?, part(2)?, part(3)?);
        let (hours, minutes) = (part(4)?, part(5)?);
        let seconds = values.get(6).map_or(Ok(0.0), |value| value.double())?;
        let micros = (seconds * SECOND as f64).round_ties_even();
        let sum = || {
            let months = years.checked_mul(12)?.checked_add(months)?;
            let days = weeks.checked_mul(7)?.checked_add(days)?;
            let time = hours.checked_mul(HOUR)?.checked_add(minutes.checked_mul(MINUTE)?)?;
            let micros = (micros.abs() < 2f64.powi(63)).then_some(micros as i64)?;
            Some(Interval {
                months: i32::try_from(months).ok()?,
                days: i32::try_from(days).ok()?,
                micros: time.checked_add(micros)?,
            })
        };
        sum().ok_or_else(interval_out_of_range)
    })
}

/// Microseconds since midnight of hours, minutes and seconds.
fn time_of(hours: Value, minutes: Value, seconds: Value) -> Result<i64> {
    let (hours, minutes, seconds) = (hours.integer()?, minutes.integer()?, seconds.double()?);
    let is_time = (0..=24).contains(&hours) && (0..60).contains(&minutes) && (0.0..=60.0).contains(&seconds);
    if !is_time {
        return Err(out_of_range("time field value"));
    }
    let time = hours * HOUR + minutes * MINUTE + (seconds * SECOND as f64).round_ties_even() as i64;
    (time <= DAY)
        .then_some(time)
        .ok_or_else(|| out_of_range("time field value"))
}

fn make_time(call: &Call) -> Result<ArrayRef> {
    call.times_of_day(|values| match values {
        [hours, minutes, seconds] => time_of(*hours, *minutes, *seconds),
        values => call.refused(values),
    })
}

/// Local time of a year, month, day, hour, minute and second.
fn local(call: &Call, values: &[Value]) -> Result<i64> {
    let [year, month, day, hours, minutes, seconds, ..] = values else {
        return call.refused(values);
    };
    let year = year.integer()?;
    // Negative years are BC; there is no year 0.
    let days = match year {
        0 => None,
        year if year < 0 => checked_days(year.saturating_add(1), month.integer()?, day.integer()?),
        year => checked_days(year, month.integer()?, day.integer()?),
    };
    let days = days.ok_or_else(|| out_of_range("date field value"))?;
    Ok(days * DAY + time_of(*hours, *minutes, *seconds)?)
}

fn make_moment(call: &Call) -> Result<ArrayRef> {
    call.moments(|values| {
        let local = local(call, values)?;
        match values.get(6) {
            Some(zone) => Ok(Clock::new(Zone::of_text(zone.text()?)?).utc(local)),
            None => Ok(call.clock.utc(local)),
        }
    })
}

/// Whether a time is one of the calendar. All intervals are finite.
fn is_finite(call: &Call) -> Result<ArrayRef> {
    let finite = call.each(|values| match values {
        [time @ (Value::Date(_) | Value::Local(_) | Value::Moment(_))] => Ok(time.endless().is_none()),
        [Value::Interval(_)] => Ok(true),
        [Value::Text(_)] => {
            let reason = "isfinite takes a date, a timestamp or an interval, not a text; cast it, such as x::date";
            Err(TimeError::Types(reason.to_owned()).into())
        }
        values => call.refused(values),
    })?;
    Ok(Arc::new(BooleanArray::from(finite)))
}
