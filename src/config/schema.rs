//! The JSON schema of `pragati.toml`, with which editors complete and check the file. It is made from the types and
//! their documentation.

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::{Config, one_line};

/// The schema of all settings, in draft 7: editors of TOML know no later one in full.
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(tidy));
    settings.into_generator().into_root_schema_for::<Config>().to_value()
}

/// A number of bytes, or a text such as `2GB`.
pub fn size(_: &mut SchemaGenerator) -> Schema {
    let mut schema = Schema::default();
    schema.insert("type".to_owned(), Value::from(vec!["string", "integer"]));
    schema
}

/// Leaves out what is of no use to an editor: null, which TOML does not have, defaults of whole sections, Rust's names
/// of numbers, and the line breaks of comments.
fn tidy(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    object.remove("format");
    let default = object.get("default");
    if default.is_some_and(|value| value.is_null() || value.is_object()) {
        object.remove("default");
    }
    let mut only_type = None;
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|name| name != "null");
        if types.len() == 1 {
            only_type = types.pop();
        }
    }
    if let Some(name) = only_type {
        object.insert("type".to_owned(), name);
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice["type"] != "null");
    }
    if let Some(Value::String(text)) = object.get_mut("description") {
        *text = one_line(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_their_types_and_descriptions() {
        let schema = schema();
        let of = |path: &str| schema.pointer(path).unwrap_or(&Value::Null);
        assert_eq!(of("/$schema"), "http://json-schema.org/draft-07/schema#");
        assert_eq!(of("/title"), "Pragati's settings");
        assert_eq!(of("/additionalProperties"), false);
        assert_eq!(of("/properties/exports/type"), "string");
        assert_eq!(
            of("/properties/exports/description"),
            "Folder or URL of the daily exports."
        );
        assert_eq!(of("/properties/success_marker/default"), false);
        assert_eq!(of("/properties/threads/type"), "integer");
        assert_eq!(of("/properties/memory_limit/type/0"), "string");
        assert_eq!(of("/definitions/MailConfig/properties/password/type"), "string");
        assert_eq!(of("/definitions/MailConfig/additionalProperties"), false);
        assert!(!schema.to_string().contains("null"), "{schema}");
    }
}
