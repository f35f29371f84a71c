//! A request for a report: who asked for what, its state, and its outcome.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::options::RequestOptions;
use super::person::Person;
#[cfg(test)]
use super::person::Roles;
use crate::ids::{BatchId, SnapshotDate, TenantId};
use crate::report::ReportFormat;

/// Names one request; later requests have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct RequestId(Uuid);

impl RequestId {
    /// A new one.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }

    /// 32 hexadecimal digits, which are part of an address where the usual form's hyphens may mean something. They are
    /// parsed like that form.
    pub fn compact(self) -> String {
        self.0.simple().to_string()
    }
}

impl Default for RequestId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RequestId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

/// Defines an enum whose variants have fixed words, in the database, the API and metrics.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        // The same words as below; `ToSchema` does not see a `rename` that a macro fills in.
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "the word of a variant says what it is where nothing has to be added")]
        pub enum $name {
            $($(#[$variant_doc])* $variant,)+
        }

        impl $name {
            /// All variants.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The word for it, in the API, the database and metrics.
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }

            /// The variant of that word.
            pub fn from_word(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|known| known.word() == word)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(super) use words;

words!(
    /// How the report reaches its requester.
    Deliver {
        /// By mail, to the requester's own address.
        Email = "email",
        /// As a file to fetch.
        Download = "download",
    }
);

words!(
    /// The state of a request.
    Status {
        /// Waits for a worker, for the first time or until the next try.
        Queued = "queued",
        /// A worker makes or sends its report.
        Running = "running",
        /// The mail was handed over to the mail server. Final.
        Sent = "sent",
        /// The mail was handed over, and came back. Final; it follows `sent`.
        Bounced = "bounced",
        /// The file can be fetched. Final.
        Ready = "ready",
        /// Final; the requester is told why.
        Failed = "failed",
    }
);

words!(
    /// Why a request failed.
    FailureCause {
        /// The mail server refused the mail for good.
        MailRefused = "mail_refused",
        /// The mail server was unreachable or answered with temporary errors until the deadline.
        MailUnavailable = "mail_unavailable",
        /// It is unknown whether the mail arrived: the connection or the process ended during the handover. Never sent
        /// again.
        MailUnconfirmed = "mail_unconfirmed",
        /// The mail came back, or an earlier one to the same address did: there is no such mailbox, or it takes no such
        /// mail.
        MailBounced = "mail_bounced",
        /// The requester may no longer have the report.
        NotAllowed = "not_allowed",
        /// The batch is not in the snapshot any more.
        UnknownBatch = "unknown_batch",
        /// The report could not be made until the deadline.
        ReportFailed = "report_failed",
        /// An operator ended it.
        Cancelled = "cancelled",
    }
);

words!(
    /// The state of the failure notice.
    NoticeState {
        /// There is none, and none is due.
        None = "none",
        Due = "due",
        Sent = "sent",
        /// It was given up: it could not be sent in time, or it is unknown whether it arrived.
        GivenUp = "given_up",
    }
);

impl Request {
    /// The batches whose reports were asked for, ordered by id.
    pub fn batches(&self) -> &[BatchId] {
        match self.asked.batches.as_slice() {
            [] => std::slice::from_ref(&self.batch_id),
            several => several,
        }
    }

    /// The file, where it is meant for the requester: that of a report which was made, also where only its mail failed.
    pub fn offered_file(&self) -> Option<&ReportFile> {
        let is_offered = match self.status {
            Status::Queued | Status::Running => false,
            Status::Sent | Status::Bounced | Status::Ready => true,
            Status::Failed => matches!(
                self.failure.as_ref().map(|failure| failure.cause),
                Some(
                    FailureCause::MailRefused
                        | FailureCause::MailUnavailable
                        | FailureCause::MailUnconfirmed
                        | FailureCause::MailBounced
                )
            ),
        };
        self.file.as_ref().filter(|_| is_offered)
    }
}

impl Status {
    /// Whether the state is final.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Sent | Self::Bounced | Self::Ready | Self::Failed)
    }
}

/// Why a request failed, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The kind of failure.
    pub cause: FailureCause,
    /// One sentence or two; a mail server's own words where it refused.
    pub words: String,
}

/// A mail that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounce {
    /// When the bounce was read.
    pub at: DateTime<Utc>,
    /// The enhanced status code (RFC 3463), such as 5.1.1; none where the bounce has none, or where an operator lets
    /// mails go to the address again.
    pub code: Option<String>,
    /// The mail server's words, without addresses.
    pub words: String,
}

/// The file that a request's report became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportFile {
    /// The day of the data.
    pub snapshot_date: SnapshotDate,
    /// Number of rows.
    pub rows: u64,
    /// Rows with blank details, because the user is not in the export.
    pub unknown_users: u64,
    /// The name that people see.
    pub name: String,
    /// Its path below the folder of report files.
    pub path: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Hexadecimal.
    pub sha256: String,
    /// Names the rules of consent that it follows; none where consent was not required.
    pub consent_rules: Option<String>,
}

impl ReportFile {
    /// Whether it was made under these rules of consent. A file made under others may show what must not be shown now.
    pub fn follows(&self, consent_rules: Option<&str>) -> bool {
        self.consent_rules.as_deref() == consent_rules
    }
}

/// One of the further batches of a request for several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FurtherBatch {
    /// The batch's id.
    pub batch_id: BatchId,
    /// The batch's course, where it is known.
    pub course_id: Option<String>,
    /// The batch's tenant, where it is known.
    pub tenant_id: Option<TenantId>,
}

/// A request to be accepted.
#[derive(Debug, Clone)]
pub struct NewRequest {
    /// The requester.
    pub person: Person,
    /// The batch; the first of several.
    pub batch_id: BatchId,
    /// The batch's course, where it is known.
    pub course_id: Option<String>,
    /// The batch's tenant, where it is known.
    pub tenant_id: Option<TenantId>,
    /// The format of the report file.
    pub format: ReportFormat,
    /// By mail or as a download.
    pub deliver: Deliver,
    /// What was asked for beside the batch, which is the first of several.
    pub asked: RequestOptions,
    /// The other batches, where several were asked for.
    pub further: Vec<FurtherBatch>,
    /// The idempotency key: a repeated call with the same key is the same click.
    pub idempotency_key: Option<String>,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// The time by which the report is promised.
    pub deadline: DateTime<Utc>,
    /// The snapshot at the time of the request.
    pub snapshot_date: SnapshotDate,
}

/// A request as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Unique, and ordered by time.
    pub id: RequestId,
    /// Who asked, with the roles that were verified then.
    pub person: Person,
    /// The batch; the first of several.
    pub batch_id: BatchId,
    /// The batch's course, where it is known.
    pub course_id: Option<String>,
    /// The batch's tenant, where it is known.
    pub tenant_id: Option<TenantId>,
    /// The format of the report file.
    pub format: ReportFormat,
    /// By mail or as a download.
    pub deliver: Deliver,
    /// What was asked for beside the batch, which is the first of several.
    pub asked: RequestOptions,
    /// Where it stands.
    pub status: Status,
    /// Why it failed, where it did.
    pub failure: Option<Failure>,
    /// Whether the requester was told of a failure.
    pub notice: NoticeState,
    /// When it was asked for.
    pub requested_at: DateTime<Utc>,
    /// The time by which the report is promised.
    pub deadline: DateTime<Utc>,
    /// When it reached its final state.
    pub finished_at: Option<DateTime<Utc>>,
    /// The snapshot at the time of the request; the report's own where there is a file.
    pub snapshot_date: SnapshotDate,
    /// Times that a worker took it up.
    pub attempts: u32,
    /// Set from just before a mail's content is handed over until the outcome is stored. Where a worker finds it set,
    /// it is not known whether the mail arrived.
    pub handover_started_at: Option<DateTime<Utc>>,
    /// Where a mail of it came back, report or notice.
    pub bounce: Option<Bounce>,
    /// Its report, once it is made.
    pub file: Option<ReportFile>,
}

#[cfg(test)]
impl Request {
    /// A request by user u1 for a mail with the report of batch b1, on which a worker is; for tests of what is made of requests.
    pub(crate) fn running() -> Self {
        let at = DateTime::from_timestamp(1_764_000_000, 0).expect("a time");
        Self {
            id: RequestId::new(),
            person: Person {
                user_id: "u1".parse().expect("an id"),
                email: None,
                roles: Roles::default(),
                language: None,
            },
            batch_id: "b1".parse().expect("an id"),
            course_id: None,
            tenant_id: None,
            format: ReportFormat::Csv,
            deliver: Deliver::Email,
            asked: RequestOptions::default(),
            status: Status::Running,
            failure: None,
            notice: NoticeState::None,
            requested_at: at,
            deadline: at,
            finished_at: None,
            snapshot_date: "2025-11-24".parse().expect("a date"),
            attempts: 1,
            handover_started_at: None,
            bounce: None,
            file: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use utoipa::PartialSchema;

    use super::*;

    /// The words of a type in the API's description.
    fn described<T: PartialSchema>() -> serde_json::Value {
        let schema = serde_json::to_value(T::schema()).expect("JSON");
        schema["enum"].clone()
    }

    fn words<T: Copy + Serialize>(all: &[T], word: fn(T) -> &'static str) -> serde_json::Value {
        for one in all {
            assert_eq!(serde_json::to_value(one).expect("JSON"), word(*one));
        }
        all.iter().map(|one| word(*one)).collect()
    }

    #[test]
    fn api_and_database_have_the_same_words() {
        assert_eq!(described::<Deliver>(), words(Deliver::ALL, Deliver::word));
        assert_eq!(described::<Status>(), words(Status::ALL, Status::word));
        assert_eq!(
            described::<FailureCause>(),
            words(FailureCause::ALL, FailureCause::word)
        );
        assert_eq!(described::<NoticeState>(), words(NoticeState::ALL, NoticeState::word));
    }
}
