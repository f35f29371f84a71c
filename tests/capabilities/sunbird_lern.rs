//! The Sunbird mapping on the rows of the platform's own tests, `tests/data/sunbird_lern`.
//!
//! What is right was worked out by hand from the platform's rules, not from Pragati's SQL; comments say why. Where the
//! platform's tests assert a value, it is theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::mapping_cases::{HEADER, Snapshot};
use crate::sunbird_cases::value_sql;
use crate::support::TestExports;

type Row = Map<String, Value>;
/// Tables, and the files of each.
type Site = &'static [(&'static str, &'static [&'static str])];

const EXHAUST: Site = &[
    ("user", &["exhaust/user.json", "exhaust/user_cache.json"]),
    ("user_enrolments", &["exhaust/user_enrolments.json"]),
    ("course_batch", &["exhaust/course_batch.json"]),
    ("content_hierarchy", &["exhaust/content_hierarchy.json"]),
    ("system_settings", &["exhaust/system_settings.json"]),
    ("organisation", &["declarations/organisation.json"]),
    ("location", &["declarations/location.json"]),
];
const EXHAUST_V2: Site = &[
    ("user", &["exhaust/user_cache.json"]),
    ("user_enrolments", &["exhaust_v2/user_enrolments.json"]),
    ("course_batch", &["exhaust_v2/course_batch.json"]),
    ("content_hierarchy", &["exhaust_v2/content_hierarchy.json"]),
    ("system_settings", &["exhaust/system_settings.json"]),
];
const COLLECTION_SUMMARY: Site = &[
    ("user", &["collection_summary/user_cache.json"]),
    ("user_enrolments", &["collection_summary/user_enrolments.csv"]),
    ("course_batch", &["collection_summary/course_batch.csv"]),
];
const BATCH_STATUS: Site = &[
    ("user", &["collection_summary/user_cache.json"]),
    ("user_enrolments", &["collection_summary/user_enrolments.csv"]),
    ("course_batch", &["batch_status/course_batch.csv"]),
];
const BATCH_STATUS_2: Site = &[
    ("user", &["collection_summary/user_cache.json"]),
    ("user_enrolments", &["collection_summary/user_enrolments.csv"]),
    ("course_batch", &["batch_status/course_batch_2.csv"]),
];
const DECLARATIONS: Site = &[
    ("user", &["declarations/user.json"]),
    ("user_declarations", &["declarations/user_declarations.json"]),
    ("organisation", &["declarations/organisation.json"]),
    ("location", &["declarations/location.json"]),
    ("system_settings", &["exhaust/system_settings.json"]),
];

#[test]
fn the_rows_of_the_exhaust_give_the_reports_worked_out_by_hand() {
    gives_its_reports(EXHAUST, "exhaust", "batch-001");
}

#[test]
fn the_rows_of_the_second_exhaust_give_the_reports_worked_out_by_hand() {
    gives_its_reports(EXHAUST_V2, "exhaust_v2", "batch-002");
}

#[test]
fn the_rows_of_the_summary_give_the_reports_worked_out_by_hand() {
    gives_its_reports(COLLECTION_SUMMARY, "collection_summary", "0130320389509939204");
}

/// The platform's test of its summary asserts 1, 2 and 2 enrolled and nobody completed for the first three batches;
/// both of the fourth have a completedon.
#[test]
fn the_summary_s_counts_are_those_of_the_reports() {
    let counts = "select batch_id, count(*) as enrolled, count(completion_date) as completed
        from course_progress_report group by batch_id order by batch_id";
    insta::assert_snapshot!(snapshot_of(COLLECTION_SUMMARY).sql(counts), @r"
    batch_id,enrolled,completed
    0130271096968396800,1,0
    0130293763489873929,2,0
    01303150537737011211,2,0
    0130320389509939204,2,2
    ");
}

/// Two of the three organisations are schools. The courses' hierarchies have no names.
#[test]
fn tenants_are_called_as_their_organisations() {
    let snapshot = snapshot_of(EXHAUST);
    let tenants = "select tenant_id, tenant_name from tenants order by tenant_id";
    insta::assert_snapshot!(snapshot.sql(tenants), @r"
    tenant_id,tenant_name
    012500530695766016224,AP
    ");
    let courses = "select count(*) as courses, count(course_name) as named from courses";
    insta::assert_snapshot!(snapshot.sql(courses), @r"
    courses,named
    3,0
    ");
}

/// The newer columns come before the older ones. Of batch-004 to batch-014 startdate is 2020-02-20; of batch-005 to
/// batch-014 enddate is 2020-02-12. Nobody says for whom the batches were created, so they have no tenant.
#[test]
fn days_of_the_exhaust_s_batches_are_those_of_the_newer_columns() {
    let batches = "select batch_id, course_id, batch_name, tenant_id, start_date, end_date
        from batches order by batch_id";
    insta::assert_snapshot!(snapshot_of(EXHAUST).sql(batches), @r"
    batch_id,course_id,batch_name,tenant_id,start_date,end_date
    batch-001,do_1130928636168192001667,Basic Java,,2020-01-20,2020-01-10
    batch-002,do_1130293726460805121168,Basic C++,,2020-02-20,2020-02-10
    batch-003,do_1131975645014835201326,Basic C++,,2020-10-20,2020-10-01
    batch-004,do_112835334818643968148,Basic C++,,2020-10-20,2020-02-10
    batch-005,do_11234577983855001618,Basic C++,,2020-10-20,2020-02-10
    batch-006,do_1130928636168192001667,Basic C++,,2020-10-20,2020-02-10
    batch-014,do_112835334818643968148,Basic C++,,2020-10-20,2020-02-10
    ");
}

/// Each batch has its days in one generation of columns alone: an empty text in the newer one does not hide the older
/// one. The platform's test of its summary asserts these days for the first three. The fourth was created for ORG_001,
/// which is not in the export: no tenant.
#[test]
fn days_of_the_summary_s_batches_are_those_of_the_columns_that_are_filled() {
    let batches = "select batch_id, tenant_id, start_date, end_date from batches order by batch_id";
    insta::assert_snapshot!(snapshot_of(COLLECTION_SUMMARY).sql(batches), @r"
    batch_id,tenant_id,start_date,end_date
    0130271096968396800,,2020-05-25,2030-05-30
    0130293763489873929,,2020-05-26,2030-06-30
    01303150537737011211,,2020-05-29,2030-06-30
    0130320389509939204,,2020-05-30,2030-06-30
    ");
}

/// What a batch's status is on a day, by its dates, and who is enrolled.
const STATUS: &str = "
    select
        batch.batch_id,
        batch.start_date,
        batch.end_date,
        case
            when batch.end_date < date '2026-11-22' then 'completed'
            when batch.start_date <= date '2026-11-22' then 'in progress'
            else 'not started'
        end as status,
        count(report.user_id) as enrolled
    from batches as batch
    left join course_progress_report as report on report.batch_id = batch.batch_id
    group by batch.batch_id, batch.start_date, batch.end_date
    order by batch.batch_id";

/// The platform's updater compares the same days. Its test asserts that one batch gets the status 1 (in progress),
/// which is 0130320389509939204 with 0 before, and two the status 2 (completed); 0130293763489873929 keeps its 1.
/// 18:29:59 UTC is 23:59:59 in India, the same day.
#[test]
fn batches_have_the_status_that_the_platform_s_updater_gives_them() {
    insta::assert_snapshot!(snapshot_of(BATCH_STATUS).sql(STATUS), @r"
    batch_id,start_date,end_date,status,enrolled
    0130271096968396800,2020-05-25,2019-05-30,completed,1
    0130293763489873929,2020-05-26,2030-06-30,in progress,2
    01303150537737011211,2020-05-29,2019-06-30,completed,2
    0130320389509939204,2021-04-28,2030-06-30,in progress,2
    ");
}

/// Its test asserts that no status changes: 0130320389509939204, which has its days in the older columns, keeps 0, the
/// others keep 1.
#[test]
fn batches_keep_the_status_that_the_platform_s_updater_leaves_as_it_is() {
    insta::assert_snapshot!(snapshot_of(BATCH_STATUS_2).sql(STATUS), @r"
    batch_id,start_date,end_date,status,enrolled
    0130271096968396800,2020-05-26,2030-06-30,in progress,1
    0130293763489873929,2020-05-26,2030-06-30,in progress,2
    01303150537737011211,2020-05-26,2030-06-30,in progress,2
    0130320389509939204,2030-05-26,2030-06-30,not started,2
    ");
}

/// Users of organisations that are in the export; the others' root organisations are not. District and block are the
/// places of profilelocation, a JSON text.
#[test]
fn users_of_the_exhaust_have_the_places_of_their_profiles() {
    let users = "select user_id, organization_name, district_name, block_name, tenant_id from users
        where organization_name is not null order by user_id";
    insta::assert_snapshot!(snapshot_of(EXHAUST).sql(users), @r"
    user_id,organization_name,district_name,block_name,tenant_id
    56c2d9a3-fae9-4341-9862-4eeeead2e9a1,AP,Chittooor,Chittooorblock1,012500530695766016224
    56c2d9a3-fae9-4341-9862-4eeeead2e9a2,AP,Chittooor,Chittooorblock1,012500530695766016224
    56c2d9a3-fae9-4341-9862-4eeeead2e9a3,AP,Chittooor,Chittooorblock1,012500530695766016224
    ");
}

/// - 3150aa06: no declaration, so no school; profilelocation names no block.
/// - 56c2d9a3: district and block of profilelocation; in no school, so the declared one.
/// - 6d8269de: profilelocation is an empty text and locationids are missing, so no places.
/// - 7faa1621: profilelocation names no block, and replaces locationids as a whole. The declaration is for a school
///   (01268935407534080010344), the tenant is the user's root organisation.
/// - 8eaa1621: the same as 56c2d9a3 in another state, whose organisation is no tenant (`istenant` is false).
///
/// Nobody is of the custodian, and no state gave an id, so there are no external ids.
#[test]
fn people_who_declared_a_school_have_it_and_their_places() {
    let users = "select user_id, external_id, organization_name, district_name, school_name, block_name, tenant_id
        from users order by user_id";
    insta::assert_snapshot!(snapshot_of(DECLARATIONS).sql(users), @r"
    user_id,external_id,organization_name,district_name,school_name,block_name,tenant_id
    3150aa06-333e-4d6d-8d81-3d8e14e7b245,,MPPS SIMHACHALNAGAR,Gulbarga,,,0127426598044057605836
    56c2d9a3-fae9-4341-9862-4eeeead2e9a1,,AP,Chittooor,mgm21,Chittooorblock1,012500530695766016224
    6d8269de-c6ca-4106-9b63-305382d46175,,AP,,mgm21,,012500530695766016224
    7faa1621-bc14-32c4-9e26-4b846963g339,,AP,Chittooor,mgm21,,012500530695766016224
    8eaa1621-ac15-42a4-9e26-9c846963f331,,MPPS SIMHACHALNAGAR,Gulbarga,mgm21,Gulbargablock1,0127426598044057605836
    ");
}

/// A night's run writes the reports of `expected/NAME.txt` and no others; `batch` is asked for alone, too.
fn gives_its_reports(site: Site, name: &str, batch: &str) {
    let snapshot = snapshot_of(site);
    let expected = expected(name);
    assert_eq!(snapshot.nightly(), expected, "{name}");
    assert_eq!(snapshot.report(batch), expected[batch], "{name}: {batch}");
}

/// The reports by batch. Each begins with a line `== BATCH`; lines that begin with `#` are comments.
fn expected(name: &str) -> BTreeMap<String, String> {
    let text = fs::read_to_string(data().join(format!("expected/{name}.txt"))).expect("the reports");
    let mut reports = BTreeMap::new();
    for section in text.split("\n== ").skip(1) {
        let (batch, lines) = section.split_once('\n').expect("a batch and its lines");
        let lines = lines.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let report: Vec<&str> = std::iter::once(HEADER).chain(lines).collect();
        reports.insert(batch.to_owned(), report.join("\n") + "\n");
    }
    reports
}

/// Columns of Sunbird's tables, as `tests/data/sunbird/cases.json` has them.
#[derive(Deserialize)]
struct Columns {
    /// Types of those that are no text.
    types: BTreeMap<String, BTreeMap<String, String>>,
    /// Those that are there also where no row fills them.
    always: BTreeMap<String, Vec<String>>,
}

fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sunbird_lern")
}

fn snapshot_of(site: Site) -> Snapshot {
    let cases = fs::read_to_string(data().with_file_name("sunbird").join("cases.json")).expect("the cases");
    let columns: Columns = serde_json::from_str(&cases).expect("columns");
    let mut exports = TestExports::empty();
    for table in columns.always.keys() {
        exports = exports.table(table, &table_sql(&columns, table, &[]));
    }
    for (table, files) in site {
        exports = exports.table(table, &table_sql(&columns, table, files));
    }
    Snapshot::over(exports, "sunbird")
}

/// A query that gives the rows of the files.
fn table_sql(columns: &Columns, table: &str, files: &[&str]) -> String {
    let rows: Vec<Row> = files.iter().flat_map(|file| rows_of(file)).collect();
    let always = columns.always.get(table).into_iter().flatten();
    let names: BTreeSet<&String> = always.chain(rows.iter().flat_map(Row::keys)).collect();
    let is_all_text = files.iter().any(|file| is_csv(file));
    let kind = |name: &str| {
        let found = columns.types.get(table).and_then(|types| types.get(name));
        found.filter(|_| !is_all_text).map_or("text", String::as_str)
    };
    let select = |row: &Row| {
        let cells = names.iter().map(|&name| {
            let value = row.get(name).unwrap_or(&Value::Null);
            let sql = match (kind(name), value) {
                ("text", Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                    value_sql(&Value::String(value.to_string()), "text")
                }
                (kind, value) => value_sql(value, kind),
            };
            format!("{sql} as \"{name}\"")
        });
        format!("select {}", cells.collect::<Vec<_>>().join(", "))
    };
    if rows.is_empty() {
        return format!("{} where false", select(&Row::new()));
    }
    rows.iter().map(select).collect::<Vec<_>>().join(" union all ")
}

/// The rows of a file: JSON, or CSV, whose cells are all text.
fn rows_of(file: &str) -> Vec<Row> {
    let text = fs::read_to_string(data().join(file)).expect("rows");
    if !is_csv(file) {
        return serde_json::from_str(&text).expect("rows");
    }
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize::<BTreeMap<String, String>>();
    rows.map(|row| {
        let cells = row.expect("as many cells as the header").into_iter();
        cells.map(|(name, cell)| (name, Value::String(cell))).collect::<Row>()
    })
    .collect()
}

fn is_csv(file: &str) -> bool {
    file.ends_with(".csv")
}
