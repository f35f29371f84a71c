//! `pragati sql`: any SQL over the tables and views of a snapshot.

use std::fs;
use std::path::Path;

use crate::support::{TestExports, complaint_of, csv_columns, files_below, pragati, query_parquet, wrapped};

/// Two rows with what a format may trip over.
const NASTY: &str = "
    select * from (values (1, 'a,\"b\"' || chr(10) || 'अ', 0.5), (2, '', null)) as rows(id, text, share)";

#[test]
fn commands_run_in_order_then_the_file() {
    let exports = TestExports::small();
    let file = exports.path().join("question.sql");
    fs::write(&file, "-- A question.\nselect 3 as third;\nselect 4 as fourth").expect("a file");
    let file = file.to_str().expect("UTF-8");
    let commands = [
        "-c",
        "select 1 as first",
        "-c",
        "select 2 as second",
        "-f",
        file,
        "--format",
        "csv",
    ];
    insta::assert_snapshot!(exports.output("sql", &commands), @r"
    first
    1
    second
    2
    third
    3
    fourth
    4
    ");
}

#[test]
fn several_statements_build_on_each_other() {
    let view = "create view mine as select count(*) as users from users";
    insta::assert_snapshot!(csv(&format!("{view}; select * from mine; select 2 as two;")), @r"
    users
    2
    two
    2
    ");
}

#[test]
fn comparisons_with_nulls_end_before_and() {
    let view = "create view v as select a is distinct from b and c as d from (values (true, false, false)) t(a, b, c)";
    insta::assert_snapshot!(csv(&format!("{view}; select d, d is not distinct from d and d as e from v")), @r"
    d,e
    false,false
    ");
}

#[test]
fn tables_and_views_of_the_snapshot_cannot_be_replaced_whatever_their_names() {
    let exports = TestExports::small().table("people", "select 1 as id");
    let config = exports.config("other_tables.\"Our People\" = 'people'");
    for statement in [
        "drop table users",
        "create view distinct_users as select 1 as one",
        "drop view course_progress_report",
        "drop table \"Our People\"",
    ] {
        let message = exports.complaint(1, "sql", &["--config", &config, "-c", statement]);
        assert!(message.contains("snapshot"), "{statement}: {message}");
    }
}

#[test]
fn standard_input_is_read_where_nothing_else_is_given_or_asked_for() {
    for arguments in [&[][..], &["-f", "-"]] {
        let exports = TestExports::small();
        let mut sql = exports.command("sql");
        sql.args(arguments)
            .args(["--format", "csv"])
            .write_stdin("select 1 as one");
        sql.assert().success().stdout("one\n1\n");
    }
}

#[test]
fn no_sql_at_all_is_wrong_usage() {
    let exports = TestExports::small();
    insta::assert_snapshot!(wrapped(&exports.complaint(2, "sql", &[])), @r"
    error: no SQL given; use -c SQL, -f FILE or standard input
    ");
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "sql", &["-f", "/no/such.sql"])), @r"
    error: /no/such.sql cannot be read; check the path given with -f
    ");
}

#[test]
fn a_table_shows_null() {
    let users = "select user_id, external_id, first_name from users order by 1";
    insta::assert_snapshot!(printed("table", users), @r"
    +---------+-------------+------------+
    | user_id | external_id | first_name |
    +---------+-------------+------------+
    | u1      | E1          | Asha       |
    | u2      | NULL        | अनीता      |
    +---------+-------------+------------+
    ");
}

#[test]
fn csv_quotes_what_needs_it_and_leaves_null_empty() {
    insta::assert_snapshot!(printed("csv", NASTY), @r#"
    id,text,share
    1,"a,""b""
    अ",0.5
    2,,
    "#);
}

#[test]
fn tsv_is_the_same_with_tabs() {
    insta::assert_snapshot!(printed("tsv", NASTY).replace('\t', "→"), @r#"
    id→text→share
    1→"a,""b""
    अ"→0.5
    2→→
    "#);
}

#[test]
fn json_is_one_array() {
    insta::assert_snapshot!(printed("json", NASTY), @r#"
    [{"id":1,"text":"a,\"b\"\nअ","share":0.5},{"id":2,"text":"","share":null}]
    "#);
}

#[test]
fn ndjson_is_one_object_a_line() {
    insta::assert_snapshot!(printed("ndjson", NASTY), @r#"
    {"id":1,"text":"a,\"b\"\nअ","share":0.5}
    {"id":2,"text":"","share":null}
    "#);
}

#[test]
fn averages_and_quotients_are_the_nearest_floating_point_numbers() {
    let sql = "select 95::numeric / 48 as a, 10.0 / 3 as b, avg(x) as c, (10.0 / 3)::text as d
        from (values (1), (2), (2)) as v(x)";
    // Correctly rounded; as a text, the quotient has PostgreSQL's digits.
    let expected = [
        "1.9791666666666667",
        "3.3333333333333335",
        "1.6666666666666667",
        "3.3333333333333333",
    ];
    for format in ["table", "csv", "tsv", "json", "ndjson"] {
        let answer = printed(format, sql);
        let numbers: Vec<&str> = answer
            .split(|letter: char| !letter.is_ascii_digit() && letter != '.')
            .filter(|word| word.len() > 2)
            .collect();
        assert_eq!(numbers, expected, "{answer}");
    }
}

#[test]
fn parquet_keeps_types_and_rows() {
    let exports = TestExports::small();
    let file = exports.path().join("answer.parquet");
    let to_file = ["--format", "parquet", "-o", file.to_str().expect("UTF-8")];
    exports.output(
        "sql",
        &[&["-c", "select user_id, enrolled_at from enrolments"], &to_file[..]].concat(),
    );
    let types = "select user_id, enrolled_at, arrow_typeof(enrolled_at) as type from files order by 1";
    insta::assert_snapshot!(query_parquet(&file, types), @r#"
    +---------+----------------------+----------------------+
    | user_id | enrolled_at          | type                 |
    +---------+----------------------+----------------------+
    | u1      | 2026-10-01T18:29:59Z | Timestamp(µs, "UTC") |
    | u2      | 2026-10-01T18:30:00Z | Timestamp(µs, "UTC") |
    +---------+----------------------+----------------------+
    "#);
    exports.output(
        "sql",
        &[&["-c", "select * from batches where false"], &to_file[..]].concat(),
    );
    insta::assert_snapshot!(query_parquet(&file, "select count(*) from files"), @r"
    +----------+
    | count(*) |
    +----------+
    | 0        |
    +----------+
    ");
}

#[test]
fn an_empty_result_has_its_header() {
    let empty = "select batch_id, batch_name from batches where false";
    assert_eq!(printed("csv", empty), "batch_id,batch_name\n");
    assert_eq!(printed("tsv", empty), "batch_id\tbatch_name\n");
    assert_eq!(printed("json", empty), "[]\n");
    assert_eq!(printed("ndjson", empty), "");
    insta::assert_snapshot!(printed("table", empty), @r"
    +----------+------------+
    | batch_id | batch_name |
    +----------+------------+
    +----------+------------+
    ");
}

#[test]
fn a_parquet_file_of_two_results_is_wrong_usage() {
    let exports = TestExports::small();
    let two = [
        "-c",
        "select 1; select 2",
        "--format",
        "parquet",
        "-o",
        "unused.parquet",
    ];
    insta::assert_snapshot!(wrapped(&exports.complaint(2, "sql", &two)), @r"
    error: a Parquet file holds one result, not 2; give one statement
    ");
}

#[test]
fn a_syntax_error_is_wrong_usage_and_runs_nothing() {
    let exports = TestExports::small();
    let commands = ["-c", "select 1", "-c", "selec 1"];
    insta::assert_snapshot!(wrapped(&exports.complaint(2, "sql", &commands)), @r#"
    error: SQL: Expected: an SQL statement, found: selec at Line: 1, Column: 1
    "#);
    exports.command("sql").args(commands).assert().stdout("");
}

#[test]
fn copy_of_clients_is_refused_with_what_to_do_instead() {
    let exports = TestExports::small();
    for sql in [
        "copy users to stdout",
        "COPY users (user_id) TO STDOUT",
        "select 1; copy (select 1) to stdout with (format csv, header)",
    ] {
        // Before any statement runs.
        assert_eq!(
            exports.complaint(2, "sql", &["-c", sql]).trim_end(),
            "error: COPY … TO STDOUT is for clients of the PostgreSQL endpoint; here, give the query alone with \
             --format csv, and -o FILE for a file (in the shell \\format csv, \\o FILE)",
            "{sql}"
        );
        exports.command("sql").args(["-c", sql]).assert().stdout("");
    }
    insta::assert_snapshot!(complaint(2, "copy users from stdin"), @r"
    error: COPY … FROM is not allowed: the exports are read only
    ");
}

#[test]
fn mistakes_in_a_query_are_one_line() {
    insta::assert_snapshot!(complaint(1, "select * from learners"), @r"
    error: query: Error during planning: table 'pragati.public.learners' not found
    ");
    insta::assert_snapshot!(complaint(1, "select user from users"), @r"
    error: query: Schema error: No field named user. Did you mean 'users.user_id'? Valid fields are
    users.user_id, users.external_id, users.first_name, users.last_name, users.email, users.mobile,
    users.organization_name, users.district_name, users.school_name, users.block_name, users.tenant_id.
    ");
    insta::assert_snapshot!(complaint(1, "select 1 / (select count(*) - 2 from users)"), @r"
    error: query: Arrow error: Divide by zero error
    ");
}

#[test]
fn a_parameter_without_a_value_is_an_error() {
    insta::assert_snapshot!(complaint(2, "select * from batches where batch_id = $batch_id"), @r"
    error: the statement needs a value for $batch_id; give it with --param batch_id=VALUE
    ");
}

#[test]
fn parameters_are_values_of_their_types() {
    let exports = TestExports::small();
    let sql = "select $name as name, arrow_typeof($day) as type, $rows + 1 as more from batches where batch_id <> $name limit $rows";
    let parameters = [
        "--param",
        "name=b1' or ''='",
        "--param",
        "day:date=2026-11-22",
        "--param",
        "rows:int=5",
    ];
    let arguments = [&["--format", "csv", "-c", sql], &parameters[..]].concat();
    insta::assert_snapshot!(exports.output("sql", &arguments), @r"
    name,type,more
    b1' or ''=',Date32,6
    b1' or ''=',Date32,6
    ");
    exports
        .command("sql")
        .args(["-c", "select 1", "--param", "rows:int=five"])
        .assert()
        .code(2);
    let prepared = [
        "--format",
        "csv",
        "-c",
        "prepare one as select $1 + 1 as more; execute one(41)",
    ];
    assert_eq!(exports.output("sql", &prepared), "more\n42\n");
}

#[test]
fn a_list_is_text_in_csv() {
    let lists = "select make_array('a', null, 'b,c') as list, named_struct('n', 1) as struct, 1 as n";
    insta::assert_snapshot!(csv(lists), @r#"
    list,struct,n
    "[""a"",null,""b,c""]","{""n"":1}",1
    "#);
}

#[test]
fn a_failed_query_leaves_an_earlier_answer_as_it_was() {
    let exports = TestExports::small();
    let file = exports.path().join("answer.csv");
    fs::write(&file, "earlier").expect("a file");
    let to_file = ["--format", "csv", "-o", file.to_str().expect("UTF-8")];
    exports.complaint(
        1,
        "sql",
        &[&["-c", "select 1; select * from learners"], &to_file[..]].concat(),
    );
    assert_eq!(fs::read_to_string(&file).expect("the file"), "earlier");
}

#[test]
fn show_tables_lists_tables_and_views() {
    let listed = csv_columns(&csv("show tables"), &["table_schema", "table_name", "table_type"]);
    let mut lines: Vec<&str> = listed.lines().filter(|line| line.starts_with("public")).collect();
    lines.sort_unstable();
    insta::assert_snapshot!(lines.join("\n"), @r"
    public,batch_downloads_by_day,VIEW
    public,batch_sendings_by_day,VIEW
    public,batches,BASE TABLE
    public,batches_by_level,VIEW
    public,batches_history,BASE TABLE
    public,course_progress,BASE TABLE
    public,course_progress_history,BASE TABLE
    public,course_progress_report,VIEW
    public,distinct_batches,VIEW
    public,distinct_course_progress,VIEW
    public,distinct_deliveries,VIEW
    public,distinct_download_events,VIEW
    public,distinct_enrolments,VIEW
    public,distinct_users,VIEW
    public,download_events,BASE TABLE
    public,download_ratio,VIEW
    public,download_ratio_by_course,VIEW
    public,download_ratio_by_tenant,VIEW
    public,download_ratio_over_time,VIEW
    public,download_ratio_overall,VIEW
    public,download_requests,VIEW
    public,enrolment_details,VIEW
    public,enrolments,BASE TABLE
    public,enrolments_history,BASE TABLE
    public,first_download_day,VIEW
    public,malformed_telemetry,BASE TABLE
    public,numbered_batches,VIEW
    public,numbered_downloads_by_day,VIEW
    public,numeric_course_progress,VIEW
    public,report_batches,VIEW
    public,users,BASE TABLE
    public,users_history,BASE TABLE
    ");
}

#[test]
fn a_site_s_own_query_replaces_the_built_in_one() {
    let exports = TestExports::small();
    let queries = tempfile::tempdir().expect("a folder");
    let mine = "-- One row: one user.\nselect distinct user_id as learner from enrolment_details";
    write_query(queries.path(), "reports/course_progress_report.sql", mine);
    let queries = queries.path().to_str().expect("UTF-8");
    let asked = "select * from course_progress_report order by learner";
    let arguments = ["--queries", queries, "-c", asked, "--format", "csv"];
    insta::assert_snapshot!(exports.output("sql", &arguments), @r"
    learner
    u1
    u2
    ");
}

#[test]
fn a_site_s_broken_query_is_named() {
    let exports = TestExports::small();
    let queries = tempfile::tempdir().expect("a folder");
    write_query(
        queries.path(),
        "reports/report_batches.sql",
        "select nothing from batches",
    );
    let folder = queries.path().to_str().expect("UTF-8");
    let complaint = exports
        .complaint(1, "sql", &["--queries", folder, "-c", "select 1"])
        .replace(folder, "QUERIES");
    insta::assert_snapshot!(wrapped(&complaint), @r"
    error: query QUERIES/reports/report_batches.sql: Schema error: No field named nothing. Valid fields
    are batches.batch_id, batches.course_id, batches.batch_name, batches.tenant_id, batches.created_by,
    batches.mentors, batches.start_date, batches.end_date.
    ");
}

#[test]
fn exports_are_read_only() {
    let exports = TestExports::small();
    let before = files_below(exports.path());
    let insert = ["-c", "insert into batches select * from batches"];
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "sql", &insert)), @r"
    error: INSERT INTO is not allowed: the exports are read only; write an answer to a file with -o
    FILE, in the shell \o FILE
    ");
    let folder = exports.path().join("batches");
    let folder = folder.display();
    for sql in [
        "delete from batches".to_owned(),
        "update batches set course_id = 'c9'".to_owned(),
        "drop table batches".to_owned(),
        "create or replace view batches as select 1".to_owned(),
        format!("copy batches to '{folder}/more.parquet'"),
        format!("explain analyze copy (select 1) to '{folder}/more.parquet'"),
        format!("create external table more stored as parquet location '{folder}/'"),
        format!("select * from '{folder}'"),
    ] {
        exports.complaint(1, "sql", &["-c", &sql]);
    }
    assert_eq!(files_below(exports.path()), before);
}

#[test]
fn a_closed_pipe_is_not_an_error() {
    let exports = TestExports::small();
    let program = pragati().get_program().to_str().expect("UTF-8").to_owned();
    for format in ["table", "csv", "tsv", "json", "ndjson"] {
        let rows = "select value, repeat('x', 100) as filler from generate_series(1, 100000) as value";
        let folder = exports.path().display();
        let sql = format!("{program} sql --exports {folder} --format {format} -c \"{rows}\"");
        let script = format!("{{ {sql}; echo \"exit $?\" >&2; }} | head -c 10");
        let output = assert_cmd::Command::new("sh")
            .args(["-c", &script])
            .output()
            .expect("a run");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "exit 0\n", "{format}");
        assert_eq!(output.stdout.len(), 10, "{format}");
    }
}

#[test]
fn without_exports_it_says_how_to_give_them() {
    insta::assert_snapshot!(wrapped(&complaint_of(pragati().args(["sql", "-c", "select 1"]), 2)), @r"
    error: no exports given; use --exports DIR|URL, PRAGATI_EXPORTS, or `exports` in pragati.toml
    ");
}

fn printed(format: &str, sql: &str) -> String {
    TestExports::small().output("sql", &["-c", sql, "--format", format])
}

/// What a statement that fails says.
fn complaint(code: i32, sql: &str) -> String {
    wrapped(&TestExports::small().complaint(code, "sql", &["-c", sql]))
}

fn csv(sql: &str) -> String {
    printed("csv", sql)
}

fn write_query(folder: &Path, name: &str, sql: &str) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().expect("a layer")).expect("a folder");
    fs::write(file, sql).expect("a file");
}

#[test]
fn further_exports_are_tables_as_they_are() {
    let exports = TestExports::small().table("lineitem", "select 7 as l_orderkey, ' ' as l_comment");
    let with = |name: &str| exports.config(&format!("[other_tables]\n{name} = 'lineitem'\n"));
    let found = exports.output(
        "sql",
        &[
            "--config",
            &with("lineitem"),
            "-c",
            "select * from lineitem, users limit 1",
            "--format",
            "ndjson",
        ],
    );
    assert!(
        found.starts_with("{\"l_orderkey\":7,\"l_comment\":\" \",\"user_id\":"),
        "{found}"
    );
    for taken in ["users", "download_ratio", "users_history", "malformed_telemetry"] {
        let complaint = exports.complaint(2, "sql", &["--config", &with(taken), "-c", "select 1"]);
        assert!(
            complaint.contains(&format!("other_tables.{taken} cannot be added")),
            "{complaint}"
        );
    }
}

/// The engine would take each column to have the one value that it is compared with.
#[test]
fn no_row_has_no_distinct_value() {
    let exports = TestExports::small();
    for (user, expected) in [("nobody", "0,0"), ("u1", "1,1")] {
        let sql = format!(
            "select count(distinct user_id) as users, count(distinct batch_id) as batches from enrolments
                where user_id = '{user}' and batch_id = 'b1'"
        );
        let found = exports.output("sql", &["-c", &sql, "--format", "csv"]);
        assert_eq!(found, format!("users,batches\n{expected}\n"), "{user}");
    }
}
