//! Dates, times and moments as people write them, read as PostgreSQL reads them: `2026-11-29 10:00`, `29-Nov-2026`,
//! `November 29, 2026 10:00 PM`, `20261129T101112Z`, `today`.
//!
//! Dates that mean another day in another country (`11/12/2026`) are refused: PostgreSQL reads them by its DateStyle.

mod reader;

use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};

use super::civil::DAY;
use super::clock::Clock;
use super::endless::{Endless, day_of};
use super::error::TimeError;
use super::zone::Zone;
use reader::Reader;

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
        Moment::Local(local) | Moment::Zoned { local, .. } => day_of(local),
        Moment::Utc(utc) => day_of(now.clock.local(utc)),
        Moment::Endless(endless) => endless.days().into(),
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
        Moment::Endless(endless) => endless.micros(),
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
        Moment::Endless(endless) => endless.micros(),
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
    Endless(Endless),
}

fn invalid(kind: &str, text: &str) -> DataFusionError {
    TimeError::Invalid(format!("invalid input syntax for type {kind}: \"{text}\"")).into()
}

fn moment(text: &str, now: &Now, kind: &str) -> Result<Moment> {
    let lower = text.trim().to_lowercase();
    if let Some(moment) = special(&lower, now) {
        return Ok(moment);
    }
    if let Some(endless) = Endless::of_text(&lower) {
        return Ok(Moment::Endless(endless));
    }
    let mut reader = Reader::default();
    let parts = reader.read(&lower).and_then(|()| reader.parts());
    let parts = match parts {
        Some(parts) => parts,
        None if reader.is_ambiguous => {
            let reason = format!("the date \"{text}\" is ambiguous; write it as YYYY-MM-DD");
            return Err(TimeError::NotSupported(reason).into());
        }
        None if reader.is_outside => {
            let reason = format!("date/time field value out of range: \"{text}\"");
            return Err(TimeError::OutOfRange(reason).into());
        }
        None => return Err(invalid(kind, text)),
    };
    let day = parts.day.ok_or_else(|| invalid(kind, text))?;
    let local = day
        .checked_mul(DAY)
        .and_then(|midnight| midnight.checked_add(parts.time.unwrap_or(0)))
        .filter(|local| Endless::of_micros(*local).is_none())
        .ok_or_else(|| TimeError::OutOfRange(format!("{kind} out of range: \"{text}\"")))?;
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
            ("infinity", "infinity"),
            (" -Infinity ", "-infinity"),
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
            "+infinity",
            "inf",
            "infinity BC",
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
            ("-infinity", "-infinity"),
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
            ("10:00 pm", "22:00:00"),
        ] {
            assert_eq!(time_text(time_of(text).expect(text)), expected);
        }
        assert!(time_of("2026-11-29").is_err());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+0-9.:/, a-zT]{0,24}") {
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
