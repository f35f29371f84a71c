//! `extract(field from time)` and `date_part(field, time)`: one field of a time, as a decimal number or as a double.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Decimal128Array, Float64Array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};

use super::super::civil::{Civil, DAY, SECOND};
use super::super::endless::{Endless, midnight};
use super::super::error::TimeError;
use super::super::function::{Call, Definition, function};
use super::super::interval::Interval;
use super::super::values::{Kind, LastRead, Value, kind_of};

pub const EXTRACT: &str = "extract";
const DATE_PART: &str = "date_part";

/// Digits behind the point where the field is not known when the statement is planned.
const ANY_SCALE: i8 = 6;
const MOST_DIGITS: u8 = 38;
/// Microseconds of 365.25 days: an interval's year in `epoch`.
const YEAR: i64 = DAY * 1461 / 4;
const MONTH: i64 = 30 * DAY;

pub static FUNCTIONS: [Definition; 2] = [
    function(EXTRACT, (2, 2), decimal_type, decimals),
    Definition {
        aliases: &["datepart"],
        ..function(DATE_PART, (2, 2), double_type, |call| {
            let mut fields = LastRead::default();
            let parts = call.each_or_null(|values| {
                let part = match values {
                    // PostgreSQL takes a date for its midnight here, but not in extract.
                    [field, Value::Date(days)] => part_of(call, &mut fields, &[*field, Value::Local(midnight(*days)?)]),
                    values => part_of(call, &mut fields, values),
                };
                Ok(part?.double())
            })?;
            Ok(Arc::new(Float64Array::from(parts)))
        })
    },
];

/// A field of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
    Decade,
    Century,
    Millennium,
    IsoYear,
    IsoDay,
    DayOfWeek,
    DayOfYear,
    Epoch,
    Julian,
    Zone,
    ZoneHour,
    ZoneMinute,
}

impl Field {
    fn of(name: &Value) -> Result<Self> {
        Self::named(name.text()?)
    }

    fn named(name: &str) -> Result<Self> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "us" | "usec" | "usecs" | "microsecond" | "microseconds" => Self::Microsecond,
            "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => Self::Millisecond,
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Second,
            "m" | "min" | "mins" | "minute" | "minutes" => Self::Minute,
            "h" | "hr" | "hrs" | "hour" | "hours" => Self::Hour,
            "d" | "day" | "days" => Self::Day,
            "w" | "week" | "weeks" => Self::Week,
            "mon" | "mons" | "month" | "months" => Self::Month,
            "qtr" | "quarter" => Self::Quarter,
            "y" | "yr" | "yrs" | "year" | "years" => Self::Year,
            "dec" | "decs" | "decade" | "decades" => Self::Decade,
            "c" | "cent" | "century" | "centuries" => Self::Century,
            "mil" | "mils" | "millennium" | "millennia" => Self::Millennium,
            "isoyear" => Self::IsoYear,
            "isodow" => Self::IsoDay,
            "dow" => Self::DayOfWeek,
            "doy" => Self::DayOfYear,
            "epoch" => Self::Epoch,
            "julian" => Self::Julian,
            "timezone" => Self::Zone,
            "timezone_h" | "timezone_hour" => Self::ZoneHour,
            "timezone_m" | "timezone_minute" => Self::ZoneMinute,
            _ => {
                let reason = format!(
                    "unit \"{name}\" not recognized; extract knows year, month, day, hour, minute, second, epoch, dow and others"
                );
                return Err(TimeError::Parameter(reason).into());
            }
        })
    }

    /// Whether the field grows without bound over time, as years do, so that it is infinite for an endless time.
    fn is_counted_on(self) -> bool {
        matches!(
            self,
            Self::Year | Self::Decade | Self::Century | Self::Millennium | Self::IsoYear | Self::Julian | Self::Epoch
        )
    }

    /// Digits before and behind the point.
    fn digits(self, kind: Kind) -> (u8, i8) {
        match (self, kind) {
            (Self::Second, _) => (8, 6),
            (Self::Millisecond, _) => (9, 3),
            (Self::Epoch, Kind::Date) => (14, 0),
            (Self::Epoch, _) => (24, 6),
            (Self::Julian, Kind::Local | Kind::Moment) => (30, 20),
            _ => (12, 0),
        }
    }
}

/// A field's value: digits, and how many of them are behind the point.
#[derive(Debug, Clone, Copy)]
struct Part {
    digits: i128,
    scale: i8,
}

impl Part {
    fn whole(value: i64) -> Self {
        Self {
            digits: i128::from(value),
            scale: 0,
        }
    }

    fn micros(micros: i128, scale: i8) -> Self {
        Self { digits: micros, scale }
    }

    fn double(self) -> f64 {
        self.digits as f64 / 10f64.powi(i32::from(self.scale))
    }

    /// The number's digits with `scale` of them behind the point, which are no fewer than it has.
    fn with_scale(self, scale: i8) -> i128 {
        let more = u32::try_from(scale - self.scale).unwrap_or(0);
        self.digits * 10_i128.pow(more)
    }
}

fn decimal_type(kinds: &[DataType], constants: &[Option<&ScalarValue>]) -> Result<DataType> {
    let kind = checked(kinds)?;
    let field = constants
        .first()
        .copied()
        .flatten()
        .and_then(|field| field.try_as_str().flatten());
    let (digits, scale) = match field {
        Some(name) => Field::named(name)?.digits(kind),
        None => (MOST_DIGITS, ANY_SCALE),
    };
    Ok(DataType::Decimal128(digits, scale))
}

fn double_type(kinds: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    checked(kinds)?;
    Ok(DataType::Float64)
}

fn checked(kinds: &[DataType]) -> Result<Kind> {
    match kind_of(&kinds[1]) {
        kind @ (Kind::Text | Kind::Number | Kind::Other) => {
            plan_err!("extract takes a time or an interval, not {kind:?}; cast it, such as {kind:?}::timestamp")
        }
        kind => Ok(kind),
    }
}

fn decimals(call: &Call) -> Result<ArrayRef> {
    let DataType::Decimal128(precision, scale) = call.returns else {
        return call.refused(&[]);
    };
    let mut fields = LastRead::default();
    let parts = call.each_or_null(|values| {
        let part = match part_of(call, &mut fields, values)? {
            Found::Part(part) => part,
            Found::Nothing => return Ok(None),
            Found::Endless(_) => {
                let reason = "numeric has no infinity here; write date_part('epoch', …) for extract(epoch from …)";
                return Err(TimeError::NotSupported(reason.to_owned()).into());
            }
        };
        if part.scale > scale {
            let reason =
                "extract of a field that is not constant gives six digits behind the point; write the field as a text";
            return Err(TimeError::NotSupported(reason.to_owned()).into());
        }
        Ok(Some(part.with_scale(scale)))
    })?;
    let parts = Decimal128Array::from(parts).with_precision_and_scale(precision, scale)?;
    Ok(Arc::new(parts))
}

/// The value of a field of a time.
#[derive(Debug, Clone, Copy)]
enum Found {
    Part(Part),
    /// NULL: an endless time has no month, hour or zone.
    Nothing,
    /// Infinite: the year of an endless time, and other fields that grow without bound.
    Endless(Endless),
}

impl Found {
    /// The value as a double; `None` for NULL.
    fn double(self) -> Option<f64> {
        match self {
            Self::Part(part) => Some(part.double()),
            Self::Nothing => None,
            Self::Endless(endless) => Some(endless.double()),
        }
    }
}

fn part_of<'a>(call: &Call, fields: &mut LastRead<'a, Field>, values: &[Value<'a>]) -> Result<Found> {
    let [name, time] = values else {
        return call.refused(values);
    };
    let field = fields.of(*name, Field::of)?;
    let Some(endless) = time.endless() else {
        return finite_part(call, field, *name, *time).map(Found::Part);
    };
    // Any time of the type tells which fields there are.
    let finite = match time {
        Value::Date(_) => Value::Date(0),
        Value::Local(_) => Value::Local(0),
        _ => Value::Moment(0),
    };
    finite_part(call, field, *name, finite)?;
    Ok(if field.is_counted_on() {
        Found::Endless(endless)
    } else {
        Found::Nothing
    })
}

fn finite_part(call: &Call, field: Field, name: Value, time: Value) -> Result<Part> {
    let found = match time {
        Value::Date(days) => of_date(field, days),
        Value::Local(local) => of_civil(field, local, local),
        Value::Moment(utc) => {
            let offset = call.clock.offset_at(utc);
            of_zone(field, offset).or_else(|| of_civil(field, utc + offset * SECOND, utc))
        }
        Value::Time(time) => of_time(field, time),
        Value::Interval(interval) => of_interval(field, interval),
        _ => return call.refused(&[name, time]),
    };
    found.ok_or_else(|| {
        let name = name.text().unwrap_or_default();
        TimeError::NotSupported(format!("unit \"{name}\" not supported for this type of time")).into()
    })
}

fn of_zone(field: Field, offset: i64) -> Option<Part> {
    match field {
        Field::Zone => Some(Part::whole(offset)),
        Field::ZoneHour => Some(Part::whole(offset / 3600)),
        Field::ZoneMinute => Some(Part::whole(offset / 60 % 60)),
        _ => None,
    }
}

fn of_date(field: Field, days: i64) -> Option<Part> {
    let local = days.saturating_mul(DAY);
    match field {
        Field::Epoch => Some(Part::whole(local / SECOND)),
        Field::Julian => Some(Part::whole(Civil::of_micros(local).julian_day())),
        Field::Microsecond | Field::Millisecond | Field::Second | Field::Minute | Field::Hour => None,
        field => of_civil(field, local, local),
    }
}

/// A field of a local time; `since` is its epoch, in microseconds since 1970.
fn of_civil(field: Field, local: i64, since: i64) -> Option<Part> {
    let civil = Civil::of_micros(local);
    let counted = |year: i64| if year > 0 { year } else { year - 1 };
    let year = civil.year;
    Some(match field {
        Field::Epoch => Part::micros(i128::from(since), 6),
        Field::Julian => julian(civil),
        Field::Day => Part::whole(civil.day),
        Field::Week => Part::whole(civil.iso_week().1),
        Field::Month => Part::whole(civil.month),
        Field::Quarter => Part::whole((civil.month - 1) / 3 + 1),
        Field::Year => Part::whole(counted(year)),
        Field::Decade => Part::whole(year.div_euclid(10)),
        Field::Century if year > 0 => Part::whole((year + 99) / 100),
        Field::Century => Part::whole(-((99 - (year - 1)) / 100)),
        Field::Millennium if year > 0 => Part::whole((year + 999) / 1000),
        Field::Millennium => Part::whole(-((999 - (year - 1)) / 1000)),
        Field::IsoYear => Part::whole(counted(civil.iso_week().0)),
        Field::IsoDay => Part::whole(civil.iso_day_of_week()),
        Field::DayOfWeek => Part::whole(civil.day_of_week()),
        Field::DayOfYear => Part::whole(civil.day_of_year()),
        Field::Zone | Field::ZoneHour | Field::ZoneMinute => return None,
        field => return of_clock(field, civil.time),
    })
}

/// The Julian day, and the part of it that is over, to twenty digits.
fn julian(civil: Civil) -> Part {
    const DIGITS: i128 = 100_000_000_000_000_000_000;
    let part = i128::from(civil.time) * DIGITS;
    let day = i128::from(DAY);
    let rounded = (part + day / 2) / day;
    Part::micros(i128::from(civil.julian_day()) * DIGITS + rounded, 20)
}

/// A field of the time since midnight, or of the time of an interval.
fn of_clock(field: Field, micros: i64) -> Option<Part> {
    let seconds = i128::from(micros % (60 * SECOND));
    Some(match field {
        Field::Microsecond => Part::micros(seconds, 0),
        Field::Millisecond => Part::micros(seconds, 3),
        Field::Second => Part::micros(seconds, 6),
        Field::Minute => Part::whole(micros / (60 * SECOND) % 60),
        Field::Hour => Part::whole(micros / (3600 * SECOND)),
        _ => return None,
    })
}

fn of_time(field: Field, time: i64) -> Option<Part> {
    match field {
        Field::Epoch => Some(Part::micros(i128::from(time), 6)),
        field => of_clock(field, time),
    }
}

fn of_interval(field: Field, interval: Interval) -> Option<Part> {
    let (years, months) = (i64::from(interval.months / 12), i64::from(interval.months % 12));
    Some(match field {
        Field::Day => Part::whole(i64::from(interval.days)),
        Field::Month => Part::whole(months),
        Field::Quarter => Part::whole(months / 3 + 1),
        Field::Year => Part::whole(years),
        Field::Decade => Part::whole(years / 10),
        Field::Century => Part::whole(years / 100),
        Field::Millennium => Part::whole(years / 1000),
        Field::Epoch => {
            let days = i128::from(years) * i128::from(YEAR)
                + i128::from(months) * i128::from(MONTH)
                + i128::from(interval.days) * i128::from(DAY);
            Part::micros(days + i128::from(interval.micros), 6)
        }
        field => return of_clock(field, interval.micros),
    })
}
