//! Dates, times and moments as people write them, read as PostgreSQL reads them: `2026-11-29 10:00`, `29-Nov-2026`,
//! `November 29, 2026 10:00 PM`, `20261129T101112Z`, `today`.
//!
//! Dates that mean another day in another country (`11/12/2026`) are refused: PostgreSQL reads them by its DateStyle.

use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};

use super::civil::{DAY, HOUR, MINUTE, SECOND, checked_days};
use super::zone::{Clock, Zone, seconds_of};

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const MONTH_NAMES: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const WEEKDAYS: [&str; 7] = [
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
];

/// What a text says: a day, a time of it, and a zone, as far as it has them.
#[derive(Debug, Default, Clone)]
struct Parts {
    /// Days since 1970.
    day: Option<i64>,
    /// Microseconds since midnight.
    time: Option<i64>,
    zone: Option<Arc<Zone>>,
}

/// The session's zone, and the moment that `now` and `today` are of.
pub struct Now<'a> {
    pub clock: &'a Clock,
    pub utc: i64,
}

/// Days since 1970 of a text.
///
/// # Errors
/// Where the text is no date.
pub fn date_of(text: &str, now: &Now) -> Result<i64> {
    let local = moment(text, now, "date")?;
    Ok(match local {
        Moment::Local(local) | Moment::Zoned { local, .. } => local.div_euclid(DAY),
        Moment::Utc(utc) => now.clock.local(utc).div_euclid(DAY),
    })
}

/// Local time in microseconds of a text. A zone in it is overlooked, as in PostgreSQL.
///
/// # Errors
/// Where the text is no time.
pub fn timestamp_of(text: &str, now: &Now) -> Result<i64> {
    Ok(match moment(text, now, "timestamp")? {
        Moment::Local(local) | Moment::Zoned { local, .. } => local,
        Moment::Utc(utc) => now.clock.local(utc),
    })
}

/// Microseconds since 1970 in UTC of a text; a time without a zone is the session's.
///
/// # Errors
/// Where the text is no time.
pub fn moment_of(text: &str, now: &Now) -> Result<i64> {
    Ok(match moment(text, now, "timestamp with time zone")? {
        Moment::Local(local) => now.clock.utc(local),
        Moment::Zoned { local, zone } => Clock::new(zone).utc(local),
        Moment::Utc(utc) => utc,
    })
}

/// Microseconds since midnight of a text.
///
/// # Errors
/// Where the text has no time of the day.
pub fn time_of(text: &str) -> Result<i64> {
    let invalid = || invalid("time", text);
    let lower = text.trim().to_lowercase();
    if lower == "allballs" {
        return Ok(0);
    }
    let mut reader = Reader::default();
    reader.read(&lower).ok_or_else(invalid)?;
    let time = reader.time().ok_or_else(invalid)?;
    time.filter(|time| (0..=DAY).contains(time)).ok_or_else(invalid)
}

enum Moment {
    Local(i64),
    Zoned { local: i64, zone: Arc<Zone> },
    Utc(i64),
}

fn invalid(kind: &str, text: &str) -> DataFusionError {
    DataFusionError::Execution(format!("invalid input syntax for type {kind}: \"{text}\""))
}

fn moment(text: &str, now: &Now, kind: &str) -> Result<Moment> {
    let lower = text.trim().to_lowercase();
    if let Some(moment) = special(&lower, now) {
        return Ok(moment);
    }
    if lower.ends_with("infinity") {
        let reason =
            format!("'{text}' is not supported: the engine has no endless times; compare with IS NULL or a far date");
        return Err(DataFusionError::Execution(reason));
    }
    let mut reader = Reader::default();
    let parts = reader.read(&lower).and_then(|()| reader.parts());
    let parts = match parts {
        Some(parts) => parts,
        None if reader.is_ambiguous => {
            let reason = format!("the date \"{text}\" is ambiguous; write it as YYYY-MM-DD");
            return Err(DataFusionError::Execution(reason));
        }
        None if reader.is_outside => {
            let reason = format!("date/time field value out of range: \"{text}\"");
            return Err(DataFusionError::Execution(reason));
        }
        None => return Err(invalid(kind, text)),
    };
    let day = parts.day.ok_or_else(|| invalid(kind, text))?;
    let local = day * DAY + parts.time.unwrap_or(0);
    Ok(match parts.zone {
        Some(zone) => Moment::Zoned { local, zone },
        None => Moment::Local(local),
    })
}

fn special(text: &str, now: &Now) -> Option<Moment> {
    let midnight = |days: i64| {
        let today = now.clock.local(now.utc).div_euclid(DAY);
        Moment::Local((today + days) * DAY)
    };
    Some(match text {
        "now" => Moment::Utc(now.utc),
        "today" => midnight(0),
        "tomorrow" => midnight(1),
        "yesterday" => midnight(-1),
        "epoch" => Moment::Utc(0),
        _ => return None,
    })
}

/// What was read of a text so far.
#[derive(Default)]
struct Reader {
    day: Option<i64>,
    time: Option<i64>,
    zone: Option<Arc<Zone>>,
    month: Option<i64>,
    /// Numbers that are a day or a year.
    numbers: Vec<String>,
    is_afternoon: Option<bool>,
    is_before_christ: bool,
    /// After a T, digits alone are a time.
    is_after_t: bool,
    is_ambiguous: bool,
    is_outside: bool,
}

impl Reader {
    /// Reads a text in small letters; `None` where it is no time.
    fn read(&mut self, text: &str) -> Option<()> {
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            rest = match letter {
                '0'..='9' => self.number(rest)?,
                '+' | '-' => self.offset(rest)?,
                letter if letter.is_ascii_alphabetic() => self.word(rest)?,
                ',' => &rest[1..],
                letter if letter.is_whitespace() => &rest[letter.len_utf8()..],
                _ => return None,
            };
        }
        Some(())
    }

    /// A date, a time, or a number. Gives the rest.
    fn number<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let digits = digits(text);
        let after = &text[digits.len()..];
        match after.chars().next() {
            Some(':') => {
                let end = text
                    .find(|letter: char| !letter.is_ascii_digit() && letter != ':' && letter != '.')
                    .unwrap_or(text.len());
                self.set_time(clock_time(&text[..end])?)?;
                Some(&text[end..])
            }
            Some(separator @ ('-' | '/' | '.')) if self.time.is_none() || separator != '-' => {
                let (date, rest) = date_text(text, separator)?;
                self.date(&date)?;
                Some(rest)
            }
            _ => {
                self.plain_number(digits, after)?;
                Some(after)
            }
        }
    }

    fn plain_number(&mut self, digits: &str, after: &str) -> Option<()> {
        let follows = after.trim_start();
        let is_hour = ["am", "pm"].iter().any(|half| follows.starts_with(half));
        if is_hour && digits.len() <= 2 && self.time.is_none() {
            return self.set_time(digits.parse::<i64>().ok()? * HOUR);
        }
        match digits.len() {
            6 | 4 if self.is_after_t && self.time.is_none() => {
                let (hours, minutes) = digits.split_at(2);
                let (minutes, seconds) = minutes.split_at(2);
                let seconds = if seconds.is_empty() { "0" } else { seconds };
                self.set_time(clock_time(&format!("{hours}:{minutes}:{seconds}"))?)
            }
            8 if self.day.is_none() => {
                let (year, rest) = digits.split_at(4);
                let (month, day) = rest.split_at(2);
                self.set_day(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
            }
            _ if self.day.is_none() && self.numbers.len() < 2 => {
                self.numbers.push(digits.to_owned());
                Some(())
            }
            _ => None,
        }
    }

    /// A date with separators: year first, or with the month's name.
    fn date(&mut self, parts: &[&str]) -> Option<()> {
        let &[first, second, third] = parts else {
            return None;
        };
        if self.day.is_some() {
            return None;
        }
        let number = |text: &str| -> Option<i64> { digits_alone(text).then(|| text.parse().ok()).flatten() };
        if first.len() >= 3 {
            let month = number(second).or_else(|| month_of(second))?;
            return self.set_day(number(first)?, month, number(third)?);
        }
        if let Some(month) = month_of(second) {
            if third.len() < 3 {
                self.is_ambiguous = true;
                return None;
            }
            return self.set_day(number(third)?, month, number(first)?);
        }
        self.is_ambiguous = [first, second, third].iter().all(|part| digits_alone(part));
        None
    }

    /// A zone's offset from Greenwich.
    fn offset<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let end = text[1..]
            .find(|letter: char| !letter.is_ascii_digit() && letter != ':')
            .map_or(text.len(), |end| end + 1);
        if self.zone.is_some() || self.time.is_none() {
            return None;
        }
        self.zone = Some(Zone::east(seconds_of(&text[..end])?).ok()?);
        Some(&text[end..])
    }

    fn word<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let end = text
            .find(|letter: char| !letter.is_ascii_alphabetic())
            .unwrap_or(text.len());
        let (word, after) = text.split_at(end);
        if after.starts_with(['/', '_']) {
            let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || "/_+-".contains(letter);
            let end = text.find(|letter| !is_of_name(letter)).unwrap_or(text.len());
            return self.set_zone(&text[..end]).map(|()| &text[end..]);
        }
        match word {
            "t" if self.day.is_some() || !self.numbers.is_empty() => self.is_after_t = true,
            "am" => self.is_afternoon = Some(false),
            "pm" => self.is_afternoon = Some(true),
            "bc" => self.is_before_christ = true,
            "ad" => {}
            _ if month_of(word).is_some() => {
                if self.month.replace(month_of(word)?).is_some() {
                    return None;
                }
            }
            _ if is_weekday(word) => {}
            _ => self.set_zone(word)?,
        }
        Some(
            after
                .strip_prefix('.')
                .filter(|_| month_of(word).is_some())
                .unwrap_or(after),
        )
    }

    fn set_zone(&mut self, name: &str) -> Option<()> {
        let zone = Zone::of_text(name).ok()?;
        self.zone.replace(zone).is_none().then_some(())
    }

    fn set_time(&mut self, time: i64) -> Option<()> {
        if time > DAY {
            self.is_outside = true;
            return None;
        }
        self.time.replace(time).is_none().then_some(())
    }

    fn set_day(&mut self, year: i64, month: i64, day: i64) -> Option<()> {
        // The year is known once the whole text is read: BC comes last.
        self.numbers = vec![year.to_string(), day.to_string()];
        self.month = Some(month);
        self.day = Some(0);
        Some(())
    }

    fn time(&self) -> Option<Option<i64>> {
        let Some(time) = self.time else {
            return Some(None);
        };
        let hours = time / HOUR;
        Some(Some(match self.is_afternoon {
            None => time,
            Some(_) if hours == 0 || hours > 12 => return None,
            Some(is_afternoon) => time % (12 * HOUR) + if is_afternoon { 12 * HOUR } else { 0 },
        }))
    }

    fn parts(&mut self) -> Option<Parts> {
        let time = self.time()?;
        let day = match (self.month, self.numbers.as_slice()) {
            (None, []) => None,
            (Some(month), [first, second]) => {
                let (year, day) = match (self.day.is_some(), first.len() >= 3, second.len() >= 3) {
                    (true, _, _) | (false, true, false) => (first, second),
                    (false, false, true) => (second, first),
                    _ => {
                        self.is_ambiguous = true;
                        return None;
                    }
                };
                let year: i64 = year.parse().ok()?;
                let year = if self.is_before_christ { 1 - year } else { year };
                let days = checked_days(year, month, day.parse().ok()?);
                self.is_outside = days.is_none() || (year == 0 && !self.is_before_christ);
                if self.is_outside {
                    return None;
                }
                days
            }
            _ => return None,
        };
        Some(Parts {
            day,
            time,
            zone: self.zone.clone(),
        })
    }
}

/// The digits that a text begins with.
fn digits(text: &str) -> &str {
    let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    &text[..end]
}

fn digits_alone(text: &str) -> bool {
    !text.is_empty() && digits(text).len() == text.len()
}

/// The three parts of a date at the beginning of a text, and the rest.
fn date_text(text: &str, separator: char) -> Option<(Vec<&str>, &str)> {
    let mut parts = vec![digits(text)];
    let mut rest = &text[parts[0].len()..];
    while parts.len() < 3 {
        rest = rest.strip_prefix(separator)?;
        let is_word = rest.starts_with(|letter: char| letter.is_ascii_alphabetic());
        let end = match is_word {
            true => rest.find(|letter: char| !letter.is_ascii_alphabetic()),
            false => rest.find(|letter: char| !letter.is_ascii_digit()),
        };
        let end = end.unwrap_or(rest.len());
        if end == 0 {
            return None;
        }
        parts.push(&rest[..end]);
        rest = &rest[end..];
    }
    Some((parts, rest))
}

/// `hh:mm`, `hh:mm:ss` or with a fraction.
fn clock_time(text: &str) -> Option<i64> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = clock.split(':');
    let mut part = || -> Option<i64> {
        let part = parts.next()?;
        digits_alone(part).then(|| part.parse().ok()).flatten()
    };
    let (hours, minutes) = (part()?, part()?);
    let seconds = match clock.matches(':').count() {
        1 => 0,
        2 => part()?,
        _ => return None,
    };
    if hours > 24 || minutes >= 60 || seconds > 60 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
    let micros = (fraction * SECOND as f64).round_ties_even() as i64;
    Some(hours * HOUR + minutes * MINUTE + seconds * SECOND + micros)
}

/// The number of a month by its name or the first three letters of it.
fn month_of(word: &str) -> Option<i64> {
    let is_meant =
        |place: &usize| word == MONTHS[*place] || word == MONTH_NAMES[*place] || (word == "sept" && *place == 8);
    let place = (0..12).find(is_meant)?;
    i64::try_from(place + 1).ok()
}

fn is_weekday(word: &str) -> bool {
    WEEKDAYS.iter().any(|day| word == *day || word == &day[..3])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::text::{date_text, moment_text, time_text, timestamp_text};
    use super::*;

    fn in_kolkata<T>(work: impl Fn(&Now) -> T) -> T {
        let clock = Clock::new(Zone::named("Asia/Kolkata").expect("a zone"));
        work(&Now {
            clock: &clock,
            utc: 1_795_896_000_000_000,
        })
    }

    #[test]
    fn dates_are_read_as_postgresql_reads_them() {
        for (text, expected) in [
            ("2026-11-29", "2026-11-29"),
            ("29-Nov-2026", "2026-11-29"),
            ("20261129", "2026-11-29"),
            ("November 29, 2026", "2026-11-29"),
            ("29 Nov 2026", "2026-11-29"),
            ("Sun Nov 29 2026", "2026-11-29"),
            ("sunday, 29 November 2026", "2026-11-29"),
            ("2026-Nov-29", "2026-11-29"),
            ("2026/11/29", "2026-11-29"),
            ("2026-1-9", "2026-01-09"),
            ("2026-11-29 23:59:59", "2026-11-29"),
            ("today", "2026-11-29"),
            ("tomorrow", "2026-11-30"),
            ("yesterday", "2026-11-28"),
            ("epoch", "1970-01-01"),
            ("0044-03-15 BC", "0044-03-15 BC"),
        ] {
            assert_eq!(
                in_kolkata(|now| date_text(date_of(text, now).expect(text))),
                expected,
                "{text}"
            );
        }
        for text in [
            "2026-02-30",
            "2026-13-01",
            "11/12/2026",
            "1-2-26",
            "soon",
            "",
            "infinity",
            "2026-11-29 x",
            "0000-01-01",
            "2026-11",
            "10:00",
        ] {
            assert!(in_kolkata(|now| date_of(text, now).is_err()), "{text}");
        }
    }

    #[test]
    fn moments_are_read_in_their_zone_or_the_session_s() {
        for (text, expected) in [
            ("2026-11-29 10:00", "2026-11-29 10:00:00+05:30"),
            ("2026-11-28 20:00+00", "2026-11-29 01:30:00+05:30"),
            ("2026-11-28T20:00:00.25Z", "2026-11-29 01:30:00.25+05:30"),
            ("2026-11-28 20:00:00 UTC", "2026-11-29 01:30:00+05:30"),
            ("2026-11-28 15:00 America/New_York", "2026-11-29 01:30:00+05:30"),
            ("2026-11-28 20:00:00-0330", "2026-11-29 05:00:00+05:30"),
            ("20261128T200000Z", "2026-11-29 01:30:00+05:30"),
            ("2026-11-29 10:00 PM", "2026-11-29 22:00:00+05:30"),
            ("2026-11-29 12:30 am", "2026-11-29 00:30:00+05:30"),
            ("2026-11-29 24:00", "2026-11-30 00:00:00+05:30"),
            ("now", "2026-11-29 01:30:00+05:30"),
        ] {
            let read = |now: &Now| moment_text(moment_of(text, now).expect(text), now.clock);
            assert_eq!(in_kolkata(read), expected, "{text}");
        }
        let local = |text: &str| in_kolkata(|now| timestamp_text(timestamp_of(text, now).expect(text)));
        assert_eq!(local("2026-11-28 20:00+00"), "2026-11-28 20:00:00");
        assert_eq!(local("2026-11-28 20:00:60"), "2026-11-28 20:01:00");
        for text in [
            "2026-11-29 25:00",
            "2026-11-29 10:60",
            "2026-11-29 13:00 pm",
            "2026-11-29 10:00 IST",
        ] {
            assert!(in_kolkata(|now| moment_of(text, now).is_err()), "{text}");
        }
    }

    #[test]
    fn times_of_the_day_are_read() {
        for (text, expected) in [
            ("10:00", "10:00:00"),
            ("10:00:00.5", "10:00:00.5"),
            ("10 pm", "22:00:00"),
        ] {
            assert_eq!(time_text(time_of(text).expect(text)), expected);
        }
        assert!(time_of("2026-11-29").is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "[-+0-9.:/, a-zT]{0,24}") {
            in_kolkata(|now| {
                let _ = (date_of(&text, now), moment_of(&text, now), time_of(&text));
            });
        }

        #[test]
        fn what_is_written_is_read(micros in -200_000_000_000_000_000_i64..8_000_000_000_000_000_000) {
            let (written, read) = in_kolkata(|now| {
                let written = moment_text(micros, now.clock);
                (written.clone(), moment_of(&written, now).ok())
            });
            prop_assert_eq!(read, Some(micros), "{}", written);
        }
    }
}
