//! Settings of the mails that bring reports.

use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

/// `[mail]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// `smtp://HOST:587` (STARTTLS, required), `smtps://HOST:465` (TLS) or `smtp+plain://127.0.0.1:25` (loopback alone).
    pub server: Option<String>,
    /// The sender, such as `Pragati <reports@example.org>`.
    pub from: Option<String>,
    /// Where answers go; none means the sender.
    pub reply_to: Option<String>,
    /// The user name at the server.
    pub user: Option<String>,
    /// The password of `user`; better in `PRAGATI_MAIL__PASSWORD`, or in a file.
    pub password: Option<Secret>,
    /// A file that holds the password of `user`.
    pub password_file: Option<PathBuf>,
    /// A PEM file with a certificate authority to believe beside the usual ones.
    pub ca_file: Option<PathBuf>,
    /// The largest attachment, before it is encoded for mail. A larger report is packed, then linked to.
    #[serde(serialize_with = "super::in_bytes")]
    pub max_attachment: ByteSize,
    /// Pack every report into a ZIP archive under this password (AES-256).
    pub zip_password: Option<Secret>,
    /// A file that holds that password.
    pub zip_password_file: Option<PathBuf>,
    /// Seconds that the server may take for an answer.
    pub timeout_seconds: u32,
    /// Signs mails; none means that they are not signed.
    pub dkim: Option<DkimConfig>,
}

/// `[mail.dkim]`: signs mails.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
            user: None,
            password: None,
            password_file: None,
            ca_file: None,
            max_attachment: ByteSize::mb(18),
            zip_password: None,
            zip_password_file: None,
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

    /// The password of `user`.
    pub fn password(&self) -> Result<Option<Secret>, ConfigError> {
        Secret::given(self.password.as_ref(), self.password_file.as_deref())
    }

    /// The password that reports are packed under.
    pub fn zip_password(&self) -> Result<Option<Secret>, ConfigError> {
        Secret::given(self.zip_password.as_ref(), self.zip_password_file.as_deref())
    }
}
