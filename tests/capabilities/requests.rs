//! `pragati requests`: what operators see and do.

use std::time::Duration;

use assert_cmd::Command;
use chrono::{TimeDelta, Utc};
use pragati::delivery::request::{Bounce, Failure, FailureCause, NewRequest, Request, Status};
use pragati::delivery::store::{Database, Held, NotedBounce, Store};
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::delivery_store::{accepted, click};
use crate::support::{complaint_of, pragati};

/// A data folder with one request that was sent, one that failed, and one that waits.
struct Desk {
    folder: TempDir,
    sent: Request,
    failed: Request,
    waiting: Request,
}

impl Desk {
    fn set_up() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let runtime = Runtime::new().expect("a runtime");
        let [sent, failed, waiting] = runtime.block_on(async {
            let store = Store::open(&Database::chosen(None, folder.path()))
                .await
                .expect("a store");
            let now = Utc::now();
            // A request of a fixed day would one day be too old to be tried again.
            let click = |user, batch| NewRequest {
                requested_at: now,
                deadline: now + TimeDelta::minutes(30),
                ..click(user, batch)
            };
            let sent = accepted(&store, click("u1", "b1")).await;
            let lease = store.claim(now).await.expect("an answer").expect("work");
            assert_eq!(
                store.succeed(&lease.token, Status::Sent, now).await.expect("stored"),
                Held::Yes
            );
            let failed = accepted(&store, click("u2", "b2")).await;
            let lease = store.claim(now).await.expect("an answer").expect("work");
            let failure = Failure {
                cause: FailureCause::MailRefused,
                words: "550 5.1.1 \u{1b}[31mno such user".to_owned(),
            };
            assert_eq!(
                store.fail(&lease.token, &failure, false, now).await.expect("stored"),
                Held::Yes
            );
            let waiting = accepted(&store, click("u3", "b3")).await;
            store.close().await;
            [sent, failed, waiting]
        });
        Self {
            folder,
            sent,
            failed,
            waiting,
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pragati();
        command
            .arg("requests")
            .args(arguments)
            .arg("--data")
            .arg(self.folder.path());
        command
    }

    fn output(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("a run");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.output(arguments)).expect("JSON")
    }
}

#[test]
fn a_list_shows_requests_and_no_addresses() {
    let desk = Desk::set_up();
    let table = desk.output(&["list"]);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    for (line, request) in lines[1..].iter().zip([&desk.waiting, &desk.failed, &desk.sent]) {
        assert!(line.starts_with(&request.id.to_string()), "{table}");
    }
    assert!(lines[2].ends_with("mail_refused"), "{table}");
    let json = desk.json(&["list", "--format", "json"]);
    assert_eq!(json.as_array().map(Vec::len), Some(3));
    assert_eq!(json[2]["status"], "sent");
    for text in [table, json.to_string()] {
        assert!(!text.contains('@') && !text.contains("no such user"), "{text}");
    }
}

#[test]
fn a_list_is_of_one_status_and_goes_on_where_it_ended() {
    let desk = Desk::set_up();
    let failed = desk.json(&["list", "--status", "failed", "--format", "json"]);
    assert_eq!(failed.as_array().map(Vec::len), Some(1));
    assert_eq!(failed[0]["id"], desk.failed.id.to_string());
    let page = desk.json(&[
        "list",
        "--limit",
        "1",
        "--before",
        &desk.failed.id.to_string(),
        "--format",
        "json",
    ]);
    assert_eq!(page.as_array().map(Vec::len), Some(1));
    assert_eq!(page[0]["id"], desk.sent.id.to_string());
}

#[test]
fn one_request_is_shown_with_its_address_and_without_control_characters() {
    let desk = Desk::set_up();
    let id = desk.failed.id.to_string();
    let shown = desk.output(&["show", &id]);
    assert!(
        shown.contains("u2@example.org") && shown.contains("[31mno such user"),
        "{shown}"
    );
    assert!(!shown.contains('\u{1b}'), "{shown}");
    let json = desk.json(&["show", &id, "--format", "json"]);
    assert_eq!(
        (&json["email"], &json["failure_cause"]),
        (&"u2@example.org".into(), &"mail_refused".into())
    );
}

#[test]
fn a_failed_request_can_be_retried_and_a_waiting_one_ended() {
    let desk = Desk::set_up();
    let (sent, failed, waiting) = (
        desk.sent.id.to_string(),
        desk.failed.id.to_string(),
        desk.waiting.id.to_string(),
    );
    let before = Utc::now() + TimeDelta::minutes(29);
    desk.output(&["retry", &failed]);
    let json = desk.json(&["show", &failed, "--format", "json"]);
    assert_eq!((&json["status"], &json["failure"]), (&"queued".into(), &Value::Null));
    let deadline: chrono::DateTime<Utc> = json["deadline"].as_str().expect("a time").parse().expect("a time");
    assert!(deadline > before);
    desk.output(&["cancel", &waiting]);
    let json = desk.json(&["show", &waiting, "--format", "json"]);
    assert_eq!(
        (&json["status"], &json["failure_cause"]),
        (&"failed".into(), &"cancelled".into())
    );
    for (action, id, word) in [
        ("retry", sent.as_str(), "did not fail: it is sent"),
        ("retry", failed.as_str(), "did not fail: it is queued"),
        ("cancel", sent.as_str(), "has ended already: it is sent"),
        ("cancel", waiting.as_str(), "has ended already: it is failed"),
        ("retry", "019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90", "there is no request"),
        ("cancel", "019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90", "there is no request"),
        ("show", "019ab2c4-7d52-7c11-8a39-6f0d5e1b2a90", "there is no request"),
    ] {
        let complaint = complaint_of(&mut desk.command(&[action, id]), 1);
        assert!(complaint.contains(word) && complaint.contains(id), "{complaint}");
    }
}

#[test]
fn a_bounced_mail_is_not_retried() {
    let desk = Desk::set_up();
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(&Database::chosen(None, desk.folder.path()))
            .await
            .expect("a store");
        let bounce = Bounce {
            at: Utc::now(),
            code: Some("5.1.1".to_owned()),
            words: "550 5.1.1 no such mailbox".to_owned(),
        };
        let noted = store.note_bounce(desk.sent.id, &bounce).await.expect("stored");
        assert_eq!(noted, NotedBounce::Noted);
        store.close().await;
    });
    let id = desk.sent.id.to_string();
    let mut retry = desk.command(&["retry", &id]);
    let complaint = complaint_of(retry.timeout(Duration::from_secs(60)), 1);
    assert!(complaint.contains("did not fail: it is bounced"), "{complaint}");
}

#[test]
fn a_listing_makes_no_database() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut list = pragati();
    list.args(["requests", "list", "--data"]).arg(folder.path());
    let complaint = complaint_of(&mut list, 1);
    assert!(
        complaint.contains("requests.sqlite") && complaint.contains("--data"),
        "{complaint}"
    );
    assert!(folder.path().read_dir().expect("a folder").next().is_none());
    let mut wrong = pragati();
    wrong
        .args(["requests", "list"])
        .env("PRAGATI_DATABASE__URL", "mysql://u:hunter2@host/x");
    let complaint = complaint_of(&mut wrong, 2);
    assert!(
        complaint.contains("postgres://") && !complaint.contains("hunter2"),
        "{complaint}"
    );
}

#[test]
fn a_secret_in_the_environment_is_a_text_as_it_stands() {
    let exports = crate::support::TestExports::small();
    let mut sql = exports.command("sql");
    sql.args(["-c", "select 1 as one", "--format", "csv"])
        .env("PRAGATI_MAIL__PASSWORD", "12345678");
    sql.assert().success().stdout("one\n1\n");
}

#[test]
fn a_shared_database_needs_shared_places() {
    let exports = crate::support::TestExports::small();
    let data = tempfile::tempdir().expect("a folder");
    let mut serve = exports.command("serve");
    serve
        .args(["-q", "--dev-auth", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .env("PRAGATI_DATABASE__URL", "postgres://u:hunter2@127.0.0.1:1/x");
    let complaint = complaint_of(&mut serve, 2);
    assert!(
        complaint.contains("serve.files") && complaint.contains("events") && !complaint.contains("hunter2"),
        "{complaint}"
    );
}
