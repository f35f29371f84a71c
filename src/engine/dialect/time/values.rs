//! The arguments of a function as values, whatever unit or form of text their columns have.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, DurationMicrosecondArray, Float64Array, Int64Array,
    IntervalMonthDayNanoArray, StringViewArray, Time64MicrosecondArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::{DataFusionError, Result, exec_err};

use super::endless::Endless;
use super::interval::Interval;

/// A moment, which has a zone: microseconds since 1970 in UTC.
pub fn moment_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A local time without a zone.
pub fn local_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// A time of the day.
pub fn time_type() -> DataType {
    DataType::Time64(TimeUnit::Microsecond)
}

/// An interval of months, days and time.
pub fn interval_type() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

/// The time between two timestamps. It is an interval of days and time to users.
pub fn span_type() -> DataType {
    DataType::Duration(TimeUnit::Microsecond)
}

/// What a type is, as far as times are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Date,
    /// A timestamp without a zone.
    Local,
    /// A timestamp with a zone.
    Moment,
    Time,
    Interval,
    /// A duration: an interval of days and time.
    Span,
    Text,
    Number,
    Null,
    Other,
}

/// The kind of a type.
pub fn kind_of(kind: &DataType) -> Kind {
    match kind {
        DataType::Date32 | DataType::Date64 => Kind::Date,
        DataType::Timestamp(_, None) => Kind::Local,
        DataType::Timestamp(_, Some(_)) => Kind::Moment,
        DataType::Time32(_) | DataType::Time64(_) => Kind::Time,
        DataType::Interval(_) => Kind::Interval,
        DataType::Duration(_) => Kind::Span,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Kind::Text,
        DataType::Null => Kind::Null,
        DataType::Dictionary(_, values) => kind_of(values),
        kind if kind.is_numeric() => Kind::Number,
        _ => Kind::Other,
    }
}

impl Kind {
    /// Whether it is a day or a moment of one.
    pub fn is_point(self) -> bool {
        matches!(self, Self::Date | Self::Local | Self::Moment)
    }

    /// Whether it is a length of time.
    pub fn is_length(self) -> bool {
        matches!(self, Self::Interval | Self::Span)
    }
}

/// A value of an argument.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Days since 1970.
    Date(i64),
    /// Microseconds since 1970, in local time.
    Local(i64),
    /// Microseconds since 1970, in UTC.
    Moment(i64),
    /// Microseconds since midnight.
    Time(i64),
    Interval(Interval),
    Text(&'a str),
    Integer(i64),
    Double(f64),
    /// Digits, and how many of them are behind the point.
    Decimal(i128, i8),
    /// An array, which functions of single times do not take.
    List,
}

impl Value<'_> {
    /// The endless time that it is; `None` for all other values.
    pub fn endless(self) -> Option<Endless> {
        match self {
            Self::Date(days) => Endless::of_days(days),
            Self::Local(micros) | Self::Moment(micros) => Endless::of_micros(micros),
            _ => None,
        }
    }

    /// A number as a double.
    pub fn double(self) -> Result<f64> {
        match self {
            Self::Integer(value) => Ok(value as f64),
            Self::Double(value) => Ok(value),
            Self::Decimal(value, scale) => Ok(value as f64 / 10f64.powi(i32::from(scale))),
            other => exec_err!("a number is wanted, not {other:?}"),
        }
    }

    /// A whole number.
    pub fn integer(self) -> Result<i64> {
        match self {
            Self::Integer(value) => Ok(value),
            other => exec_err!("a whole number is wanted, not {other:?}"),
        }
    }

    pub fn text(&self) -> Result<&str> {
        match self {
            Self::Text(text) => Ok(text),
            other => exec_err!("a text is wanted, not {other:?}"),
        }
    }
}

/// What the last text of a column meant. Names of units are mostly the same in all rows, so they are read once.
#[derive(Debug)]
pub struct LastRead<'a, T>(Option<(&'a str, T)>);

impl<T> Default for LastRead<'_, T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'a, T: Copy> LastRead<'a, T> {
    /// The result of `read` for a value, which is remembered for the next row with the same text.
    ///
    /// # Errors
    /// As `read`.
    pub fn of(&mut self, value: Value<'a>, read: impl FnOnce(&Value) -> Result<T>) -> Result<T> {
        let Value::Text(text) = value else {
            return read(&value);
        };
        match self.0 {
            Some((last, meaning)) if last == text => Ok(meaning),
            _ => {
                let meaning = read(&value)?;
                self.0 = Some((text, meaning));
                Ok(meaning)
            }
        }
    }
}

/// A column of values, or one value for all rows.
#[derive(Debug)]
pub struct Argument {
    values: Values,
    is_one: bool,
}

#[derive(Debug)]
enum Values {
    Nothing,
    Date(Date32Array),
    Local(TimestampMicrosecondArray),
    Moment(TimestampMicrosecondArray),
    Time(Time64MicrosecondArray),
    Interval(IntervalMonthDayNanoArray),
    Span(DurationMicrosecondArray),
    Text(StringViewArray),
    Integer(Int64Array),
    Double(Float64Array),
    Decimal(Decimal128Array),
    List(ArrayRef),
}

impl Argument {
    /// The values of an array; where `is_one`, its only value is that of all rows.
    ///
    /// # Errors
    /// For types that no function of times takes.
    pub fn new(array: &ArrayRef, is_one: bool) -> Result<Self> {
        let to = |kind: &DataType| cast(array, kind).map_err(DataFusionError::from);
        let values = match array.data_type() {
            DataType::Dictionary(_, values) => return Self::new(&to(values)?, is_one),
            DataType::Null => Values::Nothing,
            DataType::Date32 | DataType::Date64 => Values::Date(to(&DataType::Date32)?.as_primitive().clone()),
            DataType::Timestamp(_, None) => Values::Local(to(&local_type())?.as_primitive().clone()),
            DataType::Timestamp(_, Some(zone)) => {
                let kind = DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::clone(zone)));
                Values::Moment(to(&kind)?.as_primitive().clone())
            }
            DataType::Time32(_) | DataType::Time64(_) => Values::Time(to(&time_type())?.as_primitive().clone()),
            DataType::Interval(_) => Values::Interval(to(&interval_type())?.as_primitive().clone()),
            DataType::Duration(_) => Values::Span(to(&span_type())?.as_primitive().clone()),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
                Values::Text(to(&DataType::Utf8View)?.as_string_view().clone())
            }
            DataType::List(_) => Values::List(Arc::clone(array)),
            DataType::Decimal128(_, _) => Values::Decimal(array.as_primitive().clone()),
            kind if kind.is_integer() => Values::Integer(to(&DataType::Int64)?.as_primitive().clone()),
            kind if kind.is_numeric() => Values::Double(to(&DataType::Float64)?.as_primitive().clone()),
            other => return exec_err!("a time, a number or a text is wanted, not {other}"),
        };
        Ok(Self { values, is_one })
    }

    /// The value of a row; `None` for NULL.
    pub fn value(&self, row: usize) -> Option<Value<'_>> {
        let row = if self.is_one { 0 } else { row };
        let is_null = match &self.values {
            Values::Nothing => true,
            Values::Date(array) => array.is_null(row),
            Values::Local(array) | Values::Moment(array) => array.is_null(row),
            Values::Time(array) => array.is_null(row),
            Values::Interval(array) => array.is_null(row),
            Values::Span(array) => array.is_null(row),
            Values::Text(array) => array.is_null(row),
            Values::Integer(array) => array.is_null(row),
            Values::Double(array) => array.is_null(row),
            Values::Decimal(array) => array.is_null(row),
            Values::List(array) => array.is_null(row),
        };
        if is_null {
            return None;
        }
        Some(match &self.values {
            Values::Nothing => return None,
            Values::Date(array) => Value::Date(i64::from(array.value(row))),
            Values::Local(array) => Value::Local(array.value(row)),
            Values::Moment(array) => Value::Moment(array.value(row)),
            Values::Time(array) => Value::Time(array.value(row)),
            Values::Interval(array) => Value::Interval(Interval::of_stored(array.value(row))),
            Values::Span(array) => Value::Interval(Interval::of_span(array.value(row))),
            Values::Text(array) => Value::Text(array.value(row)),
            Values::Integer(array) => Value::Integer(array.value(row)),
            Values::Double(array) => Value::Double(array.value(row)),
            Values::Decimal(array) => Value::Decimal(array.value(row), array.scale()),
            Values::List(_) => Value::List,
        })
    }

    /// The column itself, where it is one of arrays.
    pub fn lists(&self) -> Option<&ArrayRef> {
        match &self.values {
            Values::List(array) => Some(array),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_again_where_it_is_another() {
        let mut read = Vec::new();
        let mut last = LastRead::default();
        for text in ["day", "day", "hour", "", "hour", "hour"] {
            let length = last.of(Value::Text(text), |value| {
                let text = value.text()?;
                read.push(text.to_owned());
                match text {
                    "" => exec_err!("no unit"),
                    text => Ok(text.len()),
                }
            });
            assert_eq!(length.ok(), (!text.is_empty()).then_some(text.len()));
        }
        assert_eq!(read, ["day", "hour", ""]);
        assert!(last.of(Value::Integer(1), |value| Ok(value.text()?.len())).is_err());
    }
}
