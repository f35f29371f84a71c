//! The processes of a cluster: Ballista's scheduler and executor with Pragati's plan nodes and functions.
//!
//! Which nodes plans have and how they are encoded is defined where plans are made ([`crate::engine::cluster`],
//! [`crate::nightly::tasks`]); here their codecs are handed to Ballista. A cluster has no users of its own: whoever
//! reaches its ports may run plans, so they must be in a trusted network or behind mutual TLS.

mod executor;
mod members;
mod scheduler;
mod stores;
mod whole_jobs;

pub use executor::{ExecutorOptions, run_executor};
pub use scheduler::{SchedulerOptions, run_scheduler};

use std::net::SocketAddr;
use std::path::PathBuf;

/// Why a process of a cluster cannot run.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ClusterError {
    #[error("{address} cannot be listened on: {reason}; is another process there?")]
    Listen { address: SocketAddr, reason: String },
    #[error(
        "{0} is reachable from other machines, and connections are not encrypted; set tls_authorities, tls_certificate and \
         tls_key under [cluster], or say --trusted-network"
    )]
    NotEncrypted(SocketAddr),
    #[error("work folder {} cannot be used: {reason}; name another with --work-dir", folder.display())]
    WorkFolder { folder: PathBuf, reason: String },
    #[error(transparent)]
    Engine(#[from] crate::engine::EngineError),
    #[error("the {role} cannot run: {reason}")]
    Ballista { role: &'static str, reason: String },
}

impl ClusterError {
    fn of(role: &'static str) -> impl FnOnce(ballista_core::error::BallistaError) -> Self {
        move |error| Self::Ballista {
            role,
            reason: error.to_string(),
        }
    }
}

/// Refuses an address that other machines can reach, unless clients need a certificate or the network is trusted.
fn check_address(address: SocketAddr, is_encrypted: bool, is_trusted: bool) -> Result<(), ClusterError> {
    if address.ip().is_loopback() || is_encrypted || is_trusted {
        Ok(())
    } else {
        Err(ClusterError::NotEncrypted(address))
    }
}
