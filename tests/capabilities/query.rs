//! `pragati queries` and `pragati query`: the SQL files, listed and run by name.

use crate::support::{TestExports, complaint_of, pragati, wrapped};

fn listed(arguments: &[&str]) -> String {
    let output = pragati().arg("queries").args(arguments).output().expect("a run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_list_has_every_query_with_a_line_of_what_it_is() {
    let list = listed(&[]);
    for line in list.lines() {
        let (name, description) = line.split_once(' ').expect("a name");
        assert!(name.contains('/') && !description.trim().is_empty(), "{line}");
    }
    let batch: Vec<&str> = list.lines().filter(|line| line.starts_with("reports/batch ")).collect();
    insta::assert_snapshot!(batch[0].split_whitespace().collect::<Vec<_>>().join(" "), @"reports/batch One batch that has a report; no row where the snapshot does not know it. Parameter: $batch_id.");
}

#[test]
fn a_program_gets_parameters_and_whole_descriptions() {
    let list: serde_json::Value = serde_json::from_str(&listed(&["--format", "json"])).expect("JSON");
    let query = list
        .as_array()
        .expect("a list")
        .iter()
        .find(|query| query["name"] == "reports/report_of_batch");
    insta::assert_snapshot!(serde_json::to_string_pretty(query.expect("a query")).expect("JSON"), @r#"
    {
      "description": "The Course Progress Report of one batch, in the order of the file.\n\nOne row: one active enrolment. Parameter: $batch_id.",
      "name": "reports/report_of_batch",
      "parameters": [
        "batch_id"
      ],
      "source": "queries/reports/report_of_batch.sql"
    }
    "#);
}

#[test]
fn a_query_is_printed_as_it_stands() {
    let file = format!(
        "{}/queries/metrics/download_ratio_by_tenant.sql",
        env!("CARGO_MANIFEST_DIR")
    );
    let file = std::fs::read_to_string(file).expect("a file");
    assert_eq!(listed(&["download_ratio_by_tenant"]), file);
    assert_eq!(listed(&["metrics/download_ratio_by_tenant"]), file);
    let complaint = complaint_of(pragati().args(["queries", "nothing"]), 2);
    assert!(
        complaint.starts_with("error: there is no query named nothing; known: checks/"),
        "{complaint}"
    );
}

#[test]
fn a_query_runs_by_its_name_with_parameters() {
    let exports = TestExports::small();
    let batch = ["batch", "--param", "batch_id=b1", "--format", "csv"];
    insta::assert_snapshot!(exports.output("query", &batch), @r"
    batch_id,course_id,batch_name,tenant_id
    b1,c1,Batch 1,t1
    ");
    let file = exports.path().join("answer.json");
    let to_file = [
        "checks/users_without_user_id",
        "--format",
        "json",
        "-o",
        file.to_str().expect("UTF-8"),
    ];
    exports.output("query", &to_file);
    assert_eq!(std::fs::read_to_string(file).expect("the file"), "[]\n");
}

#[test]
fn a_view_s_query_has_the_configured_parameters() {
    let exports = TestExports::small();
    let of_query = exports.output("query", &["course_progress_report", "--format", "csv"]);
    let of_view = exports.output(
        "sql",
        &["-c", "select * from course_progress_report", "--format", "csv"],
    );
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    };
    assert_eq!(sorted(&of_query), sorted(&of_view));
}

#[test]
fn parameters_are_values_and_never_sql() {
    let exports = TestExports::small();
    let nasty = ["batch", "--param", "batch_id=b1' or '1'='1", "--format", "csv"];
    assert_eq!(exports.output("query", &nasty).lines().count(), 1);
}

#[test]
fn mistakes_in_parameters_are_wrong_usage() {
    let exports = TestExports::small();
    let complaint = |arguments: &[&str]| wrapped(&exports.complaint(2, "query", arguments));
    insta::assert_snapshot!(complaint(&["report_of_batch"]), @r"
    error: query reports/report_of_batch needs --param batch_id=…; queries/reports/report_of_batch.sql
    says: Parameter: $batch_id.
    ");
    insta::assert_snapshot!(complaint(&["download_ratio_overall", "--param", "level=all"]), @r"
    error: query metrics/download_ratio_overall has no parameter level; it has none
    ");
    exports
        .command("query")
        .args(["batch", "--param", "batch_id"])
        .assert()
        .code(2);
}
