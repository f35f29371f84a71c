//! The configuration for display: all settings that are in effect, without secrets.

use toml::Value;

use super::url_secrets::without_secrets;
use super::{Config, ConfigError, one_line};

impl Config {
    /// All settings as a `pragati.toml`. Secrets, and what may be one within a URL, are `***`.
    ///
    /// # Errors
    /// Where a setting cannot be written in TOML: a size of more than 2^63 bytes.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        let unwritable = |error: toml::ser::Error| ConfigError::Invalid(one_line(&error.to_string()));
        let mut settings = toml::Table::try_from(self).map_err(unwritable)?;
        for (_, value) in settings.iter_mut() {
            hide_secrets(value);
        }
        toml::to_string(&settings).map_err(unwritable)
    }
}

/// Hides what may be a secret in the URLs of a setting.
fn hide_secrets(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_secrets(text),
        Value::Array(values) => values.iter_mut().for_each(hide_secrets),
        Value::Table(values) => values.iter_mut().for_each(|(_, value)| hide_secrets(value)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytesize::ByteSize;

    use super::*;
    use crate::config::{DkimConfig, TableConfig};

    fn loaded(text: &str) -> Config {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("pragati.toml");
        std::fs::write(&file, text).expect("a file");
        Config::load(Some(&file)).expect("a configuration")
    }

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        let mut config = Config {
            exports: Some("s3://bucket/exports".to_owned()),
            memory_limit: Some(ByteSize::b(1_234_567_891)),
            tables: BTreeMap::from([("users".to_owned(), TableConfig::default())]),
            ..Config::default()
        };
        config.mail.dkim = Some(DkimConfig {
            selector: "pragati".to_owned(),
            domain: "example.org".to_owned(),
            key_file: "dkim.pem".into(),
        });
        let shown = config.to_toml().expect("TOML");
        assert_eq!(loaded(&shown), config);
        let defaults = Config::default();
        assert_eq!(loaded(&defaults.to_toml().expect("TOML")), defaults);
    }

    #[test]
    fn no_secret_is_shown() {
        let mut config = Config::default();
        config.database.url = Some("postgres://asha:geheim@db/pragati".to_owned().into());
        config.mail.password = Some("geheim".to_owned().into());
        config.mail.zip_password = Some("geheim".to_owned().into());
        config.serve.link_key = Some("geheim".to_owned().into());
        config.sign_in.client_secret = Some("geheim".to_owned().into());
        config.opentelemetry.headers = Some("authorization=geheim".to_owned().into());
        config.mail.server = Some("smtp://asha:geheim@mail.example.org:587".to_owned());
        config.identity.jwks = Some("https://asha:geheim@sso.example.org/certs".to_owned());
        config.exports = Some("https://account.blob.core.windows.net/exports?sv=1&sig=geheim".to_owned());
        config.serve.public_url = Some("https://geheim@reports.example.org".to_owned());
        config.cluster.scheduler = Some("asha:geheim@scheduler".to_owned());
        let table = TableConfig {
            path: Some("s3://bucket/users?X-Amz-Signature=geheim".to_owned()),
            ..TableConfig::default()
        };
        config.tables.insert("users".to_owned(), table);
        let shown = config.to_toml().expect("TOML");
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(
            shown.contains("jwks = \"https://asha:***@sso.example.org/certs\""),
            "{shown}"
        );
        assert_eq!(loaded(&shown).to_toml().expect("TOML"), shown);
    }
}
