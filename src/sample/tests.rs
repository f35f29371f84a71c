//! Tests of whole samples: they are written to a folder, read back and compared with what the module's documentation
//! says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::{Int32Type, TimestampMillisecondType};
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::*;

/// The size of the committed sample.
pub(super) fn options() -> SampleOptions {
    SampleOptions {
        users: 300,
        enrolments: 1500,
        batches: 12,
        days: 2,
        telemetry: 0,
        seed: 7,
        last_date: NaiveDate::from_ymd_opt(2026, 11, 22).unwrap(),
    }
}

/// A column of text.
pub(super) fn text(batch: &RecordBatch, column: &str) -> Vec<Option<String>> {
    let column = batch.column_by_name(column).unwrap().as_string::<i32>();
    column.iter().map(|value| value.map(str::to_string)).collect()
}

fn times(batch: &RecordBatch, column: &str) -> Vec<Option<i64>> {
    batch
        .column_by_name(column)
        .unwrap()
        .as_primitive::<TimestampMillisecondType>()
        .iter()
        .collect()
}

fn sample(options: &SampleOptions) -> (tempfile::TempDir, SampleSummary) {
    let out = tempfile::tempdir().unwrap();
    let summary = generate(options, out.path(), &mut |_| {}).unwrap();
    (out, summary)
}

fn read(out: &Path, table: &str, date: NaiveDate) -> RecordBatch {
    let file = File::open(day_folder(out, table, date).join("part-00000.parquet")).unwrap();
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<RecordBatch> = builder.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

/// The table on the first and on the last day.
fn both_days(out: &Path, table: &str) -> [RecordBatch; 2] {
    let last = options().last_date;
    [read(out, table, last.pred_opt().unwrap()), read(out, table, last)]
}

type Key = (Option<String>, Option<String>);

fn keys(batch: &RecordBatch) -> Vec<Key> {
    text(batch, "user_id")
        .into_iter()
        .zip(text(batch, "batch_id"))
        .collect()
}

fn different<T: Ord>(values: Vec<T>) -> BTreeSet<T> {
    values.into_iter().collect()
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(
                    path.strip_prefix(folder).unwrap().to_path_buf(),
                    fs::read(&path).unwrap(),
                );
            }
        }
    }
    found
}

#[test]
fn the_same_options_give_the_same_bytes() {
    let (first, _) = sample(&options());
    let (second, _) = sample(&options());
    let (other, _) = sample(&SampleOptions { seed: 8, ..options() });
    assert!(files(first.path()) == files(second.path()));
    assert!(files(first.path()) != files(other.path()));
}

#[test]
fn a_small_sample_is_small_and_complete() {
    let (out, summary) = sample(&options());
    assert_eq!((summary.users, summary.enrolments, summary.batches), (300, 1500, 12));
    assert!(summary.largest_batch >= 150);
    let files = files(out.path());
    assert_eq!(files.keys().filter(|path| path.ends_with("_SUCCESS")).count(), 14);
    assert_eq!(files.len(), 28);
    assert!(files.values().map(Vec::len).sum::<usize>() < 1_000_000);
}

#[test]
fn days_are_told_in_order() {
    let out = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    let summary = generate(&options(), out.path(), &mut |day| told.push(day)).unwrap();
    assert_eq!(told, summary.days);
    assert_eq!(told.last(), Some(&options().last_date));
}

#[test]
fn only_the_deliberate_enrolments_are_there_twice() {
    let (out, _) = sample(&options());
    let [_, enrolments] = both_days(out.path(), ENROLMENTS);
    let keys = keys(&enrolments);
    assert_eq!(keys.len() - different(keys).len(), 2);
}

#[test]
fn some_batch_is_empty_and_all_batches_are_known() {
    let (out, _) = sample(&options());
    let [_, batches] = both_days(out.path(), BATCHES);
    let [_, enrolments] = both_days(out.path(), ENROLMENTS);
    let known = different(text(&batches, "batch_id"));
    let joined = different(text(&enrolments, "batch_id"));
    assert!(joined.is_subset(&known));
    assert!(joined.len() < known.len());
}

#[test]
fn courses_and_tenants_of_batches_have_names() {
    let (out, _) = sample(&options());
    let [_, batches] = both_days(out.path(), BATCHES);
    let column = |table: &str, name: &str| different(text(&read(out.path(), table, options().last_date), name));
    assert_eq!(column(COURSES, "course_id"), different(text(&batches, "course_id")));
    assert!(different(text(&batches, "tenant_id")).is_subset(&column(TENANTS, "tenant_id")));
    assert!(column(COURSES, "course_name").contains(&Some("Child Rights & Safety".to_owned())));
    assert!(column(TENANTS, "tenant_name").contains(&Some("Tamil Nadu".to_owned())));
}

#[test]
fn the_second_day_continues_the_first() {
    let (out, _) = sample(&options());
    for table in [USERS, ENROLMENTS] {
        let [first, last] = both_days(out.path(), table);
        assert!(first.num_rows() < last.num_rows(), "{table}");
    }
    let [first, last] = both_days(out.path(), USERS);
    assert_eq!(first, last.slice(0, first.num_rows()));
    let [first, last] = both_days(out.path(), ENROLMENTS);
    assert!(different(keys(&first)).is_subset(&different(keys(&last))));
}

#[test]
fn progress_never_falls() {
    let (out, _) = sample(&options());
    let [first, last] = both_days(out.path(), COURSE_PROGRESS).map(|progress| {
        let percent = progress
            .column_by_name("progress_percent")
            .unwrap()
            .as_primitive::<Int32Type>()
            .clone();
        let mut highest = BTreeMap::new();
        for (key, percent) in keys(&progress).into_iter().zip(percent.iter()) {
            let highest = highest.entry(key).or_insert(percent);
            *highest = percent.max(*highest);
        }
        highest
    });
    assert!(first.iter().all(|(key, percent)| percent <= &last[key]));
    assert!(first.iter().any(|(key, percent)| percent < &last[key]));
    assert!(last.values().flatten().all(|percent| (0..=100).contains(percent)));
}

#[test]
fn nothing_is_later_than_its_day() {
    let (out, _) = sample(&options());
    let end = plan::end_of(options().last_date);
    for (table, column) in [
        (ENROLMENTS, "enrolled_at"),
        (COURSE_PROGRESS, "completed_at"),
        (DOWNLOAD_EVENTS, "event_time"),
    ] {
        let [first, last] = both_days(out.path(), table);
        assert!(
            times(&first, column)
                .into_iter()
                .flatten()
                .all(|time| time < end - plan::DAY),
            "{table}"
        );
        assert!(
            times(&last, column).into_iter().flatten().all(|time| time < end),
            "{table}"
        );
    }
}

#[test]
fn shares_are_as_promised() {
    let (out, _) = sample(&options());
    let [_, enrolments] = both_days(out.path(), ENROLMENTS);
    let [_, progress] = both_days(out.path(), COURSE_PROGRESS);
    let share = |part: usize, whole: usize| part as f64 / whole as f64;
    let active = enrolments.column_by_name("active").unwrap().as_boolean().true_count();
    assert!((0.94..0.99).contains(&share(active, enrolments.num_rows())));
    assert!((0.80..0.90).contains(&share(progress.num_rows(), enrolments.num_rows())));
    let done = times(&progress, "completed_at").into_iter().flatten().count();
    assert!((0.33..0.47).contains(&share(done, progress.num_rows())));
    assert!(progress.column_by_name("progress_percent").unwrap().null_count() > 0);
}

/// Even the smallest sample that promises them has each of the deliberate mistakes.
#[test]
fn every_mistake_is_there() {
    let (out, _) = sample(&SampleOptions {
        enrolments: 500,
        ..options()
    });
    let [_, users] = both_days(out.path(), USERS);
    let [_, enrolments] = both_days(out.path(), ENROLMENTS);
    let [_, progress] = both_days(out.path(), COURSE_PROGRESS);
    let known = different(text(&users, "user_id"));
    assert!(text(&enrolments, "user_id").iter().any(|user| !known.contains(user)));

    let enrolled: BTreeMap<Key, Option<i64>> = keys(&enrolments)
        .into_iter()
        .zip(times(&enrolments, "enrolled_at"))
        .collect();
    assert!(enrolled.len() < enrolments.num_rows());
    assert!(different(keys(&progress)).len() < progress.num_rows());
    assert!(keys(&progress).iter().any(|key| !enrolled.contains_key(key)));
    let too_early = keys(&progress)
        .into_iter()
        .zip(times(&progress, "completed_at"))
        .any(|(key, completed)| {
            completed.is_some() && enrolled.get(&key).is_some_and(|enrolled| completed < *enrolled)
        });
    assert!(too_early);
}

#[test]
fn events_of_a_day_are_different_and_some_come_again() {
    let (out, summary) = sample(&options());
    let [first, last] = both_days(out.path(), DOWNLOAD_EVENTS);
    assert_eq!(last.num_rows() as u64, summary.download_events);
    let [first, last] = [first, last].map(|events| {
        let mids = different(text(&events, "mid"));
        assert_eq!(mids.len(), events.num_rows());
        mids
    });
    assert!(!first.is_disjoint(&last));
    assert!(first.len() > last.len());
}

#[test]
fn an_export_that_is_there_is_never_touched() {
    let (out, _) = sample(&options());
    let before = files(out.path());
    let again = SampleOptions { days: 3, ..options() };
    let error = generate(&again, out.path(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, SampleError::Exists { .. }));
    assert!(
        error
            .to_string()
            .contains("date=2026-11-21 is already there; remove it"),
        "{error}"
    );
    assert!(files(out.path()) == before);
}

#[test]
fn the_smallest_samples_work() {
    for (users, enrolments, batches, days) in [(1, 0, 1, 1), (1, 1, 1, 1), (2, 1, 2, 3), (50, 40, 1, 1)] {
        let (_out, summary) = sample(&SampleOptions {
            users,
            enrolments,
            batches,
            days,
            ..options()
        });
        assert_eq!(summary.enrolments, enrolments as u64);
        assert_eq!(summary.days.len(), days);
    }
}
