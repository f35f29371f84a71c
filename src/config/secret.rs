//! Passwords and keys: given in the environment or in a file of their own, never printed.

use std::fmt;
use std::path::Path;

use figment::value::Value;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ConfigError;

/// The text that replaces a hidden secret.
pub const HIDDEN: &str = "***";

/// A text that neither logs nor error messages may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Serialize for Secret {
    /// Writes that there is one, not what it is.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(HIDDEN)
    }
}

impl<'de> Deserialize<'de> for Secret {
    /// Takes a text alone; the error for anything else does not repeat it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match <Value as Deserialize>::deserialize(deserializer)? {
            Value::String(_, text) => Ok(Self(text)),
            _ => Err(D::Error::custom("a secret is a text: write it in quotes")),
        }
    }
}

impl Secret {
    /// The text itself, for the library that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The secret as it stands in the configuration, or the content of its file without the line's end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn given(direct: Option<&Self>, file: Option<&Path>) -> Result<Option<Self>, ConfigError> {
        if let Some(secret) = direct {
            return Ok(Some(secret.clone()));
        }
        let Some(file) = file else { return Ok(None) };
        let text = std::fs::read_to_string(file).map_err(|error| ConfigError::SecretFile {
            path: file.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Some(Self(text.trim_end_matches(['\r', '\n']).to_owned())))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}
