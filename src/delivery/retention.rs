//! Retention: removes old requests, report files that no request refers to, and sessions that are over.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use object_store::ObjectStoreExt;
use tokio::sync::watch;

use super::store::{Store, StoreError};
use crate::exports::Location;
use crate::nightly::layout;

/// The polling interval for old requests.
const POLL_INTERVAL: Duration = Duration::from_secs(60 * 60);
/// The shortest retention whatever is set: rate limits and event files need the events of the last day.
const KEPT_AT_LEAST: TimeDelta = TimeDelta::hours(24);
/// How long an unreferenced report file is kept: another request may be about to refer to it.
const FILES_REST: TimeDelta = TimeDelta::hours(1);

/// Removes what is old.
#[derive(Debug)]
pub struct Retention {
    store: Store,
    /// The folder of report files.
    files: Location,
    keep: TimeDelta,
}

/// What was removed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Number of requests.
    pub requests: u64,
    /// Paths below the folder of report files.
    pub files: Vec<String>,
}

impl Retention {
    /// Requests are kept for `keep` after their end, and for a day at least.
    pub fn new(store: Store, files: Location, keep: Duration) -> Self {
        let keep = TimeDelta::from_std(keep).unwrap_or(TimeDelta::MAX);
        Self {
            store,
            files,
            keep: keep.max(KEPT_AT_LEAST),
        }
    }

    /// Removes what is old at intervals, until `stop` turns true; calls `forget` with each report file that was
    /// removed.
    pub async fn run(self, forget: impl Fn(&str), mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            match self.remove_old(Utc::now()).await {
                Ok(removed) => {
                    removed.files.iter().for_each(|path| forget(path));
                    if removed != Removed::default() {
                        let (requests, files) = (removed.requests, removed.files.len());
                        tracing::info!("removed {requests} old requests and {files} report files");
                    }
                }
                Err(error) => tracing::error!("old requests stay for now: {error}"),
            }
            tokio::select! {
                () = tokio::time::sleep(POLL_INTERVAL) => {}
                stopped = stop.changed() => if stopped.is_err() { return },
            }
        }
    }

    /// Removes what is old now. A file that cannot be removed is tried again the next time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn remove_old(&self, now: DateTime<Utc>) -> Result<Removed, StoreError> {
        let before = now.checked_sub_signed(self.keep);
        let requests = match before {
            Some(before) => self.store.remove_old(before).await?,
            None => 0,
        };
        if let Some(before) = before {
            self.store.remove_old_subscriptions(before, now).await?;
        }
        self.store.remove_old_sessions(now).await?;
        let mut files = Vec::new();
        for path in self.store.unnamed_files(now - FILES_REST).await? {
            let object = layout::object_path(&self.files.prefix, &path);
            match self.files.store.delete(&object).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {
                    self.store.forget_file(&path).await?;
                    files.push(path);
                }
                Err(error) => {
                    let place = self.files.display(&object);
                    tracing::warn!("{place} is not needed any more and could not be removed: {error}");
                }
            }
        }
        Ok(Removed { requests, files })
    }
}
