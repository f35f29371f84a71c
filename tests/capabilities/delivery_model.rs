//! Model-based test of the store: random steps of clicks, workers, crashes and operators, in any order, keep its
//! guarantees.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use pragati::delivery::request::{Deliver, Failure, FailureCause, NoticeState, Request, RequestId, Status};
use pragati::delivery::store::{AcceptLimits, Accepted, Database, Held, Lease, Page, Retried, Store, Work};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::delivery_store::{click, start};

/// Workers that may be about at the same time.
const WORKERS: usize = 3;

/// One thing that happens. Requests and workers are named by their place, modulo how many there are.
#[derive(Debug, Clone)]
enum Step {
    Click {
        user: u8,
        batch: u8,
        is_download: bool,
        key: Option<u8>,
    },
    Claim {
        worker: usize,
    },
    Renew {
        worker: usize,
    },
    /// The content of a mail goes out.
    Begin {
        worker: usize,
    },
    End {
        worker: usize,
        how: End,
    },
    /// The worker's process dies.
    Die {
        worker: usize,
    },
    Retry {
        request: usize,
    },
    Cancel {
        request: usize,
    },
    Wait {
        seconds: i64,
    },
    WriteEvents,
    RemoveOld {
        seconds: i64,
    },
}

#[derive(Debug, Clone, Copy)]
enum End {
    Well,
    Refused,
    NotNow,
}

fn step() -> impl Strategy<Value = Step> {
    let worker = 0..WORKERS;
    let end = prop_oneof![3 => Just(End::Well), 2 => Just(End::Refused), 2 => Just(End::NotNow)];
    prop_oneof![
        6 => (0..2_u8, 0..2_u8, any::<bool>(), prop::option::of(0..3_u8))
            .prop_map(|(user, batch, is_download, key)| Step::Click { user, batch, is_download, key }),
        8 => worker.clone().prop_map(|worker| Step::Claim { worker }),
        1 => worker.clone().prop_map(|worker| Step::Renew { worker }),
        6 => worker.clone().prop_map(|worker| Step::Begin { worker }),
        8 => (worker.clone(), end).prop_map(|(worker, how)| Step::End { worker, how }),
        2 => worker.prop_map(|worker| Step::Die { worker }),
        3 => (0..8_usize).prop_map(|request| Step::Retry { request }),
        1 => (0..8_usize).prop_map(|request| Step::Cancel { request }),
        5 => prop_oneof![Just(1_i64), Just(30), Just(61), Just(600)].prop_map(|seconds| Step::Wait { seconds }),
        1 => Just(Step::WriteEvents),
        1 => (0..2_000_i64).prop_map(|seconds| Step::RemoveOld { seconds }),
    ]
}

/// A worker with its lease; `is_handing_over` while its mail is on the way.
struct Worker {
    lease: Lease,
    is_handing_over: bool,
}

/// The model beside the store: the expected state, kept without reading the store.
struct World {
    store: Store,
    now: DateTime<Utc>,
    workers: [Option<Worker>; WORKERS],
    known: BTreeMap<RequestId, Request>,
    /// Mails that arrived.
    reports: BTreeMap<RequestId, u32>,
    notices: BTreeMap<RequestId, u32>,
    /// Clicks that were accepted and deliveries that were stored.
    events: u64,
    events_written: u64,
    /// Requests that this step may have taken out of a final state, or removed.
    retried: Option<RequestId>,
    removed_before: Option<DateTime<Utc>>,
}

impl World {
    async fn take(&mut self, step: &Step) {
        (self.retried, self.removed_before) = (None, None);
        match *step {
            Step::Click {
                user,
                batch,
                is_download,
                key,
            } => self.click(user, batch, is_download, key).await,
            Step::Claim { worker } => {
                // A worker that is busy goes on; its lease may run out meanwhile.
                if self.workers[worker].is_none() {
                    let lease = self.store.claim(self.now).await.expect("an answer");
                    self.workers[worker] = lease.map(|lease| Worker {
                        lease,
                        is_handing_over: false,
                    });
                }
            }
            Step::Renew { worker } => {
                if let Some(busy) = &self.workers[worker]
                    && self.store.renew(&busy.lease.token, self.now).await.expect("an answer") == Held::No
                {
                    self.workers[worker] = None;
                }
            }
            Step::Begin { worker } => self.begin(worker).await,
            Step::End { worker, how } => self.end(worker, how).await,
            Step::Die { worker } => {
                // The mail that was on the way may well arrive.
                if let Some(dead) = self.workers[worker].take()
                    && dead.is_handing_over
                {
                    self.arrives(&dead.lease);
                }
            }
            Step::Retry { request } => {
                if let Some(id) = self.request(request) {
                    let retried = self.store.retry(id, self.now, self.now + TimeDelta::minutes(30)).await;
                    if retried.expect("an answer") == Retried::Queued {
                        self.retried = Some(id);
                    }
                }
            }
            Step::Cancel { request } => {
                if let Some(id) = self.request(request) {
                    let _ = self.store.cancel(id, self.now).await.expect("an answer");
                }
            }
            Step::Wait { seconds } => self.now += TimeDelta::seconds(seconds),
            Step::WriteEvents => {
                let whenever = start()..self.now + TimeDelta::days(1);
                self.store
                    .take_events("f", whenever, 100, self.now)
                    .await
                    .expect("taken");
                self.events_written += self.store.mark_events_written("f", self.now).await.expect("marked");
            }
            Step::RemoveOld { seconds } => {
                let before = self.now - TimeDelta::seconds(seconds);
                self.store.remove_old(before).await.expect("removed");
                self.removed_before = Some(before);
            }
        }
    }

    fn request(&self, place: usize) -> Option<RequestId> {
        let known: Vec<_> = self.known.keys().collect();
        (!known.is_empty()).then(|| *known[place % known.len()])
    }

    async fn click(&mut self, user: u8, batch: u8, is_download: bool, key: Option<u8>) {
        let mut new = click(&format!("u{user}"), &format!("b{batch}"));
        new.requested_at = self.now;
        new.idempotency_key = key.map(|key| key.to_string());
        if is_download {
            new.deliver = Deliver::Download;
        }
        let limits = AcceptLimits { per_hour: 20, queue: 3 };
        match self.store.accept(new, limits).await.expect("an answer") {
            Accepted::New(_) | Accepted::UnderWay(_) => self.events += 1,
            Accepted::Repeated(_) => assert!(key.is_some()),
            Accepted::KeyReused | Accepted::TooManyRequests { .. } | Accepted::QueueFull { .. } => {}
        }
    }

    /// As a worker does: never where the mark of an earlier handover is found.
    async fn begin(&mut self, worker: usize) {
        let Some(busy) = &mut self.workers[worker] else { return };
        let is_mail = busy.lease.work == Work::Notify || busy.lease.request.deliver == Deliver::Email;
        if busy.is_handing_over || busy.lease.request.handover_started_at.is_some() || !is_mail {
            return;
        }
        match self
            .store
            .start_handover(&busy.lease.token, self.now)
            .await
            .expect("an answer")
        {
            Held::Yes => busy.is_handing_over = true,
            Held::No => self.workers[worker] = None,
        }
    }

    async fn end(&mut self, worker: usize, how: End) {
        let Some(Worker { lease, is_handing_over }) = self.workers[worker].take() else {
            return;
        };
        let (store, token, now) = (&self.store, &lease.token, self.now);
        let due = now + TimeDelta::seconds(20);
        let was_begun_before = lease.request.handover_started_at.is_some();
        let is_download = lease.request.deliver == Deliver::Download;
        let failed = |cause| Failure {
            cause,
            words: "no".to_owned(),
        };
        let is_delivery = lease.work == Work::Deliver
            && !was_begun_before
            && matches!(how, End::Well)
            && (is_download || is_handing_over);
        let stored = match (lease.work, how) {
            (Work::Deliver, _) if was_begun_before => {
                store
                    .fail(token, &failed(FailureCause::MailUnconfirmed), true, now)
                    .await
            }
            (Work::Deliver, End::Well) if is_download => store.succeed(token, Status::Ready, now).await,
            (Work::Deliver, End::Well) if is_handing_over => store.succeed(token, Status::Sent, now).await,
            (Work::Deliver, End::Refused) => store.fail(token, &failed(FailureCause::MailRefused), true, now).await,
            (Work::Deliver, End::NotNow | End::Well) => store.try_again(token, due).await,
            (Work::Notify, _) if was_begun_before => store.end_notice(token, false).await,
            (Work::Notify, End::Well) if is_handing_over => store.end_notice(token, true).await,
            (Work::Notify, End::Refused) => store.end_notice(token, false).await,
            (Work::Notify, End::NotNow | End::Well) => store.notify_again(token, due).await,
        };
        let stored = stored.expect("an answer");
        if is_delivery && stored == Held::Yes {
            self.events += 1;
        }
        // Also where the lease was lost meanwhile: nothing calls a mail back.
        if is_handing_over && matches!(how, End::Well) {
            self.arrives(&lease);
        }
    }

    fn arrives(&mut self, lease: &Lease) {
        let mails = match lease.work {
            Work::Deliver => &mut self.reports,
            Work::Notify => &mut self.notices,
        };
        *mails.entry(lease.request.id).or_default() += 1;
    }

    async fn keeps_its_promises(&mut self) {
        let all = Page {
            before: None,
            limit: u32::MAX,
        };
        let found = self.store.requests(None, all).await.expect("requests");
        let found: BTreeMap<_, _> = found.into_iter().map(|request| (request.id, request)).collect();
        for (id, mails) in self.reports.iter().chain(&self.notices) {
            assert!(*mails <= 1, "request {id} was mailed twice");
        }
        let mut open = BTreeSet::new();
        for request in found.values().filter(|request| !request.status.is_final()) {
            let (user, batch) = (request.person.user_id.clone(), request.batch_id.clone());
            assert!(
                open.insert((user, batch, request.format, request.deliver)),
                "two of {request:?}"
            );
        }
        for (id, before) in self.known.iter().filter(|(_, before)| before.status.is_final()) {
            match found.get(id) {
                None => {
                    let ended = before.finished_at.expect("an end");
                    assert!(
                        self.removed_before.is_some_and(|removed| ended < removed),
                        "{before:?} is gone"
                    );
                    assert_ne!(before.notice, NoticeState::Due);
                }
                Some(now) if self.retried == Some(*id) => {
                    assert_eq!((before.status, now.status), (Status::Failed, Status::Queued));
                }
                Some(now) => {
                    assert_eq!(
                        (now.status, &now.failure, now.finished_at),
                        (before.status, &before.failure, before.finished_at)
                    );
                    if matches!(before.notice, NoticeState::Sent | NoticeState::GivenUp) {
                        assert_eq!(now.notice, before.notice);
                    }
                }
            }
        }
        for before in self.known.values().filter(|before| !before.status.is_final()) {
            assert!(found.contains_key(&before.id), "{before:?} is gone");
        }
        let figures = self.store.figures().await.expect("figures");
        assert_eq!(
            figures.events_to_write + self.events_written,
            self.events,
            "an event is lost"
        );
        self.known = found;
    }

    /// In the end, with workers that do not die, everything ends.
    async fn comes_to_an_end(&mut self) {
        self.workers = Default::default();
        for _ in 0..200 {
            self.now += TimeDelta::seconds(61);
            self.take(&Step::Claim { worker: 0 }).await;
            if self.workers[0].is_none() {
                break;
            }
            self.take(&Step::Begin { worker: 0 }).await;
            self.take(&Step::End {
                worker: 0,
                how: End::Well,
            })
            .await;
            self.keeps_its_promises().await;
        }
        assert!(
            self.known
                .values()
                .all(|request| request.status.is_final() && request.notice != NoticeState::Due)
        );
    }
}

proptest! {
    #![proptest_config(Config { cases: 40, failure_persistence: None, ..Config::default() })]

    #[test]
    fn guarantees_hold_in_every_order_of_steps(steps in prop::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let folder = tempfile::tempdir().expect("a folder");
        runtime.block_on(async {
            let store = Store::open(&Database::chosen(None, folder.path())).await.expect("a store");
            let mut world = World {
                store,
                now: start(),
                workers: Default::default(),
                known: BTreeMap::new(),
                reports: BTreeMap::new(),
                notices: BTreeMap::new(),
                events: 0,
                events_written: 0,
                retried: None,
                removed_before: None,
            };
            for step in &steps {
                world.take(step).await;
                world.keeps_its_promises().await;
            }
            world.comes_to_an_end().await;
        });
    }
}
