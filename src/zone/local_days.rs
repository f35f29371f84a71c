//! The calendar days of many timestamps in one zone.

use chrono::NaiveDate;

use super::Zone;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// The first and the last day of the years 1 to 9999, since 1970.
const FIRST_DAY: i64 = -719_162;
const LAST_DAY: i64 = 2_932_896;
/// Slots of the cache: more days than most exports span, and small enough for the processor's cache.
const CACHED_DAYS: usize = 1024;

/// Computes local days, with a cache of the zone's offsets by UTC day: looking an offset up in the zone's history takes
/// most of the time otherwise.
pub struct LocalDays<'a> {
    zone: &'a Zone,
    /// Day number and the offset that holds all day, or `None` where the clock changes on it; slot = day modulo size.
    days: Vec<(i64, Option<i64>)>,
}

impl<'a> LocalDays<'a> {
    /// A computation of days in `zone`, with an empty cache.
    pub fn new(zone: &'a Zone) -> Self {
        Self {
            zone,
            days: vec![(i64::MIN, None); CACHED_DAYS],
        }
    }

    /// The number of the day, since 1970, at a time in microseconds since 1970 in UTC; `None` where the calendar has no
    /// such day. A time in the years 1 to 9999 of UTC has a day in these years: `9999-12-31T23:59:59Z`, which stands for
    /// an end that is not known, is on that day east of UTC too.
    pub fn at(&mut self, micros: i64) -> Option<i32> {
        let seconds = micros.div_euclid(MICROS_PER_SECOND);
        let local = seconds + self.offset(seconds);
        let mut day = local.div_euclid(SECONDS_PER_DAY);
        if (FIRST_DAY..=LAST_DAY).contains(&seconds.div_euclid(SECONDS_PER_DAY)) {
            day = day.clamp(FIRST_DAY, LAST_DAY);
        }
        let day = i32::try_from(day).ok()?;
        let is_a_day = (NaiveDate::MIN.to_epoch_days()..=NaiveDate::MAX.to_epoch_days()).contains(&day);
        is_a_day.then_some(day)
    }

    fn offset(&mut self, utc: i64) -> i64 {
        let day = utc.div_euclid(SECONDS_PER_DAY);
        // The remainder is below CACHED_DAYS, so it fits.
        let slot = day.rem_euclid(CACHED_DAYS as i64) as usize;
        if self.days[slot].0 != day {
            let start = self.zone.offset_at(day * SECONDS_PER_DAY);
            let end = self.zone.offset_at((day + 1) * SECONDS_PER_DAY);
            self.days[slot] = (day, (start == end).then_some(start));
        }
        match self.days[slot].1 {
            Some(seconds) => seconds,
            None => self.zone.offset_at(utc),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_and_the_last_day_of_four_digits_have_no_day_beside_them() {
        let day = |zone: &str, micros: i64| LocalDays::new(&zone.parse().expect("a zone")).at(micros).map(i64::from);
        let (first, last) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
        for zone in ["Asia/Kolkata", "America/New_York", "UTC", "Pacific/Kiritimati"] {
            assert_eq!(day(zone, first), Some(FIRST_DAY), "{zone}");
            assert_eq!(day(zone, last), Some(LAST_DAY), "{zone}");
        }
        // Other times keep their days.
        assert_eq!(day("Asia/Kolkata", last + 1), Some(LAST_DAY + 1));
        assert_eq!(day("UTC", first - 1), Some(FIRST_DAY - 1));
    }

    proptest! {
        #[test]
        fn the_cache_changes_no_day(seconds in prop::collection::vec(-3_000_000_000_i64..4_000_000_000, 1..50)) {
            for name in ["Asia/Kolkata", "Australia/Lord_Howe", "America/St_Johns", "Africa/Casablanca", "America/Vancouver"] {
                let zone: Zone = name.parse().expect("a zone");
                let mut days = LocalDays::new(&zone);
                for utc in &seconds {
                    let expected = (utc + zone.offset_at(*utc)).div_euclid(SECONDS_PER_DAY);
                    let day = days.at(utc * MICROS_PER_SECOND).map(i64::from);
                    prop_assert_eq!(day, Some(expected));
                }
            }
        }
    }
}
