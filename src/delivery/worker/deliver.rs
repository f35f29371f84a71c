//! One delivery: check access, make the file, keep or mail it, and store the outcome.

use std::time::Duration;

use chrono::{TimeDelta, Utc};

use super::super::access::BatchFacts;
use super::super::files::{FileSpec, FilesError, path_of};
use super::super::mail::{MailContext, SendError, SubscriptionMail};
use super::super::request::{Deliver, Failure, FailureCause, ReportFile, Request, Status};
use super::super::source::Current;
use super::super::store::{Held, LEASE, Lease, SendingOf, StoreError, Unsubscribed};
use super::super::tokens::{hash_of, random_text};
use super::WorkerResources;
use super::backoff::next_try;
use super::handover::Noted;
use crate::ids::BatchId;
use crate::observability::{Work, observed};
use crate::report::ConsentCounts;

/// The time limit for making a report: much longer than the largest one needs.
const TIME_TO_MAKE: Duration = Duration::from_secs(10 * 60);
/// How long no mail is sent to an address after one came back because there is no such mailbox.
const BROKEN_ADDRESS_RESTS: TimeDelta = TimeDelta::days(7);
const BETWEEN_TRIES_TO_STORE: Duration = Duration::from_secs(2);

/// The outcome of one attempt.
enum Outcome {
    Done(Status),
    Failed(Failure),
    /// A temporary failure, retried until the deadline; then the request fails for this reason.
    NotNow(Failure),
    /// The lease is lost.
    LeaseLost,
}

/// Brings a request one step further: to its end, or back into the queue.
pub async fn deliver(resources: &WorkerResources, lease: &Lease) -> Result<Held, StoreError> {
    let request = &lease.request;
    resources.metrics.count_attempt();
    let outcome = if request.handover_started_at.is_some() {
        Outcome::Failed(unconfirmed("the service was stopped"))
    } else if lease.was_lost_too_often() {
        Outcome::Failed(Failure {
            cause: FailureCause::ReportFailed,
            words: "The service stopped each time it worked on this report; its operators can see why.".to_owned(),
        })
    } else {
        attempt(resources, lease).await?
    };
    let now = Utc::now();
    match outcome {
        Outcome::Done(status) => {
            let held = store_end(lease, || resources.store.succeed(&lease.token, status, now)).await?;
            if held == Held::Yes {
                resources
                    .metrics
                    .observe_delivery(request.deliver, request.deadline, now);
            }
            Ok(held)
        }
        Outcome::NotNow(reason) => {
            let due = next_try(now, request.attempts);
            tracing::warn!(
                "request {} did not go through ({}): {}",
                request.id,
                reason.cause,
                reason.words
            );
            if due < request.deadline {
                store_end(lease, || resources.store.try_again(&lease.token, due)).await
            } else {
                fail(resources, lease, &reason).await
            }
        }
        Outcome::Failed(failure) => fail(resources, lease, &failure).await,
        Outcome::LeaseLost => Ok(Held::No),
    }
}

/// Stores the outcome of an attempt, retrying as long as the lease may last: a handover whose outcome is not stored
/// counts as unconfirmed.
async fn store_end<S>(lease: &Lease, store: impl Fn() -> S) -> Result<Held, StoreError>
where
    S: Future<Output = Result<Held, StoreError>>,
{
    let last_try = Utc::now() + LEASE;
    loop {
        match store().await {
            Err(error) if Utc::now() < last_try => {
                tracing::warn!("the end of request {} is not stored yet: {error}", lease.request.id);
                tokio::time::sleep(BETWEEN_TRIES_TO_STORE).await;
            }
            stored => return stored,
        }
    }
}

async fn fail(resources: &WorkerResources, lease: &Lease, failure: &Failure) -> Result<Held, StoreError> {
    let request = &lease.request;
    // A notice goes to the same address. A recipient of a subscription gets no failure notices.
    let is_mail = request.deliver == Deliver::Email
        && failure.cause != FailureCause::MailBounced
        && resources.store.sending_of(request.id).await?.is_none();
    // The next mail may succeed, unless the mailbox is the cause.
    if matches!(
        failure.cause,
        FailureCause::MailUnavailable | FailureCause::ReportFailed
    ) {
        resources.store.forget_sent_content(request.id).await?;
    }
    let now = Utc::now();
    let held = store_end(lease, || resources.store.fail(&lease.token, failure, is_mail, now)).await?;
    if held == Held::Yes {
        tracing::error!("request {} failed ({}): {}", request.id, failure.cause, failure.words);
        resources.metrics.count_failure(failure.cause);
    }
    Ok(held)
}

async fn attempt(resources: &WorkerResources, lease: &Lease) -> Result<Outcome, StoreError> {
    let request = &lease.request;
    let current = resources.source.current();
    let batches = match checked_batches(&current, request) {
        Ok(batches) => batches,
        Err(failure) => return Ok(Outcome::Failed(failure)),
    };
    let Some(&batch) = batches.first() else {
        return Ok(Outcome::LeaseLost);
    };
    let spec = FileSpec {
        batches: &batches,
        format: request.format,
        asked: &request.asked,
    };
    // Noted before the file exists, so that an orphaned file is cleaned up.
    let path = path_of(&current, &spec);
    resources.store.note_file(&path, Utc::now()).await?;
    let making = async {
        let file = resources.files.make(&current, &spec).await?;
        let consent = match request.deliver {
            Deliver::Download => ConsentCounts::default(),
            Deliver::Email => resources.files.consents(&current, &spec).await?,
        };
        Ok::<_, FilesError>((file, consent))
    };
    let making = async {
        let made = tokio::time::timeout(TIME_TO_MAKE, making).await;
        made.unwrap_or(Err(FilesError::TooSlow { limit: TIME_TO_MAKE }))
    };
    let (file, consent) = match observed(Work::Report, making).await {
        Ok(made) => made,
        Err(error) => return Ok(not_made(resources, &error).await),
    };
    if resources.store.file_made(&lease.token, &file).await? == Held::No {
        return Ok(Outcome::LeaseLost);
    }
    match request.deliver {
        Deliver::Download => Ok(Outcome::Done(Status::Ready)),
        Deliver::Email => mail(resources, lease, &current, batch, &file, consent).await,
    }
}

/// Mails a finished file, unless its recipient no longer wants it or mails to the address come back.
async fn mail(
    resources: &WorkerResources,
    lease: &Lease,
    current: &Current,
    batch: &BatchFacts,
    file: &ReportFile,
    consent: ConsentCounts,
) -> Result<Outcome, StoreError> {
    let request = &lease.request;
    let sending = resources.store.sending_of(request.id).await?;
    if sending.as_ref().is_some_and(|sending| !sending.is_wanted) {
        return Ok(Outcome::Failed(unwanted()));
    }
    if let Some(failure) = broken_address(resources, request).await? {
        return Ok(Outcome::Failed(failure));
    }
    let unsubscribe = match &sending {
        Some(sending) => unsubscribe_link(resources, sending).await?,
        None => None,
    };
    let subscription = sending.map(|sending| SubscriptionMail {
        unsubscribe: unsubscribe.as_deref(),
        is_officer: sending.is_officer,
    });
    let is_officer = subscription.is_some_and(|subscription| subscription.is_officer);
    let link = resources.links.for_mail(request);
    let link = link.filter(|link| !(is_officer && link.asks_for_login));
    let context = MailContext {
        batch: Some(batch),
        names: Some(current.directory.names()),
        link: link.as_ref(),
        consent,
        subscription,
    };
    Ok(send(resources, lease, file, context).await)
}

/// The link by which the recipient of a subscription's mail ends these mails. It is new in each mail, and the store
/// knows it by its hash alone.
async fn unsubscribe_link(resources: &WorkerResources, sending: &SendingOf) -> Result<Option<String>, StoreError> {
    let token = random_text();
    let Some(link) = resources.links.to_unsubscribe(&token) else {
        return Ok(None);
    };
    let of = Unsubscribed {
        subscription: sending.subscription,
        email: sending.email.clone(),
        is_officer: sending.is_officer,
    };
    resources
        .store
        .note_unsubscribe_token(&hash_of(&token), &of, Utc::now())
        .await?;
    Ok(Some(link))
}

/// The failure of a mail whose recipient or subscriber ended the subscription meanwhile.
fn unwanted() -> Failure {
    Failure {
        cause: FailureCause::Cancelled,
        words: "The subscription was ended before the mail was sent.".to_owned(),
    }
}

/// Why no mail goes to the requester's address, where an earlier one came back from it.
async fn broken_address(resources: &WorkerResources, request: &Request) -> Result<Option<Failure>, StoreError> {
    let Some(email) = &request.person.email else {
        return Ok(None);
    };
    let bounce = resources
        .store
        .bounce_of_address(email, Utc::now() - BROKEN_ADDRESS_RESTS)
        .await?;
    Ok(bounce.map(|bounce| Failure {
        cause: FailureCause::MailBounced,
        words: format!(
            "An earlier mail to your address came back on {}: {}. Have your address corrected, or fetch the report as a download.",
            bounce.at.format("%-d %B %Y"),
            bounce.words
        ),
    }))
}

/// The batches, if their reports may still go to the requester.
fn checked_batches<'a>(current: &'a Current, request: &Request) -> Result<Vec<&'a BatchFacts>, Failure> {
    let batches = request.batches().iter();
    batches.map(|batch| checked_batch(current, batch, request)).collect()
}

/// The batch, if its report may still go to the requester.
fn checked_batch<'a>(current: &'a Current, id: &BatchId, request: &Request) -> Result<&'a BatchFacts, Failure> {
    let failed = |cause, words: &str| Failure {
        cause,
        words: words.to_owned(),
    };
    let batch = current.directory.get(id).ok_or_else(|| {
        failed(
            FailureCause::UnknownBatch,
            "The batch is not in the platform's newest data any more.",
        )
    })?;
    if batch.is_open_to(&request.person) {
        Ok(batch)
    } else {
        Err(failed(
            FailureCause::NotAllowed,
            "You are no longer the creator, a mentor or an admin of this batch.",
        ))
    }
}

async fn not_made(resources: &WorkerResources, error: &FilesError) -> Outcome {
    let failure = Failure {
        cause: FailureCause::ReportFailed,
        words: if error.is_too_many_parts() {
            "The report would have too many parts; filter it, or split it by another column.".to_owned()
        } else if error.is_permanent() {
            "The report does not fit into this format; ask for it as CSV.".to_owned()
        } else {
            "The report could not be made from the platform's data.".to_owned()
        },
    };
    // The requester gets a reason without internals; the cause is logged for operators.
    tracing::error!("a report could not be made: {error}");
    if error.is_permanent() {
        return Outcome::Failed(failure);
    }
    // The files may have been replaced by a newer run.
    resources.source.refresh().await;
    Outcome::NotNow(failure)
}

async fn send(resources: &WorkerResources, lease: &Lease, file: &ReportFile, context: MailContext<'_>) -> Outcome {
    let request = &lease.request;
    let unavailable = |words: String| {
        Outcome::NotNow(Failure {
            cause: FailureCause::MailUnavailable,
            words,
        })
    };
    let Some(mailer) = &resources.mailer else {
        return unavailable("No mail server is set.".to_owned());
    };
    let copy = match resources.files.local_copy(&file.path).await {
        Ok(copy) => copy,
        Err(error) => return not_made(resources, &error).await,
    };
    let handover = Noted { resources, lease };
    let sending = mailer.send_report(request, file, copy.path(), context, &handover);
    let sent = observed(Work::Mail, sending).await;
    resources.watch_mail(request.id, &sent);
    match sent {
        Ok(()) => Outcome::Done(Status::Sent),
        Err(SendError::Refused(words)) => refused(format!("The mail server refused the mail: {words}")),
        Err(SendError::Unsendable(words)) => refused(format!("The mail could not be sent: {words}")),
        Err(SendError::Unavailable(words)) => unavailable(format!("The mail server could not take the mail: {words}")),
        Err(SendError::Misconfigured(refusal)) if refusal.may_be_of_mailbox => unavailable(format!(
            "The mail server takes no mail of this service, at least not for this mailbox: {refusal}"
        )),
        Err(SendError::Misconfigured(refusal)) => unavailable(format!(
            "The mail server refuses all mails of this service, which its operators have to set right: {refusal}"
        )),
        Err(SendError::Unconfirmed(words)) => Outcome::Failed(unconfirmed(&words)),
        Err(SendError::CalledOff) => Outcome::LeaseLost,
    }
}

fn refused(words: String) -> Outcome {
    Outcome::Failed(Failure {
        cause: FailureCause::MailRefused,
        words,
    })
}

fn unconfirmed(why: &str) -> Failure {
    Failure {
        cause: FailureCause::MailUnconfirmed,
        words: format!(
            "The mail may or may not have arrived; it is not sent again, so that none arrives twice ({why})."
        ),
    }
}
