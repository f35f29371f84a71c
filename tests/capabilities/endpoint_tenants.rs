//! What a client of the PostgreSQL endpoint sees: rows of its tenants alone, personal columns only where it may, and no
//! statement that reveals more.

use tempfile::TempDir;

use crate::running_endpoint::{EndpointSetup, RunningEndpoint};
use crate::support::TestExports;

/// Stands in every value of tenant t2 that tenant t1 must not see.
const FOREIGN: &str = "FOREIGN";
/// Stands in every personal value.
const PERSONAL: &str = "PERSONAL";

/// Users u1 and u2 of t1, f1 and f2 of t2; batch b1 of t1 with u1 and f1, batch FOREIGN-b2 of t2 with u2 and f2, and
/// FOREIGN-b3 of no tenant.
fn exports() -> TestExports {
    let users = "
        select *, '******1234' || user_id as mobile, 'Org ' || mark as organization_name, 'District ' || mark as district_name,
            'School ' || mark as school_name, 'Block ' || mark as block_name
        from (values
            ('u1', 'PERSONAL-E1', 'PERSONAL-Asha', 'PERSONAL-Rao', 'PERSONAL-u1@example.org', 't1', 'one'),
            ('u2', 'PERSONAL-E2', 'PERSONAL-Ravi', null, null, 't1', 'two'),
            ('f1', 'PERSONAL-FOREIGN-E3', 'PERSONAL-FOREIGN-Mina', null, '7', 't2', 'FOREIGN'),
            ('f2', 'PERSONAL-FOREIGN-E4', 'PERSONAL-FOREIGN-Tara', null, 'PERSONAL-FOREIGN-f2@example.org', 't2', 'FOREIGN')
        ) as users(user_id, external_id, first_name, last_name, email, tenant_id, mark)";
    let enrolments = "
        select user_id, course_id, batch_id, arrow_cast('2026-10-01T10:00:00', 'Timestamp(Millisecond, Some(\"UTC\"))') as enrolled_at,
            true as active
        from (values
            ('u1', 'c1', 'b1'), ('f1', 'c1', 'b1'), ('u2', 'FOREIGN-c2', 'FOREIGN-b2'), ('f2', 'FOREIGN-c2', 'FOREIGN-b2'),
            ('u1', 'FOREIGN-c3', 'FOREIGN-b3')
        ) as enrolments(user_id, course_id, batch_id)";
    let progress = "
        select user_id, course_id, batch_id, percent as progress_percent,
            arrow_cast(null, 'Timestamp(Millisecond, Some(\"UTC\"))') as completed_at
        from (values ('u1', 'c1', 'b1', 40), ('f1', 'c1', 'b1', 60), ('f2', 'FOREIGN-c2', 'FOREIGN-b2', 80))
            as progress(user_id, course_id, batch_id, percent)";
    let batches = "
        select * from (values
            ('b1', 'c1', 'Batch one', 't1'), ('FOREIGN-b2', 'FOREIGN-c2', 'FOREIGN batch', 't2'),
            ('FOREIGN-b3', 'FOREIGN-c3', 'FOREIGN of nobody', null)
        ) as batches(batch_id, course_id, batch_name, tenant_id)";
    let events = "
        select mid, arrow_cast('2026-11-20T10:00:00', 'Timestamp(Millisecond, Some(\"UTC\"))') as event_time, user_id,
            course_id, batch_id, tenant_id
        from (values
            ('m1', 'u1', 'c1', 'b1', 't1'), ('m2', 'u1', 'c1', 'b1', 't1'),
            ('FOREIGN-m3', 'f1', 'FOREIGN-c2', 'FOREIGN-b2', 't2'), ('FOREIGN-m4', 'f1', 'FOREIGN-c3', 'FOREIGN-b3', 't1')
        ) as events(mid, user_id, course_id, batch_id, tenant_id)";
    TestExports::empty()
        .table("users", users)
        .table("enrolments", enrolments)
        .table("course_progress", progress)
        .table("batches", batches)
        .table("download_events", events)
}

fn endpoint() -> RunningEndpoint {
    with_users(EndpointSetup::over(exports())).start()
}

/// The same, where a nightly output belongs to the snapshot.
fn endpoint_with_mart() -> (RunningEndpoint, TempDir) {
    let exports = exports();
    let (out, _) = exports.nightly(&[]);
    let mut setup = with_users(EndpointSetup::over(exports));
    setup.config.serve.reports = Some(out.path().display().to_string());
    (setup.start(), out)
}

fn with_users(setup: EndpointSetup) -> EndpointSetup {
    setup
        .user("all", "all_tenants = true\npersonal = true")
        .user("masked", "all_tenants = true")
        .user("one", "tenants = ['t1']\npersonal = true")
        .user("one_masked", "tenants = ['t1']")
        .user("nobody", "tenants = ['t9']")
}

/// Every table and view that a user can name.
fn relations(endpoint: &RunningEndpoint, user: &str) -> Vec<String> {
    let rows = endpoint
        .ask(
            user,
            "select table_name from information_schema.tables where table_schema = 'public'",
        )
        .expect("tables");
    let names: Vec<String> = rows.into_iter().map(|mut row| row.remove(0)).collect();
    assert!(
        names.len() > 20 || user.starts_with("one") && names.len() > 15,
        "{names:?}"
    );
    names
}

/// Everything that a user can read, as one text.
fn everything(endpoint: &RunningEndpoint, user: &str) -> Vec<(String, String)> {
    let mut connection = endpoint.connect(user).expect("connected");
    let dump = |name: String| {
        let rows = endpoint
            .ask_on(&mut connection, &format!("select * from \"{name}\""))
            .unwrap_or_else(|error| panic!("{user} {name}: {error:?}"));
        (name, rows.concat().join("\n"))
    };
    relations(endpoint, user).into_iter().map(dump).collect()
}

#[test]
fn every_table_and_view_shows_rows_of_the_own_tenants_alone() {
    let endpoint = endpoint();
    for user in ["one", "one_masked"] {
        for (name, text) in everything(&endpoint, user) {
            assert!(!text.contains(FOREIGN), "{user} {name}: {text}");
        }
    }
    let tables = [
        "users",
        "batches",
        "enrolments",
        "course_progress",
        "download_events",
        "course_progress_report",
        "users_history",
        "enrolments_history",
    ];
    let count = |user, table: &str| endpoint.value(user, &format!("select count(*) from {table}"));
    let seen = |user| tables.map(|table| count(user, table)).join(" ");
    assert_eq!(seen("all"), "4 3 5 3 4 5 4 5");
    assert_eq!(seen("masked"), "4 3 5 3 4 5 4 5");
    assert_eq!(seen("one"), "2 1 2 2 2 2 2 2");
    assert_eq!(seen("nobody"), "0 0 0 0 0 0 0 0");
}

#[test]
fn a_learner_of_another_tenant_keeps_a_row_without_details() {
    let endpoint = endpoint();
    let report = "
        select user_id, user_name, email, organization_name, course_progress
        from course_progress_report where batch_id = 'b1' order by user_id";
    let rows = endpoint.ask("one", report).expect("rows");
    assert_eq!(
        rows,
        [
            ["f1", "∅", "∅", "∅", "60"],
            [
                "u1",
                "PERSONAL-Asha PERSONAL-Rao",
                "PERSONAL-u1@example.org",
                "Org one",
                "40"
            ]
        ]
    );
}

#[test]
fn ratios_are_of_the_own_batches() {
    let endpoint = endpoint();
    let overall = "select downloads, batches, download_ratio from download_ratio_overall where time_window = 'all'";
    assert_eq!(
        endpoint.ask("all", overall).expect("rows"),
        [["4", "3", "1.3333333333333333"]]
    );
    assert_eq!(endpoint.ask("one", overall).expect("rows"), [["2", "1", "2"]]);
    let tenants = "select distinct tenant_id from download_ratio_by_tenant";
    assert_eq!(endpoint.ask("one", tenants).expect("rows"), [["t1"]]);
}

#[test]
fn personal_columns_show_only_whether_there_is_a_value() {
    let endpoint = endpoint();
    for user in ["masked", "one_masked"] {
        for (name, text) in everything(&endpoint, user) {
            assert!(!text.contains(PERSONAL), "{user} {name}: {text}");
            assert!(!text.contains("******1234"), "{user} {name}: {text}");
        }
    }
    let rows = endpoint
        .ask(
            "masked",
            "select external_id, first_name, last_name, email, mobile, district_name from users where user_id = 'u2'",
        )
        .expect("rows");
    assert_eq!(rows, [["***", "***", "∅", "∅", "***", "District two"]]);
    let extremes = "select max(email), min(first_name), count(distinct email) from users";
    assert_eq!(endpoint.ask("masked", extremes).expect("rows"), [["***", "***", "1"]]);
    let by_value = "select count(*) from users where email = 'PERSONAL-u1@example.org' or first_name like 'PERSONAL%'";
    assert_eq!(endpoint.value("masked", by_value), "0");
    let report = "select distinct user_name from course_progress_report where batch_id = 'b1' order by 1";
    assert_eq!(endpoint.ask("masked", report).expect("rows"), [["***"], ["*** ***"]]);
}

/// An error, or the lack of one, must not depend on rows that are not seen. f1's address is the number 7.
#[test]
fn predicates_see_only_visible_rows_and_masked_values() {
    let endpoint = endpoint();
    for condition in [
        "1 / (case when tenant_id = 't2' then 0 else 1 end) = 1",
        "1 / (case when user_id like 'f%' then 0 else 1 end) = 1",
        "cast(case when user_id = 'f1' then 'x' else '1' end as int) = 1",
        "1 / (ascii(school_name) - ascii('F')) >= 0 or true",
        "arrow_cast(case when district_name like '%FOREIGN%' then 'no' else '1' end, 'Int32') = 1",
    ] {
        let sql = format!("select count(*) from users where {condition}");
        assert_eq!(endpoint.value("one", &sql), "2", "{condition}");
        let of_other = ["tenant_id", "user_id", "school_name", "district_name"]
            .iter()
            .fold(condition.to_owned(), |condition, column| {
                condition.replace(column, &format!("b.{column}"))
            });
        let joined = format!("select count(*) from users a join users b on a.user_id = b.user_id and ({of_other})");
        assert_eq!(endpoint.value("one", &joined), "2", "{joined}");
    }
    for (sql, expected) in [
        (
            "select count(*) from users where 1 / (case when email = '7' then 0 else 1 end) = 1",
            "2",
        ),
        (
            "select count(*) from enrolments where 1 / (case when batch_id = 'b1' then 1 else 0 end) = 1",
            "2",
        ),
        (
            "select max(case when tenant_id <> 't1' then 1 / 0 else 1 end) from users",
            "1",
        ),
        (
            "select count(*) from (select * from users order by user_id limit 10) x where user_id > 'f'",
            "2",
        ),
        (
            "select (select count(*) from batches where tenant_id <> 't1' or tenant_id is null)",
            "0",
        ),
        (
            "select count(*) from users where user_id in (select user_id from enrolments_history)",
            "1",
        ),
        (
            "select count(*) from users_history where snapshot_date is not null and tenant_id = 't2'",
            "0",
        ),
        (
            "select count(*) from (select tenant_id from users union all select tenant_id from batches) x",
            "3",
        ),
        (
            "with users as (select * from public.users) select count(*) from users where tenant_id <> 't1'",
            "0",
        ),
        ("select count(*) from pragati.public.users", "2"),
        ("select count(*) from users where 'f1' = user_id or user_id > ''", "2"),
    ] {
        assert_eq!(endpoint.value("one", sql), expected, "{sql}");
    }
}

#[test]
fn plans_and_descriptions_reveal_nothing_hidden() {
    let endpoint = endpoint();
    let folder = endpoint.exports.path().display().to_string();
    for sql in [
        "explain select * from users",
        "explain verbose select * from course_progress_report",
        "explain analyze select count(*) from users where user_id > 'a'",
        "explain analyze verbose select * from enrolments",
        "select * from information_schema.tables",
        "select * from information_schema.columns",
        "select * from information_schema.views",
        "select * from pg_catalog.pg_class",
        "select * from pg_catalog.pg_views",
        "select * from pg_catalog.pg_tables",
        "select * from pg_catalog.pg_settings",
        "select * from pg_catalog.pg_roles",
        "select * from pg_catalog.pg_stat_user_tables",
    ] {
        for user in ["one", "one_masked"] {
            let told = match endpoint.ask(user, sql) {
                Ok(rows) => rows.concat().join("\n"),
                Err((_, message)) => message,
            };
            for secret in [
                FOREIGN,
                PERSONAL,
                folder.as_str(),
                ".parquet",
                "'t2'",
                "row_groups",
                "output_rows=4",
                "one_masked_",
            ] {
                assert!(!told.contains(secret), "{user}: {sql} tells {secret}: {told}");
            }
        }
    }
}

#[test]
fn a_plan_that_ran_tells_how_many_visible_rows_were_read() {
    let endpoint = endpoint();
    let rows = endpoint.ask("one", "explain analyze select user_id from users where user_id > 'a'");
    let told = rows.expect("a plan").concat().join("\n");
    assert!(told.contains("BarrierExec, metrics=[output_rows=2,"), "{told}");
}

#[test]
fn a_night_s_mart_shows_users_no_more_and_no_less() {
    let (assembled, (mart, out)) = (endpoint(), endpoint_with_mart());
    let sums = "select tenant_id, count(*), sum(course_progress) from course_progress_report group by 1 order by 1";
    for user in ["all", "masked", "one", "one_masked", "nobody"] {
        for sql in [
            "select * from course_progress_report order by batch_id, user_id",
            "select batch_id, course_id, tenant_id, user_id, enrollment_date, course_progress, completion_date, known_user
                from course_progress_report order by 1, 4",
            "select count(*) from course_progress_report where tenant_id = 't2' or batch_id = 'FOREIGN-b2'",
            "select count(*) from course_progress_report where email is not null",
            sums,
        ] {
            assert_eq!(mart.ask(user, sql), assembled.ask(user, sql), "{user}: {sql}");
        }
    }
    let plan_of = |user| {
        mart.ask(user, &format!("explain verbose {sums}"))
            .expect("a plan")
            .concat()
            .join("\n")
    };
    let folder = out.path().display().to_string();
    assert!(plan_of("all").contains("ReportMartExec: mart of 2026-11-22"));
    for user in ["one", "one_masked"] {
        let plan = plan_of(user);
        assert!(
            plan.contains("BarrierExec") && !plan.contains("EnrolmentDetailsExec"),
            "{plan}"
        );
        for secret in [FOREIGN, "'t2'", ".parquet", folder.as_str()] {
            assert!(!plan.contains(secret), "{user}: tells {secret}: {plan}");
        }
    }
    // The division fails for a row with 80 percent, which is in FOREIGN-b2 alone.
    let fails = "select user_id from course_progress_report where 10 / (course_progress - 80) < 1 order by 1";
    assert_eq!(mart.ask("one", fails).expect("rows"), [["f1"], ["u1"]]);
    assert!(mart.ask("all", fails).is_err());
}

#[test]
fn raw_tables_and_other_schemas_do_not_exist() {
    let endpoint = endpoint();
    for sql in [
        "select * from raw.pragati_events",
        "select * from raw.telemetry_clicks",
        "select * from malformed_telemetry",
        "select * from other.public.users",
    ] {
        assert_eq!(endpoint.code("one", sql), "42P01", "{sql}");
    }
    assert_eq!(endpoint.code("all", "select * from raw.pragati_events"), "42P01");
}

#[test]
fn a_prepared_statement_and_a_cursor_see_the_same() {
    let endpoint = endpoint();
    let mut connection = endpoint.connect("one").expect("a connection");
    let count = endpoint.runtime.block_on(async {
        sqlx::query_scalar::<_, i64>("select count(*) from users where tenant_id = $1 or tenant_id <> $1")
            .bind("t2")
            .fetch_one(&mut connection)
            .await
    });
    assert_eq!(count.expect("a count"), 2);
    let rows = endpoint
        .ask_on(
            &mut connection,
            "begin; declare c cursor for select user_id from users order by 1; fetch all from c; commit",
        )
        .expect("rows");
    assert_eq!(rows, [["u1"], ["u2"]]);
}
