//! A prepared statement that runs again: its plan is kept, and it answers for the values, the snapshot, the user and
//! the time zone of each execution.

use std::fs;

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Postgres, Row};

use crate::running_endpoint::{EndpointSetup, RunningEndpoint};
use crate::support::{BATCHES, COURSE_PROGRESS, ENROLMENTS, TestExports, USERS, write_parquet};

const ALL: &str = "all_tenants = true\npersonal = true";
const ONE_USER: &str = "select user_id from users where user_id = $1";

/// The first column of a statement that is prepared once on each connection.
fn column(
    endpoint: &RunningEndpoint,
    connection: &mut PgConnection,
    sql: &str,
    values: &[Option<&str>],
) -> Vec<String> {
    let query = values.iter().fold(
        sqlx::query::<Postgres>(AssertSqlSafe(sql.to_owned())),
        |query, value| query.bind(value.map(str::to_owned)),
    );
    let rows = endpoint.runtime.block_on(query.fetch_all(connection)).expect(sql);
    rows.iter().map(|row| row.get::<String, _>(0)).collect()
}

#[test]
fn numbers_wider_than_the_column_are_compared_as_they_are() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let mut connection = endpoint.connect("asha").expect("a connection");
    let sql = "select count(*) from generate_series(1, 3) as g(x) where x < $1";
    for (number, expected) in [(3_i64, 2_i64), (5_000_000_000, 3), (-5_000_000_000, 0), (2, 1)] {
        let query = sqlx::query_scalar::<Postgres, i64>(sql).bind(number);
        let count = endpoint.runtime.block_on(query.fetch_one(&mut connection));
        assert_eq!(count.expect(sql), expected, "{number}");
    }
}

#[test]
fn endless_times_have_postgresqls_bytes() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let mut connection = endpoint.connect("asha").expect("a connection");
    let sql = "select 'infinity'::date, '-infinity'::timestamptz, date '2000-01-02'";
    let row = endpoint
        .runtime
        .block_on(sqlx::query::<Postgres>(sql).fetch_one(&mut connection))
        .expect(sql);
    let bytes = |column: usize| row.try_get_raw(column).expect(sql).as_bytes().expect(sql).to_vec();
    assert_eq!(
        [bytes(0), bytes(1), bytes(2)],
        [
            i32::MAX.to_be_bytes().to_vec(),
            i64::MIN.to_be_bytes().to_vec(),
            1_i32.to_be_bytes().to_vec()
        ]
    );
}

#[test]
fn a_statement_that_runs_again_answers_for_its_values() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let mut connection = endpoint.connect("asha").expect("a connection");
    for (value, expected) in [
        (Some("u1"), vec!["u1"]),
        (Some("u2"), vec!["u2"]),
        (Some("none"), vec![]),
        (None, vec![]),
        (Some(""), vec![]),
        (Some("u1"), vec!["u1"]),
    ] {
        assert_eq!(
            column(&endpoint, &mut connection, ONE_USER, &[value]),
            expected,
            "{value:?}"
        );
    }
    let some = "select user_id from users where user_id in ($1, $2) or district_name = $1 order by 1";
    for (values, expected) in [
        ([Some("u1"), Some("u2")], vec!["u1", "u2"]),
        ([Some("Mysuru"), Some("u2")], vec!["u1", "u2"]),
        ([Some("u2"), None], vec!["u2"]),
        ([None, Some("u1")], vec!["u1"]),
    ] {
        assert_eq!(
            column(&endpoint, &mut connection, some, &values),
            expected,
            "{values:?}"
        );
    }
    // Planned for each execution, since no column is compared.
    let upper = "select user_id from users where upper(user_id) = $1";
    for (value, expected) in [("U1", vec!["u1"]), ("u1", vec![]), ("U2", vec!["u2"])] {
        assert_eq!(
            column(&endpoint, &mut connection, upper, &[Some(value)]),
            expected,
            "{value}"
        );
    }
}

#[test]
fn lists_of_a_statement_that_runs_again_are_compared_by_value() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let mut connection = endpoint.connect("asha").expect("a connection");
    let [both, but_not] = ["and", "and not"].map(|word| {
        format!("select user_id from users where user_id in ($1, $2) {word} user_id in ('u1', 'none') order by 1")
    });
    for (values, in_both, in_first) in [
        ([Some("u1"), Some("u2")], vec!["u1"], vec!["u2"]),
        ([Some("u2"), Some("u1")], vec!["u1"], vec!["u2"]),
        ([Some("u2"), Some("u2")], vec![], vec!["u2"]),
        ([Some("none"), Some("u1")], vec!["u1"], vec![]),
    ] {
        for (sql, expected) in [(&both, in_both), (&but_not, in_first)] {
            assert_eq!(
                column(&endpoint, &mut connection, sql, &values),
                expected,
                "{sql}: {values:?}"
            );
        }
    }
}

#[test]
fn a_statement_that_runs_again_reads_the_newest_snapshot() {
    let endpoint = EndpointSetup::over(TestExports::small()).user("asha", ALL).start();
    let mut connection = endpoint.connect("asha").expect("a connection");
    let name = "select first_name from users where user_id = $1";
    for _ in 0..3 {
        assert_eq!(column(&endpoint, &mut connection, name, &[Some("u1")]), ["Asha"]);
    }
    let next = |table: &str, sql: &str| {
        let folder = endpoint.exports.path().join(table).join("date=2026-11-30");
        fs::create_dir_all(&folder).expect("a folder");
        write_parquet(&folder.join("part-0.parquet"), sql);
    };
    next("users", &USERS.replace("'Asha'", "'Usha'"));
    next("enrolments", ENROLMENTS);
    next("course_progress", COURSE_PROGRESS);
    next("batches", BATCHES);
    endpoint.runtime.block_on(endpoint.source.refresh());
    for _ in 0..3 {
        assert_eq!(column(&endpoint, &mut connection, name, &[Some("u1")]), ["Usha"]);
    }
}

#[test]
fn a_statement_that_runs_again_keeps_to_its_user_and_time_zone() {
    let endpoint = EndpointSetup::over(TestExports::small())
        .user("asha", ALL)
        .user("ravi", "tenants = ['t2']")
        .start();
    let mut all = endpoint.connect("asha").expect("a connection");
    let mut own = endpoint.connect("ravi").expect("a connection");
    for _ in 0..3 {
        assert_eq!(column(&endpoint, &mut all, ONE_USER, &[Some("u1")]), ["u1"]);
        assert!(column(&endpoint, &mut own, ONE_USER, &[Some("u1")]).is_empty());
        assert_eq!(column(&endpoint, &mut own, ONE_USER, &[Some("u2")]), ["u2"]);
    }
    // 18:30 of the first of October in UTC is midnight in India.
    let since = "select user_id from enrolments where enrolled_at >= '2026-10-02' and batch_id = $1";
    for (zone, expected) in [("UTC", vec![]), ("Asia/Kolkata", vec!["u2"]), ("UTC", vec![])] {
        endpoint
            .ask_on(&mut all, &format!("set time zone '{zone}'"))
            .expect("a zone");
        for _ in 0..3 {
            assert_eq!(column(&endpoint, &mut all, since, &[Some("b1")]), expected, "{zone}");
        }
    }
}
