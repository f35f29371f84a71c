//! `pragati ratio --explain`: which batches and events make the ratio of a course or tenant.

use std::collections::BTreeMap;

use crate::oracle::nasty;
use crate::ratio::clicked;
use crate::support::{TestExports, batches, csv_columns, usually, wrapped};

/// Batch b1 is course c1's of tenant t1, b2 the same course's of tenant t2.
fn exports() -> TestExports {
    clicked(
        "('m1', '2026-11-20T10:00:00', 'c1', 'b1', 't1'),
         ('m2', '2026-11-20T10:00:30', 'c9', 'b1', 't9'),
         ('m2', '2026-11-20T11:00:00', 'c1', 'b1', 't1'),
         ('m3', '2026-11-21T10:00:00', 'c1', 'b9', 't9'),
         ('m4', '2026-11-21T10:00:00', 'c1', null, 't1'),
         ('m5', '2026-11-22T18:30:00', 'c1', 'b1', 't1'),
         ('m6', '2026-10-01T10:00:00', 'c1', 'b1', 't1'),
         ('m7', null, 'c1', 'b1', 't1'),
         (null, '2026-11-22T10:00:00', 'c1', 'b1', 't1'),
         ('m8', '2026-11-22T10:00:00', 'c2', 'b3', 't1')",
    )
    .table(
        "batches",
        &batches("('b1', 'c1', 't1'), ('b2', 'c1', 't2'), ('b3', 'c2', 't1')"),
    )
}

#[test]
fn batches_and_what_is_not_counted() {
    insta::assert_snapshot!(explained(&exports(), &["--explain", "c1"]), @r"
    part,batch_id,batches,downloads,requests,delivered,not_counted,first_click,last_click
    batch,b1,1,3,2,,0,2026-10-01T10:00:00Z,2026-11-20T10:00:30Z
    batch,b2,1,0,0,,0,,
    unknown batch,b9,0,1,1,,0,2026-11-21T10:00:00Z,2026-11-21T10:00:00Z
    no batch,,0,1,1,,0,2026-11-21T10:00:00Z,2026-11-21T10:00:00Z
    after the snapshot,,0,0,0,,1,2026-11-22T18:30:00Z,2026-11-22T18:30:00Z
    without a time,,0,0,0,,1,,
    duplicate,,0,0,0,,1,,
    without a mid,,0,0,0,,1,,
    ");
}

#[test]
fn of_a_window_other_days_are_not_counted() {
    let rows = explained(&exports(), &["--explain", "c1", "--window", "7d"]);
    let parts: Vec<&str> = rows.lines().filter(|line| line.starts_with("other days")).collect();
    assert_eq!(
        parts,
        ["other days,,0,0,0,,1,2026-10-01T10:00:00Z,2026-10-01T10:00:00Z"]
    );
    let rows = explained(
        &exports(),
        &["--explain", "c1", "--since", "2026-11-21", "--until", "2026-11-21"],
    );
    assert!(rows.contains("\nother days,,0,0,0,,3,"), "{rows}");
}

#[test]
fn the_sums_are_printed_on_standard_error() {
    let output = exports()
        .command("ratio")
        .args(["--explain", "course:c1"])
        .output()
        .expect("a run");
    insta::assert_snapshot!(wrapped(&String::from_utf8_lossy(&output.stderr)), @r"
    course c1, up to 2026-11-22: 5 downloads (4 requests) / 2 batches = 2.500; batches downloaded: 1;
    events not counted: 4
    ");
    let quiet = exports()
        .command("ratio")
        .args(["--explain", "course:c1", "--quiet"])
        .output()
        .expect("a run");
    assert_eq!(quiet.stderr, b"");
}

#[test]
fn an_ambiguous_id_needs_course_or_tenant() {
    let exports = exports().table("batches", &batches("('b1', 'x', 't1'), ('b2', 'c1', 'x')"));
    let complaint = |code, id| wrapped(&exports.complaint(code, "ratio", &["--explain", id]));
    insta::assert_snapshot!(complaint(2, "x"), @"error: 'x' is a course and a tenant; write course:x or tenant:x");
    insta::assert_snapshot!(complaint(1, "nowhere"), @r"
    error: no batch, click or delivery up to 2026-11-22 is of a course or tenant 'nowhere'; `pragati
    ratio` lists the courses and tenants that there are
    ");
    insta::assert_snapshot!(complaint(1, "course:nowhere"), @r"
    error: no batch, click or delivery up to 2026-11-22 is of course nowhere; `pragati ratio` lists the
    courses and tenants that there are
    ");
    assert!(explained(&exports, &["--explain", "course:x"]).contains("batch,b1,1,"));
    assert!(explained(&exports, &["--explain", "tenant:x"]).contains("batch,b2,1,"));
}

/// What a ratio says of an id: batches, downloads, requests, batches downloaded.
type Figures = [i64; 4];

#[test]
fn the_sums_are_those_of_the_ratio() {
    for exports in [exports(), nasty(), TestExports::sample(500, 3_000, 20, 3)] {
        for window in ["all", "7d", "1d"] {
            let ratios = exports.output("ratio", &["--window", window, "--format", "csv"]);
            let mut compared = 0;
            for (id, expected) in figures(&ratios) {
                let explained = exports.output(
                    "ratio",
                    &["--explain", &id, "--window", window, "--format", "csv", "--quiet"],
                );
                assert_eq!(sums(&explained), expected, "{id}, {window}");
                compared += 1;
            }
            assert!(compared > 3);
        }
    }
}

/// By `course:ID` and `tenant:ID`; some of many courses and of many tenants.
fn figures(ratios: &str) -> BTreeMap<String, Figures> {
    let most_of_a_level = usually(2, 12);
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let columns = [
        "level",
        "course_id",
        "tenant_id",
        "batches",
        "downloads",
        "requests",
        "batches_downloaded",
    ];
    let cells = csv_columns(ratios, &columns);
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(cells.as_bytes());
    let rows = rows.deserialize::<(String, String, String, i64, i64, i64, i64)>();
    rows.map(|row| row.expect("a row"))
        .filter(|row| row.0 == "course" || row.0 == "tenant")
        .filter(|row| {
            let of_level = taken.entry(row.0.clone()).or_default();
            *of_level += 1;
            *of_level <= most_of_a_level
        })
        .map(|(level, course, tenant, batches, downloads, requests, downloaded)| {
            (
                format!("{level}:{course}{tenant}"),
                [batches, downloads, requests, downloaded],
            )
        })
        .collect()
}

fn sums(explained: &str) -> Figures {
    let cells = csv_columns(explained, &["batches", "downloads", "requests"]);
    let mut rows = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(cells.as_bytes());
    let mut sums = [0; 4];
    for row in rows.deserialize::<(i64, i64, i64)>() {
        let (batches, downloads, requests) = row.expect("a row");
        sums[0] += batches;
        sums[1] += downloads;
        sums[2] += requests;
        sums[3] += i64::from(batches > 0 && downloads > 0);
    }
    sums
}

fn explained(exports: &TestExports, arguments: &[&str]) -> String {
    let columns = [
        "part",
        "batch_id",
        "batches",
        "downloads",
        "requests",
        "delivered",
        "not_counted",
        "first_click",
        "last_click",
    ];
    let csv = exports.output("ratio", &[&["--format", "csv", "--quiet"], arguments].concat());
    format!("{}\n{}", columns.join(","), csv_columns(&csv, &columns))
}
