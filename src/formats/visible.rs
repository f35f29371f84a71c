//! Escapes control characters in the data, which could command a terminal or reorder its text.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// `text` with an escape such as `\u{1b}` for each control character.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.contains(commands_a_terminal) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        push_visible(&mut shown, character);
    }
    Cow::Owned(shown)
}

/// A message of any library on one line, safe for a terminal.
pub fn one_line(message: &str) -> String {
    let words: Vec<&str> = message.split_whitespace().collect();
    visible(&words.join(" ")).into_owned()
}

fn push_visible(shown: &mut String, character: char) {
    match character {
        '\n' => shown.push_str("\\n"),
        '\r' => shown.push_str("\\r"),
        '\t' => shown.push_str("\\t"),
        command if commands_a_terminal(command) => {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(command));
        }
        other => shown.push(other),
    }
}

/// Whether a character is a control character or changes the writing direction. Joiners are not: Indian scripts need
/// them.
fn commands_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// A writer to a terminal that escapes control characters other than line ends and tabs.
pub struct VisibleWriter<W> {
    out: W,
    /// The first bytes of a character that is not complete yet.
    rest: Vec<u8>,
}

impl<W: Write> VisibleWriter<W> {
    /// A writer to `out`.
    pub fn new(out: W) -> Self {
        Self { out, rest: Vec::new() }
    }
}

impl<W: Write> Write for VisibleWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.rest.extend_from_slice(bytes);
        let mut shown = String::with_capacity(self.rest.len());
        let mut begun = 0;
        for chunk in self.rest.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '\n' | '\t' => shown.push(character),
                    other => push_visible(&mut shown, other),
                }
            }
            begun = chunk.invalid().len();
            if begun > 0 {
                shown.push(char::REPLACEMENT_CHARACTER);
            }
        }
        let begun = match std::str::from_utf8(&self.rest[self.rest.len() - begun..]) {
            Err(error) if begun > 0 && error.error_len().is_none() => {
                shown.pop();
                begun
            }
            _ => 0,
        };
        self.rest.drain(..self.rest.len() - begun);
        self.out.write_all(shown.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_become_escapes_and_text_stays() {
        assert_eq!(visible("\u{1b}[31mred\u{7}"), "\\u{1b}[31mred\\u{7}");
        assert_eq!(visible("a\tb\r\nc"), "a\\tb\\r\\nc");
        assert_eq!(visible("\u{202e}desrever"), "\\u{202e}desrever");
        assert_eq!(visible("\u{9b}1m"), "\\u{9b}1m");
        // The joiner in the middle makes a conjunct.
        assert_eq!(visible("क्\u{200d}ष \"é\""), "क्\u{200d}ष \"é\"");
    }

    proptest! {
        #[test]
        fn text_in_pieces_is_shown_like_text_as_a_whole(text in "\\PC*[\\x00-\\x1f\u{80}-\u{9f}ä\u{202e}अ]*", cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..8)) {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let mut shown = Vec::new();
            let mut writer = VisibleWriter::new(&mut shown);
            for pair in places.windows(2) {
                writer.write_all(&text.as_bytes()[pair[0]..pair[1]]).expect("a vector");
            }
            let whole: Vec<String> = text.split('\n').map(|line| {
                line.split('\t').map(|part| visible(part).into_owned()).collect::<Vec<_>>().join("\t")
            }).collect();
            prop_assert_eq!(String::from_utf8(shown).expect("UTF-8"), whole.join("\n"));
        }

        #[test]
        fn whatever_comes_no_command_reaches_the_terminal(bytes: Vec<u8>) {
            let mut shown = Vec::new();
            VisibleWriter::new(&mut shown).write_all(&bytes).expect("a vector");
            let shown = String::from_utf8(shown).expect("UTF-8");
            prop_assert!(!shown.chars().any(|shown| commands_a_terminal(shown) && shown != '\n' && shown != '\t'));
        }
    }
}
