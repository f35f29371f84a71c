//! The durable store of requests, events, sessions and subscriptions: SQLite, or PostgreSQL where several processes
//! share the work.
//!
//! A request and the work on it are one row, so that accepting, idempotency and state are one transaction. A worker holds a
//! request by a lease that it renews; a lease that ran out is taken over by another worker, and the earlier holder can
//! store nothing more: every step names its [`LeaseToken`]. A service that starts alone on SQLite ends the leases of
//! those that were killed. The states are defined in `request`; the worker does the steps.
//!
//! Times are those of the callers' clocks, which have to agree within a fraction of [`LEASE`].

mod accept;
mod alive;
mod bounces;
mod connect;
mod error;
mod events;
mod housekeeping;
mod leases;
mod links;
mod migrations;
mod officers;
mod operators;
mod reading;
mod rows;
mod sessions;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::{Any, AnyPool, Transaction};
use uuid::Uuid;

pub use alive::Alive;
pub use connect::{Database, SQLITE_FILE};
pub use error::StoreError;
pub use officers::Unsubscribed;
pub use sessions::{LogoutAtIssuer, NewSession, SessionStart};
pub use subscriptions::{
    Changed, DoneSending, DueSubscription, NewSending, SENDING_LEASE, SendingOf, SentContent, Subscribed,
};

use super::request::{FailureCause, Request, RequestId, Status};
use crate::ids::UserId;

/// How long a claim or its renewal holds.
pub const LEASE: Duration = Duration::from_secs(60);

/// The limit of consecutive leases that ran out: after this many, the request itself probably kills its worker's process
/// (a poison message).
const MOST_LOST_LEASES: u32 = 5;

/// The store. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Store {
    /// The name of the database in messages.
    name: Arc<str>,
    backend: Backend,
    writes: AnyPool,
    reads: AnyPool,
    /// This process, in leases.
    owner: Arc<str>,
}

/// What differs between databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Backend {
    Sqlite,
    Postgres,
}

/// The limits of accepting.
#[derive(Debug, Clone, Copy)]
pub struct AcceptLimits {
    /// Clicks of one person in an hour.
    pub per_hour: u32,
    /// Requests that may wait at the same time.
    pub queue: u32,
}

/// The outcome of accepting a click.
#[derive(Debug)]
pub enum Accepted {
    /// A new request.
    New(Request),
    /// The same person asked for the same report before, and it is under way. The click counts as a download all the same.
    UnderWay(Request),
    /// The same click, sent again: the idempotency key is known. It is not counted again.
    Repeated(Request),
    /// The idempotency key was used for another batch, format or delivery.
    KeyReused,
    /// The person clicked too often.
    TooManyRequests {
        /// The time until the next click may be accepted.
        retry_after: Duration,
    },
    /// Too many requests wait.
    QueueFull {
        /// The time after which to try again.
        retry_after: Duration,
    },
}

/// Some requests, newest first.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only requests older than this one.
    pub before: Option<RequestId>,
    /// The most requests to return.
    pub limit: u32,
}

/// A claimed request.
#[derive(Debug)]
pub struct Lease {
    /// The request, as it stands.
    pub request: Request,
    /// What is to be done.
    pub work: Work,
    /// Names this lease in every step.
    pub token: LeaseToken,
    /// Consecutive earlier leases that ran out, because their workers died.
    pub lost_before: u32,
}

impl Lease {
    /// Whether the limit of leases that ran out is reached, so that the work should be given up.
    pub fn was_lost_too_often(&self) -> bool {
        self.lost_before >= MOST_LOST_LEASES
    }
}

/// A fencing token: names one claim of one request, and is void once another worker has claimed the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseToken {
    request: RequestId,
    claim: Uuid,
}

/// What is to be done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Make its report and hand it over.
    Deliver,
    /// Tell the requester that it failed.
    Notify,
}

/// Whether a step was stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Held {
    /// The step was stored.
    Yes,
    /// The lease had run out or the request was cancelled; nothing was stored and the work is somebody else's.
    No,
}

/// The outcome of an operator's retry of a failed request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Retried {
    /// It is in the queue.
    Queued,
    /// There is no request of this id.
    NoSuchRequest,
    /// It has not failed.
    NotFailed(Status),
    /// Its mail may have arrived, and nobody gets one twice.
    MayHaveArrived,
    /// The requester's login is too long ago.
    TooOld,
    /// The mail that tells of its failure is being handed over.
    NoticeUnderWay,
    /// The same person asked for the same report again, and that request is under way.
    UnderWay(RequestId),
}

/// The outcome of noting a bounce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum NotedBounce {
    /// It is stored, and the request is `bounced`.
    Noted,
    /// An earlier bounce of the request is noted.
    NotedBefore,
    /// There is no request of this id.
    NoSuchRequest,
    /// No mail of it was handed over so far.
    NotMailed,
}

/// The outcome of an operator's cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Cancelled {
    /// It is cancelled.
    Done,
    /// There is no request of this id.
    NoSuchRequest,
    /// It had ended before, in this state.
    Ended(Status),
    /// Its mail is being handed over, which cannot be called back.
    BeingHandedOver,
}

/// What happened, to be written as a telemetry event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// A click on "Download File" was accepted.
    Click,
    /// The report was mailed.
    Sent,
    /// The report was made ready for download.
    Ready,
}

impl EventKind {
    /// As it is stored; a delivery is called what its request became.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Sent => Status::Sent.word(),
            Self::Ready => Status::Ready.word(),
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Click, Self::Sent, Self::Ready];
        all.into_iter().find(|kind| kind.word() == word)
    }
}

/// One event of a request, to be written as a telemetry event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Unique among all events.
    pub mid: String,
    /// What happened.
    pub kind: EventKind,
    /// The request that it happened to.
    pub request_id: RequestId,
    /// Whether a subscription made the request, and not a click.
    pub is_by_subscription: bool,
    /// When it happened.
    pub event_time: DateTime<Utc>,
    /// The requester.
    pub user_id: UserId,
    /// The batch's course, where it is known.
    pub course_id: Option<String>,
    /// The batch's id.
    pub batch_id: String,
    /// The batch's tenant, where it is known.
    pub tenant_id: Option<String>,
}

/// The queue at one moment.
#[derive(Debug, Clone, Default)]
pub struct QueueFigures {
    /// Every status, also those of no request.
    pub by_status: Vec<(Status, u64)>,
    /// Every cause, also those of no request.
    pub failed_by_cause: Vec<(FailureCause, u64)>,
    /// The first deadline of the requests that wait or are worked on.
    pub first_deadline: Option<DateTime<Utc>>,
    /// Events that are not written yet.
    pub events_to_write: u64,
}

impl Store {
    /// Starts a writing transaction that is serialised with the others that start here.
    async fn begin_alone(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.backend {
            // Plain BEGIN would take the write lock only at the first change, when what was read may be outdated.
            Backend::Sqlite => self.writes.begin_with("begin immediate").await,
            Backend::Postgres => {
                let mut transaction = self.writes.begin().await?;
                sqlx::query("select pg_advisory_xact_lock($1)")
                    .bind(ACCEPTING)
                    .execute(&mut *transaction)
                    .await?;
                Ok(transaction)
            }
        }
    }

    /// Starts a transaction that writes.
    async fn begin(&self) -> Result<Transaction<'static, Any>, sqlx::Error> {
        match self.backend {
            Backend::Sqlite => self.writes.begin_with("begin immediate").await,
            Backend::Postgres => self.writes.begin().await,
        }
    }

    /// Wraps a database error with what was being done.
    fn failed(&self, doing: &'static str) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        move |error| match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Damaged {
                database: self.name.to_string(),
                what: error.to_string(),
            },
            error => StoreError::Failed {
                database: self.name.to_string(),
                doing,
                reason: error.to_string(),
            },
        }
    }
}

/// PostgreSQL's name for the lock under which limits are counted: "pragati" in ASCII.
const ACCEPTING: i64 = 0x70_72_61_67_61_74_69;
