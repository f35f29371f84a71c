//! What a mail server says it can do, in its answer to EHLO.

use super::reply::SmtpReply;

/// The capabilities that matter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// SIZE: MAIL FROM may declare the size of the mail (RFC 1870).
    pub takes_size: bool,
    /// Bytes of the largest mail that it takes, as it is sent: with headers, encoded.
    pub max_bytes: Option<u64>,
    pub starttls: bool,
    /// Addresses with letters beyond ASCII (RFC 6531).
    pub utf8: bool,
    /// The login mechanisms AUTH PLAIN and AUTH LOGIN.
    pub plain: bool,
    pub login: bool,
}

impl Capabilities {
    /// Parses the answer to EHLO.
    pub fn of(answer: &SmtpReply) -> Self {
        let mut capabilities = Self::default();
        // The first line greets.
        for line in answer.lines.iter().skip(1) {
            // Some old servers write `AUTH=LOGIN`.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            let name = words.next().unwrap_or_default().to_ascii_uppercase();
            match name.as_str() {
                "SIZE" => {
                    capabilities.takes_size = true;
                    // 0 means: no fixed limit.
                    capabilities.max_bytes = words
                        .next()
                        .and_then(|number| number.parse().ok())
                        .filter(|&bytes| bytes > 0);
                }
                "STARTTLS" => capabilities.starttls = true,
                "SMTPUTF8" => capabilities.utf8 = true,
                "AUTH" => {
                    for mechanism in words {
                        capabilities.plain |= mechanism.eq_ignore_ascii_case("PLAIN");
                        capabilities.login |= mechanism.eq_ignore_ascii_case("LOGIN");
                    }
                }
                _ => {}
            }
        }
        capabilities
    }

    /// The capabilities of a server that does not announce them: logging in may be tried, and nothing else is known.
    pub fn not_announced() -> Self {
        Self {
            plain: true,
            login: true,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[&str]) -> Capabilities {
        Capabilities::of(&SmtpReply {
            code: 250,
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
        })
    }

    #[test]
    fn the_number_after_size_is_read() {
        for (line, takes_size, max_bytes) in [
            ("SIZE 10240000", true, Some(10_240_000)),
            ("size  52428800 ", true, Some(52_428_800)),
            ("SIZE=100", true, Some(100)),
            ("SIZE", true, None),
            ("SIZE 0", true, None),
            ("SIZE many", true, None),
            ("SIZES 10", false, None),
        ] {
            let capabilities = told(&["mail.example.org", line]);
            assert_eq!(
                (capabilities.takes_size, capabilities.max_bytes),
                (takes_size, max_bytes),
                "{line}"
            );
        }
    }

    #[test]
    fn the_greeting_is_no_ability() {
        assert_eq!(told(&["SIZE 10"]), Capabilities::default());
        let capabilities = told(&["x", "8BITMIME", "STARTTLS", "AUTH PLAIN login", "AUTH=X", "SmtpUtf8"]);
        assert!(capabilities.starttls && capabilities.plain && capabilities.login && capabilities.utf8);
        assert!(!capabilities.takes_size);
    }
}
