//! Errors of computing the ratio.

use chrono::NaiveDate;

use crate::catalog::CatalogError;
use crate::engine::EngineError;
use crate::ids::SnapshotDate;

/// A ratio that cannot be computed, or a request that is invalid.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum RatioError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("--since {since} is after --until {until}; give the first day first")]
    SinceAfterUntil { since: NaiveDate, until: NaiveDate },
    #[error(
        "--since {since} is after the snapshot's day, {as_of}; choose an earlier day, or a later snapshot with --date"
    )]
    SinceAfterSnapshot { since: NaiveDate, as_of: SnapshotDate },
    #[error("'{id}' is a course and a tenant; write course:{id} or tenant:{id}")]
    CourseAndTenant { id: String },
    #[error(
        "no batch, click or delivery up to {as_of} is of {subject}; `pragati ratio` lists the courses and tenants that there are"
    )]
    UnknownSubject { subject: String, as_of: SnapshotDate },
    #[error("the query {query} gives no column {column}; compare it with the built-in one")]
    MissingColumn { query: &'static str, column: &'static str },
}

impl RatioError {
    /// Whether the request is invalid.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Catalog(error) => error.is_usage(),
            Self::SinceAfterUntil { .. } | Self::SinceAfterSnapshot { .. } | Self::CourseAndTenant { .. } => true,
            Self::Engine(_) | Self::UnknownSubject { .. } | Self::MissingColumn { .. } => false,
        }
    }
}
