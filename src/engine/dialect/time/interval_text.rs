//! Intervals as people write them: `1 month 2 days 03:04:05`, `90 minutes`, `1-2`, `P1Y2M`, `3 days ago`.

use datafusion::common::{DataFusionError, Result};

use super::civil::{DAY, HOUR, MINUTE, SECOND};
use super::error::TimeError;
use super::interval::{Interval, out_of_range};

/// The unit of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Microsecond,
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
    Decade,
    Century,
    Millennium,
}

impl Unit {
    /// The unit of a name in any form that PostgreSQL accepts, in lower case.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "us" | "usec" | "usecs" | "usecond" | "useconds" | "microsecon" | "microsecond" | "microseconds" => {
                Self::Microsecond
            }
            "ms" | "msec" | "msecs" | "msecond" | "mseconds" | "millisecon" | "millisecond" | "milliseconds" => {
                Self::Millisecond
            }
            "s" | "sec" | "secs" | "second" | "seconds" => Self::Second,
            "m" | "min" | "mins" | "minute" | "minutes" => Self::Minute,
            "h" | "hr" | "hrs" | "hour" | "hours" => Self::Hour,
            "d" | "day" | "days" => Self::Day,
            "w" | "week" | "weeks" => Self::Week,
            "mon" | "mons" | "month" | "months" => Self::Month,
            "y" | "yr" | "yrs" | "year" | "years" => Self::Year,
            "dec" | "decs" | "decade" | "decades" => Self::Decade,
            "c" | "cent" | "century" | "centuries" => Self::Century,
            "mil" | "mils" | "millennia" | "millennium" => Self::Millennium,
            _ => return None,
        })
    }

    const fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

/// The units of seconds.
const SECONDS: u32 = Unit::Second.bit() | Unit::Millisecond.bit() | Unit::Microsecond.bit();

/// A piece of an interval's text.
#[derive(Debug, PartialEq)]
enum Piece {
    /// With its sign.
    Number(String),
    /// `hh:mm:ss`, with its sign.
    Time(String),
    /// `years-months`, with its sign.
    YearMonth(String),
    Word(String),
}

/// An interval of a text; numbers without a unit are of `unit`.
///
/// # Errors
/// Where the text is not an interval.
pub fn interval_of(text: &str, unit: Unit) -> Result<Interval> {
    let invalid = || -> DataFusionError {
        TimeError::Invalid(format!("invalid input syntax for type interval: \"{text}\"")).into()
    };
    let trimmed = text.trim();
    if let Some(iso) = trimmed.strip_prefix(['P', 'p']) {
        return iso_interval(iso).ok_or_else(invalid)?;
    }
    let pieces = pieces(trimmed).ok_or_else(invalid)?;
    read(pieces, unit).ok_or_else(invalid)?
}

/// The text's pieces in order.
fn pieces(text: &str) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        if letter.is_ascii_alphabetic() {
            let end = rest
                .find(|letter: char| !letter.is_ascii_alphabetic())
                .unwrap_or(rest.len());
            pieces.push(Piece::Word(rest[..end].to_ascii_lowercase()));
            rest = &rest[end..];
        } else if letter.is_ascii_digit() || matches!(letter, '+' | '-' | '.') {
            let (sign, after) = match letter {
                '+' => ("", rest[1..].trim_start()),
                '-' => ("-", rest[1..].trim_start()),
                _ => ("", rest),
            };
            let is_part = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == ':';
            let mut end = after.find(|letter| !is_part(letter)).unwrap_or(after.len());
            let mut is_year_month = false;
            if after[end..].starts_with('-') && after[end + 1..].starts_with(|next: char| next.is_ascii_digit()) {
                is_year_month = true;
                let more = &after[end + 1..];
                end += 1 + more.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(more.len());
            }
            let part = &after[..end];
            if !part.contains(|letter: char| letter.is_ascii_digit()) {
                return None;
            }
            let signed = format!("{sign}{part}");
            pieces.push(match (is_year_month, part.contains(':')) {
                (true, false) => Piece::YearMonth(signed),
                (false, true) => Piece::Time(signed),
                (false, false) => Piece::Number(signed),
                (true, true) => return None,
            });
            rest = &after[end..];
        } else if letter.is_whitespace() || matches!(letter, '@' | ',') {
            rest = &rest[letter.len_utf8()..];
        } else {
            return None;
        }
    }
    (!pieces.is_empty()).then_some(pieces)
}

/// Reads the pieces from the last to the first, since a unit comes after its number.
fn read(pieces: Vec<Piece>, default: Unit) -> Option<Result<Interval>> {
    let mut sum = Sum::default();
    let mut unit = default;
    let mut is_unit_open = false;
    let mut is_ago = false;
    let mut seen = 0;
    for piece in pieces.into_iter().rev() {
        let bits = match &piece {
            Piece::Word(word) if word == "ago" => {
                if is_ago || seen != 0 {
                    return None;
                }
                is_ago = true;
                continue;
            }
            Piece::Word(word) => {
                if is_unit_open {
                    return None;
                }
                unit = Unit::named(word)?;
                is_unit_open = true;
                continue;
            }
            Piece::Number(number) => {
                sum.add(number, unit)?;
                // A fraction of a second is one of its smaller units too.
                let is_fraction = unit == Unit::Second && number.contains('.');
                if is_fraction { SECONDS } else { unit.bit() }
            }
            Piece::Time(time) => {
                if is_unit_open && unit != Unit::Day {
                    return None;
                }
                // As in PostgreSQL, fractions of days that stand behind it are lost.
                sum.micros = time_of(time)?;
                unit = Unit::Day;
                Unit::Hour.bit() | Unit::Minute.bit() | SECONDS
            }
            Piece::YearMonth(text) => {
                sum.add_year_month(text)?;
                unit = Unit::Month;
                Unit::Month.bit()
            }
        };
        if seen & bits != 0 {
            return None;
        }
        seen |= bits;
        is_unit_open = false;
    }
    if seen == 0 || is_unit_open {
        return None;
    }
    let interval = sum.interval();
    Some(if is_ago {
        interval.and_then(Interval::negated)
    } else {
        interval
    })
}

/// The parts that were read so far.
#[derive(Default)]
struct Sum {
    months: i64,
    days: i64,
    micros: i64,
}

impl Sum {
    /// Adds a number of a unit. Its fraction goes to smaller parts.
    fn add(&mut self, number: &str, unit: Unit) -> Option<()> {
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_negative = number.starts_with('-');
        let whole: i64 = match whole {
            "" | "-" => 0,
            whole => whole.parse().ok()?,
        };
        let is_fraction = fraction.bytes().all(|digit| digit.is_ascii_digit());
        let fraction: f64 = is_fraction.then(|| format!("0.{fraction}0").parse().ok()).flatten()?;
        let fraction = if is_negative { -fraction } else { fraction };
        match unit {
            Unit::Microsecond => self.time(whole, fraction, 1),
            Unit::Millisecond => self.time(whole, fraction, SECOND / 1000),
            Unit::Second => self.time(whole, fraction, SECOND),
            Unit::Minute => self.time(whole, fraction, MINUTE),
            Unit::Hour => self.time(whole, fraction, HOUR),
            Unit::Day => self.add_days(whole, fraction, 1),
            Unit::Week => self.add_days(whole, fraction, 7),
            Unit::Month => {
                self.months = self.months.checked_add(whole)?;
                self.add_days(0, fraction, 30)
            }
            Unit::Year => self.add_years(whole, fraction, 1),
            Unit::Decade => self.add_years(whole, fraction, 10),
            Unit::Century => self.add_years(whole, fraction, 100),
            Unit::Millennium => self.add_years(whole, fraction, 1000),
        }
    }

    fn time(&mut self, whole: i64, fraction: f64, unit: i64) -> Option<()> {
        self.micros = self.micros.checked_add(whole.checked_mul(unit)?)?;
        let micros = fraction * unit as f64;
        let mut more = micros.trunc();
        // A half is cut off.
        let rest = micros - more;
        if rest.abs() > 0.5 {
            more += rest.signum();
        }
        self.micros = self.micros.checked_add(more as i64)?;
        Some(())
    }

    fn add_days(&mut self, whole: i64, fraction: f64, unit: i64) -> Option<()> {
        let days = fraction * unit as f64;
        self.days = self
            .days
            .checked_add(whole.checked_mul(unit)?)?
            .checked_add(days.trunc() as i64)?;
        self.time(0, days - days.trunc(), DAY)
    }

    fn add_years(&mut self, whole: i64, fraction: f64, unit: i64) -> Option<()> {
        let months = (fraction * unit as f64 * 12.0).round_ties_even() as i64;
        let whole = whole.checked_mul(unit)?.checked_mul(12)?;
        self.months = self.months.checked_add(whole)?.checked_add(months)?;
        Some(())
    }

    /// Adds `years-months`.
    fn add_year_month(&mut self, text: &str) -> Option<()> {
        let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
        let (years, months) = text.split_once('-')?;
        let (years, months): (i64, i64) = (years.parse().ok()?, months.parse().ok()?);
        if months >= 12 {
            return None;
        }
        let months = sign * years.checked_mul(12)?.checked_add(months)?;
        self.months = self.months.checked_add(months)?;
        Some(())
    }

    fn interval(&self) -> Result<Interval> {
        let part = |part: i64| i32::try_from(part).map_err(|_| out_of_range());
        Ok(Interval {
            months: part(self.months)?,
            days: part(self.days)?,
            micros: self.micros,
        })
    }
}

/// `hh:mm`, `hh:mm:ss`, or `mm:ss.fraction`, of any number of hours.
fn time_of(text: &str) -> Option<i64> {
    let (sign, text) = text.strip_prefix('-').map_or((1, text), |text| (-1, text));
    let parts: Vec<&str> = text.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [minutes, seconds] if seconds.contains('.') => ("0", *minutes, *seconds),
        [hours, minutes] => (*hours, *minutes, "0"),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return None,
    };
    let hours: i64 = hours.parse().ok()?;
    let minutes: i64 = minutes.parse().ok()?;
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let seconds: i64 = seconds.parse().ok()?;
    if !(0..60).contains(&minutes) || !(0..=60).contains(&seconds) {
        return None;
    }
    let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
    let micros = (fraction * SECOND as f64).round_ties_even() as i64;
    let time = hours
        .checked_mul(HOUR)?
        .checked_add(minutes * MINUTE + seconds * SECOND + micros)?;
    Some(sign * time)
}

/// The interval of an ISO 8601 duration without its P, such as `1Y2M3DT4H5M6S`.
fn iso_interval(text: &str) -> Option<Result<Interval>> {
    let mut sum = Sum::default();
    let (mut rest, mut is_time, mut is_any) = (text, false, false);
    while !rest.is_empty() {
        if let Some(time) = rest.strip_prefix(['T', 't']) {
            if is_time {
                return None;
            }
            (rest, is_time) = (time, true);
            continue;
        }
        let end = rest.find(|letter: char| letter.is_ascii_alphabetic())?;
        let (number, after) = rest.split_at(end);
        let unit = match (is_time, after.chars().next()?.to_ascii_uppercase()) {
            (false, 'Y') => Unit::Year,
            (false, 'M') => Unit::Month,
            (false, 'W') => Unit::Week,
            (false, 'D') => Unit::Day,
            (true, 'H') => Unit::Hour,
            (true, 'M') => Unit::Minute,
            (true, 'S') => Unit::Second,
            _ => return None,
        };
        let number = number.strip_prefix('+').unwrap_or(number);
        if !number.contains(|letter: char| letter.is_ascii_digit()) {
            return None;
        }
        sum.add(number, unit)?;
        is_any = true;
        rest = &after[1..];
    }
    is_any.then(|| sum.interval())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn they_are_read_as_postgresql_reads_them() {
        for (text, expected) in [
            ("1 month 2 days 03:04:05", "1 mon 2 days 03:04:05"),
            ("90 minutes", "01:30:00"),
            ("5 min", "00:05:00"),
            ("10", "00:00:10"),
            ("1-2", "1 year 2 mons"),
            ("-1-2", "-1 years -2 mons"),
            ("P1Y2M", "1 year 2 mons"),
            ("P1Y2M3DT4H5M6.5S", "1 year 2 mons 3 days 04:05:06.5"),
            ("1.5 days", "1 day 12:00:00"),
            ("1.5 months", "1 mon 15 days"),
            ("0.5 year", "6 mons"),
            ("2 weeks", "14 days"),
            ("1 day ago", "-1 days"),
            ("-1 day 02:03", "-1 days +02:03:00"),
            ("1 day -02:03", "1 day -02:03:00"),
            ("3 4:05:06", "3 days 04:05:06"),
            ("1y2mons3d", "1 year 2 mons 3 days"),
            ("@ 1 hour", "01:00:00"),
            ("250 ms", "00:00:00.25"),
            ("1 century", "100 years"),
            ("- 5 minutes", "-00:05:00"),
        ] {
            assert_eq!(interval_of(text, Unit::Second).expect(text).text(), expected, "{text}");
        }
        for text in [
            "",
            "soon",
            "1 fortnight",
            "day",
            "1 day 2 days",
            "1:2:3:4",
            "P",
            "1 day )",
            "12:99",
        ] {
            assert!(interval_of(text, Unit::Second).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+0-9.: a-zP@]{0,20}") {
            let _ = interval_of(&text, Unit::Second);
        }

        #[test]
        fn what_is_written_is_read(months in any::<i32>(), days in any::<i32>(), micros in -(1_i64 << 50)..(1_i64 << 50)) {
            let interval = Interval { months, days, micros };
            prop_assert_eq!(interval_of(&interval.text(), Unit::Second).ok(), Some(interval));
        }
    }
}
