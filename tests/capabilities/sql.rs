//! `pragati sql`: any SQL over the tables and views of a snapshot.

use std::fs;
use std::path::Path;

use crate::support::{TestExports, complaint_of, csv_columns, files_below, pragati, query_parquet};

/// Two rows with what a format may trip over.
const NASTY: &str = "select * from (values (1, 'a,\"b\"' || chr(10) || 'अ', 0.5), (2, '', null)) as rows(id, text, share)";

#[test]
fn commands_run_in_order_then_the_file() {
    let exports = TestExports::small();
    let file = exports.path().join("question.sql");
    fs::write(&file, "-- A question.\nselect 3 as third;\nselect 4 as fourth").expect("a file");
    let file = file.to_str().expect("UTF-8");
    let commands = ["-c", "select 1 as first", "-c", "select 2 as second", "-f", file, "--format", "csv"];
    insta::assert_snapshot!(exports.output("sql", &commands), @"");
}

#[test]
fn several_statements_build_on_each_other() {
    let statements = "create view mine as select count(*) as users from users; select * from mine; select 2 as two;";
    insta::assert_snapshot!(csv(statements), @"");
}

#[test]
fn standard_input_is_read_where_nothing_else_is_given_or_asked_for() {
    for arguments in [&[][..], &["-f", "-"]] {
        let mut sql = TestExports::small().command("sql");
        let printed = sql.args(arguments).args(["--format", "csv"]).write_stdin("select 1 as one").assert().success();
        assert_eq!(printed.get_output().stdout, b"one\n1\n", "{arguments:?}");
    }
}

#[test]
fn no_sql_at_all_is_wrong_usage() {
    let exports = TestExports::small();
    insta::assert_snapshot!(exports.complaint(2, "sql", &[]), @"");
    insta::assert_snapshot!(exports.complaint(1, "sql", &["-f", "/no/such.sql"]), @"");
}

#[test]
fn a_table_shows_null() {
    insta::assert_snapshot!(printed("table", "select user_id, external_id, first_name from users order by 1"), @"");
}

#[test]
fn csv_quotes_what_needs_it_and_leaves_null_empty() {
    insta::assert_snapshot!(printed("csv", NASTY), @"");
}

#[test]
fn tsv_is_the_same_with_tabs() {
    insta::assert_snapshot!(printed("tsv", NASTY).replace('\t', "→"), @"");
}

#[test]
fn json_is_one_array() {
    insta::assert_snapshot!(printed("json", NASTY), @"");
}

#[test]
fn ndjson_is_one_object_a_line() {
    insta::assert_snapshot!(printed("ndjson", NASTY), @"");
}

#[test]
fn parquet_keeps_types_and_rows() {
    let exports = TestExports::small();
    let file = exports.path().join("answer.parquet");
    let to_file = ["--format", "parquet", "-o", file.to_str().expect("UTF-8")];
    exports.output("sql", &[&["-c", "select user_id, enrolled_at from enrolments"], &to_file[..]].concat());
    let types = "select user_id, enrolled_at, arrow_typeof(enrolled_at) as type from files order by 1";
    insta::assert_snapshot!(query_parquet(&file, types), @"");
    exports.output("sql", &[&["-c", "select * from batches where false"], &to_file[..]].concat());
    insta::assert_snapshot!(query_parquet(&file, "select count(*) from files"), @"");
}

#[test]
fn an_empty_result_has_its_header() {
    let empty = "select batch_id, batch_name from batches where false";
    assert_eq!(printed("csv", empty), "batch_id,batch_name\n");
    assert_eq!(printed("tsv", empty), "batch_id\tbatch_name\n");
    assert_eq!(printed("json", empty), "[]\n");
    assert_eq!(printed("ndjson", empty), "");
    insta::assert_snapshot!(printed("table", empty), @"");
}

#[test]
fn a_parquet_file_of_two_results_is_wrong_usage() {
    let exports = TestExports::small();
    let two = ["-c", "select 1; select 2", "--format", "parquet", "-o", "unused.parquet"];
    insta::assert_snapshot!(exports.complaint(2, "sql", &two), @"");
}

#[test]
fn a_syntax_error_is_wrong_usage_and_runs_nothing() {
    let exports = TestExports::small();
    let commands = ["-c", "select 1", "-c", "selec 1"];
    insta::assert_snapshot!(exports.complaint(2, "sql", &commands), @"");
    exports.command("sql").args(commands).assert().stdout("");
}

#[test]
fn mistakes_in_a_query_are_one_line() {
    let exports = TestExports::small();
    insta::assert_snapshot!(exports.complaint(1, "sql", &["-c", "select * from learners"]), @"");
    insta::assert_snapshot!(exports.complaint(1, "sql", &["-c", "select user from users"]), @"");
    insta::assert_snapshot!(exports.complaint(1, "sql", &["-c", "select 1 / (select count(*) - 2 from users)"]), @"");
}

#[test]
fn a_parameter_without_a_value_is_an_error() {
    let exports = TestExports::small();
    insta::assert_snapshot!(exports.complaint(1, "sql", &["-c", "select * from batches where batch_id = $batch_id"]), @"");
}

#[test]
fn a_failed_query_leaves_an_earlier_answer_as_it_was() {
    let exports = TestExports::small();
    let file = exports.path().join("answer.csv");
    fs::write(&file, "earlier").expect("a file");
    let to_file = ["--format", "csv", "-o", file.to_str().expect("UTF-8")];
    exports.complaint(1, "sql", &[&["-c", "select 1; select * from learners"], &to_file[..]].concat());
    assert_eq!(fs::read_to_string(&file).expect("the file"), "earlier");
}

#[test]
fn show_tables_lists_tables_and_views() {
    let listed = csv_columns(&csv("show tables"), &["table_schema", "table_name", "table_type"]);
    let mut lines: Vec<&str> = listed.lines().filter(|line| line.starts_with("public")).collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @"");
}

#[test]
fn a_site_s_own_query_replaces_the_built_in_one() {
    let exports = TestExports::small();
    let queries = tempfile::tempdir().expect("a folder");
    let mine = "-- Users with a report.\n-- One row: one user.\nselect distinct user_id as learner from enrolment_details";
    write_query(queries.path(), "reports/course_progress_report.sql", mine);
    let queries = queries.path().to_str().expect("UTF-8");
    let asked = "select * from course_progress_report order by learner";
    insta::assert_snapshot!(exports.output("sql", &["--queries", queries, "-c", asked, "--format", "csv"]), @"");
}

#[test]
fn a_site_s_broken_query_is_named() {
    let exports = TestExports::small();
    let queries = tempfile::tempdir().expect("a folder");
    write_query(queries.path(), "reports/report_batches.sql", "select nothing from batches");
    let folder = queries.path().to_str().expect("UTF-8");
    let complaint = exports.complaint(1, "sql", &["--queries", folder, "-c", "select 1"]).replace(folder, "QUERIES");
    insta::assert_snapshot!(complaint, @"");
}

#[test]
fn exports_are_read_only() {
    let exports = TestExports::small();
    let before = files_below(exports.path());
    insta::assert_snapshot!(exports.complaint(1, "sql", &["-c", "insert into batches select * from batches"]), @"");
    exports.complaint(1, "sql", &["-c", "delete from batches"]);
    exports.complaint(1, "sql", &["-c", "update batches set course_id = 'c9'"]);
    assert_eq!(files_below(exports.path()), before);
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let exports = TestExports::small();
    let program = pragati().get_program().to_str().expect("UTF-8").to_owned();
    for format in ["table", "csv", "tsv", "json", "ndjson"] {
        let rows = "select value, repeat('x', 100) as filler from generate_series(1, 100000)";
        let folder = exports.path().display();
        let sql = format!("{program} sql --exports {folder} --format {format} -c \"{rows}\"");
        let script = format!("{{ {sql}; echo \"exit $?\" >&2; }} | head -n 1");
        let output = assert_cmd::Command::new("sh").args(["-c", &script]).output().expect("a run");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "exit 0\n", "{format}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1, "{format}");
    }
}

#[test]
fn without_exports_it_says_how_to_give_them() {
    insta::assert_snapshot!(complaint_of(pragati().args(["sql", "-c", "select 1"]), 2), @"");
}

fn printed(format: &str, sql: &str) -> String {
    TestExports::small().output("sql", &["-c", sql, "--format", format])
}

fn csv(sql: &str) -> String {
    printed("csv", sql)
}

fn write_query(folder: &Path, name: &str, sql: &str) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().expect("a layer")).expect("a folder");
    fs::write(file, sql).expect("a file");
}
