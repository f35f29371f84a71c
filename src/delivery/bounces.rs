//! Bounces: reports of mail servers (RFC 3464) that a mail which they had accepted could not be delivered.
//!
//! They are sent to the envelope sender of a mail. The request is known from that address where it contains the
//! request's id (VERP), otherwise from the Message-ID of the returned mail.

use chrono::{DateTime, Utc};
use mail_parser::{Address, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use super::mail::{one_line_without_addresses, request_of_message_id, same_address};
use super::request::{Bounce, Request, RequestId};

/// Digits of a request's id in an address.
const ID_DIGITS: usize = 32;

/// A bounce, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BounceReport {
    /// The request whose mail came back.
    pub request: RequestId,
    /// The enhanced status code, such as 5.1.1.
    pub code: Option<String>,
    /// The mail server's words, without addresses.
    pub words: String,
    /// The recipients that the mail did not reach: the original and the final address.
    pub recipients: Vec<String>,
}

impl BounceReport {
    /// The part that is stored with its request. The code is kept only where it is about the requester's own address: a
    /// forwarded mail may fail at another address, which says nothing about the requester's.
    pub fn of(self, request: &Request, at: DateTime<Utc>) -> Bounce {
        let email = request.person.email.as_deref().unwrap_or_default();
        let is_about_requester = self.recipients.iter().any(|known| same_address(known, email));
        Bounce {
            at,
            code: self.code.filter(|_| is_about_requester),
            words: self.words,
        }
    }
}

/// A mail that is no bounce of one of our mails and is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum NoBounce {
    #[error("it is no mail")]
    NoMail,
    #[error("it is no report of a delivery")]
    NoReport,
    #[error("it reports no failure")]
    NoFailure,
    #[error("it names no request")]
    NoRequest,
}

/// Parses a mail as a bounce. `recipient` is the envelope recipient, where the mail server passes it on; otherwise it
/// is taken from the mail's headers.
///
/// # Errors
/// The reason why it is not a bounce of one of our mails.
pub fn read_bounce(raw: &[u8], recipient: Option<&str>) -> Result<BounceReport, NoBounce> {
    let mail = MessageParser::default().parse(raw).ok_or(NoBounce::NoMail)?;
    let status = mail
        .parts
        .iter()
        .find(|part| is_of_type(part, "message", &["delivery-status", "global-delivery-status"]))
        .ok_or(NoBounce::NoReport)?;
    let mut failed = failed_recipient(&String::from_utf8_lossy(status.contents())).ok_or(NoBounce::NoFailure)?;
    if failed.diagnostic.is_none() {
        failed.diagnostic = words_for_people(&mail, &failed.recipients);
    }
    let request = request_of_recipient(&mail, recipient).or_else(|| request_of_returned_mail(&mail));
    Ok(BounceReport {
        request: request.ok_or(NoBounce::NoRequest)?,
        words: failed.words(),
        code: failed.code().map(str::to_owned),
        recipients: failed.recipients,
    })
}

/// The fields of the delivery report about one failed recipient.
#[derive(Debug, Default)]
struct FailedRecipient {
    /// The enhanced status code.
    status: Option<String>,
    /// The remote server's answer.
    diagnostic: Option<String>,
    recipients: Vec<String>,
}

impl FailedRecipient {
    /// The most specific status code: Exim and OpenSMTPD write 5.0.0 whatever the remote server answered.
    fn code(&self) -> Option<&str> {
        let status = self.status.as_deref();
        let said = || self.diagnostic.as_deref().and_then(code_of_answer);
        status.filter(|code| !code.ends_with(".0.0")).or_else(said).or(status)
    }

    fn words(&self) -> String {
        let said = self.diagnostic.as_deref().or(self.status.as_deref());
        one_line_without_addresses(said.unwrap_or("the mail server gave no reason"))
    }
}

/// The first recipient of the report for whom delivery failed permanently. The report has groups of fields, separated
/// by empty lines: one for the message, then one for each recipient (RFC 3464).
fn failed_recipient(text: &str) -> Option<FailedRecipient> {
    let mut groups = vec![Vec::new()];
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            groups.push(Vec::new());
        } else if let Some(group) = groups.last_mut() {
            add_line(group, line);
        }
    }
    groups.iter().find_map(|group| {
        let field = |name: &str| {
            let found = group.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        if !field("Action")?.eq_ignore_ascii_case("failed") {
            return None;
        }
        // Comments may follow the code.
        let status = field("Status").and_then(|status| status.split_whitespace().next());
        let status = status.filter(|code| is_enhanced(code));
        let diagnostic = field("Diagnostic-Code").map(|value| match value.split_once(';') {
            // `smtp; 550 5.1.1 …`
            Some((_, words)) => words.trim(),
            None => value,
        });
        let recipients = ["Final-Recipient", "Original-Recipient"];
        Some(FailedRecipient {
            recipients: recipients.into_iter().filter_map(field).map(address_in).collect(),
            status: status.map(str::to_owned),
            diagnostic: diagnostic.filter(|words| !words.is_empty()).map(str::to_owned),
        })
    })
}

/// The line about one of these recipients in the human-readable part, `asha@school.example: 550 …`. OpenSMTPD gives the
/// reason nowhere else.
fn words_for_people(mail: &Message<'_>, recipients: &[String]) -> Option<String> {
    let text = mail.body_text(0)?;
    let words = |line: &str| {
        let (address, words) = line.trim().split_once(": ")?;
        let is_answer = words.starts_with(['4', '5']) && recipients.iter().any(|known| same_address(known, address));
        is_answer.then(|| words.to_owned())
    };
    text.lines().find_map(words)
}

/// The enhanced code of a mail server's answer, `550 5.1.1 …` or `550-5.1.1 …`.
fn code_of_answer(answer: &str) -> Option<&str> {
    let (reply, rest) = answer.split_at_checked(3)?;
    let code = rest.strip_prefix([' ', '-'])?.split_whitespace().next()?;
    let is_reply = reply.bytes().all(|byte| byte.is_ascii_digit());
    (is_reply && is_enhanced(code) && code.get(..1) == reply.get(..1)).then_some(code)
}

/// The address of `rfc822; asha@example.org`, or of `utf-8; …`, which may have letters beyond ASCII (RFC 6533).
fn address_in(value: &str) -> String {
    let (kind, address) = value.split_once(';').unwrap_or(("", value));
    let address = address.trim().trim_matches(['<', '>']);
    if kind.trim().eq_ignore_ascii_case("utf-8") {
        without_escapes(address)
    } else {
        address.to_owned()
    }
}

/// The text with each `\x{906}`, which a mail server writes in a report of ASCII, as the character that it stands for.
fn without_escapes(text: &str) -> String {
    const BEGIN: &str = "\\x{";
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        plain.push_str(before);
        let escaped = after.split_once('}');
        rest = match escaped.and_then(|(digits, behind)| Some((character(digits)?, behind))) {
            Some((character, behind)) => {
                plain.push(character);
                behind
            }
            None => {
                plain.push_str(BEGIN);
                after
            }
        };
    }
    plain.push_str(rest);
    plain
}

/// The character of a hexadecimal code point.
fn character(digits: &str) -> Option<char> {
    u32::from_str_radix(digits, 16).ok().and_then(char::from_u32)
}

/// Adds a line to the fields of a group; a line that begins with white space continues the previous field.
fn add_line(group: &mut Vec<(String, String)>, line: &str) {
    if line.starts_with([' ', '\t']) {
        if let Some((_, value)) = group.last_mut() {
            value.push(' ');
            value.push_str(line.trim());
        }
    } else if let Some((name, value)) = line.split_once(':') {
        group.push((name.trim().to_owned(), value.trim().to_owned()));
    }
}

fn is_enhanced(code: &str) -> bool {
    let parts: Vec<&str> = code.split('.').collect();
    let is_number = |part: &&str| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.len() == 3 && parts.iter().all(is_number)
}

/// The request whose id is in the address that the bounce came to.
fn request_of_recipient(mail: &Message<'_>, recipient: Option<&str>) -> Option<RequestId> {
    let named = ["Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To"]
        .into_iter()
        .filter_map(|name| mail.header_raw(name));
    let to = mail.to().and_then(Address::first).and_then(|address| address.address());
    recipient
        .into_iter()
        .chain(named)
        .chain(to)
        .find_map(request_in_address)
}

/// `bounces+<id>@example.org`, with any sign before the id.
fn request_in_address(address: &str) -> Option<RequestId> {
    let address = address.trim().trim_matches(['<', '>']);
    let (local, _) = address.rsplit_once('@')?;
    let begin = local.len().checked_sub(ID_DIGITS)?;
    local.get(begin..)?.parse().ok()
}

/// The request whose mail came back, by its Message-ID.
fn request_of_returned_mail(mail: &Message<'_>) -> Option<RequestId> {
    mail.parts.iter().find_map(|part| {
        let message_id = match &part.body {
            PartType::Message(returned) => returned.message_id().map(str::to_owned),
            _ if is_of_type(part, "text", &["rfc822-headers"])
                || is_of_type(part, "message", &["global-headers", "rfc822", "global"]) =>
            {
                let returned = MessageParser::default().parse_headers(part.contents())?;
                returned.message_id().map(str::to_owned)
            }
            _ => None,
        };
        request_of_message_id(&message_id?)
    })
}

fn is_of_type(part: &MessagePart<'_>, kind: &str, subtypes: &[&str]) -> bool {
    part.content_type().is_some_and(|found| {
        let subtype = found.subtype().unwrap_or_default();
        found.ctype().eq_ignore_ascii_case(kind) && subtypes.iter().any(|known| known.eq_ignore_ascii_case(subtype))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "01a20f56-0ec4-7763-802f-c1309b6a0442";

    /// A bounce as Postfix writes it.
    fn bounce(to: &str, status: &str, returned: &str) -> String {
        format!(
            "Return-Path: <>\r\nFrom: MAILER-DAEMON@mail.example.org (Mail Delivery System)\r\nTo: {to}\r\n\
             Subject: Undelivered Mail Returned to Sender\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"x\"\r\n\r\n\
             --x\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nI'm sorry.\r\n\r\n\
             --x\r\nContent-Description: Delivery report\r\nContent-Type: message/delivery-status\r\n\r\n\
             Reporting-MTA: dns; mail.example.org\r\nArrival-Date: Tue, 24 Nov 2026 20:53:47 +0000\r\n\r\n{status}\r\n\
             --x\r\nContent-Type: {returned}\r\n\r\n--x--\r\n"
        )
    }

    const NO_MAILBOX: &str = "Final-Recipient: rfc822; asha@school.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\
        Remote-MTA: dns; mx.school.example\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 <asha@school.example>: Recipient address\r\n    rejected: no such mailbox\r\n";

    fn headers(message_id: &str) -> String {
        format!("text/rfc822-headers\r\n\r\nFrom: reports@example.org\r\nMessage-ID: <{message_id}>\r\nSubject: Report")
    }

    #[test]
    fn the_request_is_found_by_the_bounce_address_or_the_returned_mail() {
        let id: RequestId = ID.parse().expect("an id");
        let verp = format!("bounces+{}@example.org", id.compact());
        let of_mail = format!("{ID}.report@example.org");
        let of_notice = format!("{ID}.notice@example.org");
        let whole = format!("message/rfc822\r\n\r\nMessage-ID: <{of_mail}>\r\nSubject: Report\r\n\r\nHello,");
        for (to, recipient, returned) in [
            (verp.as_str(), None, headers("other@example.org")),
            ("bounces@example.org", Some(verp.as_str()), headers("other@example.org")),
            ("bounces@example.org", None, headers(&of_mail)),
            ("bounces@example.org", None, headers(&of_notice)),
            ("bounces@example.org", None, whole),
        ] {
            let read = read_bounce(bounce(to, NO_MAILBOX, &returned).as_bytes(), recipient).expect("a bounce");
            assert_eq!(read.request, id);
            assert_eq!(read.code.as_deref(), Some("5.1.1"));
            assert_eq!(read.recipients, ["asha@school.example"]);
            assert_eq!(
                read.words,
                "550 5.1.1 (address) Recipient address rejected: no such mailbox"
            );
        }
    }

    #[test]
    fn other_mails_are_not_bounces() {
        let ours = headers(&format!("{ID}.report@example.org"));
        let to = "bounces@example.org";
        let delayed = NO_MAILBOX.replace("failed", "delayed");
        let read = |mail: String| read_bounce(mail.as_bytes(), None).err();
        assert_eq!(read(bounce(to, &delayed, &ours)), Some(NoBounce::NoFailure));
        assert_eq!(read(bounce(to, "", &ours)), Some(NoBounce::NoFailure));
        assert_eq!(
            read(bounce(to, NO_MAILBOX, &headers("1@example.org"))),
            Some(NoBounce::NoRequest)
        );
        let away =
            "From: asha@school.example\r\nTo: bounces@example.org\r\nSubject: I am away\r\n\r\nUntil Monday.\r\n";
        assert_eq!(read(away.to_owned()), Some(NoBounce::NoReport));
    }

    #[test]
    fn the_failed_recipient_of_several_is_reported() {
        let two =
            format!("Final-Recipient: rfc822; a@x.example\r\nAction: relayed\r\nStatus: 2.0.0\r\n\r\n{NO_MAILBOX}");
        let failed = failed_recipient(&two).expect("a failure");
        assert_eq!(failed.code(), Some("5.1.1"));
        // Exim's form: without the words of the remote server.
        let silent = failed_recipient("Action: failed\nFinal-Recipient: rfc822;a@x.example\nStatus: 5.0.0\n")
            .expect("a failure");
        assert_eq!((silent.words().as_str(), silent.code()), ("5.0.0", Some("5.0.0")));
        let bare = failed_recipient("ACTION: Failed").expect("a failure");
        assert_eq!(
            (bare.words().as_str(), bare.code()),
            ("the mail server gave no reason", None)
        );
    }

    #[test]
    fn a_generic_code_is_replaced_by_that_of_the_remote_server() {
        for (status, diagnostic, code) in [
            (
                "5.0.0",
                "smtp; 550 5.1.1 <asha@school.example>: no such mailbox",
                "5.1.1",
            ),
            (
                "5.0.0",
                "smtp; 550-5.1.1 no such mailbox\n 550 5.1.1 see https://example.org",
                "5.1.1",
            ),
            ("5.0.0", "smtp; 550 no such mailbox", "5.0.0"),
            ("5.0.0", "smtp; 550 4.1.1 which is it?", "5.0.0"),
            ("5.0.0", "smtp; é 5.1.1", "5.0.0"),
            ("5.2.2", "smtp; 552 5.1.1 full", "5.2.2"),
        ] {
            let group = format!("Action: failed\nStatus: {status}\nDiagnostic-Code: {diagnostic}\n");
            let failed = failed_recipient(&group).expect("a failure");
            assert_eq!(failed.code(), Some(code), "{diagnostic}");
        }
    }

    #[test]
    fn a_reason_in_the_human_readable_part_alone_is_found() {
        let silent = "Final-Recipient: rfc822; asha@school.example\r\nAction: failed\r\nStatus: 5.0.0\r\n";
        let ours = headers(&format!("{ID}.report@example.org"));
        let read = |text: &str| {
            let mail = bounce("bounces@example.org", silent, &ours).replace("I'm sorry.", text);
            let read = read_bounce(mail.as_bytes(), None).expect("a bounce");
            (read.code.expect("a code"), read.words)
        };
        let text =
            "Hi!\r\n\r\nother@x.example: 552 5.2.2 full\r\nasha@School.example: 550 5.1.1 <asha>: no such mailbox\r\n";
        let found = ("5.1.1".to_owned(), "550 5.1.1 <asha>: no such mailbox".to_owned());
        assert_eq!(read(text), found);
        let unsaid = ("5.0.0".to_owned(), "5.0.0".to_owned());
        assert_eq!(read("asha@school.example: is not there"), unsaid);
        assert_eq!(read("other@x.example: 552 5.2.2 full"), unsaid);
    }

    #[test]
    fn the_addresses_of_a_recipient_are_read() {
        let group =
            "Original-Recipient: rfc822;Asha@School.example\nFinal-Recipient: RFC822; <a@x.example>\nAction: failed";
        let failed = failed_recipient(group).expect("a failure");
        assert_eq!(failed.recipients, ["a@x.example", "Asha@School.example"]);
        let bare = failed_recipient("Action: failed\nFinal-Recipient: a@x.example").expect("a failure");
        assert_eq!(bare.recipients, ["a@x.example"]);
    }

    #[test]
    fn a_report_about_an_international_address_is_read_in_both_encodings() {
        let ours = format!("message/global-headers\r\n\r\nMessage-ID: <{ID}.report@example.org>\r\nSubject: Report");
        for written in [
            "utf-8; आशा@school.example",
            r"utf-8; \x{906}\x{936}\x{93E}@school.example",
            r"UTF-8;<\x{0906}\x{936}\x{93e}@school.example>",
        ] {
            let status = NO_MAILBOX.replace("rfc822; asha@school.example", written);
            let mail =
                bounce("bounces@example.org", &status, &ours).replace("delivery-status", "global-delivery-status");
            let read = read_bounce(mail.as_bytes(), None).expect("a bounce");
            assert_eq!(read.recipients, ["आशा@school.example"], "{written}");
        }
        for (written, address) in [
            (
                r"utf-8; asha\x{2B}reports@school.example",
                "asha+reports@school.example",
            ),
            (r"utf-8; a\x{}b\x{D800}c\x{41", r"a\x{}b\x{D800}c\x{41"),
            (r"rfc822; a\x{41}@school.example", r"a\x{41}@school.example"),
        ] {
            assert_eq!(address_in(written), address);
        }
    }

    proptest! {
        #[test]
        fn no_mail_makes_the_parser_panic(raw in prop::collection::vec(any::<u8>(), 0..300), status in ".{0,200}") {
            let _ = read_bounce(&raw, None);
            let _ = read_bounce(bounce("x", &status, "text/plain").as_bytes(), Some(&status));
        }
    }
}
