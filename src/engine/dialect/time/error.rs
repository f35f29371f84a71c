//! Errors of times: values out of range, texts that are not times, and unsupported arguments, with PostgreSQL's
//! messages.

use datafusion::common::DataFusionError;

/// An invalid time, text or argument.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum TimeError {
    /// A day, an hour or an interval that does not exist or is out of range.
    #[error("{0}")]
    OutOfRange(String),
    /// A text that is not a value of its type, or does not match its pattern.
    #[error("{0}")]
    Invalid(String),
    /// A text that is no number.
    #[error("{0}")]
    Number(String),
    /// An invalid pattern of numbers.
    #[error("{0}")]
    Pattern(String),
    /// A unit, a zone or a step that a function does not know.
    #[error("{0}")]
    Parameter(String),
    /// A zone too far from Greenwich.
    #[error("{0}")]
    Displacement(String),
    /// Arguments of types that a function does not take.
    #[error("{0}")]
    Types(String),
    /// A feature that the engine, and perhaps PostgreSQL, does not have.
    #[error("{0}")]
    NotSupported(String),
    /// A series that is too long.
    #[error("{0}")]
    TooMany(String),
    #[error("division by zero")]
    DivisionByZero,
}

impl TimeError {
    /// The SQLSTATE.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfRange(_) => "22008",
            Self::Invalid(_) => "22007",
            Self::Number(_) => "22P02",
            Self::Pattern(_) => "42601",
            Self::Parameter(_) => "22023",
            Self::Displacement(_) => "22009",
            Self::Types(_) => "42883",
            Self::NotSupported(_) => "0A000",
            Self::TooMany(_) => "54000",
            Self::DivisionByZero => "22012",
        }
    }
}

impl From<TimeError> for DataFusionError {
    fn from(error: TimeError) -> Self {
        Self::External(Box::new(error))
    }
}
