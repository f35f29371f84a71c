//! The view `course_progress_report` read from a nightly output: the rows, types and order are those that are assembled
//! from the exports, and where the output does not fit, it is not read.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::physical_plan::collect;
use datafusion::prelude::col;
use pragati::catalog::{Catalog, Visibility};
use pragati::config::{Config, ReportConfig, TableConfig, UnknownUsers};
use pragati::ids::TenantId;
use pragati::nightly::read_view_from_output;
use pragati::zone::Zone;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::oracle::nasty;
use crate::support::{DATE, TestExports, pragati};

const OF_MART: &str = "ReportMartExec";
const ASSEMBLED: &str = "EnrolmentDetailsExec";
const BY_TENANT: &str = "select tenant_id, count(*) as n, avg(course_progress) as p, count(completion_date) as c
    from course_progress_report group by 1 order by 1";
const CONDITIONS: [&str; 14] = [
    "batch_id = 'b1'",
    "'b1' = batch_id",
    "batch_id in ('b1', 'b3', 'no such batch')",
    "batch_id > 'a' and batch_id <= 'b1'",
    "batch_id like 'b%'",
    "tenant_id = 't1'",
    "tenant_id in ('t1', 't2', 't3', 't4', 't5')",
    "tenant_id is null",
    "tenant_id <> 't1'",
    "user_id = 'u1' or external_id = 'E3'",
    "not known_user",
    "course_progress between 1 and 99",
    "enrollment_date >= date '2026-10-01'",
    "batch_id in (select batch_id from batches where tenant_id = 't1')",
];

/// A snapshot, and a nightly output of it.
struct Night {
    runtime: Runtime,
    exports: TestExports,
    out: TempDir,
}

impl Night {
    fn of(exports: TestExports) -> Self {
        let (out, _) = exports.nightly(&[]);
        Self {
            runtime: Runtime::new().expect("a runtime"),
            exports,
            out,
        }
    }

    fn day(&self) -> PathBuf {
        self.out.path().join(format!("date={DATE}"))
    }

    fn config(&self) -> Config {
        Config {
            exports: Some(self.exports.path().display().to_string()),
            ..Config::default()
        }
    }

    /// The snapshot as it is assembled from the exports.
    fn assembled(&self, config: &Config) -> Catalog {
        self.runtime.block_on(Catalog::open(config)).expect("a snapshot")
    }

    /// The snapshot, with the output as where reports lie.
    fn with_output(&self, config: &Config) -> Catalog {
        let mut config = config.clone();
        config.serve.reports = Some(self.out.path().display().to_string());
        self.runtime.block_on(async {
            let mut catalog = Catalog::open(&config).await.expect("a snapshot");
            read_view_from_output(&mut catalog, &config).await.expect("a table");
            catalog
        })
    }

    fn rows(&self, catalog: &Catalog, sql: &str) -> String {
        self.runtime.block_on(async {
            let frame = catalog.session.sql(sql).await.expect(sql);
            let schema = frame.schema().as_arrow().clone();
            let rows = frame.collect().await.expect(sql);
            format!("{schema:?}\n{}", pretty_format_batches(&rows).expect("text"))
        })
    }

    fn plan(&self, catalog: &Catalog, sql: &str) -> String {
        self.rows(catalog, &format!("explain {sql}"))
    }

    /// The output is not read, and the rows are those without it.
    fn is_not_read(&self, config: &Config, why: &str) {
        let (catalog, assembled) = (self.with_output(config), self.assembled(config));
        let plan = self.plan(&catalog, BY_TENANT);
        assert!(!plan.contains(OF_MART), "{why}: {plan}");
        assert_eq!(
            self.rows(&catalog, BY_TENANT),
            self.rows(&assembled, BY_TENANT),
            "{why}"
        );
    }
}

#[test]
fn rows_of_the_mart_are_the_assembled_ones_whatever_a_query_asks() {
    for exports in [nasty(), TestExports::sample(300, 2_000, 12, 1)] {
        let night = Night::of(exports);
        let (assembled, mart) = (night.assembled(&night.config()), night.with_output(&night.config()));
        let same = |sql: &str| assert_eq!(night.rows(&mart, sql), night.rows(&assembled, sql), "{sql}");
        same("select * from course_progress_report order by batch_id, user_id");
        same(BY_TENANT);
        same(
            "select count(*) as n, min(batch_id) as a, max(batch_id) as b, count(batch_id) as c from course_progress_report",
        );
        same("select batch_id, user_id from course_progress_report order by batch_id, user_id limit 7 offset 3");
        for condition in CONDITIONS {
            same(&format!(
                "select * from course_progress_report where {condition} order by batch_id, user_id"
            ));
            same(&format!(
                "select count(*) as n from course_progress_report where {condition}"
            ));
        }
        // What "My batches" counts.
        let counted = |catalog: &Catalog| {
            night.runtime.block_on(async {
                let counted = catalog.query("reports/batch_progress", |parameters| parameters).await;
                let counted = counted
                    .expect("a query")
                    .sort_by(vec![col("batch_id")])
                    .expect("a column");
                let rows = counted.collect().await.expect("rows");
                pretty_format_batches(&rows).expect("text").to_string()
            })
        };
        assert_eq!(counted(&mart), counted(&assembled));
        let plan = night.plan(&mart, BY_TENANT);
        assert!(
            plan.contains(&format!("{OF_MART}: mart of {DATE}")) && !plan.contains(ASSEMBLED),
            "{plan}"
        );
        // The mart does not have the columns of the details.
        let plan = night.plan(&mart, "select first_name from enrolment_details");
        assert!(plan.contains(ASSEMBLED), "{plan}");
    }
}

#[test]
fn a_mart_of_other_settings_or_queries_is_not_read() {
    let night = Night::of(nasty());
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = night.config();
        change(&mut config);
        config
    };
    let report = |change: &dyn Fn(&mut ReportConfig)| with(&|config| change(&mut config.report));
    night.is_not_read(&report(&|report| report.same_tenant = true), "same_tenant");
    night.is_not_read(
        &report(&|report| report.unknown_users = UnknownUsers::Omit),
        "unknown_users",
    );
    let zone: Zone = "America/New_York".parse().expect("a zone");
    night.is_not_read(&with(&|config| config.timezone = zone.clone()), "another zone");
    // How files are written does not change rows.
    let other_files = night.with_output(&report(&|report| report.bom = !report.bom));
    let plan = night.plan(&other_files, BY_TENANT);
    assert!(plan.contains(OF_MART), "{plan}");

    let own = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        (
            "staging/distinct_users.sql",
            include_str!("../../queries/staging/distinct_users.sql"),
        ),
        (
            "staging/batches_from_enrolments.sql",
            include_str!("../../queries/staging/batches_from_enrolments.sql"),
        ),
        (
            "reports/course_progress_report.sql",
            include_str!("../../queries/reports/course_progress_report.sql"),
        ),
    ] {
        let file = own.path().join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        let with_queries = with(&|config| config.queries = Some(own.path().to_owned()));
        fs::write(&file, text).expect("a query");
        let copied = night.with_output(&with_queries);
        assert!(night.plan(&copied, BY_TENANT).contains(OF_MART), "a copy of {name}");
        assert!(!copied.has_own_report_queries(), "a copy of {name}");
        fs::write(&file, format!("{text}\n-- ours")).expect("a query");
        assert!(night.assembled(&with_queries).has_own_report_queries(), "{name}");
        night.is_not_read(&with_queries, name);
        fs::remove_file(&file).expect("removed");
    }
}

#[test]
fn a_mart_of_another_mapping_is_not_read_wherever_its_query_lies() {
    let own = tempfile::tempdir().expect("a folder");
    let query = own.path().join("mine").join("users.sql");
    fs::create_dir_all(query.parent().expect("a folder")).expect("a folder");
    fs::write(&query, "select * from users").expect("a query");
    let exports = TestExports::small();
    let settings = exports.config(&format!(
        "queries = '{}'\n[tables.users]\nsql = 'mine/users.sql'\n",
        own.path().display()
    ));
    let (out, _) = exports.nightly(&["--config", &settings]);
    let night = Night {
        runtime: Runtime::new().expect("a runtime"),
        exports,
        out,
    };
    let mapped = TableConfig {
        sql: Some("mine/users.sql".to_owned()),
        ..TableConfig::default()
    };
    let mut config = night.config();
    config.queries = Some(own.path().to_owned());
    config.tables.insert("users".to_owned(), mapped);
    let plan = night.plan(&night.with_output(&config), BY_TENANT);
    assert!(plan.contains(OF_MART), "{plan}");
    fs::write(&query, "select * from users where user_id <> 'u1'").expect("a query");
    night.is_not_read(&config, "another mapping");
}

#[test]
fn a_mart_of_other_files_or_with_a_damaged_manifest_is_not_read() {
    let night = Night::of(TestExports::sample(120, 400, 6, 1));
    let config = night.config();
    let manifest = night.day().join("manifest.json");
    let sound = fs::read_to_string(&manifest).expect("a manifest");
    let changed = |from: &str, to: &str| {
        assert!(sound.contains(from), "{from} in {sound}");
        sound.replace(from, to)
    };
    for (text, why) in [
        (sound[..sound.len() / 2].to_owned(), "half of the manifest"),
        (changed("\"rows_reported\": ", "\"rows_reported\": 1"), "other counts"),
        (changed("\"basis\":", "\"former_basis\":"), "no basis"),
        (changed(DATE, "2026-11-21"), "another day"),
    ] {
        fs::write(&manifest, text).expect("written");
        night.is_not_read(&config, why);
    }
    fs::write(&manifest, &sound).expect("written");
    assert!(night.plan(&night.with_output(&config), BY_TENANT).contains(OF_MART));

    // A row more in a file that the output was not made from.
    let enrolments = night.exports.file("enrolments");
    fs::copy(&enrolments, enrolments.with_file_name("part-00001.parquet")).expect("a copy");
    night.is_not_read(&config, "another file of enrolments");
    fs::remove_dir_all(night.day()).expect("removed");
    night.is_not_read(&config, "no output");
}

#[test]
fn files_that_are_damaged_or_replaced_later_are_not_read() {
    let night = Night::of(TestExports::sample(120, 400, 6, 1));
    let (config, part) = (night.config(), largest_part(&night.day()));
    let expected = night.rows(&night.assembled(&config), BY_TENANT);
    let sound = fs::read(&part).expect("a file");
    for damaged in [sound[..sound.len() / 2].to_vec(), vec![0; sound.len()]] {
        fs::write(&part, damaged).expect("written");
        let catalog = night.with_output(&config);
        assert_eq!(night.rows(&catalog, BY_TENANT), expected);
        assert!(!night.plan(&catalog, BY_TENANT).contains(OF_MART));
    }
    fs::write(&part, &sound).expect("written");

    let catalog = night.with_output(&config);
    assert!(night.plan(&catalog, BY_TENANT).contains(OF_MART));
    assert_eq!(night.rows(&catalog, BY_TENANT), expected);
    let planned = night.runtime.block_on(async {
        let frame = catalog.session.sql("select * from course_progress_report").await;
        frame.expect("a query").create_physical_plan().await.expect("a plan")
    });
    let out = night.out.path().display().to_string();
    night.exports.output("nightly", &["--full", "--out", &out]);
    // A query that was planned before ends with an error; the next one knows.
    let run = night.runtime.block_on(collect(planned, catalog.session.task_ctx()));
    let message = run.expect_err("other files").to_string();
    assert!(
        message.contains("was replaced by a later nightly run while a query read it; run the query again"),
        "{message}"
    );
    assert_eq!(night.rows(&catalog, BY_TENANT), expected);
    assert!(!night.plan(&catalog, BY_TENANT).contains(OF_MART));
    assert!(night.plan(&night.with_output(&config), BY_TENANT).contains(OF_MART));
}

#[test]
fn users_who_see_less_have_the_rows_that_are_assembled_for_them() {
    let night = Night::of(nasty());
    let (assembled, mart) = (night.assembled(&night.config()), night.with_output(&night.config()));
    let of_tenant = |tenant: &str| Some(BTreeSet::from([tenant.parse::<TenantId>().expect("a tenant")]));
    for (tenants, personal) in [
        (None, true),
        (None, false),
        (of_tenant("t1"), true),
        (of_tenant("t1"), false),
        (of_tenant("no such tenant"), true),
    ] {
        let visibility = Visibility { tenants, personal };
        let seen = |catalog: &Catalog| night.runtime.block_on(catalog.seen_with(&visibility)).expect("a view");
        let (assembled, mart) = (seen(&assembled), seen(&mart));
        for sql in [
            "select * from course_progress_report order by batch_id, user_id",
            "select batch_id, course_id, user_id, enrollment_date, course_progress, completion_date, known_user
                from course_progress_report where tenant_id = 't1' order by batch_id, user_id",
            "select count(*) as n from course_progress_report where school_name is not null",
            "select user_name, count(*) as n from course_progress_report where batch_id = 'b1' group by 1 order by 1",
            BY_TENANT,
        ] {
            assert_eq!(
                night.rows(&mart, sql),
                night.rows(&assembled, sql),
                "{visibility:?}: {sql}"
            );
        }
        let plan = night.plan(&mart, BY_TENANT);
        assert!(!plan.contains(ASSEMBLED), "{visibility:?}: {plan}");
        let shown = if visibility.tenants.is_some() {
            "BarrierExec"
        } else {
            OF_MART
        };
        assert!(plan.contains(shown), "{visibility:?}: {plan}");
        let plan = night.plan(&mart, "select email from course_progress_report");
        assert_eq!(plan.contains(OF_MART), visibility == Visibility::FULL, "{plan}");
    }
}

#[test]
fn the_command_reads_the_output_that_it_is_given() {
    let night = Night::of(TestExports::small());
    let reports = night.out.path().display().to_string();
    let explain = "explain select tenant_id, count(*) from course_progress_report group by 1";
    let plan = night.exports.output("sql", &["--reports", &reports, "-c", explain]);
    assert!(
        plan.contains(&format!("{OF_MART}: mart of {DATE}, files=1 of 1")),
        "{plan}"
    );
    assert!(!night.exports.output("sql", &["-c", explain]).contains(OF_MART));
    let complaint = night
        .exports
        .complaint(1, "sql", &["--reports", "/no/such/folder", "-c", explain]);
    assert!(
        complaint.contains("folder /no/such/folder does not exist"),
        "{complaint}"
    );
    let mut other_zone = pragati();
    other_zone.arg("sql").arg("--exports").arg(night.exports.path());
    other_zone.args(["--reports", &reports, "--timezone", "UTC", "-vv", "-c", explain]);
    let output = other_zone.output().expect("a run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && said.contains("is not read from a mart"),
        "{said}"
    );
    assert!(said.contains("timezone = Asia/Kolkata, not UTC"), "{said}");
}

/// The largest file of the mart.
fn largest_part(day: &Path) -> PathBuf {
    let parts = fs::read_dir(day.join("course_progress_report")).expect("a mart");
    let parts = parts.map(|part| part.expect("a file").path());
    parts
        .max_by_key(|part| fs::metadata(part).expect("a file").len())
        .expect("a file")
}
