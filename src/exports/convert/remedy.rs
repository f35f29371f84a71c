//! SQL expressions that error messages propose for a mapping, where a column cannot be converted without guessing.

use datafusion::arrow::datatypes::DataType;

use crate::exports::contract::{Column, Kind};
use crate::zone::Zone;

/// The least and the greatest value of a column of numbers.
pub type Range = (i64, i64);

/// Units of times since 1970, with the digits that their values have from 2001-09-09 to 2262.
const UNITS: [(u32, &str); 4] = [(10, "seconds"), (13, "millis"), (16, "micros"), (19, "nanos")];

/// How a mapping reads a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// The SQL expression.
    pub expression: String,
    /// When the expression is right, in words that follow the query; empty where it always is.
    pub condition: String,
}

impl Remedy {
    fn always(expression: String) -> Self {
        let condition = String::new();
        Self { expression, condition }
    }
}

/// How a mapping reads a column of a type that is not accepted. `range` has the values of a column of whole numbers, where
/// they are known; `zone` is the site's.
pub fn remedy_for(column: &Column, found: &DataType, range: Option<Range>, zone: &Zone) -> Option<Remedy> {
    let name = column.name;
    match column.kind {
        Kind::Timestamp if found.is_integer() => Some(epoch(name, range)),
        Kind::Timestamp if found.is_numeric() => Some(epoch(&format!("cast({name} as bigint)"), range)),
        Kind::Timestamp if matches!(found, DataType::Date32 | DataType::Date64) => {
            Some(Remedy::always(noon_of(name, zone)))
        }
        Kind::Date if found.is_integer() => Some(Remedy::always(format!("to_date(cast({name} as varchar), '%Y%m%d')"))),
        Kind::Text if found.is_floating() => Some(Remedy::always(format!("cast(cast({name} as bigint) as varchar)"))),
        Kind::Text if matches!(found, DataType::FixedSizeBinary(_)) => {
            Some(Remedy::always(format!("encode({name}, 'hex')")))
        }
        Kind::Text if matches!(found, DataType::Boolean) => Some(Remedy::always(format!("cast({name} as varchar)"))),
        _ => None,
    }
}

/// How whole numbers since 1970 are read. Only their size tells the unit: read in another one, they are times of other
/// centuries.
fn epoch(number: &str, range: Option<Range>) -> Remedy {
    match range.and_then(|range| Some((range, unit_of(range)?))) {
        Some(((least, greatest), (digits, unit))) => Remedy {
            expression: format!("to_timestamp_{unit}({number})"),
            condition: format!("; its values, {least} to {greatest}, have the {digits} digits of such times"),
        },
        None => Remedy {
            expression: format!("to_timestamp_seconds({number})"),
            condition: "; this is for numbers of 10 digits such as 1795322700, which are seconds since 1970: use \
                to_timestamp_millis for 13 digits, to_timestamp_micros for 16, and to_timestamp_nanos for 19"
                .to_owned(),
        },
    }
}

/// The unit that both ends of a range have by their digits; `None` where they may have another.
fn unit_of((least, greatest): Range) -> Option<(u32, &'static str)> {
    let digits = |value: i64| value.checked_ilog10().map(|power| power + 1);
    let (first, last) = (digits(least)?, digits(greatest)?);
    let unit = UNITS.into_iter().find(|(digits, _)| *digits == last)?;
    (first == last).then_some(unit)
}

/// The expression that reads a date as a time on that day in the site's zone. It is noon, which every day of every zone has
/// once; midnight in UTC is the day before west of it.
fn noon_of(date: &str, zone: &Zone) -> String {
    format!(
        "arrow_cast(arrow_cast({date}, 'Timestamp(Microsecond, None)') + interval '12 hours', 'Timestamp(Microsecond, Some(\"{zone}\"))')"
    )
}

/// The expression that reads ISO 8601 text without a time of day as a time on that day in the site's zone.
pub fn day_expression(column: &Column, zone: &Zone) -> String {
    noon_of(&format!("to_date({})", column.name), zone)
}

/// The expression that reads times in a text format like that of `text`. `zone` is the site's, whose days are meant where
/// there is no time of day.
pub fn time_expression(column: &Column, text: &str, zone: &Zone) -> String {
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
        true => noon_of(&format!("to_date({name}, '{}')", date_format(date)), zone),
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
