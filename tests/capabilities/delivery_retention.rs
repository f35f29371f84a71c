//! Old requests go, and the report files that nobody names any more.

use std::fs;
use std::path::Path;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use pragati::delivery::request::{ReportFile, Status};
use pragati::delivery::retention::{Removed, Retention};
use pragati::delivery::store::{Database, Held, Store};
use pragati::exports::Location;

use crate::delivery_store::{accepted, click};

const DAYS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A request that was answered just now with a file; its events are written.
async fn answered(store: &Store, files: &Path, user: &str, path: &str) {
    let now = Utc::now();
    let mut new = click(user, "b1");
    (new.requested_at, new.deadline) = (now, now + TimeDelta::minutes(30));
    accepted(store, new).await;
    let lease = store.claim(now).await.expect("an answer").expect("work");
    let place = files.join(path);
    fs::create_dir_all(place.parent().expect("a folder")).expect("a folder");
    fs::write(&place, "report").expect("written");
    let file = ReportFile {
        snapshot_date: "2026-11-22".parse().expect("a date"),
        rows: 1,
        unknown_users: 0,
        name: "report.csv".to_owned(),
        path: path.to_owned(),
        bytes: 6,
        sha256: "ab".repeat(32),
        consent_rules: None,
    };
    assert_eq!(store.file_made(&lease.token, &file).await.expect("stored"), Held::Yes);
    assert_eq!(
        store.succeed(&lease.token, Status::Sent, now).await.expect("stored"),
        Held::Yes
    );
    let taken = store
        .take_events("f", now - TimeDelta::hours(1)..now + TimeDelta::hours(1), 9, now)
        .await;
    assert_eq!(taken.expect("taken"), 2);
    store.mark_events_written("f", now).await.expect("marked");
}

#[tokio::test]
async fn old_requests_and_files_are_removed_and_those_in_use_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let files = folder.path().join("files");
    fs::create_dir(&files).expect("a folder");
    let store = Store::open(&Database::chosen(None, folder.path()))
        .await
        .expect("a store");
    let location = Location::parse(files.to_str().expect("UTF-8")).expect("a location");
    let (encoded, shared) = ("date=2026-11-22/%E0%A4%A8~1.csv", "date=2026-11-22/shared.csv");
    answered(&store, &files, "u1", encoded).await;
    answered(&store, &files, "u2", shared).await;
    fs::write(files.join("not ours"), "x").expect("written");

    let retention = Retention::new(store.clone(), location.clone(), DAYS);
    let now = Utc::now();
    let before = now + TimeDelta::days(29);
    assert_eq!(retention.remove_old(before).await.expect("removed"), Removed::default());
    // Somebody else was given the shared file meanwhile.
    accepted(&store, click("u3", "b1")).await;
    let lease = store.claim(now).await.expect("an answer").expect("work");
    let again = ReportFile {
        path: shared.to_owned(),
        ..store
            .requests(Some(Status::Sent), everything())
            .await
            .expect("requests")[0]
            .file
            .clone()
            .expect("a file")
    };
    assert_eq!(store.file_made(&lease.token, &again).await.expect("stored"), Held::Yes);

    let removed = retention.remove_old(now + TimeDelta::days(31)).await.expect("removed");
    let expected = Removed {
        requests: 2,
        files: vec![encoded.to_owned()],
    };
    assert_eq!(removed, expected);
    assert!(!files.join(encoded).exists());
    assert!(files.join(shared).exists() && files.join("not ours").exists());
    let again = retention.remove_old(now + TimeDelta::days(31)).await.expect("removed");
    assert_eq!(again, Removed::default());

    // A file that is gone already is no trouble.
    let later = now + TimeDelta::days(31);
    assert_eq!(
        store.succeed(&lease.token, Status::Ready, now).await.expect("stored"),
        Held::Yes
    );
    store
        .take_events("g", now - TimeDelta::days(999)..later, 9, now)
        .await
        .expect("taken");
    store.mark_events_written("g", now).await.expect("marked");
    fs::remove_file(files.join(shared)).expect("removed");
    let removed = retention.remove_old(later).await.expect("removed");
    assert_eq!(removed.files, [shared]);
}

#[tokio::test]
async fn at_least_a_day_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&Database::chosen(None, folder.path()))
        .await
        .expect("a store");
    let location = Location::parse(folder.path().to_str().expect("UTF-8")).expect("a location");
    answered(&store, folder.path(), "u1", "x.csv").await;
    let retention = Retention::new(store, location, Duration::ZERO);
    let removed = retention
        .remove_old(Utc::now() + TimeDelta::hours(23))
        .await
        .expect("removed");
    assert_eq!(removed, Removed::default());
    let removed = retention
        .remove_old(Utc::now() + TimeDelta::hours(25))
        .await
        .expect("removed");
    assert_eq!((removed.requests, removed.files.len()), (1, 1));
}

fn everything() -> pragati::delivery::store::Page {
    pragati::delivery::store::Page {
        before: None,
        limit: u32::MAX,
    }
}
