//! Every accepted click, and every report handed over, becomes one telemetry event in a file that the download ratio reads.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use pragati::delivery::events::EventWriter;
use pragati::delivery::request::{Failure, FailureCause, NewRequest, Status};
use pragati::delivery::store::{AcceptLimits, Accepted, Database, Held, Store};
use pragati::exports::Location;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::delivery_store::{click, start};
use crate::support::files_below;

const PLENTY: AcceptLimits = AcceptLimits {
    per_hour: 1_000_000,
    queue: 1_000_000,
};

/// A store, and a folder for its events.
struct Service {
    folder: TempDir,
    store: Store,
}

impl Service {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("events")).expect("a folder");
        let store = Store::open(&Database::chosen(None, &folder.path().join("data"))).await;
        Self {
            folder,
            store: store.expect("a store"),
        }
    }

    fn events(&self) -> PathBuf {
        self.folder.path().join("events")
    }

    fn writer(&self) -> EventWriter {
        self.writer_with(Arc::default())
    }

    fn writer_with(&self, wake_up: Arc<Notify>) -> EventWriter {
        let events = Location::parse(self.events().to_str().expect("UTF-8")).expect("a location");
        EventWriter::new(self.store.clone(), events, wake_up)
    }

    async fn accept(&self, new: NewRequest) {
        let answer = self.store.accept(new, PLENTY).await.expect("an answer");
        assert!(matches!(answer, Accepted::New(_) | Accepted::UnderWay(_)), "{answer:?}");
    }

    async fn accept_many(&self, count: usize) {
        let mut clicks = JoinSet::new();
        for _ in 0..count {
            let store = self.store.clone();
            clicks.spawn(async move { store.accept(click("u1", "b1"), PLENTY).await.expect("an answer") });
        }
        clicks.join_all().await;
    }

    async fn waiting(&self) -> u64 {
        self.store.figures().await.expect("figures").events_to_write
    }
}

fn events_in(folder: &Path) -> Vec<Value> {
    let files = files_below(folder);
    let lines = files.iter().flat_map(|(path, content)| {
        assert!(path.ends_with(".ndjson"), "{path}");
        let text = std::str::from_utf8(content).expect("UTF-8");
        assert!(text.ends_with('\n'), "{path}");
        text.lines().map(str::to_owned).collect::<Vec<_>>()
    });
    lines.map(|line| serde_json::from_str(&line).expect("JSON")).collect()
}

fn mids(events: &[Value]) -> BTreeSet<String> {
    let mid = |event: &Value| event["mid"].as_str().expect("a mid").to_owned();
    events.iter().map(mid).collect()
}

fn later(minutes: i64) -> DateTime<Utc> {
    start() + TimeDelta::minutes(minutes)
}

#[tokio::test]
async fn a_click_is_a_telemetry_event() {
    let service = Service::start().await;
    service.accept(click("u \"1\"", "0130-बैच")).await;
    let mut bare = click("u2", "b2");
    (bare.course_id, bare.tenant_id) = (None, None);
    bare.requested_at = later(1);
    service.accept(bare).await;
    assert_eq!(service.writer().flush(later(2)).await.expect("written"), 2);

    let events = events_in(&service.events());
    let expected = json!({
        "eid": "INTERACT",
        "ets": 1_763_892_930_125_i64 + 365 * 24 * 60 * 60 * 1000,
        "ver": "3.0",
        "mid": events[0]["mid"],
        "actor": {"id": "u \"1\"", "type": "User"},
        "context": {
            "channel": "tn",
            "pdata": {"id": "pragati", "ver": env!("CARGO_PKG_VERSION"), "pid": "pragati-serve"},
            "env": "course-progress",
            "cdata": [{"type": "Batch", "id": "0130-बैच"}],
        },
        "object": {"id": "do_31", "type": "Course"},
        "edata": {"id": "download-progress-report", "type": "click", "pageid": "course-progress-dashboard"},
    });
    assert_eq!(events[0], expected);
    // What is not known is left out, and never a made-up value.
    assert_eq!(events[1].get("object"), None);
    assert_eq!(events[1]["context"].get("channel"), None);
    for event in &events {
        let mid = event["mid"].as_str().expect("a mid").strip_prefix("PRAGATI:");
        assert!(mid.expect("a prefix").parse::<uuid::Uuid>().is_ok());
    }
    assert_eq!(mids(&events).len(), 2);
}

#[tokio::test]
async fn a_delivery_is_an_event_that_is_not_a_click() {
    let service = Service::start().await;
    for (batch, status) in [("b1", Status::Sent), ("b2", Status::Ready)] {
        service.accept(click("u1", batch)).await;
        let lease = service.store.claim(later(1)).await.expect("an answer").expect("work");
        let mut writer = service.writer();
        assert_eq!(writer.flush(later(1)).await.expect("written"), 1, "the click");
        let succeed = || service.store.succeed(&lease.token, status, later(2));
        assert_eq!(succeed().await.expect("stored"), Held::Yes);
        assert_eq!(succeed().await.expect("an answer"), Held::No, "it is handed over once");
        assert_eq!(writer.flush(later(3)).await.expect("written"), 1, "the delivery");
        let id = lease.request.id.to_string();
        let events = events_in(&service.events());
        let is_of_request = |event: &&Value| event["context"]["cdata"][1]["id"] == id.as_str();
        let expected = json!({
            "eid": "AUDIT",
            "ets": later(2).timestamp_millis(),
            "ver": "3.0",
            "mid": format!("PRAGATI:DELIVERED:{id}"),
            "actor": {"id": "u1", "type": "User"},
            "context": {
                "channel": "tn",
                "pdata": {"id": "pragati", "ver": env!("CARGO_PKG_VERSION"), "pid": "pragati-serve"},
                "env": "course-progress",
                "cdata": [{"type": "Batch", "id": batch}, {"type": "Request", "id": id}],
            },
            "object": {"id": "do_31", "type": "Course"},
            "edata": {"id": "report-delivered", "type": "delivery", "state": status.word()},
        });
        assert_eq!(events.iter().find(is_of_request), Some(&expected));
    }
    // A request that fails was not handed over.
    service.accept(click("u1", "b3")).await;
    let lease = service.store.claim(later(1)).await.expect("an answer").expect("work");
    let failure = Failure {
        cause: FailureCause::MailRefused,
        words: "no".to_owned(),
    };
    let failed = service.store.fail(&lease.token, &failure, false, later(2)).await;
    assert_eq!(failed.expect("stored"), Held::Yes);
    assert_eq!(service.writer().flush(later(3)).await.expect("written"), 1, "the click");
}

#[tokio::test]
async fn clicks_are_written_once_and_by_the_day_of_the_click() {
    let service = Service::start().await;
    let mut writer = service.writer();
    assert_eq!(writer.flush(start()).await.expect("written"), 0);
    assert!(files_below(&service.events()).is_empty());
    let mut expected = 0;
    // From a quarter past ten in the morning to after midnight UTC; written now and then.
    for quarter in 0..60 {
        let mut new = click("u1", &format!("b{quarter}"));
        new.requested_at = later(15 * quarter);
        service.accept(new).await;
        expected += 1;
        if quarter % 3 == 0 {
            writer.flush(later(15 * quarter)).await.expect("written");
            assert_eq!(events_in(&service.events()).len(), expected);
        }
    }
    writer.flush(later(15 * 60)).await.expect("written");
    let files = files_below(&service.events());
    for (path, content) in &files {
        let (day, name) = path.split_once('/').expect("a folder");
        let hour = &name["events-".len()..][..2];
        for line in std::str::from_utf8(content).expect("UTF-8").lines() {
            let event: Value = serde_json::from_str(line).expect("JSON");
            let time = DateTime::from_timestamp_millis(event["ets"].as_i64().expect("a time")).expect("a time");
            assert_eq!(time.format("date=%Y-%m-%d %H").to_string(), format!("{day} {hour}"));
        }
        let mode = service
            .events()
            .join(path)
            .metadata()
            .expect("a file")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    let days: BTreeSet<_> = files.iter().map(|(path, _)| &path[..15]).collect();
    assert_eq!(Vec::from_iter(days), ["date=2026-11-23", "date=2026-11-24"]);
    assert_eq!(files.len(), 16);
    let events = events_in(&service.events());
    assert_eq!((events.len(), mids(&events).len()), (60, 60));
    assert_eq!(service.waiting().await, 0);
    assert_eq!(writer.flush(later(2_000)).await.expect("written"), 0);
    assert_eq!(files_below(&service.events()), files);
}

#[tokio::test]
async fn a_file_of_events_only_grows() {
    let service = Service::start().await;
    let mut writer = service.writer();
    let mut before = Vec::new();
    // Clicks arrive out of the order of their times, as from several machines.
    for second in [30, 10, 50, 0, 40] {
        let mut new = click("u1", "b1");
        new.requested_at = start() + TimeDelta::seconds(second);
        service.accept(new).await;
        writer
            .flush(later(1) + TimeDelta::seconds(second))
            .await
            .expect("written");
        let files = files_below(&service.events());
        assert_eq!(files.len(), 1);
        assert!(
            files[0].1.starts_with(&before),
            "what is read meanwhile stays where it was"
        );
        before.clone_from(&files[0].1);
    }
    assert_eq!(events_in(&service.events()).len(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_file_is_followed_by_another() {
    let service = Service::start().await;
    service.accept_many(2_100).await;
    assert_eq!(service.writer().flush(start()).await.expect("written"), 2_100);
    let files = files_below(&service.events());
    let lines = |content: &[u8]| content.iter().filter(|&&byte| byte == b'\n').count();
    let counts: Vec<usize> = files.iter().map(|(_, content)| lines(content)).collect();
    assert_eq!(counts, [2_000, 100]);
    assert_eq!(mids(&events_in(&service.events())).len(), 2_100);
}

#[tokio::test]
async fn a_crash_loses_no_click_and_repeats_only_unmarked_ones() {
    let service = Service::start().await;
    service.accept_many(10).await;
    service.writer().flush(start()).await.expect("written");
    service.accept_many(5).await;
    // A process takes three clicks, writes them, and dies before it marks them.
    let hour = start()..later(30);
    let file = "date=2026-11-23/events-10-dead-0001.ndjson";
    let taken = service.store.take_events(file, hour, 3, later(1)).await.expect("taken");
    assert_eq!(taken, 3);
    let clicks = service.store.events_of_file(file).await.expect("clicks");
    let lines: String = clicks
        .iter()
        .map(|click| format!("{{\"mid\":\"{}\"}}\n", click.mid))
        .collect();
    fs::write(service.events().join(file), lines).expect("written");
    // While it might live, another leaves them to it.
    let mut writer = service.writer();
    assert_eq!(writer.flush(later(1)).await.expect("written"), 2);
    assert_eq!(service.waiting().await, 3);
    assert_eq!(writer.flush(later(4)).await.expect("written"), 3);
    assert_eq!(service.waiting().await, 0);
    let events = events_in(&service.events());
    assert_eq!((events.len(), mids(&events).len()), (18, 15));
    // Should it live after all, it marks nothing that is another's.
    let marked = service.store.mark_events_written(file, later(5)).await.expect("marked");
    assert_eq!(marked, 0);
}

#[tokio::test]
async fn clicks_wait_in_the_store_while_events_cannot_be_written() {
    let service = Service::start().await;
    let mut writer = service.writer();
    service.accept_many(4).await;
    // A file stands where the folder of the day belongs.
    let day = service.events().join("date=2026-11-23");
    fs::write(&day, "in the way").expect("written");
    let message = writer.flush(start()).await.expect_err("not written").to_string();
    assert!(
        message.contains("date=2026-11-23/events-10-") && !message.contains('\n'),
        "{message}"
    );
    assert_eq!(service.waiting().await, 4);
    fs::remove_file(&day).expect("removed");
    service.accept_many(1).await;
    assert_eq!(writer.flush(later(1)).await.expect("written"), 5);
    let events = events_in(&service.events());
    assert_eq!((events.len(), mids(&events).len()), (5, 5));
    assert_eq!(service.waiting().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_writers_share_the_clicks() {
    let service = Service::start().await;
    let mut writers = [service.writer(), service.writer(), service.writer()];
    for _ in 0..10 {
        service.accept_many(30).await;
        let [a, b, c] = &mut writers;
        let (a, b, c) = tokio::join!(a.flush(start()), b.flush(start()), c.flush(start()));
        for written in [a, b, c] {
            written.expect("written");
        }
    }
    let events = events_in(&service.events());
    assert_eq!((events.len(), mids(&events).len()), (300, 300));
    assert_eq!(service.waiting().await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_wakes_the_writer_and_shutdown_writes_the_rest() {
    let service = Service::start().await;
    let wake_up = Arc::new(Notify::new());
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(service.writer_with(Arc::clone(&wake_up)).run(stopped));
    service.accept_many(3).await;
    wake_up.notify_one();
    let written = async {
        while service.waiting().await > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(10), written).await;
    in_time.expect("the notification wakes the writer long before the next poll");
    // Without a notification, but before the end.
    service.accept_many(2).await;
    stop.send(true).expect("it listens");
    running.await.expect("it ends");
    assert_eq!(events_in(&service.events()).len(), 5);
}
