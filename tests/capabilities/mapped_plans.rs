//! Plans over mapped tables: whatever the sizes of a platform's tables, every view can be read, on every surface, and gives
//! the same rows. Sizes decide which side of a join is built first, and so which plans the engine makes.

use std::collections::BTreeSet;
use std::fs;
use std::num::NonZeroUsize;

use pragati::catalog::{Catalog, Readings, Visibility};
use pragati::config::{AddressSource, Config};
use pragati::ids::TenantId;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use crate::running_endpoint::EndpointSetup;
use crate::running_service::Setup;
use crate::support::{TestExports, usually};
use crate::token_issuer::TokenIssuer;

/// Sees everything.
const ALL: &str = "all_tenants = true\npersonal = true";
/// Numbers of threads, and how often tables are expected to be read.
const WAYS: [(usize, Readings); 3] = [(5, Readings::Single), (2, Readings::Several), (1, Readings::Single)];

/// Rows of a platform's tables.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    users: usize,
    enrolments: usize,
    organisations: usize,
    memberships: usize,
    identities: usize,
    locations: usize,
    batches: usize,
}

fn sizes() -> impl Strategy<Value = Sizes> {
    let few = || prop_oneof![Just(0_usize), Just(1), 2..8_usize, 8..60_usize];
    (few(), few(), few(), few(), few(), few(), few()).prop_map(
        |(users, enrolments, organisations, memberships, identities, locations, batches)| Sizes {
            users,
            enrolments,
            organisations,
            memberships,
            identities,
            locations,
            batches,
        },
    )
}

/// Rows `0..count` of a number `n`, seen through these columns.
fn rows(count: usize, columns: &str) -> String {
    format!("select {columns} from (select value as n from generate_series(0, {count})) where n < {count}")
}

/// Sunbird's tables; ids of other tables are drawn from a few more than there are.
fn sunbird(sizes: Sizes) -> TestExports {
    let of = |prefix: &str, count: usize, factor: usize| format!("'{prefix}' || (n * {factor} % {})", count + 2);
    let (user, organisation) = (of("u", sizes.users, 7), of("o", sizes.organisations, 3));
    let (batch, location) = (of("b", sizes.batches, 5), of("l", sizes.locations, 11));
    let tables = [
        ("system_settings", "select 'custodianOrgId' as id, 'custodianOrgId' as field, 'o1' as value".to_owned()),
        (
            "user",
            rows(
                sizes.users,
                &format!(
                    "'u' || n as userid, 'First' as firstname, 'Last' || n as lastname, 'm**@example.org' as maskedemail,
                    '***' as maskedphone, 'c' || (n % 3) as channel, {organisation} as rootorgid,
                    make_array({location}) as locationids,
                    case when n % 2 = 0 then '[{{\"id\":\"l0\",\"type\":\"district\"}}]' end as profilelocation"
                ),
            ),
        ),
        (
            "organisation",
            rows(
                sizes.organisations,
                &format!(
                    "'o' || n as id, 'Organisation ' || n as orgname, 'c' || (n % 3) as channel, {organisation} as rootorgid,
                    n % 2 = 0 as isrootorg, make_array({location}) as locationids"
                ),
            ),
        ),
        (
            "user_org",
            rows(
                sizes.memberships,
                &format!("{user} as userid, {organisation} as organisationid, false as isdeleted"),
            ),
        ),
        (
            "location",
            rows(
                sizes.locations,
                "'l' || n as id, 'Location ' || n as name, case when n % 2 = 0 then 'district' else 'block' end as type",
            ),
        ),
        (
            "usr_external_identity",
            rows(
                sizes.identities,
                &format!(
                    "{user} as userid, case when n % 2 = 0 then 'declared-ext-id' else 'c1' end as idtype, 'c1' as provider,
                    'x' || n as externalid, 'c' || (n % 3) as originalprovider"
                ),
            ),
        ),
        (
            "user_enrolments",
            rows(
                sizes.enrolments,
                &format!(
                    "{user} as userid, 'c1' as courseid, {batch} as batchid, true as active,
                    '2021-05-03 06:00:00:000+0000' as enrolleddate, cast(null as varchar) as completedon, 5 as completionpercentage"
                ),
            ),
        ),
        (
            "course_batch",
            rows(
                sizes.batches,
                &format!(
                    "'b' || n as batchid, 'c1' as courseid, 'Batch ' || n as name, make_array({organisation}) as createdfor,
                    'maker' as createdby, make_array('mentor') as mentors, '2021-05-01' as startdate, '2021-06-01' as enddate"
                ),
            ),
        ),
    ];
    tables
        .iter()
        .fold(TestExports::empty(), |exports, (table, sql)| exports.table(table, sql))
}

/// Canonical tables of which a site makes `users` by joins and windows of its own.
fn own_mapping(sizes: Sizes) -> (TestExports, String) {
    let exports = TestExports::empty()
        .table("people", &rows(sizes.users, "'u' || n as id, 'p' || (n % 5) as place_id, n % 7 as rank"))
        .table("places", &rows(sizes.locations, "'p' || n as id, 'District ' || n as name"))
        .table("addresses", &rows(sizes.identities, "'u' || n as id, 'u' || n || '@example.org' as email"))
        .table(
            "enrolments",
            &rows(
                sizes.enrolments,
                "'u' || (n * 7 % 50) as user_id, 'c1' as course_id, 'b' || (n % 4) as batch_id,
                arrow_cast('2021-05-03T00:00:00', 'Timestamp(Microsecond, Some(\"UTC\"))') as enrolled_at, true as active",
            ),
        )
        .table(
            "course_progress",
            &rows(
                sizes.memberships,
                "'u' || (n * 3 % 50) as user_id, 'c1' as course_id, 'b' || (n % 4) as batch_id,
                cast(n as double) as progress_percent,
                arrow_cast(null, 'Timestamp(Microsecond, Some(\"UTC\"))') as completed_at",
            ),
        );
    let queries = exports.path().join("queries");
    fs::create_dir_all(queries.join("staging/mine")).expect("a folder");
    let mine = "-- One row: one user.
        with ranked as (
            select people.id, places.name, row_number() over (partition by people.id order by people.rank) as place
            from people
            left join places on places.id = people.place_id
        )
        select ranked.id as user_id, null as external_id, 'First' as first_name, null as last_name, addresses.email,
            null as mobile, null as organization_name, ranked.name as district_name, null as school_name,
            null as block_name, 't1' as tenant_id
        from ranked
        left join addresses on addresses.id = ranked.id
        where place = 1 or exists (select 1 from addresses as other where other.id = ranked.name)";
    fs::write(queries.join("staging/mine/users.sql"), mine).expect("a file");
    let settings = format!(
        "queries = '{}'\n[tables.users]\nsql = 'staging/mine/users.sql'\n",
        queries.display()
    );
    (exports, settings)
}

fn config(exports: &TestExports, settings: &str, threads: usize) -> Config {
    let mut config: Config = toml::from_str(settings).expect("settings");
    config.exports = Some(exports.path().display().to_string());
    config.threads = NonZeroUsize::new(threads);
    config
}

/// The rows of each view, in one order, as the catalog gives them.
fn all_views(runtime: &Runtime, catalog: &Catalog) -> Vec<String> {
    let views = [
        "distinct_users",
        "enrolment_details",
        "course_progress_report",
        "report_batches",
        "download_ratio",
    ];
    let mut seen = Vec::new();
    for view in views {
        let mut rows = Vec::new();
        for question in [format!("select * from {view}"), format!("select count(*) from {view}")] {
            let found = runtime.block_on(async { catalog.session.sql(&question).await?.collect().await });
            let found = found.unwrap_or_else(|error| panic!("{question}: {error}"));
            let shown = datafusion::arrow::util::pretty::pretty_format_batches(&found).expect("rows");
            rows.extend(shown.to_string().lines().map(str::to_owned));
        }
        rows.sort_unstable();
        seen.extend(rows);
    }
    let address = runtime.block_on(async {
        let asked = catalog.query("reports/address_of_user", |parameters| parameters.with("user_id", "u1"));
        asked.await.expect("a query").collect().await
    });
    seen.push(format!(
        "{:?}",
        address
            .expect("an address")
            .iter()
            .map(|rows| rows.num_rows())
            .sum::<usize>()
    ));
    seen
}

/// Reads every view in several ways, as everybody and as somebody of one tenant.
fn read_everything(exports: &TestExports, settings: &str, tenant: &str) {
    let runtime = Runtime::new().expect("a runtime");
    let one_tenant = Visibility {
        tenants: Some(BTreeSet::from([tenant.parse::<TenantId>().expect("an id")])),
        personal: false,
    };
    let mut first: Option<Vec<Vec<String>>> = None;
    for (threads, readings) in WAYS.into_iter().take(usually(2, 3)) {
        let config = config(exports, settings, threads);
        let catalog = runtime
            .block_on(Catalog::open_for(&config, readings))
            .expect("a catalog");
        let seen = runtime.block_on(catalog.seen_with(&one_tenant)).expect("a catalog");
        let found = vec![all_views(&runtime, &catalog), all_views(&runtime, &seen)];
        match &first {
            None => first = Some(found),
            Some(first) => assert_eq!(first, &found, "{threads} threads, {readings:?}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: usually(1, 24), max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn views_over_a_platform_s_tables_can_be_read(sizes in sizes()) {
        read_everything(&sunbird(sizes), "staging = 'sunbird'", "o0");
    }

    #[test]
    fn views_over_a_site_s_own_mapping_can_be_read(sizes in sizes()) {
        let (exports, settings) = own_mapping(sizes);
        read_everything(&exports, &settings, "t1");
    }
}

/// Sizes for which the engine changes the sides of a join.
const SIZES: Sizes = Sizes {
    users: 40,
    enrolments: 60,
    organisations: 3,
    memberships: 50,
    identities: 20,
    locations: 6,
    batches: 5,
};

#[test]
fn clients_of_the_endpoint_read_mapped_tables() {
    let mut setup = EndpointSetup::over(sunbird(SIZES))
        .user("asha", ALL)
        .user("ravi", "tenants = [\"o0\"]");
    setup.config.staging = Some("sunbird".to_owned());
    let endpoint = setup.start();
    for user in ["asha", "ravi"] {
        for view in ["course_progress_report", "enrolment_details", "distinct_users"] {
            let counted = endpoint
                .ask(user, &format!("select count(*) from {view}"))
                .expect("a number");
            let rows = endpoint.ask(user, &format!("select * from {view}")).expect("rows");
            assert_eq!(counted, [[rows.len().to_string()]], "{user} {view}");
        }
    }
}

#[test]
fn a_service_takes_addresses_from_mapped_users() {
    let issuer = TokenIssuer::new();
    let (exports, settings) = own_mapping(SIZES);
    let config = config(&exports, &settings, 2);
    let mut setup = Setup::over(exports);
    setup.config.queries = config.queries;
    setup.config.tables = config.tables;
    let mut login = issuer.settings();
    login.address = AddressSource::Users;
    setup.login = Some(login);
    let service = setup.start();
    let asked = service
        .ask(&issuer.token("u1", &["pragati-admin"]), "b1", "email")
        .json();
    let id = asked["id"].as_str().expect("a request").parse().expect("an id");
    let stored = service.runtime.block_on(service.parts.store.find(id));
    let stored = stored.expect("the store").expect("a request");
    assert_eq!(stored.person.email.as_deref(), Some("u1@example.org"));
}
