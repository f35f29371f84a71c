//! Endless times: `infinity` and `-infinity` of dates and timestamps. They are kept as PostgreSQL keeps them, as the
//! largest and the smallest value of their type, so they are ordered rightly wherever values are compared.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::Result;

use super::civil::DAY;
use super::error::TimeError;

/// A time after or before all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endless {
    /// `infinity`: after all others.
    Future,
    /// `-infinity`: before all others.
    Past,
}

impl Endless {
    /// The endless time that a number of days since 1970 stands for; `None` for a day of the calendar.
    pub fn of_days(days: i64) -> Option<Self> {
        [Self::Future, Self::Past]
            .into_iter()
            .find(|endless| i64::from(endless.days()) == days)
    }

    /// The endless time that a number of microseconds since 1970 stands for; `None` for a time of the calendar.
    pub fn of_micros(micros: i64) -> Option<Self> {
        match micros {
            i64::MAX => Some(Self::Future),
            i64::MIN => Some(Self::Past),
            _ => None,
        }
    }

    /// The endless time that a text names, in upper or lower case, perhaps with blanks around it.
    pub fn of_text(text: &str) -> Option<Self> {
        let text = text.trim();
        [Self::Future, Self::Past]
            .into_iter()
            .find(|endless| text.eq_ignore_ascii_case(endless.text()))
    }

    /// As a date.
    pub fn days(self) -> i32 {
        match self {
            Self::Future => i32::MAX,
            Self::Past => i32::MIN,
        }
    }

    /// As a timestamp.
    pub fn micros(self) -> i64 {
        match self {
            Self::Future => i64::MAX,
            Self::Past => i64::MIN,
        }
    }

    /// As a number.
    pub fn double(self) -> f64 {
        match self {
            Self::Future => f64::INFINITY,
            Self::Past => f64::NEG_INFINITY,
        }
    }

    /// As PostgreSQL writes it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Future => "infinity",
            Self::Past => "-infinity",
        }
    }
}

/// Microseconds since 1970 of the beginning of a day.
///
/// # Errors
/// Where the day is later than timestamps are.
pub fn midnight(days: i64) -> Result<i64> {
    match Endless::of_days(days) {
        Some(endless) => Ok(endless.micros()),
        None => days
            .checked_mul(DAY)
            .ok_or_else(|| TimeError::OutOfRange("date out of range for timestamp".to_owned()).into()),
    }
}

/// Days since 1970 of the day that a local time is on.
pub fn day_of(local: i64) -> i64 {
    match Endless::of_micros(local) {
        Some(endless) => i64::from(endless.days()),
        None => local.div_euclid(DAY),
    }
}

/// Whether one of a column's times is endless. Such a time is not of the calendar, so formats without one for it cannot
/// show it.
pub fn has_endless(column: &ArrayRef) -> bool {
    let micros = |micros: i64| Endless::of_micros(micros).is_some();
    let days = |days: i32| Endless::of_days(days.into()).is_some();
    match column.data_type() {
        DataType::Date32 => column.as_primitive::<Date32Type>().iter().flatten().any(days),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = column.as_primitive::<TimestampMicrosecondType>();
            times.iter().flatten().any(micros)
        }
        DataType::List(_) => has_endless(column.as_list::<i32>().values()),
        DataType::Struct(_) => column.as_struct().columns().iter().any(has_endless),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Date32Array, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn they_are_the_ends_of_their_types() {
        for endless in [Endless::Future, Endless::Past] {
            assert_eq!(Endless::of_text(endless.text()), Some(endless));
            assert_eq!(Endless::of_days(endless.days().into()), Some(endless));
            assert_eq!(midnight(endless.days().into()).expect("a time"), endless.micros());
            assert_eq!(day_of(endless.micros()), i64::from(endless.days()));
        }
        assert_eq!(Endless::of_text(" Infinity "), Some(Endless::Future));
        assert_eq!(Endless::of_text("+infinity"), None);
        assert_eq!(Endless::of_text("inf"), None);
        assert_eq!((midnight(1).expect("a time"), day_of(-1)), (DAY, -1));
        // A day of the year 294276, which timestamps that count from 1970 do not have.
        assert!(midnight(106_762_632).is_err());
    }

    #[test]
    fn they_are_found_in_columns() {
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(0), None, Some(i32::MIN)]));
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0, i64::MAX - 1]));
        assert!(has_endless(&dates) && !has_endless(&dates.slice(0, 2)) && !has_endless(&times));
    }
}
