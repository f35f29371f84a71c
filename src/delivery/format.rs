//! How requests name the format of their report: the API takes and describes the words of the formats that are
//! delivered, and the store keeps them.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::report::ReportFormat;

/// The delivered format of that word; none for one that is not delivered.
pub(super) fn delivered_of(word: &str) -> Option<ReportFormat> {
    ReportFormat::delivered().find(|format| format.word() == word)
}

impl Serialize for ReportFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Takes the formats that are delivered alone.
impl<'de> Deserialize<'de> for ReportFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        delivered_of(&word).ok_or_else(|| {
            let known: Vec<String> = Self::delivered().map(|format| format!("`{format}`")).collect();
            D::Error::custom(format!("unknown variant `{word}`, expected {}", known.join(" or ")))
        })
    }
}

impl PartialSchema for ReportFormat {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("The format of the report file."))
            .enum_values(Some(Self::delivered().map(Self::word)))
            .into()
    }
}

impl ToSchema for ReportFormat {
    /// The name in the API's description, from which clients are generated.
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("FileFormat")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_api_has_the_formats_that_are_delivered() {
        let schema = serde_json::to_value(ReportFormat::schema()).expect("JSON");
        let expected =
            json!({"type": "string", "description": "The format of the report file.", "enum": ["csv", "xlsx"]});
        assert_eq!(schema, expected);
        for format in ReportFormat::delivered() {
            let word = serde_json::to_value(format).expect("JSON");
            assert_eq!(word, format.word());
            assert_eq!(serde_json::from_value::<ReportFormat>(word).expect("read"), format);
        }
    }

    #[test]
    fn other_formats_are_refused_with_those_that_are_known() {
        for word in ["parquet", "pdf"] {
            let error = serde_json::from_value::<ReportFormat>(json!(word)).expect_err("refused");
            assert_eq!(
                error.to_string(),
                format!("unknown variant `{word}`, expected `csv` or `xlsx`")
            );
            assert_eq!(delivered_of(word), None);
        }
        assert!(serde_json::from_value::<ReportFormat>(json!(7)).is_err());
    }
}
