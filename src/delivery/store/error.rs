//! Errors of the store: it is unavailable, or its content is invalid.

use std::path::PathBuf;

/// Why a step could not be stored or read. No message holds a password.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum StoreError {
    #[error("{database} cannot be opened: {reason}; check that it is there, and its permissions")]
    NotOpened { database: String, reason: String },
    #[error(
        "{database} cannot be brought to the form that this version needs: {reason}; was it used by a newer version of pragati?"
    )]
    NotMigrated { database: String, reason: String },
    #[error("there is no database {}; give the service's data folder with --data, or database.url", .0.display())]
    NoDatabase(PathBuf),
    #[error("the database URL cannot be used: {0}; write it as postgres://USER:PASSWORD@HOST/DATABASE")]
    MalformedUrl(String),
    #[error("{database} failed while {doing}: {reason}; see whether it runs and has space left")]
    Failed {
        database: String,
        /// What was being done, for people.
        doing: &'static str,
        reason: String,
    },
    #[error("{database} changed each time while {doing}; try again, and look at the request if that does not help")]
    Unsettled {
        database: String,
        /// What was being done, for people.
        doing: &'static str,
    },
    #[error("{database} holds a row that cannot be understood: {what}; was it changed by hand?")]
    Damaged { database: String, what: String },
}
