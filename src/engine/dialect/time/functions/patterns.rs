//! `to_char`, `to_date` and `to_timestamp` with PostgreSQL's patterns, which may differ from row to row.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use datafusion::arrow::array::{ArrayRef, Decimal128Array, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};

use super::super::civil::{DAY, SECOND};
use super::super::clock::Clock;
use super::super::endless::{Endless, midnight};
use super::super::error::TimeError;
use super::super::function::{Call, Definition, function, out_of_range};
use super::super::interval::Interval;
use super::super::number_pattern::{Number, NumberPattern};
use super::super::pattern::{Part, is_engine_pattern, parts};
use super::super::pattern_read::read;
use super::super::pattern_write::{Shown, written};
use super::super::read::{Now, date_of, moment_of};
use super::super::values::{Kind, Value, kind_of, moment_type};
use super::super::zone::Zone;

/// The limit of arguments of `to_timestamp`: a text, and patterns of the engine's own that are tried in turn.
const MOST_PATTERNS: usize = 16;
/// Digits behind the point of a number whose pattern is not known when the statement is planned, and the limit of them.
const ANY_SCALE: i8 = 10;
const MOST_SCALE: i8 = 30;

pub static FUNCTIONS: [Definition; 4] = [
    Definition {
        aliases: &["date_format"],
        ..function("to_char", (2, 2), text_type, to_char)
    },
    function("to_number", (2, 2), number_type, to_number),
    function("to_date", (1, MOST_PATTERNS), |_, _| Ok(DataType::Date32), to_date),
    function(
        "to_timestamp",
        (1, MOST_PATTERNS),
        |_, _| Ok(moment_type()),
        to_timestamp,
    ),
];

/// A decimal number with as many digits behind the point as the pattern, where that is known.
fn number_type(_: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let pattern = constants
        .get(1)
        .copied()
        .flatten()
        .and_then(|pattern| pattern.try_as_str().flatten());
    let scale = match pattern {
        Some(pattern) => i8::try_from(NumberPattern::new(pattern)?.scale()).ok(),
        None => Some(ANY_SCALE),
    };
    match scale.filter(|scale| *scale <= MOST_SCALE) {
        Some(scale) => Ok(DataType::Decimal128(38, scale)),
        None => plan_err!("to_number reads up to {MOST_SCALE} digits behind the point"),
    }
}

fn to_number(call: &Call) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = call.returns else {
        return call.refused(&[]);
    };
    let kept = Kept::new();
    let numbers = call.each(|values| match values {
        [Value::Text(text), Value::Text(pattern)] => {
            let pattern = kept.read(pattern, NumberPattern::new)?;
            let more = i8::try_from(pattern.scale())
                .ok()
                .and_then(|own| u32::try_from(scale - own).ok());
            let number = more.and_then(|more| {
                pattern
                    .read(text)
                    .map(|number| number.checked_mul(10_i128.pow(more)))
                    .transpose()
            });
            number.unwrap_or_else(|| Err(out_of_range("numeric")))
        }
        values => call.refused(values),
    })?;
    let numbers = Decimal128Array::from(numbers).with_precision_and_scale(precision, scale)?;
    Ok(Arc::new(numbers))
}

fn text_type(kinds: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match kind_of(&kinds[0]) {
        Kind::Text | Kind::Other => plan_err!(
            "to_char takes a time, an interval or a number, not {}; cast it, such as x::timestamp",
            kinds[0]
        ),
        _ => Ok(DataType::Utf8),
    }
}

/// The pattern of the row before, since most rows have the same one.
struct Kept<P>(RefCell<Option<(String, Rc<P>)>>);

impl<P> Kept<P> {
    fn new() -> Self {
        Self(RefCell::new(None))
    }

    fn read(&self, pattern: &str, read: impl FnOnce(&str) -> Result<P>) -> Result<Rc<P>> {
        if let Some((text, kept)) = self.0.borrow().as_ref()
            && text == pattern
        {
            return Ok(Rc::clone(kept));
        }
        let kept = Rc::new(read(pattern)?);
        *self.0.borrow_mut() = Some((pattern.to_owned(), Rc::clone(&kept)));
        Ok(kept)
    }
}

fn to_char(call: &Call) -> Result<ArrayRef> {
    let (of_times, of_numbers) = (Kept::<Vec<Part>>::new(), Kept::new());
    let texts = call.each_or_null(|values| {
        let [value, pattern] = values else {
            return call.refused(values);
        };
        // PostgreSQL has no text for endless times here.
        if value.endless().is_some() {
            return Ok(None);
        }
        let pattern = pattern.text()?;
        let shown = match value {
            Value::Date(days) => moment_shown(call, call.clock.utc(midnight(*days)?)),
            Value::Moment(utc) => moment_shown(call, *utc),
            Value::Local(local) => Shown::of_local(*local, 0, String::new()),
            Value::Interval(interval) => Shown::of_interval(*interval),
            Value::Time(micros) => Shown::of_interval(Interval {
                micros: *micros,
                ..Interval::default()
            }),
            number => {
                let pattern = of_numbers.read(pattern, NumberPattern::new)?;
                return pattern.write(&number_of(call, *number)?).map(Some);
            }
        };
        written(&shown, &of_times.read(pattern, parts)?).map(Some)
    })?;
    Ok(Arc::new(StringArray::from(texts)))
}

fn moment_shown(call: &Call, utc: i64) -> Shown {
    let offset = call.clock.offset_at(utc);
    let abbreviation = call.clock.zone().abbreviation_at(utc);
    Shown::of_local(utc.saturating_add(offset * SECOND), offset, abbreviation)
}

fn number_of(call: &Call, value: Value) -> Result<Number> {
    Ok(match value {
        Value::Integer(value) => Number::Exact(value.to_string()),
        Value::Double(value) => Number::Double(value),
        Value::Decimal(digits, scale) => Number::Exact(decimal_text(digits, scale)),
        other => return call.refused(&[other]),
    })
}

/// The digits of a decimal number, with its point.
fn decimal_text(digits: i128, scale: i8) -> String {
    let sign = if digits < 0 { "-" } else { "" };
    let digits = digits.unsigned_abs().to_string();
    let Ok(scale) = usize::try_from(scale) else {
        return format!("{sign}{digits}{}", "0".repeat(usize::from(scale.unsigned_abs())));
    };
    if scale == 0 {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

fn to_date(call: &Call) -> Result<ArrayRef> {
    let kept = Kept::<Vec<Part>>::new();
    let now = call.now();
    call.dates(|values| match values {
        [Value::Text(text)] => date_of(text, &now),
        [Value::Text(text), patterns @ ..] if are_of_engine(patterns) => {
            Ok(read_by_engine(text, patterns)?.div_euclid(DAY))
        }
        [Value::Text(text), Value::Text(pattern)] => Ok(read(text, &kept.read(pattern, parts)?)?.local.div_euclid(DAY)),
        values => call.refused(values),
    })
}

/// Whether these are patterns of the engine's own, such as `%d/%m/%Y`, which mappings read texts with.
fn are_of_engine(patterns: &[Value]) -> bool {
    let is_of_engine = |pattern: &Value| matches!(pattern, Value::Text(pattern) if is_engine_pattern(pattern));
    !patterns.is_empty() && patterns.iter().all(is_of_engine)
}

/// The moment of a text by the first pattern of the engine that it has the form of. It is of UTC where it names no offset.
fn read_by_engine(text: &str, patterns: &[Value]) -> Result<i64> {
    let read = |pattern: &str| {
        let with_offset = DateTime::parse_from_str(text, pattern).map(|time| time.timestamp_micros());
        let without = |_| NaiveDateTime::parse_from_str(text, pattern).map(|time| time.and_utc().timestamp_micros());
        let day = |_| NaiveDate::parse_from_str(text, pattern).map(|day| i64::from(day.to_epoch_days()) * DAY);
        with_offset.or_else(without).or_else(day).ok()
    };
    let texts = patterns.iter().filter_map(|pattern| pattern.text().ok());
    texts.clone().find_map(read).ok_or_else(|| {
        let patterns: Vec<&str> = texts.collect();
        TimeError::Invalid(format!("'{text}' is no time of the form {}", patterns.join(" or "))).into()
    })
}

fn to_timestamp(call: &Call) -> Result<ArrayRef> {
    let kept = Kept::<Vec<Part>>::new();
    let utc = Clock::new(Zone::utc());
    let in_utc = Now {
        clock: &utc,
        ..call.now()
    };
    call.moments(|values| match values {
        // Texts without a pattern, or with one of the engine's own, are of UTC in every session, since mappings read them.
        [Value::Text(text)] => moment_of(text, &in_utc),
        [Value::Text(text), patterns @ ..] if are_of_engine(patterns) => read_by_engine(text, patterns),
        [Value::Text(text), Value::Text(pattern)] => {
            let found = read(text, &kept.read(pattern, parts)?)?;
            Ok(match found.offset {
                Some(offset) => found.local - offset * SECOND,
                None => call.clock.utc(found.local),
            })
        }
        [value @ (Value::Date(_) | Value::Local(_) | Value::Moment(_))] => super::casts::moment(call, &[*value]),
        [seconds] => moment_of_seconds(*seconds),
        values => call.refused(values),
    })
}

/// The moment `seconds` seconds after the beginning of 1970 in UTC.
fn moment_of_seconds(seconds: Value) -> Result<i64> {
    if let Value::Integer(seconds) = seconds {
        return seconds.checked_mul(SECOND).ok_or_else(|| out_of_range("timestamp"));
    }
    let seconds = seconds.double()?;
    if seconds.is_nan() {
        return Err(TimeError::OutOfRange("timestamp cannot be NaN".to_owned()).into());
    }
    if seconds.is_infinite() {
        let endless = if seconds > 0.0 { Endless::Future } else { Endless::Past };
        return Ok(endless.micros());
    }
    let micros = (seconds * SECOND as f64).round_ties_even();
    let is_inside = micros.abs() < 2f64.powi(63);
    is_inside
        .then_some(micros as i64)
        .ok_or_else(|| out_of_range("timestamp"))
}
