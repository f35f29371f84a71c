//! Classifies a mail server's refusal: the mail's size, its recipient, its content, or this service, which an operator
//! has to correct.
//!
//! The class follows from the step, the code (RFC 5321) and, where there is one, the enhanced code (RFC 3463): x.1.x is
//! about addresses, x.2.x about a mailbox, x.3.4 and x.2.3 about sizes, x.7.x about who may do what.

use super::reply::{Enhanced, SmtpReply, without_addresses};
use super::step::Step;

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Temporary: a retry may succeed.
    NotNow,
    /// The mail is too large: a smaller one may be accepted at once. `of_server`: the limit is the server's, not one
    /// mailbox's.
    TooLarge { of_server: bool },
    /// This service: its host, name, login, sender or protocol. Every mail is refused like this until an operator
    /// corrects it.
    Service,
    /// This mail or its recipient, for good.
    Mail,
}

/// The meaning of an unexpected answer at a step.
pub fn meaning(step: Step, answer: &SmtpReply) -> Meaning {
    let enhanced = answer.enhanced();
    if let Some(too_large) = too_large(step, answer, enhanced) {
        return too_large;
    }
    if !answer.is_permanent() {
        return Meaning::NotNow;
    }
    let is_service = match step {
        Step::Connecting | Step::Hello | Step::StartTls | Step::Login | Step::Anew => true,
        Step::Sender => !is_of_recipient_s_letters(enhanced),
        Step::Recipient | Step::Offer => is_of_service(answer, enhanced),
        // A refusal of content is about this mail, unless the sender is not authenticated.
        Step::Content => {
            is_login_code(answer.code)
                || matches!(
                    enhanced,
                    Some(Enhanced {
                        subject: 7,
                        detail: 20..=29
                    })
                )
        }
    };
    if is_service { Meaning::Service } else { Meaning::Mail }
}

fn too_large(step: Step, answer: &SmtpReply, enhanced: Option<Enhanced>) -> Option<Meaning> {
    let is_later = matches!(step, Step::Sender | Step::Recipient | Step::Offer | Step::Content);
    if !is_later || !answer.is_permanent() {
        return None;
    }
    match enhanced.map(|enhanced| (enhanced.subject, enhanced.detail)) {
        Some((3, 4)) => Some(Meaning::TooLarge {
            of_server: step != Step::Recipient,
        }),
        // About one mailbox: the mail is too large for it, or it is nearly full. Or the attachment is refused, and a
        // link may be accepted.
        Some((2, 3)) => Some(Meaning::TooLarge { of_server: false }),
        Some(_) if answer.code == 552 => Some(Meaning::TooLarge { of_server: false }),
        // Traditionally, 552 also means that a mailbox is full ("exceeded storage allocation").
        None if answer.code == 552 => Some(Meaning::TooLarge {
            of_server: step != Step::Recipient && names(answer, &["size", "too large", "too big", "too long"]),
        }),
        _ => None,
    }
}

/// x.6.7 and x.6.9: characters beyond ASCII in an address are not accepted.
fn is_of_recipient_s_letters(enhanced: Option<Enhanced>) -> bool {
    matches!(
        enhanced,
        Some(Enhanced {
            subject: 6,
            detail: 7 | 9
        })
    )
}

/// Codes that are only about logging in and EHLO.
fn is_login_code(code: u16) -> bool {
    matches!(code, 530 | 534 | 535 | 538 | 504 | 503)
}

/// Whether a refusal after MAIL FROM is about this service.
fn is_of_service(answer: &SmtpReply, enhanced: Option<Enhanced>) -> bool {
    if is_login_code(answer.code) {
        return true;
    }
    match enhanced {
        // The sender's address, or who may send here.
        Some(Enhanced {
            subject: 1,
            detail: 7 | 8,
        })
        | Some(Enhanced { subject: 7, .. }) => true,
        // The protocol.
        Some(Enhanced { subject: 5, detail }) => detail != 3,
        Some(_) => false,
        None => answer.code == 554 || names_service(answer),
    }
}

/// Exim and others give no enhanced codes, and the same 550 for an unknown mailbox and for a host that may not relay;
/// their words make the difference.
fn names_service(answer: &SmtpReply) -> bool {
    let of_us = [
        "relay",
        "sender",
        "authenticat",
        "helo",
        "your host",
        "your ip",
        "client host",
    ];
    names(answer, &of_us)
}

/// Whether one of these is among an answer's words, outside addresses.
fn names(answer: &SmtpReply, things: &[&str]) -> bool {
    let words = without_addresses(&answer.lines.join(" ")).to_lowercase();
    things.iter().any(|thing| words.contains(thing))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(step: Step, text: &str) -> Meaning {
        let (code, words) = text.split_at(3);
        let answer = SmtpReply {
            code: code.parse().expect("a code"),
            lines: vec![words.trim().to_owned()],
        };
        meaning(step, &answer)
    }

    #[test]
    fn refusals_of_the_service_are_not_refusals_of_the_mail() {
        for (step, text) in [
            (Step::Connecting, "554 5.7.1 no service for you"),
            (Step::Connecting, "521 this host takes no mail"),
            (Step::Hello, "504 5.5.2 need fully-qualified hostname"),
            (Step::Hello, "550 who are you"),
            (Step::Login, "535 5.7.8 wrong"),
            (Step::Sender, "530 5.7.0 Authentication required"),
            (
                Step::Sender,
                "550 5.7.1 Sender address rejected: not owned by this client",
            ),
            (Step::Sender, "553 5.1.8 Domain of sender address does not resolve"),
            (Step::Sender, "555 5.5.4 Unsupported option"),
            (Step::Recipient, "554 5.7.1 Client host rejected: Access denied"),
            (Step::Recipient, "554 Relay access denied"),
            (Step::Recipient, "550 5.7.1 Unable to relay"),
            (
                Step::Recipient,
                "504 5.5.2 Helo command rejected: need fully-qualified hostname",
            ),
            (Step::Recipient, "530 5.7.57 Client not authenticated"),
            (Step::Recipient, "550 relay not permitted"),
            (Step::Recipient, "550 Sender verify failed"),
            (Step::Recipient, "550 5.1.8 bad sender"),
            (Step::Recipient, "503 5.5.1 need MAIL first"),
            (Step::Offer, "554 5.7.1 not from you"),
            (Step::Content, "550 5.7.26 unauthenticated mail"),
        ] {
            assert_eq!(of(step, text), Meaning::Service, "{step}: {text}");
        }
    }

    #[test]
    fn refusals_of_a_mailbox_or_a_content_are_permanent() {
        for (step, text) in [
            (Step::Recipient, "550 5.1.1 no such mailbox"),
            (Step::Recipient, "550 Unrouteable address"),
            (Step::Recipient, "550 asha@relay.sender.example: no such user"),
            (Step::Recipient, "550 <helo@school.example>... User unknown"),
            (Step::Recipient, "553 5.1.3 bad address"),
            (Step::Recipient, "550 5.2.1 mailbox disabled"),
            (Step::Recipient, "550 5.5.3 too many recipients"),
            (Step::Recipient, "551 5.1.6 moved"),
            (Step::Sender, "553 5.6.7 no such letters"),
            (Step::Content, "550 5.7.1 this looks like spam"),
            (Step::Content, "554 5.6.0 malformed"),
        ] {
            assert_eq!(of(step, text), Meaning::Mail, "{step}: {text}");
        }
    }

    #[test]
    fn refusals_for_size_are_recognised_at_every_step() {
        for (step, text, of_server) in [
            (Step::Sender, "552 5.3.4 Message size exceeds fixed limit", true),
            (Step::Sender, "552 too large", true),
            (Step::Recipient, "552 5.3.4 too large", false),
            (
                Step::Recipient,
                "550 5.2.3 message length exceeds administrative limit",
                false,
            ),
            (Step::Recipient, "552 5.2.2 mailbox full", false),
            (Step::Offer, "552 5.3.4 too large", true),
            (Step::Content, "552 5.3.4 message file too big", true),
            (Step::Content, "554 5.3.4 too big", true),
            (Step::Content, "552 5.7.0 this attachment is not allowed", false),
            (Step::Content, "552 message size exceeds maximum", true),
            (Step::Content, "552 Message too long", true),
            (
                Step::Content,
                "552 Requested mail action aborted: exceeded storage allocation",
                false,
            ),
            (Step::Content, "552 <size@school.example> has no room", false),
        ] {
            assert_eq!(of(step, text), Meaning::TooLarge { of_server }, "{step}: {text}");
        }
    }

    #[test]
    fn temporary_answers_are_tried_again() {
        for (step, text) in [
            (Step::Connecting, "421 4.3.2 closing"),
            (Step::Login, "454 4.7.0 later"),
            (Step::Recipient, "451 4.7.1 Greylisted"),
            (Step::Content, "452 4.3.1 disk full"),
            (Step::Sender, "452 4.3.4 too large for the space that is left"),
        ] {
            assert_eq!(of(step, text), Meaning::NotNow, "{step}: {text}");
        }
    }
}
