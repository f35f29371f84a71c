//! SQL expressions that error messages propose for a mapping, where a column cannot be converted without guessing.

use datafusion::arrow::datatypes::DataType;

use crate::exports::contract::{Column, Kind};

/// The expression that reads a column of a type that is not accepted.
pub fn expression_for(column: &Column, found: &DataType) -> Option<String> {
    let name = column.name;
    match column.kind {
        Kind::Timestamp if found.is_integer() => Some(format!("to_timestamp_millis({name})")),
        Kind::Timestamp if found.is_numeric() => Some(format!("to_timestamp_seconds(cast({name} as bigint))")),
        Kind::Timestamp if matches!(found, DataType::Date32 | DataType::Date64) => {
            Some(format!("cast({name} as timestamp)"))
        }
        Kind::Date if found.is_integer() => Some(format!("to_date(cast({name} as varchar), '%Y%m%d')")),
        Kind::Text if found.is_floating() => Some(format!("cast(cast({name} as bigint) as varchar)")),
        Kind::Text if matches!(found, DataType::FixedSizeBinary(_)) => Some(format!("encode({name}, 'hex')")),
        Kind::Text if matches!(found, DataType::Boolean) => Some(format!("cast({name} as varchar)")),
        _ => None,
    }
}

/// The expression that reads times in a text format like that of `text`.
pub fn time_expression(column: &Column, text: &str) -> String {
    let name = column.name;
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let unit = match text.len() {
            ..=11 => "seconds",
            12..=14 => "millis",
            15..=17 => "micros",
            _ => "nanos",
        };
        return format!("to_timestamp_{unit}(cast({name} as bigint))");
    }
    let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, ""));
    match time.is_empty() {
        true => format!("cast(to_date({name}, '{}') as timestamp)", date_format(date)),
        false => format!("to_timestamp({name}, '{} %H:%M:%S')", date_format(date)),
    }
}

/// The expression that reads dates in a text format like that of `text`.
pub fn date_expression(column: &Column, text: &str) -> String {
    format!("to_date({}, '{}')", column.name, date_format(text))
}

/// The likeliest format of digits between slashes, points or hyphens.
fn date_format(date: &str) -> String {
    let separator = date.chars().find(|c| !c.is_ascii_digit()).unwrap_or('/');
    let separator = if separator.is_ascii_punctuation() && separator != '\'' {
        separator
    } else {
        '/'
    };
    let is_year_first = date.find(separator) == Some(4);
    let parts = if is_year_first {
        ["%Y", "%m", "%d"]
    } else {
        ["%d", "%m", "%Y"]
    };
    parts.join(&separator.to_string())
}
