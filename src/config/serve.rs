//! Settings of the service behind "Download File": where it listens, what it keeps, and how much it takes on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfigError, LinkKind, Secret};

/// `[serve]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServeConfig {
    /// Where HTTP requests are taken.
    pub listen: SocketAddr,
    /// Folder or URL of a nightly run's output to read reports from; without it, they are made from the exports.
    pub reports: Option<String>,
    /// Local folder of what the service keeps: its database, report files and click events, where these are not elsewhere.
    pub data: PathBuf,
    /// Folder or URL of the report files that people download; none means `files` in `data`.
    pub files: Option<String>,
    /// The address under which people reach the service, for the links in mails.
    pub public_url: Option<String>,
    /// Whether the link in a mail asks for a login, or is signed and works for everybody who has it.
    pub links: LinkKind,
    /// The key that signs links, of 32 bytes at least; better in `PRAGATI_SERVE__LINK_KEY`, or in a file.
    pub link_key: Option<Secret>,
    /// A file that holds that key.
    pub link_key_file: Option<PathBuf>,
    /// The promised time from a click to its mail, in minutes.
    pub deadline_minutes: u32,
    /// Reports that are made and sent at the same time.
    pub workers: usize,
    /// Days that requests and report files are kept.
    pub retention_days: u32,
    /// The largest body of an HTTP request.
    #[serde(serialize_with = "super::in_bytes")]
    #[schemars(with = "super::schema::Size")]
    pub max_body: ByteSize,
    /// Clicks of one person in an hour.
    pub requests_per_hour: u32,
    /// Requests that may wait at the same time.
    pub queue_limit: u32,
    /// Seconds between looks for a newer snapshot or nightly output.
    pub refresh_seconds: u32,
    /// Seconds that running work may take to end when the service is stopped.
    pub shutdown_seconds: u32,
    /// PEM files of the TLS certificate chain and its key. Normally a proxy in front does TLS.
    pub tls_certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub tls_key: Option<PathBuf>,
}

/// `[database]`: where requests are kept.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://…`, so that several processes share the work; none means SQLite in the data folder.
    pub url: Option<Secret>,
    /// A file that holds the URL.
    pub url_file: Option<PathBuf>,
}

impl Default for ServeConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8480)),
            reports: None,
            data: PathBuf::from("pragati-data"),
            files: None,
            public_url: None,
            links: LinkKind::Login,
            link_key: None,
            link_key_file: None,
            deadline_minutes: 30,
            workers: 2,
            retention_days: 30,
            max_body: ByteSize::kib(16),
            requests_per_hour: 60,
            queue_limit: 10_000,
            refresh_seconds: 60,
            shutdown_seconds: 30,
            tls_certificate: None,
            tls_key: None,
        }
    }
}

/// A hundred years, which stands for "for ever".
const LONGEST_RETENTION_DAYS: u32 = 36_525;
/// The length of the signature: a shorter key would be weaker (RFC 2104).
const SHORTEST_LINK_KEY: usize = 32;

impl ServeConfig {
    /// Refuses numbers with which the service could not work.
    ///
    /// # Errors
    /// A number is out of its range.
    pub fn check(&self) -> Result<(), ConfigError> {
        let numbers = [
            ("workers", self.workers > 0),
            ("deadline_minutes", self.deadline_minutes > 0),
            (
                "retention_days",
                (1..=LONGEST_RETENTION_DAYS).contains(&self.retention_days),
            ),
            ("requests_per_hour", self.requests_per_hour > 0),
            ("queue_limit", self.queue_limit > 0),
            ("refresh_seconds", self.refresh_seconds > 0),
            ("max_body", self.max_body.as_u64() > 0),
        ];
        match numbers.iter().find(|(_, is_usable)| !is_usable) {
            None => Ok(()),
            Some((name, _)) => {
                let most = if *name == "retention_days" {
                    format!(" up to {LONGEST_RETENTION_DAYS}")
                } else {
                    String::new()
                };
                Err(ConfigError::Invalid(format!(
                    "serve.{name} must be a number from 1{most}"
                )))
            }
        }
    }

    /// The key that signs links, where they are signed.
    ///
    /// # Errors
    /// It is missing or too short, or its file cannot be read.
    pub fn link_key(&self) -> Result<Option<Secret>, ConfigError> {
        if self.links == LinkKind::Login {
            return Ok(None);
        }
        let key = Secret::given(self.link_key.as_ref(), self.link_key_file.as_deref())?;
        match key.filter(|key| key.reveal().len() >= SHORTEST_LINK_KEY) {
            Some(key) => Ok(Some(key)),
            None => Err(ConfigError::Invalid(format!(
                "serve.links = \"signed\" needs serve.link_key_file or PRAGATI_SERVE__LINK_KEY with a key of \
                 {SHORTEST_LINK_KEY} bytes at least; `openssl rand -base64 48` makes one"
            ))),
        }
    }

    /// The time from a click to its mail that is promised.
    pub fn deadline(&self) -> Duration {
        Duration::from_secs(u64::from(self.deadline_minutes) * 60)
    }

    /// The time that requests and report files are kept.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_days) * 24 * 60 * 60)
    }

    /// The certificate and its key, where TLS is wanted. One without the other is a mistake.
    ///
    /// # Errors
    /// Only one of the two is set.
    pub fn tls(&self) -> Result<Option<(&PathBuf, &PathBuf)>, ConfigError> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            _ => Err(ConfigError::Invalid(
                "TLS needs both serve.tls_certificate and serve.tls_key; give the other one too".to_owned(),
            )),
        }
    }
}

impl DatabaseConfig {
    /// The URL of a shared database.
    ///
    /// # Errors
    /// The secret's file cannot be read.
    pub fn url(&self) -> Result<Option<Secret>, ConfigError> {
        Secret::given(self.url.as_ref(), self.url_file.as_deref())
    }
}
