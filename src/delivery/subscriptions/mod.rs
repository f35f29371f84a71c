//! Subscriptions (`docs/subscriptions.md`): reports that are mailed daily, weekly or after each nightly run, to who
//! subscribed and to officers whom an admin approved.
//!
//! [`Scheduler`] makes requests of the store of what is due; workers deliver them as they deliver every request.

mod contents;
mod officers;
mod plan;
mod rules;
mod schedule;
mod scheduler;

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::options::RequestOptions;
use super::person::Person;
use super::request::words;
use crate::ids::BatchId;
use crate::report::{ReportFormat, SplitColumn};

pub use officers::{ListError, Officer, OfficerScope, officers_of_csv};
pub use rules::SubscriptionRules;
pub use schedule::{Every, Occurrence, Schedule, TimeOfDay, Weekday};
pub use scheduler::Scheduler;

/// Names one subscription; later ones have greater ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub struct SubscriptionId(Uuid);

impl SubscriptionId {
    /// A new id.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for SubscriptionId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for SubscriptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for SubscriptionId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

words!(
    /// Whether a subscription is sent.
    SubscriptionState {
        Active = "active",
        /// Until it is resumed.
        Paused = "paused",
        /// Final.
        Ended = "ended",
    }
);

words!(
    /// Why a subscription ended.
    EndReason {
        /// Its subscriber ended it.
        Subscriber = "subscriber",
        /// By the link of a mail.
        Unsubscribed = "unsubscribed",
        /// Its last day is over.
        LastDay = "last_day",
        /// An operator ended it.
        Operator = "operator",
    }
);

words!(
    /// What became of the last time that a subscription was due.
    Outcome {
        /// Requests were made.
        Sent = "sent",
        /// Nothing had changed since the last time.
        Unchanged = "unchanged",
        /// The subscriber may not have the report any more, or has to sign in again as an admin.
        NotAllowed = "not_allowed",
        /// The newest data has no such batch, or no batch of the course.
        UnknownBatch = "unknown_batch",
        /// Nobody was there to get it: no address that mails can be sent to, no officer with rows.
        NoRecipients = "no_recipients",
        /// No mail server is set.
        NoMail = "no_mail",
    }
);

/// A subscription as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Unique.
    pub id: SubscriptionId,
    /// Who subscribed, with the roles and the address of their last login, which was at `roles_at`.
    pub person: Person,
    /// When the roles and the address of `person` were verified.
    pub roles_at: DateTime<Utc>,
    /// What the report is of.
    pub of: Subject,
    /// The format of the report file.
    pub format: ReportFormat,
    /// The filter, the split, and how several batches are put together; never batches.
    pub asked: RequestOptions,
    /// When it is sent.
    pub schedule: Schedule,
    /// A recipient is sent nothing while their rows are those of the last time.
    pub only_if_changed: bool,
    /// Whether the subscriber gets the report.
    pub to_self: bool,
    /// The column by whose values officers get rows; none where no officers do.
    pub to_officers: Option<SplitColumn>,
    /// The last day, by the site's calendar.
    pub until: Option<NaiveDate>,
    /// Whether it is active, paused or ended.
    pub state: SubscriptionState,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// None after nightly runs, and where nothing more is sent for now.
    pub next_at: Option<DateTime<Utc>>,
    /// After nightly runs: the start of the last one that was answered.
    pub after_run: Option<DateTime<Utc>>,
    /// When it was last due.
    pub last_at: Option<DateTime<Utc>>,
    /// What came of that.
    pub last_outcome: Option<Outcome>,
}

/// What the report of a subscription is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One batch.
    Batch(BatchId),
    /// All batches of a course that the subscriber may have, at each sending.
    Course(String),
}

impl Subject {
    /// The batch, where it is one.
    pub fn batch_id(&self) -> Option<&str> {
        match self {
            Self::Batch(id) => Some(id.as_str()),
            Self::Course(_) => None,
        }
    }

    /// The course, where it is one.
    pub fn course_id(&self) -> Option<&str> {
        match self {
            Self::Batch(_) => None,
            Self::Course(id) => Some(id),
        }
    }
}
