//! The ratio tables of the nightly output: their files, revisions, and what is carried over from night to night.

use std::fs;
use std::path::{Path, PathBuf};

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use futures::TryStreamExt;
use pragati::config::DateChoice;
use pragati::exports::Location;
use pragati::nightly::manifest::Manifest;
use pragati::nightly::{Published, RatioFilter, RatioTable};
use pragati::ratio::Level;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::prepared::{copy_folder, prepared};
use crate::ratio::clicks;
use crate::support::{
    DATE, TestExports, batches, csv_columns, files_below, program_made, query_parquet, rewrite_parquet, tests_made,
};

const DAYS: [&str; 3] = ["2026-11-20", "2026-11-21", "2026-11-22"];

/// Snapshots of three days, and their output.
pub struct Nights {
    exports: TestExports,
    out: TempDir,
    settings: String,
    /// Further arguments of each run.
    arguments: &'static [&'static str],
}

impl Nights {
    fn new() -> Self {
        let exports = DAYS.into_iter().fold(TestExports::empty(), TestExports::small_on);
        Self {
            exports,
            out: tempfile::tempdir().expect("a folder"),
            settings: "[ratio]\nrevise_days = 2\n".to_owned(),
            arguments: &[],
        }
    }

    /// With clicks on batch b1 that arrive on a day: mid and time.
    fn arriving(mut self, day: &str, rows: &[(&str, &str)]) -> Self {
        let rows = rows
            .iter()
            .map(|(mid, time)| format!("('{mid}', '{time}', 'c1', 'b1', 't1')"));
        let rows = rows.collect::<Vec<_>>().join(", ");
        self.exports = self.exports.table_on("download_events", day, &clicks(&rows));
        self
    }

    /// Runs the night and gives what it said on standard error.
    fn run(&self, day: &str) -> String {
        self.run_into(self.out.path(), day)
    }

    /// The same with another folder of output.
    fn run_into(&self, out: &Path, day: &str) -> String {
        let config = self.exports.config(&self.settings);
        let mut nightly = self.exports.command("nightly");
        nightly
            .args(["--config", &config, "--date", day, "--out"])
            .arg(out)
            .args(self.arguments);
        let output = nightly.output().expect("a run");
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{complaint}");
        complaint
    }

    pub fn day(&self, day: &str) -> PathBuf {
        self.out.path().join(format!("date={day}"))
    }

    /// Day, downloads, revision and as_of of a level's rows in a night's output.
    pub fn by_day(&self, night: &str, level: &str) -> String {
        let csv = fs::read_to_string(self.day(night).join("download_ratio_by_day/download_ratio_by_day.csv"))
            .expect("a file");
        let rows = csv_columns(&csv, &["level", "window_end", "downloads", "revision", "as_of"]);
        let prefix = format!("{level},");
        rows.lines()
            .filter_map(|line| line.strip_prefix(&prefix))
            .map(|line| format!("{line}\n"))
            .collect()
    }
}

/// Clicks come late, and the first ones are gone on the last night. Each run has these arguments. The output is a copy of
/// one that tests share.
pub fn late_clicks(arguments: &'static [&'static str]) -> Nights {
    let mut nights = Nights::new()
        .arriving(
            "2026-11-20",
            &[("m1", "2026-11-18T10:00:00"), ("m2", "2026-11-20T10:00:00")],
        )
        .arriving(
            "2026-11-21",
            &[("m3", "2026-11-20T11:00:00"), ("m4", "2026-11-18T11:00:00")],
        )
        .arriving("2026-11-22", &[("m5", "2026-11-22T10:00:00")]);
    nights.arguments = arguments;
    let first_clicks = nights.exports.path().join("download_events/date=2026-11-20");
    let make = |folder: &Path| {
        nights.run_into(folder, "2026-11-20");
        nights.run_into(folder, "2026-11-21");
        fs::remove_dir_all(&first_clicks).expect("removed");
        nights.run_into(folder, "2026-11-22");
        true
    };
    let name = format!("late-clicks{}", arguments.concat());
    let made_from = [program_made(), tests_made()].concat();
    let copied = prepared(&name, &made_from, make, |folder| {
        copy_folder(folder, nights.out.path());
    });
    copied.expect("nights");
    if first_clicks.exists() {
        fs::remove_dir_all(&first_clicks).expect("removed");
    }
    nights
}

#[test]
fn late_clicks_revise_days_within_the_trailing_window_and_older_days_are_carried() {
    let nights = late_clicks(&[]);
    insta::assert_snapshot!(nights.by_day("2026-11-20", "all"), @r"
    2026-11-18,1,1,2026-11-20
    2026-11-19,0,1,2026-11-20
    2026-11-20,1,1,2026-11-20
    ");
    insta::assert_snapshot!(nights.by_day("2026-11-21", "all"), @r"
    2026-11-18,1,1,2026-11-20
    2026-11-19,0,1,2026-11-20
    2026-11-20,2,2,2026-11-21
    2026-11-21,0,1,2026-11-21
    ");
    insta::assert_snapshot!(nights.by_day("2026-11-22", "all"), @r"
    2026-11-18,1,1,2026-11-20
    2026-11-19,0,1,2026-11-20
    2026-11-20,2,2,2026-11-21
    2026-11-21,0,1,2026-11-22
    2026-11-22,1,1,2026-11-22
    ");
    for level in ["course", "tenant", "tenant_course"] {
        insta::allow_duplicates! {
            insta::assert_snapshot!(nights.by_day("2026-11-22", level), @r"
            2026-11-18,1,1,2026-11-20
            2026-11-20,2,2,2026-11-21
            2026-11-22,1,1,2026-11-22
            ");
        }
    }
}

#[test]
fn the_same_night_again_changes_nothing() {
    let nights = late_clicks(&[]);
    for day in ["2026-11-22", "2026-11-22"] {
        let before = ratio_files(&nights.day(day));
        nights.run(day);
        assert_eq!(ratio_files(&nights.day(day)), before, "{day}");
        assert_eq!(before.len(), 4);
    }
}

#[test]
fn the_same_night_with_other_clicks_revises_its_windows() {
    let nights = Nights::new().arriving(DATE, &[("m1", "2026-11-22T10:00:00")]);
    nights.run(DATE);
    let nights = nights.arriving(DATE, &[("m1", "2026-11-22T10:00:00"), ("m2", "2026-11-22T11:00:00")]);
    nights.run(DATE);
    let csv = fs::read_to_string(nights.day(DATE).join("download_ratio/download_ratio.csv")).expect("a file");
    let rows = csv_columns(
        &csv,
        &[
            "level",
            "course_id",
            "tenant_id",
            "time_window",
            "downloads",
            "requests",
            "revision",
        ],
    );
    let rows: Vec<&str> = rows
        .lines()
        .filter(|line| line.contains(",1d,") || line.contains(",all,,"))
        .collect();
    insta::assert_snapshot!(rows.join("\n"), @r"
    all,,,1d,2,2,2
    course,c1,,1d,2,2,2
    tenant,,t1,1d,2,2,2
    tenant,,t2,1d,0,0,1
    tenant_course,c1,t1,1d,2,2,2
    tenant_course,c1,t2,1d,0,0,1
    ");
}

#[test]
fn a_published_row_that_disappears_becomes_zero() {
    let nights = Nights::new().arriving("2026-11-21", &[("m1", "2026-11-21T10:00:00")]);
    nights.run("2026-11-21");
    // The click's batch is another tenant's now.
    let mut nights = nights.arriving(DATE, &[("m2", "2026-11-22T10:00:00")]);
    nights.exports = nights
        .exports
        .table("batches", &batches("('b1', 'c1', 't3'), ('b2', 'c1', 't2')"));
    for _run in 0..2 {
        nights.run(DATE);
        let csv = nights.day(DATE).join("download_ratio_by_day/download_ratio_by_day.csv");
        let csv = csv_columns(
            &fs::read_to_string(csv).expect("a file"),
            &["level", "tenant_id", "window_end", "downloads", "batches", "revision"],
        );
        let rows: Vec<&str> = csv.lines().filter(|line| line.starts_with("tenant,")).collect();
        insta::allow_duplicates! {
            insta::assert_snapshot!(rows.join("\n"), @r"
            tenant,t1,2026-11-21,0,0,2
            tenant,t3,2026-11-21,1,1,1
            tenant,t3,2026-11-22,1,1,1
            ");
        }
    }
}

#[test]
fn days_of_missed_nights_are_computed_later() {
    let mut nights = Nights::new()
        .arriving("2026-11-20", &[("m1", "2026-11-20T10:00:00")])
        .arriving(
            "2026-11-22",
            &[("m2", "2026-11-21T10:00:00"), ("m3", "2026-11-20T10:00:00")],
        );
    nights.settings = "[ratio]\nrevise_days = 1\n".to_owned();
    nights.run("2026-11-20");
    nights.run("2026-11-22");
    insta::assert_snapshot!(nights.by_day(DATE, "all"), @r"
    2026-11-20,1,1,2026-11-20
    2026-11-21,1,1,2026-11-22
    2026-11-22,0,1,2026-11-22
    ");
}

#[test]
fn damaged_output_is_skipped_with_a_warning() {
    let nights = late_clicks(&[]);
    let file = nights
        .day("2026-11-21")
        .join("download_ratio_by_day/part-00000.parquet");
    let whole = fs::read(&file).expect("a file");
    fs::remove_dir_all(nights.day("2026-11-22")).expect("removed");
    // One bit; too short; missing. The night before that is sound.
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    for damaged in [Some(&flipped[..]), Some(&whole[..100]), None] {
        match damaged {
            Some(bytes) => fs::write(&file, bytes).expect("written"),
            None => fs::remove_file(&file).expect("removed"),
        }
        let said = nights.run("2026-11-22");
        assert!(said.contains("WARN") && said.contains("2026-11-21"), "{said}");
        // The 20th is carried from its own night, which knew of one click.
        insta::allow_duplicates! {
            insta::assert_snapshot!(nights.by_day("2026-11-22", "all"), @r"
            2026-11-18,1,1,2026-11-20
            2026-11-19,0,1,2026-11-20
            2026-11-20,1,1,2026-11-20
            2026-11-21,0,1,2026-11-22
            2026-11-22,1,1,2026-11-22
            ");
        }
        fs::remove_dir_all(nights.day("2026-11-22")).expect("removed");
    }
}

#[test]
fn output_of_an_earlier_pragati_or_another_zone_is_not_carried() {
    let mut nights = late_clicks(&[]);
    fs::remove_dir_all(nights.day("2026-11-22")).expect("removed");
    let place = nights.day("2026-11-21").join("manifest.json");
    let listed = fs::read_to_string(&place).expect("a manifest");
    let mut manifest: Manifest = serde_json::from_str(&listed).expect("its form");
    manifest
        .files
        .retain(|file| !file.path.contains("by_day") && !file.path.ends_with("download_ratio.csv"));
    fs::write(&place, serde_json::to_vec(&manifest).expect("JSON")).expect("written");
    nights.run("2026-11-22");
    // As if for the first time; m1 and m2 are gone.
    let anew = "2026-11-18,1,1,2026-11-22\n2026-11-19,0,1,2026-11-22\n2026-11-20,1,1,2026-11-22\n\
                2026-11-21,0,1,2026-11-22\n2026-11-22,1,1,2026-11-22\n";
    assert_eq!(nights.by_day("2026-11-22", "all"), anew);

    nights.settings = format!("timezone = 'UTC'\n{}", nights.settings);
    let said = nights.run("2026-11-22");
    assert!(said.contains("Asia/Kolkata"), "{said}");
    assert_eq!(nights.by_day("2026-11-22", "all"), anew);
}

/// Makes a night's output one of a version that did not count what subscriptions send.
fn without_sendings(day: &Path) {
    let place = day.join("manifest.json");
    let listed = fs::read_to_string(&place).expect("a manifest");
    let mut manifest: Manifest = serde_json::from_str(&listed).expect("its form");
    let tables = |path: &str| path.starts_with("download_ratio") && path.ends_with(".parquet");
    for entry in manifest.files.iter_mut().filter(|entry| tables(&entry.path)) {
        let file = day.join(&entry.path);
        rewrite_parquet(&file, "select * except (sent_by_subscription) from rows");
        let bytes = fs::read(&file).expect("a file");
        entry.bytes = bytes.len() as u64;
        entry.sha256 = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
    }
    fs::write(&place, serde_json::to_vec(&manifest).expect("JSON")).expect("written");
}

#[test]
fn an_output_without_sendings_is_read_and_carried_over() {
    let mut nights = late_clicks(&[]);
    let without = nights.by_day("2026-11-22", "all");
    fs::remove_dir_all(nights.day("2026-11-22")).expect("removed");
    without_sendings(&nights.day("2026-11-21"));
    // From now on there are events, of which one is a sending, of the 21st: a day of the trailing window.
    let events = nights.exports.path().join("events");
    let day = events.join("date=2026-11-21");
    fs::create_dir_all(&day).expect("a folder");
    // 10:00 in Kolkata.
    let sending = r#"{"eid":"AUDIT","ets":1795235400000,"ver":"3.0","mid":"d1","actor":{"id":"u1","type":"User"},"context":{"channel":"t1","pdata":{"id":"pragati","ver":"1"},"env":"x","cdata":[{"type":"Batch","id":"b1"},{"type":"Request","id":"r1"}]},"object":{"id":"c1","type":"Course"},"edata":{"id":"report-sent-by-subscription"}}"#;
    fs::write(day.join("events-1.ndjson"), format!("{sending}\n")).expect("a file");
    nights.settings = format!("events = '{}'\n{}", events.display(), nights.settings);
    nights.run("2026-11-22");
    let by_day = nights
        .day("2026-11-22")
        .join("download_ratio_by_day/download_ratio_by_day.csv");
    let csv = fs::read_to_string(by_day).expect("a file");
    let rows = csv_columns(&csv, &["level", "window_end", "delivered", "sent_by_subscription"]);
    let rows: Vec<&str> = rows.lines().filter(|line| line.starts_with("all,")).collect();
    // What was carried over knows of none; what was computed has counted them.
    insta::assert_snapshot!(rows.join("\n"), @r"
    all,2026-11-18,,
    all,2026-11-19,,
    all,2026-11-20,,
    all,2026-11-21,0,1
    all,2026-11-22,0,0
    ");
    let downloads = |by_day: &str| -> Vec<String> {
        let rows = by_day
            .lines()
            .map(|line| line.split(',').take(2).collect::<Vec<_>>().join(","));
        rows.collect()
    };
    assert_eq!(downloads(&nights.by_day("2026-11-22", "all")), downloads(&without));
}

#[test]
fn the_csv_holds_what_the_parquet_file_does() {
    let exports = TestExports::sample(500, 3_000, 20, 3);
    let (_out, day) = exports.nightly(&[]);
    for table in ["download_ratio", "download_ratio_by_day"] {
        let csv = fs::read_to_string(day.join(table).join(format!("{table}.csv"))).expect("a file");
        assert!(csv.starts_with("\u{feff}level,course_id,"), "{csv}");
        let parquet = day.join(table).join("part-00000.parquet");
        let sums = "count(*), sum(downloads), sum(batches), sum(requests), sum(batches_downloaded), max(window_end)";
        let drawn = query_parquet(&parquet, &format!("select {sums} from files"));
        let numbers: Vec<i64> = csv_columns(&csv, &["downloads", "batches", "requests", "batches_downloaded"])
            .lines()
            .flat_map(|line| {
                line.split(',')
                    .map(|cell| cell.parse().expect("a number"))
                    .collect::<Vec<i64>>()
            })
            .collect();
        let sum = |column| numbers.iter().skip(column).step_by(4).sum::<i64>();
        let found = [numbers.len() as i64 / 4, sum(0), sum(1), sum(2), sum(3)];
        let cells: Vec<&str> = drawn.lines().nth(3).expect("a row").split('|').map(str::trim).collect();
        assert_eq!(cells[1..6], found.map(|number| number.to_string()), "{table}");
    }
}

#[test]
fn csv_cells_that_a_spreadsheet_would_run_get_an_apostrophe() {
    let exports = TestExports::small().table("batches", &batches("('b1', '=1+1', '@t')"));
    let (_out, day) = exports.nightly(&[]);
    let csv = fs::read_to_string(day.join("download_ratio/download_ratio.csv")).expect("a file");
    assert!(csv.contains("\ncourse,'=1+1,,all,"), "{csv}");
    assert!(csv.contains("\ntenant_course,'=1+1,'@t,all,"), "{csv}");
    let plain = exports.config("report.bom = false\nreport.formula_escape = false\nreport.crlf = true");
    let (_out, day) = exports.nightly(&["--config", &plain]);
    let csv = fs::read_to_string(day.join("download_ratio/download_ratio.csv")).expect("a file");
    assert!(
        csv.starts_with("level,") && csv.contains("\r\ncourse,=1+1,,all,"),
        "{csv}"
    );
}

#[test]
fn the_ratio_by_day_is_what_the_command_shows() {
    let exports = TestExports::sample(500, 3_000, 20, 40);
    let (_out, day) = exports.nightly(&[]);
    let shown = exports.path().join("shown.parquet");
    let place = shown.to_str().expect("UTF-8");
    exports.output("ratio", &["--by", "day", "--format", "parquet", "-o", place]);
    // The nightly table begins a trailing window before the snapshot at the latest.
    let query =
        "select level, course_id, tenant_id, time_window, downloads, batches, download_ratio, batches_downloaded,
            coverage, requests, delivered, window_start, window_end, as_of
        from files where level <> 'all' or downloads > 0 order by level, course_id, tenant_id, window_end";
    let written = query_parquet(&day.join("download_ratio_by_day/part-00000.parquet"), query);
    assert_eq!(written, query_parquet(&shown, query));
    assert!(written.lines().count() > 50, "{written}");
}

#[test]
fn rows_are_in_the_order_of_the_command() {
    let exports = TestExports::sample(500, 3_000, 20, 40);
    let (_out, day) = exports.nightly(&[]);
    let columns = ["level", "course_id", "tenant_id", "time_window", "window_end"];
    let written = |table: &str| {
        let csv = fs::read_to_string(day.join(table).join(format!("{table}.csv"))).expect("a file");
        csv_columns(&csv, &columns)
    };
    let shown = |arguments: &[&str]| {
        let arguments = [arguments, &["--format", "csv"]].concat();
        csv_columns(&exports.output("ratio", &arguments), &columns)
    };
    let windows = written("download_ratio");
    for window in ["all", "1d", "7d", "30d"] {
        let of_window = windows.lines().filter(|line| line.split(',').nth(3) == Some(window));
        let of_window: String = of_window.map(|line| format!("{line}\n")).collect();
        assert_eq!(of_window, shown(&["--window", window]), "{window}");
    }
    let mut levels: Vec<&str> = windows.lines().filter_map(|line| line.split(',').next()).collect();
    levels.dedup();
    assert_eq!(levels, ["all", "course", "tenant", "tenant_course"]);
    // Of all courses, the nightly table has days before the first click too.
    let of_some = |rows: String| {
        let rows = rows.lines().filter(|line| !line.starts_with("all,"));
        rows.map(str::to_owned).collect::<Vec<_>>()
    };
    let days = of_some(written("download_ratio_by_day"));
    assert_eq!(days, of_some(shown(&["--by", "day"])));
    assert!(days.len() > 50, "{days:?}");
}

#[tokio::test]
async fn one_course_or_tenant_is_read_alone() {
    let exports = TestExports::sample(2_000, 12_000, 400, 20);
    let (out, _day) = tokio::task::spawn_blocking(move || exports.nightly(&[]))
        .await
        .expect("a run");
    let reports = Location::parse(out.path().to_str().expect("UTF-8")).expect("a folder");
    let published = Published::open(reports, DateChoice::Latest).await.expect("an output");
    let all: Vec<_> = published
        .ratio_rows(RatioTable::ByDay)
        .await
        .expect("rows")
        .try_collect()
        .await
        .expect("read");
    let rows: usize = all.iter().map(|rows| rows.num_rows()).sum();
    let listed = published.ratio_entry(RatioTable::ByDay).expect("listed").rows;
    assert_eq!(rows as u64, listed);
    let mut seen = 0;
    for level in [Level::All, Level::Tenant, Level::Course, Level::TenantCourse] {
        let filter = RatioFilter {
            level: Some(level),
            ..RatioFilter::default()
        };
        let found: Vec<_> = published
            .ratio_rows_where(RatioTable::ByDay, &filter)
            .await
            .expect("rows")
            .try_collect()
            .await
            .expect("read");
        for rows in &found {
            let levels = rows.column_by_name("level").expect("the column").as_string_view();
            assert!(levels.iter().all(|found| found == Some(level.name())));
            seen += rows.num_rows();
        }
    }
    assert_eq!(seen, rows);
    // Of a course within a tenant, the sums that a look at all rows gives.
    let column = |rows: &datafusion::arrow::array::RecordBatch, name: &str, row: usize| {
        let cells = rows.column_by_name(name).expect("the column").as_string_view().clone();
        datafusion::arrow::array::Array::is_valid(&cells, row).then(|| cells.value(row).to_owned())
    };
    let last = all.last().expect("rows");
    let (course, tenant) = (
        column(last, "course_id", last.num_rows() - 1),
        column(last, "tenant_id", last.num_rows() - 1),
    );
    let filter = RatioFilter {
        level: Some(Level::TenantCourse),
        course_id: course.clone(),
        tenant_id: tenant.clone(),
    };
    let found: Vec<_> = published
        .ratio_rows_where(RatioTable::ByDay, &filter)
        .await
        .expect("rows")
        .try_collect()
        .await
        .expect("read");
    let sum = |rows: &[datafusion::arrow::array::RecordBatch],
               wanted: &dyn Fn(&datafusion::arrow::array::RecordBatch, usize) -> bool| {
        let downloads = rows.iter().flat_map(|rows| {
            let downloads = rows
                .column_by_name("downloads")
                .expect("the column")
                .as_primitive::<Int64Type>()
                .clone();
            (0..rows.num_rows())
                .filter(|&row| wanted(rows, row))
                .map(|row| downloads.value(row))
                .collect::<Vec<_>>()
        });
        downloads.sum::<i64>()
    };
    let expected = sum(&all, &|rows, row| {
        column(rows, "level", row).as_deref() == Some("tenant_course")
            && column(rows, "course_id", row) == course
            && column(rows, "tenant_id", row) == tenant
    });
    assert_eq!(sum(&found, &|_, _| true), expected);
    assert!(expected > 0);
}

/// The files of the ratio tables.
fn ratio_files(day: &Path) -> Vec<(String, Vec<u8>)> {
    let files = files_below(day).into_iter();
    files.filter(|(path, _)| path.starts_with("download_ratio")).collect()
}
