//! Casts to and from times, in the session's zone: what `x::date`, `x::timestamp` and `x::text` become.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Time64MicrosecondArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::logical_expr::Volatility;

use super::super::civil::DAY;
use super::super::endless::{Endless, day_of, midnight};
use super::super::error::TimeError;
use super::super::function::{Call, Definition, function};
use super::super::interval::Interval;
use super::super::interval_text::{Unit, interval_of};
use super::super::read::{date_of, moment_of, time_of, timestamp_of};
use super::super::shown::as_shown;
use super::super::text::{date_text, moment_text, time_text, timestamp_text};
use super::super::values::{Kind, Value, interval_type, kind_of, local_type, moment_type, time_type};

pub const DATE: &str = "date";
pub const TIMESTAMP: &str = "timestamp";
/// `timestamp` of a date, which does not depend on the session's zone.
pub const MIDNIGHT: &str = "timestamp_of_date";
pub const TIMESTAMPTZ: &str = "timestamptz";
pub const TIME: &str = "time";
pub const INTERVAL: &str = "interval";
pub const TIME_TEXT: &str = "time_text";
pub const TIME_ROUNDED: &str = "time_rounded";

pub const TIME_TEXTS: &str = "time_texts";

pub static FUNCTIONS: [Definition; 9] = [
    function(DATE, (1, 1), |_, _| Ok(DataType::Date32), dates),
    function(
        TIMESTAMP,
        (1, 1),
        |_, _| Ok(local_type()),
        |call| call.locals(|values| local_of(call, values)),
    ),
    Definition {
        preimage: Some(days_at),
        volatility: Volatility::Immutable,
        ..function(MIDNIGHT, (1, 1), midnight_type, |call| {
            call.locals(|values| local_of(call, values))
        })
    },
    function(
        TIMESTAMPTZ,
        (1, 1),
        |_, _| Ok(moment_type()),
        |call| call.moments(|values| moment(call, values)),
    ),
    function(TIME, (1, 1), |_, _| Ok(time_type()), times),
    function(INTERVAL, (1, 1), |_, _| Ok(interval_type()), intervals),
    function(TIME_TEXT, (1, 1), |_, _| Ok(DataType::Utf8), texts),
    function(TIME_ROUNDED, (2, 2), rounded_type, rounded),
    function(
        TIME_TEXTS,
        (1, 1),
        |_, _| Ok(DataType::new_list(DataType::Utf8, true)),
        |call| match call.lists() {
            Some(lists) => as_shown(lists, call.clock.zone()),
            None => call.refused(&[]),
        },
    ),
];

fn dates(call: &Call) -> Result<ArrayRef> {
    let now = call.now();
    call.dates(|values| match values {
        [Value::Date(days)] => Ok(*days),
        [Value::Local(local)] => Ok(day_of(*local)),
        [Value::Moment(utc)] => Ok(day_of(call.clock.local(*utc))),
        [Value::Text(text)] => date_of(text, &now),
        values => call.refused(values),
    })
}

/// Local time of a value.
pub fn local_of(call: &Call, values: &[Value]) -> Result<i64> {
    match values {
        [Value::Date(days)] => midnight(*days),
        [Value::Local(local)] => Ok(*local),
        [Value::Moment(utc)] => Ok(call.clock.local(*utc)),
        [Value::Text(text)] => timestamp_of(text, &call.now()),
        values => call.refused(values),
    }
}

/// Other values than dates depend on the zone or the moment.
fn midnight_type(kinds: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match kind_of(&kinds[0]) {
        Kind::Date => Ok(local_type()),
        _ => plan_err!("{MIDNIGHT} takes a date, not {}", kinds[0]),
    }
}

/// The day that begins at a timestamp, as the first day and the first one after it; no day where it is not midnight.
fn days_at(kind: &DataType, timestamp: &ScalarValue) -> Option<(ScalarValue, ScalarValue)> {
    let (DataType::Date32, ScalarValue::TimestampMicrosecond(Some(micros), None)) = (kind, timestamp) else {
        return None;
    };
    // There is no day after an endless one.
    if Endless::of_micros(*micros).is_some() {
        return None;
    }
    let end = i32::try_from(micros.div_euclid(DAY) + 1).ok()?;
    let first = if micros.rem_euclid(DAY) == 0 { end - 1 } else { end };
    Some((ScalarValue::Date32(Some(first)), ScalarValue::Date32(Some(end))))
}

/// The moment of a value.
pub fn moment(call: &Call, values: &[Value]) -> Result<i64> {
    match values {
        [Value::Date(days)] => Ok(call.clock.utc(midnight(*days)?)),
        [Value::Local(local)] => Ok(call.clock.utc(*local)),
        [Value::Moment(utc)] => Ok(*utc),
        [Value::Text(text)] => moment_of(text, &call.now()),
        values => call.refused(values),
    }
}

fn times(call: &Call) -> Result<ArrayRef> {
    let times = call.each_or_null(|values| {
        Ok(Some(match values {
            // Endless times have none.
            [value] if value.endless().is_some() => return Ok(None),
            [Value::Time(time)] => *time,
            [Value::Local(local)] => local.rem_euclid(DAY),
            [Value::Moment(utc)] => call.clock.local(*utc).rem_euclid(DAY),
            [Value::Interval(interval)] => interval.micros.rem_euclid(DAY),
            [Value::Text(text)] => time_of(text)?,
            values => return call.refused(values),
        }))
    })?;
    Ok(Arc::new(Time64MicrosecondArray::from(times)))
}

fn intervals(call: &Call) -> Result<ArrayRef> {
    call.intervals(|values| match values {
        [Value::Interval(interval)] => Ok(*interval),
        [Value::Time(time)] => Ok(Interval {
            micros: *time,
            ..Interval::default()
        }),
        [Value::Text(text)] => interval_of(text, Unit::Second),
        values => call.refused(values),
    })
}

fn texts(call: &Call) -> Result<ArrayRef> {
    call.texts(|values| match values {
        [Value::Date(days)] => Ok(date_text(*days)),
        [Value::Local(local)] => Ok(timestamp_text(*local)),
        [Value::Moment(utc)] => Ok(moment_text(*utc, &call.clock)),
        [Value::Time(time)] => Ok(time_text(*time)),
        [Value::Interval(interval)] => Ok(interval.text()),
        [Value::Text(text)] => Ok((*text).to_owned()),
        values => call.refused(values),
    })
}

fn rounded_type(kinds: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(kinds[0].clone())
}

/// Times with at most the given number of digits behind the second, rounded as PostgreSQL does.
fn rounded(call: &Call) -> Result<ArrayRef> {
    call.points(|values| match values {
        [time, _] if time.endless().is_some() => {
            let reason =
                "endless times have no fewer digits; write timestamp or timestamptz without a number of digits";
            Err(TimeError::NotSupported(reason.to_owned()).into())
        }
        [Value::Local(micros) | Value::Moment(micros), Value::Integer(digits)] => {
            let digits = u32::try_from(*digits).ok().filter(|digits| *digits <= 6);
            let digits = digits.ok_or_else(|| TimeError::Parameter("a time has up to 6 digits".to_owned()))?;
            let unit = 10_i64.pow(6 - digits);
            // Half away from zero, of microseconds since 2000.
            let since = micros - 946_684_800_000_000;
            let half = if since < 0 { -(unit / 2) } else { unit / 2 };
            Ok((since + half) / unit * unit + 946_684_800_000_000)
        }
        values => call.refused(values),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timestamp_is_the_midnight_of_one_day_or_of_none() {
        let days = |micros: i64| {
            days_at(
                &DataType::Date32,
                &ScalarValue::TimestampMicrosecond(Some(micros), None),
            )
        };
        let expected = |first: i32, end: i32| Some((ScalarValue::Date32(Some(first)), ScalarValue::Date32(Some(end))));
        assert_eq!(days(0), expected(0, 1));
        assert_eq!(days(1), expected(1, 1));
        assert_eq!(days(-1), expected(0, 0));
        assert_eq!(days(-DAY), expected(-1, 0));
        assert_eq!(days(i64::MAX - 1), expected(106_751_992, 106_751_992));
        assert_eq!((days(i64::MAX), days(i64::MIN)), (None, None));
        let null = ScalarValue::TimestampMicrosecond(None, None);
        assert_eq!(days_at(&DataType::Date32, &null), None);
        let midnight = ScalarValue::TimestampMicrosecond(Some(0), None);
        assert_eq!(days_at(&DataType::Date64, &midnight), None);
    }
}
