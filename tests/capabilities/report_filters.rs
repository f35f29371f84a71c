//! `pragati report` with a filter: the rows that a reader of the whole report would find, whichever way they are made.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::execution::SendableRecordBatchStream;
use pragati::catalog::Catalog;
use pragati::config::{Config, DateChoice, Headers};
use pragati::exports::Location;
use pragati::ids::BatchId;
use pragati::nightly::Published;
use pragati::report::{CsvStyle, ProgressRange, ReportFilter, ReportFormat, report_of_batches, write_report};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use tokio::runtime::Runtime;

use crate::support::{BATCHES, TestExports, USER_COLUMNS, course_progress, csv_columns, enrolments, usually, wrapped};

/// Values that are easily mistaken for others.
const PLACES: [&str; 9] = [
    "'Block 1'",
    "'block 1'",
    "'मैसूरु'",
    "'O''Brien, \"x\"'",
    "'=1+1'",
    "' Block 1'",
    "null",
    "''",
    "'a\nb'",
];
const LEARNERS: usize = 60;

/// Learners of a batch with places, days and percents drawn from few values, and another batch.
pub fn many_learners(seed: u64) -> TestExports {
    let mut draw = StdRng::seed_from_u64(seed);
    let (mut users, mut enrolled, mut progress) = (Vec::new(), Vec::new(), Vec::new());
    for learner in 0..LEARNERS {
        let mut place = || *PLACES.choose(&mut draw).expect("a place");
        let places = [place(), place(), place(), place()].join(", ");
        let tenant = if learner % 3 == 0 { "t1" } else { "t2" };
        // Some learners are not in the export.
        if learner % 10 != 9 {
            users.push(format!(
                "('u{learner:02}', null, 'Asha', null, null, null, {places}, '{tenant}')"
            ));
        }
        let day = draw.random_range(1..5);
        let batch = if draw.random_bool(0.8) { "b1" } else { "b2" };
        // Half an hour before and after midnight in India.
        let time = if draw.random_bool(0.5) { "18:00:00" } else { "19:00:00" };
        let enrolled_at = match draw.random_bool(0.1) {
            true => "null".to_owned(),
            false => format!("'2026-10-0{day}T{time}'"),
        };
        enrolled.push(format!("('u{learner:02}', 'c1', '{batch}', {enrolled_at}, true)"));
        let percent = ["0", "33.4", "50", "50.9", "99.9", "100", "null"].choose(&mut draw);
        let completed = match draw.random_bool(0.3) {
            true => format!("'2026-10-1{}T{time}'", draw.random_range(0..4)),
            false => "null".to_owned(),
        };
        if draw.random_bool(0.8) {
            progress.push(format!(
                "('u{learner:02}', {}, {completed})",
                percent.expect("a percent")
            ));
        }
    }
    let users = format!(
        "select * from (values {}) as users(user_id, external_id, first_name, last_name, email, mobile, organization_name,
            district_name, school_name, block_name, tenant_id)",
        users.join(", ")
    );
    let typed = USER_COLUMNS
        .map(|name| format!("cast({name} as varchar) as {name}"))
        .join(", ");
    TestExports::empty()
        .table("users", &format!("select {typed} from ({users})"))
        .table("enrolments", &enrolments(&enrolled.join(", ")))
        .table("course_progress", &course_progress(&progress.join(", ")))
        .table("batches", BATCHES)
}

/// Where the rows come from.
struct Ways {
    runtime: Runtime,
    catalogs: Vec<Catalog>,
    published: Arc<Published>,
}

impl Ways {
    fn open(exports: &TestExports, reports: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        // A site's own query switches the assembly off, also where its condition is one that all rows meet.
        let own = exports.path().join("own queries/reports");
        fs::create_dir_all(&own).expect("a folder");
        let query = include_str!("../../queries/reports/enrolment_details.sql");
        fs::write(
            own.join("enrolment_details.sql"),
            format!("{query}where enrolment.user_id is not null"),
        )
        .expect("a query");
        let config = |queries: bool| Config {
            exports: Some(exports.path().display().to_string()),
            queries: queries.then(|| own.parent().expect("a folder").to_owned()),
            ..Config::default()
        };
        let catalogs = [config(false), config(true)];
        let catalogs = catalogs.map(|config| runtime.block_on(Catalog::open(&config)).expect("a snapshot"));
        let reports = Location::parse(reports).expect("a folder");
        let published = runtime.block_on(Published::open(reports, DateChoice::Latest));
        Self {
            runtime,
            catalogs: catalogs.into(),
            published: Arc::new(published.expect("an output")),
        }
    }

    /// The CSV of the wanted rows, each way.
    fn csvs(&self, batches: &[BatchId], filter: &ReportFilter) -> Vec<String> {
        self.runtime.block_on(async {
            let mut csvs = Vec::new();
            for catalog in &self.catalogs {
                csvs.push(csv(report_of_batches(catalog, batches, filter).await.expect("rows")).await);
            }
            csvs.push(csv(self.published.report_of_batches(batches, filter).await.expect("rows")).await);
            csvs
        })
    }
}

async fn csv(rows: SendableRecordBatchStream) -> String {
    let style = CsvStyle {
        bom: false,
        crlf: false,
        formula_escape: false,
        date_format: "%Y-%m-%d".to_owned(),
        headers: Headers::default(),
    };
    let mut bytes = Vec::new();
    let folder = std::env::temp_dir();
    write_report(rows, ReportFormat::Csv, style, &folder, &mut bytes)
        .await
        .expect("written");
    String::from_utf8(bytes).expect("UTF-8")
}

fn records(csv: &str) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    reader.deserialize().map(|record| record.expect("a record")).collect()
}

/// Whether a reader of the whole report would take the row.
fn is_wanted(row: &BTreeMap<String, String>, filter: &ReportFilter) -> bool {
    let is_chosen = |header: &str, values: &BTreeSet<String>| values.is_empty() || values.contains(&row[header]);
    let is_between = |header: &str, since: Option<NaiveDate>, until: Option<NaiveDate>| {
        let day: Option<NaiveDate> = row[header].parse().ok();
        since.is_none_or(|since| day.is_some_and(|day| day >= since))
            && until.is_none_or(|until| day.is_some_and(|day| day <= until))
    };
    is_chosen("Block Name", &filter.block)
        && is_chosen("District Name", &filter.district)
        && is_chosen("School Name", &filter.school)
        && is_chosen("Organization Name", &filter.organisation)
        && filter
            .completed
            .is_none_or(|wanted| row["Completion Date"].is_empty() != wanted)
        && filter.progress.is_none_or(|range| {
            let percent = row["Course Progress"].trim_end_matches('%').parse::<u8>();
            percent.is_ok_and(|percent| range.from <= percent && percent <= range.to)
        })
        && is_between("Enrollment Date", filter.enrolled_since, filter.enrolled_until)
        && is_between("Completion Date", filter.completed_since, filter.completed_until)
}

fn drawn(draw: &mut StdRng) -> ReportFilter {
    let places = [
        "Block 1",
        "block 1",
        "मैसूरु",
        "O'Brien, \"x\"",
        "=1+1",
        " Block 1",
        "",
        "a\nb",
        "nowhere",
        "'; drop table users",
    ];
    let mut values = |often: f64| -> BTreeSet<String> {
        let count = if draw.random_bool(often) {
            draw.random_range(1..6)
        } else {
            0
        };
        (0..count)
            .map(|_| (*places.choose(draw).expect("a place")).to_owned())
            .collect()
    };
    let (block, district, school, organisation) = (values(0.4), values(0.2), values(0.2), values(0.2));
    let mut day = |month_day: std::ops::Range<u32>| {
        let day = draw.random_range(month_day);
        draw.random_bool(0.2)
            .then(|| NaiveDate::from_ymd_opt(2026, 10, day).expect("a day"))
    };
    let (enrolled_since, enrolled_until) = (day(1..6), day(1..6));
    let (completed_since, completed_until) = (day(10..15), day(10..15));
    let (from, to) = (draw.random_range(0..=60), draw.random_range(40..=100));
    ReportFilter {
        block,
        district,
        school,
        organisation,
        completed: draw.random_bool(0.3).then(|| draw.random_bool(0.5)),
        progress: draw
            .random_bool(0.3)
            .then_some(ProgressRange { from, to: to.max(from) }),
        enrolled_since,
        enrolled_until,
        completed_since,
        completed_until,
    }
}

#[test]
fn every_surface_finds_the_same_rows_as_a_filter_of_the_whole_report() {
    let exports = many_learners(7);
    let (reports, _day) = exports.nightly(&[]);
    let ways = Ways::open(&exports, reports.path().to_str().expect("UTF-8"));
    let batch: [BatchId; 1] = ["b1".parse().expect("an id")];
    let both: [BatchId; 2] = ["b1", "b2"].map(|id| id.parse().expect("an id"));
    let whole = |batches: &[BatchId]| {
        let csvs = ways.csvs(batches, &ReportFilter::default());
        assert!(csvs.iter().all(|csv| csv == &csvs[0]), "{csvs:?}");
        records(&csvs[0])
    };
    let (one, two) = (whole(&batch), whole(&both));
    assert!(one.len() > 30 && two.len() == LEARNERS, "{} {}", one.len(), two.len());
    let mut draw = StdRng::seed_from_u64(20_261_122);
    let mut seen = BTreeSet::new();
    for _ in 0..usually(60, 600) {
        let filter = drawn(&mut draw);
        for (batches, all) in [(&batch[..], &one), (&both[..], &two)] {
            let expected: Vec<_> = all.iter().filter(|row| is_wanted(row, &filter)).cloned().collect();
            seen.insert(expected.len());
            for (way, csv) in ways.csvs(batches, &filter).iter().enumerate() {
                assert_eq!(records(csv), expected, "way {way}, {filter:?}");
            }
        }
    }
    // Not all of them are empty, and not all are whole.
    assert!(seen.len() > 10, "{seen:?}");
}

#[test]
fn options_choose_rows() {
    let exports = TestExports::small();
    let users = |options: &[&str]| {
        let csv = exports.report("b1", &[&["--quiet"][..], options].concat());
        csv_columns(&csv, &["User ID"])
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(users(&[]), "u1 u2");
    for (options, expected) in [
        (&["--block", "Block 1"][..], "u1"),
        (&["--block", "block 1"], ""),
        (&["--block", ""], "u2"),
        (&["--block", "", "--block", "Block 1"], "u1 u2"),
        (&["--district", "Mysuru", "--school", "GHS 1"], "u1"),
        (&["--district", "Mysuru", "--school", ""], ""),
        (&["--organisation", "SCERT"], "u1 u2"),
        (&["--completed", "yes"], "u2"),
        (&["--completed", "no"], "u1"),
        (&["--progress", "0..40"], "u1"),
        (&["--progress", "41.."], "u2"),
        // The enrolments are a second before and at midnight in India.
        (&["--enrolled-since", "2026-10-02"], "u2"),
        (&["--enrolled-until", "2026-10-01"], "u1"),
        (
            &["--completed-since", "2026-10-05", "--completed-until", "2026-10-05"],
            "u2",
        ),
        (&["--completed-until", "2026-10-04"], ""),
    ] {
        assert_eq!(users(options), expected, "{options:?}");
    }
}

#[test]
fn a_filter_without_rows_says_so_and_leaves_the_header() {
    let exports = TestExports::small();
    let (csv, talk) = exports.output_and_talk("report", &["--batch", "b1", "--block", "nowhere"]);
    assert_eq!(csv, exports.report("b2", &[]));
    assert_eq!(talk, "no row passes the filter; what was written has no rows\n");
    let (_, talk) = exports.output_and_talk("report", &["--batch", "b1", "--block", "nowhere", "--quiet"]);
    assert_eq!(talk, "");
}

#[test]
fn a_filter_that_no_row_can_pass_is_refused() {
    let exports = TestExports::small();
    let complaint = |options: &[&str]| {
        let all = [&["--batch", "b1"][..], options].concat();
        wrapped(&exports.complaint(2, "report", &all))
    };
    insta::assert_snapshot!(
        complaint(&["--enrolled-since", "2026-10-02", "--enrolled-until", "2026-10-01"]),
        @"error: enrolled_since 2026-10-02 is after enrolled_until 2026-10-01; no row can be in between"
    );
    insta::assert_snapshot!(
        complaint(&["--completed", "no", "--completed-since", "2026-10-01"]),
        @"error: completed is 'no' and days of completion are given; no row can have both"
    );
}
