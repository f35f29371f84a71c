//! The calendar: microseconds and days since 1970 to years, months and days and back, in the years that PostgreSQL knows.

/// Microseconds of a second, an hour and a day.
pub const SECOND: i64 = 1_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// The names of months; the first three letters of one are its short name.
pub const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// The names of the days of a week, from Sunday; the first three letters of one are its short name.
pub const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// The years of dates, as astronomers count them: 4714 BC is -4713.
const YEARS: std::ops::RangeInclusive<i64> = -4713..=294_276;

/// Microseconds since 1970 of the first of these years. The last one ends after what 64 bits hold.
const FIRST: i64 = days_of_ymd(*YEARS.start(), 1, 1) * DAY;

/// Whether microseconds since 1970 are within the years of PostgreSQL.
pub fn is_known(micros: i64) -> bool {
    micros >= FIRST
}

/// A local time, as a calendar and a clock show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// Astronomical: the year before 1 is 0.
    pub year: i64,
    /// From 1.
    pub month: i64,
    /// From 1.
    pub day: i64,
    /// Microseconds since midnight.
    pub time: i64,
}

impl Civil {
    /// The local time at microseconds since 1970.
    pub fn of_micros(micros: i64) -> Self {
        let (year, month, day) = ymd_of_days(micros.div_euclid(DAY));
        Self {
            year,
            month,
            day,
            time: micros.rem_euclid(DAY),
        }
    }

    /// Microseconds since 1970; `None` outside the years of PostgreSQL.
    pub fn micros(self) -> Option<i64> {
        if !YEARS.contains(&self.year) {
            return None;
        }
        days_of_ymd(self.year, self.month, self.day)
            .checked_mul(DAY)?
            .checked_add(self.time)
    }

    /// Days since 1970 of its date.
    pub fn days(self) -> i64 {
        days_of_ymd(self.year, self.month, self.day)
    }

    pub fn hour(self) -> i64 {
        self.time / HOUR
    }

    pub fn minute(self) -> i64 {
        self.time / MINUTE % 60
    }

    pub fn second(self) -> i64 {
        self.time / SECOND % 60
    }

    /// Microseconds of its second.
    pub fn micro(self) -> i64 {
        self.time % SECOND
    }

    /// From 1.
    pub fn day_of_year(self) -> i64 {
        self.days() - days_of_ymd(self.year, 1, 1) + 1
    }

    /// Sunday is 0.
    pub fn day_of_week(self) -> i64 {
        // 1970 began on a Thursday.
        (self.days() + 4).rem_euclid(7)
    }

    /// Monday is 1, Sunday 7.
    pub fn iso_day_of_week(self) -> i64 {
        (self.day_of_week() + 6) % 7 + 1
    }

    /// The year and week of ISO 8601.
    pub fn iso_week(self) -> (i64, i64) {
        let monday = self.days() + 1 - self.iso_day_of_week();
        // The week belongs to the year of its Thursday.
        let (year, _, _) = ymd_of_days(monday + 3);
        (year, (monday - first_iso_monday(year)) / 7 + 1)
    }

    /// Days between noon of 24 November 4714 BC and its day, as astronomers count them.
    pub fn julian_day(self) -> i64 {
        self.days() + 2_440_588
    }
}

/// Days since 1970 of the Monday that week 1 of a year begins with.
pub fn first_iso_monday(year: i64) -> i64 {
    let january_4 = days_of_ymd(year, 1, 4);
    january_4 - (january_4 + 3).rem_euclid(7)
}

/// Days since 1970.
pub const fn days_of_ymd(year: i64, month: i64, day: i64) -> i64 {
    // Years that begin in March, so that the leap day is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let cycle = year.div_euclid(400);
    let of_cycle = year.rem_euclid(400);
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    cycle * 146_097 + of_cycle * 365 + of_cycle / 4 - of_cycle / 100 + of_year - 719_468
}

/// Year, month and day at days since 1970.
pub fn ymd_of_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let cycle = days.div_euclid(146_097);
    let of_cycle = days.rem_euclid(146_097);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + cycle * 400 + i64::from(month <= 2);
    (year, month, day)
}

/// The days of a month.
pub fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// A date that exists.
pub fn checked_days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_date = YEARS.contains(&year) && (1..=12).contains(&month) && day >= 1 && day <= days_of_month(year, month);
    is_date.then(|| days_of_ymd(year, month, day))
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_calendar_is_chrono_s(days in -1_700_000_i64..80_000_000) {
            let date = NaiveDate::from_epoch_days(i32::try_from(days).expect("small")).expect("a date");
            let civil = Civil::of_micros(days * DAY + 1);
            prop_assert_eq!(ymd_of_days(days), (i64::from(date.year()), i64::from(date.month()), i64::from(date.day())));
            prop_assert_eq!(civil.micros(), (-4713..=294_276).contains(&date.year()).then_some(days * DAY + 1));
            prop_assert_eq!(civil.day_of_year(), i64::from(date.ordinal()));
            prop_assert_eq!(civil.iso_day_of_week(), i64::from(date.weekday().number_from_monday()));
            let week = date.iso_week();
            prop_assert_eq!(civil.iso_week(), (i64::from(week.year()), i64::from(week.week())));
        }
    }

    proptest! {
        #[test]
        fn known_times_are_those_of_the_calendar(far in any::<i64>(), near in -DAY..DAY) {
            for micros in [far, FIRST + near, i64::MAX - near.abs(), i64::MIN + near.abs()] {
                prop_assert_eq!(is_known(micros).then_some(micros), Civil::of_micros(micros).micros());
            }
        }
    }

    #[test]
    fn invalid_dates_are_rejected() {
        assert_eq!(checked_days(2026, 2, 29), None);
        assert_eq!(checked_days(2024, 2, 29), Some(19_782));
        assert_eq!(checked_days(2026, 13, 1), None);
        assert_eq!(Civil::of_micros(0).julian_day(), 2_440_588);
    }
}
