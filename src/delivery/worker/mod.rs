//! Workers claim requests from the store, one at a time each, and process them.
//!
//! A worker holds its request by a lease that is renewed while it works; where the lease is lost, it stops at once.
//! What is done with a request is in [`deliver`] and [`notify`].

mod backoff;
mod deliver;
mod handover;
mod notify;

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use futures::FutureExt;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use tracing::Instrument;

use super::files::ReportFiles;
use super::links::Links;
use super::mail::{Mailer, SendError};
use super::metrics::{DeliveryMetrics, MailHealthChange};
use super::request::RequestId;
use super::source::ReportSource;
use super::store::{Held, LEASE, Lease, Store, Work};

/// How often an idle worker polls without a notification: for requests of other processes, due retries, and expired
/// leases.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The delay before the next attempt after the store did not answer.
const AFTER_STORE_ERROR: Duration = Duration::from_secs(5);
/// The delay before a worker that panicked is restarted.
const AFTER_BREAKDOWN: Duration = Duration::from_secs(1);
/// Renewals of a lease within the time that it holds (heartbeats).
const RENEWALS_PER_LEASE: u32 = 4;

/// The resources that all workers share.
pub struct WorkerResources {
    /// The database of requests.
    pub store: Store,
    /// The newest snapshot and output.
    pub source: Arc<ReportSource>,
    /// Makes and reads report files.
    pub files: Arc<ReportFiles>,
    /// None where no mail server is set; only downloads are accepted then.
    pub mailer: Option<Mailer>,
    /// Makes the links in mails.
    pub links: Links,
    /// Counters of deliveries.
    pub metrics: Arc<DeliveryMetrics>,
    /// Notified when this process accepts a request.
    pub wake_up: Arc<Notify>,
}

impl WorkerResources {
    /// Runs `count` workers until `stop` turns true; what they hold then is brought to its end.
    pub async fn run(self: Arc<Self>, count: usize, stop: watch::Receiver<bool>) {
        let mut workers = JoinSet::new();
        for _ in 0..count {
            workers.spawn(Arc::clone(&self).work(stop.clone()));
        }
        while let Some(ended) = workers.join_next().await {
            // A panic in the work on one request must not stop the others.
            if ended.is_err() && !*stop.borrow() {
                tracing::error!("a worker broke down; another one takes its place");
                tokio::time::sleep(AFTER_BREAKDOWN).await;
                workers.spawn(Arc::clone(&self).work(stop.clone()));
            }
        }
    }

    /// Counts the outcome of a mail, and logs once that the mail server refuses this service.
    fn watch_mail(&self, request: RequestId, sent: &Result<(), SendError>) {
        match self.metrics.observe_mail(request, sent, Utc::now()) {
            MailHealthChange::Refused => {
                let words = sent.as_ref().err().map(ToString::to_string).unwrap_or_default();
                tracing::error!(
                    "the mail server refuses this service: {words}; mails are tried again until their deadlines, and an operator \
                     has to mend [mail] or the mail server (docs/operations.md)"
                );
            }
            MailHealthChange::TakenAgain => tracing::info!("the mail server takes the mails of this service again"),
            MailHealthChange::None => {}
        }
    }

    async fn work(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            let wait = match self.store.claim(Utc::now()).await {
                Ok(Some(lease)) => {
                    // Of the highest level, so that the id is there whichever lines are logged.
                    let span = tracing::error_span!("delivery", request = %lease.request.id);
                    self.hold(lease).instrument(span).await;
                    continue;
                }
                Ok(None) => POLL_INTERVAL,
                Err(error) => {
                    tracing::error!("requests wait: {error}");
                    AFTER_STORE_ERROR
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.wake_up.notified() => {}
                _ = stop.changed() => {}
            }
        }
    }

    /// Does the work of a lease while renewing it.
    async fn hold(&self, lease: Lease) {
        let id = lease.request.id;
        let mut renewal = Renewal::start(self.store.clone(), &lease);
        let work = async {
            match lease.work {
                // Boxed, so that the types of these futures are not compiled into that of the service.
                Work::Deliver => deliver::deliver(self, &lease).boxed().await,
                Work::Notify => notify::notify(self, &lease).boxed().await,
            }
        };
        tokio::select! {
            held = work => match held {
                Ok(Held::Yes) => {}
                Ok(Held::No) => tracing::info!("request {id} was taken over or cancelled"),
                Err(error) => tracing::error!("request {id} is taken up again when its lease ends: {error}"),
            },
            _ = &mut renewal.task => tracing::warn!("request {id} was let go: its lease could not be renewed"),
        }
    }
}

/// Renews a lease, on a thread of its own where the work keeps one busy; ends when the lease is lost, or with this
/// value.
struct Renewal {
    task: JoinHandle<()>,
}

impl Renewal {
    fn start(store: Store, lease: &Lease) -> Self {
        let token = lease.token;
        let renewing = async move {
            loop {
                tokio::time::sleep(LEASE / RENEWALS_PER_LEASE).await;
                match store.renew(&token, Utc::now()).await {
                    Ok(Held::Yes) => {}
                    Ok(Held::No) => return,
                    // The next renewal may come in time.
                    Err(error) => tracing::warn!("a lease was not renewed: {error}"),
                }
            }
        };
        let task = tokio::spawn(renewing.in_current_span());
        Self { task }
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        self.task.abort();
    }
}
