//! The `Content-Disposition` header (RFC 6266) that names a downloaded file, in any script.

use axum::http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The characters that RFC 8187 does not allow in an extended value.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The header for saving a file as `name`. Old browsers get a name with `_` for characters that they cannot read.
pub fn attachment(name: &str) -> Option<HeaderValue> {
    let plain: String = name
        .chars()
        .map(|letter| match letter {
            'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' | '.' | ' ' | '(' | ')' | ',' | '+' => letter,
            _ => '_',
        })
        .collect();
    let encoded = utf8_percent_encode(name, ENCODED);
    HeaderValue::try_from(format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_breaks_out_of_the_header() {
        let header = attachment("a\"; b\r\nSet-Cookie: c=d/..\\\u{7f}.csv").expect("a header");
        assert_eq!(
            header.to_str().expect("ASCII"),
            "attachment; filename=\"a__ b__Set-Cookie_ c_d_..__.csv\"; \
             filename*=UTF-8''a%22%3B%20b%0D%0ASet-Cookie%3A%20c%3Dd%2F..%5C%7F.csv"
        );
        let header = attachment("course-progress_बैच_2026-11-22.csv").expect("a header");
        assert_eq!(
            header.to_str().expect("ASCII"),
            "attachment; filename=\"course-progress_____2026-11-22.csv\"; \
             filename*=UTF-8''course-progress_%E0%A4%AC%E0%A5%88%E0%A4%9A_2026-11-22.csv"
        );
    }
}
