//! Mails: what they say, what is attached, and how they are handed over to the mail server.
//!
//! A mail is written whole before the server is asked to take it, so that nothing can fail between the server's word and the
//! content. Who may have a report, when to try again and what is stored of it are left to the worker.

mod address;
mod attachment;
mod connection;
mod error;
mod file_name;
mod message;
mod plain;
mod plain_phase;
mod settings;
mod text;
mod transport;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use chrono::{DateTime, Utc};
use lettre::Address;

pub use address::usable_address;
pub use error::SendError;
pub use file_name::report_file_name;

use super::access::BatchFacts;
use super::request::{ReportFile, Request};
use crate::config::{ConfigError, MailConfig};
use crate::report::ConsentCounts;
use crate::zone::Zone;
use attachment::{Attachment, AttachmentRules, attach};
use connection::MailToSend;
use message::{Draft, compose};
use settings::{Sender, Settings};
use text::{MailText, Templates};
use transport::Transport;

/// Writes mails and hands them over. One is enough for all workers: it keeps its connections to the server for the next mails.
pub struct Mailer {
    transport: Transport,
    sender: Arc<Sender>,
    attachments: AttachmentRules,
    templates: Templates,
}

/// What a mail needs to know beside the request.
#[derive(Debug, Clone, Copy)]
pub struct MailContext<'a> {
    pub batch: Option<&'a BatchFacts>,
    /// Where the file can be fetched, and until when; none where the service has no public address.
    pub link: Option<&'a Link>,
    /// What consent changes in the report.
    pub consent: ConsentCounts,
}

/// An authenticated download.
#[derive(Debug, Clone)]
pub struct Link {
    pub url: String,
    pub ends_at: DateTime<Utc>,
}

impl Mailer {
    /// Checks the settings; `None` where no mail server is set. Times in mails are shown in `timezone`. Does not connect yet.
    pub fn new(config: &MailConfig, timezone: Zone) -> Result<Option<Self>, ConfigError> {
        let Some(settings) = Settings::new(config)? else {
            return Ok(None);
        };
        let templates = Templates::new(timezone)
            .map_err(|error| ConfigError::Invalid(format!("the templates of mails cannot be used: {error}")))?;
        Ok(Some(Self {
            transport: Transport::new(settings.server, settings.credentials, settings.timeout),
            sender: Arc::new(settings.sender),
            attachments: settings.attachments,
            templates,
        }))
    }

    /// Sends the report of a request, attached, or as a link where it is too large. `local_copy` is the report file on this
    /// machine. `before_handover` is asked once, after the server has accepted sender and recipient and before any content
    /// goes out; where it says no, nothing is sent.
    pub async fn send_report(
        &self,
        request: &Request,
        file: &ReportFile,
        local_copy: &Path,
        context: MailContext<'_>,
        before_handover: impl Future<Output = bool> + Send,
    ) -> Result<(), SendError> {
        let recipient = recipient(request)?;
        let attachment = self.attach(request, file, local_copy).await?;
        let text = self.templates.report(request, file, attachment.as_ref(), context);
        let mail = self
            .compose(recipient, format!("{}.report", request.id), text, attachment)
            .await?;
        self.transport.send(&mail, before_handover).await
    }

    /// Tells the requester that the request failed, why, and where the file is, if there is one.
    pub async fn send_failure_notice(
        &self,
        request: &Request,
        context: MailContext<'_>,
        before_handover: impl Future<Output = bool> + Send,
    ) -> Result<(), SendError> {
        let recipient = recipient(request)?;
        let text = self.templates.failure(request, context);
        let mail = self
            .compose(recipient, format!("{}.notice", request.id), text, None)
            .await?;
        self.transport.send(&mail, before_handover).await
    }

    /// What goes with the mail; `None` where the report is too large.
    async fn attach(
        &self,
        request: &Request,
        file: &ReportFile,
        local_copy: &Path,
    ) -> Result<Option<Attachment>, SendError> {
        let (path, name, bytes) = (local_copy.to_owned(), file.name.clone(), file.bytes);
        let (format, rules) = (request.format, self.attachments.clone());
        let packing = tokio::task::spawn_blocking(move || {
            // A copy that is not whole must not pass for the report.
            let found = std::fs::metadata(&path)?.len();
            if found != bytes {
                return Err(std::io::Error::other(format!(
                    "it has {found} bytes instead of {bytes}"
                )));
            }
            attach(&path, &name, format, &rules)
        });
        packing
            .await
            .map_err(|_| stopped())?
            .map_err(|error| SendError::Unavailable(format!("the report file cannot be attached: {error}")))
    }

    async fn compose(
        &self,
        recipient: Address,
        local_id: String,
        text: Result<MailText, minijinja::Error>,
        attachment: Option<Attachment>,
    ) -> Result<MailToSend, SendError> {
        let text = text.map_err(|error| SendError::Refused(format!("the mail cannot be written: {error}")))?;
        let sender = Arc::clone(&self.sender);
        let draft = Draft {
            recipient,
            local_id,
            date: SystemTime::now(),
            text,
            attachment,
        };
        tokio::task::spawn_blocking(move || compose(&sender, draft))
            .await
            .map_err(|_| stopped())?
            .map_err(|error| SendError::Refused(error.to_string()))
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailer").finish_non_exhaustive()
    }
}

/// The requester's own address: the only one that a mail goes to.
fn recipient(request: &Request) -> Result<Address, SendError> {
    let given = request.person.email.as_deref().unwrap_or_default();
    address::for_mail(given)
        .ok_or_else(|| SendError::Refused("your login has no mail address that mails can be sent to".to_owned()))
}

/// Work on another thread ended without a result.
fn stopped() -> SendError {
    SendError::Unavailable("the mail was not written, because the service stops".to_owned())
}
