//! Parses dates and times in ISO 8601 text: `2026-11-22`, `2026-11-22T10:15:00.5+05:30`, `20261122T101500Z`.
//!
//! Only calendar dates of the years 0000 to 9999 are read; fractions of a second are truncated to microseconds. A space
//! may replace the `T`, as databases write it.

use chrono::{NaiveDate, NaiveTime, Timelike};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A parsed date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Iso {
    /// A day, in days since 1970.
    Day(i32),
    /// A time without an offset, in microseconds since 1970 as if it were UTC.
    Local(i64),
    /// A time with an offset, in microseconds since 1970 in UTC.
    Instant(i64),
}

/// The date or the time that `text` spells; `None` where it is in another format, or there is no such day or time.
pub fn read(text: &str) -> Option<Iso> {
    let mut rest = Rest(text.as_bytes());
    let year = rest.number(4)?;
    let has_hyphens = rest.skip(b'-');
    let month = rest.number(2)?;
    if has_hyphens && !rest.skip(b'-') {
        return None;
    }
    let day = rest.number(2)?;
    let day = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.to_epoch_days();
    if rest.0.is_empty() {
        return Some(Iso::Day(day));
    }
    if !(rest.skip(b'T') || rest.skip(b't') || rest.skip(b' ')) {
        return None;
    }
    let time_of_day = rest.time_of_day(has_hyphens)?;
    let micros = i64::from(day) * SECONDS_PER_DAY * MICROS_PER_SECOND + time_of_day;
    if rest.0.is_empty() {
        return Some(Iso::Local(micros));
    }
    let offset = rest.offset()?;
    rest.0
        .is_empty()
        .then_some(Iso::Instant(micros - offset * MICROS_PER_SECOND))
}

/// The unread rest of the text.
struct Rest<'a>(&'a [u8]);

impl Rest<'_> {
    fn skip(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    fn digit(&mut self) -> Option<u32> {
        let (first, rest) = self.0.split_first()?;
        let digit = char::from(*first).to_digit(10)?;
        self.0 = rest;
        Some(digit)
    }

    /// Reads a number of exactly `digits` digits.
    fn number(&mut self, digits: usize) -> Option<u32> {
        (0..digits).try_fold(0, |number, _| Some(number * 10 + self.digit()?))
    }

    /// Microseconds since midnight: hours and minutes, then seconds and their fraction where they are given.
    fn time_of_day(&mut self, has_colons: bool) -> Option<i64> {
        let hour = self.number(2)?;
        if self.skip(b':') != has_colons {
            return None;
        }
        let minute = self.number(2)?;
        let has_seconds = match has_colons {
            true => self.skip(b':'),
            false => self.0.first().is_some_and(u8::is_ascii_digit),
        };
        let mut micros = 0;
        let mut second = 0;
        if has_seconds {
            second = self.number(2)?;
            if self.skip(b'.') || self.skip(b',') {
                micros = self.fraction()?;
            }
        }
        let time = NaiveTime::from_hms_opt(hour, minute, second)?;
        Some(i64::from(time.num_seconds_from_midnight()) * MICROS_PER_SECOND + micros)
    }

    /// The fraction of a second in microseconds; digits after the sixth are left out.
    fn fraction(&mut self) -> Option<i64> {
        let mut micros = i64::from(self.digit()?) * 100_000;
        let mut place = 10_000;
        while let Some(digit) = self.digit() {
            micros += i64::from(digit) * place;
            place /= 10;
        }
        Some(micros)
    }

    /// Seconds east of UTC: `Z`, `+05:30`, `+0530` or `+05`.
    fn offset(&mut self) -> Option<i64> {
        if self.skip(b'Z') || self.skip(b'z') {
            return Some(0);
        }
        let sign = match (self.skip(b'+'), self.skip(b'-')) {
            (true, false) => 1,
            (false, true) => -1,
            _ => return None,
        };
        let hours = self.number(2)?;
        let has_minutes = self.skip(b':') || !self.0.is_empty();
        let minutes = if has_minutes { self.number(2)? } else { 0 };
        let is_an_offset = hours < 24 && minutes < 60;
        is_an_offset.then(|| sign * i64::from(hours * 3600 + minutes * 60))
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, FixedOffset, TimeDelta};
    use proptest::prelude::*;

    use super::*;

    fn instant(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).expect("a time").timestamp_micros()
    }

    #[test]
    fn all_spellings_of_a_moment_are_that_moment() {
        let moment = instant("2026-11-22T04:45:00Z");
        for text in [
            "2026-11-22T04:45:00Z",
            "2026-11-22t04:45:00z",
            "2026-11-22 04:45Z",
            "2026-11-22T10:15:00+05:30",
            "2026-11-22 10:15:00.000+0530",
            "2026-11-21T23:45:00,0-05",
            "20261122T101500+0530",
            "20261122T0445Z",
            "2026-11-22T04:45:00.0000009Z",
        ] {
            assert_eq!(read(text), Some(Iso::Instant(moment)), "{text}");
        }
        assert_eq!(read("2026-11-22T04:45"), Some(Iso::Local(moment)));
        assert_eq!(read("2026-11-22 04:45:00.000001"), Some(Iso::Local(moment + 1)));
        assert_eq!(read("1970-01-02"), Some(Iso::Day(1)));
        assert_eq!(read("19691231"), Some(Iso::Day(-1)));
    }

    #[test]
    fn other_formats_are_not_guessed() {
        for text in [
            "",
            "1795329900",
            "1795329900000",
            "01/02/2026",
            "22-11-2026",
            "2026-1-2",
            "2026-02-30",
            "2026-13-01",
            "0000-00-00 00:00:00",
            "2026-11-22T",
            "2026-11-22T10",
            "2026-11-22T24:00:00",
            "2026-11-22T10:60",
            "2026-11-22T10:15:60Z",
            "2026-11-22T10:15:",
            "2026-11-22T10:15:00.",
            "2026-11-22T10:15:00+",
            "20261122T10:15",
            "2026-11-22T1015",
            "2026-11-22T10:15:00 UTC",
            "2026-11-22T10:15:00+05:30x",
            "2026-11-22T10:15:00+24:00",
            "2019-01-14 09:11:19:620+0000",
            "+2026-11-22",
            "２０２６-11-22",
            "2026-W47-7",
            "2026-11-22  10:15",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_chrono(micros in -62_135_596_800_000_000_i64..253_402_300_800_000_000, minutes in -720_i32..840) {
            let utc = DateTime::from_timestamp_micros(micros).expect("a time");
            let zone = FixedOffset::east_opt(minutes * 60).expect("an offset");
            let local = utc.with_timezone(&zone);
            prop_assume!(local.naive_local().date() >= NaiveDate::from_ymd_opt(0, 1, 1).expect("a day"));
            prop_assume!(local.naive_local() < DateTime::from_timestamp(253_402_300_800, 0).expect("a time").naive_utc());
            let text = local.to_rfc3339();
            prop_assert_eq!(read(&text), Some(Iso::Instant(micros)), "{}", text);
            let naive = local.naive_local();
            let expected = micros + TimeDelta::minutes(i64::from(minutes)).num_microseconds().expect("fits");
            prop_assert_eq!(read(&naive.to_string()), Some(Iso::Local(expected)));
            prop_assert_eq!(read(&naive.date().to_string()), Some(Iso::Day(naive.date().to_epoch_days())));
        }

        #[test]
        fn any_text_is_read_or_not(text in "\\PC{0,30}|[0-9TZ:+., -]{0,30}") {
            let _ = read(&text);
        }
    }
}
