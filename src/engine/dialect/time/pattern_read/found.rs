//! The fields that a pattern found in a text, and the time that they make.

use datafusion::common::{DataFusionError, Result};

use super::super::civil::{
    Civil, DAY, HOUR, MINUTE, SECOND, checked_days, days_of_month, days_of_ymd, first_iso_monday, ymd_of_days,
};
use super::super::error::TimeError;

/// The time that was read from a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Read {
    /// Local time in microseconds since 1970.
    pub local: i64,
    /// Seconds east of Greenwich, where the text says it.
    pub offset: Option<i64>,
}

/// The fields that were found.
#[derive(Debug, Default)]
pub struct Found {
    pub year: Option<i64>,
    /// Digits of the year in the pattern.
    pub year_digits: u8,
    pub is_iso: Option<bool>,
    pub century: Option<i64>,
    pub is_before_christ: bool,
    pub month: Option<i64>,
    pub day: Option<i64>,
    pub day_of_year: Option<i64>,
    /// Sunday is 1.
    pub day_of_week: Option<i64>,
    pub week: Option<i64>,
    pub week_of_month: Option<i64>,
    pub julian: Option<i64>,
    pub hour: Option<i64>,
    pub is_clock_of_12: bool,
    pub is_afternoon: Option<bool>,
    pub minute: Option<i64>,
    pub second: Option<i64>,
    pub second_of_day: Option<i64>,
    pub milli: Option<i64>,
    pub micro: Option<i64>,
    pub offset_sign: Option<i64>,
    pub offset_hours: Option<i64>,
    pub offset_minutes: Option<i64>,
}

fn out_of_range(text: &str) -> DataFusionError {
    TimeError::OutOfRange(format!("date/time field value out of range: \"{text}\"")).into()
}

impl Found {
    /// The time that the fields make.
    ///
    /// # Errors
    /// Where there is no such time; `text` is what was read.
    pub fn time(&self, text: &str) -> Result<Read> {
        let days = self.date(text)?;
        let time = self.clock(text)?;
        let local = days * DAY + time;
        if Civil::of_micros(local).micros().is_none() {
            return Err(out_of_range(text));
        }
        Ok(Read {
            local,
            offset: self.offset(text)?,
        })
    }

    fn clock(&self, text: &str) -> Result<i64> {
        let (mut hour, mut minute, mut second) = (0, 0, 0);
        if let Some(seconds) = self.second_of_day {
            (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        }
        hour = self.hour.unwrap_or(hour);
        minute = self.minute.unwrap_or(minute);
        second = self.second.unwrap_or(second);
        if self.is_clock_of_12 {
            if self.hour.is_some() && !(1..=12).contains(&hour) {
                let reason = format!("hour \"{hour}\" is invalid for the 12-hour clock");
                return Err(TimeError::Invalid(reason).into());
            }
            match self.is_afternoon {
                Some(true) if hour < 12 => hour += 12,
                None | Some(false) if hour == 12 => hour = 0,
                _ => {}
            }
        }
        let micros = self.milli.unwrap_or(0) * 1000 + self.micro.unwrap_or(0);
        let is_time = (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..60).contains(&second)
            && (0..SECOND).contains(&micros);
        match is_time {
            true => Ok(hour * HOUR + minute * MINUTE + second * SECOND + micros),
            false => Err(out_of_range(text)),
        }
    }

    fn offset(&self, text: &str) -> Result<Option<i64>> {
        let Some(sign) = self.offset_sign else {
            return Ok(None);
        };
        let (hours, minutes) = (self.offset_hours.unwrap_or(0), self.offset_minutes.unwrap_or(0));
        if !(0..=15).contains(&hours) || !(0..60).contains(&minutes) {
            return Err(out_of_range(text));
        }
        Ok(Some(sign * (hours * 3600 + minutes * 60)))
    }

    /// The year, as astronomers count it.
    fn year(&self) -> i64 {
        match (self.year, self.century) {
            (Some(year), Some(century)) if self.year_digits <= 2 => {
                let of_century = year % 100;
                match (self.is_before_christ, century, of_century) {
                    (true, century, _) => -(century * 100) + of_century + 1,
                    (false, century, 0) => century * 100,
                    (false, century, of_century) => (century - 1) * 100 + of_century,
                }
            }
            (Some(year), _) if self.is_before_christ => -year + i64::from(year > 0),
            (Some(year), _) => year + i64::from(year < 0),
            (None, Some(century)) if self.is_before_christ => -(century * 100) + 1,
            (None, Some(century)) if century >= 0 => (century - 1) * 100 + 1,
            (None, Some(century)) => century * 100 + 1,
            (None, None) => 0,
        }
    }

    fn date(&self, text: &str) -> Result<i64> {
        let mut year = self.year();
        let (mut month, mut day) = (1, 1);
        let mut day_of_year = self.day_of_year;
        if let Some(julian) = self.julian {
            (year, month, day) = ymd_of_days(julian - 2_440_588);
        }
        if let Some(week) = self.week {
            if self.is_iso == Some(true) {
                let monday = first_iso_monday(year) + (week - 1) * 7;
                let of_week = self.day_of_week.map_or(0, |day| (day + 5) % 7);
                (year, month, day) = ymd_of_days(monday + of_week);
            } else {
                day_of_year = Some((week - 1) * 7 + 1);
            }
        }
        // The week of a month counts more than the day of it.
        let first_of_week = self.week_of_month.map(|week| (week - 1) * 7 + 1);
        day = first_of_week.or(self.day).unwrap_or(day);
        month = self.month.unwrap_or(month);
        if let Some(number) = day_of_year.filter(|_| month <= 1 || day <= 1) {
            if self.year.is_none() && self.century.is_none() {
                let reason = "cannot calculate day of year without year information";
                return Err(TimeError::Invalid(reason.to_owned()).into());
            }
            checked_days(year, 1, 1).ok_or_else(|| out_of_range(text))?;
            let last = (1..=12).map(|month| days_of_month(year, month)).sum::<i64>();
            if !(1..=last).contains(&number) && self.is_iso != Some(true) {
                return Err(out_of_range(text));
            }
            if self.is_iso == Some(true) {
                return Ok(first_iso_monday(year) + number - 1);
            }
            let (_, month_of_number, day_of_number) = ymd_of_days(days_of_ymd(year, 1, 1) + number - 1);
            // As in PostgreSQL, month and day are replaced only where they were not given, or are 1.
            month = if month <= 1 { month_of_number } else { month };
            day = if day <= 1 { day_of_number } else { day };
        }
        checked_days(year, month, day).ok_or_else(|| out_of_range(text))
    }
}
