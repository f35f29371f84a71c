//! Texts: how values are converted to text, and PostgreSQL's functions of texts.

mod format;
mod joined;
mod posix;
mod records;
mod regex;
mod values;

use datafusion::arrow::datatypes::DataType;

pub use posix::posix;
pub use records::{as_records, is_record};
pub use regex::{POSIX_REGEX, SIMILAR_TO_REGEX};
pub use values::as_text;

use super::function::Function;

/// All functions of texts.
pub fn all() -> impl Iterator<Item = Function> {
    let of_values = values::ALL.into_iter().chain(format::ALL).chain(joined::ALL);
    of_values.chain(regex::ALL)
}

/// Whether a type is one of texts.
pub fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, values) => is_text(values),
        kind => kind.is_string(),
    }
}
