//! Options whose value is a whole number of at least 1: the errors say in words what is counted.

use std::num::{IntErrorKind, NonZeroU32, NonZeroUsize, ParseIntError};
use std::str::FromStr;

/// The days of `--keep`.
pub fn days_kept(text: &str) -> Result<NonZeroU32, String> {
    counted(text, "keep at least 1 day")
}

/// The threads of `--threads`.
pub fn threads(text: &str) -> Result<NonZeroUsize, String> {
    counted(text, "at least 1 thread is needed")
}

/// The tasks of `--slots`.
#[cfg(feature = "cluster")]
pub fn slots(text: &str) -> Result<NonZeroUsize, String> {
    counted(text, "an executor needs at least 1 task at a time")
}

/// Reads a count; `least` is the error for zero.
fn counted<T: FromStr<Err = ParseIntError>>(text: &str, least: &str) -> Result<T, String> {
    text.parse().map_err(|error: ParseIntError| match error.kind() {
        IntErrorKind::Zero => least.to_owned(),
        IntErrorKind::PosOverflow => "the number is too large".to_owned(),
        _ => "it is not a whole number".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_refused_in_words_of_what_is_counted() {
        assert_eq!(days_kept("30").map(NonZeroU32::get), Ok(30));
        assert_eq!(days_kept("0"), Err("keep at least 1 day".to_owned()));
        assert_eq!(threads("0"), Err("at least 1 thread is needed".to_owned()));
        for text in ["", "a", "-1", "1.5", "30 days"] {
            assert_eq!(days_kept(text), Err("it is not a whole number".to_owned()), "{text}");
        }
        assert_eq!(days_kept("99999999999"), Err("the number is too large".to_owned()));
    }
}
