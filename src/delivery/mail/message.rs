//! Composes a mail: headers, the text as plain text and HTML, the attachment, the signature.
//!
//! A library encodes every header. Line breaks of text from outside are removed before, and here again.

use std::time::SystemTime;

use lettre::address::Envelope;
use lettre::message::header::{ContentTransferEncoding, ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Attachment as AttachmentPart, Body, Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};

use super::attachment::Attachment;
use super::plain::one_line;
use super::settings::Sender;
use super::smtp::MailToSend;
use super::text::MailText;

/// Characters of a subject.
const SUBJECT_CHARS: usize = 200;

/// What a mail is made of.
pub(super) struct Draft {
    /// The envelope sender, to which bounces go.
    pub envelope_sender: Address,
    pub recipient: Address,
    /// `<id>.report` or `<id>.notice`: the same for every try of the same mail.
    pub local_id: String,
    pub date: SystemTime,
    pub text: MailText,
    pub attachment: Option<Attachment>,
    /// Where the recipient ends mails of this kind (RFC 2369, RFC 8058).
    pub unsubscribe: Option<String>,
}

/// A mail that cannot be composed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ComposeError {
    #[error("the mail cannot be put together: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the attachment's type is not one: {0}")]
    Type(#[from] lettre::message::header::ContentTypeErr),
    #[error("the attachment cannot be encoded")]
    Encoding,
}

/// The mail as it is sent by the protocol. Takes memory of about 2.7 times the attachment's size while it is composed,
/// and 1.4 times afterwards.
pub(super) fn compose(sender: &Sender, draft: Draft) -> Result<MailToSend, ComposeError> {
    let from = sender.from.email.clone();
    // Set explicitly, because the library cannot parse every address that it writes, such as one with an IP address in
    // brackets.
    let envelope = Envelope::new(Some(draft.envelope_sender.clone()), vec![draft.recipient.clone()])?;
    let mut builder = Message::builder()
        .envelope(envelope)
        .from(sender.from.clone())
        .to(Mailbox::from(draft.recipient.clone()))
        .subject(one_line(&draft.text.subject, SUBJECT_CHARS))
        .date(draft.date)
        .message_id(Some(format!("<{}@{}>", draft.local_id, from.domain())))
        .header(AutoSubmitted);
    if let Some(reply_to) = &sender.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    if let Some(url) = draft.unsubscribe {
        // The button of mail programs sends a POST, and only over TLS.
        if url.starts_with("https://") {
            builder = builder.header(OneClick);
        }
        builder = builder.header(ListUnsubscribe(url));
    }
    let text = MultiPart::alternative_plain_html(draft.text.plain, draft.text.html);
    let mut message = match draft.attachment {
        Some(attachment) => builder.multipart(MultiPart::mixed().multipart(text).singlepart(part(attachment)?))?,
        None => builder.multipart(text)?,
    };
    if let Some(dkim) = &sender.dkim {
        message.sign(dkim);
    }
    Ok(MailToSend {
        sender: draft.envelope_sender,
        recipient: draft.recipient,
        content: message.formatted(),
    })
}

/// The attachment as Base64, so that relays do not change its lines. A file name beyond ASCII is encoded by RFC 2231;
/// for programs that do not support that, the content type has an ASCII form of it.
fn part(attachment: Attachment) -> Result<SinglePart, ComposeError> {
    let ascii: String = attachment
        .name
        .chars()
        .map(|char| if char.is_ascii() { char } else { '_' })
        .collect();
    let content_type = ContentType::parse(&format!("{}; name=\"{ascii}\"", attachment.media_type))?;
    let body = Body::new_with_encoding(attachment.bytes, ContentTransferEncoding::Base64)
        .map_err(|_| ComposeError::Encoding)?;
    Ok(AttachmentPart::new(attachment.name).body(body, content_type))
}

/// `List-Unsubscribe: <…>` (RFC 2369): an address of this service, which is ASCII.
#[derive(Clone)]
struct ListUnsubscribe(String);

impl Header for ListUnsubscribe {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe")
    }

    fn parse(text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self(text.trim_matches(['<', '>']).to_owned()))
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), format!("<{}>", self.0))
    }
}

/// `List-Unsubscribe-Post: List-Unsubscribe=One-Click` (RFC 8058).
#[derive(Clone)]
struct OneClick;

impl Header for OneClick {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("List-Unsubscribe-Post")
    }

    fn parse(_text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "List-Unsubscribe=One-Click".to_owned())
    }
}

/// `Auto-Submitted: auto-generated` (RFC 3834): suppresses automatic replies.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_text: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}
