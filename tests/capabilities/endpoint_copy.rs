//! COPY TO STDOUT of the PostgreSQL endpoint: the bytes that PostgreSQL sends, for who may see the rows, and no longer
//! than a query may run; and queries that are kept under a name.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use futures::TryStreamExt;
use sqlx::postgres::{PgConnection, PgPoolCopyExt, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};

use crate::node::has;
use crate::postgres::Postgres;
use crate::raw_client::{Message, RawClient, code_of, kinds};
use crate::running_endpoint::{EndpointSetup, PASSWORD, RunningEndpoint, wait_until};
use crate::support::{TestExports, skipped};

const ALL: &str = "all_tenants = true\npersonal = true";
/// Rows that take minutes to count, and begin to come at once.
const ENDLESS: &str = "select a.x, b.y from generate_series(1, 300000) a(x), generate_series(1, 300000) b(y)";

fn setup() -> EndpointSetup {
    EndpointSetup::over(TestExports::small()).user("asha", ALL)
}

/// What COPY sends, all of it; the code of the error where there is one.
fn copied(endpoint: &RunningEndpoint, user: &str, sql: &str) -> Result<Vec<u8>, String> {
    let options = endpoint.options(user);
    let copied = async {
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
        let bytes = pool.copy_out_raw(sql).await?;
        bytes.try_collect::<Vec<_>>().await
    };
    let copied = endpoint.runtime.block_on(copied);
    copied
        .map(|parts| parts.concat())
        .map_err(|error| match error.as_database_error() {
            Some(error) => error.code().map(|code| code.into_owned()).unwrap_or_default(),
            None => error.to_string(),
        })
}

fn text(endpoint: &RunningEndpoint, user: &str, sql: &str) -> String {
    let bytes = copied(endpoint, user, sql).unwrap_or_else(|code| panic!("{sql}: {code}"));
    String::from_utf8(bytes).expect("UTF-8")
}

mod its_bytes {
    use super::*;

    /// Letters that each format treats in its own way, as an expression of both servers.
    const NASTY: &str = "select id::int as id, name, flag, odd, day, amount from (values
        (1, 'plain', true, 'a' || chr(9) || 'b', date '2026-03-01', 1.50::numeric(10, 2)),
        (2, 'comma, and \"quotes\"', false, 'c' || chr(10) || 'd' || chr(13), date '1999-12-31', -0.01::numeric(10, 2)),
        (3, '', null, chr(92) || 'N', null, null),
        (4, null, true, chr(92) || '.', date '2026-11-29', 12345678.90::numeric(10, 2)),
        (5, '=1+1', false, 'ज़िला \u{1F600}', date '1970-01-01', 0::numeric(10, 2)),
        (6, 'it''s; |', true, chr(8) || chr(11) || chr(12) || chr(1), date '2000-02-29', 1::numeric(10, 2)),
        (7, ' blank ', null, 'NULL', date '0001-01-01', 99999999.99::numeric(10, 2))
        ) t(id, name, flag, odd, day, amount) order by 1";
    const ONE_COLUMN: &str = "select * from (values (chr(92) || '.'), (''), (null), ('a b')) t(x) order by 1";
    const OTHER_TYPES: &str = "select 1::bigint as a, (-2)::smallint as b, 0.5::float8 as c, 1.25::float4 as d,
        timestamp '2026-03-01 10:20:30.123456' as e, array['a', null, 'b,c', 'say \"x\"', ''] as f, array[1, 2]::int[] as g,
        null::text as h";
    const NO_ROWS: &str = "select 1 as a, 'x' as b where false";

    const FORMS: [&str; 24] = [
        "",
        "(format text)",
        "(format csv)",
        "(format binary)",
        "with binary",
        "(header)",
        "(format csv, header)",
        "(format csv, header false)",
        "csv header",
        "(delimiter '|')",
        "(delimiter ',', null 'NULL')",
        "(null '')",
        "with delimiter as ';' null as 'none'",
        "(format csv, delimiter ';', null 'NULL')",
        "(format csv, delimiter E'\\t', null '\\N')",
        "(format csv, quote '''')",
        "(format csv, escape '\\')",
        "(format csv, quote '''', escape '\"')",
        "(format csv, force_quote *)",
        "(format csv, force_quote (id, name))",
        "csv force quote name, odd",
        "(format csv, encoding 'utf-8', header on)",
        "csv quote as '~' escape as '!' delimiter as '|' null as '-'",
        "(format \"csv\", null ' ')",
    ];

    #[test]
    fn are_those_of_postgresql() {
        let Some(postgres) = Postgres::start() else { return };
        let endpoint = setup().start();
        let real = endpoint.runtime.block_on(async {
            let pool = PgPoolOptions::new().max_connections(1).connect(&postgres.url()).await;
            pool.expect("a connection")
        });
        let mut compared = 0;
        for query in [NASTY, ONE_COLUMN, OTHER_TYPES, NO_ROWS] {
            for form in FORMS {
                if query != NASTY && (form.contains("quote (id") || form.contains("quote name")) {
                    continue;
                }
                let sql = format!("copy ({query}) to stdout {form}");
                let expected = endpoint.runtime.block_on(async {
                    let bytes = real.copy_out_raw(&sql).await.expect(&sql);
                    bytes.try_collect::<Vec<_>>().await.expect(&sql).concat()
                });
                let given = copied(&endpoint, "asha", &sql).unwrap_or_else(|code| panic!("{sql}: {code}"));
                assert_eq!(
                    String::from_utf8_lossy(&given),
                    String::from_utf8_lossy(&expected),
                    "{sql}"
                );
                assert_eq!(given, expected, "{sql}");
                compared += 1;
            }
        }
        assert_eq!(compared, 4 * FORMS.len() - 6);
    }

    #[test]
    fn mistakes_are_those_of_postgresql() {
        let Some(postgres) = Postgres::start() else { return };
        let endpoint = setup().start();
        let real = endpoint.runtime.block_on(async {
            let pool = PgPoolOptions::new().max_connections(1).connect(&postgres.url()).await;
            pool.expect("a connection")
        });
        for form in [
            "(format parquet)",
            "(format csv, format text)",
            "(delimiter 'ab')",
            "(delimiter 'a')",
            "(delimiter E'\\n')",
            "(delimiter '\\')",
            "(delimiter 'é')",
            "(quote '\"')",
            "(escape '\"')",
            "(force_quote *)",
            "(format csv, quote 'ab')",
            "(format csv, delimiter '\"')",
            "(format csv, null '\"')",
            "(format csv, null ',')",
            "(null E'a\\nb')",
            "(format binary, delimiter ',')",
            "(format binary, null 'x')",
            "(format binary, header)",
            "(format csv, force_quote (nothing))",
            "(format csv, force_null (a))",
            "(header match)",
            "(nothing)",
            "(format)",
            "with csv csv",
            "(encoding 'nonsense')",
        ] {
            let sql = format!("copy (select 1 as a) to stdout {form}");
            let is_refused = endpoint
                .runtime
                .block_on(async { real.copy_out_raw(&sql).await.is_err() });
            assert!(is_refused, "PostgreSQL takes {sql}");
            let code = copied(&endpoint, "asha", &sql).expect_err(&sql);
            assert!(["42601", "22023"].contains(&code.as_str()), "{sql}: {code}");
        }
    }

    #[test]
    fn are_values_as_select_gives_them() {
        let endpoint = setup().start();
        for table in [
            "users",
            "enrolments",
            "course_progress",
            "batches",
            "course_progress_report",
        ] {
            let asked = endpoint
                .ask("asha", &format!("select * from {table} order by 1, 2, 3"))
                .expect(table);
            let lines = asked.iter().map(|row| row.join("\t").replace('∅', "\\N") + "\n");
            let sql = format!("copy (select * from {table} order by 1, 2, 3) to stdout");
            assert_eq!(text(&endpoint, "asha", &sql), lines.collect::<String>(), "{table}");
            let whole = text(&endpoint, "asha", &format!("copy public.\"{table}\" to stdout"));
            assert_eq!(whole.lines().count(), asked.len(), "{table}");
        }
        assert_eq!(
            text(
                &endpoint,
                "asha",
                "copy users (tenant_id, USER_ID) to stdout csv header"
            ),
            "tenant_id,user_id\nt1,u1\nt2,u2\n"
        );
    }
}

mod who_may {
    use super::*;

    #[test]
    fn see_rows_and_columns_alone_gets_them_by_copy() {
        let endpoint = setup()
            .user("one", "tenants = ['t1']\npersonal = true")
            .user("masked", "tenants = ['t1']")
            .start();
        let sql = "copy (select user_id, first_name, tenant_id from users order by 1) to stdout";
        for user in ["one", "masked"] {
            let rows = endpoint.ask(user, "select user_id, first_name, tenant_id from users order by 1");
            let lines: String = rows.expect("rows").iter().map(|row| row.join("\t") + "\n").collect();
            assert_eq!(text(&endpoint, user, sql), lines.replace('∅', "\\N"));
            assert!(!lines.contains("t2"), "{lines}");
        }
        assert!(text(&endpoint, "masked", sql).contains("***"));
        assert!(!text(&endpoint, "one", sql).contains("***"));
        let all = text(&endpoint, "masked", "copy users to stdout");
        assert!(all.contains("***") && !all.contains("t2"), "{all}");
    }

    #[test]
    fn read_alone_copies_nothing_in_and_no_file() {
        let endpoint = setup().start();
        for sql in [
            "copy users from stdin",
            "copy users from '/etc/passwd'",
            "copy users from program 'id'",
            "copy users to '/tmp/users.csv'",
            "copy (select 1) to program 'cat'",
            "copy (delete from users returning *) to stdout",
            "copy (with x as (insert into users values (1) returning 1) select * from x) to stdout",
        ] {
            assert_eq!(endpoint.code("asha", sql), "42501", "{sql}");
        }
        assert_eq!(endpoint.code("asha", "copy no_such_table to stdout"), "42P01");
        assert_eq!(
            copied(&endpoint, "asha", "copy (select 1/0) to stdout"),
            Err("22012".to_owned())
        );
    }

    #[test]
    fn copied_what_is_in_the_audit_log() {
        let endpoint = setup().start();
        let sql = "copy (select user_id from users) to stdout (format binary)";
        copied(&endpoint, "asha", sql).expect("bytes");
        let lines = endpoint.audit();
        let begun = lines.iter().find(|line| line["sql"] == sql).expect("the statement");
        let ended = lines
            .iter()
            .find(|line| line["event"] == "end" && line["id"] == begun["id"]);
        let ended = ended.expect("its end");
        assert_eq!((&ended["outcome"], &ended["rows"]), (&"answered".into(), &2.into()));
    }
}

mod a_long_one {
    use super::*;

    fn outcome(endpoint: &RunningEndpoint) -> Option<String> {
        let lines = endpoint.audit();
        let last = lines.iter().rev().find(|line| line["event"] == "end")?;
        last["outcome"].as_str().map(str::to_owned)
    }

    #[test]
    fn ends_with_its_time() {
        let mut hurried = setup();
        hurried.config.postgres.query_seconds = 1;
        let endpoint = hurried.start();
        let counted =
            format!("copy (select count(*) from ({ENDLESS}) t where x::bigint * y = x + 3 * y + 1) to stdout");
        assert_eq!(copied(&endpoint, "asha", &counted), Err("57014".to_owned()));
        assert_eq!(endpoint.value("asha", "select 1"), "1");
    }

    #[test]
    fn is_cancelled_amid_its_rows() {
        let endpoint = setup_open_to_all().start();
        let mut client = RawClient::start(endpoint.address, "asha", "pragati");
        let greeting = until(&mut client, 'Z');
        let key = greeting.iter().find(|(kind, _)| *kind == 'K').expect("a key").1.clone();
        client.send('Q', format!("copy ({ENDLESS}) to stdout\0").as_bytes());
        let begun = until(&mut client, 'd');
        assert_eq!(begun.first().map(|(kind, _)| *kind), Some('H'), "{}", kinds(&begun));
        let mut cancelling = TcpStream::connect(endpoint.address).expect("a connection");
        let request = [&16_u32.to_be_bytes()[..], &80_877_102_u32.to_be_bytes(), &key].concat();
        cancelling.write_all(&request).expect("sent");
        let rest = until(&mut client, 'Z');
        assert_eq!(code_of(&rest).as_deref(), Some("57014"));
        // The client was told of no end that never came.
        assert!(!kinds(&rest).contains(['c', 'C']), "{}", kinds(&rest));
        assert_eq!(kinds(&client.query("select 1")), "TDCZ");
        wait_until(|| outcome(&endpoint).as_deref() == Some("answered"), "the end is noted");
    }

    #[test]
    fn ends_when_its_client_is_gone() {
        let endpoint = setup_open_to_all().start();
        let mut client = RawClient::by_name(endpoint.address);
        client.send('Q', format!("copy ({ENDLESS}) to stdout (format binary)\0").as_bytes());
        until(&mut client, 'd');
        drop(client);
        wait_until(|| outcome(&endpoint).is_some(), "the query ends");
        assert_eq!(endpoint.metrics.running.get(), 0);
    }

    #[test]
    fn waits_for_a_client_that_takes_its_time() {
        let endpoint = setup_open_to_all().start();
        let mut client = RawClient::by_name(endpoint.address);
        client.send('Q', format!("copy ({ENDLESS}) to stdout\0").as_bytes());
        until(&mut client, 'd');
        // What fits into the network's buffers, and no more.
        std::thread::sleep(Duration::from_secs(1));
        drop(client);
        wait_until(|| outcome(&endpoint).is_some(), "the query ends");
        let lines = endpoint.audit();
        let rows = lines.last().and_then(|line| line["rows"].as_u64()).expect("rows");
        assert!(rows < 3_000_000, "{rows} rows were made for a client that took one");
    }

    fn setup_open_to_all() -> EndpointSetup {
        let mut open_to_all = setup();
        open_to_all.login = pragati::identity::Login::Dev;
        open_to_all
    }

    /// What comes up to a message of that kind.
    fn until(client: &mut RawClient, last: char) -> Vec<Message> {
        let mut messages = Vec::new();
        loop {
            let message = client.message().expect("a message");
            let is_last = message.0 == last;
            messages.push(message);
            if is_last {
                return messages;
            }
        }
    }
}

#[test]
fn copy_goes_by_both_protocols_and_among_other_statements() {
    let mut open_to_all = setup();
    open_to_all.login = pragati::identity::Login::Dev;
    let endpoint = open_to_all.start();
    let mut client = RawClient::by_name(endpoint.address);
    let both = client.query("select 1; copy (select 2 union all select 3 order by 1) to stdout; select 4");
    assert_eq!(kinds(&both), "TDCHddcCTDCZ");
    client.execute(
        "copy (select 2 union all select 3) to stdout (format csv, header)",
        "",
        0,
    );
    assert_eq!(kinds(&client.sync()), "12HdddcCZ");
    client.execute("copy (select 2 where false) to stdout (format binary)", "", 0);
    assert_eq!(kinds(&client.sync()), "12HdcCZ");
    client.execute("copy (select 1/0) to stdout", "", 0);
    let failed = client.sync();
    assert_eq!(code_of(&failed).as_deref(), Some("22012"));
    assert_eq!(kinds(&client.query("select 1")), "TDCZ");
}

#[test]
fn psql_writes_files_of_its_own_with_copy() {
    if !has("psql", &["--version"]) {
        skipped("this test needs psql; install postgresql-client");
        return;
    }
    let endpoint = setup().start();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("users.csv");
    let command = format!(
        "\\copy (select user_id, tenant_id from users order by 1) to '{}' csv header",
        file.display()
    );
    let output = Command::new("psql")
        .args([
            "-X",
            "-h",
            "127.0.0.1",
            "-p",
            &endpoint.address.port().to_string(),
            "-U",
            "asha",
            "pragati",
            "-c",
            &command,
        ])
        .env("PGPASSWORD", PASSWORD)
        .output()
        .expect("psql");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "COPY 2\n");
    assert_eq!(
        std::fs::read_to_string(file).expect("the file"),
        "user_id,tenant_id\nu1,t1\nu2,t2\n"
    );
}

mod statements_under_a_name {
    use super::*;

    fn code(endpoint: &RunningEndpoint, connection: &mut PgConnection, sql: &str) -> String {
        endpoint.ask_on(connection, sql).expect_err(sql).0
    }

    #[test]
    fn are_prepared_executed_and_forgotten() {
        let endpoint = setup().start();
        let mut client = endpoint.connect("asha").expect("a connection");
        let mut ask = |sql: &str| {
            endpoint
                .ask_on(&mut client, sql)
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"))
        };
        ask("prepare of_tenant (text) as select user_id from users where tenant_id = $1 order by 1");
        assert_eq!(ask("execute of_tenant ('t1')"), [["u1"]]);
        assert_eq!(ask("execute of_tenant ('t' || 2)"), [["u2"]]);
        ask("prepare page as select user_id from users order by 1 limit $1 offset $2");
        assert_eq!(ask("execute page (1, 1)"), [["u2"]]);
        ask("prepare \"All\" as table users");
        assert_eq!(ask("execute \"All\"").len(), 2);
        ask("prepare days (date, interval) as select ($1 + $2)::date::text");
        assert_eq!(ask("execute days ('2026-01-31', '1 day')"), [["2026-02-01"]]);
        ask("prepare relations as select relname from pg_class where relname = $1");
        assert_eq!(ask("execute relations ('users')"), [["users"]]);
        ask("deallocate of_tenant");
        ask("deallocate prepare page");
        ask("deallocate all");
        for (sql, expected) in [
            ("execute of_tenant ('t1')", "26000"),
            ("execute \"All\"", "26000"),
            ("deallocate page", "26000"),
            ("prepare x as delete from users", "42501"),
            ("prepare x as select * from no_such_table", "42P01"),
            ("execute x", "26000"),
        ] {
            assert_eq!(code(&endpoint, &mut client, sql), expected, "{sql}");
        }
        endpoint
            .ask_on(&mut client, "prepare y as select $1::int")
            .expect("prepared");
        assert_eq!(code(&endpoint, &mut client, "prepare Y as select 2"), "42P05");
        assert_eq!(code(&endpoint, &mut client, "execute y"), "42601");
        assert_eq!(code(&endpoint, &mut client, "execute y (1, 2)"), "42601");
        assert_eq!(code(&endpoint, &mut client, "execute y ((select 1))"), "0A000");
        assert_eq!(endpoint.ask_on(&mut client, "execute y (7)").expect("a row"), [["7"]]);
        assert_eq!(
            endpoint.code("asha", "execute y (7)"),
            "26000",
            "another connection knows nothing of it"
        );
    }

    #[test]
    fn are_described_and_noted_as_what_they_ask() {
        let endpoint = setup().start();
        let mut client = endpoint.connect("asha").expect("a connection");
        endpoint.runtime.block_on(async {
            client
                .execute("prepare n as select user_id, $1::int as n from users")
                .await
                .expect("prepared");
            let sql = AssertSqlSafe("execute n (3)".to_owned());
            let rows = sqlx::query(sql).fetch_all(&mut client).await.expect("rows");
            assert_eq!(rows.len(), 2);
        });
        let noted = endpoint
            .audit()
            .into_iter()
            .filter_map(|line| line["sql"].as_str().map(str::to_owned));
        let asked: Vec<String> = noted.filter(|sql| sql.contains("execute n")).collect();
        assert_eq!(
            asked,
            ["prepare n as select user_id, $1::int as n from users; execute n (3)"]
        );
    }
}

#[test]
fn forms_of_queries_that_people_write_are_answered() {
    let endpoint = setup().start();
    for (sql, expected) in [
        ("table users order by user_id fetch first row only", "u1"),
        (
            "select user_id from users order by 1 offset 1 row fetch next 1 row only",
            "u2",
        ),
        (
            "select m from batches, unnest(array['x', 'y']) as m order by 1 limit 1",
            "x",
        ),
        ("select \"text\" from (select $$a$$::\"text\" as \"text\") t", "a"),
        ("select (array_append('{a,b}'::\"text\"[], 'c'))[3]", "c"),
        (
            "select exists (select 1 from enrolments e where e.user_id = u.user_id)::text from users u order by u.user_id limit 1",
            "true",
        ),
        (
            "select (select e.batch_id from enrolments e where e.user_id = u.user_id order by e.batch_id limit 1) \
             from users u where user_id = 'u1'",
            "b1",
        ),
        (
            "select x.batch_id from users u, lateral (select batch_id from enrolments e where e.user_id = u.user_id \
             order by 1 limit 1) x where u.user_id = 'u1'",
            "b1",
        ),
        (
            "select count(*) from users where ctid between '(0,0)'::tid and '(4294967295,0)'::tid",
            "2",
        ),
        (
            "select count(*) from pg_show_all_settings() where name = 'bytea_output'",
            "1",
        ),
        ("select 'public.users'::regclass::text", "users"),
        ("select pg_size_pretty(pg_database_size(current_database()))", "0 bytes"),
        (
            "select count(*) from pg_class c, aclexplode(c.relacl) x where c.relname = 'users'",
            "0",
        ),
    ] {
        assert_eq!(endpoint.value("asha", sql), expected, "{sql}");
    }
}
