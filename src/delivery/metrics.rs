//! Prometheus metrics of deliveries: counters of this process, and gauges of the queue in the store.
//!
//! Where several processes share a store, each counts what it did itself, and all show the same queue.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::prometheus_text::{self, encode};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::mail::{Refusal, SendError};
use super::request::{Deliver, FailureCause, RequestId, Status};
use super::store::QueueFigures;
use crate::report::ReportFormat;

/// Bounds of the histogram, in seconds; 1800 is the deadline that is promised where nothing else is set.
const SECONDS: [f64; 13] = [
    1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1200.0, 1800.0, 3600.0,
];
const PREFIX: &str = "pragati";

/// Counters of this process.
#[derive(Debug)]
pub struct DeliveryMetrics {
    /// The time from a click, or a retry by hand, to its deadline.
    promised: TimeDelta,
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    clicks: Counter,
    files: Family<ByLabel, Counter>,
    attempts: Counter,
    failures: Family<CauseLabel, Counter>,
    delivery: Family<DeliverLabel, Histogram>,
    mails: Family<OutcomeLabel, Counter>,
    mail_needs_operator: Gauge,
    mail_watch: Mutex<MailHealth>,
}

/// The health of mail sending, as recent outcomes show it.
#[derive(Debug, Default)]
struct MailHealth {
    /// Since when the mail server refuses this service, where it does.
    refused_since: Option<DateTime<Utc>>,
    /// Whether it accepted a mail since this process started.
    has_accepted_mail: bool,
    /// A request that was refused since the last accepted mail.
    refused: Option<RequestId>,
}

impl MailHealth {
    fn taken(&mut self) -> MailHealthChange {
        self.has_accepted_mail = true;
        self.refused = None;
        match self.refused_since.take() {
            Some(_) => MailHealthChange::TakenAgain,
            None => MailHealthChange::None,
        }
    }

    /// A refusal after RCPT TO may come from that mailbox alone, until another request is refused as well.
    fn refused(&mut self, request: RequestId, refusal: &Refusal, now: DateTime<Utc>) -> MailHealthChange {
        let first = *self.refused.get_or_insert(request);
        let is_of_mailbox = refusal.may_be_of_mailbox && self.has_accepted_mail && first == request;
        if is_of_mailbox || self.refused_since.is_some() {
            return MailHealthChange::None;
        }
        self.refused_since = Some(now);
        MailHealthChange::Refused
    }
}

/// A change of the mail server's health that is logged for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum MailHealthChange {
    /// The mail server refuses this service, and did not before.
    Refused,
    /// It takes mails again.
    TakenAgain,
    /// Nothing has changed.
    None,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    format: &'static str,
    deliver: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DeliverLabel {
    deliver: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CauseLabel {
    cause: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByLabel {
    by: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

impl DeliveryMetrics {
    /// The media type of [`encode`](Self::encode)'s text.
    pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

    /// Counters at zero for every label, so that Prometheus sees the first failure as an increase. `promised` is the
    /// time from a click to its deadline.
    pub fn new(promised: Duration) -> Self {
        let mut metrics = Self {
            promised: TimeDelta::from_std(promised).unwrap_or(TimeDelta::MAX),
            registry: Registry::with_prefix(PREFIX),
            requests: Family::default(),
            clicks: Counter::default(),
            files: Family::default(),
            attempts: Counter::default(),
            failures: Family::default(),
            delivery: Family::new_with_constructor((|| Histogram::new(SECONDS)) as fn() -> Histogram),
            mails: Family::default(),
            mail_needs_operator: Gauge::default(),
            mail_watch: Mutex::default(),
        };
        metrics.register();
        metrics.begin_at_zero();
        metrics
    }

    /// Registers each metric under its name, with its help text.
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "requests_accepted",
            "Requests that this process accepted",
            self.requests.clone(),
        );
        registry.register(
            "clicks",
            "Clicks on Download File that this process accepted, also those on a report that was under way",
            self.clicks.clone(),
        );
        registry.register(
            "files_fetched",
            "Report files that this process gave out, by how people said who they are",
            self.files.clone(),
        );
        registry.register(
            "delivery_attempts",
            "Deliveries that a worker of this process took up",
            self.attempts.clone(),
        );
        registry.register(
            "delivery_failures",
            "Requests that failed here for good, by cause",
            self.failures.clone(),
        );
        registry.register_with_unit(
            "delivery",
            "Time from a request to its mail in the mail server's hands, or to its file being ready",
            Unit::Seconds,
            self.delivery.clone(),
        );
        registry.register(
            "mails",
            "Tries to hand a mail over to the mail server, by how they ended",
            self.mails.clone(),
        );
        registry.register(
            "mail_needs_operator",
            "1 while the mail server refuses this service, whatever the mail: its login, host, name or sender",
            self.mail_needs_operator.clone(),
        );
    }

    fn begin_at_zero(&self) {
        for deliver in Deliver::ALL {
            let deliver = deliver.word();
            drop(self.delivery.get_or_create(&DeliverLabel { deliver }));
            for format in ReportFormat::delivered() {
                let format = format.word();
                drop(self.requests.get_or_create(&RequestLabels { format, deliver }));
            }
        }
        for by in FETCHED_BY {
            drop(self.files.get_or_create(&ByLabel { by }));
        }
        for outcome in MAIL_OUTCOMES {
            drop(self.mails.get_or_create(&OutcomeLabel { outcome }));
        }
        for cause in FailureCause::ALL {
            drop(self.failures.get_or_create(&CauseLabel { cause: cause.word() }));
        }
    }

    /// A request was accepted.
    pub fn count_request(&self, format: ReportFormat, deliver: Deliver) {
        let (format, deliver) = (format.word(), deliver.word());
        self.requests.get_or_create(&RequestLabels { format, deliver }).inc();
    }

    /// Counts an accepted click, with a request of its own or not.
    pub fn count_click(&self) {
        self.clicks.inc();
    }

    /// Counts a report file that was fetched from its beginning; `by` is one of [`FETCHED_BY`].
    pub fn count_file(&self, by: &'static str) {
        self.files.get_or_create(&ByLabel { by }).inc();
    }

    /// Counts a delivery that a worker took up.
    pub fn count_attempt(&self) {
        self.attempts.inc();
    }

    /// Counts a request that failed for good.
    pub fn count_failure(&self, cause: FailureCause) {
        self.failures.get_or_create(&CauseLabel { cause: cause.word() }).inc();
    }

    /// Observes how long the delivery took that was promised for `deadline` and has succeeded.
    pub fn observe_delivery(&self, deliver: Deliver, deadline: DateTime<Utc>, now: DateTime<Utc>) {
        let label = DeliverLabel {
            deliver: deliver.word(),
        };
        let waited = waited(deadline, self.promised, now);
        self.delivery.get_or_create(&label).observe(waited);
    }

    /// Counts the outcome of one attempt to hand a mail over.
    pub fn observe_mail(
        &self,
        request: RequestId,
        sent: &Result<(), SendError>,
        now: DateTime<Utc>,
    ) -> MailHealthChange {
        let outcome = outcome_of(sent);
        self.mails.get_or_create(&OutcomeLabel { outcome }).inc();
        let mut watch = self.mail_watch.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = match sent {
            Ok(()) => watch.taken(),
            Err(SendError::Misconfigured(refusal)) => watch.refused(request, refusal, now),
            Err(_) => MailHealthChange::None,
        };
        match turn {
            MailHealthChange::Refused => {
                self.mail_needs_operator.set(1);
            }
            MailHealthChange::TakenAgain => {
                self.mail_needs_operator.set(0);
            }
            MailHealthChange::None => {}
        }
        turn
    }

    /// Since when the mail server refuses this service, where it does.
    pub fn mail_refused_since(&self) -> Option<DateTime<Utc>> {
        let watch = self.mail_watch.lock().unwrap_or_else(PoisonError::into_inner);
        watch.refused_since
    }

    /// Everything in Prometheus' text format: the counters, and the queue as it is `now`.
    pub fn encode(&self, figures: &QueueFigures, now: DateTime<Utc>) -> String {
        let mut text = String::new();
        // Writing to memory does not fail.
        let _ = encode(&mut text, &self.registry);
        let _ = encode(&mut text, &queue(figures, self.promised, now));
        text
    }
}

/// The ways in which somebody may fetch a file: with a login token, a session or a signed link.
const FETCHED_BY: [&str; 3] = ["token", "session", "signed_link"];

/// Every word of [`outcome_of`].
const MAIL_OUTCOMES: [&str; 7] = [
    "sent",
    "refused",
    "unsendable",
    "unavailable",
    "misconfigured",
    "unconfirmed",
    "called_off",
];

/// The label of the outcome of one attempt to hand a mail over.
fn outcome_of(sent: &Result<(), SendError>) -> &'static str {
    match sent {
        Ok(()) => "sent",
        Err(SendError::Refused(_)) => "refused",
        Err(SendError::Unsendable(_)) => "unsendable",
        Err(SendError::Unavailable(_)) => "unavailable",
        Err(SendError::Misconfigured(_)) => "misconfigured",
        Err(SendError::Unconfirmed(_)) => "unconfirmed",
        Err(SendError::CalledOff) => "called_off",
    }
}

/// Seconds since the promise that ends at `deadline` was made.
fn waited(deadline: DateTime<Utc>, promised: TimeDelta, now: DateTime<Utc>) -> f64 {
    seconds(promised - (deadline - now))
}

/// The queue as gauges.
fn queue(figures: &QueueFigures, promised: TimeDelta, now: DateTime<Utc>) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    let by_status = Family::<StatusLabel, Gauge>::default();
    let mut depth = 0;
    for &(status, requests) in &figures.by_status {
        by_status
            .get_or_create(&StatusLabel { status: status.word() })
            .set(shown(requests));
        if status == Status::Queued {
            depth = requests;
        }
    }
    let failed = Family::<CauseLabel, Gauge>::default();
    for &(cause, requests) in &figures.failed_by_cause {
        failed
            .get_or_create(&CauseLabel { cause: cause.word() })
            .set(shown(requests));
    }
    registry.register("requests", "Requests in the store, by status", by_status);
    registry.register("requests_failed", "Failed requests in the store, by cause", failed);
    registry.register("queue_depth", "Requests that wait for a worker", gauge(depth));
    let oldest: Gauge<f64, std::sync::atomic::AtomicU64> = Gauge::default();
    oldest.set(
        figures
            .first_deadline
            .map_or(0.0, |deadline| waited(deadline, promised, now)),
    );
    registry.register_with_unit(
        "oldest_open_request_age",
        "Age of the oldest request that waits or is worked on, since its click or its last retry by hand; 0 where there is none",
        Unit::Seconds,
        oldest,
    );
    registry.register(
        "events_to_write",
        "Accepted clicks and reports handed over that are not written as events yet",
        gauge(figures.events_to_write),
    );
    registry
}

fn gauge(value: u64) -> Gauge {
    let gauge = Gauge::default();
    gauge.set(shown(value));
    gauge
}

fn shown(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Seconds; clocks of different machines may differ a little, and no time is negative.
fn seconds(time: TimeDelta) -> f64 {
    time.to_std().map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(may_be_of_mailbox: bool) -> Result<(), SendError> {
        Err(SendError::Misconfigured(Refusal {
            words: "550 5.7.1 this group takes no mail from outside".to_owned(),
            may_be_of_mailbox,
        }))
    }

    /// The health changes after these outcomes, each with the number of its request.
    fn turns(ends: Vec<(usize, Result<(), SendError>)>) -> Vec<MailHealthChange> {
        let metrics = DeliveryMetrics::new(Duration::from_secs(1800));
        let requests = [RequestId::new(), RequestId::new()];
        let turns = ends.iter().map(|(number, sent)| {
            let turn = metrics.observe_mail(requests[*number], sent, Utc::now());
            assert_eq!(
                metrics.mail_refused_since().is_some(),
                metrics.mail_needs_operator.get() == 1
            );
            turn
        });
        turns.collect()
    }

    #[test]
    fn a_refusal_by_one_mailbox_needs_no_operator() {
        let policy = || refused(true);
        assert_eq!(
            turns(vec![
                (0, Ok(())),
                (1, policy()),
                (1, policy()),
                (0, Ok(())),
                (0, policy())
            ]),
            [MailHealthChange::None; 5]
        );
        // Two in a row are not the policy of one mailbox, nor is one before any mail was accepted.
        assert_eq!(
            turns(vec![
                (0, Ok(())),
                (0, policy()),
                (1, policy()),
                (1, policy()),
                (1, Ok(()))
            ]),
            [
                MailHealthChange::None,
                MailHealthChange::None,
                MailHealthChange::Refused,
                MailHealthChange::None,
                MailHealthChange::TakenAgain
            ]
        );
        assert_eq!(turns(vec![(0, policy())]), [MailHealthChange::Refused]);
    }

    #[test]
    fn a_refusal_of_every_mail_needs_an_operator_at_once() {
        assert_eq!(
            turns(vec![(0, Ok(())), (0, refused(false)), (0, refused(false)), (1, Ok(()))]),
            [
                MailHealthChange::None,
                MailHealthChange::Refused,
                MailHealthChange::None,
                MailHealthChange::TakenAgain
            ]
        );
        let later = Err(SendError::Unavailable("451 later".to_owned()));
        assert_eq!(turns(vec![(0, later)]), [MailHealthChange::None]);
    }
}
