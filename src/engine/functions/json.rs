//! Functions that extract a value from JSON text by a path of keys and indexes, such as
//! `json_get_str(text, 'children', 0, 'name')`.
//!
//! `json_get_str`, `json_get_int`, `json_get_float` and `json_get_bool` give a value of that kind; `json_get_array` the
//! entries of an array, and `json_get` anything, as JSON texts; `json_as_text` a text without its quotes, anything else
//! as JSON; `json_length` the number of entries; `json_contains` whether the path exists. The names are those of the
//! library datafusion-functions-json. A missing value, one of another type, and invalid JSON give NULL.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, Int64Array, ListBuilder, StringBuilder, StringViewArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use serde_json::Value;

use super::json_path::{Steps, under_path};
use super::{is_text, over_rows};

/// Every function of this file.
pub fn json_functions() -> impl Iterator<Item = ScalarUDF> {
    let kinds = [
        Kind::Json,
        Kind::Text,
        Kind::Integer,
        Kind::Float,
        Kind::Boolean,
        Kind::Array,
        Kind::AsText,
        Kind::Length,
        Kind::Contains,
    ];
    kinds.into_iter().map(|kind| {
        ScalarUDF::new_from_impl(JsonFunction {
            kind,
            signature: Signature::variadic_any(Volatility::Immutable),
        })
    })
}

/// The result of a function for the value at its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Json,
    Text,
    Integer,
    Float,
    Boolean,
    Array,
    AsText,
    Length,
    Contains,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFunction {
    kind: Kind,
    signature: Signature,
}

impl ScalarUDFImpl for JsonFunction {
    fn name(&self) -> &str {
        match self.kind {
            Kind::Json => "json_get",
            Kind::Text => "json_get_str",
            Kind::Integer => "json_get_int",
            Kind::Float => "json_get_float",
            Kind::Boolean => "json_get_bool",
            Kind::Array => "json_get_array",
            Kind::AsText => "json_as_text",
            Kind::Length => "json_length",
            Kind::Contains => "json_contains",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let name = self.name();
        let Some((json, path)) = arguments.split_first() else {
            return plan_err!("{name} takes a JSON text and the keys and places of what is asked for");
        };
        if !is_text(json) {
            return plan_err!("{name} takes a JSON text, not {json}");
        }
        if let Some(step) = path.iter().find(|step| !is_text(step) && !step.is_integer()) {
            return plan_err!("{name} takes keys and places, texts and whole numbers, not {step}");
        }
        Ok(match self.kind {
            Kind::Json | Kind::Text | Kind::AsText => DataType::Utf8View,
            Kind::Integer | Kind::Length => DataType::Int64,
            Kind::Float => DataType::Float64,
            Kind::Boolean | Kind::Contains => DataType::Boolean,
            Kind::Array => DataType::new_list(DataType::Utf8, true),
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_rows(&arguments, |columns, _rows| {
            let (json, path) = columns.split_at(1);
            let json = cast(&json[0], &DataType::Utf8View)?;
            let path = path.iter().map(Steps::new).collect::<Result<Vec<_>>>()?;
            Ok(self.kind.of_rows(json.as_string_view(), &path))
        })
    }
}

impl Kind {
    /// Computes the function for each row.
    fn of_rows(self, json: &StringViewArray, path: &[Steps]) -> ArrayRef {
        let values = json.iter().enumerate().map(|(row, text)| under_path(text?, path, row));
        match self {
            Self::Json => {
                let texts = values.map(|value| value.map(|value| value.to_string()));
                Arc::new(texts.collect::<StringViewArray>())
            }
            Self::Text => {
                let texts = values.map(|value| match value {
                    Some(Value::String(text)) => Some(text),
                    _ => None,
                });
                Arc::new(texts.collect::<StringViewArray>())
            }
            Self::AsText => {
                let texts = values.map(|value| match value {
                    Some(Value::String(text)) => Some(text),
                    Some(Value::Null) | None => None,
                    Some(other) => Some(other.to_string()),
                });
                Arc::new(texts.collect::<StringViewArray>())
            }
            Self::Integer => Arc::new(values.map(|value| value?.as_i64()).collect::<Int64Array>()),
            Self::Float => Arc::new(values.map(|value| value?.as_f64()).collect::<Float64Array>()),
            Self::Boolean => Arc::new(values.map(|value| value?.as_bool()).collect::<BooleanArray>()),
            Self::Length => Arc::new(values.map(|value| length(&value?)).collect::<Int64Array>()),
            Self::Contains => {
                let found = values
                    .enumerate()
                    .map(|(row, value)| json.is_valid(row).then_some(value.is_some()));
                Arc::new(found.collect::<BooleanArray>())
            }
            Self::Array => {
                let mut lists = ListBuilder::new(StringBuilder::new());
                for value in values {
                    let entries = value.as_ref().and_then(Value::as_array);
                    for entry in entries.into_iter().flatten() {
                        lists.values().append_value(entry.to_string());
                    }
                    lists.append(entries.is_some());
                }
                Arc::new(lists.finish())
            }
        }
    }
}

fn length(value: &Value) -> Option<i64> {
    let length = match value {
        Value::Array(entries) => entries.len(),
        Value::Object(entries) => entries.len(),
        _ => return None,
    };
    i64::try_from(length).ok()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringArray;
    use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
    use proptest::prelude::*;

    use super::*;

    const JSON: &str =
        r#"{"n": 4, "f": 1.5, "t": "a\"b", "b": true, "none": null, "list": [{"id": "x"}, 2], "o": {"n": 9}}"#;

    fn found(kind: Kind, texts: &[Option<&str>], path: &[ArrayRef]) -> Vec<String> {
        let texts = StringViewArray::from(texts.to_vec());
        let path: Vec<Steps> = path.iter().map(|steps| Steps::new(steps).expect("a path")).collect();
        let found = kind.of_rows(&texts, &path);
        let options = FormatOptions::default().with_null("NULL");
        let shown = ArrayFormatter::try_new(&found, &options).expect("a column");
        (0..found.len()).map(|row| shown.value(row).to_string()).collect()
    }

    fn key(name: &str) -> ArrayRef {
        Arc::new(StringArray::from(vec![name]))
    }

    fn place(place: i64) -> ArrayRef {
        Arc::new(Int64Array::from(vec![place]))
    }

    #[test]
    fn values_are_found_by_key_and_place() {
        let one = |kind, path: &[ArrayRef]| found(kind, &[Some(JSON)], path).remove(0);
        assert_eq!(one(Kind::Integer, &[key("n")]), "4");
        assert_eq!(one(Kind::Integer, &[key("o"), key("n")]), "9", "inside");
        assert_eq!(one(Kind::Integer, &[key("t")]), "NULL");
        assert_eq!(one(Kind::Float, &[key("f")]), "1.5");
        assert_eq!(one(Kind::Boolean, &[key("b")]), "true");
        assert_eq!(one(Kind::Text, &[key("t")]), "a\"b");
        assert_eq!(one(Kind::Text, &[key("list"), place(0), key("id")]), "x");
        assert_eq!(one(Kind::Text, &[key("list"), place(-1)]), "NULL");
        assert_eq!(one(Kind::AsText, &[key("o")]), r#"{"n":9}"#);
        assert_eq!(one(Kind::AsText, &[key("none")]), "NULL");
        assert_eq!(one(Kind::Json, &[key("none")]), "null");
        assert_eq!(one(Kind::Array, &[key("list")]), r#"[{"id":"x"}, 2]"#);
        assert_eq!(one(Kind::Length, &[]), "7");
        assert_eq!(one(Kind::Contains, &[key("none")]), "true");
        assert_eq!(one(Kind::Contains, &[key("other")]), "false");
    }

    #[test]
    fn invalid_json_is_null() {
        for kind in [Kind::Json, Kind::Text, Kind::Array, Kind::Length] {
            assert_eq!(found(kind, &[Some("{'a': 1}"), Some(""), None], &[]), ["NULL"; 3]);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,40}") {
            let _ = found(Kind::Json, &[Some(&text)], &[key("a")]);
        }
    }
}
