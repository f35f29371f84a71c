//! Times that there are none of, texts that are no times, and what functions of times do not take, in PostgreSQL's words.

use datafusion::common::DataFusionError;

/// What is wrong with a time, a text, or what a function is given.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum TimeError {
    /// A day, an hour or an interval that there is none of, or no room for.
    #[error("{0}")]
    OutOfRange(String),
    /// A text that is none of its type, or not of its pattern.
    #[error("{0}")]
    Invalid(String),
    /// A text that is no number.
    #[error("{0}")]
    Number(String),
    /// A pattern of numbers that is none.
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
    /// What the engine does not have, or PostgreSQL neither.
    #[error("{0}")]
    NotSupported(String),
    /// A series that has no room.
    #[error("{0}")]
    TooMany(String),
    #[error("division by zero")]
    DivisionByZero,
}

impl TimeError {
    /// PostgreSQL's code.
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
