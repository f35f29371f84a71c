//! Parses which bytes of a file a request asks for (RFC 9110, section 14): the whole file, or one range.

use std::ops::Range;

use axum::http::HeaderMap;
use axum::http::header::{IF_RANGE, RANGE};

/// The requested bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The whole file. Also for several ranges or an unknown unit, which a server may ignore.
    Whole,
    Part(Range<u64>),
    /// A range that begins after the end of the file.
    Nothing,
}

impl Wanted {
    /// The bytes that the headers ask for, of a file of `size` bytes with the entity tag `etag`.
    pub fn of(headers: &HeaderMap, etag: &str, size: u64) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(range) = text(RANGE) else { return Self::Whole };
        // A range of a changed file would not fit what the client already has.
        if headers.contains_key(IF_RANGE) && text(IF_RANGE) != Some(etag) {
            return Self::Whole;
        }
        parse(range, size).unwrap_or(Self::Whole)
    }
}

/// The single range of a `bytes=…` header; `None` where it has another form.
fn parse(range: &str, size: u64) -> Option<Wanted> {
    let (unit, range) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let (start, end) = match (first, last) {
        ("", length) => (size.saturating_sub(number(length)?), size),
        (first, "") => (number(first)?, size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return None;
            }
            (first, last.saturating_add(1).min(size))
        }
    };
    Some(if start < end {
        Wanted::Part(start..end)
    } else {
        Wanted::Nothing
    })
}

/// Parses digits; a number that is too large becomes the largest.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(range: &str, size: u64) -> Wanted {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, range.parse().expect("a header"));
        Wanted::of(&headers, "\"a\"", size)
    }

    #[test]
    fn one_range_of_bytes_is_understood() {
        for (range, expected) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=2-5", Wanted::Part(2..6)),
            ("Bytes = 2-5", Wanted::Part(2..6)),
            ("bytes=7-", Wanted::Part(7..10)),
            ("bytes=-3", Wanted::Part(7..10)),
            ("bytes=-30", Wanted::Part(0..10)),
            ("bytes=9-99999999999999999999999", Wanted::Part(9..10)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-20", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=5-2", Wanted::Whole),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("rows=0-1", Wanted::Whole),
            ("0-1", Wanted::Whole),
        ] {
            assert_eq!(wanted(range, 10), expected, "{range}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
        assert_eq!(wanted("bytes=-1", 0), Wanted::Nothing);
    }

    #[test]
    fn a_range_of_other_content_is_ignored() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, "bytes=0-1".parse().expect("a header"));
        headers.insert(IF_RANGE, "\"a\"".parse().expect("a header"));
        assert_eq!(Wanted::of(&headers, "\"a\"", 10), Wanted::Part(0..2));
        assert_eq!(Wanted::of(&headers, "\"b\"", 10), Wanted::Whole);
        headers.insert(IF_RANGE, "Tue, 24 Nov 2026 00:00:00 GMT".parse().expect("a header"));
        assert_eq!(Wanted::of(&headers, "\"a\"", 10), Wanted::Whole);
    }
}
