//! `pragati ratio --by`, `--since` and `--until`: the ratio by day, week and month, and over any days.

use crate::ratio::{clicked, clicks, moved};
use crate::support::{TestExports, csv_columns, wrapped};

#[test]
fn by_day_every_day_has_a_row_for_all_courses() {
    // The second click is the first one's double, a second later and on the next day.
    let exports = clicked(
        "('m1', '2026-11-20T18:29:59', 'c1', 'b1', 't1'),
         ('m2', '2026-11-20T18:30:00', 'c1', 'b1', 't1'),
         ('m3', '2026-11-22T10:00:00', 'c1', 'b2', 't2'),
         ('m4', '2026-11-22T18:30:00', 'c1', 'b2', 't2')",
    );
    insta::assert_snapshot!(over_time(&exports, &["--by", "day", "--since", "2026-11-19"]), @r"
    all,,,day,0,2,0.0,0,0,2026-11-19,2026-11-19
    all,,,day,1,2,0.5,1,1,2026-11-20,2026-11-20
    all,,,day,1,2,0.5,1,0,2026-11-21,2026-11-21
    all,,,day,1,2,0.5,1,1,2026-11-22,2026-11-22
    course,c1,,day,1,2,0.5,1,1,2026-11-20,2026-11-20
    course,c1,,day,1,2,0.5,1,0,2026-11-21,2026-11-21
    course,c1,,day,1,2,0.5,1,1,2026-11-22,2026-11-22
    tenant,,t1,day,1,1,1.0,1,1,2026-11-20,2026-11-20
    tenant,,t1,day,1,1,1.0,1,0,2026-11-21,2026-11-21
    tenant,,t2,day,1,1,1.0,1,1,2026-11-22,2026-11-22
    tenant_course,c1,t1,day,1,1,1.0,1,1,2026-11-20,2026-11-20
    tenant_course,c1,t1,day,1,1,1.0,1,0,2026-11-21,2026-11-21
    tenant_course,c1,t2,day,1,1,1.0,1,1,2026-11-22,2026-11-22
    ");
}

#[test]
fn without_a_first_day_periods_begin_with_the_first_click() {
    let exports = clicked("('m1', '2026-11-10T10:00:00', 'c1', 'b1', 't1')");
    insta::assert_snapshot!(over_time(&exports, &["--by", "week", "--level", "all"]), @r"
    all,,,week,1,2,0.5,1,1,2026-11-09,2026-11-15
    all,,,week,0,2,0.0,0,0,2026-11-16,2026-11-22
    ");
    let none = TestExports::small();
    insta::assert_snapshot!(over_time(&none, &["--by", "day"]), @"all,,,day,0,2,0.0,0,0,2026-11-22,2026-11-22");
}

#[test]
fn weeks_begin_on_monday_and_end_with_the_days_that_are_asked_for() {
    let exports = clicked(
        "('Sunday', '2026-11-15T18:29:59', 'c1', 'b1', 't1'),
         ('Monday', '2026-11-15T18:30:00', 'c1', 'b1', 't1'),
         ('Thursday', '2026-11-19T10:00:00', 'c1', 'b1', 't1')",
    );
    let days = [
        "--since",
        "2026-11-11",
        "--until",
        "2026-11-18",
        "--by",
        "week",
        "--level",
        "all",
    ];
    insta::assert_snapshot!(over_time(&exports, &days), @r"
    all,,,week,1,2,0.5,1,1,2026-11-11,2026-11-15
    all,,,week,1,2,0.5,1,0,2026-11-16,2026-11-18
    ");
}

/// Snapshots of 2028-03-01, the day after a leap day.
fn leap() -> TestExports {
    let click = |day: &str| format!("('{day}', '{day}T10:00:00', 'c1', 'b1', 't1')");
    let days = ["2027-12-31", "2028-01-31", "2028-02-28", "2028-02-29", "2028-03-01"];
    let rows: Vec<String> = days.into_iter().map(click).collect();
    let day = "2028-03-01";
    ["users", "enrolments", "course_progress", "batches"]
        .into_iter()
        .fold(TestExports::small(), |exports, table| moved(exports, table, day))
        .table_on("download_events", day, &clicks(&rows.join(", ")))
}

#[test]
fn months_end_when_they_end_also_in_leap_years() {
    insta::assert_snapshot!(over_time(&leap(), &["--by", "month", "--level", "all"]), @r"
    all,,,month,1,2,0.5,1,1,2027-12-01,2027-12-31
    all,,,month,1,2,0.5,1,1,2028-01-01,2028-01-31
    all,,,month,2,2,1.0,1,2,2028-02-01,2028-02-29
    all,,,month,1,2,0.5,1,1,2028-03-01,2028-03-01
    ");
    let days = [
        "--by",
        "month",
        "--level",
        "all",
        "--since",
        "2028-01-31",
        "--until",
        "2028-02-28",
    ];
    insta::assert_snapshot!(over_time(&leap(), &days), @r"
    all,,,month,1,2,0.5,1,1,2028-01-31,2028-01-31
    all,,,month,1,2,0.5,1,1,2028-02-01,2028-02-28
    ");
    let leap_day = [
        "--by",
        "day",
        "--level",
        "tenant",
        "--since",
        "2028-02-29",
        "--until",
        "2028-02-29",
    ];
    insta::assert_snapshot!(over_time(&leap(), &leap_day), @"tenant,,t1,day,1,1,1.0,1,1,2028-02-29,2028-02-29");
}

#[test]
fn some_days_together_are_one_row_an_id() {
    let days = ["--since", "2028-01-31", "--until", "2028-02-29"];
    insta::assert_snapshot!(over_time(&leap(), &days), @r"
    all,,,custom,3,2,1.5,1,3,2028-01-31,2028-02-29
    course,c1,,custom,3,2,1.5,1,3,2028-01-31,2028-02-29
    tenant,,t1,custom,3,1,3.0,1,3,2028-01-31,2028-02-29
    tenant,,t2,custom,0,1,0.0,0,0,2028-01-31,2028-02-29
    tenant_course,c1,t1,custom,3,1,3.0,1,3,2028-01-31,2028-02-29
    tenant_course,c1,t2,custom,0,1,0.0,0,0,2028-01-31,2028-02-29
    ");
    let level = ["--level", "all"];
    insta::assert_snapshot!(over_time(&leap(), &[&["--until", "2028-02-28"], &level[..]].concat()), @"all,,,custom,3,2,1.5,1,3,,2028-02-28");
    insta::assert_snapshot!(over_time(&leap(), &[&["--since", "2028-02-29"], &level[..]].concat()), @"all,,,custom,2,2,1.0,1,2,2028-02-29,2028-03-01");
}

#[test]
fn days_after_the_snapshot_are_left_out_with_a_warning() {
    let output = leap()
        .command("ratio")
        .args([
            "--by",
            "day",
            "--level",
            "all",
            "--format",
            "csv",
            "--since",
            "2028-03-01",
            "--until",
            "2028-03-05",
        ])
        .output()
        .expect("a run");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 2);
    let warning = String::from_utf8_lossy(&output.stderr);
    assert!(warning.contains("2028-03-01"), "{warning}");
}

#[test]
fn days_in_the_wrong_order_and_windows_beside_days_are_wrong_usage() {
    let exports = leap();
    let complaint = |arguments: &[&str]| wrapped(&exports.complaint(2, "ratio", arguments));
    insta::assert_snapshot!(complaint(&["--since", "2028-02-02", "--until", "2028-02-01"]), @"error: --since 2028-02-02 is after --until 2028-02-01; give the first day first");
    insta::assert_snapshot!(complaint(&["--by", "day", "--since", "2028-03-02"]), @r"
    error: --since 2028-03-02 is after the snapshot's day, 2028-03-01; choose an earlier day, or a later
    snapshot with --date
    ");
    for arguments in [
        ["--window", "7d", "--by", "day"],
        ["--window", "all", "--since", "2028-02-01"],
        ["--window", "1d", "--until", "2028-02-01"],
        ["--by", "year", "--level", "all"],
        ["--by", "day", "--since", "2028-02-30"],
        ["--explain", "c1", "--level", "all"],
    ] {
        exports.command("ratio").args(arguments).assert().code(2);
    }
}

#[test]
fn a_single_day_is_the_window_of_one_day_and_seven_are_that_of_seven() {
    let exports = TestExports::sample(500, 3_000, 20, 40);
    let columns = [
        "level",
        "course_id",
        "tenant_id",
        "downloads",
        "batches",
        "batches_downloaded",
        "coverage",
        "requests",
    ];
    let of = |arguments: &[&str]| {
        let csv = exports.output("ratio", &[&["--format", "csv"], arguments].concat());
        csv_columns(&csv, &columns)
    };
    for (window, since) in [("1d", "2026-11-22"), ("7d", "2026-11-16"), ("30d", "2026-10-24")] {
        let expected = of(&["--window", window]);
        assert_eq!(of(&["--since", since]), expected, "{window}");
        assert!(expected.lines().count() > 10);
    }
}

/// level, course, tenant, window: downloads / batches = ratio, batches downloaded, requests; first and last day.
fn over_time(exports: &TestExports, arguments: &[&str]) -> String {
    let columns = [
        "level",
        "course_id",
        "tenant_id",
        "time_window",
        "downloads",
        "batches",
        "download_ratio",
        "batches_downloaded",
        "requests",
        "window_start",
        "window_end",
    ];
    csv_columns(
        &exports.output("ratio", &[&["--format", "csv"], arguments].concat()),
        &columns,
    )
}
