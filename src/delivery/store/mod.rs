//! The durable store of requests and clicks: SQLite, or PostgreSQL where several processes share the work.
//!
//! Every step of a request is one transaction. A worker holds a request by a lease that it renews; a lease that ran out is
//! taken over by another worker, and whoever lost it can store nothing more.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::request::{Failure, FailureCause, NewRequest, ReportFile, Request, RequestId, Status};
use crate::ids::UserId;

/// A store that does not answer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{0}")]
    Todo(String),
}

/// The store.
#[derive(Debug, Clone)]
pub struct Store {}

/// How much is taken on.
#[derive(Debug, Clone, Copy)]
pub struct AcceptLimits {
    /// Clicks of one person in an hour.
    pub per_hour: u32,
    /// Requests that may wait at the same time.
    pub queue: u32,
}

/// What became of a click.
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
    TooManyRequests { retry_after: Duration },
    /// Too many requests wait.
    QueueFull { retry_after: Duration },
}

/// Some of a person's requests, newest first.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// Only requests older than this one.
    pub before: Option<RequestId>,
    pub limit: u32,
}

/// What a worker took up.
#[derive(Debug)]
pub struct Lease {
    pub request: Request,
    pub work: Work,
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
    /// It was.
    Yes,
    /// The lease had run out or the request was cancelled; nothing was stored and the work is somebody else's.
    No,
}

/// One click on "Download File", to be written as a telemetry event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Click {
    pub mid: String,
    pub event_time: DateTime<Utc>,
    pub user_id: UserId,
    pub course_id: Option<String>,
    pub batch_id: String,
    pub tenant_id: Option<String>,
}

/// The queue at one moment.
#[derive(Debug, Clone, Default)]
pub struct QueueFigures {
    pub by_status: Vec<(Status, u64)>,
    pub failed_by_cause: Vec<(FailureCause, u64)>,
    /// When the oldest request that waits or is worked on was made.
    pub oldest_open: Option<DateTime<Utc>>,
    pub clicks_to_write: u64,
}

impl Store {
    // Taking requests.

    /// Stores a click, and a request where none is under way. It is on disk when this returns.
    pub async fn accept(&self, _new: NewRequest, _limits: AcceptLimits) -> Result<Accepted, StoreError> {
        todo!()
    }
    /// The request of that id.
    pub async fn find(&self, _id: RequestId) -> Result<Option<Request>, StoreError> {
        todo!()
    }
    /// The requests of a person.
    pub async fn requests_of(&self, _user: &UserId, _page: Page) -> Result<Vec<Request>, StoreError> {
        todo!()
    }
    /// Every request, or those of one status, for operators.
    pub async fn requests(&self, _status: Option<Status>, _page: Page) -> Result<Vec<Request>, StoreError> {
        todo!()
    }
    /// Puts a failed request back into the queue with a new deadline.
    pub async fn retry(&self, _id: RequestId, _deadline: DateTime<Utc>) -> Result<Held, StoreError> {
        todo!()
    }
    /// Ends a request that waits or is worked on; a mail that is being handed over can no longer be held back.
    pub async fn cancel(&self, _id: RequestId, _now: DateTime<Utc>) -> Result<Held, StoreError> {
        todo!()
    }
    pub async fn figures(&self) -> Result<QueueFigures, StoreError> {
        todo!()
    }

    // Working on them.

    /// Takes up the request that is due longest: one that waits, one whose lease ran out, or a notice that is due.
    pub async fn claim(&self, _now: DateTime<Utc>) -> Result<Option<Lease>, StoreError> {
        todo!()
    }
    /// Keeps a lease for another while.
    pub async fn renew(&self, _id: RequestId, _now: DateTime<Utc>) -> Result<Held, StoreError> {
        todo!()
    }
    /// Notes that the report's file is made.
    pub async fn file_made(&self, _id: RequestId, _file: &ReportFile) -> Result<Held, StoreError> {
        todo!()
    }
    /// Notes that the content of a mail is about to be handed over.
    pub async fn start_handover(&self, _id: RequestId, _now: DateTime<Utc>) -> Result<Held, StoreError> {
        todo!()
    }
    /// The end of a delivery that went well: `Sent` or `Ready`.
    pub async fn succeed(&self, _id: RequestId, _status: Status, _now: DateTime<Utc>) -> Result<Held, StoreError> {
        todo!()
    }
    /// Back into the queue until `due`. The handover mark goes: the mail is known not to have arrived.
    pub async fn try_again(&self, _id: RequestId, _due: DateTime<Utc>) -> Result<Held, StoreError> {
        todo!()
    }
    /// The end of a delivery that failed; a notice is due where `notify`.
    pub async fn fail(
        &self,
        _id: RequestId,
        _failure: &Failure,
        _notify: bool,
        _now: DateTime<Utc>,
    ) -> Result<Held, StoreError> {
        todo!()
    }
    /// The notice was sent, or will never be.
    pub async fn end_notice(&self, _id: RequestId, _was_sent: bool) -> Result<Held, StoreError> {
        todo!()
    }
    /// The notice could not be sent; it is due again later.
    pub async fn notify_again(&self, _id: RequestId, _due: DateTime<Utc>) -> Result<Held, StoreError> {
        todo!()
    }

    // Keeping house.

    /// Removes requests that ended before `before` (and whose clicks are written), and returns the paths of report files that
    /// no request names any more.
    pub async fn remove_old(&self, _before: DateTime<Utc>) -> Result<Vec<String>, StoreError> {
        todo!()
    }
}
