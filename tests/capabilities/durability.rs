//! A power cut at any moment leaves what was published, and loses nothing that was promised: the real program's writes are
//! recorded, and replayed up to each of them with what was not waited for dropped.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use pragati::delivery::events::EventWriter;
use pragati::delivery::request::Status;
use pragati::delivery::store::{Database, Page, Store};
use pragati::exports::Location;
use pragati::nightly::manifest::Manifest;
use pragati::report::ReportFormat;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::recorded::{Change, Event, Waited, can_record, events_in, events_of, paths, traced};
use crate::replayed::{Disk, Loss, Remains};
use crate::running_service::BATCHES;
use crate::service_process::ServiceProcess;
use crate::support::{DATE, TestExports, files_below, pragati, usually};

const EARLIER_DATE: &str = "2026-11-21";

fn program() -> PathBuf {
    assert_cmd::cargo::cargo_bin("pragati")
}

/// The position of the first event that is so.
fn first(events: &[Event], what: &str, is_so: impl Fn(&Event) -> bool) -> usize {
    events
        .iter()
        .position(is_so)
        .unwrap_or_else(|| panic!("no event: {what}"))
}

/// The position of the last event that is so.
fn last(events: &[Event], what: &str, is_so: impl Fn(&Event) -> bool) -> usize {
    events
        .iter()
        .rposition(is_so)
        .unwrap_or_else(|| panic!("no event: {what}"))
}

/// Whether the event changes something whose path is so.
fn changes(event: &Event, is_so: impl Fn(&str) -> bool) -> bool {
    let Event::Changed(change) = event else { return false };
    let (one, other) = paths(change);
    is_so(one) || is_so(other)
}

fn waited_for(event: &Event, path: &str) -> bool {
    matches!(event, Event::WaitEnded(_, Waited::For(waited)) if waited == path)
}

mod nightly {
    use super::*;

    /// A folder with the output of two days, and what a run does that publishes the second one anew and keeps it alone.
    struct Night {
        out: TempDir,
        before: Disk,
        events: Vec<Event>,
        exports: TestExports,
    }

    impl Night {
        fn record(batches: usize) -> Self {
            let exports = TestExports::sample(400, 2_000, batches, 2);
            let out = tempfile::tempdir().expect("a folder");
            for date in [EARLIER_DATE, DATE] {
                let mut nightly = exports.command("nightly");
                nightly.args(["--quiet", "--date", date, "--out"]).arg(out.path());
                nightly.assert().success();
            }
            let before = Disk::of(out.path());
            let log = exports.path().join("strace.log");
            let mut nightly = traced(&program(), &log);
            nightly
                .args(["nightly", "--quiet", "--keep", "1", "--exports"])
                .arg(exports.path())
                .arg("--out")
                .arg(out.path())
                .env("PRAGATI_REPORT__CRLF", "true")
                .current_dir(exports.path());
            let events = events_of(nightly, &log, out.path());
            Self {
                out,
                before,
                events,
                exports,
            }
        }

        fn path(&self, name: &str) -> String {
            format!("{}/{name}", self.out.path().display())
        }
    }

    #[test]
    fn everything_is_on_the_disk_before_it_is_listed_and_listed_before_the_old_output_goes() {
        if !can_record() {
            return;
        }
        let night = Night::record(12);
        let events = &night.events;
        let staging = night.path(".pragati-staging-");
        let is_manifest = |path: &str| path.starts_with(&staging) && path.ends_with("/manifest.json");
        let is_listed =
            |path: &str| path.starts_with(&staging) && path.matches('/').count() > staging.matches('/').count();
        let day = night.path(&format!("date={DATE}"));
        let exchanged = first(
            events,
            "the exchange",
            |event| matches!(event, Event::Changed(Change::Exchange(one, other)) if one.starts_with(&staging) && *other == day),
        );
        let written = last(&events[..exchanged], "a listed file", |event| {
            changes(event, |path| is_listed(path) && !is_manifest(path))
        });
        let all_waited = first(&events[written..], "a wait for everything", |event| {
            matches!(event, Event::WaitBegun(_, Waited::ForAll))
        }) + written;
        let all_safe = first(&events[all_waited..], "its end", |event| {
            matches!(event, Event::WaitEnded(_, Waited::ForAll))
        }) + all_waited;
        let manifest = first(events, "the manifest", |event| changes(event, is_manifest));
        let manifest_written = last(&events[..exchanged], "the manifest", |event| {
            changes(event, is_manifest)
        });
        let manifest_safe = first(
            events,
            "a wait for the manifest",
            |event| matches!(event, Event::WaitEnded(_, Waited::For(path)) if is_manifest(path)),
        );
        let out = night.path("");
        let published = first(&events[exchanged..], "a wait for the folder", |event| {
            waited_for(event, out.trim_end_matches('/'))
        }) + exchanged;
        let removed = first(
            events,
            "the end of the old output",
            |event| matches!(event, Event::Changed(Change::Remove(path)) if path.starts_with(&staging)),
        );
        let order = [
            written,
            all_waited,
            all_safe,
            manifest,
            manifest_written,
            manifest_safe,
            exchanged,
            published,
            removed,
        ];
        assert!(order.is_sorted(), "{order:?}");

        let hidden = night.path(&format!(".pragati-removing-date={EARLIER_DATE}"));
        let moved = first(
            events,
            "the old day's move",
            |event| matches!(event, Event::Changed(Change::Rename { to, .. }) if *to == hidden),
        );
        let gone = first(&events[moved..], "a wait for the folder", |event| {
            waited_for(event, out.trim_end_matches('/'))
        }) + moved;
        let first_removed = first(
            events,
            "a file of the old day",
            |event| matches!(event, Event::Changed(Change::Remove(path)) if path.starts_with(&hidden)),
        );
        assert!(published < moved && moved < gone && gone < first_removed);
    }

    /// What is known of files by their bytes, which are kept so that no others come to be where they are.
    type Known<T> = HashMap<*const Vec<u8>, (Arc<Vec<u8>>, T)>;

    /// Which of two outputs a reader sees of a day, whole; panics where it is neither.
    struct Reader {
        /// Parsed manifests and hashes, by the content's address.
        manifests: RefCell<Known<Arc<Manifest>>>,
        hashes: RefCell<Known<String>>,
    }

    impl Reader {
        fn new() -> Self {
            Self {
                manifests: RefCell::default(),
                hashes: RefCell::default(),
            }
        }

        /// The manifest of a day all of whose files are as it says; none where readers see no such day.
        fn day(&self, disk: &Remains<'_>, date: &str, when: &str) -> Option<Arc<Vec<u8>>> {
            let day = format!("date={date}");
            let files = disk.files(&day)?;
            let text = files.get("manifest.json").cloned();
            let text = text.unwrap_or_else(|| panic!("{when}: {day} has no manifest"));
            let mut manifests = self.manifests.borrow_mut();
            let (_, manifest) = manifests.entry(Arc::as_ptr(&text)).or_insert_with(|| {
                let manifest = serde_json::from_slice(&text);
                let manifest = manifest.unwrap_or_else(|error| panic!("{when}: the manifest of {day}: {error}"));
                (Arc::clone(&text), Arc::new(manifest))
            });
            for file in &manifest.files {
                let content = files.get(&file.path);
                let content = content.unwrap_or_else(|| panic!("{when}: {day} lacks {}", file.path));
                let mut hashes = self.hashes.borrow_mut();
                let (_, hash) = hashes
                    .entry(Arc::as_ptr(content))
                    .or_insert_with(|| (Arc::clone(content), hash(content)));
                assert_eq!(*hash, file.sha256, "{when}: {day}/{}", file.path);
            }
            Some(text)
        }
    }

    #[test]
    fn a_power_cut_at_any_moment_leaves_each_day_whole() {
        if !can_record() {
            return;
        }
        let night = Night::record(usually(260, 1_500));
        let reader = Reader::new();
        let new = fs::read(night.out.path().join(format!("date={DATE}/manifest.json"))).expect("a manifest");
        let mut disk = night.before.clone();
        let old = reader
            .day(&disk.after(Loss::Nothing), DATE, "before")
            .expect("an old output");
        let (mut cuts, mut is_published, mut is_removed) = (0, false, false);
        let mut saved: Vec<(usize, Disk)> = Vec::new();
        for (number, event) in night.events.iter().enumerate() {
            if !disk.replay(event) {
                continue;
            }
            cuts += 1;
            let some = Loss::Some(number as u64);
            let others = [Loss::Content, Loss::Nothing, some];
            let others = usually(&others[number % 3..][..1], &others[..]);
            for &loss in [Loss::Everything].iter().chain(others) {
                let when = format!("cut {number}, {loss:?}");
                let remains = disk.after(loss);
                let found = reader
                    .day(&remains, DATE, &when)
                    .unwrap_or_else(|| panic!("{when}: no output of {DATE}"));
                assert!(
                    *found == *old || *found == new,
                    "{when}: neither the old nor the new output"
                );
                let earlier = reader.day(&remains, EARLIER_DATE, &when);
                if loss == Loss::Everything {
                    let has_new = *found == new;
                    assert!(has_new || !is_published, "{when}: the new output was there before");
                    assert!(
                        has_new || earlier.is_some(),
                        "{when}: an old day went before the new one was there"
                    );
                    assert!(earlier.is_none() || !is_removed, "{when}: a removed day has come back");
                    let changed = has_new != is_published || earlier.is_none() != is_removed;
                    (is_published, is_removed) = (has_new, earlier.is_none());
                    if changed {
                        saved.push((number, disk.clone()));
                    }
                }
            }
        }
        assert!(cuts >= usually(1_000, 5_000), "{cuts} moments");
        assert!(is_published && is_removed, "what the run said is so");
        assert_eq!(
            saved.len(),
            2,
            "the output is published and the old day removed once each"
        );
        compare_with_disk(&disk, night.out.path());
        saved.push((night.events.len() / 3, replayed(&night, night.events.len() / 3)));
        for (number, disk) in saved {
            goes_on_after(&night, &disk.after(Loss::Some(number as u64)));
        }
    }

    /// The disk before an event.
    fn replayed(night: &Night, number: usize) -> Disk {
        let mut disk = night.before.clone();
        night.events[..number].iter().for_each(|event| _ = disk.replay(event));
        disk
    }

    /// The replay must have had every change.
    fn compare_with_disk(disk: &Disk, out: &Path) {
        let copy = tempfile::tempdir().expect("a folder");
        disk.after(Loss::Nothing).write_to(copy.path());
        assert!(
            files_below(copy.path()) == files_below(out),
            "the record is not complete"
        );
    }

    /// Reads a report from what is left, and runs the night again.
    fn goes_on_after(night: &Night, remains: &Remains<'_>) {
        let out = tempfile::tempdir().expect("a folder");
        remains.write_to(out.path());
        let day = out.path().join(format!("date={DATE}"));
        let manifest: Manifest =
            serde_json::from_slice(&fs::read(day.join("manifest.json")).expect("a file")).expect("JSON");
        let batch = manifest.files.iter().find_map(|file| match &file.content {
            pragati::nightly::manifest::Content::ReportCsv { batch_id, .. } => Some(batch_id.clone()),
            _ => None,
        });
        let mut report = pragati();
        report
            .args(["report", "--quiet", "--batch", &batch.expect("a batch"), "--reports"])
            .arg(out.path());
        report.assert().success();
        let mut nightly = night.exports.command("nightly");
        nightly
            .args(["--quiet", "--keep", "1", "--out"])
            .arg(out.path())
            .env("PRAGATI_REPORT__CRLF", "true");
        nightly.assert().success();
        let reports = |folder: &Path| {
            let tables = [
                "/csv/",
                "/course_progress_report/",
                "/download_ratio/",
                "/download_ratio_by_day/",
            ];
            let files = files_below(folder).into_iter();
            let reports = files.filter(|(path, _)| tables.iter().any(|table| path.contains(table)));
            reports.collect::<BTreeMap<_, _>>()
        };
        assert!(
            reports(out.path()) == reports(night.out.path()),
            "the next run completes it"
        );
    }
}

#[test]
fn a_report_file_is_on_the_disk_before_it_has_its_name() {
    if !can_record() {
        return;
    }
    let exports = TestExports::small();
    let folder = tempfile::tempdir().expect("a folder");
    for format in ReportFormat::ALL.iter().map(|format| format.word()) {
        let place = folder.path().join(format!("report.{format}"));
        fs::write(&place, "old").expect("a file");
        let before = Disk::of(folder.path());
        let log = exports.path().join("strace.log");
        let mut report = traced(&program(), &log);
        report
            .args(["report", "--quiet", "--batch", "b1", "--format", format, "-o"])
            .arg(&place)
            .arg("--exports")
            .arg(exports.path())
            .current_dir(exports.path());
        let events = events_of(report, &log, folder.path());
        let to = place.display().to_string();
        let renamed = first(
            &events,
            "the rename",
            |event| matches!(event, Event::Changed(Change::Rename { to: name, .. }) if *name == to),
        );
        let Event::Changed(Change::Rename { from, .. }) = &events[renamed] else {
            unreachable!()
        };
        let written = last(&events, "a write", |event| {
            matches!(event, Event::Changed(Change::Write { .. }))
        });
        let safe = last(&events, "a wait for the file", |event| waited_for(event, from));
        let named = last(&events, "a wait for the folder", |event| {
            waited_for(event, &folder.path().display().to_string())
        });
        assert!([written, safe, renamed, named].is_sorted(), "{format}");

        let new = fs::read(&place).expect("a file");
        let mut disk = before;
        for (number, event) in events.iter().enumerate() {
            disk.replay(event);
            for loss in [
                Loss::Everything,
                Loss::Content,
                Loss::Nothing,
                Loss::Some(number as u64),
            ] {
                let found = disk.after(loss).file(&format!("report.{format}")).expect("a file");
                assert!(*found == b"old" || *found == new, "{format}, cut {number}, {loss:?}");
            }
        }
        assert_eq!(
            *disk
                .after(Loss::Everything)
                .file(&format!("report.{format}"))
                .expect("a file"),
            new
        );
    }
}

mod service {
    use super::*;

    /// What a service promised at some moment of its record.
    #[derive(Debug, Clone, Default)]
    struct Promised {
        requests: BTreeSet<String>,
    }

    impl Promised {
        /// Takes in the answer to a click, where bytes are one.
        fn hear(&mut self, sent: &[u8]) {
            let text = String::from_utf8_lossy(sent);
            if text.starts_with("HTTP/1.1 202") {
                let id = text.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
                self.requests.insert(id.expect("an id in the same packet").to_owned());
            }
        }
    }

    #[test]
    fn an_accepted_request_and_every_event_survive_a_power_cut_at_any_moment() {
        if !can_record() {
            return;
        }
        let exports = TestExports::small().table("batches", BATCHES);
        let mut served = ServiceProcess::without_mail(exports);
        let before = Disk::of(served.data());
        let log = served.exports.path().join("strace.log");
        let process = served.start_by(traced(&program(), &log));
        let mut asked = Vec::new();
        for number in 0..usually(12, 60) {
            let (batch, person) = (["b1", "b2"][number % 2], format!("dev:person{number},,pragati-admin"));
            let (status, answer) = served.click(&person, batch, "download", "k").expect("an answer");
            assert_eq!(status, 202, "{answer}");
            asked.push((person, answer["id"].as_str().expect("an id").to_owned()));
        }
        for (person, id) in &asked {
            served.wait_for(person, id, "ready");
        }
        served.stop();
        let events = events_in(&log, process, served.data());
        assert_order(&events, served.data());

        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let (mut disk, mut promised) = (before, Promised::default());
        let moments = events.iter().filter(|event| !matches!(event, Event::Sent(_))).count();
        // Opening the database again takes a while.
        let step = usually(moments.div_ceil(120), 1);
        for (number, event) in events.iter().enumerate() {
            if let Event::Sent(bytes) = event {
                promised.hear(bytes);
            }
            let is_answer = matches!(event, Event::Sent(bytes) if bytes.starts_with(b"HTTP/1.1 202"));
            let has_changed = disk.replay(event);
            let is_due = is_answer || (has_changed && number % step == 0);
            if !is_due {
                continue;
            }
            let losses = [
                Loss::Everything,
                Loss::Content,
                Loss::Some(number as u64),
                Loss::Nothing,
            ];
            let loss = losses[number % losses.len()];
            let when = format!("cut {number}, {loss:?}");
            runtime.block_on(check(&disk.after(loss), &promised, &when));
        }
        assert_eq!(promised.requests.len(), asked.len());
        runtime.block_on(check(&disk.after(Loss::Everything), &promised, "the end"));
    }

    /// Starts again from what is left: all requests are there, finished ones with their files, and all events are written.
    async fn check(remains: &Remains<'_>, promised: &Promised, when: &str) {
        let data = folder_in_memory();
        remains.write_to(data.path());
        let store = Store::open(&Database::chosen(None, data.path())).await;
        let store = store.unwrap_or_else(|error| panic!("{when}: {error}"));
        let page = Page {
            before: None,
            limit: 10_000,
        };
        let requests = store
            .requests(None, page)
            .await
            .unwrap_or_else(|error| panic!("{when}: {error}"));
        let known: BTreeSet<String> = requests.iter().map(|request| request.id.to_string()).collect();
        let lost: Vec<_> = promised.requests.difference(&known).collect();
        assert!(lost.is_empty(), "{when}: lost {lost:?}");
        let mut ready = BTreeSet::new();
        for request in &requests {
            let Some(file) = &request.file else { continue };
            let content = fs::read(data.path().join("files").join(&file.path));
            let content = content.unwrap_or_else(|error| panic!("{when}: {}: {error}", file.path));
            assert_eq!(hash(&content), file.sha256, "{when}: {}", file.path);
            if request.status == Status::Ready {
                ready.insert(request.id.to_string());
            }
        }
        let events = data.path().join("events");
        fs::create_dir_all(&events).expect("a folder");
        let location = Location::parse(events.to_str().expect("UTF-8")).expect("a location");
        let mut writer = EventWriter::new(store.clone(), location, Arc::new(Notify::new()));
        // By then, those that the stopped process took are given back.
        let written = writer.flush(Utc::now() + TimeDelta::minutes(2)).await;
        written.unwrap_or_else(|error| panic!("{when}: {error}"));
        let (mut clicks, mut deliveries) = (BTreeSet::new(), BTreeSet::new());
        for (path, content) in files_below(&events)
            .into_iter()
            .filter(|(path, _)| path.ends_with(".ndjson"))
        {
            let text = String::from_utf8(content).unwrap_or_else(|error| panic!("{when}: {path}: {error}"));
            for line in text.lines() {
                let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{when}: {path}: {error}"));
                let found = if event["eid"] == "AUDIT" {
                    &mut deliveries
                } else {
                    &mut clicks
                };
                found.insert(event["mid"].as_str().expect("a mid").to_owned());
            }
        }
        assert_eq!(clicks.len(), requests.len(), "{when}: a click of each request");
        assert_eq!(
            deliveries.len(),
            ready.len(),
            "{when}: a delivery of each finished request"
        );
        store.close().await;
    }

    /// A folder in memory where there is one: the same checks take a fraction of the time.
    fn folder_in_memory() -> TempDir {
        let memory = Path::new("/dev/shm");
        let made = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        made.expect("a folder")
    }

    /// Each step waits for the disk before the next one tells of it.
    fn assert_order(events: &[Event], data: &Path) {
        let place = |name: &str| data.join(name).display().to_string();
        let log = place("requests.sqlite-wal");
        let answers: Vec<usize> = (0..events.len())
            .filter(|&number| matches!(&events[number], Event::Sent(bytes) if bytes.starts_with(b"HTTP/1.1 202")))
            .collect();
        assert!(!answers.is_empty());
        for answer in answers {
            let mut promised = Promised::default();
            if let Event::Sent(bytes) = &events[answer] {
                promised.hear(bytes);
            }
            let id = promised.requests.first().expect("an id").as_bytes();
            let stored = first(events, "the request in the database's log", |event| {
                matches!(event, Event::Changed(Change::Write { path, bytes, .. })
                    if *path == log && memchr::memmem::find(bytes, id).is_some())
            });
            let safe = first(&events[stored..], "a wait for the log", |event| waited_for(event, &log)) + stored;
            assert!(stored < safe && safe < answer);
        }
        for (folder, ending) in [("events", ".ndjson"), ("files", ".csv")] {
            let folder = place(folder);
            let renames: Vec<usize> = (0..events.len())
                .filter(|&number| {
                    matches!(&events[number], Event::Changed(Change::Rename { to, .. })
                        if to.starts_with(&folder) && to.ends_with(ending))
                })
                .collect();
            assert!(!renames.is_empty(), "{folder}");
            for renamed in renames {
                let Event::Changed(Change::Rename { from, to }) = &events[renamed] else {
                    unreachable!()
                };
                let written = last(
                    &events[..renamed],
                    "a write",
                    |event| matches!(event, Event::Changed(Change::Write { path, .. }) if path == from),
                );
                let safe = last(&events[..renamed], "a wait for the file", |event| {
                    waited_for(event, from)
                });
                assert!(written < safe, "{to}");
                let above = Path::new(to).parent().expect("a folder").display().to_string();
                first(&events[renamed..], "a wait for the folder", |event| {
                    waited_for(event, &above)
                });
            }
        }
    }
}

/// In hexadecimal.
fn hash(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
