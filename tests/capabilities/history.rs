//! Tables of all days: `users_history` and the like, with the day of each row.

use std::fs;

use crate::support::{TestExports, wrapped};

const OLDER: &str = "2026-11-20";
const OLD: &str = "2026-11-21";

fn users(ids: &str) -> String {
    format!(
        "select id as user_id, ' ' as external_id, '' as first_name, 'L' as last_name, null as email, null as mobile,
         null as organization_name, null as district_name, null as school_name, null as block_name, 't1' as tenant_id
         from (values {ids}) as ids(id)"
    )
}

const NO_ENROLMENTS: &str = "select 'u1' as user_id, 'c1' as course_id, 'b1' as batch_id,
     to_timestamp_micros(0) as enrolled_at, true as active where false";
const NO_PROGRESS: &str = "select 'u1' as user_id, 'c1' as course_id, 'b1' as batch_id, 1 as progress_percent,
     to_timestamp_micros(0) as completed_at where false";

/// Three days, with another number of users on each; the newest has two.
fn three_days() -> TestExports {
    TestExports::small()
        .table_on("users", OLD, &users("('u1')"))
        .table_on("enrolments", OLD, NO_ENROLMENTS)
        .table_on("course_progress", OLD, NO_PROGRESS)
        .table_on("users", OLDER, &users("('u1'), ('u2'), ('u3')"))
        .table_on("enrolments", OLDER, NO_ENROLMENTS)
        .table_on("course_progress", OLDER, NO_PROGRESS)
}

fn csv(exports: &TestExports, sql: &str) -> String {
    exports.output("sql", &["--format", "csv", "-c", sql])
}

/// Makes the day's users unreadable.
fn break_users(exports: &TestExports, date: &str) {
    let file = exports.path().join(format!("users/date={date}/part-00000.parquet"));
    fs::write(file, "not Parquet").expect("a file");
}

#[test]
fn a_row_has_the_day_of_its_snapshot() {
    let exports = three_days();
    let counts = "select snapshot_date, count(*) as users, count(external_id) as external_ids
                  from users_history group by 1 order by 1";
    insta::assert_snapshot!(csv(&exports, counts), @r"
    snapshot_date,users,external_ids
    2026-11-20,3,0
    2026-11-21,1,0
    2026-11-22,2,1
    ");
    // Columns in any order, and none of the file's.
    let some = "select tenant_id, snapshot_date, user_id from users_history where user_id = 'u3'";
    assert_eq!(
        csv(&exports, some),
        "tenant_id,snapshot_date,user_id\nt1,2026-11-20,u3\n"
    );
    assert_eq!(
        csv(&exports, "select max(snapshot_date) as day from users_history"),
        "day\n2026-11-22\n"
    );
}

#[test]
fn every_day_has_the_contract_s_columns() {
    let exports = three_days();
    for (table, rows) in [("enrolments", 2), ("course_progress", 1), ("batches", 1)] {
        let daily = csv(&exports, &format!("select * from {table} order by batch_id, course_id"));
        let history = csv(
            &exports,
            &format!("select * from {table}_history order by batch_id, course_id"),
        );
        let mut lines = history.lines();
        let header = lines.next().expect("a header");
        assert_eq!(
            header,
            format!("{},snapshot_date", daily.lines().next().expect("a header"))
        );
        assert!(history.lines().count() > rows, "{table}: {history}");
        for (of_all, of_day) in history.lines().zip(daily.lines()).skip(1) {
            assert_eq!(of_all, format!("{of_day},2026-11-22"));
        }
    }
}

#[test]
fn files_of_other_days_are_not_opened() {
    let exports = three_days();
    break_users(&exports, OLD);
    for condition in [
        "snapshot_date = '2026-11-22'",
        "snapshot_date > date '2026-11-21'",
        "snapshot_date in ('2026-11-22', '1999-01-01')",
        "snapshot_date between '2026-11-22' and '2026-12-31'",
        "date_part('day', snapshot_date) = 22 and user_id is not null",
        "snapshot_date <> '2026-11-21' and snapshot_date >= '2026-11-21'",
    ] {
        let sql = format!("select count(*) as users from users_history where {condition}");
        assert_eq!(csv(&exports, &sql), "users\n2\n", "{condition}");
    }
    let bound = [
        "--format",
        "csv",
        "--param",
        "day:date=2026-11-20",
        "-c",
        "select count(*) as users from users_history where snapshot_date = $day",
    ];
    assert_eq!(exports.output("sql", &bound), "users\n3\n");
    insta::assert_snapshot!(wrapped(&exports.complaint(1, "sql", &["-c", "select count(*) from users_history"])), @r"
    error: query: table users: EXPORTS/users/date=2026-11-21/part-00000.parquet is not a readable
    Parquet file: Parquet error: Parquet error: Invalid Parquet file. Corrupt footer; export it again or
    choose another --date
    ");
    // A condition that is not on the day alone cannot choose days.
    let either = "select count(*) from users_history where snapshot_date = '2026-11-22' or user_id = 'u1'";
    exports.complaint(1, "sql", &["-c", either]);
    assert_eq!(csv(&exports, "select count(*) as users from users"), "users\n2\n");
}

#[test]
fn an_incomplete_day_is_no_part_of_the_history() {
    let exports = three_days();
    fs::remove_dir_all(exports.path().join(format!("enrolments/date={OLDER}"))).expect("a folder");
    let days = "select distinct snapshot_date from users_history order by 1";
    assert_eq!(csv(&exports, days), "snapshot_date\n2026-11-21\n2026-11-22\n");
}

#[test]
fn other_queries_do_not_read_other_days() {
    let exports = three_days();
    break_users(&exports, OLD);
    break_users(&exports, OLDER);
    exports.output(
        "sql",
        &["-c", "select * from course_progress_report", "-c", "show tables"],
    );
    exports.output("sql", &["-c", "describe users_history"]);
}

#[test]
fn a_subquery_may_choose_the_day() {
    let exports = three_days();
    let newest = "select count(*) as users from users_history
                  where snapshot_date = (select max(snapshot_date) from batches_history)";
    assert_eq!(csv(&exports, newest), "users\n2\n");
}

#[test]
fn history_joins_with_history() {
    let exports = three_days();
    let gone = "select old.user_id from users_history as old
                left join users_history as new on new.user_id = old.user_id and new.snapshot_date = '2026-11-22'
                where old.snapshot_date = '2026-11-20' and new.user_id is null";
    assert_eq!(csv(&exports, gone), "user_id\nu3\n");
}
