//! `pragati check`: each rule finds what breaks it, and says so without personal data.

use std::fs;

use chrono::Utc;
use pragati::zone::Zone;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{COURSE_PROGRESS, ENROLMENTS, TestExports, USERS, batches, course_progress, enrolments};

#[test]
fn every_rule_counts_violations_and_names_examples() {
    let exports = bad();
    std::fs::write(exports.path().join("users/notes.txt"), "no table").expect("written");
    let output = exports
        .command("check")
        .args(["--format", "json"])
        .output()
        .expect("a run");
    assert_eq!(output.status.code(), Some(1));
    let findings = findings(&output.stdout);
    let listed = listed(&findings).replace(&exports.path().display().to_string(), "EXPORTS");
    insta::assert_snapshot!(listed, @r"
    must batches_without_batch_id: 1
        course c1
    must enrolments_without_batch_id: 2
        user u1
        user unknown
    must enrolments_without_course_id: 1
        user u2 in batch b1
    must enrolments_without_user_id: 2
        batch b1
        batch unknown
    must users_duplicated: 1
        u1
    must users_without_user_id: 2
        a user of SCERT
        a user of an unknown organisation
    should exports_not_read: 1
        table users: EXPORTS/users/notes.txt is not in a folder date=YYYY-MM-DD and is not read
    should batches_duplicated: 1
        batch b1
    should batches_without_course_id: 1
        batch b2
    should batches_without_enrolments: 2
        batch b2
        batch b3
    should batches_without_tenant_id: 1
        batch b3
    should completion_before_enrolment: 1
        user u1 in batch b1
    should download_events_after_arrival: 1
        event ahead of 2199-10-01 10:00:00+00 arrived by 2020-01-01
    should download_events_at_zero: 1
        event at zero of 1970-01-01 00:00:00+00
    should download_events_before_2000: 1
        event of 1600 of 1600-01-01 00:00:00+00
    should download_events_before_start_date: 4
        event at zero of batch b1
        event early of batch b1
        event in seconds of batch b1
    should download_events_in_seconds: 1
        event in seconds of 1970-01-19 02:37:40.8+00
    should download_events_of_unknown_batches: 1
        event gone
    should download_events_without_batch_id: 2
        event bare
        event no batch
    should download_events_without_course_id: 1
        event bare
    should download_events_without_mid: 1
        batch b1 at 2019-10-01 10:00:00+00
    should download_events_without_time: 1
        event bare
    should enrolments_duplicated: 1
        user u1 in batch b1
    should enrolments_of_unknown_batches: 1
        batch unknown batch
    should enrolments_of_unknown_users: 1
        user unknown user in batch b1
    should enrolments_without_active: 1
        user u3 in batch b1
    should enrolments_without_time: 1
        user u4 in batch b1
    should malformed_telemetry: 1
        telemetry/date=2019-10-01/a.json line 2: not JSON: expected value at column 1
    should progress_duplicated: 1
        user u1 in batch b1
    should progress_of_another_course: 1
        user u3 in batch b1
    should progress_out_of_range: 3
        user u3 in batch b1: NaN
        user u4 in batch b1: 100.5
        user u5 in batch b1: -1.0
    should progress_without_enrolment: 1
        user not enrolled in batch b1
    should progress_without_ids: 2
        user u1 in batch unknown
        user unknown in batch b1
    should progress_without_percent: 1
        user u2 in batch b1
    should snapshot_stale: 1
        the snapshot is of 2020-01-01
    should timestamps_in_the_future: 3
        completed_at of user u4 in batch b1
        enrolled_at of user u5 in batch b1
        event_time of download event ahead
    ");
    assert!(findings.iter().all(|finding| finding["rows"] != 0), "an untested rule");
}

#[test]
fn sound_exports_break_no_rule() {
    let event = clicks("('m1', '2026-10-05T12:00:00', 'b1')");
    let today = Zone::default().format(Utc::now(), "%Y-%m-%d");
    let exports = TestExports::empty()
        .table_on("users", &today, USERS)
        .table_on("enrolments", &today, ENROLMENTS)
        .table_on("course_progress", &today, COURSE_PROGRESS)
        .table_on("batches", &today, &batches("('b1', 'c1', 't1')"))
        .table_on("download_events", &today, &event);
    let findings = findings(exports.output("check", &["--format", "json"]).as_bytes());
    let rules = fs::read_dir("queries/checks").expect("the rules").count();
    // What is not read of the exports is no query.
    assert_eq!(findings.len(), rules + 1);
    for finding in findings {
        assert_eq!(finding["rows"], 0, "{finding}");
    }
}

#[test]
fn only_violations_of_must_rules_fail_the_command() {
    let progress = course_progress("('u1', 40, '2026-09-01T10:00:00')");
    let early = TestExports::small().table("course_progress", &progress);
    insta::assert_snapshot!(shown(&early.output("check", &[]), "completion_before_enrolment"), @r"
    should          1  completion_before_enrolment          nobody completes a course before enrolling
                        for example user u1 in batch b1
    ");
    let twice = early.table("users", &format!("{USERS} union all {USERS}"));
    insta::assert_snapshot!(twice.complaint(1, "check", &[]), @r"
    error: the snapshot of 2026-11-22 breaks 1 of the rules that must hold; see the rows marked MUST above
    ");
    let output = twice.command("check").output().expect("a run");
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    insta::assert_snapshot!(shown(&table, "users_duplicated"), @r"
    MUST            2  users_duplicated                     a user_id stands in users once
                        for example u1
                        for example u2
    ");
    insta::assert_snapshot!(shown(&table, "users_without_user_id"), @r"
    ok              0  users_without_user_id                every row of users has a user_id
    ");
}

#[test]
fn personal_data_is_never_shown() {
    for format in ["table", "json"] {
        let output = bad()
            .command("check")
            .args(["--format", format])
            .output()
            .expect("a run");
        let text = String::from_utf8([output.stdout, output.stderr].concat()).expect("UTF-8");
        for personal in ["E1", "Asha", "Kumar", "example.org", "1234", "अनीता"] {
            assert!(!text.contains(personal), "{format} shows {personal}: {text}");
        }
    }
}

/// The check reads rows together that several rules filter; `pragati query` runs one rule by itself.
#[test]
fn a_rule_finds_the_same_alone_as_in_the_check() {
    let exports = bad();
    let output = exports
        .command("check")
        .args(["--format", "json"])
        .output()
        .expect("a run");
    for finding in findings(&output.stdout) {
        let rule = finding["rule"].as_str().expect("a name");
        // A table each, and the joins.
        let is_of_shared_rows = [
            "batches_without_batch_id",
            "batches_without_enrolments",
            "completion_before_enrolment",
            "download_events_without_mid",
            "enrolments_of_unknown_batches",
            "enrolments_without_course_id",
            "progress_of_another_course",
            "progress_out_of_range",
            "progress_without_enrolment",
            "users_without_user_id",
        ]
        .contains(&rule);
        if is_of_shared_rows {
            let alone = exports.output("query", &[&format!("checks/{rule}"), "--format", "ndjson"]);
            let rows = finding["rows"].as_u64().expect("a count");
            assert_eq!(alone.lines().count() as u64, rows, "{rule}: {alone}");
        }
    }
}

#[test]
fn a_site_adds_and_replaces_rules() {
    let mine = "-- must: no Asha\nselect user_id as example from users where first_name = 'Asha'";
    let other = "-- should: anything goes\nselect 'x' as example where false";
    let queries = rules(&[("mine", mine), ("users_duplicated", other)]);
    let twice = TestExports::small().table("users", &format!("{USERS} union all {USERS}"));
    let folder = queries.path().to_str().expect("UTF-8");
    let output = twice
        .command("check")
        .args(["--queries", folder])
        .output()
        .expect("a run");
    assert_eq!(output.status.code(), Some(1));
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    insta::assert_snapshot!(shown(&table, "mine"), @r"
    MUST            2  mine                                 no Asha
                        for example u1
    ");
    insta::assert_snapshot!(shown(&table, "users_duplicated"), @r"
    ok              0  users_duplicated                     anything goes
    ");
}

#[test]
fn a_query_that_is_no_rule_is_named() {
    let no_severity = ["select 1 as example", "-- perhaps: fine\nselect 1 as example"];
    for no_rule in no_severity.into_iter().chain(["-- must: be\nselect 1 as number"]) {
        let queries = rules(&[("mine", no_rule)]);
        let arguments = ["--queries", queries.path().to_str().expect("UTF-8")];
        let complaint = TestExports::small().complaint(1, "check", &arguments);
        assert!(
            complaint.contains("query checks/mine is not a rule"),
            "{no_rule}: {complaint}"
        );
    }
}

/// Exports of a day long past that break every rule.
fn bad() -> TestExports {
    let users = "
        ('u1', 'E1', 'Asha', 'Kumar', 'as***@example.org', '******1234', 'SCERT'),
        ('u1', 'E1', 'अनीता', null, null, null, 'SCERT'),
        ('u2', null, null, null, null, null, null), ('u3', null, null, null, null, null, null),
        ('u4', null, null, null, null, null, null), ('u5', null, null, null, null, null, null),
        (null, 'E1', 'Asha', 'Kumar', 'as***@example.org', '******1234', 'SCERT'),
        (' ', 'E1', 'Asha', 'Kumar', 'as***@example.org', '******1234', null)";
    let enrolled = "
        ('u1', 'c1', 'b1', '2019-10-01T10:00:00', true), ('u1', 'c1', 'b1', '2019-10-02T10:00:00', true),
        ('u2', null, 'b1', '2019-10-01T10:00:00', true),
        ('u3', 'c1', 'b1', '2019-10-01T10:00:00', null),
        ('u4', 'c1', 'b1', null, true),
        ('u5', 'c1', 'b1', '2199-10-01T10:00:00', true),
        ('u5', 'c1', 'unknown batch', '2019-10-01T10:00:00', true),
        ('unknown user', 'c1', 'b1', '2019-10-01T10:00:00', true),
        ('not active', 'c1', 'b1', '2019-10-01T10:00:00', false),
        (null, 'c1', 'b1', '2019-10-01T10:00:00', true), ('', 'c1', null, '2019-10-01T10:00:00', true),
        ('u1', 'c1', null, '2019-10-01T10:00:00', true)";
    let progress = "
        ('u1', 'c1', 'b1', '40', '2019-09-30T10:00:00'), ('u1', 'c1', 'b1', '40', null),
        ('u2', 'c1', 'b1', null, null),
        ('u3', 'c2', 'b1', 'NaN', null),
        ('u4', 'c1', 'b1', '100.5', '2199-10-01T10:00:00'),
        ('u5', 'c1', 'b1', '-1', null),
        ('not enrolled', 'c1', 'b1', '40', null),
        (null, 'c1', 'b1', '40', null), ('u1', 'c1', ' ', '40', null)";
    let known = "
        ('b1', 'c1', 't1'), ('b1', 'c1', 't1'), ('b2', null, 't1'), ('b3', 'c1', ''), (null, 'c1', 't1')";
    let events = "
        ('m1', '2019-10-01T10:00:00', 'b1'), ('m1', '2019-10-01T10:00:00', 'b1'),
        ('no batch', '2019-10-01T10:00:00', null), ('gone', '2019-10-01T10:00:00', 'b9'),
        ('ahead', '2199-10-01T10:00:00', 'b1'), (null, '2019-10-01T10:00:00', 'b1')";
    let day = "2020-01-01";
    let tables = [
        ("users", users_of(users)),
        ("enrolments", enrolments(enrolled)),
        ("course_progress", progress_of(progress)),
        (
            "batches",
            format!("select *, date '2019-09-01' as start_date from ({})", batches(known)),
        ),
        ("download_events", clicks(events)),
    ];
    let telemetry = TestExports::empty().telemetry("date=2019-10-01/a.json", TELEMETRY.as_bytes());
    tables
        .iter()
        .fold(telemetry, |exports, (name, sql)| exports.table_on(name, day, sql))
}

const TELEMETRY: &str = r#"
Asha Kumar
{"eid":"INTERACT","mid":"bare","edata":{"id":"download","pageid":"course-progress-dashboard"}}
{"eid":"INTERACT","ets":1564660800000,"mid":"early","context":{"cdata":[{"type":"Batch","id":"b1"}]},"edata":{"id":"download","pageid":"course-progress-dashboard"}}
{"eid":"INTERACT","ets":0,"mid":"at zero","context":{"cdata":[{"type":"Batch","id":"b1"}]},"edata":{"id":"download","pageid":"course-progress-dashboard"}}
{"eid":"INTERACT","ets":1564660800,"mid":"in seconds","context":{"cdata":[{"type":"Batch","id":"b1"}]},"edata":{"id":"download","pageid":"course-progress-dashboard"}}
{"eid":"INTERACT","ets":-11676096000000,"mid":"of 1600","context":{"cdata":[{"type":"Batch","id":"b1"}]},"edata":{"id":"download","pageid":"course-progress-dashboard"}}
"#;

fn users_of(rows: &str) -> String {
    format!(
        "select *, null as district_name, null as school_name, null as block_name, null as tenant_id
        from (values {rows})
            as users(user_id, external_id, first_name, last_name, email, mobile, organization_name)"
    )
}

fn progress_of(rows: &str) -> String {
    format!(
        "select user_id, course_id, batch_id, cast(percent as double) as progress_percent,
            to_timestamp(completed_at) as completed_at
        from (values {rows}) as course_progress(user_id, course_id, batch_id, percent, completed_at)"
    )
}

fn clicks(rows: &str) -> String {
    format!(
        "select mid, to_timestamp(event_time) as event_time, 'u1' as user_id, 'c1' as course_id, batch_id,
            't1' as tenant_id
        from (values {rows}) as download_events(mid, event_time, batch_id)"
    )
}

/// A folder of a site's own rules.
fn rules(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let checks = folder.path().join("checks");
    fs::create_dir(&checks).expect("a folder");
    for (name, sql) in files {
        fs::write(checks.join(format!("{name}.sql")), sql).expect("a file");
    }
    folder
}

fn findings(json: &[u8]) -> Vec<Value> {
    serde_json::from_slice(json).expect("an array")
}

/// Severity, rule and rows, with the examples below.
fn listed(findings: &[Value]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = |field: &str| finding[field].as_str().expect("text").to_owned();
        text += &format!("{} {}: {}\n", word("severity"), word("rule"), finding["rows"]);
        for example in finding["examples"].as_array().expect("an array") {
            text += &format!("    {}\n", example.as_str().expect("text"));
        }
    }
    text
}

/// The lines of one rule in the table, the examples among them.
fn shown(table: &str, rule: &str) -> String {
    let mut lines = table
        .lines()
        .skip_while(|line| line.split_whitespace().nth(2) != Some(rule));
    let first = lines.next().expect("the rule").to_owned();
    let examples = lines.take_while(|line| line.trim_start().starts_with("for example"));
    std::iter::once(first.as_str())
        .chain(examples)
        .collect::<Vec<_>>()
        .join("\n")
}
