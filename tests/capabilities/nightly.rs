//! The nightly run (`docs/design.md`, "Nightly output"): what lies where, what the manifest promises, and that only
//! whole outputs appear.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pragati::nightly::manifest::{Content, Manifest};
use pragati::report::ReportFormat;
use sha2::{Digest, Sha256};

use crate::opened::{reports_of, settings_over};
use crate::support::{
    BATCHES, DATE, ENROLMENTS, SmallDisk, TestExports, batches, complaint_of, enrolments, files_below, query_parquet,
    wrapped,
};

/// How long a run may take to come to the point that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

fn manifest(day: &Path) -> Manifest {
    let text = fs::read(day.join("manifest.json")).expect("a manifest");
    serde_json::from_slice(&text).expect("the manifest's form")
}

/// The contents by path of all files but the manifest, which tells times.
fn files_but_manifest(day: &Path) -> BTreeMap<String, Vec<u8>> {
    files_below(day)
        .into_iter()
        .filter(|(path, _)| path != "manifest.json")
        .collect()
}

fn assert_same_files(found: &BTreeMap<String, Vec<u8>>, expected: &BTreeMap<String, Vec<u8>>, what: &str) {
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        expected.keys().collect::<Vec<_>>(),
        "{what}"
    );
    for (path, bytes) in expected {
        assert!(&found[path] == bytes, "{what}: {path} differs");
    }
}

fn staging_folders(out: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(out).expect("a folder").flatten();
    let hidden = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(".pragati-staging-"));
    hidden.map(|entry| entry.path()).collect()
}

/// Runs `nightly` into this folder; it must fail with this code and one line.
fn complaint(exports: &TestExports, out: &Path, code: i32) -> String {
    let complaint = complaint_of(exports.command("nightly").arg("--out").arg(out), code);
    complaint
        .replace(&out.display().to_string(), "OUT")
        .replace(&exports.path().display().to_string(), "EXPORTS")
}

fn run_into(exports: &TestExports, out: &Path) -> PathBuf {
    exports.command("nightly").arg("--out").arg(out).assert().success();
    out.join(format!("date={DATE}"))
}

mod layout {
    use super::*;

    /// Batches with ids that are no file names, of known and unknown tenants.
    fn odd_ids() -> TestExports {
        TestExports::small().table(
            "batches",
            &batches(
                "('b1', 'c1', 't1'), ('../../etc/passwd', 'c1', '..'), ('..', 'c1', 't/1'),
                ('.hidden', 'c1', '_'),
                ('say \"hi\"', 'c1', null), ('two\nlines', 'c1', ' '), ('बैच 🙂', 'c1', 'राज्य'),
                ('_', 'c1', null),
                ('100%', 'c1', 'T1'), (' b ', 'c1', 't1'), (repeat('x', 10000), 'c1', repeat('🙂', 2500))",
            ),
        )
    }

    #[test]
    fn the_output_has_the_documented_files() {
        let (_out, day) = odd_ids().nightly(&[]);
        let paths: Vec<String> = files_below(&day).into_iter().map(|(path, _)| path).collect();
        insta::assert_snapshot!(paths.join("\n"), @r"
        changed_batches/changed_batches.csv
        changed_batches/part-00000.parquet
        course_progress_report/part-00000.parquet
        csv/%2E./%2E.%2F..%2Fetc%2Fpasswd.csv
        csv/%5F/%2Ehidden.csv
        csv/%E0%A4%B0%E0%A4%BE%E0%A4%9C%E0%A5%8D%E0%A4%AF/%E0%A4%AC%E0%A5%88%E0%A4%9A%20%F0%9F%99%82.csv
        csv/%F0%9F%99%82%F0%9F%99%82%F0%9F%99%82%F0%9F%99%82%F0%9F%99%82%F0%9F%99%82%F0%9F%99%82%F0%9F%99%82%F0%9F%99%82%F0%9F%99%82~353a8165751d9b4882c09a94c84bd6a0/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx~e4ee97ec252749d2096447e849628d0d.csv
        csv/T1/100%25.csv
        csv/_/%5F.csv
        csv/_/say%20%22hi%22.csv
        csv/_/two%0Alines.csv
        csv/t%2F1/%2E..csv
        csv/t1/%20b%20.csv
        csv/t1/b1.csv
        download_ratio/download_ratio.csv
        download_ratio/part-00000.parquet
        download_ratio_by_day/download_ratio_by_day.csv
        download_ratio_by_day/part-00000.parquet
        manifest.json
        ");
    }

    #[test]
    fn odd_ids_never_leave_the_output_folder() {
        let (out, _day) = odd_ids().nightly(&[]);
        let mut entries: Vec<_> = fs::read_dir(out.path())
            .expect("a folder")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        entries.sort();
        assert_eq!(entries, [".pragati.lock", "date=2026-11-22"]);
    }

    #[test]
    fn every_csv_is_the_batch_s_report() {
        let exports = odd_ids().table(
            "enrolments",
            &enrolments(
                "('u1', 'c1', 'two\nlines', '2026-10-01T00:00:00', true),
                ('u2', 'c1', '..', '2026-10-01T00:00:00', true),
                ('u1', 'c1', repeat('x', 10000), '2026-10-01T00:00:00', true),
                ('u9', 'c9', 'only here', '2026-10-01T00:00:00', true)",
            ),
        );
        let (_out, day) = exports.nightly(&[]);
        let mut written = BTreeMap::new();
        for file in manifest(&day).files {
            if let Content::ReportCsv { batch_id, .. } = file.content {
                written.insert(batch_id, fs::read(day.join(&file.path)).expect("a file"));
            }
        }
        assert_eq!(written.len(), 12);
        let ids = written.keys().cloned().collect();
        let reports = reports_of(settings_over(exports.path()), ReportFormat::Csv, ids);
        for (batch, csv) in &written {
            let [csv, report] = [csv, &reports[batch]].map(|bytes| String::from_utf8_lossy(bytes));
            assert_eq!(csv, report, "{batch}");
        }
    }

    #[test]
    fn a_batch_without_enrolments_is_a_file_with_the_header_alone() {
        let (_out, day) = TestExports::small().nightly(&[]);
        let csv = fs::read_to_string(day.join("csv/t2/b2.csv")).expect("a file");
        insta::assert_snapshot!(csv.trim_start_matches('\u{feff}'), @"External ID,User ID,User Name,Email ID,Mobile Number,Organization Name,District Name,School Name,Block Name,Enrollment Date,Course Progress,Completion Date");
    }

    #[test]
    fn exports_without_any_batch_give_an_output_all_the_same() {
        let exports = TestExports::small()
            .without("batches")
            .table("enrolments", &format!("{ENROLMENTS} where false"));
        let (_out, day) = exports.nightly(&[]);
        let paths: Vec<String> = files_below(&day).into_iter().map(|(path, _)| path).collect();
        insta::assert_snapshot!(paths.join("\n"), @r"
        changed_batches/changed_batches.csv
        changed_batches/part-00000.parquet
        course_progress_report/part-00000.parquet
        download_ratio/download_ratio.csv
        download_ratio/part-00000.parquet
        download_ratio_by_day/download_ratio_by_day.csv
        download_ratio_by_day/part-00000.parquet
        manifest.json
        ");
    }

    #[test]
    fn only_the_owner_can_read_the_output() {
        let (out, day) = TestExports::small().nightly(&[]);
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        for (path, _) in files_below(out.path()) {
            assert_eq!(mode(&out.path().join(&path)), 0o600, "{path}");
        }
        for folder in [
            "",
            "csv",
            "csv/t1",
            "course_progress_report",
            "download_ratio",
            "download_ratio_by_day",
        ] {
            assert_eq!(mode(&day.join(folder)), 0o700, "{folder}");
        }
    }

    #[test]
    fn a_file_url_is_the_same_as_the_path() {
        let exports = TestExports::small();
        let out = tempfile::tempdir().expect("a folder");
        let url = format!("file://{}/reports", out.path().display());
        exports.output("nightly", &["--out", &url]);
        let (_other, day) = exports.nightly(&[]);
        let by_url = out.path().join(format!("reports/date={DATE}"));
        assert_same_files(&files_but_manifest(&by_url), &files_but_manifest(&day), "file URL");
    }

    #[test]
    fn the_output_folder_may_come_from_the_environment_and_must_come_from_somewhere() {
        let exports = TestExports::small();
        let out = tempfile::tempdir().expect("a folder");
        exports
            .command("nightly")
            .env("PRAGATI_NIGHTLY__OUT", out.path())
            .assert()
            .success();
        assert!(out.path().join(format!("date={DATE}/manifest.json")).exists());
        insta::assert_snapshot!(wrapped(&exports.complaint(2, "nightly", &[])), @r"
        error: no output given; use --out DIR|URL, PRAGATI_NIGHTLY__OUT, or `out` under [nightly]
        ");
        insta::assert_snapshot!(wrapped(&exports.complaint(2, "nightly", &["--out", "-"])), @r"
        error: the nightly output is several files, which standard output cannot hold; use --out DIR|URL
        ");
    }
}

mod contents {
    use super::*;

    /// Enrolments of every kind: 9 rows, of which 3 are reported.
    fn every_kind_of_enrolment() -> TestExports {
        TestExports::small().table(
            "enrolments",
            &enrolments(
                "('u1', 'c1', 'b1', '2026-10-01T00:00:00', true),
                ('u1', 'c1', 'b1', '2026-10-02T00:00:00', true),
                ('u2', 'c1', 'b1', '2026-10-01T00:00:00', false),
                ('stranger', 'c1', 'b1', '2026-10-01T00:00:00', true),
                ('u2', 'c2', 'b3', '2026-10-01T00:00:00', true),
                (null, 'c1', 'b1', '2026-10-01T00:00:00', true),
                (' ', 'c1', 'b1', '2026-10-01T00:00:00', true),
                (null, 'c1', null, '2026-10-01T00:00:00', true),
                ('u1', 'c1', '', '2026-10-01T00:00:00', true)",
            ),
        )
    }

    #[test]
    fn the_manifest_lists_every_file_with_its_rows_bytes_and_hash() {
        let (_out, day) = TestExports::sample(200, 1_000, 10, 1).nightly(&[]);
        let mut found = files_but_manifest(&day);
        for entry in manifest(&day).files {
            let bytes = found.remove(&entry.path).expect("a listed file exists");
            assert_eq!(bytes.len() as u64, entry.bytes, "{}", entry.path);
            let digest: String = Sha256::digest(&bytes)
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(digest, entry.sha256, "{}", entry.path);
            let rows = if entry.path.ends_with(".csv") {
                csv::Reader::from_reader(bytes.as_slice()).records().count().to_string()
            } else {
                let counted = query_parquet(&day.join(&entry.path), "select count(*) as rows from files");
                counted
                    .lines()
                    .nth(3)
                    .expect("a row")
                    .trim_matches(['|', ' '])
                    .to_owned()
            };
            assert_eq!(rows, entry.rows.to_string(), "{}", entry.path);
        }
        assert!(found.is_empty(), "not listed: {:?}", found.keys());
    }

    #[test]
    fn the_manifest_accounts_for_every_enrolment() {
        let (_out, day) = every_kind_of_enrolment().nightly(&[]);
        let manifest = manifest(&day);
        insta::assert_snapshot!(serde_json::to_string_pretty(&manifest.counts).expect("JSON"), @r#"
        {
          "enrolments_read": 9,
          "rows_reported": 3,
          "reported_unknown_users": 1,
          "without_user_id": 3,
          "without_batch_id": 1,
          "not_active": 1,
          "superseded_or_omitted": 1,
          "batches": 3,
          "empty_batches": 1,
          "malformed_telemetry": 0,
          "left_out_by_day": 0
        }
        "#);
        let rejected = manifest
            .rejected
            .iter()
            .map(|some| format!("{} in batch {:?}: {} rows\n", some.reason, some.batch_id, some.rows));
        insta::assert_snapshot!(rejected.collect::<String>(), @r#"
        blank batch_id in batch None: 1 rows
        blank user_id in batch Some("b1"): 2 rows
        blank user_id in batch None: 1 rows
        "#);
    }

    #[test]
    fn counts_of_the_manifest_add_up() {
        let (_out, day) = TestExports::sample(500, 3_000, 12, 1).nightly(&[]);
        let manifest = manifest(&day);
        let counts = &manifest.counts;
        let accounted = counts.rows_reported
            + counts.without_user_id
            + counts.without_batch_id
            + counts.not_active
            + counts.superseded_or_omitted;
        assert_eq!(counts.enrolments_read, accounted);
        let read = manifest
            .inputs
            .iter()
            .filter(|input| input.table == "enrolments")
            .map(|input| input.rows);
        assert_eq!(counts.enrolments_read, read.sum::<u64>());
        let reported = manifest
            .files
            .iter()
            .filter(|file| matches!(file.content, Content::ReportCsv { .. }));
        assert_eq!(counts.rows_reported, reported.map(|file| file.rows).sum::<u64>());
        assert!(
            counts.not_active > 0 && counts.superseded_or_omitted > 0,
            "the sample has such rows: {counts:?}"
        );
    }

    #[test]
    fn unknown_users_are_counted_and_can_be_omitted() {
        let exports = every_kind_of_enrolment();
        let config = exports.config("report.unknown_users = 'omit'");
        let (_out, day) = exports.nightly(&["--config", &config]);
        let counts = manifest(&day).counts;
        assert_eq!(
            (
                counts.rows_reported,
                counts.reported_unknown_users,
                counts.superseded_or_omitted
            ),
            (2, 0, 2)
        );
    }

    #[test]
    fn the_manifest_names_the_inputs_and_settings() {
        let exports = TestExports::small();
        let (_out, day) = exports.nightly(&["--timezone", "Asia/Dhaka"]);
        let manifest = manifest(&day);
        assert_eq!(manifest.timezone, "Asia/Dhaka");
        assert_eq!(manifest.snapshot_date.to_string(), DATE);
        let users = manifest
            .inputs
            .iter()
            .find(|input| input.table == "users")
            .expect("users were read");
        let file = fs::metadata(exports.file("users")).expect("a file");
        assert_eq!(
            (users.file.as_str(), users.rows),
            (exports.file("users").to_str().expect("UTF-8"), 2)
        );
        assert_eq!(users.bytes, file.len());
        assert_eq!(
            std::time::SystemTime::from(users.modified),
            file.modified().expect("a time")
        );
    }

    #[test]
    fn the_mart_holds_every_reported_row_sorted_by_batch_and_user() {
        let (_out, day) = TestExports::sample(500, 3_000, 12, 1).nightly(&[]);
        let mart = day.join("course_progress_report/part-00000.parquet");
        let drawn = query_parquet(&mart, "select batch_id, user_id from files");
        let rows: Vec<&str> = drawn.lines().filter(|line| line.starts_with("| 0")).collect();
        assert_eq!(rows.len() as u64, manifest(&day).counts.rows_reported);
        assert!(rows.is_sorted());
    }

    #[test]
    fn the_mart_s_columns_are_typed() {
        let (_out, day) = TestExports::small().nightly(&[]);
        let mart = day.join("course_progress_report/part-00000.parquet");
        let columns = "batch_id, tenant_id, user_id, enrollment_date, course_progress, completion_date, known_user";
        insta::assert_snapshot!(query_parquet(&mart, &format!("select {columns} from files")), @r"
        +----------+-----------+---------+-----------------+-----------------+-----------------+------------+
        | batch_id | tenant_id | user_id | enrollment_date | course_progress | completion_date | known_user |
        +----------+-----------+---------+-----------------+-----------------+-----------------+------------+
        | b1       | t1        | u1      | 2026-10-01      | 40              |                 | true       |
        | b1       | t1        | u2      | 2026-10-02      | 100             | 2026-10-05      | true       |
        +----------+-----------+---------+-----------------+-----------------+-----------------+------------+
        ");
    }

    #[test]
    fn the_ratio_s_file_holds_what_the_command_shows() {
        let exports = TestExports::sample(200, 1_000, 10, 3);
        let (_out, day) = exports.nightly(&[]);
        let file = day.join("download_ratio/part-00000.parquet");
        for window in ["all", "1d", "7d", "30d"] {
            let shown = exports.path().join("shown.parquet");
            exports.output(
                "ratio",
                &[
                    "--window",
                    window,
                    "--format",
                    "parquet",
                    "-o",
                    shown.to_str().expect("UTF-8"),
                ],
            );
            let query = format!(
                "select level, course_id, tenant_id, downloads, batches, download_ratio, batches_downloaded, coverage,
                    requests, delivered, window_start, window_end, as_of
                from files where time_window = '{window}' order by level, course_id, tenant_id"
            );
            let written = query_parquet(&file, &query);
            assert_eq!(written, query_parquet(&shown, &query), "{window}");
            assert!(written.contains("| tenant"), "{written}");
        }
    }
}

mod same_bytes {
    use super::*;

    fn assert_same_with(settings: &[&[&str]]) {
        let exports = TestExports::sample(2_000, 12_000, 40, 1);
        let (_out, day) = exports.nightly(&["--threads", "1"]);
        let expected = files_but_manifest(&day);
        for arguments in settings {
            let (_out, day) = exports.nightly(arguments);
            assert_same_files(&files_but_manifest(&day), &expected, &arguments.join(" "));
        }
    }

    #[test]
    fn for_any_number_of_threads_and_every_run() {
        assert_same_with(&[&["--threads", "2"], &["--threads", "5"], &["--threads", "5"]]);
    }

    #[test]
    fn for_a_small_limit_of_memory_with_any_number_of_threads() {
        let limit = |threads| ["--memory-limit", "50MB", "--threads", threads];
        assert_same_with(&[&limit("1"), &limit("2"), &limit("3"), &limit("8")]);
    }

    #[test]
    fn also_when_several_writers_share_the_work() {
        // More than 200,000 enrolments are written in several parts.
        let exports = TestExports::sample(20_000, 210_000, 300, 1);
        let (_out, by_one) = exports.nightly(&["--threads", "1"]);
        let (_out_too, by_four) = exports.nightly(&["--threads", "4"]);
        let expected = files_but_manifest(&by_one);
        assert!(
            expected.contains_key("course_progress_report/part-00001.parquet"),
            "several parts"
        );
        assert_same_files(&files_but_manifest(&by_four), &expected, "four writers");
        // So little memory that each part is a group of its own.
        let (_out_more, in_groups) = exports.nightly(&["--memory-limit", "50MB"]);
        assert_same_files(&files_but_manifest(&in_groups), &expected, "in groups");
    }

    #[test]
    fn also_where_the_queries_run_instead_of_being_assembled() {
        // A query of the site's own with another plan, though the same rows, makes all of them run as they are.
        let queries = tempfile::tempdir().expect("a folder");
        fs::create_dir(queries.path().join("reports")).expect("a folder");
        let built_in = include_str!("../../queries/reports/all_reports.sql");
        let own = queries.path().join("reports/all_reports.sql");
        fs::write(own, format!("{}, tenant_id", built_in.trim_end())).expect("a query");
        let of_the_site = ["--queries", queries.path().to_str().expect("UTF-8")];
        for exports in [TestExports::sample(2_000, 12_000, 40, 1), crate::oracle::nasty()] {
            let (_out, assembled) = exports.nightly(&[]);
            let (_out_too, queried) = exports.nightly(&of_the_site);
            assert_same_files(
                &files_but_manifest(&queried),
                &files_but_manifest(&assembled),
                "queried",
            );
            // Rows are counted while they are read, or by a query.
            assert_eq!(manifest(&assembled).counts, manifest(&queried).counts);
        }
    }

    #[test]
    fn users_are_those_of_a_site_s_own_query() {
        let queries = tempfile::tempdir().expect("a folder");
        fs::create_dir(queries.path().join("staging")).expect("a folder");
        let without_addresses = "select * replace (arrow_cast(null, 'Utf8View') as email) from users";
        fs::write(queries.path().join("staging/distinct_users.sql"), without_addresses).expect("written");
        let of_the_site = ["--queries", queries.path().to_str().expect("UTF-8")];
        let exports = TestExports::small();
        let report = |options: &[&str]| {
            let (_out, day) = exports.nightly(options);
            fs::read_to_string(day.join("csv/t1/b1.csv")).expect("a report")
        };
        let (usual, own) = (report(&[]), report(&of_the_site));
        assert!(usual.contains("Asha Kumar,as***@example.org,"), "{usual}");
        assert!(own.contains("Asha Kumar,,"), "{own}");
        let one = exports.report("b1", &of_the_site);
        assert!(one.contains("Asha Kumar,,"), "{one}");
    }
}

mod publishing {
    use super::*;

    #[test]
    fn a_run_replaces_the_earlier_output_whole() {
        let out = tempfile::tempdir().expect("a folder");
        let exports = TestExports::small();
        let day = run_into(&exports, out.path());
        fs::write(day.join("csv/stale.csv"), "stale").expect("written");
        let exports = exports.table("batches", &format!("{BATCHES} where batch_id <> 'b2'"));
        run_into(&exports, out.path());
        let reports: Vec<String> = files_below(&day.join("csv"))
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        assert_eq!(reports, ["t1/b1.csv"]);
        assert_eq!(staging_folders(out.path()), [] as [PathBuf; 0]);
    }

    #[test]
    fn each_day_has_its_own_folder() {
        let out = tempfile::tempdir().expect("a folder");
        let exports = TestExports::sample(200, 1_000, 10, 2);
        run_into(&exports, out.path());
        exports
            .command("nightly")
            .args(["--date", "2026-11-21", "--out"])
            .arg(out.path())
            .assert()
            .success();
        assert!(out.path().join("date=2026-11-21/manifest.json").exists());
        assert!(out.path().join("date=2026-11-22/manifest.json").exists());
    }

    /// A failing run must leave the output of an earlier one as it was, and nothing else.
    fn assert_earlier_output_stays(damage: impl FnOnce(&mut Vec<u8>)) {
        let out = tempfile::tempdir().expect("a folder");
        let exports = TestExports::small();
        run_into(&exports, out.path());
        let earlier = files_below(out.path());
        let mut bytes = fs::read(exports.file("enrolments")).expect("a file");
        damage(&mut bytes);
        fs::write(exports.file("enrolments"), bytes).expect("written");
        complaint(&exports, out.path(), 1);
        assert_eq!(files_below(out.path()), earlier);
        assert_eq!(staging_folders(out.path()), [] as [PathBuf; 0]);
    }

    #[test]
    fn a_truncated_input_leaves_the_earlier_output() {
        assert_earlier_output_stays(|bytes| bytes.truncate(bytes.len() / 2));
    }

    #[test]
    fn damaged_rows_leave_the_earlier_output() {
        assert_earlier_output_stays(|bytes| bytes[4..64].fill(0xff));
    }

    #[test]
    fn a_second_run_at_the_same_time_is_refused() {
        let out = tempfile::tempdir().expect("a folder");
        let exports = TestExports::small();
        run_into(&exports, out.path());
        let lock = File::options()
            .append(true)
            .open(out.path().join(".pragati.lock"))
            .expect("a lock file");
        lock.lock().expect("the lock");
        insta::assert_snapshot!(wrapped(&complaint(&exports, out.path(), 1)), @r"
        error: another nightly run is writing to OUT; wait for it to end
        ");
        drop(lock);
        run_into(&exports, out.path());
    }

    #[test]
    fn an_output_folder_below_a_file_is_named() {
        let exports = TestExports::small();
        let out = exports.file("users").join("out");
        insta::assert_snapshot!(wrapped(&complaint(&exports, &out, 1)), @r"
        error: OUT cannot be written: Not a directory (os error 20); check the folder and its permissions
        ");
    }

    #[test]
    fn a_full_disk_is_named_and_leaves_the_earlier_output() {
        let Some(disk) = SmallDisk::mount() else { return };
        run_into(&TestExports::small(), disk.path());
        let earlier = files_below(disk.path());
        let complaint = complaint(&TestExports::sample(2_000, 12_000, 40, 1), disk.path(), 1);
        insta::assert_snapshot!(wrapped(&without_staged_path(&complaint)), @r"
        error: no space left on the disk of OUT/.pragati-staging-…; free space or choose another --out;
        the output of earlier runs is untouched
        ");
        assert_eq!(files_below(disk.path()), earlier);
        assert_eq!(staging_folders(disk.path()), [] as [PathBuf; 0]);
    }

    /// Which file was being written when the disk was full is chance.
    fn without_staged_path(complaint: &str) -> String {
        match complaint.split_once("OUT/.pragati-staging-") {
            Some((before, after)) => format!(
                "{before}OUT/.pragati-staging-…{}",
                &after[after.find(';').unwrap_or(0)..]
            ),
            None => complaint.to_owned(),
        }
    }
}

mod interruption {
    use super::*;

    /// An earlier output, and a run over much more that has begun to write.
    struct RunInTheMiddle {
        out: tempfile::TempDir,
        exports: TestExports,
        earlier: Vec<(String, Vec<u8>)>,
        run: Child,
    }

    impl RunInTheMiddle {
        fn start() -> Self {
            let out = tempfile::tempdir().expect("a folder");
            run_into(&TestExports::small(), out.path());
            let earlier = files_below(out.path());
            let exports = TestExports::sample(10_000, 100_000, 300, 1);
            let mut run = Command::new(assert_cmd::cargo::cargo_bin("pragati"))
                .args(["nightly", "--exports"])
                .arg(exports.path())
                .arg("--out")
                .arg(out.path())
                .current_dir(exports.path())
                .stderr(Stdio::null())
                .spawn()
                .expect("a run");
            let deadline = Instant::now() + PATIENCE;
            while !has_staged_reports(out.path()) {
                assert!(
                    run.try_wait().expect("a state").is_none(),
                    "the run ended before it could be stopped"
                );
                assert!(Instant::now() < deadline, "nothing was written");
                std::thread::sleep(Duration::from_millis(2));
            }
            Self {
                out,
                exports,
                earlier,
                run,
            }
        }

        /// Sends the signal and gives the exit code that follows; none where the signal itself ended the run.
        fn signal(&mut self, signal: &str) -> Option<i32> {
            let sent = Command::new("kill").args([signal, &self.run.id().to_string()]).status();
            assert!(
                sent.is_ok_and(|status| status.success()),
                "the run was over before {signal}"
            );
            self.run.wait().expect("an end").code()
        }

        fn assert_earlier_output_is_untouched(&self) {
            let found = files_below(self.out.path())
                .into_iter()
                .filter(|(path, _)| !path.starts_with(".pragati-staging-"));
            assert_eq!(found.collect::<Vec<_>>(), self.earlier);
        }
    }

    fn has_staged_reports(out: &Path) -> bool {
        staging_folders(out).iter().any(|folder| folder.join("csv").is_dir())
    }

    #[test]
    fn a_killed_run_leaves_the_earlier_output_and_the_next_run_completes_it() {
        let mut middle = RunInTheMiddle::start();
        assert_eq!(middle.signal("-KILL"), None);
        middle.assert_earlier_output_is_untouched();
        assert_eq!(
            staging_folders(middle.out.path()).len(),
            1,
            "the run was killed in the middle"
        );
        let day = run_into(&middle.exports, middle.out.path());
        assert_eq!(staging_folders(middle.out.path()), [] as [PathBuf; 0]);
        assert_eq!(manifest(&day).counts.batches, 300);
    }

    #[test]
    fn ctrl_c_stops_the_run_and_leaves_nothing_of_it() {
        let mut middle = RunInTheMiddle::start();
        assert_eq!(middle.signal("-INT"), Some(130));
        middle.assert_earlier_output_is_untouched();
        assert_eq!(staging_folders(middle.out.path()), [] as [PathBuf; 0]);
    }

    #[test]
    fn sigterm_stops_the_run_and_leaves_nothing_of_it() {
        let mut middle = RunInTheMiddle::start();
        assert_eq!(middle.signal("-TERM"), Some(143));
        middle.assert_earlier_output_is_untouched();
        assert_eq!(staging_folders(middle.out.path()), [] as [PathBuf; 0]);
    }
}
