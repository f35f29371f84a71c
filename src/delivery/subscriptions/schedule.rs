//! When a subscription is due: at a time of day by the calendar of the site's time zone, or after each nightly run.

use std::fmt;

use chrono::{DateTime, Datelike, NaiveDate, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::request::words;
use crate::zone::Zone;

/// Days that are looked through for the next or the last occurrence: a week, and days that a time zone skips.
const DAYS: i64 = 10;
const MINUTES_OF_DAY: u16 = 24 * 60;

words!(
    /// How often a subscription is sent.
    Every {
        /// Each day.
        Daily = "daily",
        /// Each week, on one weekday.
        Weekly = "weekly",
        /// After each nightly run.
        Nightly = "nightly",
    }
);

words!(
    /// A day of the week.
    Weekday {
        Monday = "monday",
        Tuesday = "tuesday",
        Wednesday = "wednesday",
        Thursday = "thursday",
        Friday = "friday",
        Saturday = "saturday",
        Sunday = "sunday",
    }
);

impl Weekday {
    /// The weekday of a day.
    pub fn of(day: NaiveDate) -> Self {
        match day.weekday() {
            chrono::Weekday::Mon => Self::Monday,
            chrono::Weekday::Tue => Self::Tuesday,
            chrono::Weekday::Wed => Self::Wednesday,
            chrono::Weekday::Thu => Self::Thursday,
            chrono::Weekday::Fri => Self::Friday,
            chrono::Weekday::Sat => Self::Saturday,
            chrono::Weekday::Sun => Self::Sunday,
        }
    }
}

/// A time of day as clocks show it, to the minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeOfDay {
    minute: u16,
}

impl TimeOfDay {
    /// The time `minute` minutes after midnight; none from 24 hours on.
    pub fn of_minute(minute: u16) -> Option<Self> {
        (minute < MINUTES_OF_DAY).then_some(Self { minute })
    }

    /// A time as `HH:MM`.
    pub fn parse(text: &str) -> Option<Self> {
        let (hour, minute) = text.split_once(':')?;
        let number = |part: &str| -> Option<u16> {
            let is_number = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            part.parse().ok().filter(|_| is_number)
        };
        let minute = number(minute).filter(|&minute| minute < 60)?;
        Self::of_minute(number(hour)? * 60 + minute)
    }

    /// Minutes after midnight.
    pub fn minute(self) -> u16 {
        self.minute
    }
}

/// As `HH:MM`.
impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.minute / 60, self.minute % 60)
    }
}

/// When a subscription is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// How often.
    pub every: Every,
    /// The weekday of a weekly one.
    pub weekday: Option<Weekday>,
    /// The time of day of a daily or weekly one.
    pub at: TimeOfDay,
}

/// One time that a daily or weekly subscription is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Occurrence {
    /// The day, by the site's calendar.
    pub day: NaiveDate,
    /// The moment.
    pub at: DateTime<Utc>,
}

impl Schedule {
    /// The time of day; none after nightly runs.
    pub fn time_of_day(&self) -> Option<TimeOfDay> {
        (self.every != Every::Nightly).then_some(self.at)
    }

    /// The first occurrence after a moment; none after nightly runs, which come when they come.
    pub fn next_after(&self, moment: DateTime<Utc>, zone: &Zone) -> Option<Occurrence> {
        let today = zone.day_of(moment);
        let mut days = (-1..=DAYS).filter_map(|days| self.on(day_after(today, days)?, zone));
        days.find(|occurrence| occurrence.at > moment)
    }

    /// The last occurrence that is not after a moment; none after nightly runs.
    pub fn last_until(&self, moment: DateTime<Utc>, zone: &Zone) -> Option<Occurrence> {
        let today = zone.day_of(moment);
        let mut days = (-1..=DAYS).filter_map(|days| self.on(day_after(today, -days)?, zone));
        days.find(|occurrence| occurrence.at <= moment)
    }

    /// The occurrence of a day, if it has one.
    fn on(&self, day: NaiveDate, zone: &Zone) -> Option<Occurrence> {
        let is_due = match self.every {
            Every::Daily => true,
            Every::Weekly => self.weekday == Some(Weekday::of(day)),
            Every::Nightly => false,
        };
        let at = is_due.then(|| zone.moment_of(day, self.at.minute)).flatten()?;
        Some(Occurrence { day, at })
    }
}

fn day_after(day: NaiveDate, days: i64) -> Option<NaiveDate> {
    day.checked_add_signed(TimeDelta::days(days))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn zone(name: &str) -> Zone {
        name.parse().expect("a zone")
    }

    fn moment(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    fn schedule(weekday: Option<Weekday>, at: &str) -> Schedule {
        Schedule {
            every: if weekday.is_some() { Every::Weekly } else { Every::Daily },
            weekday,
            at: TimeOfDay::parse(at).expect("a time of day"),
        }
    }

    #[test]
    fn times_of_day_are_read_and_written() {
        for text in ["00:00", "07:05", "23:59"] {
            assert_eq!(TimeOfDay::parse(text).expect(text).to_string(), text);
        }
        for bad in ["", "7:00", "24:00", "07:60", "07:5", "+7:00", "07:00:00", "0७:00"] {
            assert_eq!(TimeOfDay::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn occurrences_are_at_the_time_that_clocks_show() {
        // 23 November 2026 is a Monday; Kolkata is 5:30 ahead of UTC.
        let now = moment("2026-11-23T10:15:00Z");
        let kolkata = zone("Asia/Kolkata");
        for (schedule, last, next) in [
            (schedule(None, "07:00"), "2026-11-23T01:30:00Z", "2026-11-24T01:30:00Z"),
            (schedule(None, "16:00"), "2026-11-22T10:30:00Z", "2026-11-23T10:30:00Z"),
            (
                schedule(Some(Weekday::Monday), "07:00"),
                "2026-11-23T01:30:00Z",
                "2026-11-30T01:30:00Z",
            ),
            (
                schedule(Some(Weekday::Tuesday), "07:00"),
                "2026-11-17T01:30:00Z",
                "2026-11-24T01:30:00Z",
            ),
        ] {
            assert_eq!(
                schedule.last_until(now, &kolkata).map(|found| found.at),
                Some(moment(last))
            );
            assert_eq!(
                schedule.next_after(now, &kolkata).map(|found| found.at),
                Some(moment(next))
            );
        }
        // Berlin's clock stays at 07:00 while its distance from UTC changes on 29 March.
        let berlin = zone("Europe/Berlin");
        let daily = schedule(None, "07:00");
        let before = moment("2026-03-28T12:00:00Z");
        let (last, next) = (daily.last_until(before, &berlin), daily.next_after(before, &berlin));
        assert_eq!(last.map(|found| found.at), Some(moment("2026-03-28T06:00:00Z")));
        assert_eq!(next.map(|found| found.at), Some(moment("2026-03-29T05:00:00Z")));
        let nightly = Schedule {
            every: Every::Nightly,
            ..daily
        };
        assert_eq!(nightly.next_after(now, &berlin), None);
        assert_eq!(nightly.last_until(now, &berlin), None);
    }

    const ZONES: [&str; 6] = [
        "Asia/Kolkata",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Pacific/Apia",
        "UTC",
    ];
    /// 2010 to 2030, in seconds; the day that Apia skipped is one of these.
    const YEARS: std::ops::Range<i64> = 1_262_304_000..1_893_456_000;

    proptest! {
        #[test]
        fn an_occurrence_is_never_missed_nor_repeated(
            zone in prop::sample::select(ZONES.to_vec()),
            start in YEARS,
            minute in 0..MINUTES_OF_DAY,
            weekday in prop::option::of(prop::sample::select(Weekday::ALL)),
            // How long the service was away before each look.
            waits in prop::collection::vec(1_i64..20 * 86_400, 1..12),
        ) {
            let zone = zone.parse::<Zone>().expect("a zone");
            let schedule = Schedule {
                every: if weekday.is_some() { Every::Weekly } else { Every::Daily },
                weekday,
                at: TimeOfDay::of_minute(minute).expect("a minute of a day"),
            };
            let mut now = DateTime::from_timestamp(start, 0).expect("a time");
            let mut due = schedule.next_after(now, &zone).expect("an occurrence");
            let mut sent: Option<Occurrence> = None;
            for wait in waits {
                now += TimeDelta::seconds(wait);
                if due.at > now {
                    continue;
                }
                let last = schedule.last_until(now, &zone).expect("an occurrence");
                // Of several missed occurrences, the newest one is sent.
                prop_assert!(last.at >= due.at && last.at <= now);
                if let Some(sent) = sent {
                    prop_assert!(last.day > sent.day && last.at > sent.at);
                }
                let next = schedule.next_after(now, &zone).expect("an occurrence");
                prop_assert!(next.at > now && next.day > last.day);
                // Nothing lies between the last and the next one.
                let between = schedule.last_until(next.at - TimeDelta::seconds(1), &zone).expect("an occurrence");
                prop_assert_eq!(between, last);
                let days = (next.day - last.day).num_days();
                let usual = if weekday.is_some() { 7 } else { 1 };
                prop_assert!(days == usual || zone.name() == "Pacific/Apia");
                sent = Some(last);
                due = next;
            }
        }
    }
}
