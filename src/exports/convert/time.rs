//! Converts times: timestamps of any unit, and ISO 8601 text. A time without an offset is UTC.

use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, PrimitiveArray, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::{
    DataType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};

use super::iso::{Iso, read};
use super::{Unconvertible, is_text, parsed, refused, remedy, shown};
use crate::exports::contract::Column;

const UTC: &str = "UTC";
/// The years 1 to 9999 in UTC, which dates of four digits, spreadsheets and other programs can show.
const CALENDAR: RangeInclusive<i64> = -62_135_596_800_000_000..=253_402_300_799_999_999;

/// Converts a column of timestamps to microseconds.
pub fn times(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    match values.data_type() {
        DataType::Timestamp(..) => Ok(Arc::new(micros(column, values)?.with_timezone(UTC))),
        found if is_text(found) => texts(column, values),
        _ => Err(refused(column, values)),
    }
}

/// Timestamps of any unit as microseconds, rounded down, without the time zone of their type.
pub fn micros(column: &Column, values: &ArrayRef) -> Result<TimestampMicrosecondArray, Unconvertible> {
    let DataType::Timestamp(unit, _) = values.data_type() else {
        return Err(refused(column, values));
    };
    let micros = match unit {
        TimeUnit::Second => widened(values.as_primitive::<TimestampSecondType>(), 1_000_000)?,
        TimeUnit::Millisecond => widened(values.as_primitive::<TimestampMillisecondType>(), 1_000)?,
        TimeUnit::Microsecond => {
            let micros = values.as_primitive::<TimestampMicrosecondType>();
            PrimitiveArray::new(micros.values().clone(), micros.nulls().cloned())
        }
        TimeUnit::Nanosecond => {
            let nanos = values.as_primitive::<TimestampNanosecondType>();
            nanos.unary(|nanos| nanos.div_euclid(1_000))
        }
    };
    // Slots of NULLs hold arbitrary values, so a value that is out of range counts only in a valid row.
    if !micros.values().iter().all(|micros| CALENDAR.contains(micros)) {
        let beyond = |(_, micros): &(usize, Option<i64>)| micros.is_some_and(|micros| !CALENDAR.contains(&micros));
        if let Some((row, Some(value))) = micros.iter().enumerate().find(beyond) {
            return Err(too_far(row, value, "microseconds"));
        }
    }
    Ok(micros)
}

/// Seconds or milliseconds as microseconds. A time that does not fit is an error; it never overflows silently.
fn widened<T>(values: &PrimitiveArray<T>, micros: i64) -> Result<TimestampMicrosecondArray, Unconvertible>
where
    T: datafusion::arrow::datatypes::ArrowPrimitiveType<Native = i64>,
{
    let most = i64::MAX / micros;
    // All at once where no slot overflows. Slots of NULLs hold arbitrary values; one by one, these are left out.
    if values.values().iter().all(|value| (-most..=most).contains(value)) {
        return Ok(values.unary(|value| value * micros));
    }
    let unit = if micros == 1_000 { "milliseconds" } else { "seconds" };
    let widen = |(row, value): (usize, Option<i64>)| match value {
        None => Ok(None),
        Some(value) => value
            .checked_mul(micros)
            .map(Some)
            .ok_or_else(|| too_far(row, value, unit)),
    };
    values.iter().enumerate().map(widen).collect()
}

fn too_far(row: usize, value: i64, unit: &str) -> Unconvertible {
    Unconvertible::new(row, format!("{value} {unit} since 1970 is not in the years 1 to 9999"))
}

fn texts(column: &Column, values: &ArrayRef) -> Result<ArrayRef, Unconvertible> {
    let micros = parsed(column, values, |text| match read(text) {
        Some(Iso::Local(micros) | Iso::Instant(micros)) if CALENDAR.contains(&micros) => Ok(micros),
        Some(Iso::Local(_) | Iso::Instant(_)) => {
            Err((format!("{} is not in the years 1 to 9999 of UTC", shown(text)), None))
        }
        Some(Iso::Day(_)) => Err((
            format!("{} has no time of day", shown(text)),
            Some(format!("to_timestamp({})", column.name)),
        )),
        None => Err((
            format!("{} is not a time in ISO 8601 such as 2026-11-22T10:15:00Z", shown(text)),
            Some(remedy::time_expression(column, text)),
        )),
    })?;
    Ok(Arc::new(TimestampMicrosecondArray::from(micros).with_timezone(UTC)))
}
