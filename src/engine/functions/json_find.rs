//! `json_find_str(json, key, value, wanted)`: of the first object in a JSON array whose `key` has the text `value`, the
//! text under the key `wanted`, such as the id of a user's district in `[{"id": "d1", "type": "district"}]`.
//!
//! NULL where there is no such object, where that object has no text there, and where `json` is no JSON array.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::Value;

use super::{is_text, over_rows};

/// The SQL function.
pub fn json_find_str() -> ScalarUDF {
    ScalarUDF::new_from_impl(JsonFindStr {
        signature: Signature::any(4, Volatility::Immutable),
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct JsonFindStr {
    signature: Signature,
}

impl ScalarUDFImpl for JsonFindStr {
    fn name(&self) -> &str {
        "json_find_str"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments.iter().find(|argument| !is_text(argument)) {
            Some(other) => plan_err!("json_find_str takes texts, not {other}"),
            None => Ok(DataType::Utf8View),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        over_rows(&arguments, |columns, rows| {
            let mut as_texts = Vec::with_capacity(columns.len());
            for column in columns {
                as_texts.push(cast(column, &DataType::Utf8View)?);
            }
            let text = |column: usize, row: usize| {
                let column = as_texts[column].as_string_view();
                column.is_valid(row).then(|| column.value(row))
            };
            let found = (0..rows).map(|row| {
                let sought = Sought {
                    key: text(1, row)?,
                    value: text(2, row)?,
                    wanted: text(3, row)?,
                };
                sought.find(text(0, row)?)
            });
            let found: ArrayRef = Arc::new(found.collect::<StringViewArray>());
            Ok(found)
        })
    }
}

/// What is looked for in an array.
#[derive(Debug, Clone, Copy)]
struct Sought<'a> {
    key: &'a str,
    value: &'a str,
    wanted: &'a str,
}

impl Sought<'_> {
    fn find(self, text: &str) -> Option<String> {
        let mut json = serde_json::Deserializer::from_str(text);
        let found = json.deserialize_seq(self).ok()?;
        json.end().ok()?;
        found
    }

    fn is_in(&self, entry: &Value) -> bool {
        entry.get(self.key).and_then(Value::as_str) == Some(self.value)
    }
}

impl<'de> Visitor<'de> for Sought<'_> {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Self::Value, A::Error> {
        while let Some(entry) = entries.next_element::<Value>()? {
            if self.is_in(&entry) {
                while entries.next_element::<IgnoredAny>()?.is_some() {}
                return Ok(entry.get(self.wanted).and_then(Value::as_str).map(str::to_owned));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn district(text: &str) -> Option<String> {
        let sought = Sought {
            key: "type",
            value: "district",
            wanted: "id",
        };
        sought.find(text)
    }

    #[test]
    fn the_first_entry_of_the_kind_counts() {
        let places = r#"[{"id":"s","type":"state"},{"type":"district","id":"d1"},{"id":"d2","type":"district"}]"#;
        assert_eq!(district(places).as_deref(), Some("d1"));
        assert_eq!(district(r#"[{"type":"district"},{"id":"d2","type":"district"}]"#), None);
        assert_eq!(district(r#"[{"type":"district","id":7}]"#), None);
        assert_eq!(
            district(r#"[1, null, "x", [{"type":"district","id":"inner"}], {"type":"district","id":"d"}]"#).as_deref(),
            Some("d")
        );
    }

    #[test]
    fn what_is_no_array_has_none() {
        for text in [
            "",
            "[]",
            "{\"type\":\"district\",\"id\":\"d\"}",
            "null",
            "[{\"type\":\"district\",\"id\":\"d\"}",
        ] {
            assert_eq!(district(text), None, "{text}");
        }
    }
}
