//! Why a mail was not sent: what a mail server's answer, or its silence, means before and after the content is handed over.

use std::error::Error as _;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;

use super::plain::one_line;

/// Characters of a server's words that are kept.
const WORDS_CHARS: usize = 300;

/// Why a mail was not sent, in the server's words where it gave some. Addresses are left out, so that the texts may be logged.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// For good: another try would fare no better.
    #[error("{0}")]
    Refused(String),
    /// This time: it did not arrive, and another try may fare better.
    #[error("{0}")]
    Unavailable(String),
    /// The content was handed over and no answer came: it may have arrived or not.
    #[error("{0}")]
    Unconfirmed(String),
    /// The caller's word before the handover was no.
    #[error("the handover was called off")]
    CalledOff,
}

/// What came instead of a good answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The server said no for good (5xx).
    Permanent(String),
    /// The server said not now (4xx).
    Temporary(String),
    /// No answer, or none that is one.
    Broken(String),
}

impl Trouble {
    /// Waited for `what` in vain.
    pub fn timed_out(what: &str, time: Duration) -> Self {
        Self::Broken(format!(
            "the mail server did not answer within {} s ({what})",
            time.as_secs_f32().ceil()
        ))
    }

    /// What an error during `what` tells.
    pub fn from_smtp(what: &str, error: &SmtpError) -> Self {
        let Some(code) = error.status() else {
            let words = one_line(&deepest_cause(error), WORDS_CHARS);
            return Self::Broken(format!("the mail server could not be talked to ({what}): {words}"));
        };
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        let said = one_line(&without_addresses(&said), WORDS_CHARS);
        let words = format!("{code} {said} ({what})");
        if error.is_permanent() {
            Self::Permanent(words)
        } else {
            Self::Temporary(words)
        }
    }

    /// What it means while no content has gone out.
    pub fn before_handover(self) -> SendError {
        match self {
            Self::Permanent(words) => SendError::Refused(words),
            Self::Temporary(words) | Self::Broken(words) => SendError::Unavailable(words),
        }
    }

    /// What it means once content has gone out: only a definite answer tells that the mail did not arrive.
    pub fn after_handover(self) -> SendError {
        match self {
            Self::Permanent(words) => SendError::Refused(words),
            Self::Temporary(words) => SendError::Unavailable(words),
            Self::Broken(words) => SendError::Unconfirmed(words),
        }
    }

    /// What it means where it is about us and the server, not about the mail: an operator can mend it before the deadline.
    pub fn while_connecting(self) -> SendError {
        match self {
            Self::Permanent(words) | Self::Temporary(words) | Self::Broken(words) => SendError::Unavailable(words),
        }
    }

    /// Whether the server answered, so that the connection is still of use.
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Permanent(_) | Self::Temporary(_))
    }
}

/// Servers like to repeat the address in their answers.
fn without_addresses(words: &str) -> String {
    let hidden = words
        .split_whitespace()
        .map(|word| if word.contains('@') { "(address)" } else { word });
    hidden.collect::<Vec<_>>().join(" ")
}

/// The error below all others, which says the most.
fn deepest_cause(error: &SmtpError) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
