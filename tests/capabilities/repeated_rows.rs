//! Which of several rows of a key counts: only rows whose key may be repeated are ranked, in the views, in a site's own
//! queries, and in statements.

use std::fs;
use std::path::Path;

use datafusion::arrow::util::pretty::pretty_format_batches;
use pragati::catalog::Catalog;
use pragati::config::Config;
use tokio::runtime::Runtime;

use crate::oracle::nasty;
use crate::support::TestExports;

/// Users of whom `u1` has three rows, and two rows have no id.
const USERS: &str = "
    select * from (values
        ('u1', 'c@example.org', 'A'), ('u1', 'a@example.org', null), ('u2', null, 'B'),
        ('u1', 'b@example.org', 'C'), (null, 'd@example.org', 'D'), (null, 'e@example.org', 'E')
    ) t(user_id, email, first_name)
    cross join (select null::varchar as external_id, null::varchar as last_name, null::varchar as mobile,
        null::varchar as organization_name, null::varchar as district_name, null::varchar as school_name,
        null::varchar as block_name, null::varchar as tenant_id) as others";

/// Of several rows, the one with the least address counts; and rows without an id are one user.
const OWN: &str = "
    with ranked as (select *, row_number() over (partition by user_id order by email) as place from users)
    select user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name,
        tenant_id
    from ranked where place = 1";

async fn open(exports: &TestExports, queries: Option<&Path>) -> Catalog {
    let config = Config {
        exports: Some(exports.path().display().to_string()),
        queries: queries.map(Path::to_owned),
        ..Config::default()
    };
    Catalog::open(&config).await.expect("a snapshot")
}

async fn answer(catalog: &Catalog, sql: &str) -> String {
    let rows = catalog.session.sql(sql).await.expect(sql).collect().await.expect(sql);
    pretty_format_batches(&rows).expect("text").to_string()
}

async fn assert_splits(catalog: &Catalog, sql: &str, key: &str) {
    let plan = answer(catalog, &format!("explain {sql}")).await;
    for passing in ["Alone", "Others"] {
        let node = format!("RepeatedRowsExec: passing={passing}, key=[{key}]");
        assert!(plan.contains(&node), "{sql}\n{plan}");
    }
}

#[test]
fn explain_shows_that_views_and_statements_compare_keys_first() {
    let exports = nasty();
    Runtime::new().expect("a runtime").block_on(async {
        let catalog = open(&exports, None).await;
        for (view, key) in [
            ("distinct_users", "user_id"),
            ("distinct_enrolments", "batch_id, user_id"),
            ("distinct_course_progress", "batch_id, user_id"),
            ("distinct_download_events", "mid"),
        ] {
            assert_splits(&catalog, &format!("select * from {view}"), key).await;
        }
        let own = "select user_id, email from \
            (select *, row_number() over (partition by user_id order by email desc nulls last) as n from users) where n = 1";
        assert_splits(&catalog, own, "user_id").await;
        let latest = "with ranked as (select *, row_number() over (partition by course_id order by enrolled_at desc) as n \
            from enrolments where active) select course_id, enrolled_at from ranked where n = 1 order by 1";
        assert_splits(&catalog, latest, "course_id").await;
    });
}

#[test]
fn a_site_s_own_rule_decides_which_row_counts() {
    let exports = TestExports::small().table("users", USERS);
    Runtime::new().expect("a runtime").block_on(async {
        let folder = exports.path().join("own queries");
        fs::create_dir_all(folder.join("staging")).expect("a folder");
        fs::write(folder.join("staging/distinct_users.sql"), OWN).expect("a query");
        let catalog = open(&exports, Some(&folder)).await;
        let sql = "select user_id, email, first_name from distinct_users order by user_id nulls first";
        assert_splits(&catalog, sql, "user_id").await;
        let expected = "\
+---------+---------------+------------+
| user_id | email         | first_name |
+---------+---------------+------------+
|         | d@example.org | D          |
| u1      | a@example.org |            |
| u2      |               | B          |
+---------+---------------+------------+";
        // The second answer uses the keys that the first has found.
        for _ in 0..2 {
            assert_eq!(answer(&catalog, sql).await, expected);
        }
        let one = "select email from distinct_users where user_id = 'u1'";
        assert!(answer(&catalog, one).await.contains("| a@example.org |"));
    });
}
