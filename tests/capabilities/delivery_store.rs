//! What the delivery service keeps, and for whom: the same promises on SQLite and on PostgreSQL.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pragati::config::Secret;
use pragati::delivery::options::RequestOptions;
use pragati::delivery::person::{Person, Roles};
use pragati::delivery::request::{
    Bounce, Deliver, Failure, FailureCause, FurtherBatch, NewRequest, NoticeState, ReportFile, Request, RequestId,
    Status,
};
use pragati::delivery::store::{
    AcceptLimits, Accepted, Cancelled, Database, EventKind, Held, LEASE, Lease, NotedBounce, Page, Retried, Store, Work,
};
use pragati::language::Language;
use pragati::report::ReportFormat;
use sqlx::Connection;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::delivery_sessions::{
    a_logout_at_the_issuer_ends_what_it_names, a_revoked_link_stays_revoked, a_session_is_whose_it_was_until_it_ends,
    a_session_that_many_use_at_once_is_one,
};
use crate::delivery_subscriptions::{
    a_claim_that_was_lost_makes_nothing, a_list_of_officers_takes_the_place_of_the_last,
    a_nightly_run_is_answered_once, a_subscription_is_kept_as_it_was, a_subscription_is_paused_resumed_and_ended,
    recipients_end_their_mails, what_is_due_becomes_requests_once,
};
use crate::postgres::{PASSWORD, Postgres};

const PLENTY: AcceptLimits = AcceptLimits {
    per_hour: 1_000_000,
    queue: 1_000_000,
};
const ALL: Page = Page {
    before: None,
    limit: u32::MAX,
};

/// The moment that all tests begin at.
pub fn start() -> DateTime<Utc> {
    "2026-11-23T10:15:30.125Z".parse().expect("a time")
}

fn minutes(minutes: i64) -> TimeDelta {
    TimeDelta::minutes(minutes)
}

/// A click of a person on a batch, for a mail with CSV.
pub fn click(user: &str, batch: &str) -> NewRequest {
    NewRequest {
        person: Person {
            user_id: user.parse().expect("an id"),
            email: Some(format!("{user}@example.org")),
            roles: Roles::default(),
            language: Some(Language::Hindi),
        },
        batch_id: batch.parse().expect("an id"),
        course_id: Some("do_31".to_owned()),
        tenant_id: Some("tn".parse().expect("an id")),
        format: ReportFormat::Csv,
        deliver: Deliver::Email,
        asked: RequestOptions::default(),
        further: Vec::new(),
        idempotency_key: None,
        requested_at: start(),
        deadline: start() + minutes(30),
        snapshot_date: "2026-11-22".parse().expect("a date"),
    }
}

fn with_key(mut new: NewRequest, key: &str) -> NewRequest {
    new.idempotency_key = Some(key.to_owned());
    new
}

fn at(mut new: NewRequest, time: DateTime<Utc>) -> NewRequest {
    new.requested_at = time;
    new
}

fn failure(cause: FailureCause) -> Failure {
    Failure {
        cause,
        words: "550 5.1.1 no such \"user\"\0 here – नहीं".to_owned(),
    }
}

fn report_file(path: &str) -> ReportFile {
    ReportFile {
        snapshot_date: "2026-11-23".parse().expect("a date"),
        rows: 114_000,
        unknown_users: 3,
        name: "course-progress_बैच 1_2026-11-23.csv".to_owned(),
        path: path.to_owned(),
        bytes: 5_000_000_000,
        sha256: "ab".repeat(32),
        consent_rules: Some("cd".repeat(32)),
    }
}

pub async fn open(database: &Database) -> Store {
    Store::open(database).await.expect("a store")
}

/// The request of a click that must lead to a new one.
pub async fn accepted(store: &Store, new: NewRequest) -> Request {
    match store.accept(new, PLENTY).await.expect("an answer") {
        Accepted::New(request) => request,
        other => panic!("not new: {other:?}"),
    }
}

async fn claimed(store: &Store, now: DateTime<Utc>) -> Lease {
    store.claim(now).await.expect("an answer").expect("work")
}

async fn is_idle(store: &Store, now: DateTime<Utc>) -> bool {
    store.claim(now).await.expect("an answer").is_none()
}

async fn found(store: &Store, id: RequestId) -> Request {
    store.find(id).await.expect("an answer").expect("a request")
}

async fn events_to_write(store: &Store) -> u64 {
    store.figures().await.expect("figures").events_to_write
}

/// A scenario is a test on SQLite, and a part of the one test on PostgreSQL, which takes a while to start.
macro_rules! scenarios {
    ($($name:ident,)+) => {
        mod on_sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let folder = tempfile::tempdir().expect("a folder");
                    super::$name(super::sqlite(&folder)).await;
                }
            )+
        }

        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn the_postgres_store_has_the_same_guarantees() {
            let Some(server) = Postgres::start() else { return };
            $(
                eprintln!("on PostgreSQL: {}", stringify!($name));
                $name(postgres_database(&server, stringify!($name)).await).await;
            )+
        }
    };
}

scenarios! {
    what_was_accepted_is_found_again_as_it_was,
    a_second_click_is_the_same_request_and_another_click,
    what_was_asked_for_is_kept_and_tells_requests_apart,
    a_request_for_several_batches_is_one_click_and_a_download_of_each,
    the_same_key_is_the_same_click,
    a_person_clicks_so_often_in_an_hour,
    a_full_queue_takes_nothing_new,
    fifty_clicks_at_once_are_counted_exactly,
    no_two_workers_get_the_same_work,
    a_lease_that_ran_out_is_somebody_else_s,
    a_mail_is_begun_once,
    a_mail_that_came_back_is_noted_once,
    a_missing_mailbox_alone_stands_in_the_way,
    a_failure_is_told_once,
    a_cancelled_request_is_left_alone,
    what_failed_may_be_tried_again,
    old_requests_go_and_their_files_after_them,
    pages_hold_each_request_once,
    many_processes_open_one_database,
    a_session_is_whose_it_was_until_it_ends,
    a_session_that_many_use_at_once_is_one,
    a_logout_at_the_issuer_ends_what_it_names,
    a_revoked_link_stays_revoked,
    a_subscription_is_kept_as_it_was,
    a_subscription_is_paused_resumed_and_ended,
    what_is_due_becomes_requests_once,
    a_claim_that_was_lost_makes_nothing,
    a_nightly_run_is_answered_once,
    recipients_end_their_mails,
    a_list_of_officers_takes_the_place_of_the_last,
}

fn sqlite(folder: &TempDir) -> Database {
    Database::chosen(None, &folder.path().join("data of 100% न?#"))
}

async fn postgres_database(server: &Postgres, name: &str) -> Database {
    sqlx::any::install_default_drivers();
    let mut connection = sqlx::AnyConnection::connect(&server.url()).await.expect("a connection");
    sqlx::query(sqlx::AssertSqlSafe(format!("create database {name}")))
        .execute(&mut connection)
        .await
        .expect("a database");
    connection.close().await.expect("closed");
    let url = server.url().replace("/postgres", &format!("/{name}"));
    Database::Postgres(Secret::from(url.replacen(&format!("/{name}://"), "postgres://", 1)))
}

async fn what_was_accepted_is_found_again_as_it_was(database: Database) {
    let store = open(&database).await;
    let mut new = click("f4'; drop table requests; --", "0130 \"x\" বাংলা");
    new.person.roles = Roles {
        platform_admin: true,
        tenant_admin_of: BTreeSet::from(["tn".parse().expect("an id"), "wb".parse().expect("an id")]),
    };
    new.format = ReportFormat::Xlsx;
    new.deliver = Deliver::Download;
    let request = accepted(&store, new.clone()).await;
    assert_eq!(request.person, new.person);
    assert_eq!(request.deadline, new.deadline);
    assert_eq!((request.status, request.attempts), (Status::Queued, 0));
    let mut bare = click("u2", "b2");
    (bare.course_id, bare.tenant_id, bare.person.email) = (None, None, None);
    let bare = accepted(&store, bare).await;
    store.close().await;

    let store = open(&database).await;
    assert_eq!(found(&store, request.id).await, request);
    assert_eq!(found(&store, bare.id).await, bare);
    assert_eq!(store.find(RequestId::new()).await.expect("an answer"), None);

    let lease = claimed(&store, start()).await;
    let file = report_file("date=2026-11-23/x/b.xlsx");
    assert_eq!(store.file_made(&lease.token, &file).await.expect("stored"), Held::Yes);
    let ended = start() + minutes(2);
    let held = store.succeed(&lease.token, Status::Ready, ended).await.expect("stored");
    assert_eq!(held, Held::Yes);
    let expected = Request {
        status: Status::Ready,
        attempts: 1,
        snapshot_date: file.snapshot_date,
        finished_at: Some(ended),
        file: Some(file),
        ..request
    };
    assert_eq!(found(&store, expected.id).await, expected);
}

/// What is asked for beside the batch, as JSON.
fn asked(text: &str) -> RequestOptions {
    serde_json::from_str(text).expect("what was asked for")
}

async fn what_was_asked_for_is_kept_and_tells_requests_apart(database: Database) {
    let store = open(&database).await;
    let with = |text: &str| NewRequest {
        asked: asked(text),
        ..click("u1", "b1")
    };
    let texts = [
        "{}",
        r#"{"split_by": "block"}"#,
        r#"{"split_by": "school"}"#,
        r#"{"filter": {"block": ["'; drop table requests; --", "मैसूरु"]}}"#,
        r#"{"filter": {"completed": false, "progress": "0..50", "enrolled_since": "2026-10-01"}}"#,
        r#"{"split_by": "block", "filter": {"completed": false}}"#,
    ];
    let mut requests = Vec::new();
    for text in texts {
        requests.push(accepted(&store, with(text)).await);
    }
    for (text, request) in texts.iter().zip(&requests) {
        assert_eq!(found(&store, request.id).await.asked, asked(text));
        let again = store.accept(with(text), PLENTY).await.expect("an answer");
        assert!(
            matches!(again, Accepted::UnderWay(open) if open.id == request.id),
            "{text}"
        );
    }
    // A key names what was asked for, too.
    let keyed = accepted(&store, with_key(with(r#"{"split_by": "district"}"#), "k")).await;
    let reused = store
        .accept(with_key(with("{}"), "k"), PLENTY)
        .await
        .expect("an answer");
    assert!(matches!(reused, Accepted::KeyReused));
    // It is tried again as it was, but not while the same is under way.
    store.close().await;
    let store = open(&database).await;
    let lease = claimed(&store, start()).await;
    assert_eq!(lease.request.id, requests[0].id);
    let held = store
        .fail(&lease.token, &failure(FailureCause::ReportFailed), false, start())
        .await;
    assert_eq!(held.expect("stored"), Held::Yes);
    let now = start() + minutes(1);
    let retried = store
        .retry(requests[0].id, now, now + minutes(30))
        .await
        .expect("an answer");
    assert_eq!(retried, Retried::Queued);
    let held = store.cancel(keyed.id, now).await.expect("an answer");
    assert_eq!(held, Cancelled::Done);
    let again = accepted(&store, with(r#"{"split_by": "district"}"#)).await;
    let retried = store.retry(keyed.id, now, now + minutes(30)).await.expect("an answer");
    assert_eq!(retried, Retried::UnderWay(again.id));
    assert_eq!(
        found(&store, keyed.id).await.asked,
        asked(r#"{"split_by": "district"}"#)
    );
}

async fn a_request_for_several_batches_is_one_click_and_a_download_of_each(database: Database) {
    let store = open(&database).await;
    let further = |batch: &str| FurtherBatch {
        batch_id: batch.parse().expect("an id"),
        course_id: Some("do_31".to_owned()),
        tenant_id: None,
    };
    let several = NewRequest {
        asked: asked(r#"{"batches": ["b1", "b2", "b3"], "course": "do_31"}"#),
        further: vec![further("b2"), further("b3")],
        ..with_key(click("u1", "b1"), "k")
    };
    let limits = AcceptLimits { per_hour: 2, ..PLENTY };
    let request = match store.accept(several.clone(), limits).await.expect("an answer") {
        Accepted::New(request) => request,
        other => panic!("not new: {other:?}"),
    };
    let ids: Vec<&str> = request.batches().iter().map(|id| id.as_str()).collect();
    assert_eq!(ids, ["b1", "b2", "b3"]);
    assert_eq!(events_to_write(&store).await, 3);
    let again = store.accept(several, limits).await.expect("an answer");
    assert!(matches!(again, Accepted::Repeated(same) if same.id == request.id));
    // It is one click of the two in an hour.
    let other = store.accept(click("u1", "b9"), limits).await.expect("an answer");
    assert!(matches!(other, Accepted::New(_)));
    let third = store.accept(click("u1", "b8"), limits).await.expect("an answer");
    assert!(matches!(third, Accepted::TooManyRequests { .. }));
    let lease = claimed(&store, start()).await;
    assert_eq!(lease.request.id, request.id);
    let held = store.succeed(&lease.token, Status::Ready, start() + minutes(1)).await;
    assert_eq!(held.expect("stored"), Held::Yes);
    let all = start() - minutes(60)..start() + minutes(60);
    store
        .take_events("f", all, 100, start() + minutes(2))
        .await
        .expect("taken");
    let events = store.events_of_file("f").await.expect("events");
    let told = |kind: EventKind| {
        let of_kind = events
            .iter()
            .filter(|event| event.kind == kind && event.request_id == request.id);
        let mut batches: Vec<&str> = of_kind.map(|event| event.batch_id.as_str()).collect();
        batches.sort_unstable();
        batches
    };
    assert_eq!(told(EventKind::Click), ["b1", "b2", "b3"]);
    assert_eq!(told(EventKind::Ready), ["b1", "b2", "b3"]);
    let mids: BTreeSet<&str> = events.iter().map(|event| event.mid.as_str()).collect();
    assert_eq!(mids.len(), events.len());
}

async fn a_second_click_is_the_same_request_and_another_click(database: Database) {
    let store = open(&database).await;
    let first = accepted(&store, click("u1", "b1")).await;
    let again = store.accept(click("u1", "b1"), PLENTY).await.expect("an answer");
    assert!(matches!(again, Accepted::UnderWay(request) if request == first));
    assert_eq!(events_to_write(&store).await, 2);
    // Also while a worker has it.
    let lease = claimed(&store, start()).await;
    let again = store.accept(click("u1", "b1"), PLENTY).await.expect("an answer");
    assert!(
        matches!(again, Accepted::UnderWay(request) if request.id == first.id && request.status == Status::Running)
    );
    // Another person, batch, format or delivery is another request.
    accepted(&store, click("u2", "b1")).await;
    accepted(&store, click("u1", "b2")).await;
    let mut other = click("u1", "b1");
    other.format = ReportFormat::Xlsx;
    accepted(&store, other.clone()).await;
    other.deliver = Deliver::Download;
    accepted(&store, other).await;
    // And so is the same one after it ended.
    let held = store
        .succeed(&lease.token, Status::Sent, start())
        .await
        .expect("stored");
    assert_eq!(held, Held::Yes);
    let next = accepted(&store, click("u1", "b1")).await;
    assert!(next.id > first.id);
    // Seven clicks and a delivery.
    assert_eq!(events_to_write(&store).await, 9);
}

async fn the_same_key_is_the_same_click(database: Database) {
    let store = open(&database).await;
    let first = accepted(&store, with_key(click("u1", "b1"), "k1")).await;
    let answer = store
        .accept(with_key(click("u1", "b1"), "k1"), PLENTY)
        .await
        .expect("an answer");
    assert!(matches!(answer, Accepted::Repeated(request) if request == first));
    // A click of its own key that led to a request under way is known by that key too.
    let answer = store
        .accept(with_key(click("u1", "b1"), "k2"), PLENTY)
        .await
        .expect("an answer");
    assert!(matches!(answer, Accepted::UnderWay(request) if request == first));
    let answer = store
        .accept(with_key(click("u1", "b1"), "k2"), PLENTY)
        .await
        .expect("an answer");
    assert!(matches!(answer, Accepted::Repeated(request) if request == first));
    assert_eq!(events_to_write(&store).await, 2);
    // With other content it is a mistake, and counts for nothing.
    let mut download = with_key(click("u1", "b1"), "k1");
    download.deliver = Deliver::Download;
    let mut xlsx = with_key(click("u1", "b1"), "k1");
    xlsx.format = ReportFormat::Xlsx;
    for other in [with_key(click("u1", "b2"), "k1"), download, xlsx] {
        let answer = store.accept(other, PLENTY).await.expect("an answer");
        assert!(matches!(answer, Accepted::KeyReused), "{answer:?}");
    }
    // Other people may use the same word.
    accepted(&store, with_key(click("u2", "b2"), "k1")).await;
    // Neither limits nor the end of the request make it another click.
    let lease = claimed(&store, start()).await;
    let _ = store
        .succeed(&lease.token, Status::Sent, start())
        .await
        .expect("stored");
    let none = AcceptLimits { per_hour: 0, queue: 0 };
    let answer = store
        .accept(with_key(click("u1", "b1"), "k1"), none)
        .await
        .expect("an answer");
    assert!(matches!(answer, Accepted::Repeated(request) if request.id == first.id && request.status == Status::Sent));
    // Three clicks and a delivery.
    assert_eq!(events_to_write(&store).await, 4);
}

async fn a_person_clicks_so_often_in_an_hour(database: Database) {
    let store = open(&database).await;
    let limits = AcceptLimits { per_hour: 2, ..PLENTY };
    let at_minute = |batch: &str, minute| at(click("u1", batch), start() + minutes(minute));
    for (batch, minute) in [("b1", 0), ("b1", 10)] {
        let answer = store.accept(at_minute(batch, minute), limits).await.expect("an answer");
        assert!(matches!(answer, Accepted::New(_) | Accepted::UnderWay(_)), "{answer:?}");
    }
    // The first click's hour has 40 minutes left; a refused click does not count.
    for batch in ["b1", "b2"] {
        let answer = store.accept(at_minute(batch, 20), limits).await.expect("an answer");
        let expected = Duration::from_secs(40 * 60);
        assert!(
            matches!(answer, Accepted::TooManyRequests { retry_after } if retry_after == expected),
            "{answer:?}"
        );
    }
    let of_another = store.accept(at(click("u2", "b1"), start() + minutes(20)), limits).await;
    assert!(matches!(of_another, Ok(Accepted::New(_))));
    // After exactly that time it is taken.
    let answer = store.accept(at_minute("b2", 60), limits).await.expect("an answer");
    assert!(matches!(answer, Accepted::New(_)), "{answer:?}");
    let answer = store.accept(at_minute("b3", 60), limits).await.expect("an answer");
    let expected = Duration::from_secs(10 * 60);
    assert!(matches!(answer, Accepted::TooManyRequests { retry_after } if retry_after == expected));
    assert_eq!(events_to_write(&store).await, 4);
}

async fn a_full_queue_takes_nothing_new(database: Database) {
    let store = open(&database).await;
    let limits = AcceptLimits { queue: 2, ..PLENTY };
    for batch in ["b1", "b2"] {
        let answer = store.accept(click("u1", batch), limits).await.expect("an answer");
        assert!(matches!(answer, Accepted::New(_)), "{answer:?}");
    }
    let answer = store.accept(click("u2", "b1"), limits).await.expect("an answer");
    assert!(matches!(answer, Accepted::QueueFull { retry_after } if !retry_after.is_zero()));
    // What is under way already takes no more room.
    let answer = store.accept(click("u1", "b1"), limits).await.expect("an answer");
    assert!(matches!(answer, Accepted::UnderWay(_)), "{answer:?}");
    let _lease = claimed(&store, start()).await;
    let answer = store.accept(click("u2", "b1"), limits).await.expect("an answer");
    assert!(matches!(answer, Accepted::New(_)), "{answer:?}");
}

/// What `count` clicks at the same time, over all stores, led to.
async fn at_once(stores: &[Store], count: usize, limits: AcceptLimits, new: impl Fn(usize) -> NewRequest) -> Tally {
    let mut clicks = JoinSet::new();
    for number in 0..count {
        let (store, new) = (stores[number % stores.len()].clone(), new(number));
        clicks.spawn(async move { store.accept(new, limits).await.expect("an answer") });
    }
    let mut tally = Tally::default();
    for answer in clicks.join_all().await {
        match answer {
            Accepted::New(request) => {
                tally.new += 1;
                tally.ids.insert(request.id);
            }
            Accepted::UnderWay(request) => {
                tally.under_way += 1;
                tally.ids.insert(request.id);
            }
            Accepted::Repeated(request) => {
                tally.repeated += 1;
                tally.ids.insert(request.id);
            }
            Accepted::KeyReused => panic!("no key has other content"),
            Accepted::TooManyRequests { .. } | Accepted::QueueFull { .. } => tally.refused += 1,
        }
    }
    tally
}

#[derive(Debug, Default)]
struct Tally {
    new: usize,
    under_way: usize,
    repeated: usize,
    refused: usize,
    ids: HashSet<RequestId>,
}

impl Tally {
    fn counts(&self) -> (usize, usize, usize, usize) {
        (self.new, self.under_way, self.repeated, self.refused)
    }
}

async fn fifty_clicks_at_once_are_counted_exactly(database: Database) {
    let stores = [open(&database).await, open(&database).await, open(&database).await];
    let tally = at_once(&stores, 50, PLENTY, |_| click("u1", "b1")).await;
    assert_eq!(tally.counts(), (1, 49, 0, 0));
    assert_eq!(tally.ids.len(), 1);
    assert_eq!(events_to_write(&stores[0]).await, 50);

    let tally = at_once(&stores, 50, PLENTY, |_| with_key(click("u2", "b1"), "k")).await;
    assert_eq!(tally.counts(), (1, 0, 49, 0));
    assert_eq!(tally.ids.len(), 1);
    assert_eq!(events_to_write(&stores[0]).await, 51);

    let few = AcceptLimits { per_hour: 10, ..PLENTY };
    let tally = at_once(&stores, 50, few, |number| click("u3", &format!("b{number}"))).await;
    assert_eq!(tally.counts(), (10, 0, 0, 40));

    // Twelve wait already.
    let short = AcceptLimits { queue: 19, ..PLENTY };
    let tally = at_once(&stores, 50, short, |number| click(&format!("v{number}"), "b1")).await;
    assert_eq!(tally.counts(), (7, 0, 0, 43));
    assert_eq!(events_to_write(&stores[2]).await, 68);
}

async fn no_two_workers_get_the_same_work(database: Database) {
    let stores = [open(&database).await, open(&database).await, open(&database).await];
    let mut expected = BTreeSet::new();
    for number in 0..60 {
        expected.insert(accepted(&stores[0], click("u1", &format!("b{number}"))).await.id);
    }
    let mut workers = JoinSet::new();
    for number in 0..12 {
        let store = stores[number % stores.len()].clone();
        workers.spawn(async move {
            let mut done = Vec::new();
            while let Some(lease) = store.claim(start()).await.expect("an answer") {
                assert_eq!(
                    (lease.work, lease.request.attempts, lease.lost_before),
                    (Work::Deliver, 1, 0)
                );
                done.push(lease.request.id);
                if done.len() % 2 == 0 {
                    let held = store
                        .succeed(&lease.token, Status::Sent, start())
                        .await
                        .expect("stored");
                    assert_eq!(held, Held::Yes);
                }
            }
            done
        });
    }
    let done: Vec<RequestId> = workers.join_all().await.concat();
    assert_eq!(done.len(), 60);
    assert_eq!(done.into_iter().collect::<BTreeSet<_>>(), expected);
    // Oldest first.
    let first = accepted(&stores[0], at(click("u2", "b1"), start() + minutes(1))).await;
    let second = accepted(&stores[0], at(click("u2", "b2"), start() + TimeDelta::seconds(30))).await;
    assert!(is_idle(&stores[1], start() + TimeDelta::seconds(29)).await);
    let now = start() + TimeDelta::seconds(59);
    assert_eq!(claimed(&stores[1], now).await.request.id, second.id);
    assert!(is_idle(&stores[2], now).await);
    assert_ne!(first.id, second.id);
}

async fn a_lease_that_ran_out_is_somebody_else_s(database: Database) {
    let (here, there) = (open(&database).await, open(&database).await);
    let request = accepted(&here, click("u1", "b1")).await;
    let lost = claimed(&here, start()).await;
    let lease = TimeDelta::from_std(LEASE).expect("a time");
    let nearly = start() + lease - TimeDelta::milliseconds(1);
    assert!(is_idle(&there, nearly).await);
    // Renewed, it holds on.
    assert_eq!(here.renew(&lost.token, nearly).await.expect("stored"), Held::Yes);
    assert!(is_idle(&there, start() + lease).await);
    // Not renewed, it goes over.
    let later = nearly + lease;
    let held = claimed(&there, later).await;
    assert_eq!(
        (held.request.id, held.request.attempts, held.lost_before),
        (request.id, 2, 1)
    );
    assert_eq!((held.work, held.request.status), (Work::Deliver, Status::Running));
    assert!(!held.was_lost_too_often());
    // Whoever lost it can do nothing more.
    let before = found(&here, request.id).await;
    let (old, file) = (&lost.token, report_file("p"));
    let words = failure(FailureCause::MailRefused);
    for answer in [
        here.renew(old, later).await,
        here.file_made(old, &file).await,
        here.start_handover(old, later).await,
        here.take_back_handover(old, later).await,
        here.succeed(old, Status::Sent, later).await,
        here.try_again(old, later).await,
        here.fail(old, &words, true, later).await,
        here.end_notice(old, true).await,
        here.notify_again(old, later).await,
    ] {
        assert_eq!(answer.expect("an answer"), Held::No);
    }
    assert_eq!(found(&here, request.id).await, before);
    assert_eq!(
        there.succeed(&held.token, Status::Sent, later).await.expect("stored"),
        Held::Yes
    );
    assert_eq!(
        there.succeed(&held.token, Status::Sent, later).await.expect("stored"),
        Held::No
    );
    assert_eq!(found(&here, request.id).await.status, Status::Sent);
    assert!(is_idle(&here, later + minutes(600)).await);

    // A request that ends every worker's process is known by it, until it is given back.
    accepted(&here, at(click("u1", "b2"), later)).await;
    let mut now = later;
    for lost in 0..6 {
        let lease = claimed(&here, now).await;
        assert_eq!((lease.lost_before, lease.was_lost_too_often()), (lost, lost >= 5));
        now += minutes(1);
    }
    let lease = claimed(&here, now).await;
    assert_eq!(here.try_again(&lease.token, now).await.expect("stored"), Held::Yes);
    let lease = claimed(&here, now).await;
    assert_eq!((lease.lost_before, lease.request.attempts), (0, 8));
}

async fn a_mail_is_begun_once(database: Database) {
    let store = open(&database).await;
    let request = accepted(&store, click("u1", "b1")).await;
    let lease = claimed(&store, start()).await;
    assert_eq!(
        store.start_handover(&lease.token, start()).await.expect("stored"),
        Held::Yes
    );
    assert_eq!(found(&store, request.id).await.handover_started_at, Some(start()));
    assert_eq!(
        store.start_handover(&lease.token, start()).await.expect("stored"),
        Held::No
    );
    // A definite no of the mail server: another try may begin.
    let due = start() + minutes(1);
    assert_eq!(store.try_again(&lease.token, due).await.expect("stored"), Held::Yes);
    assert_eq!(found(&store, request.id).await.handover_started_at, None);
    assert!(is_idle(&store, due - TimeDelta::milliseconds(1)).await);
    let lease = claimed(&store, due).await;
    // So may another form of the mail, at once; there is nothing to take back before it began.
    let take_back = async || store.take_back_handover(&lease.token, due).await.expect("stored");
    assert_eq!(take_back().await, Held::No);
    assert_eq!(
        store.start_handover(&lease.token, due).await.expect("stored"),
        Held::Yes
    );
    assert_eq!(take_back().await, Held::Yes);
    assert_eq!(found(&store, request.id).await.handover_started_at, None);
    assert_eq!(
        store.start_handover(&lease.token, due).await.expect("stored"),
        Held::Yes
    );
    // Beginning keeps the lease; then the process dies. The next one finds the mark, and may not begin.
    assert!(is_idle(&store, due + TimeDelta::seconds(59)).await);
    let later = due + minutes(1);
    let lease = claimed(&store, later).await;
    assert_eq!(lease.request.handover_started_at, Some(due));
    assert_eq!(
        store.start_handover(&lease.token, later).await.expect("stored"),
        Held::No
    );
    // Neither may an operator hold it back, or try it again.
    assert_eq!(
        store.cancel(request.id, later).await.expect("an answer"),
        Cancelled::BeingHandedOver
    );
    let unconfirmed = failure(FailureCause::MailUnconfirmed);
    let held = store
        .fail(&lease.token, &unconfirmed, true, later)
        .await
        .expect("stored");
    assert_eq!(held, Held::Yes);
    let retried = store
        .retry(request.id, later, later + minutes(30))
        .await
        .expect("an answer");
    assert_eq!(retried, Retried::MayHaveArrived);
}

async fn a_mail_that_came_back_is_noted_once(database: Database) {
    let store = open(&database).await;
    let request = accepted(&store, click("u1", "b1")).await;
    let bounce = |code: &str| Bounce {
        at: start() + minutes(1),
        code: Some(code.to_owned()),
        words: "550 5.1.1 no such mailbox".to_owned(),
    };
    let note = async |id, code: &str| store.note_bounce(id, &bounce(code)).await.expect("stored");
    let since = async |minute: i64| {
        let since = start() + minutes(minute);
        store
            .bounce_of_address("u1@example.org", since)
            .await
            .expect("an answer")
    };
    // What was not handed over cannot come back.
    assert_eq!(note(request.id, "5.1.1").await, NotedBounce::NotMailed);
    assert_eq!(note(RequestId::new(), "5.1.1").await, NotedBounce::NoSuchRequest);
    let lease = claimed(&store, start()).await;
    let held = store.start_handover(&lease.token, start()).await.expect("stored");
    assert_eq!(held, Held::Yes);
    // A bounce may be faster than the word that the mail was handed over.
    assert_eq!(note(request.id, "5.1.1").await, NotedBounce::Noted);
    assert_eq!(found(&store, request.id).await.status, Status::Running);
    let held = store
        .succeed(&lease.token, Status::Sent, start())
        .await
        .expect("stored");
    assert_eq!(held, Held::Yes);
    assert_eq!(note(request.id, "5.1.2").await, NotedBounce::NotedBefore);
    let now = found(&store, request.id).await;
    assert_eq!((now.status, &now.bounce), (Status::Bounced, &Some(bounce("5.1.1"))));
    assert_eq!(
        now.failure.map(|failure| failure.cause),
        Some(FailureCause::MailBounced)
    );
    assert!(is_idle(&store, start() + minutes(600)).await);
    // It was sent, and came back; to send it again would not help.
    let retried = store.retry(request.id, start(), start() + minutes(30));
    let retried = tokio::time::timeout(Duration::from_secs(30), retried).await;
    let retried = retried.expect("it ends").expect("an answer");
    assert_eq!(retried, Retried::NotFailed(Status::Bounced));

    let ids = async |status| {
        let found = store.requests(Some(status), ALL).await.expect("a page");
        found.into_iter().map(|request| request.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(Status::Bounced).await, [request.id]);
    assert!(ids(Status::Sent).await.is_empty());
    let figures = store.figures().await.expect("figures");
    let by_status: BTreeMap<_, _> = figures.by_status.into_iter().collect();
    assert_eq!((by_status[&Status::Bounced], by_status[&Status::Sent]), (1, 0));

    assert_eq!(since(0).await, Some(bounce("5.1.1")));
    assert_eq!(since(2).await, None);
    let forgotten = store.forget_bounces("U1@Example.org").await.expect("stored");
    assert_eq!((forgotten, since(0).await), (1, None));
    assert_eq!(found(&store, request.id).await.status, Status::Bounced);
}

async fn a_missing_mailbox_alone_stands_in_the_way(database: Database) {
    let store = open(&database).await;
    for (number, (code, stands_in_the_way)) in [
        (Some("5.1.1"), true),
        (Some("5.1.10"), true),
        (Some("5.1.6"), true),
        (Some("5.1.0"), false),
        (Some("5.1.7"), false),
        (Some("5.1.8"), false),
        (Some("5.2.2"), false),
        (None, false),
    ]
    .into_iter()
    .enumerate()
    {
        let user = format!("u{number}");
        let request = accepted(&store, click(&user, "b1")).await;
        let lease = claimed(&store, start()).await;
        let held = store.succeed(&lease.token, Status::Sent, start()).await;
        assert_eq!(held.expect("stored"), Held::Yes);
        let bounce = Bounce {
            at: start(),
            code: code.map(str::to_owned),
            words: "550 no".to_owned(),
        };
        let noted = store.note_bounce(request.id, &bounce).await.expect("stored");
        assert_eq!(noted, NotedBounce::Noted);
        let email = format!("{user}@example.org");
        let found = store.bounce_of_address(&email, start()).await.expect("an answer");
        assert_eq!(found.is_some(), stands_in_the_way, "{code:?}");
    }
}

async fn a_failure_is_told_once(database: Database) {
    let store = open(&database).await;
    let request = accepted(&store, click("u1", "b1")).await;
    let lease = claimed(&store, start()).await;
    let words = failure(FailureCause::MailRefused);
    assert_eq!(
        store.fail(&lease.token, &words, true, start()).await.expect("stored"),
        Held::Yes
    );
    let failed = found(&store, request.id).await;
    assert_eq!((failed.status, failed.notice), (Status::Failed, NoticeState::Due));
    // What PostgreSQL cannot keep is left out.
    let kept = failed.failure.expect("a failure");
    assert_eq!((kept.cause, kept.words), (words.cause, words.words.replace('\0', "")));
    assert_eq!(failed.finished_at, Some(start()));

    let lease = claimed(&store, start()).await;
    assert_eq!((lease.work, lease.request.status), (Work::Notify, Status::Failed));
    // The steps of a delivery are none of a notice.
    assert_eq!(
        store
            .succeed(&lease.token, Status::Sent, start())
            .await
            .expect("stored"),
        Held::No
    );
    assert_eq!(store.try_again(&lease.token, start()).await.expect("stored"), Held::No);
    assert_eq!(
        store.start_handover(&lease.token, start()).await.expect("stored"),
        Held::Yes
    );
    let due = start() + minutes(3);
    assert_eq!(store.notify_again(&lease.token, due).await.expect("stored"), Held::Yes);
    assert!(is_idle(&store, due - minutes(1)).await);
    let lease = claimed(&store, due).await;
    assert_eq!((lease.work, lease.request.handover_started_at), (Work::Notify, None));
    assert_eq!(
        store.start_handover(&lease.token, due).await.expect("stored"),
        Held::Yes
    );
    let retried = store.retry(request.id, due, due).await.expect("an answer");
    assert_eq!(retried, Retried::NoticeUnderWay);
    assert_eq!(store.end_notice(&lease.token, true).await.expect("stored"), Held::Yes);
    assert_eq!(store.end_notice(&lease.token, true).await.expect("stored"), Held::No);
    assert_eq!(found(&store, request.id).await.notice, NoticeState::Sent);
    assert!(is_idle(&store, due + minutes(600)).await);

    // Tried again and failed again, it is not told again.
    let retried = store
        .retry(request.id, due, due + minutes(30))
        .await
        .expect("an answer");
    assert_eq!(retried, Retried::Queued);
    let lease = claimed(&store, due).await;
    assert_eq!(
        store.fail(&lease.token, &words, true, due).await.expect("stored"),
        Held::Yes
    );
    assert_eq!(found(&store, request.id).await.notice, NoticeState::Sent);
    assert!(is_idle(&store, due + minutes(600)).await);

    // Where nobody is to be told, none is due.
    let quiet = accepted(&store, click("u1", "b2")).await;
    let lease = claimed(&store, start()).await;
    assert_eq!(
        store.fail(&lease.token, &words, false, start()).await.expect("stored"),
        Held::Yes
    );
    assert_eq!(found(&store, quiet.id).await.notice, NoticeState::None);
    assert!(is_idle(&store, start() + minutes(600)).await);
}

async fn a_cancelled_request_is_left_alone(database: Database) {
    let store = open(&database).await;
    let waiting = accepted(&store, click("u1", "b1")).await;
    assert_eq!(
        store.cancel(waiting.id, start()).await.expect("an answer"),
        Cancelled::Done
    );
    let cancelled = found(&store, waiting.id).await;
    assert_eq!(
        (cancelled.status, cancelled.notice),
        (Status::Failed, NoticeState::None)
    );
    assert_eq!(
        cancelled.failure.map(|failure| failure.cause),
        Some(FailureCause::Cancelled)
    );
    assert!(is_idle(&store, start()).await);
    let again = store.cancel(waiting.id, start()).await.expect("an answer");
    assert_eq!(again, Cancelled::Ended(Status::Failed));
    let unknown = store.cancel(RequestId::new(), start()).await.expect("an answer");
    assert_eq!(unknown, Cancelled::NoSuchRequest);

    let running = accepted(&store, click("u1", "b1")).await;
    let lease = claimed(&store, start()).await;
    assert_eq!(
        store.cancel(running.id, start()).await.expect("an answer"),
        Cancelled::Done
    );
    let before = found(&store, running.id).await;
    assert_eq!(store.renew(&lease.token, start()).await.expect("stored"), Held::No);
    assert_eq!(
        store.start_handover(&lease.token, start()).await.expect("stored"),
        Held::No
    );
    assert_eq!(
        store
            .succeed(&lease.token, Status::Sent, start())
            .await
            .expect("stored"),
        Held::No
    );
    assert_eq!(
        store.file_made(&lease.token, &report_file("p")).await.expect("stored"),
        Held::No
    );
    assert_eq!(found(&store, running.id).await, before);
    assert_eq!(
        store.unnamed_files(Utc::now() + minutes(1)).await.expect("paths"),
        Vec::<String>::new()
    );
}

async fn what_failed_may_be_tried_again(database: Database) {
    let store = open(&database).await;
    let request = accepted(&store, click("u1", "b1")).await;
    let deadline = start() + minutes(90);
    let retried = store.retry(request.id, start(), deadline).await.expect("an answer");
    assert_eq!(retried, Retried::NotFailed(Status::Queued));
    let unknown = store
        .retry(RequestId::new(), start(), deadline)
        .await
        .expect("an answer");
    assert_eq!(unknown, Retried::NoSuchRequest);
    let lease = claimed(&store, start()).await;
    let words = failure(FailureCause::MailUnavailable);
    assert_eq!(
        store.fail(&lease.token, &words, true, start()).await.expect("stored"),
        Held::Yes
    );
    // The same report was asked for again meanwhile.
    let other = accepted(&store, click("u1", "b1")).await;
    let now = start() + minutes(60);
    let retried = store.retry(request.id, now, deadline).await.expect("an answer");
    assert_eq!(retried, Retried::UnderWay(other.id));
    assert_eq!(store.cancel(other.id, now).await.expect("an answer"), Cancelled::Done);
    // A notice that was not sent is not due any more, and who was about to send it cannot.
    let notice = claimed(&store, now).await;
    assert_eq!((notice.request.id, notice.work), (request.id, Work::Notify));
    let retried = store.retry(request.id, now, deadline).await.expect("an answer");
    assert_eq!(retried, Retried::Queued);
    assert_eq!(
        store.start_handover(&notice.token, now).await.expect("stored"),
        Held::No
    );
    let expected = Request {
        deadline,
        ..request.clone()
    };
    assert_eq!(found(&store, request.id).await, expected);
    let lease = claimed(&store, now).await;
    assert_eq!(
        (lease.request.id, lease.request.attempts, lease.work),
        (request.id, 1, Work::Deliver)
    );
    assert_eq!(
        store.succeed(&lease.token, Status::Sent, now).await.expect("stored"),
        Held::Yes
    );
    let retried = store.retry(request.id, now, deadline).await.expect("an answer");
    assert_eq!(retried, Retried::NotFailed(Status::Sent));
}

/// Ends a request with a file, and its clicks as written.
async fn ended(store: &Store, batch: &str, path: &str, now: DateTime<Utc>) -> RequestId {
    let request = accepted(store, at(click("u1", batch), now)).await;
    let lease = claimed(store, now).await;
    assert_eq!(lease.request.id, request.id);
    assert_eq!(
        store.file_made(&lease.token, &report_file(path)).await.expect("stored"),
        Held::Yes
    );
    assert_eq!(
        store.succeed(&lease.token, Status::Sent, now).await.expect("stored"),
        Held::Yes
    );
    request.id
}

async fn all_events_written(store: &Store, now: DateTime<Utc>) {
    let whenever = DateTime::UNIX_EPOCH..now + minutes(60);
    store.take_events("file", whenever, u32::MAX, now).await.expect("taken");
    store.mark_events_written("file", now).await.expect("marked");
}

async fn old_requests_go_and_their_files_after_them(database: Database) {
    let store = open(&database).await;
    let day = minutes(24 * 60);
    let old = ended(&store, "b1", "shared.csv", start()).await;
    let alone = ended(&store, "b2", "alone.csv", start()).await;
    all_events_written(&store, start()).await;
    let unwritten = ended(&store, "b3", "unwritten.csv", start()).await;
    let young = ended(&store, "b4", "shared.csv", start() + day).await;
    let waiting = accepted(&store, click("u1", "b5")).await;
    let untold = accepted(&store, click("u1", "b6")).await;
    for _ in 0..2 {
        let lease = claimed(&store, start()).await;
        let held = if lease.request.id == untold.id {
            let words = failure(FailureCause::MailRefused);
            store.fail(&lease.token, &words, true, start()).await
        } else {
            store.try_again(&lease.token, start() + minutes(60 * 24 * 365)).await
        };
        assert_eq!(held.expect("stored"), Held::Yes);
    }
    // Nothing is old enough.
    assert_eq!(store.remove_old(start()).await.expect("removed"), 0);
    assert_eq!(store.remove_old(start() + minutes(1)).await.expect("removed"), 2);
    for gone in [old, alone] {
        assert_eq!(store.find(gone).await.expect("an answer"), None);
    }
    for kept in [unwritten, young, waiting.id, untold.id] {
        assert!(store.find(kept).await.expect("an answer").is_some());
    }
    // A file that another request names stays, and one that was made just now.
    let soon = Utc::now() + minutes(1);
    assert_eq!(store.unnamed_files(soon).await.expect("paths"), ["alone.csv"]);
    assert!(
        store
            .unnamed_files(Utc::now() - minutes(60))
            .await
            .expect("paths")
            .is_empty()
    );
    store.forget_file("shared.csv").await.expect("an answer");
    store.forget_file("alone.csv").await.expect("forgotten");
    assert!(store.unnamed_files(soon).await.expect("paths").is_empty());
    // Everything goes in its time; the notice that is due, never.
    all_events_written(&store, start() + day).await;
    assert_eq!(store.remove_old(start() + day + minutes(1)).await.expect("removed"), 2);
    assert_eq!(
        store.unnamed_files(soon).await.expect("paths"),
        ["shared.csv", "unwritten.csv"]
    );
    assert!(store.find(untold.id).await.expect("an answer").is_some());
}

async fn pages_hold_each_request_once(database: Database) {
    let store = open(&database).await;
    let mut expected = Vec::new();
    for number in 0..23 {
        expected.push(accepted(&store, click("u1", &format!("b{number}"))).await.id);
        accepted(&store, click("u2", &format!("b{number}"))).await;
    }
    expected.reverse();
    let user = "u1".parse().expect("an id");
    let (mut listed, mut before) = (Vec::new(), None);
    loop {
        let page = store
            .requests_of(&user, Page { before, limit: 5 })
            .await
            .expect("a page");
        assert!(page.len() <= 5);
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        listed.extend(page.iter().map(|request| request.id));
    }
    assert_eq!(listed, expected);
    let lease = claimed(&store, start()).await;
    let of = |requests: Vec<Request>| requests.into_iter().map(|request| request.id).collect::<Vec<_>>();
    let running = store.requests(Some(Status::Running), ALL).await.expect("a page");
    assert_eq!(of(running), [lease.request.id]);
    assert_eq!(
        store.requests(Some(Status::Queued), ALL).await.expect("a page").len(),
        45
    );
    assert_eq!(store.requests(None, ALL).await.expect("a page").len(), 46);
    let figures = store.figures().await.expect("figures");
    let by_status: BTreeMap<_, _> = figures.by_status.into_iter().collect();
    assert_eq!(by_status[&Status::Queued], 45);
    assert_eq!(by_status[&Status::Running], 1);
    assert_eq!((by_status[&Status::Sent], by_status.len()), (0, Status::ALL.len()));
    assert_eq!(
        (figures.first_deadline, figures.events_to_write),
        (Some(start() + minutes(30)), 46)
    );
    let words = failure(FailureCause::NotAllowed);
    let _ = store.fail(&lease.token, &words, false, start()).await.expect("stored");
    let causes: BTreeMap<_, _> = store
        .figures()
        .await
        .expect("figures")
        .failed_by_cause
        .into_iter()
        .collect();
    assert_eq!(
        (causes[&FailureCause::NotAllowed], causes[&FailureCause::Cancelled]),
        (1, 0)
    );
}

async fn many_processes_open_one_database(database: Database) {
    let mut opening = JoinSet::new();
    for number in 0..12 {
        let database = database.clone();
        opening.spawn(async move {
            let store = open(&database).await;
            accepted(&store, click("u1", &format!("b{number}"))).await;
            store.close().await;
        });
    }
    opening.join_all().await;
    let store = Store::open_existing(&database).await.expect("a store");
    assert_eq!(store.requests(None, ALL).await.expect("a page").len(), 12);
}

#[tokio::test]
async fn the_file_is_its_owner_s_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = sqlite(&folder);
    let store = open(&database).await;
    accepted(&store, click("u1", "b1")).await;
    let Database::Sqlite(path) = &database else {
        panic!("a file")
    };
    let folder = path.parent().expect("a folder");
    let mode = |path: &std::path::Path| path.metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!(mode(folder), 0o700);
    let files: Vec<_> = std::fs::read_dir(folder).expect("a folder").flatten().collect();
    assert!(files.len() >= 3, "{files:?}");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{file:?}");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = Database::chosen(None, folder.path());
    let message = Store::open_existing(&missing).await.expect_err("no file").to_string();
    assert!(
        message.contains("requests.sqlite") && message.contains("--data"),
        "{message}"
    );
    assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none());

    std::fs::write(folder.path().join("requests.sqlite"), "no database ".repeat(100)).expect("written");
    let message = Store::open(&missing).await.expect_err("no database").to_string();
    assert!(
        message.contains("requests.sqlite") && message.contains("not a database"),
        "{message}"
    );
    assert!(!message.contains('\n'), "{message}");

    let blocked = Database::chosen(None, &folder.path().join("requests.sqlite"));
    let message = Store::open(&blocked).await.expect_err("a file in the way").to_string();
    assert!(message.contains("requests.sqlite/requests.sqlite"), "{message}");
}

#[tokio::test]
async fn a_server_s_refusal_does_not_show_the_password() {
    let Some(server) = Postgres::start() else { return };
    let stopped = format!("postgres://pragati:{PASSWORD}@127.0.0.1:1/postgres");
    let wrong = server.url().replace(PASSWORD, "hunter2");
    let nowhere = server
        .url()
        .replace("/postgres", "/nowhere")
        .replacen("/nowhere://", "postgres://", 1);
    for (url, password) in [(wrong, "hunter2"), (nowhere, PASSWORD), (stopped, PASSWORD)] {
        let database = Database::Postgres(Secret::from(url));
        let message = Store::open(&database).await.expect_err("refused").to_string();
        assert!(
            message.contains("127.0.0.1") && !message.contains("timed out"),
            "{message}"
        );
        assert!(!message.contains(password) && !message.contains('\n'), "{message}");
    }
}

#[tokio::test]
async fn a_lost_server_is_an_error_and_is_reconnected() {
    let Some(server) = Postgres::start() else { return };
    let store = open(&Database::Postgres(Secret::from(server.url()))).await;
    let request = accepted(&store, click("u1", "b1")).await;
    server.control("restart");
    // The first answer may be that the connection broke; what was accepted is there.
    let mut answer = store.find(request.id).await;
    for _ in 0..20 {
        if answer.is_ok() {
            break;
        }
        answer = store.find(request.id).await;
    }
    assert_eq!(answer.expect("found again"), Some(request));
}

#[tokio::test]
async fn a_service_that_starts_alone_takes_over_the_leases_of_a_killed_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = sqlite(&folder);
    let enter = async |store: &Store| store.enter(&database, start()).await.expect("an answer");
    let killed = open(&database).await;
    let alive = enter(&killed).await;
    accepted(&killed, click("u1", "b1")).await;
    let held = claimed(&killed, start()).await;

    // Beside a living one, each keeps its work.
    let second = open(&database).await;
    let beside = enter(&second).await;
    assert!(beside.is_some() && is_idle(&second, start()).await);
    drop(alive);
    let third = open(&database).await;
    drop(enter(&third).await);
    assert!(is_idle(&third, start()).await);

    drop(beside);
    let alone = open(&database).await;
    let _alive = enter(&alone).await;
    let taken = claimed(&alone, start()).await;
    assert_eq!((taken.request.id, taken.lost_before), (held.request.id, 1));
    // If the other one lives after all, it can store nothing more.
    let late = killed.succeed(&held.token, Status::Sent, start()).await;
    assert_eq!(late.expect("an answer"), Held::No);
}
