//! The JSON schema of `pragati.toml`, made of the settings' structs and their documentation: editors complete and check by it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

use super::{Config, Secret, TokenAlgorithm};
use crate::zone::Zone;

impl Config {
    /// The schema (JSON Schema draft 7, which TOML editors support). It refuses the names and types that loading
    /// refuses: unknown settings, and words that are not among the choices.
    pub fn schema() -> Value {
        let generator = SchemaSettings::draft07().into_generator();
        let mut schema = generator.into_root_schema_for::<Self>().to_value();
        without_null(&mut schema);
        if let Value::Object(schema) = &mut schema {
            schema.insert("title".to_owned(), Value::from("pragati.toml"));
        }
        schema
    }
}

/// Removes `null` as a value and as a default, because TOML has none, and defaults of whole sections, whose settings have their own.
fn without_null(schema: &mut Value) {
    match schema {
        Value::Array(values) => values.iter_mut().for_each(without_null),
        Value::Object(object) => {
            object.values_mut().for_each(without_null);
            let default = object.get("default");
            if default.is_some_and(|value| value.is_null() || value.is_object()) {
                object.remove("default");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|name| name != "null");
                if let [only] = types.as_slice() {
                    let only = only.clone();
                    object.insert("type".to_owned(), only);
                }
            }
            one_choice(object);
        }
        _ => {}
    }
}

/// Removes the choice `null`, and writes a single choice that is left as such.
fn one_choice(object: &mut Map<String, Value>) {
    let Some(Value::Array(choices)) = object.get_mut("anyOf") else {
        return;
    };
    choices.retain(|choice| choice.get("type").is_none_or(|name| name != "null"));
    if let [only] = choices.as_slice() {
        let only = Value::Array(vec![only.clone()]);
        object.remove("anyOf");
        // Draft 7 ignores other keywords beside `$ref`.
        object.insert("allOf".to_owned(), only);
    }
}

/// A size in bytes, as settings write it.
pub enum Size {}

impl JsonSchema for Size {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^ *[0-9]+([.][0-9]+)? *([KkMmGgTtPp][Ii]?)?[Bb]? *$" }
            ]
        })
    }
}

impl JsonSchema for Secret {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "writeOnly": true })
    }
}

impl JsonSchema for Zone {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Zone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["Asia/Kolkata", "Asia/Dhaka", "UTC"] })
    }
}

impl JsonSchema for TokenAlgorithm {
    fn schema_name() -> Cow<'static, str> {
        "TokenAlgorithm".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        // The second name of EdDSA is read too.
        let names: Vec<&str> = Self::ALL
            .iter()
            .map(|algorithm| algorithm.name())
            .chain(["Ed25519"])
            .collect();
        json_schema!({
            "description": "A signature algorithm that tokens may have, by its name in `alg`.",
            "type": "string",
            "enum": names
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The schema of a setting, by its path.
    fn setting<'a>(schema: &'a Value, path: &[&str]) -> &'a Value {
        path.iter().fold(schema, |schema, name| {
            let mut schema = schema;
            loop {
                let reference = schema.get("$ref").or_else(|| schema.pointer("/allOf/0/$ref"));
                let Some(target) = reference.and_then(Value::as_str) else {
                    break;
                };
                let target = target.trim_start_matches('#');
                let root = SCHEMA.get_or_init(Config::schema);
                schema = root.pointer(target).expect("a definition");
            }
            &schema["properties"][*name]
        })
    }

    static SCHEMA: std::sync::OnceLock<Value> = std::sync::OnceLock::new();

    fn schema() -> &'static Value {
        SCHEMA.get_or_init(Config::schema)
    }

    #[test]
    fn settings_have_their_documentation_types_and_defaults() {
        let workers = setting(schema(), &["serve", "workers"]);
        assert_eq!(workers["type"], "integer", "{workers}");
        assert_eq!(workers["default"], 2, "{workers}");
        assert_eq!(
            workers["description"], "Reports that are made and sent at the same time.",
            "{workers}"
        );
        let keep = setting(schema(), &["nightly", "keep"]);
        assert_eq!(keep["type"], "integer", "{keep}");
        assert_eq!(keep["minimum"], 1, "{keep}");
        assert_eq!(keep.get("default"), None, "{keep}");
        let selector = setting(schema(), &["mail", "dkim", "selector"]);
        assert_eq!(selector["type"], "string", "{selector}");
        assert_eq!(setting(schema(), &["mail", "password"])["writeOnly"], true);
    }

    #[test]
    fn every_setting_is_there_and_no_other() {
        fn sections(value: &toml::Table, path: &mut Vec<String>) {
            let names: Vec<&str> = path.iter().map(String::as_str).collect();
            let section = setting(schema(), &names);
            let section = match section.pointer("/allOf/0/$ref").or_else(|| section.get("$ref")) {
                Some(target) => schema()
                    .pointer(target.as_str().expect("a text").trim_start_matches('#'))
                    .expect("a definition"),
                None => section,
            };
            if section.get("properties").is_none() {
                // A table whose keys the site chooses.
                assert!(section["additionalProperties"].is_object(), "{path:?}: {section}");
                return;
            }
            assert_eq!(section["additionalProperties"], false, "{path:?}: {section}");
            for (name, value) in value {
                assert!(section["properties"].get(name).is_some(), "{path:?} {name}");
                if let toml::Value::Table(value) = value {
                    path.push(name.clone());
                    sections(value, path);
                    path.pop();
                }
            }
        }
        let defaults = toml::Table::try_from(Config::default()).expect("TOML");
        assert!(defaults.len() > 10);
        sections(&defaults, &mut Vec::new());
    }
}
