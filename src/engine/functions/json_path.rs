//! Finds the value under a path of keys and indexes in a JSON text. Everything beside the path is skipped, not built.

use std::fmt;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::is_text;

/// One step of the path, for all rows.
pub enum Steps {
    Keys(StringViewArray),
    Places(Int64Array),
}

/// One step of the path, in one row.
#[derive(Debug, Clone, Copy)]
enum Step<'a> {
    Key(&'a str),
    Place(usize),
    /// A NULL, or an index below 0: no value has such an entry.
    Nowhere,
}

impl Steps {
    /// The steps in a column of texts or whole numbers.
    ///
    /// # Errors
    /// Where the column holds anything else.
    pub fn new(steps: &ArrayRef) -> Result<Self> {
        Ok(if is_text(steps.data_type()) {
            Self::Keys(cast(steps, &DataType::Utf8View)?.as_string_view().clone())
        } else {
            let places = cast(steps, &DataType::Int64)?;
            Self::Places(places.as_primitive::<Int64Type>().clone())
        })
    }

    fn in_row(&self, row: usize) -> Step<'_> {
        match self {
            Self::Keys(keys) if keys.is_valid(row) => Step::Key(keys.value(row)),
            Self::Places(places) if places.is_valid(row) => {
                usize::try_from(places.value(row)).map_or(Step::Nowhere, Step::Place)
            }
            Self::Keys(_) | Self::Places(_) => Step::Nowhere,
        }
    }
}

/// The value under the path of the row; `None` where there is none, or `text` is no JSON.
pub fn under_path(text: &str, path: &[Steps], row: usize) -> Option<Value> {
    let mut json = serde_json::Deserializer::from_str(text);
    let found = UnderPath { path, row }.deserialize(&mut json).ok()?;
    json.end().ok()?;
    found
}

/// Reads a value as far as it lies under the path. Of a key that stands twice, the last one counts.
#[derive(Clone, Copy)]
struct UnderPath<'a> {
    path: &'a [Steps],
    row: usize,
}

impl UnderPath<'_> {
    /// The first step, and what is left of the path behind it.
    fn split(&self) -> (Step<'_>, UnderPath<'_>) {
        let (first, path) = match self.path.split_first() {
            Some((first, rest)) => (first.in_row(self.row), rest),
            None => (Step::Nowhere, self.path),
        };
        (first, UnderPath { path, row: self.row })
    }
}

impl<'de> DeserializeSeed<'de> for UnderPath<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> std::result::Result<Self::Value, D::Error> {
        match self.path {
            [] => Value::deserialize(json).map(Some),
            _ => json.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for UnderPath<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> std::result::Result<Self::Value, A::Error> {
        let (step, rest) = self.split();
        let mut found = None;
        while let Some(is_meant) = entries.next_key_seed(IsStep(step))? {
            if is_meant {
                found = entries.next_value_seed(rest)?;
            } else {
                entries.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> std::result::Result<Self::Value, A::Error> {
        let (step, rest) = self.split();
        if let Step::Place(place) = step {
            for _ in 0..place {
                if entries.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            let Some(found) = entries.next_element_seed(rest)? else {
                return Ok(None);
            };
            while entries.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(found);
        }
        while entries.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_bool<E: Error>(self, _value: bool) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E: Error>(self, _value: i64) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E: Error>(self, _value: u64) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E: Error>(self, _value: f64) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E: Error>(self, _value: &str) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: Error>(self) -> std::result::Result<Self::Value, E> {
        Ok(None)
    }
}

/// Whether a key of an object is the step.
struct IsStep<'a>(Step<'a>);

impl<'de> DeserializeSeed<'de> for IsStep<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, key: D) -> std::result::Result<bool, D::Error> {
        key.deserialize_str(self)
    }
}

impl Visitor<'_> for IsStep<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: Error>(self, key: &str) -> std::result::Result<bool, E> {
        Ok(matches!(self.0, Step::Key(meant) if meant == key))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::StringArray;
    use proptest::prelude::*;

    use super::*;

    fn steps(path: &[&str]) -> Vec<Steps> {
        let step = |step: &&str| -> ArrayRef {
            match step.parse::<i64>() {
                Ok(place) => Arc::new(Int64Array::from(vec![place])),
                Err(_) => Arc::new(StringArray::from(vec![*step])),
            }
        };
        path.iter()
            .map(|text| Steps::new(&step(text)).expect("a step"))
            .collect()
    }

    fn found(text: &str, path: &[&str]) -> Option<String> {
        under_path(text, &steps(path), 0).map(|value| value.to_string())
    }

    #[test]
    fn of_a_key_that_stands_twice_the_last_counts() {
        assert_eq!(found(r#"{"a": 1, "b": 2, "a": 3}"#, &["a"]).as_deref(), Some("3"));
        assert_eq!(found(r#"{"a": {"b": 1}, "a": 3}"#, &["a", "b"]), None);
    }

    #[test]
    fn what_follows_the_value_must_be_json_too() {
        assert_eq!(found("[1, 2", &["0"]), None);
        assert_eq!(found(r#"{"a": 1} x"#, &["a"]), None);
        assert_eq!(found("[1, 2]", &["1"]).as_deref(), Some("2"));
        assert_eq!(found("[1, 2]", &["2"]), None);
    }

    #[test]
    fn keys_are_compared_without_their_escapes() {
        let text = r#"{"\u0061\/\"": {"\ud83d\ude00": "\u00e9"}}"#;
        assert_eq!(found(text, &["a/\"", "😀"]).as_deref(), Some("\"é\""));
        assert_eq!(found(r#"{"\ud83d": 1, "a": 2}"#, &["a"]), None, "half a character");
    }

    #[test]
    fn what_is_beside_the_path_may_be_nested_deeply() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(
            found(&format!(r#"{{"b": {deep}, "a": 1}}"#), &["a"]).as_deref(),
            Some("1")
        );
        // A value so deep cannot be built, and is none.
        assert_eq!(found(&format!(r#"{{"a": {deep}}}"#), &["a"]), None);
        assert_eq!(found(&deep, &["0", "0"]), None);
    }

    /// JSON values with few keys, so that paths meet them.
    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[ab\"\\\\é]{0,3}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map("[abé]", inner, 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_path_finds_what_it_finds_in_the_whole_value(
            value in values(),
            path in prop::collection::vec(prop_oneof![Just("a"), Just("é"), Just("0"), Just("1")], 0..3),
        ) {
            let inside = path.iter().try_fold(&value, |inside, step| match step.parse::<usize>() {
                Ok(place) => inside.get(place),
                Err(_) => inside.get(step),
            });
            prop_assert_eq!(found(&value.to_string(), &path), inside.map(Value::to_string));
        }
    }
}
