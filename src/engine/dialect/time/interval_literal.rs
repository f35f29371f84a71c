//! Interval literals of SQL, with their fields: `interval '1 day'`, `interval '10' hour`, `interval '1-2' year to month`.

use datafusion::common::{DataFusionError, Result};
use datafusion::sql::sqlparser::ast::{DateTimeField, Expr, Interval as IntervalLiteral};

use super::civil::{HOUR, MINUTE};
use super::interval::Interval;
use super::interval_text::{Unit, interval_of};

/// The interval of a literal such as `interval '1 day'`, `interval '10' hour` or `interval '1-2' year to month`.
///
/// # Errors
/// The literal is not an interval.
pub fn interval_literal(literal: &IntervalLiteral) -> Result<Interval> {
    let Expr::Value(value) = literal.value.as_ref() else {
        return Err(DataFusionError::Plan(format!(
            "{literal} is no interval; write its text in quotes"
        )));
    };
    let text = value.value.clone().into_string().unwrap_or_else(|| value.to_string());
    let (first, last) = (literal.leading_field.as_ref(), literal.last_field.as_ref());
    let Some(smallest) = last.or(first) else {
        return interval_of(&text, Unit::Second);
    };
    let unit = unit_of(smallest)?;
    // Where the fields are minutes to seconds, two numbers with a colon are that, and not hours and minutes.
    let is_minutes = matches!(first, Some(DateTimeField::Minute | DateTimeField::Minutes)) && unit == Unit::Second;
    let text = match is_minutes && last.is_some() && text.matches(':').count() == 1 && !text.contains('.') {
        true => format!("{text}.0"),
        false => text,
    };
    Ok(limited(interval_of(&text, unit)?, unit))
}

fn unit_of(field: &DateTimeField) -> Result<Unit> {
    Unit::named(&field.to_string().to_lowercase())
        .ok_or_else(|| DataFusionError::Plan(format!("an interval has no field {field}")))
}

/// The interval without what is smaller than its last field.
fn limited(interval: Interval, smallest: Unit) -> Interval {
    let without_time = Interval { micros: 0, ..interval };
    let to = |unit: i64| Interval {
        micros: interval.micros / unit * unit,
        ..interval
    };
    match smallest {
        Unit::Year => Interval {
            months: interval.months / 12 * 12,
            ..Interval::default()
        },
        Unit::Month => Interval {
            months: interval.months,
            ..Interval::default()
        },
        Unit::Day => without_time,
        Unit::Hour => to(HOUR),
        Unit::Minute => to(MINUTE),
        // PostgreSQL has no fields for weeks and others.
        _ => interval,
    }
}

/// The text that the engine's own planner reads as this interval.
pub fn engine_text(interval: Interval) -> String {
    let parts = [
        (i64::from(interval.months), "months"),
        (i64::from(interval.days), "days"),
        (interval.micros, "microseconds"),
    ];
    let parts = parts.into_iter().filter(|(value, _)| *value != 0);
    let parts: Vec<String> = parts.map(|(value, unit)| format!("{value} {unit}")).collect();
    match parts.is_empty() {
        true => "0 days".to_owned(),
        false => parts.join(" "),
    }
}
