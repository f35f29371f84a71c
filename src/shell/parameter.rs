//! Values of the `$name` parameters of statements, as given on the command line: `name=value` for text, or
//! `name:type=value`.

use std::str::FromStr;

use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ScalarValue;

/// Types by name. A value is parsed as the engine casts text to the type.
const TYPES: [(&str, DataType); 5] = [
    ("text", DataType::Utf8),
    ("int", DataType::Int64),
    ("number", DataType::Float64),
    ("bool", DataType::Boolean),
    ("date", DataType::Date32),
];
/// UTC timestamps; not in the list because the type is not a constant.
const TIMESTAMP: &str = "timestamp";

/// One parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Without the `$`.
    pub name: String,
    /// The value, of the type that was given.
    pub value: ScalarValue,
}

/// A text that is not a valid parameter.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ParameterError {
    #[error("'{0}' is not NAME=VALUE or NAME:TYPE=VALUE, such as batch_id=0130 or rows:int=5")]
    Malformed(String),
    #[error("there is no type '{name}'; known: text, int, number, bool, date, timestamp")]
    UnknownType { name: String },
    #[error("'{value}' is not of the type {name}")]
    NotOfType { value: String, name: String },
}

impl FromStr for Parameter {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        let malformed = || ParameterError::Malformed(text.to_owned());
        let (name, value) = text.split_once('=').ok_or_else(malformed)?;
        let (name, type_name) = name.split_once(':').unwrap_or((name, "text"));
        let is_name = !name.is_empty() && name.chars().all(|part| part.is_alphanumeric() || part == '_');
        if !is_name {
            return Err(malformed());
        }
        Ok(Self {
            name: name.to_owned(),
            value: read(value, type_name)?,
        })
    }
}

fn read(value: &str, type_name: &str) -> Result<ScalarValue, ParameterError> {
    let known = TYPES
        .into_iter()
        .find(|(name, _)| *name == type_name)
        .map(|(_, data_type)| data_type);
    let data_type = match known {
        Some(data_type) => data_type,
        None if type_name == TIMESTAMP => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        None => {
            return Err(ParameterError::UnknownType {
                name: type_name.to_owned(),
            });
        }
    };
    let not_of_type = || ParameterError::NotOfType {
        value: value.to_owned(),
        name: type_name.to_owned(),
    };
    let text = ScalarValue::from(value).to_array().map_err(|_| not_of_type())?;
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let typed = cast_with_options(&text, &data_type, &strict).map_err(|_| not_of_type())?;
    ScalarValue::try_from_array(&typed, 0).map_err(|_| not_of_type())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn value(text: &str) -> ScalarValue {
        text.parse::<Parameter>()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
            .value
    }

    #[test]
    fn text_is_the_default_and_types_are_named() {
        assert_eq!(value("batch_id=0130"), ScalarValue::from("0130"));
        assert_eq!(value("note=a=b:c"), ScalarValue::from("a=b:c"));
        assert_eq!(value("n:int=-5"), ScalarValue::Int64(Some(-5)));
        assert_eq!(value("n:number=0.5"), ScalarValue::Float64(Some(0.5)));
        assert_eq!(value("b:bool=true"), ScalarValue::Boolean(Some(true)));
        assert_eq!(value("d:date=1970-01-02"), ScalarValue::Date32(Some(1)));
        assert_eq!(
            value("t:timestamp=1970-01-01T00:00:01Z"),
            ScalarValue::TimestampMicrosecond(Some(1_000_000), Some("UTC".into()))
        );
    }

    #[test]
    fn mistakes_say_what_is_expected() {
        let complaints = ["batch_id", "=5", "$n=5", "n:float=5", "n:int=five", "d:date=2026-02-30"]
            .map(|text| text.parse::<Parameter>().expect_err(text).to_string());
        insta::assert_snapshot!(complaints.join("\n"), @r"
        'batch_id' is not NAME=VALUE or NAME:TYPE=VALUE, such as batch_id=0130 or rows:int=5
        '=5' is not NAME=VALUE or NAME:TYPE=VALUE, such as batch_id=0130 or rows:int=5
        '$n=5' is not NAME=VALUE or NAME:TYPE=VALUE, such as batch_id=0130 or rows:int=5
        there is no type 'float'; known: text, int, number, bool, date, timestamp
        'five' is not of the type int
        '2026-02-30' is not of the type date
        ");
    }

    proptest! {
        #[test]
        fn a_text_is_bound_as_it_is(text in any::<String>()) {
            prop_assert_eq!(value(&format!("note={text}")), ScalarValue::from(text));
        }
    }
}
