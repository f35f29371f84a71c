//! How a command that fails ends: one line for people, an exit code for scripts.

use std::{fmt, io};

use pragati::catalog::CatalogError;
use pragati::config::ConfigError;
use pragati::delivery::store::StoreError;
use pragati::exports::LocationError;
use pragati::formats::{OutputError, one_line};
use pragati::nightly::PublishedError;
use pragati::queries::NamedQueryError;
use pragati::ratio::RatioError;
use pragati::server::ServiceError;
use pragati::shell::ShellError;

/// Why a command stopped.
#[derive(Debug)]
pub enum Failure {
    /// The job failed, or the command was called wrongly.
    Error(anyhow::Error),
    /// The job failed temporarily: a mail server that started the command should try again.
    TryLater(anyhow::Error),
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

/// A mistake in how a command was called, found after the arguments were parsed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

impl Failure {
    /// A temporary failure where the database did not answer, otherwise a permanent one.
    pub fn or_later(error: anyhow::Error) -> Self {
        let is_usage = is_usage(&error);
        let is_of_store = error.chain().any(|cause| cause.is::<StoreError>());
        if is_of_store && !is_usage {
            Self::TryLater(error)
        } else {
            Self::Error(error)
        }
    }

    /// A temporary failure, whatever the cause, because the caller has the only copy of the input.
    pub fn into_later(self) -> Self {
        match self {
            Self::Error(error) | Self::TryLater(error) => Self::TryLater(error),
            stopped @ (Self::Interrupted | Self::Terminated) => Self::TryLater(anyhow::anyhow!("{stopped}")),
        }
    }

    /// 1 for a failed job, 2 for wrong usage, 75 for a temporary failure (EX_TEMPFAIL of mail servers' pipes), 128 plus
    /// the signal's number for a signal.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Error(error) if is_usage(error) => 2,
            Self::Error(_) => 1,
            Self::TryLater(_) => 75,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// Whether standard output was closed by its reader.
    pub fn is_closed_pipe(&self) -> bool {
        let Self::Error(error) = self else { return false };
        error.chain().any(|cause| {
            let io_error = cause.downcast_ref::<io::Error>();
            io_error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
        })
    }
}

fn is_usage(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<UsageError>()
            || cause.is::<ConfigError>()
            || cause.is::<NamedQueryError>()
            || matches!(cause.downcast_ref(), Some(StoreError::MalformedUrl(_)))
            || matches!(cause.downcast_ref(), Some(LocationError::Malformed { .. }))
            || matches!(cause.downcast_ref(), Some(error) if CatalogError::is_usage(error))
            || matches!(cause.downcast_ref(), Some(error) if OutputError::is_usage(error))
            || matches!(cause.downcast_ref(), Some(error) if ShellError::is_usage(error))
            || matches!(cause.downcast_ref(), Some(error) if RatioError::is_usage(error))
            || matches!(cause.downcast_ref(), Some(error) if PublishedError::is_usage(error))
            || matches!(cause.downcast_ref(), Some(error) if ServiceError::is_usage(error))
    })
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Error(error)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(error) | Self::TryLater(error) => {
                // Our messages already include their causes.
                write!(f, "error: {}", one_line(&error.to_string()))
            }
            Self::Interrupted => f.write_str("stopped; nothing is published in part"),
            Self::Terminated => f.write_str("terminated; nothing is published in part"),
        }
    }
}
