//! `date_trunc` and `date_bin`: the beginning of the year, week, hour … that a time is in.

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};

use super::super::civil::{Civil, DAY, HOUR, MINUTE, SECOND, days_of_ymd, first_iso_monday};
use super::super::clock::Clock;
use super::super::endless::Endless;
use super::super::error::TimeError;
use super::super::function::{Call, Definition, function, out_of_range};
use super::super::interval::Interval;
use super::super::interval_text::{Unit, interval_of};
use super::super::values::{Kind, LastRead, Value, interval_type, kind_of, local_type, moment_type};
use super::at_zone::Zones;
use super::casts::{local_of, moment};

pub static FUNCTIONS: [Definition; 2] = [
    Definition {
        aliases: &["datetrunc"],
        ..function("date_trunc", (2, 3), trunc_type, trunc)
    },
    function("date_bin", (2, 3), bin_type, bin),
];

fn trunc_type(kinds: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match kind_of(&kinds[1]) {
        Kind::Local if kinds.len() == 2 => Ok(local_type()),
        Kind::Local | Kind::Moment | Kind::Date | Kind::Text | Kind::Null => Ok(moment_type()),
        Kind::Interval | Kind::Span | Kind::Time => Ok(interval_type()),
        Kind::Number | Kind::Other => plan_err!("date_trunc takes a timestamp or an interval, not {}", kinds[1]),
    }
}

/// A unit that times are cut to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    Unit(Unit),
    Quarter,
}

fn cut(name: &Value) -> Result<Cut> {
    let text = name.text()?;
    let lower = text.to_ascii_lowercase();
    let unit = match lower.as_str() {
        "quarter" | "qtr" => Some(Cut::Quarter),
        lower => Unit::named(lower).map(Cut::Unit),
    };
    unit.ok_or_else(|| {
        let reason = format!(
            "unit \"{text}\" not recognized; date_trunc knows microseconds to hour, day, week, month, quarter, year, decade, century and millennium"
        );
        TimeError::Parameter(reason).into()
    })
}

fn trunc(call: &Call) -> Result<ArrayRef> {
    let mut units = LastRead::default();
    if call.returns == interval_type() {
        return call.intervals(|values| match values {
            [name, Value::Interval(interval)] => of_interval(units.of(*name, cut)?, *interval),
            [name, Value::Time(micros)] => of_interval(
                units.of(*name, cut)?,
                Interval {
                    micros: *micros,
                    ..Interval::default()
                },
            ),
            values => call.refused(values),
        });
    }
    let zones = Zones::default();
    let is_local = call.returns == local_type();
    call.points(|values| match values {
        [name, Value::Local(local)] if is_local => of_local(units.of(*name, cut)?, *local),
        [name, time] => of_moment(units.of(*name, cut)?, moment(call, &[*time])?, &call.clock),
        [name, time, zone] => {
            let utc = moment(call, &[*time])?;
            let unit = units.of(*name, cut)?;
            zones.with(call, zone, |clock| of_moment(unit, utc, clock))?
        }
        values => call.refused(values),
    })
}

/// A moment, cut to the unit in a zone.
fn of_moment(unit: Cut, utc: i64, clock: &Clock) -> Result<i64> {
    if Endless::of_micros(utc).is_some() {
        return Ok(utc);
    }
    let offset = clock.offset_at(utc) * SECOND;
    let local = of_local(unit, utc + offset)?;
    Ok(match unit {
        // The clock may have changed since the beginning of an hour, but not what an hour is.
        Cut::Unit(Unit::Hour | Unit::Minute | Unit::Second | Unit::Millisecond | Unit::Microsecond) => local - offset,
        _ => clock.utc(local),
    })
}

fn of_local(unit: Cut, local: i64) -> Result<i64> {
    if Endless::of_micros(local).is_some() {
        return Ok(local);
    }
    let civil = Civil::of_micros(local);
    let year = civil.year;
    let start_of = |year: i64, month: i64| days_of_ymd(year, month, 1).saturating_mul(DAY);
    Ok(match unit {
        Cut::Quarter => start_of(year, (civil.month - 1) / 3 * 3 + 1),
        Cut::Unit(unit) => match unit {
            Unit::Microsecond => local,
            Unit::Millisecond => local - local.rem_euclid(SECOND / 1000),
            Unit::Second => local - local.rem_euclid(SECOND),
            Unit::Minute => local - local.rem_euclid(MINUTE),
            Unit::Hour => local - local.rem_euclid(HOUR),
            Unit::Day => local - local.rem_euclid(DAY),
            Unit::Week => {
                let (year, week) = civil.iso_week();
                (first_iso_monday(year) + (week - 1) * 7).saturating_mul(DAY)
            }
            Unit::Month => start_of(year, civil.month),
            Unit::Year => start_of(year, 1),
            Unit::Decade => start_of(year.div_euclid(10) * 10, 1),
            // Centuries and millennia begin with the year 1.
            Unit::Century => start_of((year - 1).div_euclid(100) * 100 + 1, 1),
            Unit::Millennium => start_of((year - 1).div_euclid(1000) * 1000 + 1, 1),
        },
    })
}

fn of_interval(unit: Cut, interval: Interval) -> Result<Interval> {
    let months_alone = |months: i32| Interval {
        months: interval.months / months * months,
        ..Interval::default()
    };
    let time = |unit: i64| Interval {
        micros: interval.micros / unit * unit,
        ..interval
    };
    Ok(match unit {
        Cut::Quarter => months_alone(3),
        Cut::Unit(unit) => match unit {
            Unit::Microsecond => interval,
            Unit::Millisecond => time(SECOND / 1000),
            Unit::Second => time(SECOND),
            Unit::Minute => time(MINUTE),
            Unit::Hour => time(HOUR),
            Unit::Day => Interval { micros: 0, ..interval },
            Unit::Week => {
                let reason = "unit \"week\" not supported for type interval: months have no whole number of weeks";
                return Err(TimeError::NotSupported(reason.to_owned()).into());
            }
            Unit::Month => months_alone(1),
            Unit::Year => months_alone(12),
            Unit::Decade => months_alone(120),
            Unit::Century => months_alone(1200),
            Unit::Millennium => months_alone(12_000),
        },
    })
}

fn bin_type(kinds: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    match kind_of(&kinds[1]) {
        Kind::Local => Ok(local_type()),
        Kind::Moment | Kind::Date | Kind::Text | Kind::Null => Ok(moment_type()),
        _ => plan_err!(
            "date_bin takes an interval, a timestamp and a timestamp to begin with, not {}",
            kinds[1]
        ),
    }
}

/// The beginning of the interval that a time is in, counted from an origin, which is 1970 where none is given.
fn bin(call: &Call) -> Result<ArrayRef> {
    let is_local = call.returns == local_type();
    let micros = |value: Value| match is_local {
        true => local_of(call, &[value]),
        false => moment(call, &[value]),
    };
    call.points(|values| {
        let stride = match values[0] {
            Value::Interval(interval) => interval,
            Value::Text(text) => interval_of(text, Unit::Second)?,
            _ => return call.refused(values),
        };
        if stride.months != 0 {
            let reason =
                "timestamps cannot be binned into intervals containing months or years; write date_trunc('month', …)";
            return Err(TimeError::NotSupported(reason.to_owned()).into());
        }
        let stride = i64::try_from(stride.span()).ok().filter(|stride| *stride > 0);
        let stride = stride.ok_or_else(|| TimeError::OutOfRange("stride must be greater than zero".to_owned()))?;
        let origin = values.get(2).map_or(Ok(0), |origin| micros(*origin))?;
        let time = micros(values[1])?;
        if Endless::of_micros(time).is_some() {
            return Ok(time);
        }
        if Endless::of_micros(origin).is_some() {
            return Err(TimeError::OutOfRange("origin out of range".to_owned()).into());
        }
        let since = time.checked_sub(origin).ok_or_else(|| out_of_range("timestamp"))?;
        Ok(origin + since.div_euclid(stride) * stride)
    })
}
