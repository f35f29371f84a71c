//! Why the service does not start or stops.

use std::net::SocketAddr;

use crate::config::ConfigError;
use crate::identity::IdentityError;
use crate::network::NetworkError;

/// A service that cannot listen.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ServerError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error("the service on {address} ended: {reason}")]
    Ended { address: SocketAddr, reason: String },
}
