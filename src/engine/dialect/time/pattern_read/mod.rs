//! `to_timestamp` and `to_date`: reads a time that is written by a pattern, as leniently as PostgreSQL does.

mod found;

use datafusion::common::{DataFusionError, Result};

use found::Found;
pub use found::Read;

use super::civil::{MONTHS, WEEKDAYS};
use super::error::TimeError;
use super::pattern::{Field, Part};

const ROMAN: [&str; 12] = ["xii", "xi", "x", "ix", "viii", "vii", "vi", "v", "iv", "iii", "ii", "i"];

/// Reads a text by a pattern.
///
/// # Errors
/// Where the text does not match the pattern, or is not a time.
pub fn read(text: &str, pattern: &[Part]) -> Result<Read> {
    let mut reader = Reader {
        text,
        rest: text,
        skipped: 0,
        is_fixed: false,
        found: Found::default(),
    };
    reader.all(pattern)?;
    reader.found.time(text)
}

struct Reader<'a> {
    text: &'a str,
    rest: &'a str,
    /// Characters that were passed beyond those of the pattern.
    skipped: i64,
    /// FX: blanks and separators count.
    is_fixed: bool,
    found: Found,
}

fn conflicting(field: Field) -> DataFusionError {
    TimeError::Invalid(format!(
        "conflicting values for \"{field:?}\" field in formatting string"
    ))
    .into()
}

/// Sets a field; an error where it is set to another value already.
fn set(place: &mut Option<i64>, value: i64, field: Field) -> Result<()> {
    match place.replace(value) {
        Some(before) if before != value => Err(conflicting(field)),
        _ => Ok(()),
    }
}

impl<'a> Reader<'a> {
    fn all(&mut self, pattern: &[Part]) -> Result<()> {
        for (place, part) in pattern.iter().enumerate() {
            if self.rest.is_empty() {
                break;
            }
            let is_field = matches!(part, Part::Field { .. });
            let is_switch = matches!(
                part,
                Part::Field {
                    field: Field::Fixed,
                    ..
                }
            );
            if !self.is_fixed && !is_switch && (is_field || place == 0) {
                self.skip_blanks();
            }
            match part {
                Part::Space(_) | Part::Separator(_) => self.separator(),
                Part::Letter(_) => self.letter(),
                Part::Field {
                    field,
                    is_bare,
                    ordinal,
                    ..
                } => {
                    let next = pattern.get(place + 1);
                    let takes_all = *is_bare || ordinal.is_some() || next.is_none_or(Part::ends_digits);
                    self.field(*field, takes_all)?;
                    if ordinal.is_some() {
                        let mut signs = self.rest.chars();
                        signs.nth(1);
                        self.rest = signs.as_str();
                    }
                    if !self.is_fixed {
                        self.skipped = 0;
                        self.skip_blanks();
                    }
                }
            }
        }
        Ok(())
    }

    fn skip_blanks(&mut self) {
        let trimmed = self
            .rest
            .trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        self.skipped += i64::try_from(self.rest.len() - trimmed.len()).unwrap_or(0);
        self.rest = trimmed;
    }

    fn pass_one(&mut self) {
        let mut signs = self.rest.chars();
        signs.next();
        self.rest = signs.as_str();
    }

    fn separator(&mut self) {
        if self.is_fixed {
            return self.pass_one();
        }
        self.skipped -= 1;
        let is_separator = |letter: char| letter.is_ascii_whitespace() || letter.is_ascii_punctuation();
        if self.rest.starts_with(is_separator) {
            self.pass_one();
            self.skipped += 1;
        }
    }

    fn letter(&mut self) {
        if !self.is_fixed && self.skipped > 0 {
            self.skipped -= 1;
        } else {
            self.pass_one();
        }
    }

    /// A whole number of `digits` digits, or of as many as there are. Gives it, and how many characters it took.
    fn number(&mut self, digits: usize, takes_all: bool, field: Field) -> Result<(i64, usize)> {
        let invalid = |text: &str, reason: &str| {
            let reason = format!("invalid value \"{text}\" for \"{field:?}\": {reason}");
            Err(TimeError::Invalid(reason).into())
        };
        self.rest = self
            .rest
            .trim_start_matches(|letter: char| letter.is_ascii_whitespace());
        let source = match takes_all {
            true => self.rest,
            false => match self.rest.char_indices().nth(digits) {
                Some((end, _)) => &self.rest[..end],
                None if self.rest.chars().count() < digits => {
                    return invalid(self.rest, &format!("the field requires {digits} characters"));
                }
                None => self.rest,
            },
        };
        let sign = usize::from(source.starts_with(['+', '-']));
        let end = source[sign..]
            .find(|letter: char| !letter.is_ascii_digit())
            .map_or(source.len(), |end| end + sign);
        if end == sign {
            return invalid(source, "it must be an integer");
        }
        if !takes_all && end < digits {
            return invalid(
                source,
                &format!("the field requires {digits} characters, but only {end} could be parsed"),
            );
        }
        let number: i32 = match source[..end].parse() {
            Ok(number) => number,
            Err(_) => return invalid(&source[..end], "it is out of range"),
        };
        self.rest = &self.rest[end..];
        Ok((i64::from(number), end))
    }

    /// One of several words, of which a longer one comes first.
    fn word(&mut self, words: &[&str], field: Field) -> Result<usize> {
        let lower = self.rest.to_lowercase();
        let begins_with = |word: &str| {
            lower
                .get(..word.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(word))
        };
        let found = words.iter().position(|word| begins_with(word));
        let place =
            found.ok_or_else(|| TimeError::Invalid(format!("invalid value \"{}\" for \"{field:?}\"", self.text)))?;
        // The words are of ASCII letters alone.
        self.rest = self.rest.get(words[place].len()..).unwrap_or_default();
        Ok(place)
    }

    fn convention(&mut self, is_iso: bool) -> Result<()> {
        match self.found.is_iso.replace(is_iso) {
            Some(before) if before != is_iso => {
                let reason = "invalid combination of date conventions: do not mix Gregorian and ISO week fields";
                Err(TimeError::Invalid(reason.to_owned()).into())
            }
            _ => Ok(()),
        }
    }

    fn field(&mut self, field: Field, takes_all: bool) -> Result<()> {
        match field {
            Field::Fixed => self.is_fixed = true,
            Field::Half { has_points } => {
                let words = if has_points { ["a.m.", "p.m."] } else { ["am", "pm"] };
                self.found.is_afternoon = Some(self.word(&words, field)? == 1);
                self.found.is_clock_of_12 = true;
            }
            Field::Era { has_points } => {
                let words = if has_points { ["a.d.", "b.c."] } else { ["ad", "bc"] };
                self.found.is_before_christ = self.word(&words, field)? == 1;
            }
            Field::Zone | Field::Offset => {
                let reason = "the fields TZ and OF are only supported in to_char; write TZH and TZM";
                return Err(TimeError::NotSupported(reason.to_owned()).into());
            }
            Field::OffsetHours => self.offset_hours(takes_all)?,
            Field::OffsetMinutes => {
                self.found.offset_sign.get_or_insert(1);
                let minutes = self.number(2, takes_all, field)?.0;
                set(&mut self.found.offset_minutes, minutes, field)?;
            }
            Field::Hour12 | Field::Hour24 | Field::Minute | Field::Second | Field::SecondOfDay => {
                self.field_of_clock(field, takes_all)?;
            }
            Field::Milliseconds | Field::Microseconds | Field::Fraction(_) => self.fraction(field, takes_all)?,
            Field::Weekday { is_whole } => {
                let whole = self.name(&WEEKDAYS, is_whole, field)?;
                set(&mut self.found.day_of_week, whole + 1, field)?;
            }
            Field::MonthName { is_whole } => {
                let month = self.name(&MONTHS, is_whole, field)? + 1;
                self.convention(false)?;
                set(&mut self.found.month, month, field)?;
            }
            Field::RomanMonth => {
                let place = self.word(&ROMAN, field)?;
                self.convention(false)?;
                set(&mut self.found.month, 12 - i64::try_from(place).unwrap_or(0), field)?;
            }
            Field::Year(_) | Field::IsoYear(_) | Field::YearWithComma => self.year(field, takes_all)?,
            field => self.field_of_date(field, takes_all)?,
        }
        Ok(())
    }

    fn offset_hours(&mut self, takes_all: bool) -> Result<()> {
        let sign = if self.rest.starts_with('-') { -1 } else { 1 };
        if self.rest.starts_with(['+', '-', ' ']) {
            self.pass_one();
            self.found.offset_sign = Some(sign);
        } else {
            // A separator of the pattern may have taken the minus.
            let before = self.text[..self.text.len() - self.rest.len()].chars().next_back();
            let is_minus = self.skipped > 0 && before == Some('-');
            self.found.offset_sign = Some(if is_minus { -1 } else { 1 });
        }
        let hours = self.number(2, takes_all, Field::OffsetHours)?.0;
        set(&mut self.found.offset_hours, hours, Field::OffsetHours)
    }

    /// Milliseconds, microseconds or some digits of the second's fraction.
    fn fraction(&mut self, field: Field, takes_all: bool) -> Result<()> {
        let digits = match field {
            Field::Milliseconds => 3,
            Field::Fraction(digits) => usize::from(digits),
            _ => 6,
        };
        let (number, taken) = self.number(digits, takes_all, field)?;
        // 25 is a quarter of a second, as 250 is.
        let places = if field == Field::Milliseconds { 3 } else { 6_usize };
        let scale = 10_i64.pow(u32::try_from(places.saturating_sub(taken)).unwrap_or(0));
        let place = match field {
            Field::Milliseconds => &mut self.found.milli,
            _ => &mut self.found.micro,
        };
        set(place, number * scale, field)
    }

    fn year(&mut self, field: Field, takes_all: bool) -> Result<()> {
        let year = match field {
            Field::Year(digits) | Field::IsoYear(digits) => {
                self.convention(matches!(field, Field::IsoYear(_)))?;
                let (year, taken) = self.number(usize::from(digits), takes_all, field)?;
                self.found.year_digits = digits;
                if digits < 4 && taken < 4 { near_2020(year) } else { year }
            }
            _ => {
                let (thousands, _) = self.number(1, true, field)?;
                self.rest = self.rest.strip_prefix(',').unwrap_or(self.rest);
                self.found.year_digits = 4;
                thousands * 1000 + self.number(3, false, field)?.0
            }
        };
        set(&mut self.found.year, year, field)
    }

    fn field_of_clock(&mut self, field: Field, takes_all: bool) -> Result<()> {
        let digits = if field == Field::SecondOfDay { 5 } else { 2 };
        let number = self.number(digits, takes_all, field)?.0;
        let place = match field {
            Field::Hour12 => {
                self.found.is_clock_of_12 = true;
                &mut self.found.hour
            }
            Field::Hour24 => &mut self.found.hour,
            Field::Minute => &mut self.found.minute,
            Field::Second => &mut self.found.second,
            _ => &mut self.found.second_of_day,
        };
        set(place, number, field)
    }

    fn field_of_date(&mut self, field: Field, takes_all: bool) -> Result<()> {
        let digits = match field {
            Field::DayOfYear | Field::IsoDayOfYear => 3,
            Field::DayOfWeek | Field::IsoDayOfWeek | Field::WeekOfMonth | Field::JulianDay | Field::Quarter => 1,
            _ => 2,
        };
        if !matches!(field, Field::Quarter | Field::JulianDay) {
            self.convention(matches!(
                field,
                Field::IsoDayOfYear | Field::IsoDayOfWeek | Field::IsoWeek
            ))?;
        }
        let number = self.number(digits, takes_all, field)?.0;
        let place = match field {
            Field::DayOfYear | Field::IsoDayOfYear => &mut self.found.day_of_year,
            Field::Day => &mut self.found.day,
            Field::Month => &mut self.found.month,
            Field::Century => &mut self.found.century,
            Field::WeekOfYear | Field::IsoWeek => &mut self.found.week,
            Field::WeekOfMonth => &mut self.found.week_of_month,
            Field::JulianDay => &mut self.found.julian,
            Field::DayOfWeek | Field::IsoDayOfWeek => &mut self.found.day_of_week,
            // The day of a quarter is unclear, so PostgreSQL overlooks it.
            _ => return Ok(()),
        };
        // Sunday is 7 to ISO.
        let number = if field == Field::IsoDayOfWeek {
            number % 7 + 1
        } else {
            number
        };
        set(place, number, field)
    }

    fn name(&mut self, names: &[&str], is_whole: bool, field: Field) -> Result<i64> {
        let place = match is_whole {
            true => self.word(names, field)?,
            false => {
                let short: Vec<&str> = names.iter().map(|name| &name[..3]).collect();
                self.word(&short, field)?
            }
        };
        Ok(i64::try_from(place).unwrap_or(0))
    }
}

/// The year that two or three digits mean: the one that is nearest to 2020.
fn near_2020(year: i64) -> i64 {
    match year {
        ..70 => year + 2000,
        70..100 => year + 1900,
        100..520 => year + 2000,
        520..1000 => year + 1000,
        _ => year,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::pattern::parts;
    use super::super::text::timestamp_text;
    use super::*;

    fn found(text: &str, pattern: &str) -> Result<Read> {
        read(text, &parts(pattern).expect(pattern))
    }

    #[test]
    fn texts_are_read_as_postgresql_reads_them() {
        for (text, pattern, expected) in [
            ("09/03/2026", "DD/MM/YYYY", "2026-03-09 00:00:00"),
            ("2026-3-9", "YYYY-MM-DD", "2026-03-09 00:00:00"),
            ("09-Mar-2026", "DD-Mon-YYYY", "2026-03-09 00:00:00"),
            ("9 march 2026", "DD Month YYYY", "2026-03-09 00:00:00"),
            ("20260309", "YYYYMMDD", "2026-03-09 00:00:00"),
            ("2026-03-09 14:05", "YYYY-MM-DD HH24:MI", "2026-03-09 14:05:00"),
            (
                "2026-03-09T14:05:06",
                "YYYY-MM-DD\"T\"HH24:MI:SS",
                "2026-03-09 14:05:06",
            ),
            ("2026-03-09 02:05 pm", "YYYY-MM-DD HH12:MI AM", "2026-03-09 14:05:00"),
            ("2026-03-09 12:05 am", "YYYY-MM-DD HH12:MI AM", "2026-03-09 00:05:00"),
            ("06.25", "SS.MS", "0001-01-01 00:00:06.25 BC"),
            ("2026 068", "YYYY DDD", "2026-03-09 00:00:00"),
            ("2026-11-1", "IYYY-IW-ID", "2026-03-09 00:00:00"),
            ("26-03-09", "YY-MM-DD", "2026-03-09 00:00:00"),
            ("2461109", "J", "2026-03-09 00:00:00"),
            ("  2026   03  ", "YYYY MM", "2026-03-01 00:00:00"),
            ("9th 3 2026", "DDth MM YYYY", "2026-03-09 00:00:00"),
            ("III 2026", "RM YYYY", "2026-03-01 00:00:00"),
            ("44-03-15 BC", "YYYY-MM-DD BC", "0044-03-15 00:00:00 BC"),
        ] {
            assert_eq!(
                timestamp_text(found(text, pattern).expect(text).local),
                expected,
                "{text} {pattern}"
            );
        }
        for (text, pattern) in [
            ("2026-02-30", "YYYY-MM-DD"),
            ("x", "YYYY"),
            ("2026-13-01", "YYYY-MM-DD"),
            ("25:00", "HH24:MI"),
            ("13 pm", "HH12 AM"),
            ("Foo 2026", "Mon YYYY"),
            ("2026 UTC", "YYYY TZ"),
            ("2026 10 1", "YYYY IW ID"),
        ] {
            assert!(found(text, pattern).is_err(), "{text} {pattern}");
        }
        assert_eq!(
            found("2026-01-01 +05:30", "YYYY-MM-DD TZH:TZM").expect("read").offset,
            Some(19_800)
        );
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "\\PC{0,20}", pattern in "[YMDHISUWJQAPMTZOFXIW1234,. -]{0,12}") {
            if let Ok(pattern) = parts(&pattern) {
                let _ = read(&text, &pattern);
            }
        }
    }
}
