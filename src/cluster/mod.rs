//! The processes of a cluster: Ballista's own scheduler and executor, which know Pragati's plans.
//!
//! What a plan may hold, and how it travels, is said where plans are made ([`crate::engine::cluster`],
//! [`crate::nightly::tasks`]); here it is handed to Ballista. A cluster has no users of its own: whoever reaches its ports may
//! run plans, so they belong into a network that is trusted, or behind mutual TLS.

mod executor;
mod members;
mod scheduler;
mod stores;
mod whole_jobs;

pub use executor::{ExecutorOptions, run_executor};
pub use scheduler::{SchedulerOptions, run_scheduler};

use std::net::SocketAddr;
use std::path::PathBuf;

/// A process of a cluster that cannot run.
#[derive(Debug, thiserror::Error)]
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

/// Refuses an address that others reach, unless they must prove who they are or the network is trusted.
fn check_address(address: SocketAddr, is_encrypted: bool, is_trusted: bool) -> Result<(), ClusterError> {
    if address.ip().is_loopback() || is_encrypted || is_trusted {
        Ok(())
    } else {
        Err(ClusterError::NotEncrypted(address))
    }
}
