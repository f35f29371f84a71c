//! Times in binary that the library leaves out: endless ones, and those of years that its calendar does not have.
//! Columns with one of them become PostgreSQL's bytes here.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray};
use datafusion::arrow::datatypes::{DataType, Date32Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{Result, not_impl_err};

use crate::engine::dialect::time::Endless;

/// Days from 1970, since which the engine counts, to 2000, since which PostgreSQL does.
pub const DAYS_TO_2000: i32 = 10_957;
/// The same in microseconds.
pub const MICROSECONDS_TO_2000: i64 = 946_684_800_000_000;
/// Days and microseconds from 1970 that the library's calendar has on both sides: 259,000 years.
const DAYS: u32 = 94_600_000;
const MICROSECONDS: u64 = 8_173_440_000_000_000_000;

/// Whether the library leaves out one of a column's times.
pub fn has_far_times(column: &ArrayRef) -> bool {
    match column.data_type() {
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().iter();
            days.flatten().any(|days| days.unsigned_abs() > DAYS)
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = column.as_primitive::<TimestampMicrosecondType>().iter();
            times.flatten().any(|micros| micros.unsigned_abs() > MICROSECONDS)
        }
        DataType::List(_) => has_far_times(column.as_list::<i32>().values()),
        _ => false,
    }
}

/// The times of a column as PostgreSQL's bytes.
///
/// # Errors
/// For arrays of times.
pub fn binary_times(column: &ArrayRef) -> Result<BinaryArray> {
    match column.data_type() {
        DataType::Date32 => {
            let days = column.as_primitive::<Date32Type>().iter();
            Ok(days
                .map(|days| days.map(|days| day_since_2000(days).to_be_bytes()))
                .collect())
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = column.as_primitive::<TimestampMicrosecondType>().iter();
            Ok(times
                .map(|time| time.map(|time| since_2000(time).to_be_bytes()))
                .collect())
        }
        _ => not_impl_err!("arrays of times such as infinity are sent as text alone: ask for the text format"),
    }
}

/// Endless times are the same numbers in both counts.
fn day_since_2000(days: i32) -> i32 {
    match Endless::of_days(days.into()) {
        Some(endless) => endless.days(),
        None => days.saturating_sub(DAYS_TO_2000),
    }
}

fn since_2000(micros: i64) -> i64 {
    match Endless::of_micros(micros) {
        Some(endless) => endless.micros(),
        None => micros.saturating_sub(MICROSECONDS_TO_2000),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Date32Array, TimestampMicrosecondArray};

    use super::*;

    #[test]
    fn they_have_postgresqls_bytes() {
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(i32::MAX), None, Some(10_958)]));
        assert!(has_far_times(&dates) && !has_far_times(&dates.slice(1, 2)));
        let bytes = binary_times(&dates).expect("bytes");
        assert_eq!(
            (bytes.value(0), bytes.is_null(1), bytes.value(2)),
            (b"\x7f\xff\xff\xff".as_slice(), true, b"\0\0\0\x01".as_slice())
        );
        let times: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MIN, 946_684_800_000_001]));
        let bytes = binary_times(&times).expect("bytes");
        assert_eq!(
            (bytes.value(0), bytes.value(1)),
            (b"\x80\0\0\0\0\0\0\0".as_slice(), b"\0\0\0\0\0\0\0\x01".as_slice())
        );
    }
}
