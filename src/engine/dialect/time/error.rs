//! Times that there are none of, and texts that are no times, in PostgreSQL's words.

use datafusion::common::DataFusionError;

/// What is wrong with a time or a text.
#[derive(Debug, thiserror::Error)]
pub enum TimeError {
    /// A day, an hour or an interval that there is none of, or no room for.
    #[error("{0}")]
    OutOfRange(String),
    /// A text that is none of its type.
    #[error("{0}")]
    Invalid(String),
}

impl From<TimeError> for DataFusionError {
    fn from(error: TimeError) -> Self {
        Self::External(Box::new(error))
    }
}
