//! The PostgreSQL endpoint and clients that exceed its limits, by mistake or on purpose: each gets an error, and others
//! are not affected.

use std::fs;
use std::time::{Duration, Instant};

use pragati::identity::Login;

use crate::raw_client::{RawClient, code_of, kinds};
use crate::running_endpoint::{EndpointSetup, RunningEndpoint, wait_until};
use crate::support::TestExports;

const ALL: &str = "all_tenants = true\npersonal = true";

fn setup() -> EndpointSetup {
    EndpointSetup::over(TestExports::small()).user("asha", ALL)
}

/// An endpoint that lets everybody in.
fn open_to_all() -> RunningEndpoint {
    let mut open = setup();
    open.login = Login::Dev;
    open.start()
}

mod clients_before_login {
    use super::*;

    #[test]
    fn send_little_and_are_disconnected_at_the_first_mistake() {
        let endpoint = setup().start();
        let mut greedy = RawClient::start(endpoint.address, "asha", "pragati");
        assert_eq!(greedy.message().map(|(kind, _)| kind), Some('R'));
        greedy.begin('p', 0x3fff_ff00, 10);
        let told = greedy.until_closed();
        assert_eq!(code_of(&told).as_deref(), Some("08P01"), "{}", kinds(&told));

        let mut lost = RawClient::start(endpoint.address, "asha", "elsewhere");
        lost.send('Q', b"select 1\0");
        let told = lost.until_closed();
        assert_eq!(code_of(&told).as_deref(), Some("3D000"));
        assert!(!kinds(&told).contains('D'), "{}", kinds(&told));

        let mut guessing = RawClient::start(endpoint.address, "asha", "pragati");
        guessing.send('p', b"SCRAM-SHA-256\0\0\0\0\x05guess");
        guessing.send('Q', b"select 1\0");
        let told = guessing.until_closed();
        assert!(
            code_of(&told).is_some() && !kinds(&told).contains('D'),
            "{}",
            kinds(&told)
        );
        assert_eq!(endpoint.value("asha", "select 1"), "1");
    }

    #[test]
    fn cannot_fill_the_disk_with_their_names() {
        let endpoint = setup().start();
        let long = "x".repeat(5_000);
        RawClient::start(endpoint.address, &long, "elsewhere").until_closed();
        let line = endpoint.audit().pop().expect("a line");
        assert_eq!(line["outcome"], "refused");
        assert_eq!(line["user"].as_str().map(str::len), Some(63));
    }
}

mod statements {
    use super::*;

    #[test]
    fn up_to_the_depth_limit_are_answered_and_deeper_ones_refused() {
        let endpoint = setup().start();
        let chain = |link: &str, count: usize| link.repeat(count);
        let begun = Instant::now();
        let sum = format!("select 1{}", chain("+1", 950));
        assert_eq!(endpoint.value("asha", &sum), "951");
        let mixed = format!("select 1{}", chain(" * 2 / 2.0 - 1 + 1", 200));
        assert!(endpoint.value("asha", &mixed).starts_with('1'));
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let nested = format!("select {}1{}", chain("1+(", 100), chain(")", 100));
        assert_eq!(endpoint.value("asha", &nested), "101");
        let later = format!("select timestamp '2026-01-01'{}", chain(" + interval '1 day'", 400));
        assert!(endpoint.code("asha", &later).starts_with("42"));
        let both = format!(
            "select count(*) from users where true{}",
            chain(" and user_id <> ''", 470)
        );
        assert_eq!(endpoint.value("asha", &both), "2");
        let names = format!(
            "select count(*) from pg_catalog.pg_class where relname <> ''{}",
            chain(" || 'x'", 950)
        );
        assert!(endpoint.value("asha", &names).parse::<u32>().is_ok());
        for deep in [
            format!("select 1{}", chain("+1", 500_000)),
            format!("select 1{} from pg_class", chain("+1", 500_000)),
            format!("select 1{}", chain(" union all select 1", 50_000)),
            format!("select {}1{}", chain("(", 100_000), chain(")", 100_000)),
        ] {
            let code = endpoint.code("asha", &deep);
            assert!(["54001", "42601"].contains(&code.as_str()), "{code}");
        }
        assert_eq!(endpoint.value("asha", "select 1"), "1");
    }

    #[test]
    fn that_double_with_every_line_are_refused() {
        let endpoint = setup().start();
        let doubled = |previous: usize, number: usize| {
            format!(", w{number} as (select x from w{previous} union all select x from w{previous})")
        };
        let tables: String = (1..60).map(|number| doubled(number - 1, number)).collect();
        let begun = Instant::now();
        let sql = format!("with w0 as (select 1 as x){tables} select count(*) from w59");
        assert_eq!(endpoint.code("asha", &sql), "54001");
        assert!(begun.elapsed() < Duration::from_secs(10));
        let few: String = (1..8).map(|number| doubled(number - 1, number)).collect();
        let sql = format!("with w0 as (select 1 as x){few} select count(*) from w7");
        assert_eq!(endpoint.value("asha", &sql), "128");
    }

    #[test]
    fn that_make_values_of_any_size_are_refused() {
        let endpoint = setup().start();
        assert_eq!(endpoint.code("asha", "select range(0, 2000000000)"), "42883");
        assert_eq!(
            endpoint.code("asha", "select repeat(email, 100000000) from users"),
            "22000"
        );
        assert_eq!(endpoint.value("asha", "select repeat('ab', 3)"), "ababab");
        assert_eq!(
            endpoint.value("asha", "select count(*) from generate_series(1, 1000)"),
            "1000"
        );
    }

    #[test]
    fn that_cannot_be_parsed_are_audited() {
        let endpoint = setup().start();
        assert_eq!(endpoint.code("asha", "selekt 1"), "42601");
        let lines = endpoint.audit();
        let [query, end] = &lines[lines.len() - 2..] else {
            panic!("{lines:?}")
        };
        assert_eq!((&query["sql"], &end["code"]), (&"selekt 1".into(), &"42601".into()));
    }

    #[test]
    fn that_recur_over_the_tables_of_a_tenant_are_answered() {
        let endpoint = setup().user("ravi", "tenants = [\"t1\"]").start();
        let sql = "with recursive r as (
                       select 0 as n
                       union all
                       select r.n + 1 from r join (select tenant_id, count(*) as users from users group by tenant_id) t
                           on t.users > r.n - 100 where r.n < 5
                   ) select count(*) from r";
        assert_eq!(endpoint.value("ravi", sql), "6");
    }
}

mod cursors_and_portals {
    use super::*;

    const MANY: &str = "select x from generate_series(1, 5000000) g(x)";

    #[test]
    fn a_cursor_with_an_open_portal_is_in_use_and_nobody_waits() {
        let endpoint = open_to_all();
        let mut client = RawClient::by_name(endpoint.address);
        assert_eq!(
            code_of(&client.query(&format!("begin; declare c cursor for {MANY}"))),
            None
        );
        client.execute("fetch all from c", "p", 1);
        assert_eq!(kinds(&client.sync()), "12DsZ");
        assert_eq!(code_of(&client.query("fetch 1 from c")).as_deref(), Some("55006"));
        assert_eq!(code_of(&client.query("rollback")), None);
        wait_until(|| endpoint.metrics.running.get() == 0, "the query to end");
    }

    #[test]
    fn portals_end_with_their_transaction() {
        let endpoint = open_to_all();
        let mut client = RawClient::by_name(endpoint.address);
        // Outside a transaction, that is at once.
        client.execute(MANY, "p", 1);
        assert_eq!(kinds(&client.sync()), "12DsZ");
        wait_until(|| endpoint.metrics.running.get() == 0, "the query to end");
        client.go_on("p", 1);
        assert_eq!(code_of(&client.sync()).as_deref(), Some("34000"));

        client.query("begin");
        client.execute(MANY, "p", 1);
        client.sync();
        client.go_on("p", 1);
        assert_eq!(kinds(&client.sync()), "DsZ");
        assert_eq!(endpoint.metrics.running.get(), 1);
        client.query("commit");
        wait_until(|| endpoint.metrics.running.get() == 0, "the query to end");
    }

    #[test]
    fn the_number_of_portals_is_limited() {
        let endpoint = open_to_all();
        let mut client = RawClient::by_name(endpoint.address);
        client.query("begin");
        for number in 0..1_000 {
            client.execute("select 1", &format!("p{number}"), 0);
        }
        assert_eq!(code_of(&client.sync()), None);
        client.execute("select 1", "one_more", 0);
        assert_eq!(code_of(&client.sync()).as_deref(), Some("53400"));
        client.query("rollback");
        client.execute("select 1", "one_more", 0);
        assert_eq!(code_of(&client.sync()), None);
    }

    #[test]
    fn one_user_cannot_hold_all_query_slots() {
        let mut two = setup().user("ravi", ALL);
        two.config.postgres.queries = 2;
        let endpoint = two.start();
        let mut idle = endpoint.connect("asha").expect("a connection");
        let declared = format!("begin; declare c cursor for {MANY}; fetch 1 from c");
        assert!(endpoint.ask_on(&mut idle, &declared).is_ok());
        assert_eq!(
            endpoint.code("asha", "set statement_timeout = '300ms'; select count(*) from users"),
            "57014"
        );
        assert_eq!(endpoint.value("ravi", "select count(*) from users"), "2");
        assert!(endpoint.ask_on(&mut idle, "rollback").is_ok());
        assert_eq!(endpoint.value("asha", "select count(*) from users"), "2");
    }
}

mod transactions {
    use super::*;

    #[test]
    fn variables_are_rolled_back_with_them() {
        let endpoint = setup().start();
        let mut connection = endpoint.connect("asha").expect("a connection");
        let mut shown = |sql: &str| {
            let rows = endpoint.ask_on(&mut connection, sql).expect(sql);
            rows.last().map(|row| row.join(" ")).unwrap_or_default()
        };
        let zone = "show timezone";
        shown("set time zone 'Asia/Kolkata'");
        assert_eq!(shown(&format!("begin; set local time zone 'UTC'; {zone}")), "UTC");
        assert_eq!(shown(&format!("commit; {zone}")), "Asia/Kolkata");
        assert_eq!(shown(&format!("begin; set time zone 'UTC'; {zone}")), "UTC");
        assert_eq!(shown(&format!("rollback; {zone}")), "Asia/Kolkata");
        assert_eq!(shown(&format!("set local time zone 'UTC'; {zone}")), "Asia/Kolkata");
        assert_eq!(endpoint.code("asha", "rollback to savepoint a"), "25P01");
    }
}

mod accounts {
    use super::*;

    #[test]
    fn that_are_changed_or_removed_end_for_logged_in_users_too() {
        let mut watched = setup().user("ravi", ALL);
        watched.config.serve.refresh_seconds = 1;
        let endpoint = watched.start();
        let mut ravi = endpoint.connect("ravi").expect("a connection");
        assert!(endpoint.ask_on(&mut ravi, "select 1").is_ok());
        // A file that cannot be used changes nothing.
        fs::write(endpoint.users_file(), "[users").expect("written");
        std::thread::sleep(Duration::from_millis(1_500));
        assert!(endpoint.ask_on(&mut ravi, "select 1").is_ok());

        endpoint.write_users(&[("meena", ALL)]);
        wait_until(|| endpoint.connect("meena").is_ok(), "meena to be known");
        assert!(endpoint.ask_on(&mut ravi, "select 1").is_err());
        assert!(endpoint.connect("ravi").is_err());
        let mut meena = endpoint.connect("meena").expect("a connection");
        endpoint.write_users(&[("meena", "tenants = [\"t1\"]")]);
        wait_until(
            || endpoint.ask_on(&mut meena, "select 1").is_err(),
            "the connection to end",
        );
    }
}
