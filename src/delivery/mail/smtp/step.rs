//! The steps of a dialogue with a mail server, and the ways in which a step fails.

use std::fmt;
use std::io;
use std::time::Duration;

use super::super::plain::one_line;
use super::reply::SmtpReply;

const WORDS_CHARS: usize = 300;

/// A step of the dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Connecting,
    Hello,
    StartTls,
    Login,
    /// RSET: resets the state after the previous mail.
    Anew,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before any of the content is sent.
    Offer,
    Content,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Hello => "saying hello",
            Self::StartTls => "starting TLS",
            Self::Login => "logging in",
            Self::Anew => "starting anew",
            Self::Sender => "naming the sender",
            Self::Recipient => "naming the recipient",
            Self::Offer => "offering the content",
            Self::Content => "handing over the content",
        })
    }
}

/// The failure of a step. Its texts contain no addresses.
#[derive(Debug)]
pub enum StepFailure {
    /// The server refused, temporarily (4xx) or permanently (5xx).
    Answered { step: Step, answer: SmtpReply },
    /// No answer, or a malformed one.
    Broken(String),
    /// The server lacks a capability that the settings require; the dialogue ended there.
    Lacking(String),
    /// The server cannot accept mails for such an address; the mail was not offered.
    Unsendable(String),
    /// The mail is larger than the server's announced limit; the mail was not offered.
    TooLarge { bytes: u64, limit: u64 },
}

impl StepFailure {
    /// A time-out.
    pub fn timed_out(step: Step, time: Duration) -> Self {
        let seconds = time.as_secs_f32().ceil();
        Self::Broken(format!("the mail server did not answer within {seconds} s ({step})"))
    }

    /// The connection does not work.
    pub fn broken(step: Step, error: &io::Error) -> Self {
        let words = one_line(&error.to_string(), WORDS_CHARS);
        Self::Broken(format!("the mail server could not be talked to ({step}): {words}"))
    }

    /// Whether client and server agree on the state of the dialogue, so that the connection can be used again.
    pub fn leaves_the_connection(&self) -> bool {
        match self {
            // It closes the connection after that.
            Self::Answered { answer, .. } => answer.code != 421,
            Self::Unsendable(_) | Self::TooLarge { .. } => true,
            Self::Broken(_) | Self::Lacking(_) => false,
        }
    }
}

/// The answer, where it is an expected one.
pub fn expected(
    step: Step,
    answer: SmtpReply,
    is_expected: impl FnOnce(&SmtpReply) -> bool,
) -> Result<SmtpReply, StepFailure> {
    if is_expected(&answer) {
        return Ok(answer);
    }
    if answer.is_temporary() || answer.is_permanent() {
        return Err(StepFailure::Answered { step, answer });
    }
    let words = answer.words();
    Err(StepFailure::Broken(format!(
        "the mail server gave an unexpected answer: {words} ({step})"
    )))
}
