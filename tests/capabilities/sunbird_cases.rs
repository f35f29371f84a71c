//! The Sunbird mapping on tables of all its releases: `tests/data/sunbird/cases.json`, a case a rule.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::running_endpoint::EndpointSetup;
use crate::running_service::Setup;
use crate::support::{DATE, TestExports};

/// Sees everything.
const ALL: &str = "all_tenants = true\npersonal = true";
type Row = Map<String, Value>;
type Tables = BTreeMap<String, Vec<Row>>;

/// What the file holds.
#[derive(Deserialize)]
struct Cases {
    types: BTreeMap<String, BTreeMap<String, String>>,
    always: BTreeMap<String, Vec<String>>,
    common: Tables,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    case: String,
    rule: String,
    #[serde(default)]
    settings: String,
    #[serde(default)]
    missing_tables: Vec<String>,
    #[serde(default)]
    as_text: Vec<String>,
    tables: Tables,
    report: Vec<String>,
    sql: Option<String>,
    #[serde(default)]
    sql_lines: Vec<String>,
}

macro_rules! cases {
    ($($name:ident)+) => {
        const CASES: &[&str] = &[$(stringify!($name)),+];
        $(#[test] fn $name() { run(stringify!($name)); })+
    };
}

cases! {
    enrolled_only_in_the_new_column
    new_enrolment_column_wins
    percent_from_content_status
    percent_not_known_is_no_zero
    nothing_done_is_zero
    percent_of_earlier_release_is_stale
    percent_is_written_by_spark
    completed_is_hundred
    membership_is_in_user_organisation
    user_org_exists_and_is_empty
    only_organisations_of_type_school
    left_organisation_is_no_school
    places_of_state_user_in_profilelocation
    places_of_self_signed_user_in_profilelocation
    profilelocation_wins_over_locationids
    first_place_of_a_type
    state_id_by_organisation_id
    original_id_has_the_letters
    provider_is_in_small_letters
    declarations_are_a_table
    school_of_self_signed_user
    school_of_membership_before_declared_school
    new_organisations_have_no_isrootorg
    batch_dates_in_the_new_columns
    tenant_of_a_batch_of_a_school
    deleted_user
    row_without_active
    times_as_cqlsh_writes_them
    lists_of_contents_without_optional_ones
    percent_to_the_nearest
    declared_school_before_membership
    maps_and_lists_as_cqlsh_writes_them
    deleted_user_whose_names_are_left
    consent_is_not_asked_for_unless_the_site_says_so
    consent_is_active_for_course_and_organisation
    consent_at_the_same_time_as_its_withdrawal
    consent_of_a_course_that_does_not_ask
    consent_to_the_custodian
    users_of_other_organisations_in_a_course_of_the_batch_s
    users_of_other_organisations_in_a_course_of_another
    consent_to_a_batch_of_no_organisation
    consent_as_cqlsh_writes_it
}

#[test]
fn every_case_of_the_file_is_a_test() {
    let names: Vec<String> = all().cases.into_iter().map(|case| case.case).collect();
    assert_eq!(names, CASES);
}

#[test]
fn a_service_and_the_endpoint_show_the_same_report() {
    let case = "percent_from_content_status";
    let (exports, _) = exports_of(case);
    let mut setup = EndpointSetup::over(exports).user("asha", ALL);
    setup.config.staging = Some("sunbird".to_owned());
    let endpoint = setup.start();
    let question = "select user_id, user_name, course_progress from course_progress_report";
    let rows = endpoint.ask("asha", question).expect("rows");
    assert_eq!(rows, [["user-1", "Asha Rao", "75"]]);

    let (exports, expected) = exports_of(case);
    let mut setup = Setup::over(exports);
    setup.config.staging = Some("sunbird".to_owned());
    assert_eq!(lines_from_service(setup), expected);
}

/// The lines of the report that a service makes for the batch's mentor, without the header.
pub fn lines_from_service(setup: Setup) -> Vec<String> {
    let service = setup.start();
    let asked = service.ask("dev:mentor-1", "batch-1", "download").json();
    let id = asked["id"].as_str().expect("a request");
    service.work();
    let file = service.get("dev:mentor-1", &format!("/api/v1/reports/{id}/file"));
    let csv = String::from_utf8(file.body).expect("UTF-8");
    csv.lines().skip(1).map(str::to_owned).collect()
}

fn all() -> Cases {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sunbird/cases.json");
    serde_json::from_str(&fs::read_to_string(file).expect("the cases")).expect("the cases")
}

/// The case's exports, with a configuration, and the report that is right.
pub fn exports_of(name: &str) -> (TestExports, Vec<String>) {
    let mut file = all();
    let place = file.cases.iter().position(|case| case.case == name);
    let case = file.cases.swap_remove(place.expect("a case of that name"));
    let mut tables: Tables = file.always.keys().map(|table| (table.clone(), Vec::new())).collect();
    tables.extend(file.common.clone());
    tables.extend(case.tables.clone());
    tables.retain(|table, _| !case.missing_tables.contains(table));
    let exports = tables.iter().fold(TestExports::empty(), |exports, (table, rows)| {
        exports.table(table, &table_sql(&file, &case, table, rows))
    });
    exports.config(&format!("staging = 'sunbird'\n[staging_settings]\n{}\n", case.settings));
    (exports, case.report)
}

/// The case through a report, a nightly run and SQL.
fn run(name: &str) {
    let file = all();
    let case = file
        .cases
        .iter()
        .find(|case| case.case == name)
        .expect("a case of that name");
    let (exports, expected) = exports_of(name);
    let config = exports.path().join("settings.toml").display().to_string();
    let lines = |csv: &str| csv.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let report = exports.report("batch-1", &["--config", &config]);
    assert_eq!(lines(&report), expected, "{}", case.rule);
    let (_folder, day) = exports.nightly(&["--config", &config]);
    let csv = crate::support::files_below(&day.join("csv"));
    let csv = String::from_utf8(csv[0].1.clone()).expect("UTF-8");
    assert_eq!(lines(&csv), expected, "nightly: {}", case.rule);
    let sql = |question: &str| {
        let asked = ["--config", &config, "--format", "csv", "-c", question];
        lines(&exports.output("sql", &asked))
    };
    let counted = sql("select count(*) from course_progress_report");
    assert_eq!(counted, [expected.len().to_string()], "sql: {}", case.rule);
    if let Some(question) = &case.sql {
        assert_eq!(sql(question), case.sql_lines, "{}", case.rule);
    }
}

/// A query that gives the rows, with the columns that some row fills and those that are always there.
fn table_sql(file: &Cases, case: &Case, table: &str, rows: &[Row]) -> String {
    let mut columns: Vec<&String> = file.always.get(table).into_iter().flatten().collect();
    for name in rows.iter().flat_map(Row::keys) {
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    let kind = |column: &str| {
        let is_text = case.as_text.contains(&format!("{table}.{column}"));
        let found = file.types.get(table).and_then(|types| types.get(column));
        found.filter(|_| !is_text).map_or("text", String::as_str)
    };
    let select = |row: &Row| {
        let columns = columns.iter().map(|&name| {
            let value = row.get(name).unwrap_or(&Value::Null);
            format!("{} as \"{name}\"", value_sql(value, kind(name)))
        });
        format!("select {}", columns.collect::<Vec<_>>().join(", "))
    };
    if rows.is_empty() {
        return format!("{} where false", select(&Row::new()));
    }
    rows.iter().map(select).collect::<Vec<_>>().join(" union all ")
}

/// The value of a column of that type, as SQL.
pub fn value_sql(value: &Value, kind: &str) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => format!("'{}'", text.replace('\'', "''")),
        other => other.to_string(),
    };
    let texts = |values: Vec<String>| format!("make_array({})", values.join(", "));
    // A missing value has the type of one that is never there.
    let typed = |value: String| format!("case when true then {value} end");
    let missing = |value: &str| format!("case when false then {value} end");
    match (kind, value) {
        ("timestamp", Value::Null) => timestamp("null"),
        ("timestamp", value) => timestamp(&text(value)),
        ("boolean", Value::Null) => "cast(null as boolean)".to_owned(),
        ("integer", value) => format!("cast({value} as integer)"),
        ("list of text", Value::Array(values)) => typed(texts(values.iter().map(text).collect())),
        ("list of text", _) => missing("make_array('x')"),
        ("map of text to integer", Value::Object(entries)) => {
            let keys = entries.keys().map(|key| format!("'{key}'")).collect();
            let values = entries
                .values()
                .map(|value| format!("cast({value} as integer)"))
                .collect();
            typed(format!("map({}, {})", texts(keys), texts(values)))
        }
        ("map of text to integer", _) => missing("map(make_array('x'), make_array(cast(1 as integer)))"),
        ("map of text to text", Value::Object(entries)) => {
            let keys = entries.keys().map(|key| format!("'{key}'")).collect();
            typed(format!(
                "map({}, {})",
                texts(keys),
                texts(entries.values().map(text).collect())
            ))
        }
        ("map of text to text", _) => missing("map(make_array('x'), make_array('y'))"),
        (_, Value::Null) => "cast(null as varchar)".to_owned(),
        (_, value) => text(value),
    }
}

fn timestamp(text: &str) -> String {
    format!("arrow_cast({text}, 'Timestamp(Millisecond, Some(\"UTC\"))')")
}

#[test]
fn clicks_of_the_portals_of_all_years() {
    let (exports, _) = exports_of("nothing_done_is_zero");
    let clicks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sunbird/clicks.ndjson");
    let clicks = fs::read(clicks).expect("the clicks");
    let exports = exports.telemetry(&format!("date={DATE}/clicks.ndjson"), &clicks);
    let config = exports.path().join("settings.toml").display().to_string();
    let ask = |question: &str| exports.output("sql", &["--config", &config, "--format", "csv", "-c", question]);
    let counted = ask("select mid, course_id, batch_id from distinct_download_events order by mid");
    insta::assert_snapshot!(counted, @r"
    mid,course_id,batch_id
    m1,do_1,
    m2,do_1,
    m4,do_1,batch-1
    m9,do_9,batch-9
    ");
    let apart = exports.output(
        "query",
        &["clicks_without_batch", "--config", &config, "--format", "csv"],
    );
    insta::assert_snapshot!(crate::support::csv_columns(&apart, &["mid", "user_id", "course_id", "likely_batch_id"]), @r"
    m1,mentor-1,do_1,batch-1
    m2,mentor-1,do_1,batch-1
    ");
}

#[test]
fn requests_in_the_platform_s_table_count_once() {
    let (exports, _) = exports_of("nothing_done_is_zero");
    let clicks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sunbird/clicks.ndjson");
    let clicks = fs::read(clicks).expect("the clicks");
    // The click m4 of mentor-1 is at 2026-11-21T22:26:40Z.
    let exports = exports.telemetry(&format!("date={DATE}/clicks.ndjson"), &clicks).table(
        "job_request",
        r#"select * from (values
            ('do_1_batch-1:state-a', 'R1', 'progress-exhaust', '{"batchId": "batch-1"}', 'mentor-1', 'org-state-a', '2026-11-21 22:26:45.000+0000'),
            ('do_1_batch-1:state-a', 'R2', 'progress-exhaust', '{"batchId": "batch-1"}', 'mentor-1', 'org-state-a', '2026-11-21 23:00:00.000+0000'),
            ('do_1_batch-1:state-a', 'R3', 'progress-exhaust', '{"batchFilter": ["batch-1"]}', 'mentor-2', 'org-state-a', '2026-11-21 22:26:45.000+0000'),
            ('do_9_batch-9:state-a', 'R4', 'progress-exhaust', null, 'mentor-1', 'org-state-a', null),
            ('do_1_batch-1:state-a', 'R5', 'userinfo-exhaust', '{"batchId": "batch-1"}', 'mentor-1', 'org-state-a', '2026-11-21 23:00:00.000+0000')
        ) as requests(tag, request_id, job_id, request_data, requested_by, requested_channel, dt_job_submitted)"#,
    );
    let config = exports.path().join("settings.toml").display().to_string();
    let question = "select mid, user_id, course_id, batch_id, tenant_id, source, event_time
        from distinct_download_events where batch_id is not null order by mid";
    let counted = exports.output("sql", &["--config", &config, "--format", "csv", "-c", question]);
    insta::assert_snapshot!(counted, @r"
    mid,user_id,course_id,batch_id,tenant_id,source,event_time
    job_request:R2,mentor-1,do_1,batch-1,org-state-a,job_request,2026-11-21T23:00:00Z
    job_request:R3,mentor-2,do_1,batch-1,org-state-a,job_request,2026-11-21T22:26:45Z
    job_request:R4,mentor-1,do_9,batch-9,org-state-a,job_request,
    m4,mentor-1,do_1,batch-1,org-state-a,sunbird.portal,2026-11-21T22:26:40Z
    m9,mentor-1,do_9,batch-9,org-state-a,sunbird.portal,2026-11-21T22:26:40Z
    ");
}
