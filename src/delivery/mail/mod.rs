//! Mails: what they say, what is attached, and how they are handed over to the mail server.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::access::BatchFacts;
use super::request::{ReportFile, Request};
use crate::config::{ConfigError, MailConfig};

/// Writes mails and hands them over.
#[derive(Debug)]
pub struct Mailer {}

/// What a mail needs to know beside the request.
#[derive(Debug, Clone, Copy)]
pub struct MailContext<'a> {
    pub batch: Option<&'a BatchFacts>,
    /// Where the file can be fetched, and until when; none where the service has no public address.
    pub link: Option<&'a Link>,
}

/// An authenticated download.
#[derive(Debug, Clone)]
pub struct Link {
    pub url: String,
    pub ends_at: DateTime<Utc>,
}

/// Why a mail was not sent.
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

impl Mailer {
    /// Checks the settings; `None` where no mail server is set.
    pub fn new(_config: &MailConfig) -> Result<Option<Self>, ConfigError> {
        todo!()
    }

    /// Sends the report of a request, attached or as a link. `before_handover` is asked once, after the server has accepted
    /// sender and recipient and before any content goes out; where it says no, nothing is sent.
    pub async fn send_report(
        &self,
        _request: &Request,
        _file: &ReportFile,
        _local_copy: &Path,
        _context: MailContext<'_>,
        _before_handover: impl Future<Output = bool> + Send,
    ) -> Result<(), SendError> {
        todo!()
    }

    /// Tells the requester that the request failed, why, and where the file is, if there is one.
    pub async fn send_failure_notice(
        &self,
        _request: &Request,
        _context: MailContext<'_>,
        _before_handover: impl Future<Output = bool> + Send,
    ) -> Result<(), SendError> {
        todo!()
    }
}

/// The name that people see.
pub fn report_file_name(
    _batch: &BatchFacts,
    _date: crate::ids::SnapshotDate,
    _format: super::request::FileFormat,
) -> String {
    todo!()
}
