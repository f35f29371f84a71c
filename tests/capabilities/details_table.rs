//! `enrolment_details` as a table: whatever a query asks of it, the rows that are assembled are those that its SQL joins.

use std::fs;
use std::num::NonZeroUsize;
use std::path::Path;

use bytesize::ByteSize;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::collect;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use pragati::catalog::Catalog;
use pragati::config::Config;
use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, IteratorRandom};
use rand::{RngExt, SeedableRng};
use tokio::runtime::Runtime;

use crate::oracle::nasty;
use crate::support::{TestExports, usually};

const NODE: &str = "EnrolmentDetailsExec";
const VIEWS: [&str; 2] = ["enrolment_details", "course_progress_report"];
/// Conditions on what the node finds by itself, and on what it leaves to others.
const CONDITIONS: [&str; 21] = [
    "batch_id = 'b1'",
    "'b1' = batch_id",
    "batch_id in ('b1', 'b2')",
    "batch_id in ('b1', 'b2', 'b3', 'b4', 'no such batch')",
    "batch_id > 'b1'",
    "batch_id like 'b%' and batch_id <> 'b2'",
    "batch_id is not null",
    "tenant_id = 't1'",
    "'t1' = tenant_id and batch_id <> 'b1'",
    "tenant_id in ('t1', 't2', 't3', 't4') and batch_id in ('b1', 'b2', 'b3')",
    "tenant_id <> 't1'",
    "tenant_id is null",
    "tenant_id is distinct from 't1' and known_user",
    "upper(coalesce(tenant_id, 't1')) = 'T1'",
    "tenant_id = 't1' or batch_id = 'b3'",
    "user_id = 'u1'",
    "user_id in (select user_id from users where tenant_id = 't1')",
    "known_user",
    "block_name is null or block_name <> 'Block 1'",
    "batch_id in ('b1', 'b2') and organization_name is not null",
    "course_id is not null and batch_id < 'b9'",
];

/// The query of the table, and a condition that all of its rows meet, so that it has another plan.
const QUERY: &str = include_str!("../../queries/reports/enrolment_details.sql");
const MET_BY_ALL: &str = "where enrolment.user_id is not null";

/// The same snapshot with the built-in queries, and with a site's own that differs in [`MET_BY_ALL`].
struct Ways {
    runtime: Runtime,
    assembled: Catalog,
    joined: Catalog,
    /// The folder that the catalogs read.
    _exports: TestExports,
}

impl Ways {
    fn open(exports: TestExports, change: impl Fn(Config) -> Config) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let own = exports.path().join("own queries");
        fs::create_dir_all(own.join("reports")).expect("a folder");
        fs::write(
            own.join("reports/enrolment_details.sql"),
            format!("{QUERY}{MET_BY_ALL}"),
        )
        .expect("a query");
        let open = |queries: Option<&Path>| {
            let config = change(Config {
                exports: Some(exports.path().display().to_string()),
                queries: queries.map(Path::to_owned),
                ..Config::default()
            });
            runtime.block_on(Catalog::open(&config)).expect("a snapshot")
        };
        let (assembled, joined) = (open(None), open(Some(&own)));
        Self {
            runtime,
            assembled,
            joined,
            _exports: exports,
        }
    }

    /// The lines of an answer, in their order.
    fn rows(&self, catalog: &Catalog, sql: &str) -> String {
        self.runtime.block_on(async {
            let rows = catalog.session.sql(sql).await.expect(sql).collect().await.expect(sql);
            pretty_format_batches(&rows).expect("text").to_string()
        })
    }

    fn plan(&self, sql: &str) -> String {
        self.rows(&self.assembled, &format!("explain {sql}"))
    }

    fn compare(&self, sql: &str) {
        assert_eq!(self.rows(&self.assembled, sql), self.rows(&self.joined, sql), "{sql}");
    }
}

/// A query over some columns, some conditions, sums or rows in order.
fn random_query(draw: &mut StdRng, columns: &[Vec<String>]) -> String {
    let view = draw.random_range(0..VIEWS.len());
    let count = draw.random_range(0..5);
    let mut chosen = columns[view].iter().sample(draw, count);
    chosen.dedup();
    let conditions = (0..draw.random_range(0..3)).map(|_| *CONDITIONS.choose(draw).expect("a condition"));
    let conditions: Vec<&str> = conditions.collect();
    let within = match conditions.is_empty() {
        true => String::new(),
        false => format!(" where {}", conditions.join(" and ")),
    };
    let names: Vec<&str> = chosen.iter().map(|name| name.as_str()).collect();
    match (names.is_empty(), draw.random_bool(0.4)) {
        (true, _) => format!("select count(*) as n from {}{within}", VIEWS[view]),
        (false, true) => {
            let names = names.join(", ");
            format!(
                "select {names}, count(*) as n from {}{within} group by {names} order by {names}",
                VIEWS[view]
            )
        }
        (false, false) => {
            let names = names.join(", ");
            format!("select {names} from {}{within} order by batch_id, user_id", VIEWS[view])
        }
    }
}

#[test]
fn assembled_rows_are_the_joined_ones_whatever_a_query_asks() {
    for exports in [nasty(), TestExports::sample(300, 2_000, 12, 1)] {
        let ways = Ways::open(exports, |config| config);
        let columns: Vec<Vec<String>> = VIEWS
            .iter()
            .map(|view| {
                let table = ways
                    .runtime
                    .block_on(ways.assembled.session.table(*view))
                    .expect("a view");
                table
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| field.name().clone())
                    .collect()
            })
            .collect();
        for view in VIEWS {
            ways.compare(&format!("select * from {view} order by batch_id, user_id"));
            ways.compare(&format!(
                "select tenant_id, count(*) as n, count(course_id) as c from {view} group by 1 order by 1"
            ));
            for condition in CONDITIONS {
                ways.compare(&format!(
                    "select * from {view} where {condition} order by batch_id, user_id"
                ));
                ways.compare(&format!("select count(*) as n from {view} where {condition}"));
            }
        }
        let mut draw = StdRng::seed_from_u64(19);
        for _ in 0..usually(60, 2_000) {
            ways.compare(&random_query(&mut draw, &columns));
        }
    }
}

#[test]
fn a_site_s_own_queries_are_assembled_where_they_are_planned_as_the_built_in_ones() {
    let (exports, runtime) = (TestExports::small(), Runtime::new().expect("a runtime"));
    let own = exports.path().join("own queries");
    // Whether the table assembles its rows, and a nightly run all reports, where the site has this query.
    let assembled = |name: &str, text: &str| {
        let file = own.join(format!("{name}.sql"));
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(&file, text).expect("a query");
        let config = Config {
            exports: Some(exports.path().display().to_string()),
            queries: Some(own.clone()),
            ..Config::default()
        };
        let found = runtime.block_on(async {
            let catalog = Catalog::open(&config).await.expect("a snapshot");
            (catalog.assembles_details().await, catalog.has_usual_reports().await)
        });
        fs::remove_file(&file).expect("removed");
        found
    };
    let progress = include_str!("../../queries/staging/numeric_course_progress.sql");
    let report = include_str!("../../queries/reports/course_progress_report.sql");
    let all = include_str!("../../queries/reports/all_reports.sql");
    for (name, built_in) in [
        ("reports/enrolment_details", QUERY),
        ("staging/numeric_course_progress", progress),
        ("reports/course_progress_report", report),
        ("reports/all_reports", all),
    ] {
        let commented = format!("{}\n-- ours", built_in.replace('\n', "\n\n"));
        assert_eq!(assembled(name, &commented), (true, true), "{name}");
    }
    for (name, other, expected) in [
        (
            "reports/enrolment_details",
            format!("{QUERY}{MET_BY_ALL}"),
            (false, false),
        ),
        (
            "staging/numeric_course_progress",
            format!("{progress}where user_id is not null"),
            (false, false),
        ),
        (
            "reports/course_progress_report",
            format!("{report}where known_user"),
            (true, false),
        ),
        (
            "reports/all_reports",
            format!("{}, tenant_id", all.trim_end()),
            (true, false),
        ),
        ("reports/all_reports", "select nothing".to_owned(), (true, false)),
    ] {
        assert_eq!(assembled(name, &other), expected, "{name}");
    }
}

#[test]
fn only_what_a_query_needs_is_read_and_explain_shows_it() {
    let ways = Ways::open(nasty(), |config| config);
    let counted = ways.plan("select tenant_id, count(*) from course_progress_report group by 1");
    assert!(
        counted.contains("EnrolmentDetailsExec: batches=all, progress=false, users=[]"),
        "{counted}"
    );
    // Sums that are not about users need no users and no order.
    let of_tables = |plan: &str, table: &str| plan.contains(&format!("table={table}, "));
    assert!(
        counted.contains("ordered=false") && !of_tables(&counted, "users"),
        "{counted}"
    );
    let columns = counted.lines().find(|line| line.contains("table=enrolments, "));
    assert!(columns.is_some_and(|line| !line.contains("course_id")), "{counted}");
    let percents = ways.plan("select avg(course_progress) from course_progress_report where batch_id = 'b1'");
    assert!(
        percents.contains("EnrolmentDetailsExec: batches=named, progress=true, users=[]"),
        "{percents}"
    );
    let range = ways.plan("select tenant_id, count(*) from enrolment_details where batch_id > 'b1' group by 1");
    assert!(
        range.contains("EnrolmentDetailsExec: batches=matching, ")
            && range.contains("condition=batch_id > Utf8View(\"b1\")"),
        "{range}"
    );
    let blocks = ways.plan("select block_name, count(*) from enrolment_details group by 1");
    assert!(
        blocks.contains("progress=false, users=[block_name], ordered=true"),
        "{blocks}"
    );
    // The order is declared, so that nothing above the node is sorted.
    let ordered = ways.plan("select * from course_progress_report order by batch_id, user_id");
    let (above, _) = ordered.split_once(NODE).expect(&ordered);
    assert!(!above.contains("SortExec"), "{ordered}");
    // One user's rows are found by joins that read little, in one batch too.
    for of_user in [
        "user_id = 'u1'",
        "user_id = 'u1' and batch_id = 'b1'",
        "block_name = 'Block 1'",
    ] {
        let of_user = ways.plan(&format!("select * from course_progress_report where {of_user}"));
        assert!(!of_user.contains(NODE), "{of_user}");
    }
    // Of few batches, all users are looked up rather than joined.
    let of_block = ways.plan("select * from course_progress_report where block_name = 'Block 1' and batch_id = 'b1'");
    assert!(of_block.contains("EnrolmentDetailsExec: batches=named"), "{of_block}");
}

#[test]
fn conditions_on_tenants_are_met_by_the_node() {
    let ways = Ways::open(nasty(), |config| config);
    let of_tenant = ways.plan("select user_id from enrolment_details where tenant_id = 't1'");
    let (above, _) = of_tenant.split_once(NODE).expect(&of_tenant);
    assert!(
        !above.contains("FilterExec")
            && of_tenant.contains("EnrolmentDetailsExec: batches=matching, ")
            && of_tenant.contains("condition=tenant_id = Utf8View(\"t1\")"),
        "{of_tenant}"
    );
    let of_both = ways.plan("select count(*) from enrolment_details where tenant_id is null and batch_id > 'b1'");
    let (above, _) = of_both.split_once(NODE).expect(&of_both);
    assert!(
        !above.contains("FilterExec") && of_both.contains("tenant_id IS NULL") && of_both.contains("ordered=false"),
        "{of_both}"
    );
    let of_either = ways.plan("select user_id from enrolment_details where tenant_id = 't1' or batch_id = 'b1'");
    let (above, _) = of_either.split_once(NODE).expect(&of_either);
    assert!(
        above.contains("FilterExec") && of_either.contains("batches=all"),
        "{of_either}"
    );
}

#[test]
fn a_limit_reaches_the_node_and_its_rows_are_the_view_s() {
    let ways = Ways::open(TestExports::sample(300, 2_000, 12, 1), |config| config);
    let few = ways.plan("select * from enrolment_details limit 5");
    assert!(few.contains(NODE) && few.contains("limit=5"), "{few}");
    let range = ways.plan("select user_id from enrolment_details where batch_id > 'b1' limit 5 offset 2");
    assert!(range.contains(NODE) && range.contains("limit=7"), "{range}");
    let of_tenant = ways.plan("select user_id from enrolment_details where tenant_id is not null limit 5");
    assert!(of_tenant.contains(NODE) && of_tenant.contains("limit=5"), "{of_tenant}");
    // A condition that the node leaves to a filter above it may need all rows.
    let filtered = ways.plan("select * from enrolment_details where completed_at is not null limit 5");
    assert!(filtered.contains(NODE) && !filtered.contains("limit="), "{filtered}");
    let assembled = |sql: &str| ways.rows(&ways.assembled, sql);
    for (limited, rows) in [
        ("enrolment_details limit 5", "5"),
        ("enrolment_details limit 5 offset 3", "5"),
        (
            "enrolment_details limit 300000",
            "(select count(*) from enrolment_details)",
        ),
        ("course_progress_report limit 7", "7"),
    ] {
        let rows_of_view = format!(
            "select count(*) as n, count(distinct concat(batch_id, ' ', user_id)) as d
             from (select batch_id, user_id from {limited}) l
             where exists (select 1 from enrolment_details d where d.batch_id = l.batch_id and d.user_id = l.user_id)"
        );
        let expected = assembled(&format!("select {rows} as n, {rows} as d"));
        assert_eq!(assembled(&rows_of_view), expected, "{limited}");
    }
}

#[test]
fn rows_are_as_many_with_a_limit_whatever_the_condition() {
    let ways = Ways::open(nasty(), |config| config);
    for view in VIEWS {
        for limit in [1, 3, 1_000] {
            ways.compare(&format!(
                "select count(*) as n from (select * from {view} limit {limit})"
            ));
            for condition in CONDITIONS {
                let limited = format!("select * from {view} where {condition} limit {limit}");
                ways.compare(&format!("select count(*) as n from ({limited})"));
            }
        }
    }
}

#[test]
fn rows_of_one_batch_are_in_the_order_of_users_and_their_batch_and_tenant_are_constant() {
    let ways = Ways::open(nasty(), |config| config);
    for sql in [
        "select * from course_progress_report where batch_id = 'b1' order by user_id",
        "select user_id from enrolment_details where batch_id = 'b1' order by user_id",
        "select batch_id, user_id, enrolled_at from enrolment_details where batch_id = 'b1' order by user_id, batch_id",
        "select user_id, batch_id from enrolment_details where batch_id in ('b1', 'b2') order by batch_id, user_id",
        "select tenant_id, batch_id, user_id from enrolment_details where tenant_id = 't1'
            order by tenant_id, batch_id, user_id",
    ] {
        let plan = ways.plan(sql);
        let (above, _) = plan.split_once(NODE).expect(&plan);
        assert!(!above.contains("SortExec"), "{sql}: {plan}");
        ways.compare(sql);
    }
    // The rows of two batches are not.
    let two =
        "select user_id, batch_id from enrolment_details where batch_id in ('b1', 'b2') order by user_id, batch_id";
    let plan = ways.plan(two);
    let (above, _) = plan.split_once(NODE).expect(&plan);
    assert!(above.contains("SortExec"), "{plan}");
    ways.compare(two);
    for grouped in ["batch_id", "batch_id, tenant_id", "user_id, batch_id"] {
        ways.compare(&format!(
            "select {grouped}, count(*) as n from enrolment_details where batch_id = 'b1' group by {grouped} order by {grouped}"
        ));
    }
}

#[test]
fn sums_are_the_same_for_any_number_of_threads() {
    let threads = [1, 3].map(|threads| {
        // Enough rows for several buckets.
        let exports = TestExports::sample(4_000, 70_000, 40, 1);
        Ways::open(exports, |config| Config {
            threads: NonZeroUsize::new(threads),
            ..config
        })
    });
    let of_some = "where tenant_id like '%7'";
    for (columns, condition) in [
        ("tenant_id", ""),
        ("batch_id", ""),
        ("course_id", ""),
        ("has_progress", ""),
        ("batch_id", of_some),
        ("course_id", of_some),
    ] {
        let sql = format!(
            "select {columns}, count(*) as n, sum(cast(progress_percent as bigint)) as p, count(completed_at) as c, min(enrolled_at) as e \
             from enrolment_details {condition} group by 1 order by 1"
        );
        let [one, three] = &threads;
        one.compare(&sql);
        assert_eq!(
            one.rows(&one.assembled, &sql),
            three.rows(&three.assembled, &sql),
            "{sql}"
        );
    }
}

#[test]
fn a_plan_that_runs_again_gives_its_rows_again() {
    let ways = Ways::open(nasty(), |config| config);
    let again = ways.runtime.block_on(async {
        let session = &ways.assembled.session;
        let mut counts = Vec::new();
        for sql in [
            "select * from enrolment_details order by batch_id, user_id",
            "select batch_id, tenant_id from enrolment_details",
        ] {
            let rows = session.sql(sql).await.expect(sql);
            let plan = rows.create_physical_plan().await.expect("a plan");
            for _ in 0..2 {
                let plan = reset_plan_states(plan.clone()).expect("a plan");
                let rows = collect(plan, session.task_ctx()).await.expect("rows");
                counts.push(rows.iter().map(|rows| rows.num_rows()).sum::<usize>());
            }
        }
        counts
    });
    assert!(again[0] > 0);
    assert_eq!(again, [again[0]; 4]);
}

#[test]
fn under_a_tight_limit_the_joins_run_which_spill() {
    let exports = || TestExports::sample(3_000, 20_000, 40, 1);
    let ways = Ways::open(exports(), |config| Config {
        memory_limit: Some(ByteSize::mib(64)),
        ..config
    });
    let sql =
        "select tenant_id, count(*) as n, avg(course_progress) as p from course_progress_report group by 1 order by 1";
    ways.compare(sql);
    let roomy = ways.plan(sql);
    assert!(roomy.contains(NODE), "{roomy}");
    let tight = Ways::open(exports(), |config| Config {
        memory_limit: Some(ByteSize::mib(1)),
        ..config
    });
    let plan = tight.plan("select tenant_id, count(*) as n from course_progress_report group by 1");
    assert!(!plan.contains(NODE), "{plan}");
}
