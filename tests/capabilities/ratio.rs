//! `pragati ratio`: the download ratio, in small cases with answers known by hand.
//!
//! Batch b1 is course c1's of tenant t1, b2 the same course's of tenant t2, unless a test says otherwise.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::arrow::ipc::reader::StreamReader;

use crate::support::{DATE, TestExports, batches, csv_columns, query_parquet};

#[test]
fn downloads_over_batches_for_all_each_course_and_each_tenant() {
    let exports = clicked(
        "('m1', '2026-11-20T10:00:00', 'c1', 'b1', 't1'),
         ('m2', '2026-11-21T10:00:00', 'c1', 'b1', 't1')",
    );
    let csv = exports.output("ratio", &["--format", "csv"]);
    insta::assert_snapshot!(csv.replacen(",batches_downloaded", "\n    ,batches_downloaded", 1), @r"
    level,course_id,tenant_id,time_window,downloads,batches,download_ratio
        ,batches_downloaded,coverage,requests,delivered,window_start,window_end,as_of
    all,,,all,2,2,1.0,1,0.5,2,,,2026-11-22,2026-11-22
    course,c1,,all,2,2,1.0,1,0.5,2,,,2026-11-22,2026-11-22
    tenant,,t1,all,2,1,2.0,1,1.0,2,,,2026-11-22,2026-11-22
    tenant,,t2,all,0,1,0.0,0,0.0,0,,,2026-11-22,2026-11-22
    tenant_course,c1,t1,all,2,1,2.0,1,1.0,2,,,2026-11-22,2026-11-22
    tenant_course,c1,t2,all,0,1,0.0,0,0.0,0,,,2026-11-22,2026-11-22
    ");
}

#[test]
fn without_download_events_nothing_was_downloaded() {
    insta::assert_snapshot!(ratios(&TestExports::small(), &[]), @r"
    all,,,0,2,0.0,0,0.0
    course,c1,,0,2,0.0,0,0.0
    tenant,,t1,0,1,0.0,0,0.0
    tenant,,t2,0,1,0.0,0,0.0
    tenant_course,c1,t1,0,1,0.0,0,0.0
    tenant_course,c1,t2,0,1,0.0,0,0.0
    ");
}

#[test]
fn a_ratio_over_no_batches_is_null() {
    let no_batches = format!("{} where false", batches("('b1', 'c1', 't1')"));
    let none = TestExports::small().table("batches", &no_batches);
    insta::assert_snapshot!(ratios(&none, &[]), @"all,,,0,0,,0,");
    let clicked = none.table(
        "download_events",
        &clicks("('m1', '2026-11-22T10:00:00', 'c1', 'b1', null)"),
    );
    insta::assert_snapshot!(ratios(&clicked, &[]), @r"
    all,,,1,0,,0,
    course,c1,,1,0,,0,
    tenant,,,1,0,,0,
    tenant_course,c1,,1,0,,0,
    ");
}

#[test]
fn repeated_clicks_among_many_count_once_with_any_memory_limit() {
    let exports = TestExports::small().table(
        "download_events",
        "select 'INTERACT:' || cast(value % 90000 as varchar) as mid,
            to_timestamp_seconds(1760000000 + value % 90000 * 61) as event_time,
            'u1' as user_id, 'c1' as course_id, 'b1' as batch_id, 't1' as tenant_id
        from generate_series(1, 100000) as click(value)",
    );
    for limit in ["1GB", "32MB"] {
        for threads in ["1", "2", "5"] {
            let options = ["--level", "all", "--memory-limit", limit, "--threads", threads];
            let found = ratios(&exports, &options);
            assert!(
                found.starts_with("all,,,90000,2,45000.0,1,"),
                "{limit}, {threads} threads: {found}"
            );
        }
    }
}

#[test]
fn one_level_alone() {
    let exports = TestExports::small().table("batches", &batches("('b1', 'c1', 't1'), ('b2', 'c2', 't1')"));
    insta::assert_snapshot!(ratios(&exports, &["--level", "all"]), @"all,,,0,2,0.0,0,0.0");
    insta::assert_snapshot!(ratios(&exports, &["--level", "course"]), @r"
    course,c1,,0,1,0.0,0,0.0
    course,c2,,0,1,0.0,0,0.0
    ");
    insta::assert_snapshot!(ratios(&exports, &["--level", "tenant"]), @"tenant,,t1,0,2,0.0,0,0.0");
    insta::assert_snapshot!(ratios(&exports, &["--level", "tenant_course"]), @r"
    tenant_course,c1,t1,0,1,0.0,0,0.0
    tenant_course,c2,t1,0,1,0.0,0,0.0
    ");
}

#[test]
fn a_batch_without_course_and_tenant_counts_for_those_that_are_unknown() {
    let exports = clicked("('m1', '2026-11-22T10:00:00', 'c1', 'b1', 't1')")
        .table("batches", &batches("('b1', ' ', null), ('b2', 'c1', 't1')"));
    insta::assert_snapshot!(ratios(&exports, &[]), @r"
    all,,,1,2,0.5,1,0.5
    course,c1,,0,1,0.0,0,0.0
    course,,,1,1,1.0,1,1.0
    tenant,,t1,0,1,0.0,0,0.0
    tenant,,,1,1,1.0,1,1.0
    tenant_course,c1,t1,0,1,0.0,0,0.0
    tenant_course,,,1,1,1.0,1,1.0
    ");
}

#[test]
fn a_click_on_an_unknown_batch_counts_where_it_says_and_makes_no_batch() {
    let exports = clicked("('m1', '2026-11-22T10:00:00', 'c9', 'b9', 't1')");
    insta::assert_snapshot!(ratios(&exports, &[]), @r"
    all,,,1,2,0.5,0,0.0
    course,c1,,0,2,0.0,0,0.0
    course,c9,,1,0,,0,
    tenant,,t1,1,1,1.0,0,0.0
    tenant,,t2,0,1,0.0,0,0.0
    tenant_course,c1,t1,0,1,0.0,0,0.0
    tenant_course,c1,t2,0,1,0.0,0,0.0
    tenant_course,c9,t1,1,0,,0,
    ");
}

#[test]
fn a_click_counts_once_however_often_and_on_whatever_day_it_arrives() {
    let click = clicks("('m1', '2026-11-20T10:00:00', 'c1', 'b1', 't1')");
    let exports = clicked(
        "('m1', '2026-11-22T10:00:00', 'c1', 'b1', 't1'),
         ('m1', '2026-11-22T10:00:00', 'c1', 'b1', 't1')",
    )
    .table_on("download_events", "2026-11-20", &click)
    .table_on("download_events", "2026-11-21", &click);
    assert_eq!(downloads(&exports, &[]), "1");
    // On the day of the click.
    assert_eq!(downloads(&exports, &["--window", "1d"]), "0");
}

#[test]
fn a_click_after_the_snapshot_s_day_is_not_counted_yet() {
    let exports = clicked(
        "('m1', '2026-11-22T18:29:59.999', 'c1', 'b1', 't1'),
         ('m2', '2026-11-22T18:30:00', 'c1', 'b1', 't1')",
    );
    assert_eq!(downloads(&exports, &[]), "1");
    assert_eq!(downloads(&exports, &["--timezone", "UTC"]), "2");
}

#[test]
fn windows_begin_at_local_midnight() {
    let exports = clicked(
        "('one day', '2026-11-21T18:30:00', 'c1', 'b1', 't1'),
         ('before it', '2026-11-21T18:29:59', 'c1', 'b1', 't1'),
         ('seven days', '2026-11-15T18:30:00', 'c1', 'b1', 't1'),
         ('before them', '2026-11-15T18:29:59', 'c1', 'b1', 't1'),
         ('thirty days', '2026-10-23T18:30:00', 'c1', 'b1', 't1'),
         ('before all', '2026-10-23T18:29:59', 'c1', 'b1', 't1')",
    );
    insta::assert_snapshot!(windows(&exports), @r"
    all,6,,2026-11-22
    30d,5,2026-10-24,2026-11-22
    7d,3,2026-11-16,2026-11-22
    1d,1,2026-11-22,2026-11-22
    ");
}

#[test]
fn windows_cross_the_end_of_a_short_month() {
    let day = "2027-03-01";
    let click = |mid, day| format!("('{mid}', '{day}T10:00:00', 'c1', 'b1', 't1')");
    let days = [
        "2027-03-01",
        "2027-02-28",
        "2027-02-23",
        "2027-02-22",
        "2027-01-31",
        "2027-01-30",
    ];
    let rows: Vec<String> = days.iter().map(|day| click(day, day)).collect();
    let exports = ["users", "enrolments", "course_progress", "batches"]
        .into_iter()
        .fold(TestExports::small(), |exports, table| moved(exports, table, day))
        .table_on("download_events", day, &clicks(&rows.join(", ")));
    insta::assert_snapshot!(windows(&exports), @r"
    all,6,,2027-03-01
    30d,5,2027-01-31,2027-03-01
    7d,3,2027-02-23,2027-03-01
    1d,1,2027-03-01,2027-03-01
    ");
}

#[test]
fn the_table_is_for_people() {
    let exports = clicked("('m1', '2026-11-22T10:00:00', 'c1', 'b1', 't1')");
    let table = exports.output("ratio", &["--level", "all"]);
    let line = table.lines().find(|line| line.contains(DATE)).expect("a row");
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    insta::assert_snapshot!(cells.join(" ").trim(), @r"
    all NULL NULL all 1 2 0.5 1 0.5 1 NULL NULL 2026-11-22 2026-11-22
    ");
}

#[test]
fn json_has_numbers_and_nulls() {
    let exports = clicked("('m1', '2026-11-22T10:00:00', 'c1', 'b1', 't1')");
    let json = exports.output("ratio", &["--level", "all", "--window", "7d", "--format", "json"]);
    insta::assert_snapshot!(json.replace(",\"b", ",\n \"b").replace(",\"window_s", ",\n \"window_s"), @r#"
    [{"level":"all","course_id":null,"tenant_id":null,"time_window":"7d","downloads":1,
     "batches":2,"download_ratio":0.5,
     "batches_downloaded":1,"coverage":0.5,"requests":1,"delivered":null,
     "window_start":"2026-11-16","window_end":"2026-11-22","as_of":"2026-11-22"}]
    "#);
}

#[test]
fn a_parquet_file_holds_the_same_numbers() {
    let exports = clicked("('m1', '2026-11-22T10:00:00', 'c1', 'b1', 't1')");
    let file = exports.path().join("ratio.parquet");
    let printed = exports.output("ratio", &["--format", "parquet", "-o", file.to_str().expect("UTF-8")]);
    assert_eq!(printed, "");
    let numbers = "select level, course_id, tenant_id, downloads, batches, download_ratio, as_of from files
        where level <> 'tenant_course'";
    insta::assert_snapshot!(query_parquet(&file, numbers), @r"
    +--------+-----------+-----------+-----------+---------+----------------+------------+
    | level  | course_id | tenant_id | downloads | batches | download_ratio | as_of      |
    +--------+-----------+-----------+-----------+---------+----------------+------------+
    | all    |           |           | 1         | 2       | 0.5            | 2026-11-22 |
    | course | c1        |           | 1         | 2       | 0.5            | 2026-11-22 |
    | tenant |           | t1        | 1         | 1       | 1.0            | 2026-11-22 |
    | tenant |           | t2        | 0         | 1       | 0.0            | 2026-11-22 |
    +--------+-----------+-----------+-----------+---------+----------------+------------+
    ");
}

#[test]
fn an_arrow_stream_holds_the_same_numbers() {
    let exports = clicked("('m1', '2026-11-22T10:00:00', 'c1', 'b1', 't1')");
    let stream = exports
        .command("ratio")
        .args(["--level", "all", "--format", "arrow"])
        .output()
        .expect("a run")
        .stdout;
    let mut reader = StreamReader::try_new(stream.as_slice(), None).expect("a stream");
    let rows = reader.next().expect("rows").expect("readable");
    let downloads = rows.column_by_name("downloads").expect("the column");
    assert_eq!(downloads.as_primitive::<Int64Type>().values(), &[1]);
    assert!(reader.next().is_none());
}

#[test]
fn a_click_before_its_batch_begins_counts() {
    let exports = clicked("('m1', '2020-01-01T10:00:00', 'c1', 'b1', 't1')").table(
        "batches",
        "select 'b1' as batch_id, 'c1' as course_id, 't1' as tenant_id, cast('2026-11-01' as date) as start_date",
    );
    assert_eq!(downloads(&exports, &[]), "1");
}

#[test]
fn requests_leave_out_double_clicks() {
    let exports = clicked(
        "('m1', '2026-11-22T10:00:00', 'c1', 'b1', 't1'),
         ('m2', '2026-11-22T10:01:00', 'c1', 'b1', 't1'),
         ('m3', '2026-11-22T10:02:01', 'c1', 'b1', 't1'),
         ('m4', '2026-11-22T10:02:02', 'c1', 'b2', 't1')",
    );
    let csv = exports.output("ratio", &["--level", "all", "--format", "csv"]);
    assert_eq!(csv_columns(&csv, &["downloads", "requests"]), "4,3\n");
}

#[test]
fn double_clicks_among_many_are_one_request_with_any_memory_limit() {
    // Of each of 30,000 people three clicks, two of them close together, and each a second time.
    let exports = TestExports::small().table(
        "download_events",
        "select 'INTERACT:' || cast(value % 90000 as varchar) as mid,
            to_timestamp_seconds(1790000000 + case value % 3 when 0 then 0 when 1 then 40 else 4000 end) as event_time,
            'u' || cast((value % 90000) / 3 as varchar) as user_id, 'c1' as course_id, 'b1' as batch_id, 't1' as tenant_id
        from generate_series(0, 179999) as click(value)",
    );
    for limit in ["1GB", "64MB"] {
        for threads in ["1", "3"] {
            let options = [
                "--level",
                "all",
                "--format",
                "csv",
                "--memory-limit",
                limit,
                "--threads",
                threads,
            ];
            let found = csv_columns(&exports.output("ratio", &options), &["downloads", "requests"]);
            assert_eq!(found, "90000,60000\n", "{limit}, {threads} threads");
        }
    }
}

#[test]
fn an_unknown_window_is_wrong_usage() {
    TestExports::small()
        .command("ratio")
        .args(["--window", "2d"])
        .assert()
        .code(2);
}

/// The small exports with these clicks: mid, time, course, batch, tenant.
pub fn clicked(rows: &str) -> TestExports {
    TestExports::small().table("download_events", &clicks(rows))
}

/// A `download_events` table: mid, time, course, batch, tenant.
pub fn clicks(rows: &str) -> String {
    format!(
        "select mid, to_timestamp(event_time) as event_time, 'u1' as user_id, course_id, batch_id,
            cast(tenant_id as varchar) as tenant_id
        from (values {rows}) as download_events(mid, event_time, course_id, batch_id, tenant_id)"
    )
}

/// The table's files of [`DATE`] as those of another day.
pub fn moved(exports: TestExports, table: &str, day: &str) -> TestExports {
    let folder = exports.path().join(table);
    std::fs::rename(folder.join(format!("date={DATE}")), folder.join(format!("date={day}"))).expect("moved");
    exports
}

/// level, course, tenant: downloads / batches = ratio, batches downloaded, coverage.
fn ratios(exports: &TestExports, arguments: &[&str]) -> String {
    let csv = exports.output("ratio", &[&["--format", "csv"], arguments].concat());
    let counts = [
        "downloads",
        "batches",
        "download_ratio",
        "batches_downloaded",
        "coverage",
    ];
    csv_columns(
        &csv,
        &[&["level", "course_id", "tenant_id"], counts.as_slice()].concat(),
    )
}

/// window, downloads, first day, last day.
fn windows(exports: &TestExports) -> String {
    let row = |window| {
        let arguments = ["--level", "all", "--window", window, "--format", "csv"];
        let columns = ["time_window", "downloads", "window_start", "window_end"];
        csv_columns(&exports.output("ratio", &arguments), &columns)
    };
    ["all", "30d", "7d", "1d"].map(row).concat()
}

/// Downloads over all courses.
fn downloads(exports: &TestExports, arguments: &[&str]) -> String {
    let csv = exports.output("ratio", &[&["--level", "all", "--format", "csv"], arguments].concat());
    csv_columns(&csv, &["downloads"]).trim_end().to_owned()
}

/// A telemetry event of a click, as `pragati serve` and the platform write it.
fn telemetry_click(mid: &str, edata_id: &str, cdata: &str) -> String {
    format!(
        r#"{{"eid":"INTERACT","ets":1795152600000,"ver":"3.0","mid":"{mid}","actor":{{"id":"u1","type":"User"}},"context":{{"channel":"t9","pdata":{{"id":"pragati","ver":"1"}},"env":"x","cdata":{cdata}}},"object":{{"id":"c1","type":"Course"}},"edata":{{"id":"{edata_id}","type":"click","pageid":"course-progress-dashboard"}}}}"#
    )
}

#[test]
fn clicks_of_the_service_count_with_the_exported_ones() {
    let exports = TestExports::small();
    let events = tempfile::tempdir().expect("a folder");
    let day = events.path().join("date=2026-11-20");
    std::fs::create_dir(&day).expect("a folder");
    let batch = |kind: &str| format!(r#"[{{"type":"Other","id":"x"}},{{"type":"{kind}","id":"b1"}}]"#);
    let lines = [
        telemetry_click("m1", "download-progress-report", &batch("Batch")),
        telemetry_click("m2", "download-progress-report", &batch("batch")),
        telemetry_click("m2", "download-progress-report", &batch("batch")),
        telemetry_click("m3", "download-progress-report", "[]"),
        telemetry_click("m4", "something-else", &batch("Batch")),
    ];
    std::fs::write(day.join("clicks-1.ndjson"), lines.join("\n") + "\n").expect("a file");
    // Neither is a day's file of events.
    std::fs::write(day.join("clicks-2.tmp"), "{").expect("a file");
    std::fs::write(events.path().join("notes.ndjson"), "{").expect("a file");
    let place = events.path().to_str().expect("UTF-8");
    let sql = "select mid, event_time, user_id, course_id, batch_id, tenant_id, source
        from distinct_download_events order by mid";
    let clicks = exports.output("sql", &["--events", place, "--format", "csv", "-c", sql]);
    insta::assert_snapshot!(clicks, @r"
    mid,event_time,user_id,course_id,batch_id,tenant_id,source
    m1,2026-11-20T05:30:00Z,u1,c1,b1,t9,pragati
    m2,2026-11-20T05:30:00Z,u1,c1,b1,t9,pragati
    m3,2026-11-20T05:30:00Z,u1,c1,,t9,pragati
    ");
}
