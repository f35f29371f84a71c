//! Errors of the shell. None of them ends a session.

use super::command::CommandError;
use super::copy::CopyError;
use super::guard::Refusal;
use crate::catalog::CatalogError;
use crate::engine::EngineError;
use crate::engine::dialect::DialectError;
use crate::formats::{FormatError, OutputError};
use crate::queries::NamedQueryError;

/// A statement or command that failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ShellError {
    #[error("SQL: {0}")]
    Syntax(String),
    #[error("SQL: {0}")]
    Dialect(#[from] DialectError),
    #[error(transparent)]
    Copy(#[from] CopyError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the statement needs a value for ${0}; give it with --param {0}=VALUE")]
    MissingParameter(String),
    #[error(transparent)]
    Command(#[from] CommandError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Query(#[from] NamedQueryError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Format(#[from] FormatError),
    #[error(transparent)]
    Output(#[from] OutputError),
    #[error("{0} cannot be read as text; check the path")]
    Script(std::path::PathBuf, #[source] std::io::Error),
    #[error("files include each other more than {0} deep")]
    TooDeep(usize),
    #[error("there is no table or view {0}; \\d lists all")]
    UnknownTable(String),
    #[error("there is no statement to explain yet")]
    NothingToExplain,
    #[error("a file of the format {0} holds one result; name another file with \\o FILE")]
    SecondResult(&'static str),
    #[error("the terminal cannot be used: {0}")]
    Terminal(String),
}

impl ShellError {
    /// Whether the mistake is in the input, before anything ran.
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Syntax(_)
            | Self::Dialect(_)
            | Self::Copy(_)
            | Self::MissingParameter(_)
            | Self::Command(_)
            | Self::Query(_) => true,
            Self::Catalog(error) => error.is_usage(),
            Self::Output(error) => error.is_usage(),
            _ => false,
        }
    }
}
