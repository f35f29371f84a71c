//! PostgreSQL's intervals: months, days and microseconds, which are added, compared and written each in its own way.

use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::{DataFusionError, Result};

use super::civil::{Civil, DAY, HOUR, MINUTE, SECOND, days_of_month};
use super::error::TimeError;

/// Days of a month, where intervals are compared or divided.
const DAYS_PER_MONTH: i64 = 30;

/// An interval. Its parts may have different signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interval {
    pub months: i32,
    pub days: i32,
    /// Microseconds.
    pub micros: i64,
}

/// An interval out of the range of PostgreSQL, or of the engine.
pub fn out_of_range() -> DataFusionError {
    TimeError::OutOfRange("interval out of range".to_owned()).into()
}

impl Interval {
    /// The interval of `micros` microseconds, with whole days as days: the result of subtracting two timestamps.
    pub fn of_span(micros: i64) -> Self {
        Self {
            months: 0,
            // 292,000 years of days fit.
            days: i32::try_from(micros / DAY).unwrap_or(i32::MAX),
            micros: micros % DAY,
        }
    }

    /// The interval in the engine's form.
    ///
    /// # Errors
    /// Where the time is longer than 292 years, which the engine counts in nanoseconds.
    pub fn stored(self) -> Result<IntervalMonthDayNano> {
        let nanos = self.micros.checked_mul(1000).ok_or_else(out_of_range)?;
        Ok(IntervalMonthDayNano::new(self.months, self.days, nanos))
    }

    /// The interval of a value in the engine's form.
    pub fn of_stored(stored: IntervalMonthDayNano) -> Self {
        Self {
            months: stored.months,
            days: stored.days,
            micros: stored.nanoseconds / 1000,
        }
    }

    /// Its length in microseconds, where a month has 30 days and a day 24 hours: by which intervals are compared.
    pub fn span(self) -> i128 {
        let days = i128::from(self.months) * i128::from(DAYS_PER_MONTH) + i128::from(self.days);
        days * i128::from(DAY) + i128::from(self.micros)
    }

    /// The sum, part by part.
    pub fn plus(self, other: Self) -> Result<Self> {
        let sum = || {
            Some(Self {
                months: self.months.checked_add(other.months)?,
                days: self.days.checked_add(other.days)?,
                micros: self.micros.checked_add(other.micros)?,
            })
        };
        sum().ok_or_else(out_of_range)
    }

    /// The same with all signs changed.
    pub fn negated(self) -> Result<Self> {
        let negated = || {
            Some(Self {
                months: self.months.checked_neg()?,
                days: self.days.checked_neg()?,
                micros: self.micros.checked_neg()?,
            })
        };
        negated().ok_or_else(out_of_range)
    }

    /// Multiplied by a number: the fraction of months goes to days, that of days to the time.
    pub fn times(self, factor: f64) -> Result<Self> {
        self.scaled(|part| part * factor, factor.is_finite())
    }

    /// Divided by a number, with fractions as in [`times`](Self::times).
    pub fn divided(self, divisor: f64) -> Result<Self> {
        if divisor == 0.0 {
            return Err(TimeError::DivisionByZero.into());
        }
        self.scaled(|part| part / divisor, divisor.is_finite())
    }

    /// As `interval_mul` and `interval_div` of PostgreSQL compute it.
    fn scaled(self, scale: impl Fn(f64) -> f64, is_finite: bool) -> Result<Self> {
        if !is_finite {
            return Err(out_of_range());
        }
        let part = |value: f64| -> Result<i32> {
            let is_inside = value > f64::from(i32::MIN) - 1.0 && value < f64::from(i32::MAX) + 1.0;
            // Truncated, as C casts.
            is_inside.then_some(value as i32).ok_or_else(out_of_range)
        };
        let all_months = scale(f64::from(self.months));
        let all_days = scale(f64::from(self.days));
        let months = part(all_months)?;
        let days = part(all_days)?;
        let mut month_days = rounded((all_months - f64::from(months)) * DAYS_PER_MONTH as f64);
        let mut seconds =
            rounded((all_days - f64::from(days) + month_days - f64::from(month_days as i32)) * (DAY / SECOND) as f64);
        let mut more_days = 0;
        if seconds.abs() >= (DAY / SECOND) as f64 {
            more_days = (seconds / (DAY / SECOND) as f64) as i32;
            seconds -= f64::from(more_days) * (DAY / SECOND) as f64;
        }
        month_days = month_days.trunc();
        let days = days
            .checked_add(month_days as i32)
            .and_then(|days| days.checked_add(more_days))
            .ok_or_else(out_of_range)?;
        let micros = (scale(self.micros as f64) + seconds * SECOND as f64).round_ties_even();
        if !(micros > -(2f64.powi(63)) && micros < 2f64.powi(63)) {
            return Err(out_of_range());
        }
        Ok(Self {
            months,
            days,
            micros: micros as i64,
        })
    }

    /// Converts each 24 hours to a day (`justify_hours`).
    pub fn justified_hours(self) -> Result<Self> {
        let days = i32::try_from(self.micros / DAY).map_err(|_| out_of_range())?;
        let days = self.days.checked_add(days).ok_or_else(out_of_range)?;
        let mut justified = Self {
            days,
            micros: self.micros % DAY,
            ..self
        };
        if justified.days > 0 && justified.micros < 0 {
            justified.micros += DAY;
            justified.days -= 1;
        } else if justified.days < 0 && justified.micros > 0 {
            justified.micros -= DAY;
            justified.days += 1;
        }
        Ok(justified)
    }

    /// Converts each 30 days to a month (`justify_days`).
    pub fn justified_days(self) -> Result<Self> {
        let month = DAYS_PER_MONTH as i32;
        let months = self.months.checked_add(self.days / month).ok_or_else(out_of_range)?;
        let mut justified = Self {
            months,
            days: self.days % month,
            ..self
        };
        if justified.months > 0 && justified.days < 0 {
            justified.days += month;
            justified.months -= 1;
        } else if justified.months < 0 && justified.days > 0 {
            justified.days -= month;
            justified.months += 1;
        }
        Ok(justified)
    }

    /// Justifies hours and days, with one sign for all parts (`justify_interval`).
    pub fn justified(self) -> Result<Self> {
        let month = DAYS_PER_MONTH as i32;
        let mut all = self;
        if (all.days > 0 && all.micros > 0) || (all.days < 0 && all.micros < 0) {
            all = Self {
                months: all.months.checked_add(all.days / month).ok_or_else(out_of_range)?,
                days: all.days % month,
                ..all
            };
        }
        let days = i32::try_from(all.micros / DAY).map_err(|_| out_of_range())?;
        all.days = all.days.checked_add(days).ok_or_else(out_of_range)?;
        all.micros %= DAY;
        all.months = all.months.checked_add(all.days / month).ok_or_else(out_of_range)?;
        all.days %= month;
        if all.months > 0 && (all.days < 0 || (all.days == 0 && all.micros < 0)) {
            all.days += month;
            all.months -= 1;
        } else if all.months < 0 && (all.days > 0 || (all.days == 0 && all.micros > 0)) {
            all.days -= month;
            all.months += 1;
        }
        if all.days > 0 && all.micros < 0 {
            all.micros += DAY;
            all.days -= 1;
        } else if all.days < 0 && all.micros > 0 {
            all.micros -= DAY;
            all.days += 1;
        }
        Ok(all)
    }

    /// A local time, later by the months and days of this interval: the last day of a month where it has no such day.
    pub fn after(self, civil: Civil) -> Option<Civil> {
        let mut civil = civil;
        if self.months != 0 {
            let months = civil.year * 12 + civil.month - 1 + i64::from(self.months);
            civil.year = months.div_euclid(12);
            civil.month = months.rem_euclid(12) + 1;
            civil.day = civil.day.min(days_of_month(civil.year, civil.month));
        }
        if self.days != 0 {
            civil = Civil::of_micros(civil.micros()?.checked_add(i64::from(self.days).checked_mul(DAY)?)?);
        }
        Some(civil)
    }

    /// The text that PostgreSQL writes: `1 year 2 mons -3 days +04:05:06.7`.
    pub fn text(self) -> String {
        let mut text = String::new();
        let mut is_after_negative = false;
        let mut part = |value: i64, unit: &str| {
            if value == 0 {
                return;
            }
            if !text.is_empty() {
                text.push(' ');
            }
            if is_after_negative && value > 0 {
                text.push('+');
            }
            text.push_str(&format!("{value} {unit}{}", if value == 1 { "" } else { "s" }));
            is_after_negative = value < 0;
        };
        part(i64::from(self.months / 12), "year");
        part(i64::from(self.months % 12), "mon");
        part(i64::from(self.days), "day");
        if text.is_empty() || self.micros != 0 {
            let sign = match self.micros {
                ..0 => "-",
                _ if is_after_negative => "+",
                _ => "",
            };
            let micros = self.micros.unsigned_abs();
            let unit = |unit: i64| unit.unsigned_abs();
            let (hours, minutes) = (micros / unit(HOUR), micros / unit(MINUTE) % 60);
            let seconds = micros / unit(SECOND) % 60;
            let space = if text.is_empty() { "" } else { " " };
            text.push_str(&format!("{space}{sign}{hours:02}:{minutes:02}:{seconds:02}"));
            text.push_str(&fraction(micros % unit(SECOND)));
        }
        text
    }
}

/// Seconds rounded to the microsecond, as PostgreSQL's TSROUND.
fn rounded(value: f64) -> f64 {
    (value * SECOND as f64).round_ties_even() / SECOND as f64
}

/// `.25` for 250,000 microseconds, nothing for none.
pub fn fraction(micros: u64) -> String {
    if micros == 0 {
        return String::new();
    }
    let digits = format!(".{micros:06}");
    digits.trim_end_matches('0').to_owned()
}

/// The time between two local times in years, months, days and time, as `age` gives it.
pub fn age(later: Civil, earlier: Civil) -> Interval {
    let is_negative = (later.days(), later.time) < (earlier.days(), earlier.time);
    let (mut upper, mut lower) = (later, earlier);
    if is_negative {
        (upper, lower) = (earlier, later);
    }
    let mut micros = upper.time - lower.time;
    let mut days = upper.day - lower.day;
    let mut months = (upper.year - lower.year) * 12 + upper.month - lower.month;
    if micros < 0 {
        micros += DAY;
        days -= 1;
    }
    // Days are borrowed from the month of the earlier time.
    while days < 0 {
        days += days_of_month(lower.year, lower.month);
        months -= 1;
    }
    let sign = if is_negative { -1 } else { 1 };
    Interval {
        // 300,000 years of months fit.
        months: i32::try_from(months * sign).unwrap_or(i32::MAX),
        days: i32::try_from(days * sign).unwrap_or(i32::MAX),
        micros: micros * sign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(months: i32, days: i32, micros: i64) -> Interval {
        Interval { months, days, micros }
    }

    #[test]
    fn they_are_written_as_postgresql_writes_them() {
        for (value, expected) in [
            (interval(0, 0, 0), "00:00:00"),
            (interval(14, -3, 4 * HOUR), "1 year 2 mons -3 days +04:00:00"),
            (interval(-1, 2, -1), "-1 mons +2 days -00:00:00.000001"),
            (interval(0, 1, 0), "1 day"),
            (interval(0, 0, 202 * HOUR + 250_000), "202:00:00.25"),
            (Interval::of_span(202 * HOUR), "8 days 10:00:00"),
        ] {
            assert_eq!(value.text(), expected);
        }
    }

    #[test]
    fn fractions_go_to_the_smaller_part() {
        let month = interval(1, 0, 0);
        assert_eq!(month.times(1.5).expect("fits").text(), "1 mon 15 days");
        assert_eq!(interval(0, 1, 0).divided(7.0).expect("fits").text(), "03:25:42.857143");
        assert_eq!(interval(0, 0, HOUR).times(-2.5).expect("fits").text(), "-02:30:00");
        assert!(month.divided(0.0).is_err());
        assert!(month.times(1e300).is_err());
        assert!(month.times(f64::NAN).is_err());
    }

    #[test]
    fn ages_borrow_from_the_earlier_month() {
        let civil = |year, month, day| Civil {
            year,
            month,
            day,
            time: 0,
        };
        assert_eq!(age(civil(2026, 3, 1), civil(2025, 12, 15)).text(), "2 mons 17 days");
        assert_eq!(age(civil(2025, 12, 15), civil(2026, 3, 1)).text(), "-2 mons -17 days");
        assert_eq!(age(civil(2026, 3, 1), civil(2026, 1, 31)).text(), "1 mon 1 day");
    }
}
