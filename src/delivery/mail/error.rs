//! Why a mail was not sent: what a mail server's answer, or its silence, means before and after the content is handed
//! over.

use std::fmt;

use super::smtp::{Meaning, Step, StepFailure, meaning};

/// Why a mail was not sent, in the server's words where it gave some. Addresses are left out, so that the texts may be
/// logged.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// A permanent refusal of this mail; a retry would fail again.
    #[error("{0}")]
    Refused(String),
    /// This mail cannot be composed, or the address cannot be used; no server refused it.
    #[error("{0}")]
    Unsendable(String),
    /// A temporary failure: the mail did not arrive, and a retry may succeed.
    #[error("{0}")]
    Unavailable(String),
    /// The mail server refuses this service, whatever the mail. Once an operator has corrected that, the same mail can
    /// be sent.
    #[error("{0}")]
    Misconfigured(Refusal),
    /// The content was handed over and no answer came: it may have arrived or not.
    #[error("{0}")]
    Unconfirmed(String),
    /// The caller cancelled the handover.
    #[error("the handover was called off")]
    CalledOff,
}

/// Words with which the mail server refuses this service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The mail server's words.
    pub words: String,
    /// Whether it came after a recipient was named, so that it may be the policy of that mailbox alone.
    pub may_be_of_mailbox: bool,
}

impl Refusal {
    fn of_every_mail(words: String) -> Self {
        Self {
            words,
            may_be_of_mailbox: false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

/// Why one form of a mail was not sent.
#[derive(Debug)]
pub(super) enum NotSent {
    /// It is larger than the server accepts; a smaller form of it may be sent. `began`: some of the content had been
    /// sent.
    TooLarge { words: String, began: bool },
    /// Every form of the mail would fail in the same way.
    Other(SendError),
}

impl NotSent {
    /// Classifies a failure, by whether content had been sent before it.
    pub fn from_failure(failure: StepFailure, began: bool) -> Self {
        Self::Other(match failure {
            StepFailure::Answered { step, answer } => {
                let words = format!("{} ({step})", answer.words());
                match meaning(step, &answer) {
                    Meaning::TooLarge { .. } => return Self::TooLarge { words, began },
                    Meaning::NotNow => SendError::Unavailable(words),
                    Meaning::Service => SendError::Misconfigured(Refusal {
                        words,
                        may_be_of_mailbox: matches!(step, Step::Recipient | Step::Offer),
                    }),
                    Meaning::Mail => SendError::Refused(words),
                }
            }
            // Once content has been sent, only a definite answer shows that the mail did not arrive.
            StepFailure::Broken(words) if began => SendError::Unconfirmed(words),
            StepFailure::Broken(words) => SendError::Unavailable(words),
            StepFailure::Lacking(words) => SendError::Misconfigured(Refusal::of_every_mail(words)),
            StepFailure::Unsendable(words) => SendError::Unsendable(words),
            StepFailure::TooLarge { bytes, limit } => {
                return Self::TooLarge {
                    words: format!("the mail has {bytes} bytes, and the mail server takes {limit}"),
                    began,
                };
            }
        })
    }

    /// The error where no smaller form is left.
    pub fn for_good(self) -> SendError {
        match self {
            Self::TooLarge { words, .. } => SendError::Refused(words),
            Self::Other(error) => error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_answer_after_the_content_is_unconfirmed() {
        let silence = || StepFailure::timed_out(Step::Content, std::time::Duration::from_secs(1));
        let error = |began| NotSent::from_failure(silence(), began).for_good();
        assert!(matches!(error(false), SendError::Unavailable(_)));
        assert!(matches!(error(true), SendError::Unconfirmed(_)));
    }

    #[test]
    fn a_mail_that_is_too_large_in_its_smallest_form_is_refused() {
        let failure = StepFailure::TooLarge { bytes: 11, limit: 10 };
        let not_sent = NotSent::from_failure(failure, false);
        assert!(matches!(not_sent, NotSent::TooLarge { began: false, .. }));
        assert!(matches!(not_sent.for_good(), SendError::Refused(_)));
    }
}
