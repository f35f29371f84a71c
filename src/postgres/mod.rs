//! The PostgreSQL endpoint (`docs/design.md`, "SQL for analysts"): analysts' own tools run SQL over the newest
//! snapshot, read only.
//!
//! `protocol` listens and implements the wire protocol, `session` runs statements, and `catalog` holds what a session
//! has besides the tables of the exports. The dialect of SQL is the engine's (`engine::dialect`).

mod catalog;
mod error;
mod metrics;
mod protocol;
mod session;
mod syntax;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::CatalogError;
use crate::config::ConfigError;
use crate::engine::{EngineError, EngineThreads, SharedLimits};
use crate::identity::{Identity, IdentityError};
use crate::network::NetworkError;
use protocol::admission::Admission;
use protocol::parse::Parse;
use session::accounts::{AccountsError, AccountsFile};
use session::audit::AuditLog;
use session::client::Clients;
use session::running::QuerySlots;
use session::snapshots::Snapshots;

pub use metrics::PostgresMetrics;
pub use protocol::listen::{PostgresParts, PostgresServer};
pub use session::scram_secret::ScramSecret;

/// An endpoint that does not start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum PostgresError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(
        "postgres.listen: {0} can be reached from other machines, so it needs TLS; set postgres.tls_certificate and postgres.tls_key"
    )]
    WithoutTls(SocketAddr),
    #[error(
        "--dev-auth lets everybody in without a password, whatever the users file says; leave out --dev-auth, or postgres.users"
    )]
    DevAuthWithUsers,
    #[error("postgres.audit: {} cannot be written: {reason}; check its permissions", path.display())]
    Audit { path: PathBuf, reason: String },
}

impl PostgresError {
    /// True where a setting or an argument has to be changed.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Config(_)
            | Self::WithoutTls(_)
            | Self::DevAuthWithUsers
            | Self::Identity(IdentityError::DevAuthInPublic { .. }) => true,
            Self::Catalog(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// What all connections share.
struct Endpoint {
    accounts: AccountsFile,
    admission: Arc<Admission>,
    /// Verifies login tokens that are sent as passwords; `None` where no tokens are accepted.
    identity: Option<Arc<Identity>>,
    /// Whether every user name is accepted without a password, on a developer's own machine.
    accepts_everybody: bool,
    /// Whether those who log in with a token see personal columns, where the site says so.
    token_personal: Option<bool>,
    tls_is_required: bool,
    /// Seed of the SCRAM secrets that unknown users get, so that an attacker cannot tell whether a user exists.
    seed: [u8; 32],
    clients: Arc<Clients>,
    snapshots: Snapshots,
    parse: Parse,
    threads: EngineThreads,
    limits: SharedLimits,
    /// The slots of concurrent queries.
    queries: QuerySlots,
    query_time: Duration,
    audit: AuditLog,
    metrics: Arc<PostgresMetrics>,
}
