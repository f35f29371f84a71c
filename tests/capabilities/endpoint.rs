//! The PostgreSQL endpoint: logins, refused statements, how queries end, and the audit log.

use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytesize::ByteSize;
use pragati::identity::Login;
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::certificate::certificate_in;
use crate::running_endpoint::{EndpointSetup, RunningEndpoint, wait_until};
use crate::support::{TestExports, files_below};
use crate::token_issuer::TokenIssuer;

const ALL: &str = "all_tenants = true\npersonal = true";
/// A query that would take minutes.
const SLOW: &str = "select count(*) from generate_series(1, 300000) a(x), generate_series(1, 300000) b(y) where x::bigint * y = x + 3 * y + 1";

fn setup() -> EndpointSetup {
    EndpointSetup::over(TestExports::small()).user("asha", ALL)
}

fn query(endpoint: &RunningEndpoint, connection: &mut PgConnection, sql: &str) -> Result<(), String> {
    let done = endpoint.ask_on(connection, sql);
    done.map(|_| ()).map_err(|(code, _)| code)
}

mod logging_in {
    use super::*;

    #[test]
    fn needs_the_password_of_the_user() {
        let endpoint = setup().user("ravi", ALL).start();
        assert_eq!(endpoint.value("asha", "select current_user"), "asha");
        assert_eq!(endpoint.value("ravi", "select session_user"), "ravi");
        let refusals = [
            ("asha", "wrong"),
            ("asha", ""),
            ("nobody", "pencil"),
            ("ASHA", "pencil"),
        ]
        .map(|(user, password)| {
            let (code, message) = endpoint
                .connect_with(&endpoint.options(user).password(password))
                .expect_err("refused");
            assert_eq!(code, "28P01", "{user}");
            message.replace(user, "USER")
        });
        assert!(refusals.windows(2).all(|pair| pair[0] == pair[1]), "{refusals:?}");
        let (code, _) = endpoint
            .connect_with(&endpoint.options("asha").database("other"))
            .expect_err("refused");
        assert_eq!(code, "3D000");
    }

    #[test]
    fn takes_a_login_token_as_the_password() {
        let issuer = TokenIssuer::new();
        let mut setup = setup();
        setup.identity = Some(issuer.settings());
        let endpoint = setup.start();
        let connect = |roles: &[&str]| {
            let token = issuer.token("person-1", roles);
            let mut connection = endpoint.connect_with(&endpoint.options("anybody").password(&token))?;
            let rows = endpoint.ask_on(&mut connection, "select current_user, count(*) from users")?;
            Ok::<_, (String, String)>(rows[0].join(" "))
        };
        assert_eq!(connect(&["pragati-admin"]).expect("an admin"), "person-1 2");
        assert_eq!(
            connect(&["pragati-tenant-admin:t1"]).expect("a tenant's admin"),
            "person-1 1"
        );
        assert_eq!(connect(&["teacher"]).expect_err("no role").0, "28000");
        for bad in ["", "x.y.z", "dev:person-1"] {
            let refused = endpoint.connect_with(&endpoint.options("anybody").password(bad));
            assert_eq!(refused.expect_err(bad).0, "28P01", "{bad}");
        }
        // An account keeps its password.
        assert_eq!(endpoint.value("asha", "select 1"), "1");
        let token = issuer.token("person-1", &["pragati-admin"]);
        assert!(
            endpoint
                .connect_with(&endpoint.options("asha").password(&token))
                .is_err()
        );
    }

    #[test]
    fn accepts_any_user_with_dev_auth() {
        let mut open = setup();
        open.login = Login::Dev;
        let endpoint = open.start();
        let anybody = endpoint.options("anybody").password("anything");
        let mut connection = endpoint.connect_with(&anybody).expect("let in");
        assert_eq!(
            endpoint.ask_on(&mut connection, "select current_user").expect("a name"),
            [["anybody"]]
        );
    }

    #[test]
    fn requires_tls_where_it_is_configured() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = certificate_in(folder.path());
        let mut with_tls = setup();
        with_tls.config.postgres.tls_certificate = Some(certificate.clone());
        with_tls.config.postgres.tls_key = Some(key);
        let endpoint = with_tls.start();
        let private = endpoint.options("asha").ssl_mode(PgSslMode::Require);
        let mut connection = endpoint.connect_with(&private).expect("a private connection");
        assert_eq!(endpoint.ask_on(&mut connection, "select 1").expect("a row"), [["1"]]);
        let (code, message) = endpoint
            .connect_with(&endpoint.options("asha").ssl_mode(PgSslMode::Disable))
            .expect_err("refused");
        assert_eq!((code.as_str(), message.contains("TLS")), ("28000", true), "{message}");

        for (certificate, key, complaint) in [
            (Some(certificate.clone()), Some(certificate.clone()), "postgres.tls_key"),
            (
                Some(folder.path().join("none.pem")),
                Some(certificate.clone()),
                "postgres.tls_certificate",
            ),
            (Some(certificate), None, "give the other one too"),
        ] {
            let mut broken = setup();
            broken.config.postgres.tls_certificate = certificate;
            broken.config.postgres.tls_key = key;
            let error = broken.try_start().err().expect("no start");
            assert!(error.contains(complaint), "{error}");
        }
    }

    #[test]
    fn listens_for_other_machines_only_with_tls() {
        let mut public = setup();
        public.config.postgres.listen = Some(SocketAddr::from(([0, 0, 0, 0], 0)));
        let error = public.try_start().err().expect("no start");
        insta::assert_snapshot!(error, @"postgres.listen: 0.0.0.0:0 can be reached from other machines, so it needs TLS; set postgres.tls_certificate and postgres.tls_key");
    }

    #[test]
    fn is_refused_above_the_limit_of_connections() {
        let mut small = setup();
        small.config.postgres.connections = 2;
        let endpoint = small.start();
        let first = endpoint.connect("asha").expect("a connection");
        let second = endpoint.connect("asha").expect("a connection");
        assert_eq!(endpoint.connect("asha").expect_err("one too many").0, "53300");
        endpoint.runtime.block_on(first.close()).expect("closed");
        let again = Instant::now();
        let third = loop {
            match endpoint.connect("asha") {
                Ok(connection) => break connection,
                Err(error) => assert!(again.elapsed() < Duration::from_secs(5), "{error:?}"),
            }
        };
        drop((second, third));
    }
}

mod reading_alone {
    use super::*;

    #[test]
    fn writing_statements_are_refused_in_every_form_without_effect() {
        let endpoint = setup().start();
        let before = files_below(endpoint.exports.path());
        let target = endpoint.folder.path().join("stolen.csv");
        let target = target.display();
        for sql in [
            format!("copy users to '{target}'"),
            format!("copy (select * from users) to '{target}' stored as csv"),
            format!("explain analyze copy users to '{target}'"),
            format!("create external table x stored as csv location '{target}'"),
            "create table x as select 1".to_owned(),
            "create view x as select 1".to_owned(),
            "drop table users".to_owned(),
            "insert into users select * from users".to_owned(),
            "with x as (insert into users select * from users returning *) select * from x".to_owned(),
            "select 1; drop table users".to_owned(),
            "prepare x as insert into users select * from users".to_owned(),
            "set datafusion.runtime.memory_limit = '1K'".to_owned(),
            "set role admin".to_owned(),
            "select * from '/etc/passwd'".to_owned(),
            format!("select * from '{}'", endpoint.exports.path().join("users").display()),
            "select * from read_csv('/etc/passwd')".to_owned(),
            "select pg_read_file('/etc/passwd')".to_owned(),
        ] {
            let mut connection = endpoint.connect("asha").expect("a connection");
            let simple = query(&endpoint, &mut connection, &sql).expect_err(&sql);
            assert!(
                ["42501", "42601", "0A000", "42704", "42P01", "42883"].contains(&simple.as_str()),
                "{sql}: {simple}"
            );
            let prepared = endpoint
                .runtime
                .block_on(async { sqlx::query(AssertSqlSafe(sql.clone())).execute(&mut connection).await });
            assert!(prepared.is_err(), "{sql}");
            assert_eq!(
                endpoint
                    .ask_on(&mut connection, "select count(*) from users")
                    .expect("a row"),
                [["2"]],
                "{sql}"
            );
        }
        assert_eq!(files_below(endpoint.exports.path()), before);
        assert!(!endpoint.folder.path().join("stolen.csv").exists());
    }

    #[test]
    fn a_transaction_fails_as_a_whole_and_changes_nothing() {
        let endpoint = setup().start();
        let mut connection = endpoint.connect("asha").expect("a connection");
        assert_eq!(query(&endpoint, &mut connection, "begin"), Ok(()));
        assert_eq!(
            query(&endpoint, &mut connection, "select 1 / 0"),
            Err("22012".to_owned())
        );
        assert_eq!(query(&endpoint, &mut connection, "select 1"), Err("25P02".to_owned()));
        assert_eq!(query(&endpoint, &mut connection, "rollback"), Ok(()));
        assert_eq!(query(&endpoint, &mut connection, "select 1"), Ok(()));
    }
}

mod limits {
    use super::*;

    #[test]
    fn a_query_is_cancelled_at_its_time_limit() {
        let mut hurried = setup();
        hurried.config.postgres.query_seconds = 1;
        let endpoint = hurried.start();
        let begun = Instant::now();
        assert_eq!(endpoint.code("asha", SLOW), "57014");
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert_eq!(
            endpoint.code("asha", &format!("set statement_timeout = '200ms'; {SLOW}")),
            "57014"
        );
        // Clients can make it shorter, not longer.
        assert_eq!(
            endpoint.code("asha", &format!("set statement_timeout = '1h'; {SLOW}")),
            "57014"
        );
    }

    #[test]
    fn queries_spill_to_temporary_files_up_to_a_limit() {
        // About 55 MB: every enrolment several times, with 1,080 bytes of filling.
        const SORT: &str = "select user_id, copy, repeat(user_id, 30) as filling \
                            from enrolments cross join generate_series(1, 4) as copy order by filling desc, copy";
        let start = |spill: ByteSize, all: ByteSize| {
            let mut small = EndpointSetup::over(TestExports::sample(2_000, 12_000, 40, 1)).user("asha", ALL);
            small.config.threads = std::num::NonZeroUsize::new(1);
            small.config.postgres.query_memory = ByteSize::mb(16);
            small.config.postgres.memory_limit = all;
            small.config.postgres.query_spill = spill;
            small.start()
        };
        let enough = start(ByteSize::gib(1), ByteSize::gib(1));
        let rows = enough.ask("asha", SORT).expect("rows");
        assert!(rows.len() >= 40_000, "{}", rows.len());
        assert!(rows.is_sorted_by(|one, other| one[2] >= other[2]));
        let no_space = start(ByteSize::kib(64), ByteSize::gib(1));
        let (code, message) = no_space.ask("asha", SORT).expect_err("too little space");
        assert_eq!(code, "53100", "{message}");
        assert_eq!(no_space.value("asha", "select 1"), "1");
        let little_for_all = start(ByteSize::gib(1), ByteSize::kib(64));
        assert_eq!(little_for_all.code("asha", SORT), "53200");
    }

    #[test]
    fn queries_wait_for_their_turn() {
        let mut one = setup();
        one.config.postgres.queries = 1;
        let endpoint = one.start();
        let options = endpoint.options("asha");
        let answers = endpoint.runtime.block_on(async {
            let tasks: Vec<_> = (0..8)
                .map(|number| {
                    let options = options.clone();
                    tokio::spawn(async move {
                        let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
                        let sql = format!("select count(*) + {number} from generate_series(1, 200000) a(x)");
                        let sum: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
                            .fetch_one(&mut connection)
                            .await
                            .expect("an answer");
                        sum - 200_000
                    })
                })
                .collect();
            let mut answers = Vec::new();
            for task in tasks {
                answers.push(task.await.expect("a task"));
            }
            answers
        });
        assert_eq!(answers, (0..8).collect::<Vec<i64>>());
    }

    #[test]
    fn a_disconnected_client_s_query_is_cancelled() {
        let endpoint = setup().start();
        let options = endpoint.options("asha");
        let task = endpoint.runtime.spawn(async move {
            let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
            connection.execute(sqlx::raw_sql(SLOW)).await
        });
        wait_until(|| endpoint.metrics.running.get() > 0, "the query to run");
        // Its connection is dropped without a message of the protocol.
        task.abort();
        let is_end = |line: &Value| line["event"] == "end";
        wait_until(|| endpoint.audit().last().is_some_and(is_end), "the query to end");
        assert_eq!(endpoint.metrics.running.get(), 0);
        let end = endpoint.audit().pop().expect("a line");
        assert_eq!(end["outcome"], "cancelled", "{end}");
    }

    #[test]
    fn an_idle_cursor_is_closed_at_its_time_limit() {
        let mut hurried = setup();
        hurried.config.postgres.query_seconds = 3;
        let endpoint = hurried.start();
        let mut connection = endpoint.connect("asha").expect("a connection");
        let declared = "begin; declare c cursor for select x from generate_series(1, 5000000) g(x); fetch 1 from c";
        assert_eq!(endpoint.ask_on(&mut connection, declared).expect("a row"), [["1"]]);
        assert_eq!(endpoint.metrics.running.get(), 1);
        wait_until(
            || endpoint.metrics.running.get() == 0,
            "its memory and place to be given back",
        );
        assert_eq!(
            query(&endpoint, &mut connection, "fetch 1 from c"),
            Err("57014".to_owned())
        );
    }
}

#[test]
fn a_newer_snapshot_is_seen_without_a_restart_and_transactions_keep_theirs() {
    let endpoint = setup().start();
    let mut old = endpoint.connect("asha").expect("a connection");
    let days = "select max(as_of) from download_ratio_overall";
    let first = endpoint.ask_on(&mut old, &format!("begin; {days}")).expect("a day");
    let mut prepared = endpoint.connect("asha").expect("a connection");
    let count = |connection: &mut PgConnection| {
        endpoint.runtime.block_on(async {
            sqlx::query_scalar::<_, i64>("select count(*) from users where user_id <> $1")
                .bind("x")
                .fetch_one(connection)
                .await
                .expect("a count")
        })
    };
    assert_eq!(count(&mut prepared), 2);

    let next = "2026-11-30";
    for table in ["users", "enrolments", "course_progress", "batches"] {
        let from = endpoint.exports.file(table);
        let to = endpoint.exports.path().join(table).join(format!("date={next}"));
        fs::create_dir_all(&to).expect("a folder");
        fs::copy(&from, to.join("part-0.parquet")).expect("copied");
    }
    endpoint.runtime.block_on(endpoint.source.refresh());
    assert_eq!(endpoint.value("asha", days), next);
    assert_eq!(endpoint.ask_on(&mut old, days).expect("a day"), first);
    assert_eq!(query(&endpoint, &mut old, "commit"), Ok(()));
    assert_eq!(endpoint.ask_on(&mut old, days).expect("a day"), [[next]]);
    assert_eq!(count(&mut prepared), 2);
    assert_eq!(
        endpoint.value("asha", "select count(distinct snapshot_date) from users_history"),
        "2"
    );
}

#[test]
fn foreign_keys_are_none_as_typeorm_asks_for_them() {
    let endpoint = setup().start();
    let question = include_str!("../clients/introspection/typeorm/foreign_keys.sql");
    let keys = endpoint.ask("asha", question).expect("an answer");
    assert!(keys.is_empty(), "{keys:?}");
    // The same form over a table that has rows.
    let rows = endpoint.ask(
        "asha",
        "select part, batch_id from (select unnest(string_to_array(b.batch_id, 'b')) as part, case b.batch_id when 'b1' then 'B' end \
         as batch_id from batches b) t where part <> '' order by 1",
    );
    assert_eq!(rows.expect("rows"), [["1", "B"], ["2", "∅"]]);
}

#[test]
fn statements_are_audited_with_user_and_result_but_without_values() {
    let endpoint = setup().start();
    let mut connection = endpoint.connect("asha").expect("a connection");
    let secret: i64 = endpoint
        .runtime
        .block_on(async {
            sqlx::query_scalar("select count(*) from users where email = $1")
                .bind("secret@example.org")
                .fetch_one(&mut connection)
                .await
        })
        .expect("a count");
    assert_eq!(secret, 0);
    assert_eq!(
        endpoint
            .ask_on(&mut connection, "select user_id from users")
            .expect("rows")
            .len(),
        2
    );
    assert_eq!(
        query(&endpoint, &mut connection, "select 1 / 0"),
        Err("22012".to_owned())
    );
    assert_eq!(
        query(&endpoint, &mut connection, "drop table users"),
        Err("42501".to_owned())
    );
    let _ = endpoint.connect_with(&endpoint.options("asha").password("wrong"));

    let lines = endpoint.audit();
    let text = lines.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for never in ["secret@example.org", "Asha", "pencil", "u1"] {
        assert!(!text.contains(never), "{never}: {text}");
    }
    let told: Vec<String> = lines
        .iter()
        .map(|line| {
            let of = |name: &str| line[name].as_str().unwrap_or("-").to_owned();
            match line["event"].as_str() {
                Some("login") => format!("login {} {}", of("user"), of("outcome")),
                Some("query") => format!("query {} {}", of("user"), of("sql")),
                _ => format!("end {} {} {} {}", of("user"), of("outcome"), of("code"), line["rows"]),
            }
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    login asha accepted
    query asha select count(*) from users where email = $1
    end asha answered - 1
    query asha select user_id from users
    end asha answered - 2
    query asha select 1 / 0
    end asha failed 22012 0
    query asha drop table users
    end asha refused 42501 0
    login asha refused
    ");
    let figures = endpoint.metrics.encode();
    for line in [
        "pragati_postgres_logins_total{outcome=\"accepted\"} 1",
        "pragati_postgres_logins_total{outcome=\"refused\"} 1",
        "pragati_postgres_queries_total{outcome=\"answered\"} 2",
        "pragati_postgres_queries_total{outcome=\"failed\"} 1",
        "pragati_postgres_queries_total{outcome=\"refused\"} 1",
        "pragati_postgres_rows_total 3",
        "pragati_postgres_queries_running 0",
    ] {
        assert!(figures.contains(line), "{line}: {figures}");
    }
}

#[test]
fn a_graceful_stop_finishes_queries_and_accepts_no_more() {
    let mut endpoint = setup().start();
    let options = endpoint.options("asha");
    let task = endpoint.runtime.spawn(async move {
        let mut connection = PgConnection::connect_with(&options).await.expect("a connection");
        let sql =
            "select count(*) from generate_series(1, 4000) a(x), generate_series(1, 4000) b(y) where (x + y) % 7 = 3";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut connection).await
    });
    let is_begun = || endpoint.metrics.running.get() > 0 || task.is_finished();
    wait_until(is_begun, "the query to run");
    endpoint.stop();
    let answer = endpoint.runtime.block_on(task).expect("a task");
    assert!(answer.is_ok(), "{answer:?}");
    assert!(endpoint.connect("asha").is_err());
}
