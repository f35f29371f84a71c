//! Why the rows of `enrolment_details` cannot be assembled.

use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;

use crate::engine::EngineError;

/// Rows that cannot be assembled.
#[derive(Debug, thiserror::Error)]
pub enum DetailsError {
    #[error(
        "a table of the reports gives no column {0}; add it to the query in your queries folder that makes the table"
    )]
    MissingColumn(&'static str),
    #[error("there are more than 4,294,967,295 {0}, which one run cannot number; split the exports")]
    TooManyIds(&'static str),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

impl From<DetailsError> for DataFusionError {
    fn from(error: DetailsError) -> Self {
        match error {
            DetailsError::Engine(error) => error.into(),
            DetailsError::Arrow(error) => error.into(),
            other => Self::External(Box::new(other)),
        }
    }
}
