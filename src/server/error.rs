//! Why the service does not start or stops.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::ConfigError;
use crate::identity::IdentityError;

/// A service that cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("{room}.listen: {address} cannot be listened on: {reason}; choose another address, or stop what has it")]
    Listen {
        room: &'static str,
        address: SocketAddr,
        reason: String,
    },
    #[error("{room}.{setting}: {} cannot be used for TLS: {reason}; it must be a PEM file", path.display())]
    Tls {
        room: &'static str,
        setting: &'static str,
        path: PathBuf,
        reason: String,
    },
    #[error("the service on {address} ended: {reason}")]
    Ended { address: SocketAddr, reason: String },
}
