//! What changed since the night before: the table beside the metrics, `pragati changes`, and the API.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::incremental::on_two_days;
use crate::prepared::{copy_folder, prepared};
use crate::running_service::{RunningService, Setup};
use crate::support::{
    TestExports, batches, complaint_of, enrolments, files_below, pragati, program_made, query_parquet, rewrite_parquet,
    select, tests_made, users, wrapped,
};

const DAYS: [&str; 3] = ["2026-11-20", "2026-11-21", "2026-11-22"];

const USERS: &str = "('u1'), ('u2'), ('u3'), ('u4')";

fn progress(rows: &str) -> String {
    format!(
        "select user_id, 'c1' as course_id, batch_id, cast(100 as double) as progress_percent,
            arrow_cast(completed_at, 'Timestamp(Millisecond, Some(\"UTC\"))') as completed_at
        from (values {rows}) as course_progress(user_id, batch_id, completed_at)"
    )
}

/// Of b1 one person leaves, two come and one completes; of b2 nothing changes; b3 is of another tenant; b4 goes; b5 comes.
fn exports() -> TestExports {
    let first = "('u1', 'c1', 'b1', '2026-10-01T00:00:00', true), ('u2', 'c1', 'b1', '2026-10-01T00:00:00', true),
        ('u1', 'c1', 'b2', '2026-10-01T00:00:00', true), ('u1', 'c1', 'b3', '2026-10-01T00:00:00', true)";
    let second = "('u1', 'c1', 'b1', '2026-10-01T00:00:00', true), ('u3', 'c1', 'b1', '2026-11-20T00:00:00', true),
        ('u4', 'c1', 'b1', '2026-11-20T00:00:00', true), ('u2', 'c1', 'b1', '2026-10-01T00:00:00', false),
        ('u1', 'c1', 'b2', '2026-10-01T00:00:00', true), ('u1', 'c1', 'b3', '2026-10-01T00:00:00', true),
        ('u2', 'c1', 'b5, \"five\"', '2026-11-20T00:00:00', true)";
    let of_first = "('b1', 'c1', 't1'), ('b2', 'c1', 't1'), ('b3', 'c1', 't1'), ('b4', 'c1', 't2')";
    let of_second = "('b1', 'c1', 't1'), ('b2', 'c1', 't1'), ('b3', 'c1', 't2'), ('b5, \"five\"', 'c1', 't1')";
    let (early, late) = (
        "('u2', 'b1', '2026-10-05T00:00:00')",
        "('u1', 'b1', '2026-11-20T00:00:00')",
    );
    let mut exports = TestExports::empty();
    for (day, rows, listed, completed) in [
        (DAYS[0], first, of_first, early.to_owned()),
        (DAYS[1], second, of_second, format!("{early}, {late}")),
        (
            DAYS[2],
            second,
            of_second,
            format!("{early}, {late}, ('u2', 'b5, \"five\"', '2026-11-21T00:00:00')"),
        ),
    ] {
        exports = exports
            .table_on("users", day, &users(USERS))
            .table_on("enrolments", day, &enrolments(rows))
            .table_on("course_progress", day, &progress(&completed))
            .table_on("batches", day, &batches(listed));
    }
    exports
}

/// The nights of all days.
fn nights(exports: &TestExports) -> TempDir {
    let out = tempfile::tempdir().expect("a folder");
    make_nights(exports, out.path());
    out
}

fn make_nights(exports: &TestExports, out: &Path) {
    for day in DAYS {
        let place = out.display().to_string();
        exports.output("nightly", &["--date", day, "--out", &place]);
    }
}

/// A copy of the nights of all days of [`exports`], which are made once.
fn usual_nights() -> TempDir {
    let out = tempfile::tempdir().expect("a folder");
    let make = |folder: &Path| {
        make_nights(&exports(), folder);
        true
    };
    let made_from = [program_made(), tests_made()].concat();
    let copied = prepared("nights-of-changes", &made_from, make, |folder| {
        copy_folder(folder, out.path());
    });
    copied.expect("nights");
    out
}

fn changes(out: &TempDir, arguments: &[&str]) -> String {
    let mut changes = pragati();
    changes.arg("changes").arg("--reports").arg(out.path()).args(arguments);
    let output = changes.output().expect("a run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

fn csv(out: &TempDir, day: &str) -> String {
    let file: PathBuf = out
        .path()
        .join(format!("date={day}/changed_batches/changed_batches.csv"));
    let text = fs::read_to_string(file).expect("a file");
    text.trim_start_matches('\u{feff}').to_owned()
}

#[test]
fn the_table_counts_people_added_removed_and_completed() {
    let out = usual_nights();
    insta::assert_snapshot!(csv(&out, DAYS[0]), @"batch_id,course_id,tenant_id,rows_before,rows_after,added,removed,completed,since,as_of");
    insta::assert_snapshot!(csv(&out, DAYS[1]), @r#"
    batch_id,course_id,tenant_id,rows_before,rows_after,added,removed,completed,since,as_of
    b1,c1,t1,2,3,2,1,1,2026-11-20,2026-11-21
    b3,c1,t2,1,1,0,0,0,2026-11-20,2026-11-21
    b4,c1,t2,0,,0,0,0,2026-11-20,2026-11-21
    "b5, ""five""",c1,t1,,1,1,0,0,2026-11-20,2026-11-21
    "#);
    insta::assert_snapshot!(csv(&out, DAYS[2]), @r#"
    batch_id,course_id,tenant_id,rows_before,rows_after,added,removed,completed,since,as_of
    "b5, ""five""",c1,t1,1,1,0,0,1,2026-11-21,2026-11-22
    "#);
    let parquet = out
        .path()
        .join(format!("date={}/changed_batches/part-00000.parquet", DAYS[1]));
    let rows = query_parquet(
        &parquet,
        "select batch_id, rows_before, rows_after, since from files order by batch_id",
    );
    insta::assert_snapshot!(rows, @r#"
    +------------+-------------+------------+------------+
    | batch_id   | rows_before | rows_after | since      |
    +------------+-------------+------------+------------+
    | b1         | 2           | 3          | 2026-11-20 |
    | b3         | 1           | 1          | 2026-11-20 |
    | b4         | 0           |            | 2026-11-20 |
    | b5, "five" |             | 1          | 2026-11-20 |
    +------------+-------------+------------+------------+
    "#);
}

/// The people of each report of a day: user ids, with the dates of completion.
fn people(day: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let reports = files_below(&day.join("csv")).into_iter();
    let people = reports.map(|(path, bytes)| {
        let batch = path.rsplit('/').next().expect("a name").trim_end_matches(".csv");
        let mut lines = csv::Reader::from_reader(bytes.as_slice());
        let lines = lines.records().map(|line| line.expect("a line"));
        (
            batch.to_owned(),
            lines.map(|line| (line[1].to_owned(), line[11].to_owned())).collect(),
        )
    });
    people.collect()
}

#[test]
fn people_are_counted_in_all_files_of_the_mart() {
    // On the second day some leave, some who had left come back, and some complete, in every batch.
    let exports = on_two_days(TestExports::sample(2_000, 12_000, 40, 1));
    rewrite_parquet(
        &exports.file("enrolments"),
        "select * replace (case when user_id like '%7' then false when user_id like '%5' then true else active end
            as active) from rows",
    );
    rewrite_parquet(
        &exports.file("course_progress"),
        "select * replace (case when user_id like '%3' then (select max(completed_at) from rows) else completed_at end
            as completed_at) from rows",
    );
    let out = tempfile::tempdir().expect("a folder");
    let place = out.path().display().to_string();
    for day in &DAYS[1..] {
        exports.output("nightly", &["--date", day, "--out", &place]);
    }
    let [before, after] = [DAYS[1], DAYS[2]].map(|day| out.path().join(format!("date={day}")));
    let marts = files_below(&after.join("course_progress_report"));
    assert!(marts.len() > 4, "more files than are read at the same time");
    let (before, after) = (people(&before), people(&after));
    let mut expected = Vec::new();
    for (batch, people) in after.iter().filter(|(batch, people)| before[*batch] != **people) {
        let earlier = &before[batch];
        let has_completed =
            |people: &BTreeMap<String, String>, user: &str| people.get(user).is_some_and(|day| !day.is_empty());
        let added = people.keys().filter(|user| !earlier.contains_key(*user)).count();
        let removed = earlier.keys().filter(|user| !people.contains_key(*user)).count();
        let completed = people
            .keys()
            .filter(|user| has_completed(people, user.as_str()) && !has_completed(earlier, user.as_str()))
            .count();
        expected.push([
            batch.clone(),
            added.to_string(),
            removed.to_string(),
            completed.to_string(),
        ]);
    }
    let table = csv(&out, DAYS[2]);
    let mut lines = csv::Reader::from_reader(table.as_bytes());
    let lines = lines.records().map(|line| line.expect("a line"));
    let told: Vec<[String; 4]> = lines
        .map(|line| [0, 5, 6, 7].map(|field| line[field].to_owned()))
        .collect();
    assert_eq!(told, expected);
    for field in 1..4 {
        assert!(told.iter().any(|batch| batch[field] != "0"), "{field}: {told:?}");
    }
}

#[test]
fn the_table_is_the_same_for_a_second_run_of_the_day_and_after_other_settings() {
    let exports = exports();
    let out = nights(&exports);
    let before = csv(&out, DAYS[1]);
    let place = out.path().display().to_string();
    let second = ["--date", DAYS[1], "--out", &place];
    exports.output("nightly", &second);
    assert_eq!(csv(&out, DAYS[1]), before);
    // In another zone all times of the reports are others, but nobody did anything.
    exports.output("nightly", &[&second[..], &["--timezone", "UTC"]].concat());
    assert_eq!(csv(&out, DAYS[1]), before);
}

#[test]
fn the_command_shows_the_table_and_compares_any_two_days() {
    let out = usual_nights();
    insta::assert_snapshot!(changes(&out, &["--format", "csv"]), @r#"
    batch_id,course_id,tenant_id,rows_before,rows_after,added,removed,completed,since,as_of
    "b5, ""five""",c1,t1,1,1,0,0,1,2026-11-21,2026-11-22
    "#);
    insta::assert_snapshot!(changes(&out, &["--since", DAYS[0], "--format", "csv"]), @r#"
    batch_id,course_id,tenant_id,rows_before,rows_after,added,removed,completed,since,as_of
    b1,c1,t1,2,3,2,1,1,2026-11-20,2026-11-22
    b3,c1,t2,1,1,0,0,0,2026-11-20,2026-11-22
    b4,c1,t2,0,,0,0,0,2026-11-20,2026-11-22
    "b5, ""five""",c1,t1,,1,1,0,1,2026-11-20,2026-11-22
    "#);
    let earlier = changes(&out, &["--date", DAYS[1], "--format", "ndjson"]);
    assert!(
        earlier.starts_with(r#"{"batch_id":"b1","course_id":"c1","tenant_id":"t1","rows_before":2,"#),
        "{earlier}"
    );
    assert_eq!(earlier.lines().count(), 4);
}

#[test]
fn days_that_cannot_be_compared_are_errors() {
    let out = usual_nights();
    let place = out.path().display().to_string();
    let complaint = |code, arguments: &[&str]| {
        let mut command = pragati();
        command.args(["changes", "--reports", &place]).args(arguments);
        complaint_of(&mut command, code).replace(&place, "OUT")
    };
    insta::assert_snapshot!(wrapped(&complaint(2, &["--since", DAYS[2]])), @"error: --since 2026-11-22 is not before 2026-11-22, the day that it is compared with");
    insta::assert_snapshot!(wrapped(&complaint(1, &["--since", "2026-11-01"])), @r"
    error: there is no nightly output of 2026-11-01 in OUT: OUT/date=2026-11-01/manifest.json is
    missing; run `pragati nightly --date 2026-11-01` or choose another --date
    ");
    let none = complaint_of(pragati().arg("changes"), 2);
    assert!(none.contains("no nightly output given"), "{none}");
}

#[test]
fn a_first_night_says_that_there_was_nothing_to_compare_with() {
    let exports = exports();
    let out = tempfile::tempdir().expect("a folder");
    let place = out.path().display().to_string();
    exports.output("nightly", &["--date", DAYS[0], "--out", &place]);
    let said = |arguments: &[&str]| {
        let mut command = pragati();
        command.args(["changes", "--reports", &place, "--format", "csv"]);
        let output = command.args(arguments).output().expect("a run");
        assert!(output.status.success());
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
        String::from_utf8(output.stderr).expect("UTF-8")
    };
    let words = format!("the nightly run of {} had no earlier output to compare with\n", DAYS[0]);
    assert_eq!(said(&[]), words);
    assert_eq!(said(&["--quiet"]), "");
}

#[test]
fn people_are_not_counted_where_a_file_of_the_mart_is_damaged() {
    let out = usual_nights();
    let mart = out
        .path()
        .join(format!("date={}/course_progress_report/part-00000.parquet", DAYS[0]));
    let bytes = fs::read(&mart).expect("a file");
    // A new file, as the other days have the same one.
    fs::remove_file(&mart).expect("removed");
    fs::write(&mart, &bytes[..bytes.len() / 2]).expect("written");
    let shown = changes(&out, &["--since", DAYS[0], "--format", "csv"]);
    assert!(shown.contains("\nb1,c1,t1,2,3,,,,2026-11-20,2026-11-22\n"), "{shown}");
}

mod through_the_api {
    use super::*;

    const PATH: &str = "/api/v1/batches/changed";

    /// A service over the exports; of their nights, the last is that of the second day.
    fn service() -> (RunningService, TempDir) {
        let creators = "*, case when batch_id in ('b1', 'b3') then 'maker' end as created_by";
        let exports = exports();
        let out = nights(&exports);
        fs::remove_dir_all(out.path().join(format!("date={}", DAYS[2]))).expect("removed");
        let listed = "('b1', 'c1', 't1'), ('b2', 'c1', 't1'), ('b3', 'c1', 't2'), ('b5, \"five\"', 'c1', 't1')";
        let exports = exports.table("batches", &select(creators, &batches(listed)));
        let mut setup = Setup::over(exports);
        setup.config.serve.reports = Some(out.path().display().to_string());
        (setup.start(), out)
    }

    fn ids(page: &Value) -> Vec<&str> {
        let items = page["items"].as_array().expect("items").iter();
        items.map(|item| item["batch_id"].as_str().expect("an id")).collect()
    }

    #[test]
    fn users_see_only_changed_batches_that_they_have_access_to() {
        let (service, _out) = service();
        let all = service.get("dev:asha,,pragati-admin", PATH).json();
        assert_eq!(ids(&all), ["b1", "b3", "b4", "b5, \"five\""]);
        assert_eq!(
            all["items"][0],
            json!({"batch_id": "b1", "course_id": "c1", "tenant_id": "t1", "rows_before": 2, "rows_after": 3, "added": 2,
                "removed": 1, "completed": 1})
        );
        assert_eq!(
            (&all["since"], &all["as_of"]),
            (&json!("2026-11-20"), &json!("2026-11-21"))
        );
        assert_eq!((&all["total"], &all["next"]), (&json!(4), &Value::Null));
        assert_eq!(ids(&service.get("dev:maker", PATH).json()), ["b1", "b3"]);
        assert_eq!(service.get("dev:nobody", PATH).json()["total"], 0);
        // What is gone is known to the admins of its tenant.
        assert_eq!(
            ids(&service.get("dev:of_t2,,pragati-tenant-admin:t2", PATH).json()),
            ["b3", "b4"]
        );
        assert_eq!(
            service.send(service.request(reqwest::Method::GET, PATH)).problem().0,
            401
        );
    }

    #[test]
    fn changed_batches_are_paged() {
        let (service, _out) = service();
        let admin = "dev:asha,,pragati-admin";
        let first = service.get(admin, &format!("{PATH}?limit=3")).json();
        assert_eq!(
            (ids(&first).len(), &first["total"], &first["next"]),
            (3, &json!(4), &json!("b4"))
        );
        let rest = service.get(admin, &format!("{PATH}?limit=3&after=b4")).json();
        assert_eq!((ids(&rest), &rest["next"]), (vec!["b5, \"five\""], &Value::Null));
        assert_eq!(service.get(admin, &format!("{PATH}?limit=0")).problem().0, 400);
    }

    #[test]
    fn the_list_of_batches_tells_it_too() {
        const LIST: &str = "/api/v1/batches?sort=-change";
        let exports = exports();
        let out = nights(&exports);
        let mut setup = Setup::over(exports);
        setup.config.serve.reports = Some(out.path().display().to_string());
        let service = setup.start();
        let all = service.get("dev:asha,,pragati-admin", LIST).json();
        assert_eq!(all["changes_since"], DAYS[1]);
        assert_eq!(ids(&all), ["b5, \"five\"", "b1", "b2", "b3"]);
        assert_eq!(
            all["items"][0]["change"],
            json!({"rows_before": 1, "added": 0, "removed": 0, "completed": 1})
        );
        assert_eq!(all["items"][1]["change"], Value::Null);
        // The batches of one tenant alone; and what changed is not told of another day than that of the snapshot.
        let of_t2 = service.get("dev:of_t2,,pragati-tenant-admin:t2", LIST).json();
        assert_eq!(ids(&of_t2), ["b3"]);
        let (earlier, _out) = self::service();
        let all = earlier.get("dev:asha,,pragati-admin", LIST).json();
        assert_eq!(
            (&all["changes_since"], &all["items"][0]["change"]),
            (&Value::Null, &Value::Null)
        );
    }

    #[test]
    fn without_a_nightly_run_there_are_no_changed_batches() {
        let service = Setup::over(exports()).start();
        assert_eq!(service.get("dev:asha,,pragati-admin", PATH).problem().0, 404);
    }
}
