//! Times that cannot be right, and days far from ours: rows over time stay few, and are right for every year, and reports
//! hold days of the years 1 to 9999 alone.

use std::fs;

use serde_json::Value;

use crate::exports_types::mapped;
use crate::ratio::{clicked, moved};
use crate::support::{ENROLMENTS, TestExports, csv_columns, select};

/// A click of the platform's on batch b1, at a time in milliseconds.
fn click(mid: &str, millis: i64) -> String {
    format!(
        "{{\"eid\":\"INTERACT\",\"ets\":{millis},\"mid\":\"{mid}\",\"context\":{{\"channel\":\"t1\",\"cdata\":[{{\"type\":\"Batch\",\
         \"id\":\"b1\"}}]}},\"edata\":{{\"id\":\"download\",\"pageid\":\"course-progress-dashboard\"}}}}\n"
    )
}

/// The small exports with a click of 2026-11-20, one in seconds, one at 0, and one of 1600-01-01.
fn impossible() -> TestExports {
    let lines = [
        click("good", 1_795_150_800_000),
        click("seconds", 1_795_150_800),
        click("zero", 0),
        click("of 1600", -11_676_096_000_000),
    ];
    TestExports::small().telemetry("date=2026-11-21/a.json", lines.concat().as_bytes())
}

fn periods(exports: &TestExports, arguments: &[&str]) -> String {
    let csv = exports.output("ratio", &[&["--level", "all", "--format", "csv"], arguments].concat());
    csv_columns(&csv, &["downloads", "window_start", "window_end"])
}

#[test]
fn rows_over_time_begin_with_the_first_click_that_can_be_right() {
    let exports = impossible();
    insta::assert_snapshot!(periods(&exports, &["--by", "day"]), @r"
    1,2026-11-20,2026-11-20
    0,2026-11-21,2026-11-21
    0,2026-11-22,2026-11-22
    ");
    assert_eq!(periods(&exports, &["--by", "week"]), "1,2026-11-16,2026-11-22\n");
    assert_eq!(periods(&exports, &["--by", "month"]), "1,2026-11-01,2026-11-22\n");
    assert_eq!(
        periods(&exports, &["--window", "all"]),
        "4,,2026-11-22\n",
        "all time has them all"
    );
    let in_sql = "select count(*) as n from download_ratio_over_time where level = 'all'";
    assert_eq!(exports.output("sql", &["-c", in_sql, "--format", "csv"]), "n\n5\n");
}

/// The small exports whose enrolments are at a time in microseconds since 1970, or spelled so.
fn enrolled_at(time: &str) -> TestExports {
    TestExports::small().table(
        "enrolments",
        &select(&format!("* replace ({time} as enrolled_at)"), ENROLMENTS),
    )
}

#[test]
fn times_outside_the_years_1_to_9999_are_never_in_a_report() {
    let micros = |micros: i64| format!("arrow_cast({micros}, 'Timestamp(Microsecond, Some(\"UTC\"))')");
    let (first, last) = (-62_135_596_800_000_000, 253_402_300_799_999_999);
    for time in [
        micros(first - 1),
        micros(last + 1),
        "'0000-12-31T23:59:59Z'".to_owned(),
        "'9999-12-31T23:59:59-05:00'".to_owned(),
    ] {
        let exports = enrolled_at(&time);
        for (command, arguments) in [("check", vec![]), ("report", vec!["--batch", "b1"])] {
            let complaint = exports.complaint(1, command, &arguments);
            for words in [
                "table enrolments: column enrolled_at in ",
                "row 1: ",
                "not in the years 1 to 9999",
            ] {
                assert!(complaint.contains(words), "{command}, {time}: {complaint}");
            }
        }
        let config = mapped(&exports, "enrolments", "select * from enrolments");
        let complaint = exports.complaint(1, "report", &["--batch", "b1", "--config", &config]);
        assert!(complaint.contains("not in the years 1 to 9999"), "{time}: {complaint}");
    }
    // Both ends of these years stand for a day that is not known, and are that day in every zone.
    for (time, day) in [(micros(first), "0001-01-01"), (micros(last), "9999-12-31")] {
        for zone in ["Asia/Kolkata", "America/New_York"] {
            let exports = enrolled_at(&time);
            let config = exports.config(&format!("timezone = '{zone}'"));
            let report = exports.report("b1", &["--config", &config]);
            assert_eq!(
                csv_columns(&report, &["Enrollment Date"]),
                format!("{day}\n{day}\n"),
                "{zone}"
            );
        }
    }
}

#[test]
fn left_out_clicks_are_reported() {
    let exports = impossible();
    let arguments = ["--by", "week", "--format", "csv"];
    let (_, talk) = exports.output_and_talk("ratio", &arguments);
    assert!(
        talk.contains("clicks and deliveries before 2000-01-01: 3, the first of 1600-01-01"),
        "{talk}"
    );
    let all = [&arguments[..], &["--since", "2026-11-01"]].concat();
    assert!(!exports.output_and_talk("ratio", &all).1.contains("leave out"));
    let (_out, day) = exports.nightly(&[]);
    let manifest: Value =
        serde_json::from_slice(&fs::read(day.join("manifest.json")).expect("a manifest")).expect("JSON");
    assert_eq!(manifest["counts"]["left_out_by_day"], 3);
    let by_day = fs::read_to_string(day.join("download_ratio_by_day/download_ratio_by_day.csv")).expect("a table");
    assert!(by_day.lines().count() < 200, "{} lines", by_day.lines().count());
    let (_out, day) = clicked("('m1', '2026-11-20T10:00:00', 'c1', 'b1', 't1')").nightly(&[]);
    let manifest: Value =
        serde_json::from_slice(&fs::read(day.join("manifest.json")).expect("a manifest")).expect("JSON");
    assert_eq!(manifest["counts"]["left_out_by_day"], 0);
    assert_eq!(manifest["versions"]["tz"], "2026f");
}

#[test]
fn any_requested_day_has_its_week_and_month() {
    let exports = impossible();
    let around = ["--since", "1599-12-20", "--until", "1600-01-10", "--by"];
    insta::assert_snapshot!(periods(&exports, &[&around[..], &["week"]].concat()), @r"
    0,1599-12-20,1599-12-26
    1,1599-12-27,1600-01-02
    0,1600-01-03,1600-01-09
    0,1600-01-10,1600-01-10
    ");
    insta::assert_snapshot!(periods(&exports, &[&around[..], &["month"]].concat()), @r"
    0,1599-12-20,1599-12-31
    1,1600-01-01,1600-01-10
    ");
    let months = periods(&exports, &["--since", "0001-01-01", "--by", "month"]);
    assert_eq!(months.lines().count(), 2025 * 12 + 11);
    assert_eq!(months.lines().next(), Some("0,0001-01-01,0001-01-31"));
    let weeks = periods(
        &exports,
        &["--since", "0001-01-01", "--until", "0001-01-08", "--by", "week"],
    );
    assert_eq!(weeks, "0,0001-01-01,0001-01-07\n0,0001-01-08,0001-01-08\n");
}

#[test]
fn the_last_days_of_the_calendar_have_theirs_too() {
    let day = "9999-12-31";
    let exports = ["users", "enrolments", "course_progress", "batches"]
        .into_iter()
        .fold(TestExports::small(), |exports, table| moved(exports, table, day))
        .telemetry("date=2026-11-21/a.json", click("last", 253_402_200_000_000).as_bytes());
    insta::assert_snapshot!(periods(&exports, &["--since", "9999-12-24", "--by", "week"]), @r"
    0,9999-12-24,9999-12-26
    1,9999-12-27,9999-12-31
    ");
    assert_eq!(periods(&exports, &["--by", "month"]), "1,9999-12-01,9999-12-31\n");
}
