//! Mails: what they say, what is attached, and how they are handed over to the mail server.
//!
//! A mail is composed completely before it is offered to the server, so that nothing can fail between the server's
//! go-ahead and the content. Access checks, retries and what is stored are the worker's task.

mod address;
mod attachment;
mod circuit_breaker;
mod error;
mod file_name;
mod handover;
mod message;
mod plain;
mod settings;
mod size_limit;
mod smtp;
mod text;
mod transport;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::Address;

pub(super) use address::same_address;
pub use address::usable_address;
pub use error::{Refusal, SendError};
pub use file_name::{file_name_with_options, report_file_name, several_file_name};
pub use handover::Handover;

use super::access::BatchFacts;
use super::request::{ReportFile, Request, RequestId};
use crate::catalog::Names;
use crate::config::{ConfigError, MailConfig};
use crate::report::ConsentCounts;
use crate::zone::Zone;
use attachment::{Attachment, AttachmentRules, Ladder, Source, attach};
use error::NotSent;
use message::{Draft, compose};
use settings::{Sender, Settings};
use smtp::MailToSend;
use text::{MailText, Templates};
use transport::Transport;

/// The suffixes of a Message-ID, after the request's id.
const REPORT: &str = ".report";
const NOTICE: &str = ".notice";
/// Characters of a bounce's words.
const WORDS_CHARS: usize = 300;

/// Composes mails and hands them over. All workers share one, with its pool of connections.
pub struct Mailer {
    transport: Transport,
    sender: Arc<Sender>,
    attachments: AttachmentRules,
    templates: Templates,
}

/// The facts of a mail beside those of the request.
#[derive(Debug, Clone, Copy)]
pub struct MailContext<'a> {
    /// The batch, as the snapshot has it.
    pub batch: Option<&'a BatchFacts>,
    /// What courses are called.
    pub names: Option<&'a Names>,
    /// Where the file can be fetched, and until when; none where the service has no public address.
    pub link: Option<&'a Link>,
    /// The rows that consent changes in the report.
    pub consent: ConsentCounts,
    /// Set for a mail of a subscription.
    pub subscription: Option<SubscriptionMail<'a>>,
}

/// The additional facts of a subscription's mail.
#[derive(Debug, Clone, Copy)]
pub struct SubscriptionMail<'a> {
    /// Where its recipient ends these mails; none where the service has no public address.
    pub unsubscribe: Option<&'a str>,
    /// Whether it goes to an officer, who has no login to fetch a file with.
    pub is_officer: bool,
}

/// Where a report can be downloaded.
#[derive(Debug, Clone)]
pub struct Link {
    /// The address that people open.
    pub url: String,
    /// When the link ceases to work.
    pub ends_at: DateTime<Utc>,
    /// Whether the link asks for a login; otherwise everybody who has it may download.
    pub asks_for_login: bool,
}

impl Mailer {
    /// Checks the settings; `None` where no mail server is set. Times in mails are shown in `timezone`. Does not
    /// connect yet.
    ///
    /// # Errors
    /// A setting of `[mail]` is wrong, or a file that it names cannot be read.
    pub fn new(config: &MailConfig, timezone: Zone) -> Result<Option<Self>, ConfigError> {
        let Some(settings) = Settings::new(config)? else {
            return Ok(None);
        };
        let templates = Templates::new(timezone, config.language, config.templates.as_deref())
            .map_err(|error| ConfigError::Invalid(format!("mail.templates cannot be used: {error}")))?;
        Ok(Some(Self {
            transport: Transport::new(settings.server, settings.login, settings.timeout),
            sender: Arc::new(settings.sender),
            attachments: settings.attachments,
            templates,
        }))
    }

    /// Sends the report of a request to its requester: as a file, as a ZIP archive, or as a link, by the first of these
    /// that is neither too large for the settings nor for the server. `local_copy` is its file on this machine.
    ///
    /// # Errors
    /// Why it was not sent, and whether a retry may succeed.
    pub async fn send_report(
        &self,
        request: &Request,
        file: &ReportFile,
        local_copy: &Path,
        context: MailContext<'_>,
        handover: &impl Handover,
    ) -> Result<(), SendError> {
        let recipient = recipient(request)?;
        let source = Source {
            path: local_copy.to_owned(),
            name: file.name.clone(),
            media_type: request.asked.media_type(request.format),
            date: file.snapshot_date.day(),
        };
        let mut ladder = Ladder::new(&self.attachments, self.transport.size_limit());
        loop {
            let attachment = self.attach(&source, file.bytes, ladder).await?;
            let text = self.templates.report(request, file, attachment.as_ref(), context);
            let attached = attachment.as_ref().map(Attachment::outline);
            let mail = self
                .compose(recipient.clone(), request.id, REPORT, text, attachment, context)
                .await?;
            let (words, began) = match self.transport.send(&mail, handover).await {
                Ok(()) => return Ok(()),
                Err(NotSent::TooLarge { words, began }) => (words, began),
                Err(NotSent::Other(error)) => return Err(error),
            };
            let Some(next) = ladder.after(attached, self.transport.size_limit()) else {
                return Err(SendError::Refused(words));
            };
            tracing::info!("request {} goes out in a smaller form: {words}", request.id);
            if began && !handover.take_back().await {
                return Err(SendError::CalledOff);
            }
            ladder = next;
        }
    }

    /// Tells the requester that the request failed, why, and where the file is, if there is one.
    ///
    /// # Errors
    /// Why it was not sent, and whether a retry may succeed.
    pub async fn send_failure_notice(
        &self,
        request: &Request,
        context: MailContext<'_>,
        handover: &impl Handover,
    ) -> Result<(), SendError> {
        let recipient = recipient(request)?;
        let text = self.templates.failure(request, context);
        let mail = self.compose(recipient, request.id, NOTICE, text, None, context).await?;
        self.transport.send(&mail, handover).await.map_err(NotSent::for_good)
    }

    /// The attachment; `None` where the report is too large. `bytes`: the expected size of the copy.
    async fn attach(&self, source: &Source, bytes: u64, ladder: Ladder) -> Result<Option<Attachment>, SendError> {
        let (source, rules) = (source.clone(), self.attachments.clone());
        let packing = tokio::task::spawn_blocking(move || {
            // A truncated copy must not be sent as the report.
            let found = std::fs::metadata(&source.path)?.len();
            if found != bytes {
                return Err(std::io::Error::other(format!(
                    "it has {found} bytes instead of {bytes}"
                )));
            }
            attach(&source, &rules, ladder)
        });
        packing
            .await
            .map_err(|_| stopped())?
            .map_err(|error| SendError::Unavailable(format!("the report file cannot be attached: {error}")))
    }

    async fn compose(
        &self,
        recipient: Address,
        request: RequestId,
        kind: &str,
        text: Result<MailText, minijinja::Error>,
        attachment: Option<Attachment>,
        context: MailContext<'_>,
    ) -> Result<MailToSend, SendError> {
        let text = text.map_err(|error| SendError::Unsendable(format!("the mail cannot be written: {error}")))?;
        let sender = Arc::clone(&self.sender);
        let draft = Draft {
            envelope_sender: sender.envelope_sender(request),
            recipient,
            local_id: format!("{request}{kind}"),
            date: SystemTime::now(),
            text,
            attachment,
            unsubscribe: context
                .subscription
                .and_then(|subscription| subscription.unsubscribe)
                .map(str::to_owned),
        };
        tokio::task::spawn_blocking(move || compose(&sender, draft))
            .await
            .map_err(|_| stopped())?
            .map_err(|error| SendError::Unsendable(error.to_string()))
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

/// The request whose report or notice has this Message-ID.
pub(super) fn request_of_message_id(message_id: &str) -> Option<RequestId> {
    let (local, _) = message_id.trim_matches(['<', '>']).split_once('@')?;
    let id = local.strip_suffix(REPORT).or_else(|| local.strip_suffix(NOTICE))?;
    id.parse().ok()
}

/// A mail server's words on one line, without addresses.
pub(super) fn one_line_without_addresses(words: &str) -> String {
    plain::one_line(&smtp::without_addresses(words), WORDS_CHARS)
}

/// The requester's own address: the only one that a mail goes to.
fn recipient(request: &Request) -> Result<Address, SendError> {
    let given = request.person.email.as_deref().unwrap_or_default();
    address::for_mail(given)
        .ok_or_else(|| SendError::Unsendable("your login has no mail address that mails can be sent to".to_owned()))
}

/// The error where a blocking thread ended without a result.
fn stopped() -> SendError {
    SendError::Unavailable("the mail was not written, because the service stops".to_owned())
}
