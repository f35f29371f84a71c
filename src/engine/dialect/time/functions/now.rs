//! The present: `now()` and its relatives, all of the statement's start but for `clock_timestamp`.

use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::{ArrayRef, TimestampMicrosecondArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::Volatility;

use super::super::civil::DAY;
use super::super::clock::Clock;
use super::super::function::{Call, Definition, function};
use super::super::values::{local_type, moment_type, time_type};

const UTC: &str = "UTC";

pub static FUNCTIONS: [Definition; 5] = [
    Definition {
        aliases: &["current_timestamp", "transaction_timestamp", "statement_timestamp"],
        at_start: Some(moment),
        ..function("now", (0, 0), |_, _| Ok(moment_type()), unknown)
    },
    Definition {
        aliases: &["today"],
        at_start: Some(|clock, utc| {
            let days = clock.local(utc).div_euclid(DAY);
            ScalarValue::Date32(i32::try_from(days).ok())
        }),
        ..function("current_date", (0, 0), |_, _| Ok(DataType::Date32), unknown)
    },
    Definition {
        at_start: Some(|clock, utc| ScalarValue::TimestampMicrosecond(Some(clock.local(utc)), None)),
        ..function("localtimestamp", (0, 0), |_, _| Ok(local_type()), unknown)
    },
    Definition {
        at_start: Some(|clock, utc| ScalarValue::Time64Microsecond(Some(clock.local(utc).rem_euclid(DAY)))),
        ..function("localtime", (0, 0), |_, _| Ok(time_type()), unknown)
    },
    Definition {
        volatility: Volatility::Volatile,
        ..function("clock_timestamp", (0, 0), |_, _| Ok(moment_type()), present)
    },
];

fn moment(_: &Clock, utc: i64) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(utc), Some(UTC.into()))
}

/// Plans know the start of their statement before they run, and put it in place of these functions.
fn unknown(_: &Call) -> Result<ArrayRef> {
    exec_err!("the start of this statement is not known")
}

fn present(call: &Call) -> Result<ArrayRef> {
    let now = Utc::now().timestamp_micros();
    let moments = TimestampMicrosecondArray::from_value(now, call.rows());
    Ok(Arc::new(moments.with_timezone(UTC)))
}
