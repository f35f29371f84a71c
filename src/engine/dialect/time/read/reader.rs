//! Reads the words and numbers of a time that people wrote.

use std::sync::Arc;

use super::super::civil::{DAY, HOUR, MINUTE, MONTHS, SECOND, WEEKDAYS, checked_days};
use super::super::offset::seconds_of;
use super::super::zone::Zone;

/// What a text says: a day, a time of it, and a zone, as far as it has them.
#[derive(Debug, Default, Clone)]
pub struct Parts {
    /// Days since 1970.
    pub day: Option<i64>,
    /// Microseconds since midnight.
    pub time: Option<i64>,
    pub zone: Option<Arc<Zone>>,
}

/// What was read of a text so far.
#[derive(Default)]
pub struct Reader {
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
    pub is_ambiguous: bool,
    pub is_outside: bool,
}

impl Reader {
    /// Reads a text in lower case; `None` where it is no time.
    pub fn read(&mut self, text: &str) -> Option<()> {
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
                self.plain_number(digits)?;
                Some(after)
            }
        }
    }

    fn plain_number(&mut self, digits: &str) -> Option<()> {
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
            // PostgreSQL takes a zone behind it without a blank for something else.
            "am" | "pm" if after.starts_with(['+', '-']) => return None,
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

    /// The time of the day, or `Some(None)` for a text without one; `None` where the text has no valid time.
    pub fn time(&self) -> Option<Option<i64>> {
        let Some(time) = self.time else {
            return Some(None);
        };
        let hours = time / HOUR;
        Some(Some(match self.is_afternoon {
            None => time,
            Some(_) if hours > 12 => return None,
            Some(is_afternoon) => time % (12 * HOUR) + if is_afternoon { 12 * HOUR } else { 0 },
        }))
    }

    /// What the text says; `None` where it is no time.
    pub fn parts(&mut self) -> Option<Parts> {
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
    let is_meant = |name: &str| is_name(word, name) || (word == "sept" && name == "September");
    let place = MONTHS.iter().position(|name| is_meant(name))?;
    i64::try_from(place + 1).ok()
}

/// Whether a word is a name, or its short form.
fn is_name(word: &str, name: &str) -> bool {
    word.eq_ignore_ascii_case(name) || word.eq_ignore_ascii_case(&name[..3])
}

fn is_weekday(word: &str) -> bool {
    WEEKDAYS.iter().any(|name| is_name(word, name))
}
