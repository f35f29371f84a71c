//! The PostgreSQL endpoint (`docs/design.md`, "SQL for analysts"): analysts' own tools ask SQL of the newest snapshot,
//! and read only.
//!
//! In reading order: `PostgresServer` listens, `doors` counts who comes in, `connection` takes messages, `login` says who a
//! client is (`accounts`, `scram_secret`), `handler` speaks the protocol (`copy` has that of COPY), `parse`, `bounds` and
//! `statement` say what is asked and refuse what writes or is too large, `session` and `running` do it within `[postgres]`'s limits, over the tables that
//! `snapshots` has for what the client may see. `stop` ends queries; `audit` and `metrics` tell of them.

mod accounts;
mod audit;
mod bounded;
mod bounds;
mod client;
mod connection;
mod copy;
mod doors;
mod error;
mod functions;
mod handler;
mod listen;
mod listings;
mod login;
mod metrics;
mod named;
mod parameters;
mod parse;
mod result_columns;
mod row_addresses;
mod running;
mod scram_secret;
mod session;
mod session_values;
mod snapshots;
mod statement;
mod stop;
mod syntax;
mod system;
mod types;
mod variables;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::CatalogError;
use crate::config::ConfigError;
use crate::engine::{EngineError, EngineThreads, SharedLimits};
use crate::identity::{Identity, IdentityError};
use crate::network::NetworkError;
use accounts::{AccountsError, AccountsFile};
use audit::AuditLog;
use client::Clients;
use doors::Doors;
use parse::Parse;
use running::Queries;
use snapshots::Snapshots;

pub use listen::{PostgresParts, PostgresServer};
pub use metrics::PostgresMetrics;
pub use scram_secret::ScramSecret;

/// An endpoint that does not start.
#[derive(Debug, thiserror::Error)]
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
    doors: Arc<Doors>,
    /// Tells whose login token a password is; none where everybody is believed.
    identity: Option<Arc<Identity>>,
    /// Everybody is believed, on a developer's own machine.
    believes_everybody: bool,
    /// Whether those who log in with a token see personal columns, where the site says so.
    token_personal: Option<bool>,
    tls_is_required: bool,
    /// For secrets of users who do not exist.
    seed: [u8; 32],
    clients: Arc<Clients>,
    snapshots: Snapshots,
    parse: Parse,
    threads: EngineThreads,
    limits: SharedLimits,
    /// Queries that may run.
    queries: Queries,
    query_time: Duration,
    audit: AuditLog,
    metrics: Arc<PostgresMetrics>,
}
