//! The plans of the most important queries, as EXPLAIN shows them: what is read, what is assembled, and what is sorted. A
//! change of one is seen in review. Nodes of the engine are shown by their names alone, so that a plan can be read.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::dataframe::DataFrame;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use datafusion::physical_plan::{collect, displayable};
use pragati::catalog::Catalog;
use pragati::config::Config;
use pragati::ids::BatchId;
use pragati::nightly::read_view_from_output;
use pragati::report::{ReportFilter, query_of_batches};
use regex::Regex;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::TestExports;

const ASSEMBLED: &str = "EnrolmentDetailsExec";
const OF_MART: &str = "ReportMartExec";
/// The plan nodes of the project, which are shown with their details.
const OWN_NODES: [&str; 4] = [ASSEMBLED, OF_MART, "RepeatedRowsExec", "ExportedRowsExec"];
const BY_TENANT: &str = "select tenant_id, count(*), avg(course_progress), count(completion_date)
    from course_progress_report group by 1";
const IN_ORDER: &str = "select * from course_progress_report order by batch_id, user_id";

/// The ranges and sizes of files differ with what wrote them.
static RANGES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\.parquet:\d+\.\.\d+").expect("a pattern"));
/// Estimates of memory and rows, and numbers of files, are no matter of the plan.
static SIZES: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\b(bytes|rows|files)=\d+( of \d+)?").expect("a pattern"));

/// A snapshot whose plans have two partitions, with a nightly output or without.
struct Planned {
    runtime: Runtime,
    catalog: Catalog,
    /// The first batch of the snapshot, and the last one.
    batch: String,
    last_batch: String,
    exports: TestExports,
    _out: Option<TempDir>,
}

impl Planned {
    fn over_exports() -> Self {
        Self::open(TestExports::sample(300, 2_000, 12, 1), None)
    }

    fn over_mart() -> Self {
        let exports = TestExports::sample(300, 2_000, 12, 1);
        let (out, _) = exports.nightly(&[]);
        Self::open(exports, Some(out))
    }

    fn open(exports: TestExports, out: Option<TempDir>) -> Self {
        Self::with(exports, out, &[])
    }

    /// A snapshot with further exports, which are tables of their names.
    fn with(exports: TestExports, out: Option<TempDir>, other_tables: &[&str]) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let other_tables = other_tables.iter().map(|name| ((*name).to_owned(), (*name).to_owned()));
        let mut config = Config {
            exports: Some(exports.path().display().to_string()),
            threads: NonZeroUsize::new(2),
            other_tables: other_tables.collect(),
            ..Config::default()
        };
        config.serve.reports = out.as_ref().map(|out| out.path().display().to_string());
        let catalog = runtime.block_on(async {
            let mut catalog = Catalog::open(&config).await.expect("a snapshot");
            read_view_from_output(&mut catalog, &config).await.expect("a table");
            catalog
        });
        let batch = runtime.block_on(batch_of(&catalog, "min"));
        let last_batch = runtime.block_on(batch_of(&catalog, "max"));
        Self {
            runtime,
            catalog,
            batch,
            last_batch,
            exports,
            _out: out,
        }
    }

    fn of_sql(&self, sql: &str) -> String {
        let frame = self.runtime.block_on(self.catalog.session.sql(sql));
        self.shown(frame.expect(sql))
    }

    fn of_batch(&self) -> String {
        let batch = &self.batch;
        self.of_sql(&format!(
            "select * from course_progress_report where batch_id = '{batch}'"
        ))
    }

    fn of_query(&self, name: &str) -> String {
        let batch = self.batch.as_str();
        let query = self
            .catalog
            .query(name, |parameters| parameters.with("batch_id", batch));
        let frame = self.runtime.block_on(query);
        self.shown(frame.expect(name))
    }

    /// The plan that a report of these batches is made by.
    fn of_report(&self, batches: &[&str], filter: &ReportFilter) -> String {
        let batches: Vec<BatchId> = batches.iter().map(|id| id.parse().expect("an id")).collect();
        let query = query_of_batches(&self.catalog, &batches, filter);
        let frame = self.runtime.block_on(query);
        self.shown(frame.expect("a query"))
    }

    /// The plan without what differs from run to run.
    fn shown(&self, frame: DataFrame) -> String {
        let plan = self.runtime.block_on(frame.create_physical_plan()).expect("a plan");
        let plan = displayable(plan.as_ref()).indent(false).to_string();
        let folder = self.exports.path().canonicalize().expect("a folder");
        let folder = folder.display().to_string();
        let plan = plan.replace(folder.trim_start_matches('/'), "EXPORTS");
        let plan = plan.replace(&self.batch, "BATCH");
        let plan = RANGES.replace_all(&plan, ".parquet:RANGE");
        SIZES.replace_all(&plan, "$1=N").into_owned()
    }
}

/// A plan with the details of our own nodes alone.
fn outline(plan: &str) -> String {
    let lines = plan.lines().map(|line| {
        let name = line.split(':').next().unwrap_or(line);
        if OWN_NODES.contains(&name.trim()) { line } else { name }
    });
    lines.collect::<Vec<_>>().join("\n")
}

async fn batch_of(catalog: &Catalog, which: &str) -> String {
    let query = format!("select {which}(batch_id) from enrolments");
    let found = catalog.session.sql(&query).await;
    let rows = found.expect("a query").collect().await.expect("rows");
    array_value_to_string(rows[0].column(0), 0).expect("an id")
}

/// The lines above the first node called `node`, which the plan must have.
fn above<'a>(plan: &'a str, node: &str) -> &'a str {
    let found = plan.split_once(node);
    found.unwrap_or_else(|| panic!("no {node} in {plan}")).0
}

/// Rows come in order from `node`, so that nothing above it sorts or joins.
fn is_in_order_above(plan: &str, node: &str) {
    let above = above(plan, node);
    assert!(!above.contains("SortExec") && !above.contains("Join"), "{plan}");
}

#[test]
fn reports_are_assembled_in_order() {
    let planned = Planned::over_exports();
    let one = planned.of_query("reports/report_of_batch");
    is_in_order_above(&one, &format!("{ASSEMBLED}: batches=named"));
    insta::assert_snapshot!(outline(&one), @r#"
    SortPreservingMergeExec
      ProjectionExec
        RepartitionExec
          ProjectionExec
            EnrolmentDetailsExec: batches=named, progress=true, users=[external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id], ordered=true, partitions=1, condition=batch_id = Utf8View("BATCH")
              ProjectionExec
                FilterExec
                  ExportedRowsExec: table=enrolments, columns=[user_id, course_id, batch_id, enrolled_at, active]
                    RepartitionExec
                      DataSourceExec
              ProjectionExec
                UnionExec
                  FilterExec
                    RepeatedRowsExec: passing=Alone, key=[batch_id]
                      ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                        RepartitionExec
                          DataSourceExec
                      ExportedRowsExec: table=batches, columns=[batch_id]
                        RepartitionExec
                          DataSourceExec
                  FilterExec
                    ProjectionExec
                      BoundedWindowAggExec
                        SortExec
                          CompactExec
                            RepartitionExec
                              ProjectionExec
                                FilterExec
                                  RepeatedRowsExec: passing=Others, key=[batch_id]
                                    ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                      RepartitionExec
                                        DataSourceExec
                                    ExportedRowsExec: table=batches, columns=[batch_id]
                                      RepartitionExec
                                        DataSourceExec
              ProjectionExec
                FilterExec
                  ExportedRowsExec: table=course_progress, columns=[user_id, batch_id, progress_percent, completed_at]
                    RepartitionExec
                      DataSourceExec
              ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                DataSourceExec
              UnionExec
                FilterExec
                  RepartitionExec
                    RepeatedRowsExec: passing=Alone, key=[user_id]
                      ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                        DataSourceExec
                      ExportedRowsExec: table=users, columns=[user_id]
                        DataSourceExec
                FilterExec
                  ProjectionExec
                    BoundedWindowAggExec
                      SortExec
                        CompactExec
                          RepartitionExec
                            ProjectionExec
                              FilterExec
                                RepartitionExec
                                  RepeatedRowsExec: passing=Others, key=[user_id]
                                    ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                                      DataSourceExec
                                    ExportedRowsExec: table=users, columns=[user_id]
                                      DataSourceExec
    "#);

    let all = planned.of_query("reports/all_reports");
    is_in_order_above(&all, &format!("{ASSEMBLED}: batches=all"));
    assert!(all.contains("SortPreservingMergeExec"), "{all}");
    insta::assert_snapshot!(outline(&all), @r"
    SortPreservingMergeExec
      ProjectionExec
        RepartitionExec
          ProjectionExec
            EnrolmentDetailsExec: batches=all, progress=true, users=[external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name], ordered=true, partitions=1
              ProjectionExec
                ExportedRowsExec: table=enrolments, columns=[user_id, course_id, batch_id, enrolled_at, active]
                  DataSourceExec
              UnionExec
                FilterExec
                  RepartitionExec
                    RepeatedRowsExec: passing=Alone, key=[batch_id]
                      ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                        DataSourceExec
                      ExportedRowsExec: table=batches, columns=[batch_id]
                        DataSourceExec
                FilterExec
                  ProjectionExec
                    BoundedWindowAggExec
                      SortExec
                        CompactExec
                          RepartitionExec
                            ProjectionExec
                              FilterExec
                                RepartitionExec
                                  RepeatedRowsExec: passing=Others, key=[batch_id]
                                    ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                      DataSourceExec
                                    ExportedRowsExec: table=batches, columns=[batch_id]
                                      DataSourceExec
              ExportedRowsExec: table=course_progress, columns=[user_id, batch_id, progress_percent, completed_at]
                DataSourceExec
              ExportedRowsExec: table=users, columns=[user_id]
                DataSourceExec
              ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name]
                DataSourceExec
              UnionExec
                FilterExec
                  RepartitionExec
                    RepeatedRowsExec: passing=Alone, key=[user_id]
                      ExportedRowsExec: table=users, columns=[user_id]
                        DataSourceExec
                      ExportedRowsExec: table=users, columns=[user_id]
                        DataSourceExec
                FilterExec
                  ProjectionExec
                    BoundedWindowAggExec
                      SortExec
                        CompactExec
                          RepartitionExec
                            ProjectionExec
                              FilterExec
                                RepartitionExec
                                  RepeatedRowsExec: passing=Others, key=[user_id]
                                    ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                                      DataSourceExec
                                    ExportedRowsExec: table=users, columns=[user_id]
                                      DataSourceExec
              UnionExec
                FilterExec
                  RepartitionExec
                    RepeatedRowsExec: passing=Alone, key=[user_id]
                      ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name]
                        DataSourceExec
                      ExportedRowsExec: table=users, columns=[user_id]
                        DataSourceExec
                FilterExec
                  ProjectionExec
                    BoundedWindowAggExec
                      SortExec
                        CompactExec
                          RepartitionExec
                            ProjectionExec
                              FilterExec
                                RepartitionExec
                                  RepeatedRowsExec: passing=Others, key=[user_id]
                                    ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                                      DataSourceExec
                                    ExportedRowsExec: table=users, columns=[user_id]
                                      DataSourceExec
    ");
}

#[test]
fn a_report_is_its_query_over_rows_that_nothing_sorts_or_spreads() {
    let planned = Planned::over_exports();
    let some_rows = ReportFilter {
        block: ["Block 1".to_owned(), String::new()].into(),
        completed: Some(false),
        ..ReportFilter::default()
    };
    let all_rows = ReportFilter::default();
    let (first, last) = (planned.batch.as_str(), planned.last_batch.as_str());
    let nodes_above = |plan: &str| -> Vec<String> {
        let above = above(plan, &format!("{ASSEMBLED}: batches=named")).lines();
        let names = above.map(|line| line.split(':').next().unwrap_or(line).trim().to_owned());
        names.filter(|name| !name.is_empty()).collect()
    };
    for batches in [&[first][..], &[first, last]] {
        let whole = planned.of_report(batches, &all_rows);
        let nodes = nodes_above(&whole);
        assert!(nodes.iter().all(|node| node == "ProjectionExec"), "{whole}");
        // A filter is no reason to join users.
        let filtered = planned.of_report(batches, &some_rows);
        let nodes = nodes_above(&filtered);
        let is_expected = |node: &String| node == "ProjectionExec" || node == "FilterExec";
        assert!(
            nodes.iter().all(is_expected) && nodes.iter().any(|node| node == "FilterExec"),
            "{filtered}"
        );
    }
}

#[test]
fn the_report_view_is_assembled_from_what_a_query_asks() {
    let planned = Planned::over_exports();
    let whole = planned.of_sql("select * from course_progress_report");
    is_in_order_above(&whole, &format!("{ASSEMBLED}: batches=all, progress=true"));
    insta::assert_snapshot!(outline(&whole), @r"
    ProjectionExec
      RepartitionExec
        ProjectionExec
          EnrolmentDetailsExec: batches=all, progress=true, users=[external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name], ordered=true, partitions=1
            ProjectionExec
              ExportedRowsExec: table=enrolments, columns=[user_id, course_id, batch_id, enrolled_at, active]
                DataSourceExec
            UnionExec
              FilterExec
                RepartitionExec
                  RepeatedRowsExec: passing=Alone, key=[batch_id]
                    ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                      DataSourceExec
                    ExportedRowsExec: table=batches, columns=[batch_id]
                      DataSourceExec
              FilterExec
                ProjectionExec
                  BoundedWindowAggExec
                    SortExec
                      CompactExec
                        RepartitionExec
                          ProjectionExec
                            FilterExec
                              RepartitionExec
                                RepeatedRowsExec: passing=Others, key=[batch_id]
                                  ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                    DataSourceExec
                                  ExportedRowsExec: table=batches, columns=[batch_id]
                                    DataSourceExec
            ExportedRowsExec: table=course_progress, columns=[user_id, batch_id, progress_percent, completed_at]
              DataSourceExec
            ExportedRowsExec: table=users, columns=[user_id]
              DataSourceExec
            ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name]
              DataSourceExec
            UnionExec
              FilterExec
                RepartitionExec
                  RepeatedRowsExec: passing=Alone, key=[user_id]
                    ExportedRowsExec: table=users, columns=[user_id]
                      DataSourceExec
                    ExportedRowsExec: table=users, columns=[user_id]
                      DataSourceExec
              FilterExec
                ProjectionExec
                  BoundedWindowAggExec
                    SortExec
                      CompactExec
                        RepartitionExec
                          ProjectionExec
                            FilterExec
                              RepartitionExec
                                RepeatedRowsExec: passing=Others, key=[user_id]
                                  ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                                    DataSourceExec
                                  ExportedRowsExec: table=users, columns=[user_id]
                                    DataSourceExec
            UnionExec
              FilterExec
                RepartitionExec
                  RepeatedRowsExec: passing=Alone, key=[user_id]
                    ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name]
                      DataSourceExec
                    ExportedRowsExec: table=users, columns=[user_id]
                      DataSourceExec
              FilterExec
                ProjectionExec
                  BoundedWindowAggExec
                    SortExec
                      CompactExec
                        RepartitionExec
                          ProjectionExec
                            FilterExec
                              RepartitionExec
                                RepeatedRowsExec: passing=Others, key=[user_id]
                                  ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                                    DataSourceExec
                                  ExportedRowsExec: table=users, columns=[user_id]
                                    DataSourceExec
    ");

    let by_tenant = planned.of_sql(BY_TENANT);
    assert!(above(&by_tenant, ASSEMBLED).contains("AggregateExec"), "{by_tenant}");
    // Sums name no text of a user.
    assert!(by_tenant.contains("users=[]"), "{by_tenant}");
    insta::assert_snapshot!(outline(&by_tenant), @r"
    ProjectionExec
      AggregateExec
        RepartitionExec
          AggregateExec
            ProjectionExec
              RepartitionExec
                EnrolmentDetailsExec: batches=all, progress=true, users=[], ordered=false, partitions=1
                  ExportedRowsExec: table=enrolments, columns=[user_id, batch_id, enrolled_at, active]
                    DataSourceExec
                  UnionExec
                    FilterExec
                      RepartitionExec
                        RepeatedRowsExec: passing=Alone, key=[batch_id]
                          ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                            DataSourceExec
                          ExportedRowsExec: table=batches, columns=[batch_id]
                            DataSourceExec
                    FilterExec
                      ProjectionExec
                        BoundedWindowAggExec
                          SortExec
                            CompactExec
                              RepartitionExec
                                ProjectionExec
                                  FilterExec
                                    RepartitionExec
                                      RepeatedRowsExec: passing=Others, key=[batch_id]
                                        ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                          DataSourceExec
                                        ExportedRowsExec: table=batches, columns=[batch_id]
                                          DataSourceExec
                  ExportedRowsExec: table=course_progress, columns=[user_id, batch_id, progress_percent, completed_at]
                    DataSourceExec
    ");

    let in_order = planned.of_sql(IN_ORDER);
    is_in_order_above(&in_order, ASSEMBLED);
    insta::assert_snapshot!(outline(&in_order), @r"
    SortPreservingMergeExec
      ProjectionExec
        RepartitionExec
          ProjectionExec
            EnrolmentDetailsExec: batches=all, progress=true, users=[external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name], ordered=true, partitions=1
              ProjectionExec
                ExportedRowsExec: table=enrolments, columns=[user_id, course_id, batch_id, enrolled_at, active]
                  DataSourceExec
              UnionExec
                FilterExec
                  RepartitionExec
                    RepeatedRowsExec: passing=Alone, key=[batch_id]
                      ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                        DataSourceExec
                      ExportedRowsExec: table=batches, columns=[batch_id]
                        DataSourceExec
                FilterExec
                  ProjectionExec
                    BoundedWindowAggExec
                      SortExec
                        CompactExec
                          RepartitionExec
                            ProjectionExec
                              FilterExec
                                RepartitionExec
                                  RepeatedRowsExec: passing=Others, key=[batch_id]
                                    ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                      DataSourceExec
                                    ExportedRowsExec: table=batches, columns=[batch_id]
                                      DataSourceExec
              ExportedRowsExec: table=course_progress, columns=[user_id, batch_id, progress_percent, completed_at]
                DataSourceExec
              ExportedRowsExec: table=users, columns=[user_id]
                DataSourceExec
              ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name]
                DataSourceExec
              UnionExec
                FilterExec
                  RepartitionExec
                    RepeatedRowsExec: passing=Alone, key=[user_id]
                      ExportedRowsExec: table=users, columns=[user_id]
                        DataSourceExec
                      ExportedRowsExec: table=users, columns=[user_id]
                        DataSourceExec
                FilterExec
                  ProjectionExec
                    BoundedWindowAggExec
                      SortExec
                        CompactExec
                          RepartitionExec
                            ProjectionExec
                              FilterExec
                                RepartitionExec
                                  RepeatedRowsExec: passing=Others, key=[user_id]
                                    ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                                      DataSourceExec
                                    ExportedRowsExec: table=users, columns=[user_id]
                                      DataSourceExec
              UnionExec
                FilterExec
                  RepartitionExec
                    RepeatedRowsExec: passing=Alone, key=[user_id]
                      ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name]
                        DataSourceExec
                      ExportedRowsExec: table=users, columns=[user_id]
                        DataSourceExec
                FilterExec
                  ProjectionExec
                    BoundedWindowAggExec
                      SortExec
                        CompactExec
                          RepartitionExec
                            ProjectionExec
                              FilterExec
                                RepartitionExec
                                  RepeatedRowsExec: passing=Others, key=[user_id]
                                    ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                                      DataSourceExec
                                    ExportedRowsExec: table=users, columns=[user_id]
                                      DataSourceExec
    ");

    let one_batch = planned.of_batch();
    assert!(
        one_batch.contains(&format!("{ASSEMBLED}: batches=named")),
        "{one_batch}"
    );
    assert!(!above(&one_batch, ASSEMBLED).contains("FilterExec"), "{one_batch}");
    insta::assert_snapshot!(outline(&one_batch), @r#"
    ProjectionExec
      RepartitionExec
        ProjectionExec
          EnrolmentDetailsExec: batches=named, progress=true, users=[external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id], ordered=true, partitions=1, condition=batch_id = Utf8View("BATCH")
            ProjectionExec
              FilterExec
                ExportedRowsExec: table=enrolments, columns=[user_id, course_id, batch_id, enrolled_at, active]
                  RepartitionExec
                    DataSourceExec
            ProjectionExec
              UnionExec
                FilterExec
                  RepeatedRowsExec: passing=Alone, key=[batch_id]
                    ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                      RepartitionExec
                        DataSourceExec
                    ExportedRowsExec: table=batches, columns=[batch_id]
                      RepartitionExec
                        DataSourceExec
                FilterExec
                  ProjectionExec
                    BoundedWindowAggExec
                      SortExec
                        CompactExec
                          RepartitionExec
                            ProjectionExec
                              FilterExec
                                RepeatedRowsExec: passing=Others, key=[batch_id]
                                  ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                    RepartitionExec
                                      DataSourceExec
                                  ExportedRowsExec: table=batches, columns=[batch_id]
                                    RepartitionExec
                                      DataSourceExec
            ProjectionExec
              FilterExec
                ExportedRowsExec: table=course_progress, columns=[user_id, batch_id, progress_percent, completed_at]
                  RepartitionExec
                    DataSourceExec
            ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
              DataSourceExec
            UnionExec
              FilterExec
                RepartitionExec
                  RepeatedRowsExec: passing=Alone, key=[user_id]
                    ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                      DataSourceExec
                    ExportedRowsExec: table=users, columns=[user_id]
                      DataSourceExec
              FilterExec
                ProjectionExec
                  BoundedWindowAggExec
                    SortExec
                      CompactExec
                        RepartitionExec
                          ProjectionExec
                            FilterExec
                              RepartitionExec
                                RepeatedRowsExec: passing=Others, key=[user_id]
                                  ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                                    DataSourceExec
                                  ExportedRowsExec: table=users, columns=[user_id]
                                    DataSourceExec
    "#);
}

#[test]
fn the_report_view_is_read_from_the_mart_where_there_is_one() {
    let planned = Planned::over_mart();
    let by_tenant = planned.of_sql(BY_TENANT);
    assert!(
        above(&by_tenant, &format!("{OF_MART}: mart of 2026-11-22")).contains("AggregateExec"),
        "{by_tenant}"
    );
    assert!(
        by_tenant.contains("columns=[tenant_id, course_progress, completion_date]"),
        "{by_tenant}"
    );
    insta::assert_snapshot!(outline(&by_tenant), @r"
    ProjectionExec
      AggregateExec
        RepartitionExec
          AggregateExec
            ReportMartExec: mart of 2026-11-22, files=N, columns=[tenant_id, course_progress, completion_date]
    ");

    let in_order = planned.of_sql(IN_ORDER);
    is_in_order_above(&in_order, OF_MART);
    insta::assert_snapshot!(outline(&in_order), @r"
    ReportMartExec: mart of 2026-11-22, files=N, columns=[batch_id, course_id, tenant_id, external_id, user_id, user_name, email, mobile, organization_name, district_name, school_name, block_name, enrollment_date, course_progress, completion_date, known_user]
    ");

    let one_batch = planned.of_batch();
    assert!(one_batch.contains("condition=batch_id = "), "{one_batch}");
    insta::assert_snapshot!(outline(&one_batch), @r#"
    FilterExec
      RepartitionExec
        ReportMartExec: mart of 2026-11-22, files=N, columns=[batch_id, course_id, tenant_id, external_id, user_id, user_name, email, mobile, organization_name, district_name, school_name, block_name, enrollment_date, course_progress, completion_date, known_user], condition=batch_id = Utf8View("BATCH")
    "#);

    for plan in [&by_tenant, &in_order, &one_batch] {
        assert!(
            !plan.contains(ASSEMBLED) && !plan.contains("ExportedRowsExec"),
            "{plan}"
        );
    }
    // Nothing is read for a number that the manifest has.
    let count = planned.of_sql("select count(*) from course_progress_report");
    assert!(
        !count.contains(OF_MART) && count.contains("PlaceholderRowExec"),
        "{count}"
    );
}

#[test]
fn own_nodes_tell_how_many_rows_they_gave() {
    let planned = Planned::over_exports();
    let run = async {
        let session = &planned.catalog.session;
        let frame = session.sql("select * from download_ratio").await.expect("a query");
        let plan = frame.create_physical_plan().await.expect("a plan");
        let rows = collect(Arc::clone(&plan), session.task_ctx()).await;
        assert!(!rows.expect("rows").is_empty());
        let shown = DisplayableExecutionPlan::with_metrics(plan.as_ref());
        shown.indent(false).to_string()
    };
    let plan = planned.runtime.block_on(run);
    for node in ["CompactExec", "NoKeysExec", "RepeatedRowsExec", "ExportedRowsExec"] {
        let mut lines = plan.lines().filter(|line| line.trim_start().starts_with(node));
        let tells_rows = |line: &str| line.contains("output_rows=") && line.contains("elapsed_compute=");
        assert!(lines.any(tells_rows), "{node} in {plan}");
    }
}

#[test]
fn other_views_are_planned_as_they_were_reviewed() {
    let planned = Planned::over_exports();
    let ratio = planned.of_sql("select * from download_ratio");
    assert!(ratio.contains("AggregateExec") && ratio.contains("Join"), "{ratio}");
    insta::assert_snapshot!(outline(&ratio), @r"
    ProjectionExec
      ProjectionExec
        HashJoinExec
          CoalescePartitionsExec
            ProjectionExec
              ProjectionExec
                RepartitionExec
                  FilterExec
                    DataSourceExec
          ProjectionExec
            NoKeysExec
              ProjectionExec
                FilterExec
                  AggregateExec
                    RepartitionExec
                      AggregateExec
                        UnionExec
                          ProjectionExec
                            CrossJoinExec
                              ProjectionExec
                                FilterExec
                                  DataSourceExec
                              UnionExec
                                FilterExec
                                  RepartitionExec
                                    RepeatedRowsExec: passing=Alone, key=[batch_id]
                                      ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                                        DataSourceExec
                                      ExportedRowsExec: table=batches, columns=[batch_id]
                                        DataSourceExec
                                FilterExec
                                  ProjectionExec
                                    BoundedWindowAggExec
                                      SortExec
                                        CompactExec
                                          RepartitionExec
                                            ProjectionExec
                                              FilterExec
                                                RepartitionExec
                                                  RepeatedRowsExec: passing=Others, key=[batch_id]
                                                    ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                                      DataSourceExec
                                                    ExportedRowsExec: table=batches, columns=[batch_id]
                                                      DataSourceExec
                          ProjectionExec
                            ProjectionExec
                              HashJoinExec
                                ProjectionExec
                                  BoundedWindowAggExec
                                    SortPreservingMergeExec
                                      UnionExec
                                        SortExec
                                          CompactExec
                                            FilterExec
                                              RepartitionExec
                                                RepeatedRowsExec: passing=Alone, key=[batch_id]
                                                  ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                                                    DataSourceExec
                                                  ExportedRowsExec: table=batches, columns=[batch_id]
                                                    DataSourceExec
                                        FilterExec
                                          ProjectionExec
                                            BoundedWindowAggExec
                                              SortExec
                                                CompactExec
                                                  RepartitionExec
                                                    ProjectionExec
                                                      FilterExec
                                                        RepartitionExec
                                                          RepeatedRowsExec: passing=Others, key=[batch_id]
                                                            ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                                              DataSourceExec
                                                            ExportedRowsExec: table=batches, columns=[batch_id]
                                                              DataSourceExec
                                ProjectionExec
                                  AggregateExec
                                    RepartitionExec
                                      AggregateExec
                                        ProjectionExec
                                          NestedLoopJoinExec
                                            ProjectionExec
                                              CoalescePartitionsExec
                                                ProjectionExec
                                                  ProjectionExec
                                                    RepartitionExec
                                                      FilterExec
                                                        DataSourceExec
                                            ProjectionExec
                                              AggregateExec
                                                RepartitionExec
                                                  AggregateExec
                                                    ProjectionExec
                                                      ProjectionExec
                                                        HashJoinExec
                                                          ProjectionExec
                                                            BoundedWindowAggExec
                                                              SortPreservingMergeExec
                                                                UnionExec
                                                                  SortExec
                                                                    CompactExec
                                                                      FilterExec
                                                                        RepartitionExec
                                                                          RepeatedRowsExec: passing=Alone, key=[batch_id]
                                                                            ExportedRowsExec: table=batches, columns=[batch_id]
                                                                              DataSourceExec
                                                                            ExportedRowsExec: table=batches, columns=[batch_id]
                                                                              DataSourceExec
                                                                  FilterExec
                                                                    ProjectionExec
                                                                      BoundedWindowAggExec
                                                                        SortExec
                                                                          CompactExec
                                                                            RepartitionExec
                                                                              ProjectionExec
                                                                                FilterExec
                                                                                  RepartitionExec
                                                                                    RepeatedRowsExec: passing=Others, key=[batch_id]
                                                                                      ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                                                                                        DataSourceExec
                                                                                      ExportedRowsExec: table=batches, columns=[batch_id]
                                                                                        DataSourceExec
                                                          UnionExec
                                                            ProjectionExec
                                                              UnionExec
                                                                ProjectionExec
                                                                  FilterExec
                                                                    RepartitionExec
                                                                      RepeatedRowsExec: passing=Alone, key=[mid]
                                                                        ExportedRowsExec: table=download_events, columns=[mid, event_time, user_id, course_id, batch_id, tenant_id]
                                                                          DataSourceExec
                                                                        ExportedRowsExec: table=download_events, columns=[mid, event_time, user_id, batch_id]
                                                                          DataSourceExec
                                                                FilterExec
                                                                  ProjectionExec
                                                                    BoundedWindowAggExec
                                                                      SortExec
                                                                        CompactExec
                                                                          RepartitionExec
                                                                            MaterialisedWhenReadExec
                                                            ProjectionExec
                                                              FilterExec
                                                                NoKeysExec
                                                                  ProjectionExec
                                                                    AggregateExec
                                                                      ProjectionExec
                                                                        FilterExec
                                                                          ProjectionExec
                                                                            EmptyExec
                          ProjectionExec
                            RepartitionExec
                              ProjectionExec
                                FilterExec
                                  DataSourceExec
    ");

    let users = planned.of_sql("select * from distinct_users");
    assert!(users.contains("ExportedRowsExec: table=users"), "{users}");
    insta::assert_snapshot!(outline(&users), @r"
    UnionExec
      FilterExec
        RepartitionExec
          RepeatedRowsExec: passing=Alone, key=[user_id]
            ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
              DataSourceExec
            ExportedRowsExec: table=users, columns=[user_id]
              DataSourceExec
      FilterExec
        ProjectionExec
          BoundedWindowAggExec
            SortExec
              CompactExec
                RepartitionExec
                  ProjectionExec
                    FilterExec
                      RepartitionExec
                        RepeatedRowsExec: passing=Others, key=[user_id]
                          ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                            DataSourceExec
                          ExportedRowsExec: table=users, columns=[user_id]
                            DataSourceExec
    ");

    let of_tenant = planned.of_sql("select user_id, completed_at from enrolment_details where tenant_id = 't1'");
    assert!(!above(&of_tenant, ASSEMBLED).contains("FilterExec"), "{of_tenant}");
    assert!(of_tenant.contains("users=[]"), "{of_tenant}");
    insta::assert_snapshot!(outline(&of_tenant), @r#"
    EnrolmentDetailsExec: batches=matching, progress=true, users=[], ordered=true, partitions=1, condition=tenant_id = Utf8View("t1")
      ProjectionExec
        ExportedRowsExec: table=enrolments, columns=[user_id, course_id, batch_id, enrolled_at, active]
          DataSourceExec
      UnionExec
        FilterExec
          RepartitionExec
            RepeatedRowsExec: passing=Alone, key=[batch_id]
              ExportedRowsExec: table=batches, columns=[batch_id, course_id, tenant_id]
                DataSourceExec
              ExportedRowsExec: table=batches, columns=[batch_id]
                DataSourceExec
        FilterExec
          ProjectionExec
            BoundedWindowAggExec
              SortExec
                CompactExec
                  RepartitionExec
                    ProjectionExec
                      FilterExec
                        RepartitionExec
                          RepeatedRowsExec: passing=Others, key=[batch_id]
                            ExportedRowsExec: table=batches, columns=[batch_id, course_id, batch_name, tenant_id, created_by, mentors, start_date, end_date]
                              DataSourceExec
                            ExportedRowsExec: table=batches, columns=[batch_id]
                              DataSourceExec
      ExportedRowsExec: table=course_progress, columns=[user_id, batch_id, progress_percent, completed_at]
        DataSourceExec
      ExportedRowsExec: table=users, columns=[user_id]
        DataSourceExec
      UnionExec
        FilterExec
          RepartitionExec
            RepeatedRowsExec: passing=Alone, key=[user_id]
              ExportedRowsExec: table=users, columns=[user_id]
                DataSourceExec
              ExportedRowsExec: table=users, columns=[user_id]
                DataSourceExec
        FilterExec
          ProjectionExec
            BoundedWindowAggExec
              SortExec
                CompactExec
                  RepartitionExec
                    ProjectionExec
                      FilterExec
                        RepartitionExec
                          RepeatedRowsExec: passing=Others, key=[user_id]
                            ExportedRowsExec: table=users, columns=[user_id, external_id, first_name, last_name, email, mobile, organization_name, district_name, school_name, block_name, tenant_id]
                              DataSourceExec
                            ExportedRowsExec: table=users, columns=[user_id]
                              DataSourceExec
    "#);
}

/// Lessons of few subjects, notes of the same subjects, and the pupils of the lessons.
fn with_subjects() -> Planned {
    let numbers =
        |columns: &str, count: usize| format!("select {columns} from (select unnest(range(1, {})) as n)", count + 1);
    let exports = TestExports::small()
        .table("lessons", &numbers("n as pupil, n % 10 as subject", 1000))
        .table("notes", &numbers("n % 10 as subject, n as page", 1000))
        .table("pupils", &numbers("n as pupil", 5000));
    Planned::with(exports, None, &["lessons", "notes", "pupils"])
}

/// Ten subjects in a thousand rows each make a hundred thousand pairs. If all subjects were thought to differ, it would
/// be a thousand, and the join would be built from the pairs.
#[test]
fn joins_are_built_from_the_side_that_gives_fewer_rows() {
    let planned = with_subjects();
    let plan = planned.of_sql(
        "select count(*) from lessons, notes, pupils
            where lessons.subject = notes.subject and lessons.pupil = pupils.pupil",
    );
    let place = |table: &str| plan.find(&format!("ExportedRowsExec: table={table}")).expect(&plan);
    assert!(place("pupils") < place("lessons"), "{plan}");
    assert!(place("pupils") < place("notes"), "{plan}");
}

#[test]
fn few_keys_choose_rows_before_joins() {
    let planned = with_subjects();
    let plan = planned.of_sql(
        "select lessons.subject, page from lessons, notes, pupils
            where lessons.subject = notes.subject and lessons.pupil = pupils.pupil
            and pupils.pupil in (select pupil from lessons group by pupil having sum(subject) > 8)",
    );
    let place = |join: &str| plan.find(join).expect(&plan);
    assert!(place("join_type=Inner") < place("Semi"), "{plan}");
}

#[test]
fn estimates_of_values_answer_no_query() {
    let planned = with_subjects();
    for sql in [
        "select min(subject), max(subject) from lessons",
        "select count(subject) from lessons",
        "select count(distinct subject), count(distinct pupil) from lessons where subject >= 9 and pupil > 5000",
        "select count(distinct subject) from lessons where subject > 9",
    ] {
        let plan = planned.of_sql(sql);
        assert!(plan.contains("ExportedRowsExec: table=lessons"), "{sql}: {plan}");
    }
}
