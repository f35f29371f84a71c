//! The steps of a dialogue with a mail server, and what came instead of a good answer at one of them.

use std::fmt;
use std::io;
use std::time::Duration;

use super::super::plain::one_line;
use super::answer::Answer;

const WORDS_CHARS: usize = 300;

/// A step of the dialogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Step {
    Connecting,
    Hello,
    StartTls,
    Login,
    /// Ends what may be left of the mail before.
    Anew,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, before anything of the content goes out.
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

/// What came instead of a good answer. No text of it holds an address.
#[derive(Debug)]
pub enum Trouble {
    /// The server said no, for now (4xx) or for good (5xx).
    Answered { step: Step, answer: Answer },
    /// No answer, or none that is one.
    Broken(String),
    /// The server lacks what the settings ask for; nothing more was said to it.
    Lacking(String),
    /// This server cannot take mails for such an address; nothing was said of it.
    Unsendable(String),
    /// The mail is larger than the server says that it takes; nothing was said of it.
    TooLarge { bytes: u64, limit: u64 },
}

impl Trouble {
    /// Waited in vain.
    pub fn timed_out(step: Step, time: Duration) -> Self {
        let seconds = time.as_secs_f32().ceil();
        Self::Broken(format!("the mail server did not answer within {seconds} s ({step})"))
    }

    /// The connection does not work.
    pub fn broken(step: Step, error: &io::Error) -> Self {
        let words = one_line(&error.to_string(), WORDS_CHARS);
        Self::Broken(format!("the mail server could not be talked to ({step}): {words}"))
    }

    /// Whether the server knows where the dialogue stands as well as we do, so that the connection is still of use.
    pub fn leaves_the_connection(&self) -> bool {
        match self {
            // It closes the connection after that.
            Self::Answered { answer, .. } => answer.code != 421,
            Self::Unsendable(_) | Self::TooLarge { .. } => true,
            Self::Broken(_) | Self::Lacking(_) => false,
        }
    }
}

/// The answer, where it is a hoped-for one.
pub fn hoped(step: Step, answer: Answer, is_hoped: impl FnOnce(&Answer) -> bool) -> Result<Answer, Trouble> {
    if is_hoped(&answer) {
        return Ok(answer);
    }
    if answer.is_temporary() || answer.is_permanent() {
        return Err(Trouble::Answered { step, answer });
    }
    let words = answer.words();
    Err(Trouble::Broken(format!(
        "the mail server gave an unexpected answer: {words} ({step})"
    )))
}
