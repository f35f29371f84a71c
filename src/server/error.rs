//! Why the service does not start or stops.

use std::net::SocketAddr;

use crate::config::ConfigError;
use crate::identity::IdentityError;
use crate::network::NetworkError;

/// A service that cannot listen.
#[derive(Debug, thiserror::Error)]
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
