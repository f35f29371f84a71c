//! SQL types of times: microseconds everywhere, and a moment where the type has a zone.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::common::{Result, not_impl_err};
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::{DataType as SqlType, TimezoneInfo};

use super::values::{interval_type, time_type};

/// Plans the types of times.
#[derive(Debug)]
pub struct TimeTypes;

impl TypePlanner for TimeTypes {
    fn plan_type_field(&self, kind: &SqlType) -> Result<Option<FieldRef>> {
        let kind = type_of(kind)?;
        Ok(kind.map(|kind| Arc::new(Field::new("", kind, true))))
    }
}

/// The type of a time; `None` for other types.
///
/// # Errors
/// For types and precisions that the engine does not have.
pub fn type_of(kind: &SqlType) -> Result<Option<DataType>> {
    Ok(Some(match kind {
        SqlType::Timestamp(precision, zone) => {
            let has_zone = matches!(zone, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone);
            DataType::Timestamp(unit(*precision)?, has_zone.then(|| "UTC".into()))
        }
        SqlType::TimestampNtz(precision) => DataType::Timestamp(unit(*precision)?, None),
        SqlType::Time(None | Some(6), TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => time_type(),
        SqlType::Time(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
            return not_impl_err!("times of the day have no zone here; write time, or a timestamptz");
        }
        SqlType::Time(Some(_), _) => return not_impl_err!("write time without a number of digits"),
        SqlType::Interval { .. } => interval_type(),
        _ => return Ok(None),
    }))
}

/// The unit of timestamps with `precision` digits behind the second.
fn unit(precision: Option<u64>) -> Result<TimeUnit> {
    Ok(match precision {
        Some(0) => TimeUnit::Second,
        Some(3) => TimeUnit::Millisecond,
        None | Some(6) => TimeUnit::Microsecond,
        Some(other) => {
            return not_impl_err!("timestamps have 0, 3 or 6 digits behind the second, not {other}");
        }
    })
}
