//! Settings of the mails that bring reports.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ConfigError, Secret};
use crate::language::Language;

/// `[mail]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// `smtp://HOST:587` (STARTTLS, required), `smtps://HOST:465` (TLS) or `smtp+plain://127.0.0.1:25` (loopback alone).
    pub server: Option<String>,
    /// The sender, such as `Pragati <reports@example.org>`.
    pub from: Option<String>,
    /// Where answers go; none means the sender.
    pub reply_to: Option<String>,
    /// The envelope sender, to which undeliverable mails are returned (`pragati bounces`): `bounces@example.org`, or
    /// `bounces+{id}@example.org` with the request's id. Where it is not set: the sender.
    pub bounce_address: Option<String>,
    /// The user name at the server.
    pub user: Option<String>,
    /// The password of `user`; better in `PRAGATI_MAIL__PASSWORD`, or in a file.
    pub password: Option<Secret>,
    /// A file that holds the password of `user`.
    pub password_file: Option<PathBuf>,
    /// The name of the service in EHLO. Where it is not set: the host of `serve.public_url`, this machine's name where
    /// it is fully qualified, else its address in brackets.
    pub helo_name: Option<String>,
    /// A PEM file with a certificate authority to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// The largest attachment, before it is encoded for mail. A larger report is packed, then linked to.
    #[serde(serialize_with = "super::in_bytes")]
    #[schemars(with = "super::schema::Size")]
    pub max_attachment: ByteSize,
    /// Pack every report into a ZIP archive with this password (AES-256).
    pub zip_password: Option<Secret>,
    /// A file that holds that password.
    pub zip_password_file: Option<PathBuf>,
    /// The language of mails to people who have not chosen one: `en`, `hi`, `ta`, `te`, `kn` or `or`.
    pub language: Language,
    /// A folder of templates and messages that take the place of the built-in ones of the same path.
    pub templates: Option<PathBuf>,
    /// Seconds that the server may take for an answer.
    pub timeout_seconds: u32,
    /// Signs mails; none means that they are not signed.
    pub dkim: Option<DkimConfig>,
}

/// `[mail.dkim]`: signs mails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DkimConfig {
    /// The selector of the key in the DNS.
    pub selector: String,
    /// The domain of the key in the DNS.
    pub domain: String,
    /// A PEM file with an RSA key.
    pub key_file: PathBuf,
}

impl Default for MailConfig {
    fn default() -> Self {
        Self {
            server: None,
            from: None,
            reply_to: None,
            bounce_address: None,
            user: None,
            password: None,
            password_file: None,
            helo_name: None,
            ca_file: None,
            max_attachment: ByteSize::mb(18),
            zip_password: None,
            zip_password_file: None,
            language: Language::default(),
            templates: None,
            timeout_seconds: 60,
            dkim: None,
        }
    }
}

impl MailConfig {
    /// The time that the server may take for an answer.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.timeout_seconds))
    }

    /// The same, with the host of the service's public address as its name for mail servers, where none is set and that
    /// one is fully qualified.
    #[must_use]
    pub fn named_after(&self, public_url: Option<&str>) -> Self {
        let url = public_url.and_then(|text| Url::parse(text).ok());
        let host = url.as_ref().and_then(Url::domain).filter(|host| host.contains('.'));
        Self {
            helo_name: self.helo_name.clone().or_else(|| host.map(str::to_owned)),
            ..self.clone()
        }
    }

    /// The password of `user`.
    ///
    /// # Errors
    /// The secret's file cannot be read.
    pub fn password(&self) -> Result<Option<Secret>, ConfigError> {
        Secret::given(self.password.as_ref(), self.password_file.as_deref())
    }

    /// The password that reports are packed under.
    ///
    /// # Errors
    /// The secret's file cannot be read.
    pub fn zip_password(&self) -> Result<Option<Secret>, ConfigError> {
        Secret::given(self.zip_password.as_ref(), self.zip_password_file.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_host_is_the_name_for_mail_servers() {
        let name = |set: Option<&str>, url: &str| {
            let config = MailConfig {
                helo_name: set.map(str::to_owned),
                ..MailConfig::default()
            };
            config.named_after(Some(url)).helo_name
        };
        let public = "https://reports.example.org/pragati";
        assert_eq!(name(None, public).as_deref(), Some("reports.example.org"));
        assert_eq!(
            name(Some("mail.example.org"), public).as_deref(),
            Some("mail.example.org")
        );
        for unfit in ["http://localhost:8480", "http://127.0.0.1:8480", "nonsense"] {
            assert_eq!(name(None, unfit), None);
        }
        assert_eq!(MailConfig::default().named_after(None).helo_name, None);
    }
}
