//! Parses the names of day folders, such as `date=2026-11-22` or `dt=20261122`.
//!
//! Hive, Spark, Airflow and others name the folder of a day `KEY=VALUE`, with the value percent-encoded. A name is read
//! as a day only where it cannot mean anything else.

use chrono::NaiveDate;
use percent_encoding::percent_decode_str;

use crate::ids::SnapshotDate;

/// The names of the column that sites partition their exports by.
const DAY_KEYS: [&str; 4] = ["date", "dt", "ds", "day"];

/// A parsed folder name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DayName {
    /// One day.
    Day(SnapshotDate),
    /// A day partition whose day is ambiguous, such as `date=2026-11-22 13:00:00`.
    Unclear,
    /// Not a day partition.
    Other,
}

impl DayName {
    /// Parses a folder name.
    pub fn parse(name: &str) -> Self {
        let Some((key, value)) = name.split_once('=') else {
            return Self::Other;
        };
        if !DAY_KEYS.iter().any(|known| key.eq_ignore_ascii_case(known)) {
            return Self::Other;
        }
        let Ok(value) = percent_decode_str(value).decode_utf8() else {
            return Self::Unclear;
        };
        match day_of(value.trim()) {
            Some(day) => Self::Day(SnapshotDate::from(day)),
            None => Self::Unclear,
        }
    }
}

/// `YYYY-MM-DD` or `YYYYMMDD`, alone or followed by midnight.
fn day_of(value: &str) -> Option<NaiveDate> {
    let (day, time) = match value.split_once(['T', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (value, None),
    };
    let format = match day.len() {
        10 => "%Y-%m-%d",
        8 if day.bytes().all(|digit| digit.is_ascii_digit()) => "%Y%m%d",
        _ => return None,
    };
    let is_midnight = time.is_none_or(|time| {
        let time = time.strip_suffix("+00:00").or(time.strip_suffix('Z')).unwrap_or(time);
        let (seconds, fraction) = time.split_once('.').unwrap_or((time, ""));
        matches!(seconds, "00:00:00" | "00:00" | "000000") && fraction.bytes().all(|digit| digit == b'0')
    });
    is_midnight
        .then(|| NaiveDate::parse_from_str(day, format).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn day(text: &str) -> DayName {
        DayName::Day(text.parse().expect("a date"))
    }

    #[test]
    fn usual_spellings_of_a_day_are_that_day() {
        for name in [
            "date=2026-11-22",
            "date=20261122",
            "dt=2026-11-22",
            "DS=20261122",
            "date=2026-11-22 00%3A00%3A00",
            "date=2026-11-22%2000%3A00%3A00",
            "date=2026-11-22 00:00:00.000000",
            "date=2026-11-22T00:00:00Z",
            "date=2026-11-22T00%3A00%3A00%2B00%3A00",
        ] {
            assert_eq!(DayName::parse(name), day("2026-11-22"), "{name}");
        }
    }

    #[test]
    fn what_may_mean_another_day_is_unclear() {
        for name in [
            "date=2026-11-22 13%3A00%3A00",
            "date=2026-1-2",
            "date=22-11-2026",
            "date=2026-02-30",
            "date=1764028800",
            "dt=__HIVE_DEFAULT_PARTITION__",
            "date=",
            "date=2026-11-22T00:00:00+05:30",
        ] {
            assert_eq!(DayName::parse(name), DayName::Unclear, "{name}");
        }
        for name in ["state=KA", "2026-11-22", "latest", "_delta_log", "hour=07"] {
            assert_eq!(DayName::parse(name), DayName::Other, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_name_panics_and_every_day_is_read(name in ".*", offset in 0_i32..36_500) {
            DayName::parse(&name);
            let date = NaiveDate::default() + chrono::Days::new(u64::try_from(offset).unwrap_or_default());
            let expected = DayName::Day(SnapshotDate::from(date));
            prop_assert_eq!(DayName::parse(&format!("date={}", date.format("%Y-%m-%d"))), expected);
            prop_assert_eq!(DayName::parse(&format!("dt={}", date.format("%Y%m%d"))), expected);
        }
    }
}
