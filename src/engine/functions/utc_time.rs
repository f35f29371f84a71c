//! `utc_time(time)`: converts a time of an export to an instant: a timestamp of any unit and zone, a date, or text.
//!
//! Text is ISO 8601 with `T` or a space, with or without a fraction and an offset, which is UTC where none is given.
//! Cassandra's tools put a colon before the milliseconds (`2019-01-14 09:11:19:620+0000`). Other text gives NULL.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, TimestampMicrosecondArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::cast_utils::string_to_datetime;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::{is_text, over_rows};

/// Where the fraction of a second begins in `YYYY-MM-DD HH:MM:SS`.
const FRACTION: usize = 19;

/// The SQL function `utc_time`.
pub fn utc_time() -> ScalarUDF {
    ScalarUDF::new_from_impl(UtcTime {
        signature: Signature::any(1, Volatility::Immutable),
    })
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct UtcTime {
    signature: Signature,
}

impl ScalarUDFImpl for UtcTime {
    fn name(&self) -> &str {
        "utc_time"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let is_known = arguments.iter().all(|kind| is_text(kind) || is_time(kind));
        match is_known {
            true => Ok(instant()),
            false => plan_err!("utc_time takes a timestamp, a date or text, not {}", arguments[0]),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_rows(&arguments, |columns, _rows| match columns {
            [times] => instants(times),
            _ => exec_err!("utc_time takes one time"),
        })
    }
}

fn is_time(kind: &DataType) -> bool {
    use DataType::{Date32, Date64, Timestamp};
    matches!(kind, Timestamp(_, _) | Date32 | Date64)
}

fn instants(times: &ArrayRef) -> Result<ArrayRef> {
    if !is_text(times.data_type()) {
        return Ok(cast(times, &instant())?);
    }
    let texts = cast(times, &DataType::Utf8View)?;
    let micros = texts.as_string_view().iter().map(|text| micros_of(text?));
    let instants: TimestampMicrosecondArray = micros.collect();
    Ok(Arc::new(instants.with_timezone("UTC")))
}

fn micros_of(text: &str) -> Option<i64> {
    let text = text.trim();
    let usual = match text.as_bytes().get(FRACTION) {
        Some(b':') => Cow::Owned(format!("{}.{}", &text[..FRACTION], &text[FRACTION + 1..])),
        _ => Cow::Borrowed(text),
    };
    let time = string_to_datetime(&Utc, &usual).ok()?;
    Some(time.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{StringArray, TimestampSecondArray};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_way_to_write_an_instant_is_read() {
        let texts = [
            "2019-01-14 09:11:19:620+0000",
            "2019-01-14 09:11:19.620000+0000",
            "2019-01-14T09:11:19.62Z",
            " 2019-01-14 14:41:19.620+05:30 ",
            "2019-01-14 09:11:19.620",
        ];
        let found = instants(&(Arc::new(StringArray::from(texts.to_vec())) as ArrayRef)).expect("text");
        let found = found.as_primitive::<datafusion::arrow::datatypes::TimestampMicrosecondType>();
        for (text, micros) in texts.iter().zip(found) {
            assert_eq!(micros, Some(1_547_457_079_620_000), "{text}");
        }
        assert_eq!(micros_of("2019-01-14 09:11:19+0000"), Some(1_547_457_079_000_000));
        assert_eq!(micros_of("2019-01-14"), Some(1_547_424_000_000_000));
        for text in ["", "soon", "2019-13-14 09:11:19"] {
            assert_eq!(micros_of(text), None, "{text}");
        }
        let seconds: ArrayRef = Arc::new(TimestampSecondArray::from(vec![1_547_457_079]));
        assert_eq!(instants(&seconds).expect("a time").data_type(), &instant());
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = micros_of(&text);
        }
    }
}
