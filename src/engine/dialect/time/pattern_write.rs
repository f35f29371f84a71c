//! `to_char` of times: writes a time by a pattern, as PostgreSQL does.

use std::fmt::Write as _;

use datafusion::common::Result;

use super::civil::{Civil, HOUR, MINUTE, MONTHS, SECOND, WEEKDAYS, first_iso_monday};
use super::error::TimeError;
use super::interval::Interval;
use super::pattern::{Case, Field, Part};

const ROMAN: [&str; 12] = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"];

/// What is written: the fields of a time or an interval.
#[derive(Debug, Clone)]
pub struct Shown {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micro: i64,
    day_of_year: i64,
    /// The day itself; none of an interval.
    civil: Option<Civil>,
    /// Seconds east of Greenwich.
    offset: i64,
    zone: String,
}

impl Shown {
    /// A local time, with its offset and the zone's abbreviation where it has one.
    pub fn of_local(local: i64, offset: i64, zone: String) -> Self {
        let civil = Civil::of_micros(local);
        Self {
            year: civil.year,
            month: civil.month,
            day: civil.day,
            hour: civil.hour(),
            minute: civil.minute(),
            second: civil.second(),
            micro: civil.micro(),
            day_of_year: civil.day_of_year(),
            civil: Some(civil),
            offset,
            zone,
        }
    }

    /// An interval.
    pub fn of_interval(interval: Interval) -> Self {
        let months = i64::from(interval.months);
        let micros = interval.micros;
        Self {
            year: months / 12,
            month: months % 12,
            day: i64::from(interval.days),
            hour: micros / HOUR,
            minute: micros / MINUTE % 60,
            second: micros / SECOND % 60,
            micro: micros % SECOND,
            day_of_year: months * 30 + i64::from(interval.days),
            civil: None,
            offset: 0,
            zone: String::new(),
        }
    }

    fn civil(&self) -> Result<Civil> {
        self.civil
            .ok_or_else(|| TimeError::Invalid("invalid format specification for an interval value".to_owned()).into())
    }

    /// The year as people count it: before 1, the years BC.
    fn counted_year(&self, year: i64) -> i64 {
        match self.civil {
            Some(_) if year <= 0 => 1 - year,
            _ => year,
        }
    }

    fn iso(&self) -> Result<(i64, i64)> {
        Ok(self.civil()?.iso_week())
    }
}

/// The time in the form of a pattern.
///
/// # Errors
/// Where an interval has no such field.
pub fn written(shown: &Shown, pattern: &[Part]) -> Result<String> {
    let mut text = String::new();
    for part in pattern {
        match part {
            Part::Letter(letter) | Part::Separator(letter) | Part::Space(letter) => text.push(*letter),
            Part::Field {
                field,
                case,
                is_bare,
                ordinal,
            } => {
                let start = text.len();
                write_field(&mut text, shown, *field, *case, *is_bare)?;
                let is_number = text[start..].ends_with(|last: char| last.is_ascii_digit());
                if let (Some(case), true) = (ordinal, is_number) {
                    text.push_str(&in_case(ordinal_of(&text[start..]), *case));
                }
            }
        }
    }
    Ok(text)
}

fn write_field(text: &mut String, shown: &Shown, field: Field, case: Case, is_bare: bool) -> Result<()> {
    match field {
        Field::Fixed => {}
        Field::Era { .. } | Field::Half { .. } | Field::Zone => text.push_str(&word(shown, field, case)?),
        Field::Weekday { is_whole } => {
            let civil = shown.civil()?;
            // A day of the week is below 7.
            name(text, WEEKDAYS[civil.day_of_week() as usize], is_whole, case, is_bare);
        }
        Field::MonthName { is_whole } => {
            let civil = shown.civil()?;
            name(text, MONTHS[(civil.month - 1) as usize], is_whole, case, is_bare);
        }
        Field::RomanMonth => roman_month(text, shown, case, is_bare),
        Field::Offset | Field::OffsetHours | Field::OffsetMinutes => {
            shown.civil()?;
            write_offset(text, shown.offset, field, is_bare);
        }
        Field::YearWithComma => {
            let year = shown.counted_year(shown.year);
            let _ = write!(text, "{},{:03}", year / 1000, year % 1000);
        }
        Field::Quarter => {
            if shown.month != 0 {
                let _ = write!(text, "{}", (shown.month - 1) / 3 + 1);
            }
        }
        field => {
            let (value, width) = number_of(shown, field)?;
            // The twelfth hour before midnight is written without its minus, but in as many places.
            let is_negative = value < 0 || (field == Field::Hour12 && shown.hour < 0);
            let width = match (is_bare, is_negative) {
                (true, _) => 0,
                (false, true) => width + usize::from(has_place_for_minus(field)),
                (false, false) => width,
            };
            let _ = write!(text, "{value:0width$}");
        }
    }
    Ok(())
}

/// AD, PM or the zone's abbreviation.
fn word(shown: &Shown, field: Field, case: Case) -> Result<String> {
    let (word, has_points) = match field {
        Field::Era { has_points } if shown.civil()?.year <= 0 => ("BC", has_points),
        Field::Era { has_points } => ("AD", has_points),
        Field::Half { has_points } if shown.hour.rem_euclid(24) >= 12 => ("PM", has_points),
        Field::Half { has_points } => ("AM", has_points),
        _ => {
            shown.civil()?;
            (shown.zone.as_str(), false)
        }
    };
    let word = match has_points {
        true => word.chars().flat_map(|letter| [letter, '.']).collect(),
        false => word.to_owned(),
    };
    Ok(in_case(&word, case))
}

fn write_offset(text: &mut String, offset: i64, field: Field, is_bare: bool) {
    let sign = if offset < 0 { '-' } else { '+' };
    let (hours, minutes) = (offset.abs() / 3600, offset.abs() / 60 % 60);
    let width = if is_bare && field == Field::Offset { 0 } else { 2 };
    if field != Field::OffsetMinutes {
        let _ = write!(text, "{sign}{hours:0width$}");
    }
    let _ = match field {
        Field::Offset if minutes != 0 => write!(text, ":{minutes:02}"),
        Field::OffsetMinutes => write!(text, "{minutes:02}"),
        _ => Ok(()),
    };
}

/// Whether a minus takes a place beside the digits of a field.
fn has_place_for_minus(field: Field) -> bool {
    use Field::{Century, Hour12, Hour24, IsoYear, Minute, Month, Second, Year};
    matches!(
        field,
        Century | Hour12 | Hour24 | IsoYear(_) | Minute | Month | Second | Year(_)
    )
}

/// The value of a field that is a number, and its least number of digits.
fn number_of(shown: &Shown, field: Field) -> Result<(i64, usize)> {
    let last = |year: i64, digits: u8| match digits {
        4 => year,
        3 => year % 1000,
        2 => year % 100,
        _ => year % 10,
    };
    Ok(match field {
        Field::Hour12 => (if shown.hour % 12 == 0 { 12 } else { shown.hour % 12 }, 2),
        Field::Hour24 => (shown.hour, 2),
        Field::Minute => (shown.minute, 2),
        Field::Second => (shown.second, 2),
        Field::Fraction(digits) => (shown.micro / 10_i64.pow(6 - u32::from(digits)), usize::from(digits)),
        Field::Milliseconds => (shown.micro / 1000, 3),
        Field::Microseconds => (shown.micro, 6),
        Field::SecondOfDay => (shown.hour * 3600 + shown.minute * 60 + shown.second, 1),
        Field::Month => (shown.month, 2),
        Field::Day => (shown.day, 2),
        Field::DayOfYear => (shown.day_of_year, 3),
        Field::IsoDayOfYear => {
            let civil = shown.civil()?;
            (civil.days() - first_iso_monday(shown.iso()?.0) + 1, 3)
        }
        Field::DayOfWeek => (shown.civil()?.day_of_week() + 1, 1),
        Field::IsoDayOfWeek => (shown.civil()?.iso_day_of_week(), 1),
        Field::WeekOfYear => ((shown.day_of_year - 1) / 7 + 1, 2),
        Field::IsoWeek => (shown.iso()?.1, 2),
        Field::WeekOfMonth => ((shown.day - 1) / 7 + 1, 1),
        Field::Century => (century(shown), 2),
        Field::Year(digits) => (last(shown.counted_year(shown.year), digits), usize::from(digits)),
        Field::IsoYear(digits) => (last(shown.counted_year(shown.iso()?.0), digits), usize::from(digits)),
        Field::JulianDay => (shown.civil()?.julian_day(), 1),
        other => {
            return Err(TimeError::NotSupported(format!("{other:?} is no number")).into());
        }
    })
}

fn century(shown: &Shown) -> i64 {
    match (shown.civil, shown.year) {
        (None, year) => year / 100,
        (Some(_), year @ 1..) => (year - 1) / 100 + 1,
        (Some(_), year) => year / 100 - 1,
    }
}

fn name(text: &mut String, name: &str, is_whole: bool, case: Case, is_bare: bool) {
    /// As long as the longest name of a month or day.
    const LONGEST: usize = 9;
    let name = if is_whole { name } else { &name[..3] };
    let cased = in_case(name, case);
    match is_whole && !is_bare {
        true => text.push_str(&format!("{cased:LONGEST$}")),
        false => text.push_str(&cased),
    }
}

fn roman_month(text: &mut String, shown: &Shown, case: Case, is_bare: bool) {
    if shown.month == 0 && shown.year == 0 {
        return;
    }
    // Of an interval, a year alone is its last month.
    let place = (shown.month - 1).rem_euclid(12);
    let name = in_case(ROMAN[place as usize], case);
    match is_bare {
        true => text.push_str(&name),
        false => text.push_str(&format!("{name:4}")),
    }
}

/// `st`, `nd`, `rd` or `th` of a number.
pub fn ordinal_of(number: &str) -> &'static str {
    let digits = number.as_bytes();
    let is_teen = digits.len() > 1 && digits[digits.len() - 2] == b'1';
    match digits.last() {
        Some(b'1') if !is_teen => "st",
        Some(b'2') if !is_teen => "nd",
        Some(b'3') if !is_teen => "rd",
        _ => "th",
    }
}

fn in_case(text: &str, case: Case) -> String {
    match case {
        Case::Upper => text.to_uppercase(),
        Case::Capital => text.to_owned(),
        Case::Lower => text.to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::parts;
    use super::*;

    #[test]
    fn every_field_is_written() {
        // 2026-03-09 14:05:06.789
        let shown = Shown::of_local(1_773_065_106_789_000, 19_800, "IST".to_owned());
        for (pattern, expected) in [
            ("YYYY-MM-DD HH24:MI:SS.US", "2026-03-09 14:05:06.789000"),
            ("FMDay, DD FMMonth", "Monday, 09 March"),
            ("Month|MON|mon|DAY|dy", "March    |MAR|mar|MONDAY   |mon"),
            ("Q WW IW W D ID J CC", "1 10 11 2 2 1 2461109 21"),
            ("HH12:MI am A.M. p.m.", "02:05 pm P.M. p.m."),
            ("DDDth DDTH FMDDth", "068th 09TH 9th"),
            ("Y,YYY YYY YY Y IYYY IYY IY I", "2,026 026 26 6 2026 026 26 6"),
            ("SSSS SSSSS MS FF1 FF6", "50706 50706 789 7 789000"),
            ("OF TZ tz TZH:TZM", "+05:30 IST ist +05:30"),
            ("RM rm FMRM", "III  iii  III"),
            ("\"text\" YYYY\"Q\"Q bc B.C.", "text 2026Q1 ad A.D."),
            ("xyz", "x6z"),
        ] {
            assert_eq!(
                written(&shown, &parts(pattern).expect(pattern)).expect(pattern),
                expected,
                "{pattern}"
            );
        }
    }

    #[test]
    fn intervals_have_no_day_of_the_week() {
        let interval = Interval {
            months: 14,
            days: -3,
            micros: 27 * HOUR + 15 * MINUTE,
        };
        let shown = Shown::of_interval(interval);
        let parts_of = |pattern| parts(pattern).expect("fine");
        assert_eq!(
            written(&shown, &parts_of("HH24:MI YYYY MM DD")).expect("fits"),
            "27:15 0001 02 -3"
        );
        assert!(written(&shown, &parts_of("Day")).is_err());
    }

    #[test]
    fn ordinals_know_the_teens() {
        for (number, expected) in [
            ("1", "st"),
            ("11", "th"),
            ("22", "nd"),
            ("13", "th"),
            ("103", "rd"),
            ("0", "th"),
        ] {
            assert_eq!(ordinal_of(number), expected, "{number}");
        }
    }
}
