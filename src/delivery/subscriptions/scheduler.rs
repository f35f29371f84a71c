//! Makes requests of the subscriptions that are due, in every process that serves: each takes what no other has claimed.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Notify, watch};

use super::SubscriptionRules;
use crate::config::AddressSource;
use crate::delivery::source::{ReportSource, SourceError};
use crate::delivery::store::{Store, StoreError};

/// The polling interval for due subscriptions.
const POLL_INTERVAL: Duration = Duration::from_secs(5);
const AFTER_STORE_ERROR: Duration = Duration::from_secs(30);
/// The time that working out a sending may take: less than a claim holds.
const TIME_TO_PLAN: Duration = Duration::from_secs(4 * 60);
/// The wait after a failed attempt.
const AFTER_FAILURE: TimeDelta = TimeDelta::minutes(2);

/// Why a subscription cannot be planned.
#[derive(Debug, thiserror::Error)]
pub(super) enum PlanError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

/// Turns due subscriptions into requests.
pub struct Scheduler {
    /// The database of subscriptions and requests.
    pub store: Store,
    /// The newest snapshot and output.
    pub source: Arc<ReportSource>,
    /// What the site allows.
    pub rules: Arc<SubscriptionRules>,
    /// Where addresses of subscribers come from.
    pub address_source: AddressSource,
    /// Whether a mail server is set.
    pub can_mail: bool,
    /// The promised time from when a report is due to its mail.
    pub deadline: Duration,
    /// Notified when there are new requests.
    pub wake_up: Arc<Notify>,
}

impl Scheduler {
    /// Turns subscriptions into requests as they become due, until `stop` turns true.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            let wait = match self.make_next(Utc::now()).await {
                Ok(true) => continue,
                Ok(false) => POLL_INTERVAL,
                Err(error) => {
                    tracing::error!("subscriptions wait: {error}");
                    AFTER_STORE_ERROR
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                stopped = stop.changed() => if stopped.is_err() { return },
            }
        }
    }

    /// Turns the subscription that has been due longest into requests; false where none is due.
    ///
    /// # Errors
    /// The store does not answer; what was due stays so.
    pub async fn make_next(&self, now: DateTime<Utc>) -> Result<bool, StoreError> {
        let current = self.source.current();
        let run = current.output().map(|output| output.manifest().timings.started_at);
        let Some(due) = self.store.claim_subscription(now, run).await? else {
            return Ok(false);
        };
        let id = due.subscription.id;
        let planned = tokio::time::timeout(TIME_TO_PLAN, self.plan(&current, &due.subscription, now)).await;
        let done = match planned {
            Ok(Ok(done)) => done,
            Ok(Err(PlanError::Store(error))) => return Err(error),
            Ok(Err(PlanError::Source(error))) => {
                tracing::error!("subscription {id} is tried again in a while: {error}");
                self.store.put_off_subscription(&due, now + AFTER_FAILURE).await?;
                // The files may have been replaced by a newer run.
                self.source.refresh().await;
                return Ok(true);
            }
            Err(_) => {
                tracing::error!(
                    "subscription {id} is tried again in a while: its report was not read within {} seconds",
                    TIME_TO_PLAN.as_secs()
                );
                self.store
                    .put_off_subscription(&due, Utc::now() + AFTER_FAILURE)
                    .await?;
                return Ok(true);
            }
        };
        match self.store.finish_sending(&due, &done, now).await? {
            Some(0) => tracing::info!("subscription {id} was due: {}", done.outcome),
            Some(requests) => {
                tracing::info!("subscription {id} was due: {requests} requests");
                self.wake_up.notify_one();
            }
            None => tracing::info!("subscription {id} was changed or taken over while it was due"),
        }
        Ok(true)
    }
}
