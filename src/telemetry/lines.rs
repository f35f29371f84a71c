//! Reads a text line by line, with a limit of the length of lines.

use std::io::{BufRead, ErrorKind, Result};

use memchr::memchr;

/// The longest line that is read into memory, in bytes. Events have some hundred bytes; whole payloads of a client, some
/// hundred thousand.
pub const MOST_BYTES: usize = 4 << 20;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A reader of lines.
pub struct Lines<R> {
    text: R,
    most_bytes: usize,
    /// The number of the line that was read last, counted from 1.
    pub number: u64,
    line: Vec<u8>,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
}

impl<R: BufRead> Lines<R> {
    pub fn new(text: R, most_bytes: usize) -> Self {
        Self {
            text,
            most_bytes,
            number: 0,
            line: Vec::new(),
        }
    }

    /// The next line that is not blank; `None` after the last one. A line that an error interrupts is lost.
    pub fn next(&mut self) -> Result<Option<Line<'_>>> {
        loop {
            let Some(is_whole) = self.read()? else {
                return Ok(None);
            };
            if !is_whole {
                return Ok(Some(Line::TooLong));
            }
            let mut start = 0;
            if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
                start = BYTE_ORDER_MARK.len();
            }
            if !self.line[start..].trim_ascii().is_empty() {
                return Ok(Some(Line::Whole(self.line[start..].trim_ascii())));
            }
        }
    }

    /// Reads a line into `line`. Returns whether it is within the limit; `None` at the end.
    fn read(&mut self) -> Result<Option<bool>> {
        self.line.clear();
        let (mut is_whole, mut has_begun) = (true, false);
        loop {
            let bytes = match self.text.fill_buf() {
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => {
                    self.number += 1;
                    return Err(error);
                }
            };
            if bytes.is_empty() {
                if has_begun {
                    self.number += 1;
                }
                return Ok(has_begun.then_some(is_whole));
            }
            has_begun = true;
            let end = memchr(b'\n', bytes);
            let part = &bytes[..end.unwrap_or(bytes.len())];
            is_whole = is_whole && self.line.len() + part.len() <= self.most_bytes;
            if is_whole {
                self.line.extend_from_slice(part);
            }
            let used = end.map_or(bytes.len(), |end| end + 1);
            self.text.consume(used);
            if end.is_some() {
                self.number += 1;
                return Ok(Some(is_whole));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    fn lines_of(text: &[u8], buffer: usize, most_bytes: usize) -> Vec<(u64, Option<Vec<u8>>)> {
        let mut lines = Lines::new(BufReader::with_capacity(buffer, text), most_bytes);
        let mut found = Vec::new();
        while let Some(line) = lines.next().expect("memory is read") {
            let line = match line {
                Line::Whole(line) => Some(line.to_vec()),
                Line::TooLong => None,
            };
            found.push((lines.number, line));
        }
        found
    }

    #[test]
    fn ends_marks_and_blanks_are_left_out_and_counted() {
        let text = b"\xef\xbb\xbfone\r\n\n  \t\r\n two\r\n\xef\xbb\xbfthree";
        let line = |number, line: &[u8]| (number, Some(line.to_vec()));
        let expected = [line(1, b"one"), line(4, b"two"), line(5, b"\xef\xbb\xbfthree")];
        assert_eq!(lines_of(text, 1, 100), expected);
        assert_eq!(lines_of(b"", 8, 100), []);
        assert_eq!(lines_of(b"\xef\xbb\xbf\n", 8, 100), []);
        let long = b"123456\n12345\n1234567";
        assert_eq!(lines_of(long, 4, 5), [(1, None), line(2, b"12345"), (3, None)]);
    }

    proptest! {
        #[test]
        fn lines_are_those_of_the_text(text in "[ab\\n\\r ]{0,60}", buffer in 1_usize..20, most in 0_usize..9) {
            let expected: Vec<_> = text.split_terminator('\n').enumerate()
                .map(|(place, line)| (place as u64 + 1, line))
                .filter(|(_, line)| line.len() > most || !line.trim().is_empty())
                .map(|(number, line)| (number, (line.len() <= most).then(|| line.trim().as_bytes().to_vec())))
                .collect();
            prop_assert_eq!(lines_of(text.as_bytes(), buffer, most), expected);
        }
    }
}
