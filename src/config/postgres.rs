//! Settings of the PostgreSQL endpoint: where it listens, who may log in, and what queries may use.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ConfigError;

/// `[postgres]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PostgresConfig {
    /// Where PostgreSQL clients connect; none means nowhere.
    pub listen: Option<SocketAddr>,
    /// A private file of the users who log in with a password, and of what they may see.
    pub users: Option<PathBuf>,
    /// Whether those who log in with a token see personal columns; none means where consent is not required.
    pub token_personal: Option<bool>,
    /// PEM files of the TLS certificate chain and its key; none means those of `[serve]`.
    pub tls_certificate: Option<PathBuf>,
    /// The key of that certificate.
    pub tls_key: Option<PathBuf>,
    /// Connections at a time.
    pub connections: usize,
    /// Queries that run at a time; others wait.
    pub queries: usize,
    /// Seconds that a query may take, from its start until its last row is taken.
    pub query_seconds: u32,
    /// Memory that all queries together may use.
    #[serde(serialize_with = "super::in_bytes")]
    #[schemars(with = "super::schema::Size")]
    pub memory_limit: ByteSize,
    /// Memory that one query may use before it writes to temporary files.
    #[serde(serialize_with = "super::in_bytes")]
    #[schemars(with = "super::schema::Size")]
    pub query_memory: ByteSize,
    /// Temporary space that one query may fill.
    #[serde(serialize_with = "super::in_bytes")]
    #[schemars(with = "super::schema::Size")]
    pub query_spill: ByteSize,
    /// Folder of the audit log: who ran which query when; none means `audit` in the data folder.
    pub audit: Option<PathBuf>,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            listen: None,
            users: None,
            token_personal: None,
            tls_certificate: None,
            tls_key: None,
            connections: 100,
            queries: 4,
            query_seconds: 600,
            memory_limit: ByteSize::gib(2),
            query_memory: ByteSize::mib(512),
            query_spill: ByteSize::gib(10),
            audit: None,
        }
    }
}

impl PostgresConfig {
    /// Refuses numbers with which the endpoint could not work.
    ///
    /// # Errors
    /// A number is zero.
    pub fn check(&self) -> Result<(), ConfigError> {
        let numbers = [
            ("connections", self.connections > 0),
            ("queries", self.queries > 0),
            ("query_seconds", self.query_seconds > 0),
            ("memory_limit", self.memory_limit.as_u64() > 0),
            ("query_memory", self.query_memory.as_u64() > 0),
        ];
        match numbers.iter().find(|(_, is_usable)| !is_usable) {
            None => Ok(()),
            Some((name, _)) => Err(ConfigError::Invalid(format!("postgres.{name} must be a number from 1"))),
        }
    }

    /// The time that a query may take.
    pub fn query_time(&self) -> Duration {
        Duration::from_secs(u64::from(self.query_seconds))
    }

    /// The certificate and its key, where they are set. One without the other is a mistake.
    ///
    /// # Errors
    /// Only one of the two is set.
    pub fn tls(&self) -> Result<Option<(&PathBuf, &PathBuf)>, ConfigError> {
        match (&self.tls_certificate, &self.tls_key) {
            (Some(certificate), Some(key)) => Ok(Some((certificate, key))),
            (None, None) => Ok(None),
            _ => Err(ConfigError::Invalid(
                "TLS needs both postgres.tls_certificate and postgres.tls_key; give the other one too".to_owned(),
            )),
        }
    }
}
