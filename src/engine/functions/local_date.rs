//! `local_date(timestamp, zone)`: the calendar day in an IANA zone at a UTC timestamp.

use std::sync::Arc;

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array};
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;
/// Slots of the offset cache: more days than most exports span, and small enough for the processor's cache.
const CACHED_DAYS: usize = 1024;

/// The SQL function `local_date`.
pub fn local_date() -> ScalarUDF {
    let timestamp = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    ScalarUDF::new_from_impl(LocalDate {
        signature: Signature::exact(vec![timestamp, DataType::Utf8View], Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct LocalDate {
    signature: Signature,
}

impl ScalarUDFImpl for LocalDate {
    fn name(&self) -> &str {
        "local_date"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Date32)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let [timestamps, ColumnarValue::Scalar(ScalarValue::Utf8View(Some(zone)))] = arguments.args.as_slice() else {
            return exec_err!("local_date takes a timestamp and the name of a time zone, such as 'Asia/Kolkata'");
        };
        let zone: Tz = zone.parse().map_err(|_| {
            DataFusionError::Execution(format!("'{zone}' is not an IANA time zone such as 'Asia/Kolkata'"))
        })?;
        let is_scalar = matches!(timestamps, ColumnarValue::Scalar(_));
        let dates = local_dates(&timestamps.to_array(if is_scalar { 1 } else { rows })?, zone)?;
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&dates, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(dates)))
    }
}

fn local_dates(array: &ArrayRef, zone: Tz) -> Result<Date32Array> {
    let Some(timestamps) = array.as_primitive_opt::<TimestampMicrosecondType>() else {
        return exec_err!(
            "local_date takes a timestamp in microseconds, not {}",
            array.data_type()
        );
    };
    let mut offsets = Offsets::new(zone);
    let mut day_of = |micros: i64| {
        let seconds = micros.div_euclid(MICROS_PER_SECOND);
        let local = seconds + offsets.at(seconds)?;
        i32::try_from(local.div_euclid(SECONDS_PER_DAY))
            .map_err(|_| DataFusionError::Execution(format!("timestamp {micros} µs is too far away for a date")))
    };
    timestamps
        .iter()
        .map(|micros| micros.map(&mut day_of).transpose())
        .collect()
}

/// A zone's offsets from UTC, remembered by UTC day: looking one up in the zone's history costs far more than the rest.
struct Offsets {
    zone: Tz,
    /// Day number and the offset that holds all day, or `None` where the clock changes on it; slot = day modulo size.
    days: Vec<(i64, Option<i64>)>,
}

impl Offsets {
    fn new(zone: Tz) -> Self {
        Self {
            zone,
            days: vec![(i64::MIN, None); CACHED_DAYS],
        }
    }

    /// Seconds east of UTC at `utc`, in seconds since 1970.
    fn at(&mut self, utc: i64) -> Result<i64> {
        let day = utc.div_euclid(SECONDS_PER_DAY);
        // The remainder is below CACHED_DAYS, so it fits.
        let slot = day.rem_euclid(CACHED_DAYS as i64) as usize;
        if self.days[slot].0 != day {
            let start = offset(self.zone, day * SECONDS_PER_DAY)?;
            let end = offset(self.zone, (day + 1) * SECONDS_PER_DAY)?;
            self.days[slot] = (day, (start == end).then_some(start));
        }
        match self.days[slot].1 {
            Some(seconds) => Ok(seconds),
            None => offset(self.zone, utc),
        }
    }
}

fn offset(zone: Tz, utc: i64) -> Result<i64> {
    let Some(moment) = DateTime::from_timestamp(utc, 0) else {
        return exec_err!("timestamp {utc} s is too far away for a date");
    };
    Ok(i64::from(
        zone.offset_from_utc_datetime(&moment.naive_utc())
            .fix()
            .local_minus_utc(),
    ))
}

#[cfg(test)]
mod tests {
    use chrono::{Datelike, NaiveDate};
    use datafusion::arrow::array::TimestampMicrosecondArray;
    use proptest::prelude::*;

    use super::*;

    fn date_at(micros: i64, zone: Tz) -> NaiveDate {
        let array: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC"));
        let days = local_dates(&array, zone).expect("a date").value(0);
        NaiveDate::from_epoch_days(days).expect("a day")
    }

    #[test]
    fn midnight_is_the_zone_s_own() {
        let just_before = DateTime::parse_from_rfc3339("2026-11-21T18:29:59.999999Z").expect("a time");
        let micros = just_before.timestamp_micros();
        assert_eq!(date_at(micros, Tz::Asia__Kolkata).day(), 21);
        assert_eq!(date_at(micros + 1, Tz::Asia__Kolkata).day(), 22);
        assert_eq!(
            date_at(-1, Tz::UTC),
            NaiveDate::from_ymd_opt(1969, 12, 31).expect("a day")
        );
    }

    proptest! {
        #[test]
        fn agrees_with_chrono_in_zones_that_change_at_odd_times(seconds in -3_000_000_000_i64..4_000_000_000) {
            for zone in [Tz::Asia__Kolkata, Tz::Australia__Lord_Howe, Tz::America__St_Johns, Tz::Africa__Casablanca] {
                let moment = DateTime::from_timestamp(seconds, 0).expect("a time");
                prop_assert_eq!(date_at(seconds * MICROS_PER_SECOND, zone), moment.with_timezone(&zone).date_naive());
            }
        }
    }
}
