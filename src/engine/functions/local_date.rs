//! `local_date(timestamp, zone)`: the calendar day in an IANA zone at a UTC timestamp.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array};
use datafusion::arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use datafusion::common::{DataFusionError, Result, ScalarValue, exec_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use crate::zone::{LocalDays, UnknownZone, Zone};

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
        let zone: Zone = zone
            .parse()
            .map_err(|unknown: UnknownZone| DataFusionError::Execution(unknown.to_string()))?;
        let is_scalar = matches!(timestamps, ColumnarValue::Scalar(_));
        let dates = local_dates(&timestamps.to_array(if is_scalar { 1 } else { rows })?, &zone)?;
        if is_scalar {
            return Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&dates, 0)?));
        }
        Ok(ColumnarValue::Array(Arc::new(dates)))
    }
}

fn local_dates(array: &ArrayRef, zone: &Zone) -> Result<Date32Array> {
    let Some(timestamps) = array.as_primitive_opt::<TimestampMicrosecondType>() else {
        return exec_err!(
            "local_date takes a timestamp in microseconds, not {}",
            array.data_type()
        );
    };
    let mut days = LocalDays::new(zone);
    let mut day_of = |micros: i64| {
        let day = days.at(micros);
        day.ok_or_else(|| DataFusionError::Execution(format!("timestamp {micros} µs is too far away for a date")))
    };
    timestamps
        .iter()
        .map(|micros| micros.map(&mut day_of).transpose())
        .collect()
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Datelike, NaiveDate};
    use datafusion::arrow::array::TimestampMicrosecondArray;

    use super::*;

    fn date_at(micros: i64, zone: &str) -> NaiveDate {
        let array: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![micros]).with_timezone("UTC"));
        let days = local_dates(&array, &zone.parse().expect("a zone"))
            .expect("a date")
            .value(0);
        NaiveDate::from_epoch_days(days).expect("a day")
    }

    #[test]
    fn midnight_is_the_zone_s_own() {
        let just_before = DateTime::parse_from_rfc3339("2026-11-21T18:29:59.999999Z").expect("a time");
        let micros = just_before.timestamp_micros();
        assert_eq!(date_at(micros, "Asia/Kolkata").day(), 21);
        assert_eq!(date_at(micros + 1, "Asia/Kolkata").day(), 22);
        assert_eq!(
            date_at(-1, "UTC"),
            NaiveDate::from_ymd_opt(1969, 12, 31).expect("a day")
        );
    }

    #[test]
    fn a_time_beyond_the_calendar_is_an_error() {
        let array: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![i64::MAX]).with_timezone("UTC"));
        let error = local_dates(&array, &Zone::utc()).expect_err("too far");
        assert!(error.to_string().contains("too far away"), "{error}");
    }
}
