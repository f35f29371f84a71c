//! Text from elsewhere (names of batches and courses, words of a mail server) as one line: without line breaks, so that
//! it cannot inject headers, and without characters that change the text direction.

pub(super) use crate::names::is_invisible;

/// The text on one line: control characters and direction overrides are gone, white space is single spaces. At most `limit`
/// characters, with an ellipsis where more were there.
pub(super) fn one_line(text: &str, limit: usize) -> String {
    let visible: String = text
        .chars()
        .map(|char| if char.is_whitespace() { ' ' } else { char })
        .filter(|&char| !is_invisible(char))
        .collect();
    let mut line = String::new();
    for word in visible.split(' ').filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(limit) {
        Some((end, _)) => format!("{}…", line[..end].trim_end()),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_stays_a_line() {
        assert_eq!(
            one_line("Batch 1\r\nBcc: x@example.org", 80),
            "Batch 1 Bcc: x@example.org"
        );
        assert_eq!(one_line("a\0b\u{2028}c\u{85}d\u{202e}e", 80), "ab c de");
        assert_eq!(one_line(" \t ", 80), "");
        assert_eq!(one_line("abcdef", 3), "abc…");
    }

    #[test]
    fn indian_scripts_keep_their_joiners() {
        assert_eq!(one_line("क्\u{200d}ष बैच", 80), "क्\u{200d}ष बैच");
    }
}
