//! One failure notice: tells the requester why no report came, and where it can be fetched.

use chrono::{TimeDelta, Utc};

use super::super::mail::{MailContext, SendError};
use super::super::store::{Held, Lease, StoreError};
use super::WorkerResources;
use super::backoff::next_try;
use super::handover::Noted;
use crate::observability::{Work, observed};
use crate::report::ConsentCounts;

/// The time after the deadline at which a notice that could not be sent is given up.
const USEFUL_FOR: TimeDelta = TimeDelta::hours(24);

/// Sends the notice of a failed request, or puts it off.
pub async fn notify(resources: &WorkerResources, lease: &Lease) -> Result<Held, StoreError> {
    let request = &lease.request;
    // It may have arrived already, and must not be sent twice; or the address has just bounced.
    if request.handover_started_at.is_some() || request.bounce.is_some() {
        return resources.store.end_notice(&lease.token, false).await;
    }
    let Some(mailer) = &resources.mailer else {
        return put_off(resources, lease).await;
    };
    let current = resources.source.current();
    let batch = current.directory.get(&request.batch_id);
    // Only a requester who may still have the report gets the link.
    let is_open = current.directory.are_open_to(request.batches(), &request.person);
    let link = request
        .offered_file()
        .filter(|file| is_open && file.follows(current.consent_rules()))
        .and_then(|_| resources.links.for_mail(request));
    let context = MailContext {
        batch,
        names: Some(current.directory.names()),
        link: link.as_ref(),
        consent: ConsentCounts::default(),
        subscription: None,
    };
    let handover = Noted { resources, lease };
    let sending = mailer.send_failure_notice(request, context, &handover);
    let sent = observed(Work::Mail, sending).await;
    resources.watch_mail(request.id, &sent);
    match sent {
        Ok(()) => resources.store.end_notice(&lease.token, true).await,
        Err(error @ (SendError::Unavailable(_) | SendError::Misconfigured(_))) => {
            tracing::warn!("the notice of request {} did not go through: {error}", request.id);
            put_off(resources, lease).await
        }
        Err(error @ (SendError::Refused(_) | SendError::Unsendable(_) | SendError::Unconfirmed(_))) => {
            tracing::error!("the notice of request {} is given up: {error}", request.id);
            resources.store.end_notice(&lease.token, false).await
        }
        Err(SendError::CalledOff) => Ok(Held::No),
    }
}

async fn put_off(resources: &WorkerResources, lease: &Lease) -> Result<Held, StoreError> {
    let request = &lease.request;
    let due = next_try(Utc::now(), request.attempts);
    if due < request.deadline + USEFUL_FOR {
        resources.store.notify_again(&lease.token, due).await
    } else {
        tracing::error!(
            "the notice of request {} could not be sent for a day and is given up",
            request.id
        );
        resources.store.end_notice(&lease.token, false).await
    }
}
