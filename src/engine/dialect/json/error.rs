//! Errors of JSON texts and of operations on documents, with PostgreSQL's messages.

use datafusion::common::DataFusionError;

/// An invalid document, or an operation that it does not support.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum JsonError {
    /// The text is left out, as it may hold personal data.
    #[error("invalid input syntax for type {kind}: the text is no JSON at byte {at}")]
    Syntax { kind: &'static str, at: usize },
    #[error("unsupported Unicode escape sequence: \\u0000 cannot be converted to text")]
    ZeroLetter,
    #[error("a JSON number is too large or too small: numbers have at most 16383 digits on each side of the point")]
    Number,
    #[error("a JSON text is nested too deeply: at most {0} levels are read")]
    Depth(usize),
    #[error("argument list must have even number of elements: keys and values in turn")]
    Odd,
    #[error("argument {0} cannot be null: object keys should be text")]
    NullKey(usize),
    #[error("field name must not be null")]
    NullName,
    #[error("key value must be scalar, not array, composite, or json")]
    Key,
    #[error("cannot get array length of a scalar")]
    Scalar,
    #[error("cannot get array length of a non-array")]
    NoArray,
    #[error("cannot extract elements from a JSON document that is no array")]
    NoElements,
    #[error("cannot get the keys of a JSON document that is no object")]
    NoKeys,
    #[error("invalid concatenation of jsonb objects")]
    Joined,
}

impl JsonError {
    /// The SQLSTATE.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "22P02",
            Self::ZeroLetter => "22P05",
            Self::Number => "22003",
            Self::Depth(_) => "54001",
            Self::Odd
            | Self::NullKey(_)
            | Self::NullName
            | Self::Key
            | Self::Scalar
            | Self::NoArray
            | Self::NoElements
            | Self::NoKeys
            | Self::Joined => "22023",
        }
    }
}

impl From<JsonError> for DataFusionError {
    fn from(error: JsonError) -> Self {
        Self::External(Box::new(error))
    }
}
