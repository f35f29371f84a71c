//! The days that a ratio covers, by the local calendar.

use chrono::{Days as Count, NaiveDate};
use serde::Deserialize;
use utoipa::ToSchema;

use super::error::RatioError;
use crate::ids::SnapshotDate;
use crate::queries::Parameters;

/// The days whose downloads count; each window ends with the snapshot's own day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Window {
    All,
    #[serde(rename = "1d")]
    OneDay,
    #[serde(rename = "7d")]
    SevenDays,
    #[serde(rename = "30d")]
    ThirtyDays,
}

/// The period of a row over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Period {
    Day,
    /// Begins on Monday.
    Week,
    Month,
}

/// A range of days that ends with the snapshot's day or earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// `None`: from the first click or delivery.
    since: Option<NaiveDate>,
    until: NaiveDate,
}

impl Window {
    /// Every window.
    pub const ALL: [Self; 4] = [Self::All, Self::OneDay, Self::SevenDays, Self::ThirtyDays];

    /// The value of the column `time_window`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::OneDay => "1d",
            Self::SevenDays => "7d",
            Self::ThirtyDays => "30d",
        }
    }

    /// The days of the window that ends with `as_of`.
    pub fn days(self, as_of: SnapshotDate) -> Days {
        let until = as_of.day();
        let before = match self {
            Self::All => None,
            Self::OneDay => Some(0),
            Self::SevenDays => Some(6),
            Self::ThirtyDays => Some(29),
        };
        Days {
            since: before.and_then(|days| until.checked_sub_days(Count::new(days))),
            until,
        }
    }
}

impl Period {
    /// The value of the column `time_window`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

impl Days {
    /// From `since`, the first click or delivery where there is none, to `until` or the snapshot's day, whichever is
    /// earlier.
    ///
    /// # Errors
    /// `since` is after `until` or after the snapshot's day.
    pub fn new(since: Option<NaiveDate>, until: Option<NaiveDate>, as_of: SnapshotDate) -> Result<Self, RatioError> {
        let last = until.unwrap_or(as_of.day()).min(as_of.day());
        match (since, until) {
            (Some(since), Some(until)) if since > until => Err(RatioError::SinceAfterUntil { since, until }),
            (Some(since), _) if since > last => Err(RatioError::SinceAfterSnapshot { since, as_of }),
            _ => Ok(Self { since, until: last }),
        }
    }

    /// The first day; `None` for that of the first click or delivery.
    pub fn since(&self) -> Option<NaiveDate> {
        self.since
    }

    /// The last day.
    pub fn until(&self) -> NaiveDate {
        self.until
    }

    /// Adds the parameters `$since` and `$until`.
    pub(crate) fn bound(&self, parameters: Parameters) -> Parameters {
        parameters
            .with_day("since", self.since)
            .with_day("until", Some(self.until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn as_of() -> SnapshotDate {
        "2028-03-01".parse().expect("a date")
    }

    #[test]
    fn windows_end_with_the_snapshot_and_know_leap_days() {
        let first = |window: Window| window.days(as_of()).since();
        assert_eq!(first(Window::OneDay), Some(day("2028-03-01")));
        assert_eq!(first(Window::SevenDays), Some(day("2028-02-24")));
        assert_eq!(first(Window::ThirtyDays), Some(day("2028-02-01")));
        assert_eq!(first(Window::All), None);
    }

    #[test]
    fn days_end_with_the_snapshot_at_the_latest() {
        let found = Days::new(Some(day("2028-02-01")), Some(day("2028-04-01")), as_of()).expect("days");
        assert_eq!(found.until(), day("2028-03-01"));
        assert_eq!(Days::new(None, None, as_of()).expect("days").until(), day("2028-03-01"));
    }

    #[test]
    fn the_first_day_comes_first() {
        let until = Some(day("2028-02-01"));
        let wrong = Days::new(Some(day("2028-02-02")), until, as_of()).expect_err("after until");
        assert!(wrong.is_usage(), "{wrong}");
        for until in [None, Some(day("2028-05-01"))] {
            let wrong = Days::new(Some(day("2028-03-02")), until, as_of()).expect_err("after the snapshot");
            assert!(wrong.to_string().contains("2028-03-01"), "{wrong}");
        }
    }
}
