//! Replies of a mail server: three digits with the meaning, and words for people, in any encoding.

use std::io;

use bytes::{Buf, BytesMut};
use memchr::memchr;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::super::plain::one_line;

/// The longest reply in bytes. Servers with many capabilities or long explanations need some kB.
const MOST_BYTES: usize = 64 * 1024;
/// Characters of a server's words that are kept.
const WORDS_CHARS: usize = 300;

/// One reply, of one line or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpReply {
    /// 200 to 599.
    pub code: u16,
    /// The words of each line, without the code.
    pub lines: Vec<String>,
}

/// An enhanced status code (RFC 3463) without its first digit, which is that of the code: 5.7.1 has the subject 7 and
/// the detail 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enhanced {
    pub subject: u16,
    pub detail: u16,
}

impl SmtpReply {
    /// Whether the command succeeded (2xx).
    pub fn is_good(&self) -> bool {
        (200..300).contains(&self.code)
    }

    /// Whether the refusal is temporary (4xx).
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// Whether the refusal is permanent (5xx).
    pub fn is_permanent(&self) -> bool {
        self.code >= 500
    }

    /// The enhanced status code at the beginning of its words, if there is one.
    pub fn enhanced(&self) -> Option<Enhanced> {
        let first = self.lines.first()?.split_whitespace().next()?;
        let mut parts = first.trim_end_matches(':').split('.');
        let (class, subject, detail) = (parts.next()?, parts.next()?, parts.next()?);
        let is_like_the_code = class.parse::<u16>() == Ok(self.code / 100);
        if !is_like_the_code || parts.next().is_some() {
            return None;
        }
        Some(Enhanced {
            subject: subject.parse().ok()?,
            detail: detail.parse().ok()?,
        })
    }

    /// Code and words on one line, without addresses, so that it may be logged.
    pub fn words(&self) -> String {
        let said = without_addresses(&self.lines.join(" "));
        one_line(&format!("{} {said}", self.code), WORDS_CHARS)
    }
}

/// Servers like to repeat the address in their replies.
pub fn without_addresses(words: &str) -> String {
    let hidden = words
        .split_whitespace()
        .map(|word| if word.contains('@') { "(address)" } else { word });
    hidden.collect::<Vec<_>>().join(" ")
}

/// Reads one reply. `unread` holds bytes that belong to no reply yet; none are lost where the returned future is
/// dropped.
pub async fn read_reply(stream: &mut (impl AsyncRead + Unpin), unread: &mut BytesMut) -> io::Result<SmtpReply> {
    loop {
        if let Some((answer, length)) = parse(unread)? {
            unread.advance(length);
            return Ok(answer);
        }
        if unread.len() > MOST_BYTES {
            return Err(io::Error::other("its answer has no end"));
        }
        if stream.read_buf(unread).await? == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it closed the connection without a word",
            ));
        }
    }
}

/// The reply at the beginning of what was read, and its length in bytes; `None` where its end is not there yet.
fn parse(read: &[u8]) -> io::Result<Option<(SmtpReply, usize)>> {
    let mut lines = Vec::new();
    let mut begin = 0;
    while let Some(length) = memchr(b'\n', &read[begin..]) {
        let line = &read[begin..begin + length];
        begin += length + 1;
        let (code, is_last, words) =
            parse_line(line).ok_or_else(|| io::Error::other("its answer is none of the mail protocol"))?;
        lines.push(text(words));
        if is_last {
            return Ok(Some((SmtpReply { code, lines }, begin)));
        }
    }
    Ok(None)
}

/// The code of a line, whether the reply ends with it, and its words.
fn parse_line(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    let is_code = matches!(digits[0], b'2'..=b'5') && digits.iter().all(u8::is_ascii_digit);
    if !is_code {
        return None;
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    match rest.split_first() {
        Some((b'-', words)) => Some((code, false, words)),
        Some((b' ', words)) => Some((code, true, words)),
        Some((digit, _)) if digit.is_ascii_digit() => None,
        // Some servers leave out the space.
        _ => Some((code, true, rest)),
    }
}

/// Words decoded as UTF-8 where they are valid, otherwise as Latin-1, in which every byte is a character.
fn text(words: &[u8]) -> String {
    let words = words.trim_ascii();
    match std::str::from_utf8(words) {
        Ok(text) => text.to_owned(),
        Err(_) => words.iter().map(|&byte| char::from(byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(bytes: &[u8]) -> SmtpReply {
        let (answer, length) = parse(bytes).expect("an answer").expect("a whole one");
        assert_eq!(length, bytes.len());
        answer
    }

    #[test]
    fn answers_are_understood_in_any_encoding() {
        let latin = parsed(b"250 2.0.0 Message accept\xe9\r\n");
        assert_eq!((latin.code, latin.words().as_str()), (250, "250 2.0.0 Message accepté"));
        assert!(latin.is_good());
        let utf8 = parsed("550-5.1.1 नहीं <asha@example.org>\r\n550 5.1.1 मिला\n".as_bytes());
        assert_eq!(utf8.words(), "550 5.1.1 नहीं (address) 5.1.1 मिला");
        assert!(utf8.is_permanent());
        for short in ["354\r\n", "354 \r\n", "354go on\n"] {
            assert_eq!(parsed(short.as_bytes()).code, 354);
        }
    }

    #[test]
    fn a_malformed_answer_is_an_error() {
        for bad in ["", "1", "25", "999 x", "150 x", "2500 x", "abc def", "2 50"] {
            assert!(parse(format!("{bad}\r\n").as_bytes()).is_err(), "{bad:?}");
        }
        assert!(parse(b"250-more\r\n").expect("so far good").is_none());
        assert!(parse(b"250 half").expect("so far good").is_none());
    }

    #[test]
    fn enhanced_codes_stand_first() {
        let enhanced = |text: &str| {
            let found = parsed(format!("{text}\r\n").as_bytes()).enhanced();
            found.map(|found| (found.subject, found.detail))
        };
        assert_eq!(enhanced("550 5.7.1 no"), Some((7, 1)));
        assert_eq!(enhanced("550 5.7.25: no"), Some((7, 25)));
        assert_eq!(enhanced("550 4.7.1 no"), None);
        assert_eq!(enhanced("550 relay not permitted"), None);
        assert_eq!(enhanced("550 5.7.1.2 no"), None);
        assert_eq!(enhanced("550"), None);
    }

    #[tokio::test]
    async fn bytes_after_an_answer_are_kept() {
        let mut stream: &[u8] = b"250-one\r\n250 two\r\n550 three\r\n25";
        let mut unread = BytesMut::new();
        let first = read_reply(&mut stream, &mut unread).await.expect("an answer");
        assert_eq!(
            (first.code, first.lines),
            (250, vec!["one".to_owned(), "two".to_owned()])
        );
        let second = read_reply(&mut stream, &mut unread).await.expect("an answer");
        assert_eq!(second.code, 550);
        assert!(read_reply(&mut stream, &mut unread).await.is_err());
    }

    proptest! {
        #[test]
        fn the_code_is_read_whatever_the_text_is(
            code in 200u16..600,
            words in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..4),
        ) {
            let mut bytes = Vec::new();
            for (number, line) in words.iter().enumerate() {
                let mark = if number + 1 < words.len() { '-' } else { ' ' };
                bytes.extend_from_slice(format!("{code}{mark}").as_bytes());
                bytes.extend(line.iter().filter(|&&byte| byte != b'\n'));
                bytes.extend_from_slice(b"\r\n");
            }
            let answer = parsed(&bytes);
            prop_assert_eq!(answer.code, code);
            prop_assert_eq!(answer.lines.len(), words.len());
            prop_assert!(answer.words().starts_with(&code.to_string()));
            prop_assert!(!answer.words().contains(['\r', '\n', '\0']));
        }

        #[test]
        fn no_answer_makes_the_parser_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
