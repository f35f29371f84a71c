//! The Sunbird mapping: Sunbird's raw tables, as they are, give the reports that Sunbird's data calls for.
//!
//! `tests/data/sunbird/expected` was made by hand from Sunbird's own test data.

use std::fs;
use std::path::{Path, PathBuf};

use assert_cmd::Command;

use crate::support::{TestExports, USERS, complaint_of, csv_columns, files_below, pragati, select, wrapped};

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
    fs::write(
        &settings,
        format!("exports = '{}'\nstaging = 'sunbird'\n", raw().display()),
    )
    .expect("a file");
    for (batch, rows) in BATCHES {
        let mut report = pragati();
        report
            .args(["report", "--no-bom", "--batch", batch, "--config"])
            .arg(&settings);
        let output = report.output().expect("a run");
        let csv = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(csv, expected(batch), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(csv.lines().count(), 1 + rows, "{batch}");
    }
}

#[test]
fn a_night_s_run_writes_the_same_reports() {
    let out = tempfile::tempdir().expect("a folder");
    sunbird("nightly").arg("--out").arg(out.path()).assert().success();
    let day = out.path().join(format!("date={DAY}"));
    let files = files_below(&day.join("csv"));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    insta::assert_snapshot!(names.join("\n"), @r"
    _/0130271096968396800.csv
    _/0130293763489873929.csv
    _/01303150537737011211.csv
    _/0130320389509939204.csv
    _/0130404613948538885.csv
    ");
    for (name, bytes) in &files {
        let batch = Path::new(name)
            .file_stem()
            .and_then(|stem| stem.to_str())
            .expect("a batch");
        assert_eq!(
            String::from_utf8_lossy(bytes),
            format!("\u{feff}{}", expected(batch)),
            "{name}"
        );
    }
}

#[test]
fn the_own_tenant_sees_what_its_users_declared() {
    let exports = TestExports::empty().table_on("course_batch", DAY, COURSE_BATCH);
    let mut report = sunbird("report");
    report.env(
        "PRAGATI_TABLES__COURSE_BATCH__PATH",
        exports.path().join("course_batch"),
    );
    let row = tenant_columns(report, "0130271096968396800");
    insta::assert_snapshot!(row, @"97d81cb6-a348-42f1-91ba-150961a74444,65sboa02,Vidyodhaya,DEVANAHALLI");
}

#[test]
fn of_a_batch_without_tenant_nothing_of_a_tenant_is_shown() {
    let row = tenant_columns(sunbird("report"), "0130320389509939204");
    insta::assert_snapshot!(row, @"c4cc494f-04c3-49f3-b3d5-7b1a1984abad,,,");
}

#[test]
fn one_table_alone_can_be_mapped() {
    let people = "user_id as id, external_id, first_name || '!' as first_name, last_name, email, mobile,
        organization_name, district_name, school_name, block_name, tenant_id";
    let exports = TestExports::small();
    let exports = exports.without("users").table("people", &select(people, USERS));
    let queries = exports.path().join("queries");
    fs::create_dir_all(queries.join("staging/mine")).expect("a folder");
    let mine = "-- One row: one user.\nselect *, id as user_id from people";
    fs::write(queries.join("staging/mine/users.sql"), mine).expect("a file");
    let settings = format!(
        "queries = '{}'\n[tables.users]\nsql = 'staging/mine/users.sql'\n",
        queries.display()
    );
    let report = exports.report("b1", &["--config", &exports.config(&settings)]);
    insta::assert_snapshot!(csv_columns(&report, &["User ID", "User Name", "Course Progress"]), @r"
    u1,Asha! Kumar,40%
    u2,अनीता!,100%
    ");
}

#[test]
fn an_unknown_mapping_is_wrong_usage() {
    let exports = TestExports::small();
    let config = exports.config("staging = 'canvas'");
    insta::assert_snapshot!(exports.complaint(2, "check", &["--config", &config]), @r"
    error: configuration: there is no staging mapping 'canvas'; known: moodle, openedx, sunbird
    ");
}

#[test]
fn a_missing_raw_table_is_named() {
    let exports = TestExports::empty();
    for (name, bytes) in files_below(&raw()) {
        if !name.starts_with("location/") {
            let file = exports.path().join(name);
            fs::create_dir_all(file.parent().expect("a day")).expect("a folder");
            fs::write(file, bytes).expect("a copy");
        }
    }
    let config = exports.config("staging = 'sunbird'");
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &["--quiet", "--config", &config])), @r"
    error: EXPORTS has no usable snapshot: 2020-07-01 is incomplete, table raw.location has no Parquet
    file on that date; wait for the export or give --date
    ");
}

#[test]
fn a_raw_table_without_a_column_is_an_error_that_names_both() {
    let exports = TestExports::empty().table_on("location", DAY, "select 'x' as id, 'district' as type");
    let mut check = sunbird("check");
    check.env("PRAGATI_TABLES__LOCATION__PATH", exports.path().join("location"));
    insta::assert_snapshot!(wrapped(&complaint_of(&mut check, 1)), @r"
    error: query queries/staging/sunbird/users.sql: Schema error: No field named location.name. Did you
    mean 'location.type'? Valid fields are location_ids.user_id, location_ids.location_id, location.id,
    location.type.
    ");
}

#[test]
fn one_of_the_alternative_tables_is_needed() {
    let exports = copy_without(&["user_org"]);
    let config = exports.config("staging = 'sunbird'");
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &["--quiet", "--config", &config])), @r"
    error: the snapshot of 2020-07-01 has no table of the organisations of users: one of the raw tables
    user_organisation (3.2 and later), user_org (up to 3.6) is needed; export the one of your release,
    or give --date
    ");
}

#[test]
fn missing_optional_tables_and_columns_are_reported() {
    let check = sunbird("check").arg("--verbose").output().expect("a run");
    let said = String::from_utf8(check.stdout).expect("UTF-8");
    insta::assert_snapshot!(wrapped(said.lines().next().expect("a line")), @r"
    mapping sunbird: missing tables (read as empty): content_hierarchy, hierarchy_relations,
    job_request, user_declarations, user_organisation; missing columns (read as NULL):
    course_batch.end_date, course_batch.start_date, organisation.istenant,
    organisation.organisationtype, user.profilelocation, user_enrolments.enrolled_date; consent = off;
    percent = down; school_first = membership
    ");
    let findings = sunbird("check")
        .args(["--format", "json"])
        .output()
        .expect("a run")
        .stdout;
    let findings: serde_json::Value = serde_json::from_slice(&findings).expect("JSON");
    assert_eq!(findings[0]["rule"], "mapping_used");
    assert_eq!(findings[0]["description"], said.lines().next().expect("a line"));
    let log = String::from_utf8(check.stderr).expect("UTF-8");
    assert_eq!(log.matches("missing tables").count(), 1, "{log}");
    let out = tempfile::tempdir().expect("a folder");
    sunbird("nightly").arg("--out").arg(out.path()).assert().success();
    let manifest = fs::read_to_string(out.path().join(format!("date={DAY}/manifest.json"))).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let mapping = &manifest["mapping"];
    assert_eq!(mapping["name"], "sunbird");
    assert_eq!(mapping["settings"]["percent"], "down");
    let missing = mapping["missing_tables"].as_array().expect("tables");
    assert!(missing.iter().any(|table| table == "user_declarations"), "{mapping}");
}

#[test]
fn a_site_can_need_a_table_that_others_lack() {
    let exports = copy_without(&[]);
    let config = exports.config("staging = 'sunbird'\n[tables.content_hierarchy]\nrequired = true");
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "check", &["--quiet", "--config", &config])), @r"
    error: EXPORTS has no usable snapshot: 2020-07-01 is incomplete, table raw.content_hierarchy has no
    Parquet file on that date; wait for the export or give --date
    ");
}

#[test]
fn a_setting_of_no_release_is_wrong_usage() {
    let exports = copy_without(&[]);
    let config = exports.config("staging = 'sunbird'\n[staging_settings]\npercent = 'up'");
    insta::assert_snapshot!(exports.complaint(2, "check", &["--config", &config]), @r"
    error: configuration: staging_settings.percent cannot be 'up'; known: down, nearest
    ");
}

#[test]
fn no_mail_is_sent_to_addresses_of_a_dump() {
    let data = tempfile::tempdir().expect("a folder");
    let mut serve = sunbird("serve");
    serve
        .args(["--quiet", "--dev-auth", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .env("PRAGATI_IDENTITY__ADDRESS", "users");
    insta::assert_snapshot!(wrapped(&complaint_of(&mut serve, 2)), @r#"
    error: configuration: identity.address = "users" cannot be: a dump of Sunbird holds no mail address
    that can be written to, only masked and encrypted ones; set it to "claim", or map users from a table
    with addresses
    "#);
}

/// The page's console blocks, as commands and what they print.
#[test]
fn the_walk_through_of_the_page_is_what_happens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("docs/sunbird.md")).expect("the page");
    let blocks = page.split("```console\n").skip(1);
    let blocks: Vec<&str> = blocks.filter_map(|block| block.split("```").next()).collect();
    let mut commands = 0;
    for step in blocks.iter().flat_map(|block| block.split("$ ").skip(1)) {
        let (command, expected) = step.split_once('\n').expect("a command and its output");
        let binary = assert_cmd::cargo::cargo_bin("pragati");
        let folder = binary.parent().expect("a folder").display().to_string();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).current_dir(root).env("PATH", path);
        let output = shell.output().expect("a shell");
        let printed = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(
            printed,
            expected,
            "{command}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        commands += 1;
    }
    assert!(commands >= 3, "{commands} commands");
}

/// The exports without some tables.
fn copy_without(tables: &[&str]) -> TestExports {
    let exports = TestExports::empty();
    for (name, bytes) in files_below(&raw()) {
        if !tables.iter().any(|table| name.starts_with(&format!("{table}/"))) {
            let file = exports.path().join(name);
            fs::create_dir_all(file.parent().expect("a day")).expect("a folder");
            fs::write(file, bytes).expect("a copy");
        }
    }
    exports
}

/// `course_batch` with a tenant for one batch.
const COURSE_BATCH: &str = "
    select 'do_1130264512015646721166' as courseid, '0130271096968396800' as batchid, null as createdby,
        null as mentors, make_array('01274266675936460840172') as createdfor, 'course-2' as name,
        '2020-05-25' as startdate, '2030-05-30' as enddate";

/// The platform's own exports of its raw tables.
pub fn raw() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sunbird/exports")
}

fn expected(batch: &str) -> String {
    let file = raw().with_file_name("expected").join(format!("{batch}.csv"));
    fs::read_to_string(file).expect("the expected report")
}

/// `pragati COMMAND` over Sunbird's tables.
fn sunbird(command: &str) -> Command {
    let mut pragati = pragati();
    pragati
        .env("PRAGATI_STAGING", "sunbird")
        .arg(command)
        .arg("--exports")
        .arg(raw());
    pragati
}

/// The columns that a tenant keeps to itself, of each row of a batch.
fn tenant_columns(mut report: Command, batch: &str) -> String {
    let output = report
        .args(["--same-tenant", "--batch", batch])
        .output()
        .expect("a run");
    let csv = String::from_utf8(output.stdout).expect("UTF-8");
    csv_columns(&csv, &["User ID", "External ID", "School Name", "Block Name"])
}
