//! The Sunbird mapping: Sunbird's raw tables, as they are, give the reports that Sunbird's data calls for.
//!
//! `tests/data/sunbird/expected` was made by hand from Sunbird's own test data.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{DATE, TestExports, complaint_of, csv_columns, files_below, pragati, select};

/// Batches and the rows of their reports.
const BATCHES: [(&str, usize); 5] = [
    ("0130271096968396800", 1),
    ("0130293763489873929", 4),
    ("01303150537737011211", 3),
    ("0130320389509939204", 1),
    ("0130404613948538885", 2),
];
/// The snapshot's day.
const DAY: &str = "2020-07-01";

#[test]
fn a_site_of_sunbird_needs_only_its_exports_and_the_mapping_s_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = folder.path().join("pragati.toml");
    fs::write(&settings, format!("exports = '{}'\nstaging = 'sunbird'\n", raw().display())).expect("a file");
    for (batch, rows) in BATCHES {
        let mut report = pragati();
        report.args(["report", "--no-bom", "--batch", batch, "--config"]).arg(&settings);
        let output = report.output().expect("a run");
        let csv = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(csv, expected(batch), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(csv.lines().count(), 1 + rows, "{batch}");
    }
}

#[test]
fn a_night_s_run_writes_the_same_reports() {
    let out = tempfile::tempdir().expect("a folder");
    sunbird("nightly", "").arg("--out").arg(out.path()).assert().success();
    let day = out.path().join(format!("date={DAY}"));
    let files = files_below(&day.join("csv"));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    insta::assert_snapshot!(names.join("\n"), @"");
    for (name, bytes) in &files {
        let batch = Path::new(name).file_stem().and_then(|stem| stem.to_str()).expect("a batch");
        assert_eq!(String::from_utf8_lossy(bytes), format!("\u{feff}{}", expected(batch)), "{name}");
    }
}

#[test]
fn the_own_tenant_sees_what_it_declared() {
    let batch = "0130271096968396800";
    let tenants = TestExports::empty().table_on("course_batch", DAY, COURSE_BATCH);
    let settings = format!("[tables.course_batch]\npath = '{}/course_batch'\n", tenants.path().display());
    insta::assert_snapshot!(tenant_columns(&settings, batch), @"");
}

#[test]
fn of_a_batch_without_tenant_nothing_of_a_tenant_is_shown() {
    insta::assert_snapshot!(tenant_columns("", "0130320389509939204"), @"");
}

#[test]
fn one_table_alone_can_be_mapped() {
    let people = "user_id as id, external_id, first_name || '!' as first_name, last_name, email, mobile,
        organization_name, district_name, school_name, block_name, tenant_id";
    let exports = TestExports::small();
    let exports = exports.without("users").table("people", &select(people, crate::support::USERS));
    let queries = exports.path().join("queries");
    fs::create_dir_all(queries.join("staging/mine")).expect("a folder");
    fs::write(queries.join("staging/mine/users.sql"), "-- Users.\nselect *, id as user_id from people").expect("a file");
    let settings = format!("queries = '{}'\n[tables.users]\nsql = 'staging/mine/users.sql'\n", queries.display());
    let report = exports.report("b1", &["--config", &exports.config(&settings)]);
    insta::assert_snapshot!(csv_columns(&report, &["User ID", "User Name", "Course Progress"]), @"");
}

#[test]
fn an_unknown_mapping_is_wrong_usage() {
    let exports = TestExports::small();
    let config = exports.config("staging = 'moodle'");
    insta::assert_snapshot!(exports.complaint(2, "check", &["--config", &config]), @"");
}

#[test]
fn a_missing_raw_table_is_named() {
    let exports = TestExports::empty();
    for table in ["user", "organisation", "user_org", "usr_external_identity", "user_enrolments", "course_batch"] {
        fs::create_dir_all(exports.path().join(table).join(format!("date={DATE}"))).expect("a folder");
        let file = raw().join(table).join(format!("date={DAY}")).join("part-00000.parquet");
        fs::copy(file, exports.file(table)).expect("a copy");
    }
    let config = exports.config("staging = 'sunbird'");
    insta::assert_snapshot!(exports.complaint(1, "check", &["--config", &config]), @"");
}

#[test]
fn a_raw_table_without_a_column_is_an_error_that_names_both() {
    let exports = TestExports::empty().table_on("location", DAY, "select 'x' as id, 'district' as type");
    let settings = format!("[tables.location]\npath = '{}/location'\n", exports.path().display());
    insta::assert_snapshot!(complaint_of(&mut sunbird("check", &settings), 1), @"");
}

/// `course_batch` with a tenant for one batch.
const COURSE_BATCH: &str = "
    select 'do_1130264512015646721166' as courseid, '0130271096968396800' as batchid, null as createdby, null as mentors,
        make_array('01274266675936460840172') as createdfor, 'course-2' as name, '2020-05-25' as startdate,
        '2030-05-30' as enddate";

fn raw() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sunbird/exports")
}

fn expected(batch: &str) -> String {
    let file = raw().with_file_name("expected").join(format!("{batch}.csv"));
    fs::read_to_string(file).expect("the expected report")
}

/// `pragati COMMAND` over Sunbird's tables, with further settings.
fn sunbird(command: &str, settings: &str) -> assert_cmd::Command {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut file = tempfile::NamedTempFile::new_in(folder).expect("a file");
    let settings = format!("exports = '{}'\nstaging = 'sunbird'\n{settings}", raw().display());
    std::io::Write::write_all(&mut file, settings.as_bytes()).expect("written");
    let (_, path) = file.keep().expect("kept");
    let mut pragati = pragati();
    pragati.arg(command).arg("--config").arg(path);
    pragati
}

/// The columns that a tenant keeps to itself, of each row.
fn tenant_columns(settings: &str, batch: &str) -> String {
    let output = sunbird("report", settings).args(["--same-tenant", "--batch", batch]).output().expect("a run");
    let csv = String::from_utf8(output.stdout).expect("UTF-8");
    csv_columns(&csv, &["User ID", "External ID", "School Name", "Block Name"])
}
