//! Converts dates, timestamps and ISO 8601 text to dates. A timestamp without a zone keeps its written day; an instant
//! becomes the local day in the site's zone.

use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Date32Array};
use datafusion::arrow::datatypes::{DataType, Date32Type, Date64Type};

use super::iso::{Iso, read};
use super::time::micros;
use super::{Unconvertible, is_text, parsed, refused, remedy, shown};
use crate::exports::contract::Column;
use crate::zone::{LocalDays, Zone};

const MILLIS_PER_DAY: i64 = 86_400_000;
const MICROS_PER_DAY: i64 = MILLIS_PER_DAY * 1_000;
/// The days of the years 1 to 9999, which times are limited to as well.
const CALENDAR: RangeInclusive<i32> = -719_162..=2_932_896;

/// Converts a column of dates.
pub fn dates(column: &Column, values: &ArrayRef, zone: &Zone) -> Result<ArrayRef, Unconvertible> {
    let dates: Date32Array = match values.data_type() {
        DataType::Date32 => values.as_primitive::<Date32Type>().clone(),
        DataType::Date64 => {
            let millis = values.as_primitive::<Date64Type>();
            days(millis.iter(), |millis| {
                i32::try_from(millis.div_euclid(MILLIS_PER_DAY)).ok()
            })?
        }
        DataType::Timestamp(_, None) => days(micros(column, values)?.iter(), day_of)?,
        DataType::Timestamp(_, Some(_)) => {
            let mut local = LocalDays::new(zone);
            days(micros(column, values)?.iter(), |micros| local.at(micros))?
        }
        found if is_text(found) => texts(column, values, zone)?.into(),
        _ => return Err(refused(column, values)),
    };
    check_years(&dates).map_err(|beyond| beyond.with_mapping(mapping_for(column, values.data_type())))?;
    Ok(Arc::new(dates))
}

/// Refuses days that no report can show, among them the ones that stand for infinity.
fn check_years(dates: &Date32Array) -> Result<(), Unconvertible> {
    if dates.values().iter().all(|day| CALENDAR.contains(day)) {
        return Ok(());
    }
    // Slots of NULLs hold arbitrary values, so a day that is out of range counts only in a valid row.
    let beyond = |(_, day): &(usize, Option<i32>)| day.is_some_and(|day| !CALENDAR.contains(&day));
    let Some((row, Some(day))) = dates.iter().enumerate().find(beyond) else {
        return Ok(());
    };
    let shown = match day {
        i32::MAX => "infinity".to_owned(),
        i32::MIN => "-infinity".to_owned(),
        day => format!("{day} days since 1970"),
    };
    Err(Unconvertible::new(
        row,
        format!("{shown} is not in the years 1 to 9999"),
    ))
}

/// The expression that reads such days of a column of dates as NULL.
fn mapping_for(column: &Column, found: &DataType) -> Option<String> {
    let name = column.name;
    let is_date = matches!(found, DataType::Date32 | DataType::Date64);
    is_date.then(|| format!("case when {name} between date '0001-01-01' and date '9999-12-31' then {name} end"))
}

fn day_of(micros: i64) -> Option<i32> {
    i32::try_from(micros.div_euclid(MICROS_PER_DAY)).ok()
}

fn days(
    values: impl Iterator<Item = Option<i64>>,
    mut day: impl FnMut(i64) -> Option<i32>,
) -> Result<Date32Array, Unconvertible> {
    let day_of = |(row, value): (usize, Option<i64>)| match value {
        None => Ok(None),
        Some(value) => match day(value) {
            Some(day) => Ok(Some(day)),
            None => Err(Unconvertible::new(row, "the date is beyond the calendar's years")),
        },
    };
    values.enumerate().map(day_of).collect()
}

fn texts(column: &Column, values: &ArrayRef, zone: &Zone) -> Result<Vec<Option<i32>>, Unconvertible> {
    let mut local = LocalDays::new(zone);
    parsed(column, values, |text| {
        let day = match read(text) {
            Some(Iso::Day(day)) => Some(day),
            Some(Iso::Local(micros)) => day_of(micros),
            Some(Iso::Instant(micros)) => local.at(micros),
            None => None,
        };
        day.ok_or_else(|| {
            (
                format!("{} is not a date in ISO 8601 such as 2026-11-22", shown(text)),
                Some(remedy::date_expression(column, text)),
            )
        })
    })
}
