//! An outbox of events (clicks and deliveries) that are to be written to files.
//!
//! A writer claims events for a file of its own, writes the file, and marks them as written. Events that were claimed
//! and not marked for a while belong to a dead writer and are released; they may then be written twice, under the same
//! `mid`.

use std::ops::Range;

use chrono::{DateTime, Utc};

use super::rows;
use super::{Backend, Store, StoreError, StoredEvent};

/// `take_events` on one database; the others differ in how they pass over rows that somebody else is taking.
macro_rules! take {
    ($locking:literal) => {
        concat!(
            "with free as materialized (
                select mid from events
                where event_file is null and written_at is null and happened_at >= $3 and happened_at < $4
                order by happened_at, mid limit $5 ",
            $locking,
            ") update events set event_file = $1, taken_at = $2 where mid in (select mid from free)"
        )
    };
}

impl Store {
    /// When the oldest event happened that no writer has taken.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn oldest_untaken_event(&self) -> Result<Option<DateTime<Utc>>, StoreError> {
        let found = sqlx::query(
            "select min(happened_at) as oldest from events where written_at is null and event_file is null",
        )
        .fetch_one(&self.reads)
        .await;
        let oldest = found.and_then(|row| rows::optional_time(&row, "oldest"));
        oldest.map_err(self.failed(DOING))
    }

    /// Claims events of one time span for a file, the oldest first; returns how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn take_events(
        &self,
        file: &str,
        happened: Range<DateTime<Utc>>,
        most: u32,
        now: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let statement = match self.backend {
            Backend::Sqlite => take!(""),
            Backend::Postgres => take!("for update skip locked"),
        };
        let taken = sqlx::query(statement)
            .bind(file)
            .bind(now.timestamp_millis())
            .bind(happened.start.timestamp_millis())
            .bind(happened.end.timestamp_millis())
            .bind(i64::from(most))
            .execute(&self.writes)
            .await;
        Ok(taken.map_err(self.failed(DOING))?.rows_affected())
    }

    /// All events that were taken for a file, written or not; those that are taken later come last, so that a file only
    /// grows.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn events_of_file(&self, file: &str) -> Result<Vec<StoredEvent>, StoreError> {
        let found = sqlx::query(
            "select mid, kind, request_id, user_id, batch_id, course_id, tenant_id, happened_at, by_subscription from events
            where event_file = $1 order by taken_at, happened_at, mid",
        )
        .bind(file)
        .fetch_all(&self.reads)
        .await;
        let events = found.and_then(|found| found.iter().map(rows::event).collect());
        events.map_err(self.failed(DOING))
    }

    /// Marks the events of a file as written; returns how many were not before.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn mark_events_written(&self, file: &str, now: DateTime<Utc>) -> Result<u64, StoreError> {
        let marked = sqlx::query("update events set written_at = $2 where event_file = $1 and written_at is null")
            .bind(file)
            .bind(now.timestamp_millis())
            .execute(&self.writes)
            .await;
        Ok(marked.map_err(self.failed(DOING))?.rows_affected())
    }

    /// Releases the events that were claimed before `taken_before` and not written since; returns how many.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn give_back_events(&self, taken_before: DateTime<Utc>) -> Result<u64, StoreError> {
        let given_back = sqlx::query(
            "update events set event_file = null, taken_at = null where written_at is null and taken_at < $1",
        )
        .bind(taken_before.timestamp_millis())
        .execute(&self.writes)
        .await;
        Ok(given_back.map_err(self.failed(DOING))?.rows_affected())
    }
}

const DOING: &str = "writing events";
