//! Random histories of days: what an incremental night publishes is what a full one does, byte for byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Days, NaiveDate};
use pragati::catalog::Catalog;
use pragati::config::Config;
use pragati::nightly::manifest::{Manifest, Timings};
use pragati::nightly::{self, Progress};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::exports::{Change, Day, any_change};
use crate::prepared::{copy_folder, prepared};
use crate::support::{files_below, tests_made};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));

struct Silent;

impl Progress for Silent {
    fn stage(&self, _name: &'static str) {}
    fn batches(&self, _more: u64) {}
    fn batches_written(&self, _more: u64) {}
}

fn run(config: &Config, out: &Path) -> Manifest {
    let run = async {
        let catalog = Catalog::open(config).await.expect("a snapshot");
        let out = out.display().to_string();
        nightly::run(&catalog, config, &out, Arc::new(Silent))
            .await
            .expect("a night")
    };
    RUNTIME.block_on(run).manifest
}

/// The files of a day but the manifest, and the manifest without what differs from run to run.
fn published(day: &Path, manifest: Manifest) -> (BTreeMap<String, Vec<u8>>, Manifest) {
    let files = files_below(day)
        .into_iter()
        .filter(|(path, _)| path != "manifest.json")
        .collect();
    let timings = Timings {
        started_at: DateTime::UNIX_EPOCH,
        finished_at: DateTime::UNIX_EPOCH,
        seconds: 0.0,
    };
    let manifest = Manifest {
        timings,
        taken_over: None,
        ..manifest
    };
    (files, manifest)
}

/// Where the exports of a history and its output are.
fn places(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("exports"), folder.join("out"))
}

/// Begins a history with the exports of the first day and the output of its night, which are the same in all of them.
fn begin(history: &Path, date: NaiveDate) {
    let make = |folder: &Path| {
        let ((exports, out), day) = (places(folder), Day::first());
        day.write(&exports, date);
        run(&day.config(&exports), &out);
        true
    };
    let copied = prepared("first-day-of-histories", &tests_made(), make, |folder| {
        copy_folder(folder, history);
    });
    copied.expect("a first day");
}

/// Runs a night for each day; the last one incrementally, and then as a full one.
fn compare(history: &[Vec<Change>]) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().expect("a folder");
    let (exports, out) = places(folder.path());
    let mut date = NaiveDate::from_ymd_opt(2026, 11, 1).expect("a day");
    let mut day = Day::first();
    begin(folder.path(), date);
    for (number, changes) in history.iter().enumerate() {
        date = date + Days::new(1);
        let before = day.clone();
        day = changes.iter().fold(day, Day::with);
        day.write(&exports, date);
        let mut config = day.config(&exports);
        config.nightly.verify = changes.len() % 2 == 0;
        let made = run(&config, &out);
        let place = out.join(format!("date={date}"));
        let taken = made.taken_over;
        let incremental = published(&place, made);
        if before == day {
            let reports = incremental.0.keys().filter(|path| path.starts_with("csv/")).count() as u64;
            prop_assert!(
                taken.is_some_and(|taken| taken.files > reports),
                "{taken:?} of {reports}"
            );
        }
        if number + 1 == history.len() {
            config.nightly.full = true;
            let made = run(&config, &out);
            prop_assert_eq!(made.taken_over, None);
            let full = published(&place, made);
            prop_assert_eq!(
                incremental.0.keys().collect::<Vec<_>>(),
                full.0.keys().collect::<Vec<_>>()
            );
            for (path, bytes) in &full.0 {
                prop_assert!(&incremental.0[path] == bytes, "{path} differs");
            }
            prop_assert_eq!(incremental.1, full.1);
        }
    }
    Ok(())
}

/// Days of few changes, or of none.
fn some_days() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(any_change(), 0..5), 1..4)
}

/// Each a test of its own, so that they run at the same time.
macro_rules! histories {
    ($($name:ident)+) => {
        $(
            proptest! {
                #![proptest_config(ProptestConfig::with_cases(crate::support::usually(12, 100)))]
                #[test]
                fn $name(history in some_days()) {
                    compare(&history)?;
                }
            }
        )+
    };
}

histories! {
    incremental_nights_publish_what_full_nights_do
    incremental_nights_publish_what_full_nights_do_in_other_histories
    incremental_nights_publish_what_full_nights_do_in_further_histories
    incremental_nights_publish_what_full_nights_do_in_the_last_histories
}
