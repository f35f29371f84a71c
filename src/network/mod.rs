//! What servers of this program share: TLS by files that are renewed ([`tls`]), and why one cannot listen.

pub mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

/// A server that cannot listen. `room` is its section of the configuration.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum NetworkError {
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
}
