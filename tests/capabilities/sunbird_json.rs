//! Texts that should be JSON and are none, as CSV files of cqlsh hold them, are never taken for missing values in
//! silence; and analysts see the raw tables as they were exported.

use std::fs;
use std::path::Path;

use crate::sunbird_cases::exports_of;
use crate::support::{TestExports, USERS, select};

/// A case with one batch and one user, whose enrolment has nothing done.
const CASE: &str = "nothing_done_is_zero";
const PLACES: &str = r#"[{"id":"loc-d1","type":"district"},{"id":"loc-b1","type":"block"}]"#;
/// What Polars reads where COPY was told no ESCAPE: the quotes are gone.
const WITHOUT_ESCAPE: &str = r"[{\type\:\block\,\id\:\loc-b1\}]";
/// With ESCAPE, the backslash before a quote within a name is doubled.
const WITH_ESCAPE: &str = r#"[{"type":"block","id":"loc-b1","name":"Block \\"One\\""}]"#;

/// A user of a state with these places.
fn user(id: &str, places: &str) -> String {
    format!(
        "select '{id}' as userid, 'Asha' as firstname, 'Rao' as lastname, cast(null as varchar) as maskedemail,
            cast(null as varchar) as maskedphone, 'state-a' as channel, 'org-state-a' as rootorgid,
            case when false then make_array('x') end as locationids, 1 as status, '{places}' as profilelocation"
    )
}

/// The configuration beside the exports of a case.
fn settings(exports: &TestExports) -> String {
    exports.path().join("settings.toml").display().to_string()
}

/// What a command complains with.
fn complaint(exports: &TestExports, command: &str, arguments: &[&str]) -> String {
    let config = settings(exports);
    let mut all = vec!["--quiet", "--config", &config];
    all.extend(arguments);
    exports.complaint(1, command, &all)
}

/// What a statement of an analyst gives, as CSV, and what is said beside it.
fn ask(exports: &TestExports, statement: &str) -> (String, String) {
    let config = settings(exports);
    exports.output_and_talk("sql", &["--config", &config, "--format", "csv", "-c", statement])
}

#[test]
fn places_of_which_none_is_json_are_refused() {
    let (exports, _) = exports_of(CASE);
    let exports = exports.table("user", &user("user-1", WITHOUT_ESCAPE));
    let out = tempfile::tempdir().expect("a folder");
    let out = out.path().to_str().expect("UTF-8");
    let runs: [(&str, &[&str]); 3] = [
        ("report", &["--batch", "batch-1"]),
        ("nightly", &["--out", out]),
        ("check", &[]),
    ];
    for (command, arguments) in runs {
        let said = complaint(&exports, command, arguments);
        let expected = "table raw.user: column profilelocation: none of 1 texts is JSON; with cqlsh, export with \
                        ESCAPE = '\"'";
        assert!(said.contains(expected), "{command}: {said}");
    }
    let config = settings(&exports);
    let mut report = exports.command("report");
    let output = report.args(["--batch", "batch-1", "--config", &config]).output();
    let said = String::from_utf8(output.expect("a run").stderr).expect("UTF-8");
    let expected = "column profilelocation: 1 of 1 texts are no JSON, such as that of userid user-1;";
    assert_eq!(said.matches(expected).count(), 1, "the log names a row: {said}");
    let (texts, _) = ask(
        &exports,
        "select count(*) as texts from raw.\"user\" where profilelocation like '[{%'",
    );
    assert_eq!(texts, "texts\n1\n", "an analyst can look at them");
}

#[test]
fn single_places_that_are_no_json_are_a_warning() {
    let (exports, _) = exports_of(CASE);
    let users = format!("{} union all {}", user("user-1", PLACES), user("user-2", WITH_ESCAPE));
    let exports = exports.table("user", &users);
    let config = settings(&exports);
    let expected = "table raw.user: column profilelocation: 1 of 2 texts are no JSON, such as that of userid user-2; with \
                    cqlsh, export with ESCAPE";

    let (report, said) = exports.output_and_talk("report", &["--batch", "batch-1", "--config", &config]);
    let line = ",user-1,Asha Rao,,,State A,District One,,Block One,2021-05-03,0%,";
    assert_eq!(report.lines().nth(1), Some(line));
    assert_eq!(said.matches(expected).count(), 1, "{said}");

    let (_folder, day) = exports.nightly(&["--config", &config]);
    let manifest = fs::read_to_string(day.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).expect("JSON");
    let notes = manifest["notes"].as_array().expect("notes");
    let is_expected = |note: &serde_json::Value| note.as_str().is_some_and(|note| note.starts_with(expected));
    assert_eq!(notes.iter().filter(|note| is_expected(note)).count(), 1, "{notes:?}");

    let findings = exports.output("check", &["--format", "json", "--config", &config]);
    let findings: serde_json::Value = serde_json::from_str(&findings).expect("JSON");
    let mut findings = findings.as_array().expect("findings").iter();
    let unread = findings.find(|finding| finding["rule"] == "exports_not_read");
    let unread = unread.expect("a finding");
    assert!(
        unread["examples"].as_array().expect("examples").iter().any(is_expected),
        "{unread}"
    );
}

#[test]
fn hierarchies_of_which_none_is_json_are_refused() {
    let (exports, _) = exports_of("percent_from_content_status");
    let exports = exports.table(
        "content_hierarchy",
        r#"select 'do_1' as identifier, '{"name":"A \\"course\\"","leafNodesCount":4}' as hierarchy"#,
    );
    let said = complaint(&exports, "report", &["--batch", "batch-1"]);
    let expected = "table raw.content_hierarchy: column hierarchy: none of 1 texts is JSON;";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn requests_whose_data_is_no_json_have_the_batch_of_their_tag() {
    let (exports, _) = exports_of(CASE);
    let exports = exports.table(
        "job_request",
        r#"select 'do_1_batch-1:state-a' as tag, 'R1' as request_id, 'progress-exhaust' as job_id,
            '{\"batchId\": \"batch-1\"}' as request_data, 'mentor-1' as requested_by, 'org-state-a' as requested_channel,
            '2026-11-21 22:26:45.000+0000' as dt_job_submitted"#,
    );
    let (events, said) = ask(&exports, "select mid, batch_id from distinct_download_events");
    assert_eq!(events, "mid,batch_id\njob_request:R1,batch-1\n");
    let expected =
        "table raw.job_request: column request_data: 1 of 1 texts are no JSON, such as that of request_id R1;";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_site_s_own_mapping_declares_its_json() {
    let columns = "user_id as id, external_id, first_name, last_name, email, mobile, organization_name, school_name,
        block_name, tenant_id, '{\"district\": ' as place";
    let exports = TestExports::small();
    let exports = exports.without("users").table("people", &select(columns, USERS));
    let mine = exports.path().join("queries/staging/mine");
    fs::create_dir_all(&mine).expect("a folder");
    let users = "-- One row: one user.\n\
        select *, id as user_id, json_get_str(place, 'district') as district_name from people";
    fs::write(mine.join("users.sql"), users).expect("a query");
    fs::write(
        mine.join("mapping.toml"),
        "[tables.people]\nid = 'id'\njson = ['place']\n",
    )
    .expect("a file");
    let queries = exports.path().join("queries").display().to_string();
    exports.config(&format!(
        "queries = '{queries}'\n[tables.users]\nsql = 'staging/mine/users.sql'\n"
    ));
    let said = complaint(&exports, "report", &["--batch", "b1"]);
    let expected = "table raw.people: column place: none of 2 texts is JSON; export them as the platform has them";
    assert!(said.contains(expected), "{said}");
}

/// The mapping's own queries read the keys of the maps as dictionaries.
#[test]
fn maps_of_content_are_maps_of_text_to_analysts() {
    let (exports, _) = exports_of("percent_from_content_status");
    let statement = "select to_json(contentstatus)::text as json, to_json(map_keys(contentstatus))::text as keys,
        to_json(map_extract(contentstatus, 'c4'))::text as c4 from raw.user_enrolments";
    insta::assert_snapshot!(ask(&exports, statement).0, @r#"
    json,keys,c4
    "{""c1"":2,""c2"":2,""c3"":2,""c4"":1}","[""c1"",""c2"",""c3"",""c4""]",[1]
    "#);
    let row = "select row_to_json(e)::text as whole from (select contentstatus from raw.user_enrolments) as e";
    insta::assert_snapshot!(ask(&exports, row).0, @r#"
    whole
    "{""contentstatus"":{""c1"":2,""c2"":2,""c3"":2,""c4"":1}}"
    "#);
    let config = settings(&exports);
    let statement = "select contentstatus from raw.user_enrolments";
    let json = exports.output("sql", &["--config", &config, "--format", "json", "-c", statement]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let expected = serde_json::json!([{"contentstatus": {"c1": 2, "c2": 2, "c3": 2, "c4": 1}}]);
    assert_eq!(json, expected);
}

/// Those of completed courses and those that are not done decide nothing. A query of the site's own may need them.
#[test]
fn the_mapping_s_own_queries_read_only_entries_of_contents_that_are_done() {
    let (exports, _) = exports_of("percent_from_content_status");
    let statement = "explain analyze select progress_percent from course_progress";
    let plan = ask(&exports, statement).0;
    let node = "NeededEntriesExec: contentstatus, value=2, unless=completedon";
    assert!(plan.contains(node) && plan.contains("row_groups_by_need=1"), "{plan}");
    assert!(
        !ask(&exports, "explain select contentstatus from raw.user_enrolments")
            .0
            .contains("NeededEntriesExec")
    );

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
    let own = exports.path().join("queries");
    let query = "staging/sunbird/course_progress.sql";
    let sql = fs::read_to_string(folder.join(query)).expect("the mapping's query");
    fs::create_dir_all(own.join("staging/sunbird")).expect("a folder");
    fs::write(own.join(query), sql.replace("contents_seen = 0", "contents_seen < 1")).expect("a file");
    exports.config(&format!("staging = 'sunbird'\nqueries = '{}'\n", own.display()));
    let plan = ask(&exports, statement).0;
    assert!(!plan.contains("NeededEntriesExec"), "{plan}");
}
