//! Converts columns of times for output: to PostgreSQL's texts, or to types that other formats support.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, ListArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, DurationMicrosecondType, Field, TimeUnit};
use datafusion::common::{Column, Result};
use datafusion::dataframe::DataFrame;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::expr::Cast;

use super::clock::Clock;
use super::interval::Interval;
use super::text::{date_text, moment_text, time_text, timestamp_text};
use super::values::{Argument, Kind, Value, kind_of, span_type};
use super::zone::Zone;

/// The rows of `frame` with their moments in the session's zone, as the engine's own writers of text show them.
///
/// # Errors
/// Errors of the engine alone.
pub fn in_session_zone(frame: DataFrame) -> Result<DataFrame> {
    let zone = Zone::of_session(frame.task_ctx().session_config().options());
    if zone.name() == super::UTC {
        return Ok(frame);
    }
    let kind = DataType::Timestamp(TimeUnit::Microsecond, Some(zone.engine_name().into()));
    let is_moment = |field: &Field| kind_of(field.data_type()) == Kind::Moment;
    if !frame.schema().fields().iter().any(|field| is_moment(field)) {
        return Ok(frame);
    }
    let columns = frame.schema().iter().map(|(table, field)| {
        let column = Expr::Column(Column::new(table.cloned(), field.name()));
        match is_moment(field) {
            true => Expr::Cast(Cast::new(Box::new(column), kind.clone())).alias_qualified(table.cloned(), field.name()),
            false => column,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    frame.select(columns)
}

/// A column of times as texts, moments in a zone; other columns stay as they are.
///
/// # Errors
/// Errors of the engine alone.
pub fn as_shown(column: &ArrayRef, zone: &Arc<Zone>) -> Result<ArrayRef> {
    if let DataType::List(_) = column.data_type() {
        return lists_as_shown(column, zone);
    }
    let kind = kind_of(column.data_type());
    if !(kind.is_point() || kind.is_length() || kind == Kind::Time) {
        return Ok(Arc::clone(column));
    }
    let clock = Clock::new(Arc::clone(zone));
    let values = Argument::new(column, false)?;
    let texts = (0..column.len()).map(|row| {
        let text = match values.value(row)? {
            Value::Date(days) => date_text(days),
            Value::Local(local) => timestamp_text(local),
            Value::Moment(utc) => moment_text(utc, &clock),
            Value::Time(time) => time_text(time),
            Value::Interval(interval) => interval.text(),
            _ => return None,
        };
        Some(text)
    });
    Ok(Arc::new(texts.collect::<StringArray>()))
}

/// Arrays of times as arrays of texts; other arrays stay as they are.
fn lists_as_shown(column: &ArrayRef, zone: &Arc<Zone>) -> Result<ArrayRef> {
    let lists = column.as_list::<i32>();
    let texts = as_shown(lists.values(), zone)?;
    if texts.data_type() == lists.values().data_type() {
        return Ok(Arc::clone(column));
    }
    let field = Arc::new(Field::new_list_field(texts.data_type().clone(), true));
    let shown = ListArray::try_new(field, lists.offsets().clone(), texts, lists.nulls().cloned())?;
    Ok(Arc::new(shown))
}

/// Durations as intervals of days and time; other columns stay as they are.
///
/// # Errors
/// Errors of the engine alone.
pub fn as_intervals(column: &ArrayRef) -> Result<ArrayRef> {
    if !matches!(column.data_type(), DataType::Duration(_)) {
        return Ok(Arc::clone(column));
    }
    let spans = cast(column, &span_type())?;
    let spans = spans.as_primitive::<DurationMicrosecondType>().iter();
    let intervals = spans.map(|span| span.map(|span| Interval::of_span(span).stored()).transpose());
    Ok(Arc::new(intervals.collect::<Result<IntervalMonthDayNanoArray>>()?))
}
