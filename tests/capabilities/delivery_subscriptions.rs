//! Subscriptions: in the store, on SQLite and PostgreSQL (`delivery_store` runs these scenarios on both), and over HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use pragati::config::AddressSource;
use pragati::delivery::options::RequestOptions;
use pragati::delivery::person::{Person, Roles};
use pragati::delivery::request::Request;
use pragati::delivery::store::{
    AcceptLimits, Accepted, Changed, Database, DoneSending, DueSubscription, NewSending, Page, SENDING_LEASE,
    SentContent, Store, Subscribed, Unsubscribed,
};
use pragati::delivery::subscriptions::{
    EndReason, Every, Officer, OfficerScope, Outcome, Schedule, Scheduler, Subject, Subscription, SubscriptionId,
    SubscriptionState, TimeOfDay, Weekday,
};
use pragati::delivery::tokens::hash_of;
use pragati::ids::UserId;
use pragati::language::Language;
use pragati::report::{ReportFormat, SplitColumn};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::delivery_store::{click, open, start};
use crate::running_service::{Answer, BATCHES, RunningService, Setup};
use crate::service_process::ServiceProcess;
use crate::smtp::{Received, Security, SmtpServer};
use crate::support::{TestExports, csv_columns, usually, wait_at_most};

const ALL: Page = Page {
    before: None,
    limit: u32::MAX,
};
const PLENTY: u32 = 1_000;
pub const DAY: TimeDelta = TimeDelta::days(1);

fn user(id: &str) -> UserId {
    id.parse().expect("an id")
}

/// A daily subscription that is due at `start()`.
pub fn subscription(id: &str) -> Subscription {
    Subscription {
        id: SubscriptionId::new(),
        person: Person {
            user_id: user(id),
            email: Some(format!("{id}@example.org")),
            roles: Roles::default(),
            language: None,
        },
        roles_at: start(),
        of: Subject::Batch("b1".parse().expect("an id")),
        format: ReportFormat::Csv,
        asked: RequestOptions::default(),
        schedule: Schedule {
            every: Every::Daily,
            weekday: None,
            at: TimeOfDay::parse("07:30").expect("a time of day"),
        },
        only_if_changed: false,
        to_self: true,
        to_officers: None,
        until: None,
        state: SubscriptionState::Active,
        end_reason: None,
        created_at: start(),
        ended_at: None,
        next_at: Some(start()),
        after_run: None,
        last_at: None,
        last_outcome: None,
    }
}

pub async fn subscribed(store: &Store, new: &Subscription) {
    let subscribed = store.subscribe(new, PLENTY).await.expect("an answer");
    assert_eq!(subscribed, Subscribed::Done);
}

pub async fn found(store: &Store, id: SubscriptionId) -> Subscription {
    store
        .subscription(id)
        .await
        .expect("an answer")
        .expect("a subscription")
}

pub async fn claimed(store: &Store, now: DateTime<Utc>) -> Option<DueSubscription> {
    store.claim_subscription(now, None).await.expect("an answer")
}

/// One request to the subscriber, and the next time a day later.
pub fn sent(due: &DueSubscription, occurrence: &str) -> DoneSending {
    let subscription = &due.subscription;
    DoneSending {
        occurrence: occurrence.to_owned(),
        outcome: Outcome::Sent,
        sendings: vec![NewSending {
            request: click(subscription.person.user_id.as_str(), "b1"),
            is_officer: false,
        }],
        contents: None,
        next_at: subscription.next_at.map(|next_at| next_at + DAY),
        after_run: None,
        ends: None,
    }
}

async fn requests_in(store: &Store) -> Vec<Request> {
    store.requests(None, ALL).await.expect("requests")
}

pub async fn a_subscription_is_kept_as_it_was(database: Database) {
    let store = open(&database).await;
    let mut new = subscription("f4'; drop table subscriptions; --");
    new.person.roles = Roles {
        platform_admin: true,
        tenant_admin_of: BTreeSet::from(["tn".parse().expect("an id")]),
    };
    new.person.language = Some(Language::Odia);
    new.of = Subject::Course("do_31 \"x\"".to_owned());
    new.format = ReportFormat::Xlsx;
    new.asked =
        serde_json::from_str(r#"{"split_by": "block", "filter": {"district": ["মৈসূরু"]}}"#).expect("request options");
    new.schedule.every = Every::Weekly;
    new.schedule.weekday = Some(Weekday::Sunday);
    new.only_if_changed = true;
    new.to_officers = Some(SplitColumn::Block);
    new.until = Some("2026-12-31".parse().expect("a day"));
    subscribed(&store, &new).await;
    let mut nightly = subscription("u2");
    nightly.schedule.every = Every::Nightly;
    (nightly.next_at, nightly.after_run, nightly.person.email) = (None, Some(start()), None);
    subscribed(&store, &nightly).await;
    store.close().await;

    let store = open(&database).await;
    assert_eq!(found(&store, new.id).await, new);
    assert_eq!(found(&store, nightly.id).await, nightly);
    let own = store
        .subscriptions_of(&new.person.user_id, None, 10)
        .await
        .expect("an answer");
    assert_eq!(own, [new.clone()]);
    let all = store.subscriptions(None, None, 10).await.expect("an answer");
    assert_eq!(all, [nightly.clone(), new.clone()]);
    let older = store
        .subscriptions(None, Some(nightly.id), 10)
        .await
        .expect("an answer");
    assert_eq!(older, [new.clone()]);
    let second = Subscription {
        id: SubscriptionId::new(),
        ..new.clone()
    };
    assert_eq!(
        store.subscribe(&second, 1).await.expect("an answer"),
        Subscribed::TooMany
    );

    let login = Person {
        email: Some("new@example.org".to_owned()),
        roles: Roles::default(),
        ..new.person.clone()
    };
    store
        .note_login_of_subscriber(&login, start() + DAY)
        .await
        .expect("noted");
    let noted = found(&store, new.id).await;
    assert_eq!((noted.person, noted.roles_at), (login, start() + DAY));
}

pub async fn a_subscription_is_paused_resumed_and_ended(database: Database) {
    let store = open(&database).await;
    let new = subscription("u1");
    subscribed(&store, &new).await;
    let state = async || found(&store, new.id).await.state;
    assert_eq!(
        store.pause_subscription(new.id).await.expect("an answer"),
        Changed::Done
    );
    assert_eq!(state().await, SubscriptionState::Paused);
    assert!(claimed(&store, start() + DAY).await.is_none());

    let next = Some(start() + TimeDelta::days(3));
    let resumed = store.resume_subscription(new.id, next, None).await;
    assert_eq!(resumed.expect("an answer"), Changed::Done);
    assert_eq!(found(&store, new.id).await.next_at, next);
    // One that is active keeps its time.
    let resumed = store.resume_subscription(new.id, Some(start()), None).await;
    assert_eq!(resumed.expect("an answer"), Changed::Done);
    assert_eq!(found(&store, new.id).await.next_at, next);

    for _ in 0..2 {
        let ended = store.end_subscription(new.id, EndReason::Operator, start()).await;
        assert_eq!(ended.expect("an answer"), Changed::Done);
    }
    assert_eq!(state().await, SubscriptionState::Ended);
    assert_eq!(found(&store, new.id).await.end_reason, Some(EndReason::Operator));
    assert_eq!(
        store.pause_subscription(new.id).await.expect("an answer"),
        Changed::Ended
    );
    let resumed = store.resume_subscription(new.id, next, None).await;
    assert_eq!(resumed.expect("an answer"), Changed::Ended);
    assert!(claimed(&store, start() + DAY * 9).await.is_none());
    let unknown = store.pause_subscription(SubscriptionId::new()).await;
    assert_eq!(unknown.expect("an answer"), Changed::NoSuchSubscription);

    let removed = store.remove_old_subscriptions(start() + DAY, start() + DAY).await;
    assert_eq!(removed.expect("an answer"), 1);
    assert_eq!(store.subscription(new.id).await.expect("an answer"), None);
}

pub async fn what_is_due_becomes_requests_once(database: Database) {
    const SUBSCRIPTIONS: usize = 40;
    const PROCESSES: usize = 4;
    let store = open(&database).await;
    for number in 0..SUBSCRIPTIONS {
        subscribed(&store, &subscription(&format!("u{number}"))).await;
    }
    assert!(claimed(&store, start() - TimeDelta::seconds(1)).await.is_none());
    let mut processes = JoinSet::new();
    for _ in 0..PROCESSES {
        let database = database.clone();
        processes.spawn(async move {
            let store = open(&database).await;
            let mut made = 0_usize;
            while let Some(due) = claimed(&store, start()).await {
                let done = sent(&due, "2026-11-23");
                let finished = store.finish_sending(&due, &done, start()).await.expect("an answer");
                assert_eq!(finished, Some(1));
                made += 1;
            }
            store.close().await;
            made
        });
    }
    let made: usize = processes.join_all().await.into_iter().sum();
    assert_eq!(made, SUBSCRIPTIONS);
    let users: BTreeSet<String> = requests_in(&store)
        .await
        .iter()
        .map(|request| request.person.user_id.to_string())
        .collect();
    assert_eq!(users.len(), SUBSCRIPTIONS);
    assert_eq!(requests_in(&store).await.len(), SUBSCRIPTIONS);
    assert!(claimed(&store, start() + TimeDelta::hours(23)).await.is_none());
    let later = claimed(&store, start() + DAY).await.expect("what is due the next day");
    assert_eq!(later.subscription.last_outcome, Some(Outcome::Sent));
    assert_eq!(later.subscription.last_at, Some(start()));

    // A click finds room in the queue beside them, and comes first.
    let few = AcceptLimits { per_hour: 10, queue: 1 };
    let Accepted::New(request) = store.accept(click("asha", "b1"), few).await.expect("an answer") else {
        panic!("a click was not taken");
    };
    let first = store.claim(Utc::now()).await.expect("an answer").expect("work");
    assert_eq!(first.request.id, request.id);
}

pub async fn a_claim_that_was_lost_makes_nothing(database: Database) {
    let store = open(&database).await;
    let new = subscription("u1");
    subscribed(&store, &new).await;
    let slow = claimed(&store, start()).await.expect("what is due");
    assert!(
        claimed(&store, start() + SENDING_LEASE - TimeDelta::seconds(1))
            .await
            .is_none()
    );
    let quick = claimed(&store, start() + SENDING_LEASE)
        .await
        .expect("what was left behind");
    let finish = async |due: &DueSubscription, done: &DoneSending| {
        store.finish_sending(due, done, start()).await.expect("an answer")
    };
    assert_eq!(finish(&slow, &sent(&slow, "2026-11-23")).await, None);
    assert_eq!(finish(&quick, &sent(&quick, "2026-11-23")).await, Some(1));
    assert_eq!(finish(&quick, &sent(&quick, "2026-11-23")).await, None);
    assert_eq!(requests_in(&store).await.len(), 1);

    // Put off, it is due again later; paused meanwhile, nothing comes of it.
    let next = start() + DAY;
    let due = claimed(&store, next).await.expect("the next day");
    store
        .put_off_subscription(&due, next + TimeDelta::minutes(2))
        .await
        .expect("put off");
    assert!(claimed(&store, next + TimeDelta::minutes(1)).await.is_none());
    let due = claimed(&store, next + TimeDelta::minutes(2)).await.expect("the same");
    assert_eq!(
        store.pause_subscription(new.id).await.expect("an answer"),
        Changed::Done
    );
    assert_eq!(finish(&due, &sent(&due, "2026-11-24")).await, None);
    assert_eq!(requests_in(&store).await.len(), 1);
}

pub async fn a_nightly_run_is_answered_once(database: Database) {
    let store = open(&database).await;
    let mut new = subscription("u1");
    new.schedule.every = Every::Nightly;
    (new.next_at, new.after_run) = (None, Some(start()));
    subscribed(&store, &new).await;
    let claim = async |run: Option<DateTime<Utc>>| {
        let claimed = store.claim_subscription(start() + DAY * 30, run).await;
        claimed.expect("an answer")
    };
    assert!(claim(None).await.is_none());
    assert!(claim(Some(start())).await.is_none());
    let run = start() + DAY;
    let due = claim(Some(run)).await.expect("what is due");
    let done = DoneSending {
        next_at: None,
        after_run: Some(run),
        ends: Some(EndReason::LastDay),
        contents: Some(vec![SentContent {
            email: "u1@example.org".to_owned(),
            what: String::new(),
            digest: "x".to_owned(),
        }]),
        ..sent(&due, "run 1")
    };
    let finished = store.finish_sending(&due, &done, run).await.expect("an answer");
    assert_eq!(finished, Some(1));
    assert!(claim(Some(run + DAY)).await.is_none(), "it was the last one");
    let contents = store.sent_contents(new.id).await.expect("an answer");
    assert_eq!(Some(contents), done.contents);
    // What was not delivered counts as not had.
    let request = requests_in(&store).await[0].id;
    store.forget_sent_content(request).await.expect("forgotten");
    assert!(store.sent_contents(new.id).await.expect("an answer").is_empty());
    // What the last day made is still wanted, until somebody ends it.
    let of = store.sending_of(request).await.expect("an answer").expect("a sending");
    assert_eq!((of.subscription, of.is_officer, of.is_wanted), (new.id, false, true));
    for (reason, after) in [
        (EndReason::LastDay, EndReason::LastDay),
        (EndReason::Operator, EndReason::Operator),
        (EndReason::Subscriber, EndReason::Operator),
        (EndReason::LastDay, EndReason::Operator),
    ] {
        let ended = store.end_subscription(new.id, reason, run + DAY).await;
        assert_eq!(ended.expect("an answer"), Changed::Done);
        let of = store.sending_of(request).await.expect("an answer").expect("a sending");
        let kept = found(&store, new.id).await;
        let expected = (Some(after), after == EndReason::LastDay);
        assert_eq!((kept.end_reason, of.is_wanted), expected, "{reason}");
    }
}

pub async fn recipients_end_their_mails(database: Database) {
    let store = open(&database).await;
    let mut new = subscription("u1");
    new.to_officers = Some(SplitColumn::Block);
    subscribed(&store, &new).await;
    let due = claimed(&store, start()).await.expect("what is due");
    let mut done = sent(&due, "2026-11-23");
    let mut officer = done.sendings[0].clone();
    officer.request.person.email = Some("bno@example.org".to_owned());
    officer.request.asked = serde_json::from_str(r#"{"filter": {"block": ["B1"]}}"#).expect("request options");
    officer.is_officer = true;
    done.sendings.push(officer);
    let finished = store.finish_sending(&due, &done, start()).await.expect("an answer");
    assert_eq!(finished, Some(2));
    let wanted = async || {
        let mut wanted = BTreeMap::new();
        for request in requests_in(&store).await {
            let of = store
                .sending_of(request.id)
                .await
                .expect("an answer")
                .expect("a sending");
            wanted.insert(of.email, of.is_wanted);
        }
        wanted.into_values().collect::<Vec<bool>>()
    };
    assert_eq!(wanted().await, [true, true], "bno, u1");
    for (email, is_officer, expected) in [
        ("bno@example.org", true, [false, true]),
        ("u1@example.org", false, [false, false]),
    ] {
        let of = Unsubscribed {
            subscription: new.id,
            email: email.to_owned(),
            is_officer,
        };
        let hash = hash_of(email);
        assert_eq!(store.unsubscribe_token(&hash).await.expect("an answer"), None);
        store.note_unsubscribe_token(&hash, &of, start()).await.expect("noted");
        assert_eq!(
            store.unsubscribe_token(&hash).await.expect("an answer"),
            Some(of.clone())
        );
        store.unsubscribe(&of, start()).await.expect("ended");
        store.unsubscribe(&of, start()).await.expect("ended again");
        assert_eq!(wanted().await, expected, "{email}");
    }
    let officers = store.unsubscribed_officers(new.id).await.expect("an answer");
    assert_eq!(officers, BTreeSet::from(["bno@example.org".to_owned()]));
    let left = found(&store, new.id).await;
    assert_eq!((left.to_self, left.state), (false, SubscriptionState::Active));

    // Where nobody else gets it, it ends.
    let alone = subscription("u2");
    subscribed(&store, &alone).await;
    let of = Unsubscribed {
        subscription: alone.id,
        email: "u2@example.org".to_owned(),
        is_officer: false,
    };
    store.unsubscribe(&of, start()).await.expect("ended");
    assert_eq!(found(&store, alone.id).await.end_reason, Some(EndReason::Unsubscribed));
}

pub async fn a_list_of_officers_takes_the_place_of_the_last(database: Database) {
    let store = open(&database).await;
    let list = |officers: &[(&str, &str)]| -> BTreeSet<Officer> {
        let officer = |&(value, address): &(&str, &str)| Officer {
            value: value.to_owned(),
            address: address.to_owned(),
        };
        officers.iter().map(officer).collect()
    };
    let scope = OfficerScope::Tenant("t'1".parse().expect("an id"));
    let first = list(&[
        ("प्रखंड", "one@example.org"),
        ("B2", "one@example.org"),
        ("B2", "two@example.org"),
    ]);
    let second = list(&[("B3", "three@example.org")]);
    for officers in [&first, &second] {
        let replaced = store
            .replace_officers(&scope, SplitColumn::Block, officers, &user("admin"), start())
            .await;
        replaced.expect("stored");
        let kept = store.officers_of(&scope, SplitColumn::Block).await.expect("an answer");
        assert_eq!(&kept, officers);
    }
    let others = [
        (&scope, SplitColumn::School),
        (&OfficerScope::Course("t'1".to_owned()), SplitColumn::Block),
    ];
    for (scope, column) in others {
        assert!(store.officers_of(scope, column).await.expect("an answer").is_empty());
    }
}

pub const MENTOR: &str = "dev:mentor,mentor@example.org";
const STRANGER: &str = "dev:stranger,stranger@example.org";
pub const SUBSCRIPTIONS: &str = "/api/v1/subscriptions";
const OFFICERS_OF_B1: &str = "/api/v1/officers?batch_id=b1&column=block";

pub fn service() -> RunningService {
    let mut setup = Setup::over(TestExports::small().table("batches", BATCHES));
    setup.config.subscriptions.officer_domains = vec!["example.org".to_owned()];
    setup.config.subscriptions.per_person = 3;
    setup.start()
}

pub fn post(service: &RunningService, token: &str, path: &str, body: &Value) -> Answer {
    service.send(service.request(Method::POST, path).bearer_auth(token).json(body))
}

fn upload(service: &RunningService, token: &str, csv: &str) -> Answer {
    let request = service.request(Method::PUT, OFFICERS_OF_B1).bearer_auth(token);
    service.send(request.header("content-type", "text/csv").body(csv.to_owned()))
}

/// Makes what is due at a moment; false where nothing is.
pub fn make_next(service: &RunningService, now: DateTime<Utc>) -> bool {
    let parts = &service.parts;
    let scheduler = Scheduler {
        store: parts.store.clone(),
        source: Arc::clone(&parts.source),
        rules: Arc::clone(&parts.subscriptions),
        address_source: AddressSource::Claim,
        can_mail: true,
        deadline: Duration::from_secs(1800),
        wake_up: Arc::new(Notify::new()),
    };
    service.runtime.block_on(scheduler.make_next(now)).expect("the store")
}

pub fn requests_of(service: &RunningService) -> Vec<Request> {
    let mut requests = service.runtime.block_on(requests_in(&service.parts.store));
    requests.sort_by(|a, b| a.person.email.cmp(&b.person.email));
    requests
}

#[test]
fn a_mentor_and_the_officers_of_a_block_get_their_rows_while_they_change() {
    let service = service();
    let uploaded = upload(
        &service,
        "dev:admin,admin@example.org,pragati-tenant-admin:t1",
        "block,address\nBlock 1,bno1@example.org\nBlock 2,bno2@example.org\n",
    );
    assert_eq!(uploaded.status, StatusCode::OK, "{uploaded:?}");
    assert_eq!(uploaded.json()["total"], 2);
    let new = json!({"batch_id": "b1", "format": "csv", "every": "daily", "at": "07:30", "only_if_changed": true,
        "to_officers": "block"});
    let answer = post(&service, MENTOR, SUBSCRIPTIONS, &new);
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("{SUBSCRIPTIONS}/{id}");
    assert_eq!(answer.header("location"), path);
    assert_eq!(
        (&answer.json()["state"], &answer.json()["at"]),
        (&json!("active"), &json!("07:30"))
    );
    let now = Utc::now();
    assert!(!make_next(&service, now));
    assert!(make_next(&service, now + DAY));
    assert!(!make_next(&service, now + DAY));

    let requests = requests_of(&service);
    let addresses: Vec<_> = requests
        .iter()
        .filter_map(|request| request.person.email.as_deref())
        .collect();
    assert_eq!(
        addresses,
        ["bno1@example.org", "mentor@example.org"],
        "nobody is of Block 2"
    );
    let (officer, mentor) = (&requests[0].asked, &requests[1].asked);
    assert_eq!(officer.filter.block, BTreeSet::from(["Block 1".to_owned()]));
    assert!(mentor.is_usual());
    assert!(
        requests
            .iter()
            .all(|request| request.person.user_id.as_str() == "mentor")
    );
    let rows = |asked: usize| {
        let current = service.parts.source.current();
        let request = &requests[asked];
        let rows = current.rows_of(request.batches(), &request.asked.filter);
        let (rows, _) = service.runtime.block_on(rows).expect("rows");
        let rows = service
            .runtime
            .block_on(datafusion::physical_plan::common::collect(rows));
        rows.expect("rows").iter().map(|rows| rows.num_rows()).sum::<usize>()
    };
    assert_eq!((rows(0), rows(1)), (1, 2));

    // The mentor's list says which one the officer gets; so does each by itself.
    let listed = service.get(MENTOR, "/api/v1/reports").json();
    let to_officers: BTreeMap<String, bool> = (listed["items"].as_array().expect("a list").iter())
        .map(|item| {
            (
                item["id"].as_str().expect("an id").to_owned(),
                item["to_officer"] == true,
            )
        })
        .collect();
    let ids = [&requests[0], &requests[1]].map(|request| request.id.to_string());
    assert_eq!(
        to_officers,
        BTreeMap::from([(ids[0].clone(), true), (ids[1].clone(), false)])
    );
    for (id, to_officer) in to_officers {
        let shown = service.get(MENTOR, &format!("/api/v1/reports/{id}")).json();
        assert_eq!(shown["to_officer"] == true, to_officer, "{shown}");
    }

    // Several days were missed: made up once, and nothing changed.
    assert!(make_next(&service, now + DAY * 5));
    assert!(!make_next(&service, now + DAY * 5));
    assert_eq!(requests_of(&service).len(), 2);
    assert_eq!(service.get(MENTOR, &path).json()["last_outcome"], "unchanged");
}

#[test]
fn who_may_no_longer_have_a_report_is_sent_none() {
    let service = service();
    let new = json!({"batch_id": "b1", "format": "csv", "every": "daily"});
    let admin = "dev:admin,admin@example.org,pragati-tenant-admin:t1";
    let answer = post(&service, admin, SUBSCRIPTIONS, &new);
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let path = format!("{SUBSCRIPTIONS}/{}", answer.json()["id"].as_str().expect("an id"));
    // Roles of a login are valid for 30 days.
    assert!(make_next(&service, Utc::now() + DAY * 31));
    assert_eq!(service.get(admin, &path).json()["last_outcome"], "not_allowed");
    assert!(requests_of(&service).is_empty());
}

#[test]
fn a_subscription_is_its_subscriber_s_alone() {
    let service = service();
    let new = json!({"course_id": "c1", "format": "xlsx", "every": "weekly", "weekday": "monday", "files": "one"});
    let answer = post(&service, MENTOR, SUBSCRIPTIONS, &new);
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let path = format!("{SUBSCRIPTIONS}/{}", answer.json()["id"].as_str().expect("an id"));
    assert_eq!(service.get(STRANGER, &path).problem(), (404, "not-found".to_owned()));
    let act = |token: &str, what: &str| post(&service, token, &format!("{path}/{what}"), &json!({}));
    for what in ["pause", "resume", "end"] {
        assert_eq!(act(STRANGER, what).problem(), (404, "not-found".to_owned()), "{what}");
    }
    for (what, state, has_next) in [
        ("pause", "paused", false),
        ("resume", "active", true),
        ("end", "ended", false),
        ("end", "ended", false),
    ] {
        let changed = act(MENTOR, what).json();
        assert_eq!(changed["state"], state, "{changed}");
        assert_eq!(changed["next_at"].is_string(), has_next, "{changed}");
    }
    assert_eq!(act(MENTOR, "resume").problem(), (409, "subscription-ended".to_owned()));
    let listed = service.get(MENTOR, SUBSCRIPTIONS).json();
    assert_eq!(listed["items"][0]["end_reason"], "subscriber");
    assert_eq!(service.get(STRANGER, SUBSCRIPTIONS).json()["items"], json!([]));
}

#[test]
fn what_cannot_be_subscribed_to_is_refused() {
    let service = service();
    let refused = |token: &str, body: Value| post(&service, token, SUBSCRIPTIONS, &body).problem();
    let invalid = (422, "invalid".to_owned());
    for body in [
        json!({"format": "csv", "every": "daily"}),
        json!({"batch_id": "b1", "course_id": "c1", "format": "csv", "every": "daily"}),
        json!({"batch_id": "b1", "format": "csv", "every": "weekly"}),
        json!({"batch_id": "b1", "format": "csv", "every": "daily", "weekday": "monday"}),
        json!({"batch_id": "b1", "format": "csv", "every": "daily", "at": "25:00"}),
        json!({"batch_id": "b1", "format": "csv", "every": "nightly", "at": "07:00"}),
        json!({"batch_id": "b1", "format": "csv", "every": "daily", "to_self": false}),
        json!({"batch_id": "b1", "format": "csv", "every": "daily", "until": "2020-01-01"}),
        json!({"batch_id": "b1", "format": "csv", "every": "daily", "files": "one"}),
        json!({"batch_id": "b1", "format": "csv", "every": "hourly"}),
    ] {
        assert_eq!(refused(MENTOR, body.clone()), invalid, "{body}");
    }
    let good = json!({"batch_id": "b1", "format": "csv", "every": "nightly"});
    assert_eq!(refused(STRANGER, good.clone()), (404, "unknown-batch".to_owned()));
    for _ in 0..3 {
        assert_eq!(post(&service, MENTOR, SUBSCRIPTIONS, &good).status, StatusCode::CREATED);
    }
    assert_eq!(refused(MENTOR, good), (422, "too-many-subscriptions".to_owned()));
}

#[test]
fn only_admins_have_lists_of_officers_and_a_bad_line_is_named() {
    let service = service();
    let good = "block,address\nBlock 1,bno@example.org\n";
    for token in [MENTOR, "dev:admin,admin@example.org,pragati-tenant-admin:t2"] {
        assert_eq!(upload(&service, token, good).problem(), (403, "not-admin".to_owned()));
        assert_eq!(
            service.get(token, OFFICERS_OF_B1).problem(),
            (403, "not-admin".to_owned())
        );
    }
    let admin = "dev:admin,admin@example.org,pragati-tenant-admin:t1";
    let bad = upload(
        &service,
        admin,
        "block,address\nBlock 1,bno@example.org\nBlock 2,bno@example.com\n",
    );
    assert_eq!(bad.problem(), (422, "invalid".to_owned()));
    let detail = bad.json()["detail"].to_string();
    assert!(detail.contains("line 3") && !detail.contains("bno@"), "{detail}");
    assert_eq!(service.get(admin, OFFICERS_OF_B1).json()["total"], 0);
    let large = format!("block,address\n{}", "x".repeat(1 << 20));
    assert_eq!(upload(&service, admin, &large).problem(), (413, "too-large".to_owned()));
    assert_eq!(upload(&service, admin, good).status, StatusCode::OK);
    let list = service.get(admin, OFFICERS_OF_B1).json();
    assert_eq!(
        list["officers"],
        json!([{"value": "Block 1", "address": "bno@example.org"}])
    );
    let course = service.get(admin, "/api/v1/officers?course_id=c1&column=block");
    assert_eq!(course.problem(), (403, "not-admin".to_owned()));
    let none = service.get(admin, "/api/v1/officers?column=block");
    assert_eq!(none.problem(), (400, "bad-request".to_owned()));
}

#[test]
fn looking_at_the_link_of_a_mail_ends_nothing_and_its_button_does() {
    let service = service();
    let new = subscription("mentor");
    let of = Unsubscribed {
        subscription: new.id,
        email: "mentor@example.org".to_owned(),
        is_officer: false,
    };
    service.runtime.block_on(async {
        subscribed(&service.parts.store, &new).await;
        let hash = hash_of("token");
        let noted = service.parts.store.note_unsubscribe_token(&hash, &of, Utc::now());
        noted.await.expect("noted");
    });
    let page = |method: Method, token: &str| service.send(service.request(method, &format!("/unsubscribe/{token}")));
    let state = || service.runtime.block_on(found(&service.parts.store, new.id)).state;
    let shown = page(Method::GET, "token");
    assert_eq!(shown.status, StatusCode::OK);
    let html = String::from_utf8(shown.body).expect("UTF-8");
    assert!(
        html.contains("method=\"post\"") && html.contains("unsubscribe&#x2f;token"),
        "{html}"
    );
    assert_eq!(state(), SubscriptionState::Active);
    for method in [Method::GET, Method::POST] {
        assert_eq!(page(method, "another").status, StatusCode::NOT_FOUND);
    }
    // As a mail program asks (RFC 8058), more than once.
    for _ in 0..2 {
        let request = service.request(Method::POST, "/unsubscribe/token");
        let ended = service.send(request.body("List-Unsubscribe=One-Click"));
        assert_eq!(ended.status, StatusCode::OK);
        assert_eq!(state(), SubscriptionState::Ended);
    }
}

#[test]
fn what_subscriptions_send_is_counted_apart_from_downloads() {
    let exports = TestExports::small().table("batches", BATCHES);
    let folder = tempfile::tempdir().expect("a folder");
    let day = folder.path().join("date=2026-11-22");
    std::fs::create_dir_all(&day).expect("a folder");
    // 10:00 in Kolkata, on the snapshot's day.
    let event = |request: &str, id: &str| {
        json!({
            "eid": "AUDIT", "ets": 1_795_321_800_000_i64, "ver": "3.0", "mid": format!("PRAGATI:DELIVERED:{request}"),
            "actor": {"id": "mentor", "type": "User"},
            "context": {"channel": "t1", "pdata": {"id": "pragati", "ver": "1", "pid": "pragati-serve"}, "env": "course-progress",
                "cdata": [{"id": "b1", "type": "Batch"}, {"id": request, "type": "Request"}]},
            "object": {"id": "c1", "type": "Course"},
            "edata": {"id": id, "type": "delivery", "state": "sent"},
        })
    };
    let events = [
        event("r1", "report-delivered"),
        event("r2", "report-sent-by-subscription"),
        event("r3", "report-sent-by-subscription"),
    ];
    let lines = events.map(|event| format!("{event}\n")).concat();
    std::fs::write(day.join("events-04-x-0001.ndjson"), lines).expect("written");
    let events = folder.path().display().to_string();
    let query = |sql: &str| exports.output("sql", &["--events", &events, "--format", "csv", "-c", sql]);
    assert_eq!(
        query("select batch_id, course_id, tenant_id, day, sent_by_subscription from batch_sendings_by_day"),
        "batch_id,course_id,tenant_id,day,sent_by_subscription\nb1,c1,t1,2026-11-22,2\n"
    );
    assert_eq!(
        query(
            "select downloads, requests, batches_downloaded, delivered, sent_by_subscription from download_ratio
            where level = 'all' and time_window = 'all'"
        ),
        "downloads,requests,batches_downloaded,delivered,sent_by_subscription\n0,0,0,1,2\n"
    );
    assert_eq!(
        query(
            "select level, time_window, delivered, sent_by_subscription from download_ratio_over_time
            where level = 'course' order by time_window"
        ),
        "level,time_window,delivered,sent_by_subscription\ncourse,day,1,2\ncourse,month,1,2\ncourse,week,1,2\n"
    );
    assert_eq!(
        query("select batch_id, downloads, delivered, sent_by_subscription from batch_downloads_by_day"),
        "batch_id,downloads,delivered,sent_by_subscription\nb1,0,1,2\n"
    );
    // Without events, it is not known, and not shown.
    let ratio = |more: &[&str]| {
        let mut all = vec!["--level", "all", "--format", "csv"];
        all.extend(more);
        exports.output("ratio", &all)
    };
    assert_eq!(
        csv_columns(&ratio(&["--events", &events]), &["level", "sent_by_subscription"]),
        "all,2\n"
    );
    let without = ratio(&[]);
    assert!(!without.contains("sent_by_subscription"), "{without}");
    assert_eq!(
        query("select request_id from distinct_deliveries where by_subscription order by 1"),
        "request_id\nr2\nr3\n"
    );
}

/// How many requests have a status, by the service's metrics.
fn requests_that(served: &ServiceProcess, status: &str) -> usize {
    let (_, metrics) = served.get("dev:nobody", "/metrics");
    let metrics = String::from_utf8(metrics).expect("UTF-8");
    let name = format!("pragati_requests{{status=\"{status}\"}} ");
    let value = metrics.lines().find_map(|line| line.strip_prefix(&name));
    value.map_or(0, |value| value.parse().expect("a number"))
}

/// The request that a mail is of.
fn request_of(mail: &Received) -> String {
    let head = mail.head();
    let id = head.lines().find_map(|line| line.strip_prefix("Message-ID: <"));
    let (request, _) = id.expect("a Message-ID").split_once('.').expect("an id");
    request.to_owned()
}

#[test]
fn a_service_that_is_killed_at_random_sends_each_subscription_once() {
    const WORKERS: usize = 8;
    let Some(smtp) = SmtpServer::start(Security::Plain) else {
        return;
    };
    // In full, kills are some seconds apart, so that they are spread over the whole work.
    let (count, kills, apart) = (usually(150, 10_000), usually(6, 60), usually(1_500, 8_000));
    let exports = TestExports::small().table("batches", BATCHES);
    let mut served = ServiceProcess::new(exports, &smtp).with("PRAGATI_SERVE__WORKERS", WORKERS);
    let now = Utc::now();
    // The usual time is twelve hours from now in Kolkata, so that none is due again meanwhile.
    let minute = u16::try_from((now.timestamp() / 60 + 330 + 720).rem_euclid(1440)).expect("a minute of a day");
    Runtime::new().expect("a runtime").block_on(async {
        let store = open(&Database::chosen(None, served.data())).await;
        for _ in 0..count {
            let mut new = subscription("mentor");
            new.schedule.at = TimeOfDay::of_minute(minute).expect("a time of day");
            new.next_at = Some(now - TimeDelta::hours(12));
            let subscribed = store.subscribe(&new, u32::MAX).await.expect("an answer");
            assert_eq!(subscribed, Subscribed::Done);
        }
        store.close().await;
    });
    let started = Instant::now();
    for _ in 0..kills {
        served.start();
        std::thread::sleep(Duration::from_millis(200 + rand::random::<u64>() % apart));
        served.kill();
    }
    served.start();
    let have_ended = || {
        std::thread::sleep(Duration::from_millis(200));
        requests_that(&served, "sent") + requests_that(&served, "failed") == count
    };
    wait_at_most(Duration::from_secs(usually(200, 600)), have_ended, "the sendings");
    let took = started.elapsed().as_secs();
    let requests = served.requests();
    assert_eq!(requests.len(), count, "none is lost");
    let mails = smtp.received();
    let mailed: BTreeSet<String> = mails.iter().map(request_of).collect();
    assert_eq!(mailed.len(), mails.len(), "none comes twice");
    let (sent, others): (Vec<_>, Vec<_>) = requests.iter().partition(|request| request["status"] == "sent");
    for request in &sent {
        assert!(mailed.contains(request["id"].as_str().expect("an id")), "{request}");
    }
    // Killed in the middle of handing it over.
    for request in &others {
        assert_eq!(request["failure_cause"], "mail_unconfirmed", "{request}");
    }
    assert!(others.len() <= kills * WORKERS, "{} unconfirmed", others.len());
    println!(
        "{count} sendings, {kills} kills, {took} s: {} sent, {} unconfirmed, {} mails",
        sent.len(),
        others.len(),
        mails.len()
    );
}
