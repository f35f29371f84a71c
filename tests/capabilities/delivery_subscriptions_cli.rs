//! `pragati subscriptions`: what operators see and do.

use std::path::Path;

use assert_cmd::Command;
use chrono::{DateTime, Utc};
use pragati::delivery::store::{Changed, Database, DoneSending, Store};
use pragati::delivery::subscriptions::{
    EndReason, Every, Outcome, Subject, Subscription, SubscriptionId, SubscriptionState, Weekday,
};
use pragati::report::{ReportFormat, SplitColumn};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::delivery_store::{open, start};
use crate::delivery_subscriptions::{
    DAY, MENTOR, SUBSCRIPTIONS, claimed, found, make_next, post, requests_of, sent, service, subscribed, subscription,
};
use crate::support::{complaint_of, pragati};

const PAGE: &str = include_str!("../../docs/subscriptions.md");
/// The id of the help's examples; no subscription has it.
const UNKNOWN: &str = "019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90";
const HEADER: &str = "subscription                          state   every    next                  last           of\n";

/// A data folder with three subscriptions, from the oldest to the newest: a daily one that was due once, a weekly one
/// with every option, which is paused, and a nightly one without an address, which has ended.
struct Desk {
    folder: TempDir,
    daily: Subscription,
    weekly: Subscription,
    nightly: Subscription,
}

impl Desk {
    fn set_up() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let daily = subscription("u1");
        let mut weekly = subscription("u2");
        weekly.of = Subject::Course("do_31\u{1b}[31m".to_owned());
        weekly.format = ReportFormat::Xlsx;
        weekly.asked = serde_json::from_str(r#"{"files": "one", "split_by": "block", "filter": {"district": ["X"]}}"#)
            .expect("request options");
        (weekly.schedule.every, weekly.schedule.weekday) = (Every::Weekly, Some(Weekday::Sunday));
        (weekly.only_if_changed, weekly.to_self) = (true, false);
        weekly.to_officers = Some(SplitColumn::Block);
        weekly.until = Some("2026-12-31".parse().expect("a day"));
        weekly.next_at = Some(start() + DAY);
        let mut nightly = subscription("u3");
        nightly.of = Subject::Batch("b2".parse().expect("an id"));
        nightly.schedule.every = Every::Nightly;
        (nightly.next_at, nightly.after_run, nightly.person.email) = (None, Some(start()), None);
        let [daily, weekly, nightly] = in_store(folder.path(), async |store: &Store| {
            for new in [&daily, &weekly, &nightly] {
                subscribed(store, new).await;
            }
            let due = claimed(store, start()).await.expect("what is due");
            let done = DoneSending {
                outcome: Outcome::Unchanged,
                sendings: Vec::new(),
                ..sent(&due, "2026-11-23")
            };
            let finished = store.finish_sending(&due, &done, start()).await.expect("an answer");
            assert_eq!((due.subscription.id, finished), (daily.id, Some(0)));
            let paused = store.pause_subscription(weekly.id).await.expect("an answer");
            let ended = store
                .end_subscription(nightly.id, EndReason::LastDay, start() + DAY)
                .await
                .expect("an answer");
            assert_eq!((paused, ended), (Changed::Done, Changed::Done));
            [
                found(store, daily.id).await,
                found(store, weekly.id).await,
                found(store, nightly.id).await,
            ]
        });
        Self {
            folder,
            daily,
            weekly,
            nightly,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(self.folder.path(), arguments)
    }

    fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("a run");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        assert_eq!(complaint, "", "{arguments:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let arguments = [arguments, &["--format", "json"]].concat();
        serde_json::from_str(&self.output(&arguments)).expect("JSON")
    }

    /// The ids of a list.
    fn ids(&self, arguments: &[&str]) -> Vec<SubscriptionId> {
        let listed = self.json(&[&["list"][..], arguments].concat());
        let rows = listed.as_array().expect("a list").iter();
        rows.map(|row| row["id"].as_str().expect("an id").parse().expect("an id"))
            .collect()
    }

    /// Pauses, resumes or ends one, which must say nothing but that.
    fn act(&self, action: &str, id: SubscriptionId, state: &str) {
        let acted = self.command(&[action, &id.to_string()]).assert().success();
        acted.stdout("").stderr(format!("subscription {id} is {state}\n"));
    }

    /// What the store has of one.
    fn kept(&self, id: SubscriptionId) -> Subscription {
        in_store(self.folder.path(), async |store: &Store| found(store, id).await)
    }
}

/// The command over the store of a data folder.
fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = pragati();
    command.arg("subscriptions").args(arguments).arg("--data").arg(data);
    command
}

fn in_store<T>(data: &Path, work: impl AsyncFnOnce(&Store) -> T) -> T {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = open(&Database::chosen(None, data)).await;
        let done = work(&store).await;
        store.close().await;
        done
    })
}

#[test]
fn a_list_shows_subscriptions_and_no_addresses() {
    let desk = Desk::set_up();
    let (daily, weekly, nightly) = (desk.daily.id, desk.weekly.id, desk.nightly.id);
    let table = desk.output(&["list"]);
    let expected = format!(
        "{HEADER}\
         {nightly}  ended   nightly  -                     -              batch b2\n\
         {weekly}  paused  weekly   -                     -              course do_31\u{fffd}[31m\n\
         {daily}  active  daily    2026-11-24T10:15:30Z  unchanged      batch b1\n"
    );
    assert_eq!(table, expected);
    let listed = desk.json(&["list"]);
    let expected = json!([
        {"id": nightly.to_string(), "state": "ended", "end_reason": "last_day", "user_id": "u3", "batch_id": "b2",
            "course_id": null, "format": "csv", "every": "nightly", "weekday": null, "at": null, "next_at": null,
            "last_at": null, "last_outcome": null},
        {"id": weekly.to_string(), "state": "paused", "end_reason": null, "user_id": "u2", "batch_id": null,
            "course_id": "do_31\u{1b}[31m", "format": "xlsx", "every": "weekly", "weekday": "sunday", "at": "07:30",
            "next_at": null, "last_at": null, "last_outcome": null},
        {"id": daily.to_string(), "state": "active", "end_reason": null, "user_id": "u1", "batch_id": "b1",
            "course_id": null, "format": "csv", "every": "daily", "weekday": null, "at": "07:30",
            "next_at": "2026-11-24T10:15:30.125Z", "last_at": "2026-11-23T10:15:30.125Z", "last_outcome": "unchanged"},
    ]);
    assert_eq!(listed, expected);
}

#[test]
fn a_list_is_of_one_state_and_goes_on_where_it_ended() {
    let desk = Desk::set_up();
    let (daily, weekly, nightly) = (desk.daily.id, desk.weekly.id, desk.nightly.id);
    for (state, id) in [("active", daily), ("paused", weekly), ("ended", nightly)] {
        assert_eq!(desk.ids(&["--state", state]), [id], "{state}");
    }
    // The limit counts those of the state alone.
    assert_eq!(desk.ids(&["--state", "active", "--limit", "1"]), [daily]);
    assert_eq!(desk.ids(&["--limit", "2"]), [nightly, weekly]);
    assert_eq!(desk.ids(&["--limit", "2", "--before", &weekly.to_string()]), [daily]);
    let oldest = daily.to_string();
    let none = ["list", "--before", oldest.as_str()];
    assert_eq!(desk.output(&none), HEADER);
    assert_eq!(desk.json(&none), json!([]));
}

#[test]
fn one_subscription_is_shown_with_its_address_and_without_control_characters() {
    let desk = Desk::set_up();
    let id = desk.weekly.id.to_string();
    let expected = format!(
        "\
subscription    {id}
state           paused
user            u2
mail address    u2@example.org
of              course do_31\u{fffd}[31m
format          xlsx
asked for       {{\"files\":\"one\",\"split_by\":\"block\",\"filter\":{{\"district\":[\"X\"]}}}}
every           weekly
weekday         sunday
at              07:30
if changed only yes
to subscriber   no
to officers by  block
last day        2026-12-31
created at      2026-11-23T10:15:30Z
next            -
last            -
last outcome    -
"
    );
    assert_eq!(desk.output(&["show", &id]), expected);
    let shown = desk.json(&["show", &id]);
    let expected = json!({"id": id, "state": "paused", "end_reason": null, "user_id": "u2", "batch_id": null,
        "course_id": "do_31\u{1b}[31m", "format": "xlsx", "every": "weekly", "weekday": "sunday", "at": "07:30",
        "next_at": null, "last_at": null, "last_outcome": null, "email": "u2@example.org",
        "asked": {"files": "one", "split_by": "block", "filter": {"district": ["X"]}}, "only_if_changed": true,
        "to_self": false, "to_officers": "block", "until": "2026-12-31", "created_at": "2026-11-23T10:15:30.125Z",
        "ended_at": null});
    assert_eq!(shown, expected);
}

#[test]
fn what_has_ended_is_shown_with_the_reason() {
    let desk = Desk::set_up();
    let id = desk.nightly.id.to_string();
    let expected = format!(
        "\
subscription    {id}
state           ended
ended because   last_day
ended at        2026-11-24T10:15:30Z
user            u3
mail address    -
of              batch b2
format          csv
every           nightly
if changed only no
to subscriber   yes
to officers by  -
last day        -
created at      2026-11-23T10:15:30Z
next            -
last            -
last outcome    -
"
    );
    assert_eq!(desk.output(&["show", &id]), expected);
    let shown = desk.json(&["show", &id]);
    for (name, value) in [
        ("ended_at", json!("2026-11-24T10:15:30.125Z")),
        ("email", Value::Null),
        ("asked", Value::Null),
        ("until", Value::Null),
    ] {
        assert_eq!(shown.get(name), Some(&value), "{name}");
    }
}

#[test]
fn what_is_resumed_is_due_at_its_next_time_by_the_site_s_clock() {
    let desk = Desk::set_up();
    let id = desk.daily.id;
    desk.act("resume", id, "active");
    assert_eq!(desk.kept(id), desk.daily, "one that is active keeps its time");
    // 07:30 in Kolkata, the usual zone, and in another.
    for (zone, time) in [(None, "T02:00:00Z"), (Some("UTC"), "T07:30:00Z")] {
        for _ in 0..2 {
            desk.act("pause", id, "paused");
            let kept = desk.kept(id);
            assert_eq!((kept.state, kept.next_at), (SubscriptionState::Paused, None));
        }
        let before = Utc::now();
        let mut resume = desk.command(&["resume", &id.to_string()]);
        if let Some(zone) = zone {
            resume.env("PRAGATI_TIMEZONE", zone);
        }
        resume.assert().success();
        let shown = desk.json(&["show", &id.to_string()]);
        let next = shown["next_at"].as_str().expect("a time");
        assert!(next.ends_with(time), "{zone:?}: {next}");
        let next: DateTime<Utc> = next.parse().expect("a time");
        assert!(before < next && next <= Utc::now() + DAY, "{next}");
        // Nothing else is changed: an operator's word is no login, from which an admin's roles count anew.
        let expected = Subscription {
            next_at: Some(next),
            ..desk.daily.clone()
        };
        assert_eq!(desk.kept(id), expected);
    }
}

#[test]
fn a_nightly_run_that_began_before_a_resumption_is_not_answered() {
    let desk = Desk::set_up();
    let mut new = subscription("u4");
    new.schedule.every = Every::Nightly;
    (new.next_at, new.after_run) = (None, Some(start()));
    in_store(desk.folder.path(), async |store: &Store| subscribed(store, &new).await);
    desk.act("pause", new.id, "paused");
    let before = Utc::now();
    desk.act("resume", new.id, "active");
    let kept = desk.kept(new.id);
    let after_run = kept.after_run.expect("a time");
    // The store has milliseconds.
    assert!(after_run.timestamp_millis() >= before.timestamp_millis() && after_run <= Utc::now());
    assert_eq!(
        kept,
        Subscription {
            after_run: Some(after_run),
            ..new
        }
    );
}

#[test]
fn what_an_operator_ends_stays_ended() {
    let desk = Desk::set_up();
    let id = desk.daily.id;
    let before = Utc::now();
    desk.act("end", id, "ended");
    let ended = desk.kept(id);
    let ended_at = ended.ended_at.expect("a time");
    assert!(ended_at.timestamp_millis() >= before.timestamp_millis() && ended_at <= Utc::now());
    let expected = Subscription {
        state: SubscriptionState::Ended,
        end_reason: Some(EndReason::Operator),
        ended_at: Some(ended_at),
        next_at: None,
        ..desk.daily.clone()
    };
    assert_eq!(ended, expected);
    desk.act("end", id, "ended");
    assert_eq!(desk.kept(id), ended);
    // One whose last day is over: the operator's end counts, so that its last mails are not sent.
    let other = desk.nightly.id;
    desk.act("end", other, "ended");
    assert_eq!(desk.kept(other).end_reason, Some(EndReason::Operator));
    for id in [id, other] {
        for action in ["pause", "resume"] {
            let complaint = complaint_of(&mut desk.command(&[action, &id.to_string()]), 1);
            let expected = format!(
                "error: subscription {id} has ended, and does not begin again; its person can subscribe anew\n"
            );
            assert_eq!(complaint, expected, "{action}");
        }
    }
    assert_eq!(desk.kept(id), ended);
}

#[test]
fn nothing_but_errors_is_said_where_that_is_wanted() {
    let desk = Desk::set_up();
    let id = desk.daily.id.to_string();
    for action in ["pause", "resume", "end"] {
        let acted = desk.command(&[action, "--quiet", &id]).assert().success();
        acted.stdout("").stderr("");
    }
    let complaint = complaint_of(&mut desk.command(&["pause", "--quiet", &id]), 1);
    assert!(complaint.contains("has ended"), "{complaint}");
}

#[test]
fn an_unknown_subscription_is_named() {
    let desk = Desk::set_up();
    for action in ["show", "pause", "resume", "end"] {
        let complaint = complaint_of(&mut desk.command(&[action, UNKNOWN]), 1);
        let expected = format!("error: there is no subscription {UNKNOWN}; see pragati subscriptions list\n");
        assert_eq!(complaint, expected, "{action}");
    }
}

#[test]
fn a_wrong_usage_changes_nothing() {
    let desk = Desk::set_up();
    let id = desk.weekly.id.to_string();
    for (arguments, named) in [
        (&["list", "--state", "gone"][..], "active, paused, ended"),
        (&["list", "--limit", "many"], "--limit"),
        (&["list", "--before", "b1"], "--before"),
        (&["list", "--format", "csv"], "table, json"),
        (&["show"], "<ID>"),
        (&["end", "b1"], "<ID>"),
        (&["end", id.as_str(), UNKNOWN], UNKNOWN),
        (&["remove", id.as_str()], "remove"),
    ] {
        let output = desk.command(arguments).output().expect("a run");
        let complaint = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {complaint}");
        assert!(complaint.contains(named) && output.stdout.is_empty(), "{complaint}");
    }
    // A setting that the next time depends on.
    let mut resume = desk.command(&["resume", &id]);
    let complaint = complaint_of(resume.env("PRAGATI_SUBSCRIPTIONS__SEND_AT", "7 am"), 2);
    assert!(complaint.contains("subscriptions.send_at"), "{complaint}");
    assert_eq!(desk.kept(desk.weekly.id), desk.weekly);
}

#[test]
fn no_command_makes_a_database() {
    let folder = tempfile::tempdir().expect("a folder");
    for arguments in [
        &["list"][..],
        &["show", UNKNOWN],
        &["pause", UNKNOWN],
        &["resume", UNKNOWN],
        &["end", UNKNOWN],
    ] {
        let complaint = complaint_of(&mut command(folder.path(), arguments), 1);
        assert!(
            complaint.contains("requests.sqlite") && complaint.contains("--data"),
            "{complaint}"
        );
        let mut wrong = command(folder.path(), arguments);
        let complaint = complaint_of(wrong.env("PRAGATI_DATABASE__URL", "mysql://u:hunter2@host/x"), 2);
        assert!(
            complaint.contains("postgres://") && !complaint.contains("hunter2"),
            "{complaint}"
        );
    }
    assert!(folder.path().read_dir().expect("a folder").next().is_none());
}

/// The arguments of the commands in a text; an id stands for that of `subscription`.
fn examples(text: &str, subscription: SubscriptionId) -> Vec<Vec<String>> {
    let id = |word: &str| word == "ID" || word.parse::<SubscriptionId>().is_ok();
    let commands = text.lines().filter_map(|line| {
        let command = line.trim_start().strip_prefix("pragati subscriptions ")?;
        // What it does follows after more than one space.
        let (command, _) = command.split_once("  ").unwrap_or((command, ""));
        let words = command.split(' ').map(|word| {
            if id(word) {
                subscription.to_string()
            } else {
                word.to_owned()
            }
        });
        Some(words.collect::<Vec<String>>())
    });
    commands.collect()
}

#[test]
fn the_examples_of_the_help_and_of_the_page_are_commands() {
    let help = pragati().args(["subscriptions", "--help"]).output().expect("a run");
    assert!(help.status.success(), "{help:?}");
    let help = String::from_utf8(help.stdout).expect("UTF-8");
    for text in [help.as_str(), PAGE] {
        let desk = Desk::set_up();
        let examples = examples(text, desk.daily.id);
        let actions: Vec<&str> = examples.iter().map(|words| words[0].as_str()).collect();
        assert_eq!(actions, ["list", "show", "pause", "resume", "end"]);
        for words in &examples {
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            desk.command(&words).assert().success();
        }
        assert_eq!(desk.kept(desk.daily.id).state, SubscriptionState::Ended);
    }
    let none = pragati().arg("subscriptions").output().expect("a run");
    assert_eq!(none.status.code(), Some(2), "{none:?}");
    assert_eq!(String::from_utf8(none.stderr).expect("UTF-8"), help);
}

#[test]
fn what_an_operator_changes_counts_in_a_service_that_runs() {
    let service = service();
    let new = json!({"batch_id": "b1", "format": "csv", "every": "daily"});
    let answer = post(&service, MENTOR, SUBSCRIPTIONS, &new);
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("{SUBSCRIPTIONS}/{id}");
    let operator = |action: &str| {
        command(service.folder.path(), &[action, &id]).assert().success();
        service.get(MENTOR, &path).json()
    };
    let now = Utc::now();
    assert!(make_next(&service, now + DAY));
    let requests = requests_of(&service);
    assert_eq!(requests.len(), 1);
    let is_wanted = || {
        let sending = service.parts.store.sending_of(requests[0].id);
        let sending = service.runtime.block_on(sending).expect("an answer");
        sending.expect("a sending").is_wanted
    };
    assert!(is_wanted());

    let paused = operator("pause");
    assert_eq!((&paused["state"], &paused["next_at"]), (&json!("paused"), &Value::Null));
    assert!(!make_next(&service, now + DAY * 9));
    let resumed = operator("resume");
    assert_eq!(resumed["state"], "active");
    assert!(resumed["next_at"].is_string(), "{resumed}");
    let ended = operator("end");
    assert_eq!(
        (&ended["state"], &ended["end_reason"]),
        (&json!("ended"), &json!("operator"))
    );
    assert!(!is_wanted(), "the mail that waits is not sent");
    assert!(!make_next(&service, now + DAY * 9));
    let again = post(&service, MENTOR, &format!("{path}/resume"), &json!({}));
    assert_eq!(again.problem(), (409, "subscription-ended".to_owned()));
}
