//! One batch's report read from what a nightly run published: the same bytes as from the exports.

use std::fs::{self, File};
use std::path::Path;

use assert_cmd::Command;
use pragati::config::DateChoice;
use pragati::exports::Location;
use pragati::nightly::manifest::{Content, Manifest};
use pragati::nightly::{Published, PublishedError};
use pragati::report::ReportFormat;
use tempfile::TempDir;

use crate::opened::{reports_of, settings_over};
use crate::support::{
    DATE, TestExports, USERS, complaint_of, course_progress, enrolments, pragati, query_parquet, wrapped,
};

fn from_reports(out: &Path, batch: &str, arguments: &[&str]) -> Command {
    let mut report = pragati();
    report.args(["report", "--batch", batch, "--reports"]).arg(out);
    report.args(arguments);
    report
}

/// The bytes of the report; the command must succeed.
fn report(out: &Path, batch: &str, arguments: &[&str]) -> Vec<u8> {
    let output = from_reports(out, batch, arguments).output().expect("a run");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{batch}: {complaint}");
    output.stdout
}

fn complaint(out: &Path, code: i32, batch: &str, arguments: &[&str]) -> String {
    let complaint = complaint_of(&mut from_reports(out, batch, arguments), code);
    wrapped(&complaint.replace(&out.canonicalize().expect("a folder").display().to_string(), "OUT"))
}

fn day(out: &Path) -> std::path::PathBuf {
    out.join(format!("date={DATE}"))
}

fn manifest(out: &Path) -> Manifest {
    let text = fs::read(day(out).join("manifest.json")).expect("a manifest");
    serde_json::from_slice(&text).expect("the manifest's form")
}

/// The batches and their CSV files.
fn batches(out: &Path) -> Vec<(String, Vec<u8>)> {
    let csv = manifest(out).files.into_iter().filter_map(|file| match file.content {
        Content::ReportCsv { batch_id, .. } => {
            let bytes = fs::read(day(out).join(&file.path)).expect("a file");
            Some((batch_id, bytes))
        }
        _ => None,
    });
    csv.collect()
}

fn mart_file(out: &Path) -> std::path::PathBuf {
    day(out).join("course_progress_report/part-00000.parquet")
}

fn change_manifest(out: &Path, from: &str, to: &str) {
    let path = day(out).join("manifest.json");
    let text = fs::read_to_string(&path).expect("a manifest");
    assert!(text.contains(from), "{from}");
    fs::write(path, text.replace(from, to)).expect("written");
}

fn made(exports: &TestExports) -> TempDir {
    exports.nightly(&[]).0
}

mod same_bytes {
    use super::*;

    /// From the exports with `arguments`, in a file; standard output would have no byte-order mark.
    fn from_exports(exports: &TestExports, batch: &str, format: &str) -> Vec<u8> {
        let file = exports.path().join("expected");
        let arguments = [
            "--batch",
            batch,
            "--format",
            format,
            "-o",
            file.to_str().expect("UTF-8"),
        ];
        exports.output("report", &arguments);
        fs::read(file).expect("a file")
    }

    fn assert_all_same(exports: &TestExports, formats: &[&str]) {
        let out = made(exports);
        let all = batches(out.path());
        assert!(!all.is_empty());
        for (batch, csv) in &all {
            assert!(
                report(out.path(), batch, &["--bom"]) == *csv,
                "the nightly's own CSV of {batch:?}"
            );
        }
        for format in formats {
            let ids = all.iter().map(|(batch, _)| batch.clone()).collect();
            let known = ReportFormat::from_word(format).expect("a format");
            for (batch, expected) in reports_of(settings_over(exports.path()), known, ids) {
                let found = report(out.path(), &batch, &["--format", format, "--bom"]);
                assert!(found == expected, "{format} of {batch:?}");
            }
        }
    }

    #[test]
    fn for_every_batch_of_made_up_exports() {
        assert_all_same(&TestExports::sample(500, 3_000, 12, 1), &["csv", "xlsx"]);
    }

    #[test]
    fn for_a_batch_over_many_pages_and_row_groups() {
        // Pages of 8,192 rows, row groups of 65,536: the batch begins within one and ends within another.
        let rows = "select 'u' || value as user_id, 'c1' as course_id,
                case when value < 9000 then 'b0' when value < 90000 then 'b1' else 'b2' end as batch_id,
                to_timestamp_millis(1790000000000 + value * 3600000) as enrolled_at, true as active
            from generate_series(1, 100000) as numbers(value)";
        let exports = TestExports::small().table("enrolments", rows);
        let out = made(&exports);
        for (batch, csv) in batches(out.path()) {
            assert!(report(out.path(), &batch, &["--bom"]) == csv, "{batch}");
        }
        let rows = manifest(out.path()).files.into_iter().map(|file| file.rows);
        assert_eq!(rows.take(3).collect::<Vec<_>>(), [8_999, 81_000, 10_001]);
    }

    #[test]
    fn for_odd_ids_and_values() {
        let long = "x".repeat(300);
        let exports = TestExports::small()
            .table(
                "users",
                &format!(
                    "{USERS} union all select * from (values
                    ('u3', '=1+1', 'अनीता', 'शर्मा', '@x', '+919812345678', 'a,b', 'say \"hi\"', 'two\nlines', '\rcr', 't1'),
                    ('ü', ' ', '-5', '-x', '🙂', null, '', '\ttab', null, 'ब्लॉक', null))"
                ),
            )
            .table(
                "enrolments",
                &enrolments(&format!(
                    "('u1', 'c1', 'बैच 🙂', '2026-10-01T00:00:00', true), ('u3', 'c1', 'बैच 🙂', '2026-10-01T20:00:00', true),
                    ('ü', 'c1', 'b1', null, true), ('u3', 'c1', 'b1', '2026-10-01T00:00:00', true),
                    ('stranger', 'c1', 'b1', '2026-10-01T00:00:00', true),
                    ('u1', 'c1', '{long}a', '2026-10-01T00:00:00', true), ('u2', 'c1', '{long}b', '2026-10-01T00:00:00', true),
                    ('u3', 'c1', '../x', '2026-10-01T00:00:00', true), ('u3', 'c1', ' b1', '2026-10-01T00:00:00', true)"
                )),
            )
            .table("course_progress", &course_progress("('u3', null, null), ('ü', 33.9, '2026-10-03T00:00:00')"));
        assert_all_same(&exports, &["csv", "xlsx"]);
    }

    #[test]
    fn a_batch_without_enrolments_has_only_the_header() {
        let out = TestExports::small_night().0;
        let csv = String::from_utf8(report(out.path(), "b2", &[])).expect("UTF-8");
        insta::assert_snapshot!(csv, @"External ID,User ID,User Name,Email ID,Mobile Number,Organization Name,District Name,School Name,Block Name,Enrollment Date,Course Progress,Completion Date");
    }

    #[test]
    fn parquet_has_the_same_rows_and_columns() {
        let exports = TestExports::small();
        let (out, _day) = TestExports::small_night();
        let drawn = |bytes: &[u8]| {
            let file = exports.path().join("drawn.parquet");
            fs::write(&file, bytes).expect("written");
            query_parquet(&file, "select * from files") + &query_parquet(&file, "describe files")
        };
        let found = report(out.path(), "b1", &["--format", "parquet"]);
        assert_eq!(drawn(&found), drawn(&from_exports(&exports, "b1", "parquet")));
    }

    #[test]
    fn how_the_file_is_written_may_be_chosen_anew() {
        let exports = TestExports::small();
        let (out, _day) = TestExports::small_night();
        let config = exports.config("report.date_format = '%d.%m.%Y'\nreport.crlf = true");
        let arguments = ["--config", config.as_str(), "--no-formula-escape", "--no-bom"];
        let found = String::from_utf8(report(out.path(), "b1", &arguments)).expect("UTF-8");
        assert!(found.contains("01.10.2026") && found.contains("\r\n"), "{found}");
        assert_eq!(found, exports.report("b1", &arguments));
    }
}

mod which_day {
    use super::*;

    /// Outputs of two days.
    fn two_days() -> (TestExports, TempDir) {
        let exports = TestExports::sample(500, 3_000, 12, 2);
        let out = made(&exports);
        let earlier = ["--date", "2026-11-21", "--out", out.path().to_str().expect("UTF-8")];
        exports.output("nightly", &earlier);
        (exports, out)
    }

    fn some_batch(out: &Path) -> String {
        batches(out).swap_remove(0).0
    }

    #[test]
    fn the_newest_or_the_one_that_is_named() {
        let (exports, out) = two_days();
        let batch = some_batch(out.path());
        let newest = report(out.path(), &batch, &[]);
        let earlier = report(out.path(), &batch, &["--date", "2026-11-21"]);
        assert_eq!(newest, exports.report(&batch, &[]).into_bytes());
        assert_eq!(earlier, exports.report(&batch, &["--date", "2026-11-21"]).into_bytes());
        assert_ne!(newest, earlier);
    }

    #[test]
    fn a_day_without_a_valid_manifest_is_skipped() {
        let (_exports, out) = two_days();
        let batch = some_batch(out.path());
        let earlier = report(out.path(), &batch, &["--date", "2026-11-21"]);
        let manifest = day(out.path()).join("manifest.json");
        let good = fs::read(&manifest).expect("a manifest");
        fs::write(&manifest, &good[..good.len() / 2]).expect("written");
        assert_eq!(report(out.path(), &batch, &["--quiet"]), earlier);
        fs::remove_file(&manifest).expect("removed");
        assert_eq!(report(out.path(), &batch, &[]), earlier);
        fs::create_dir(out.path().join(".pragati-staging-killed")).expect("a folder");
        assert_eq!(report(out.path(), &batch, &[]), earlier);
        insta::assert_snapshot!(complaint(out.path(), 1, &batch, &["--date", DATE]), @r"
        error: there is no nightly output of 2026-11-22 in OUT: OUT/date=2026-11-22/manifest.json is
        missing; run `pragati nightly --date 2026-11-22` or choose another --date
        ");
    }

    #[test]
    fn without_any_output_it_says_what_to_run() {
        let out = tempfile::tempdir().expect("a folder");
        insta::assert_snapshot!(complaint(out.path(), 1, "b1", &[]), @r"
        error: OUT holds no complete nightly output: no date=YYYY-MM-DD/manifest.json can be read; run
        `pragati nightly`
        ");
    }
}

mod refused {
    use super::*;

    #[test]
    fn an_unknown_batch() {
        let out = TestExports::small_night().0;
        insta::assert_snapshot!(complaint(out.path(), 1, "b3", &[]), @r"
        error: batch 'b3' is neither in table batches nor in table enrolments of the snapshot of 2026-11-22;
        check the id or choose another --date
        ");
    }

    #[test]
    fn a_mart_file_of_another_size() {
        let out = TestExports::small_night().0;
        let file = File::options().write(true).open(mart_file(out.path())).expect("a file");
        file.set_len(1_000).expect("cut");
        let size = fs::metadata(mart_file(out.path())).expect("a file").len();
        assert_eq!(size, 1_000);
        let complaint = complaint(out.path(), 1, "b1", &[]);
        let listed = manifest(out.path())
            .files
            .into_iter()
            .find(|file| file.path.contains("course_progress_report/"));
        let listed = listed.expect("the mart").bytes.to_string();
        insta::assert_snapshot!(complaint.replace(&listed, "LISTED"), @r"
        error: OUT/date=2026-11-22/course_progress_report/part-00000.parquet has 1000 bytes and its manifest
        says LISTED; the file was damaged or replaced: run `pragati nightly` again
        ");
    }

    #[test]
    fn a_mart_file_that_is_missing() {
        let out = TestExports::small_night().0;
        fs::remove_file(mart_file(out.path())).expect("removed");
        insta::assert_snapshot!(complaint(out.path(), 1, "b1", &[]), @r"
        error: OUT/date=2026-11-22/course_progress_report/part-00000.parquet is listed in its manifest and
        missing; open the output again, or run `pragati nightly` again
        ");
    }

    #[test]
    fn a_mart_file_with_other_bytes() {
        let out = TestExports::small_night().0;
        let mut bytes = fs::read(mart_file(out.path())).expect("a file");
        let end = bytes.len() - 4;
        bytes[end..].copy_from_slice(b"none");
        fs::write(mart_file(out.path()), bytes).expect("written");
        insta::assert_snapshot!(complaint(out.path(), 1, "b1", &[]), @r"
        error: OUT/date=2026-11-22/course_progress_report/part-00000.parquet cannot be read as a part of the
        nightly output: Parquet error: Invalid Parquet file. Corrupt footer; run `pragati nightly` again
        ");
    }

    #[test]
    fn a_mart_with_fewer_rows_than_the_manifest_says() {
        let out = TestExports::small_night().0;
        change_manifest(out.path(), "\"rows\": 2,", "\"rows\": 3,");
        insta::assert_snapshot!(complaint(out.path(), 1, "b1", &[]), @r"
        error: OUT/date=2026-11-22/course_progress_report/part-00000.parquet holds 2 rows of batch 'b1' and
        its manifest says 3; run `pragati nightly` again
        ");
    }

    #[test]
    fn a_manifest_of_another_version() {
        let out = TestExports::small_night().0;
        change_manifest(out.path(), "\"format_version\": 1", "\"format_version\": 2");
        insta::assert_snapshot!(complaint(out.path(), 1, "b1", &[]), @r"
        error: OUT/date=2026-11-22/manifest.json has format version 2 and this pragati reads version 1; use
        the pragati that wrote it, or run `pragati nightly` again
        ");
        change_manifest(out.path(), "\"timezone\"", "\"zone\"");
        assert!(complaint(out.path(), 1, "b1", &[]).contains("format version 2"));
    }

    #[test]
    fn settings_that_the_rows_were_not_made_with() {
        let exports = TestExports::small();
        let (out, _day) = TestExports::small_night();
        let omit = exports.config("report.unknown_users = 'omit'");
        let complaints = [
            complaint(out.path(), 2, "b1", &["--timezone", "UTC"]),
            complaint(out.path(), 2, "b1", &["--same-tenant"]),
            complaint(out.path(), 2, "b1", &["--config", &omit]),
        ];
        insta::assert_snapshot!(complaints.join("\n"), @r"
        error: the reports in OUT/date=2026-11-22 were made with timezone = Asia/Kolkata, not UTC; run
        `pragati nightly` with timezone = UTC, or use --exports
        error: the reports in OUT/date=2026-11-22 were made with report.same_tenant = false, not true; run
        `pragati nightly` with report.same_tenant = true, or use --exports
        error: the reports in OUT/date=2026-11-22 were made with report.unknown_users = keep, not omit; run
        `pragati nightly` with report.unknown_users = omit, or use --exports
        ");
    }

    #[test]
    fn exports_and_reports_at_once() {
        let out = TestExports::small_night().0;
        from_reports(out.path(), "b1", &["--exports", "exports"])
            .assert()
            .code(2);
    }
}

/// A service holds one day's output while the next run replaces it.
#[test]
fn an_open_day_never_returns_rows_of_another() {
    let exports = TestExports::sample(500, 3_000, 12, 1);
    let out = made(&exports);
    let batch = batches(out.path()).swap_remove(0).0.parse().expect("an id");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let reports = Location::parse(out.path().to_str().expect("UTF-8")).expect("a folder");
        let published = Published::open(reports, DateChoice::Latest).await.expect("a day");
        assert!(published.report_of_batch(&batch).await.is_ok());
        // A file that was taken over is the same file.
        exports.output("nightly", &["--full", "--out", out.path().to_str().expect("UTF-8")]);
        let found = published.report_of_batch(&batch).await.err();
        assert!(matches!(found, Some(PublishedError::Replaced { .. })), "{found:?}");
    });
}
