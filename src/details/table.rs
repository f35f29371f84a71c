//! `enrolment_details` as a table: its rows are assembled by [`EnrolmentDetailsExec`], or joined by its query where
//! that is better.

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Result, ScalarValue};
use datafusion::datasource::{TableType, provider_as_source};
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Expr, LogicalPlan, LogicalPlanBuilder, Operator, TableProviderFilterPushDown, col, lit,
};
use datafusion::physical_plan::ExecutionPlan;

use super::columns::{Wanted, details_schema, is_text_column};
use super::load::{columns_of, user_columns_with};
use super::node::{Asked, EnrolmentDetailsExec};
use super::planned::TablePlan;
use super::rows::ROW_BYTES;
use super::scope::NamedBatches;
use super::tenants::{TENANT_ID, TenantCondition};
use super::without_users;
use crate::engine::{planning_parts, scan_of_view};

/// The divisor of a memory limit that gives the bytes which assembled rows may take. Beyond, the query runs, whose joins
/// spill.
const SHARE_OF_MEMORY: u64 = 2;
/// The column that holds the id of a batch.
const BATCH_ID: &str = "batch_id";

/// The tables that rows are assembled from.
#[derive(Debug)]
pub struct Sources {
    pub enrolments: Arc<dyn TableProvider>,
    pub course_progress: Arc<dyn TableProvider>,
    /// Every listed batch once.
    pub batches: Arc<dyn TableProvider>,
    pub users: Arc<dyn TableProvider>,
    /// Every user once; read where `users` has an id more than once.
    pub distinct_users: Arc<dyn TableProvider>,
}

/// The table `enrolment_details`.
#[derive(Debug)]
pub struct EnrolmentDetails {
    sources: Sources,
    query: LogicalPlan,
    schema: SchemaRef,
    rows: u64,
    export_bytes: u64,
    temp_folder: PathBuf,
}

impl EnrolmentDetails {
    /// A table of about `rows` rows, which `query` gives too; the columns of the exports take `export_bytes` bytes.
    pub fn new(sources: Sources, query: LogicalPlan, rows: u64, export_bytes: u64, temp_folder: PathBuf) -> Self {
        Self {
            sources,
            query,
            schema: details_schema(),
            rows,
            export_bytes,
            temp_folder,
        }
    }

    /// Whether the rows in memory, with what is kept of users, would take too much of a limit.
    fn is_too_large(&self, session: &dyn Session, wanted: &Wanted) -> bool {
        let (row_bytes, of_users) = match wanted.is_about_users() {
            true => (ROW_BYTES, self.export_bytes),
            false => (without_users::ROW_BYTES, 0),
        };
        let needed = self.rows.saturating_mul(row_bytes as u64).saturating_add(of_users);
        match session.runtime_env().memory_pool.memory_limit() {
            MemoryLimit::Finite(limit) => needed > limit as u64 / SHARE_OF_MEMORY,
            _ => false,
        }
    }

    /// Whether the query finds the rows better than assembling all of these batches does. Conditions on users leave
    /// few rows of many batches; of few batches, those on a user's id alone do.
    fn is_for_the_query(
        &self,
        session: &dyn Session,
        wanted: &Wanted,
        batches: &NamedBatches,
        filters: &[Expr],
    ) -> bool {
        match batches {
            NamedBatches::All => filters.iter().any(is_about_user) || self.is_too_large(session, wanted),
            NamedBatches::Several | NamedBatches::One(_) => filters.iter().any(|filter| names(filter, "user_id")),
        }
    }

    /// The plans of the tables, of rows that meet the conditions on `batch_id`.
    async fn plans(
        &self,
        session: &dyn Session,
        wanted: &Wanted,
        batches: &NamedBatches,
        conditions: &[Expr],
    ) -> Result<Vec<TablePlan>> {
        let sources = &self.sources;
        let of_batches = |name: &'static str| TableScan {
            name,
            columns: match wanted.is_about_users() {
                true => columns_of(name).to_vec(),
                false => without_users::columns_for(name, wanted),
            },
            conditions,
            batch: batches.one(),
        };
        let mut plans = vec![
            of_batches("enrolments").plan(session, &sources.enrolments).await?,
            of_batches("distinct_batches").plan(session, &sources.batches).await?,
        ];
        if wanted.has_progress() {
            plans.push(
                of_batches("course_progress")
                    .plan(session, &sources.course_progress)
                    .await?,
            );
        }
        if !wanted.is_about_users() {
            return Ok(plans);
        }
        let mut of_users = Vec::new();
        let with_texts = user_columns_with(&wanted.texts());
        if *batches == NamedBatches::All {
            // Ids are read first; the other columns are read later, while other tables are.
            of_users.push(vec!["user_id"]);
        }
        if with_texts.len() > 1 || of_users.is_empty() {
            of_users.push(with_texts);
        }
        for (name, table) in [("users", &sources.users), ("distinct_users", &sources.distinct_users)] {
            for columns in of_users.clone() {
                let scan = TableScan {
                    name,
                    columns,
                    conditions: &[],
                    batch: None,
                };
                plans.push(scan.plan(session, table).await?);
            }
        }
        Ok(plans)
    }
}

/// Some columns of a table's rows.
struct TableScan<'a> {
    name: &'static str,
    columns: Vec<&'static str>,
    conditions: &'a [Expr],
    /// The only batch that meets the conditions.
    batch: Option<&'a str>,
}

impl TableScan<'_> {
    async fn plan(self, session: &dyn Session, table: &Arc<dyn TableProvider>) -> Result<TablePlan> {
        let mut rows = LogicalPlanBuilder::scan(self.name, provider_as_source(Arc::clone(table)), None)?;
        for condition in self.conditions {
            rows = rows.filter(condition.clone())?;
        }
        // Where all rows are of one batch, the condition gives its id, so the column is not read.
        let column = |&name: &&'static str| match (name, self.batch) {
            ("batch_id", Some(batch)) => lit(ScalarValue::Utf8View(Some(batch.to_owned()))).alias(name),
            _ => col(name),
        };
        let rows = rows.project(self.columns.iter().map(column))?.build()?;
        Ok(TablePlan {
            name: self.name.to_owned(),
            columns: self.columns.iter().map(|&name| name.to_owned()).collect(),
            // A visible part of the plan above, which is optimized with it.
            rows: planning_parts(session)?.create_physical_plan(&rows).await?,
        })
    }
}

impl EnrolmentDetails {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let conditions = those_of(filters, is_about_batch);
        let batches = named_batches(&conditions);
        let wanted = Wanted::at(projection.map(Vec::as_slice));
        if self.is_for_the_query(session, &wanted, &batches, filters) {
            return scan_of_view(session, &self.query, &self.schema, projection, filters).await;
        }
        let wanted = match batches {
            NamedBatches::All => wanted,
            NamedBatches::Several | NamedBatches::One(_) => wanted.reading_all_texts(),
        };
        let plans = self.plans(session, &wanted, &batches, &conditions).await?;
        let asked = Asked {
            wanted,
            batches,
            tenants: tenant_condition(filters, session)?,
            condition: conjunction(those_of(filters, is_met_here)).map(|condition| condition.to_string()),
            rows: self.rows,
            // A condition that is left above may need more rows.
            limit: limit.filter(|_| filters.iter().all(is_met_here)),
            temp_folder: self.temp_folder.clone(),
        };
        let partitions = asked.most_partitions().min(session.config().target_partitions());
        Ok(Arc::new(EnrolmentDetailsExec::try_new(
            plans,
            asked,
            partitions.max(1),
        )?))
    }
}

impl TableProvider for EnrolmentDetails {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    crate::scans::scan_in_own_future!(EnrolmentDetails);

    /// Conditions on batches or on their tenants leave the rows that meet them and no others; the other conditions choose
    /// the plan.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| {
            Ok(if filter.is_volatile() || has_subquery(filter)? {
                TableProviderFilterPushDown::Unsupported
            } else if is_about_batch(filter) || is_about(filter, TENANT_ID) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            })
        };
        filters.iter().map(support).collect()
    }
}

/// Whether a condition is about this column and nothing else.
fn is_about(filter: &Expr, name: &str) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty() && columns.iter().all(|column| column.name() == name)
}

/// Whether the rows of the tables are filtered by a condition.
fn is_about_batch(filter: &Expr) -> bool {
    is_about(filter, BATCH_ID)
}

/// Whether a condition is met by all batches of a tenant or by none. A constant is met by those of all tenants or of none:
/// rules may have made one of a condition since the table promised to meet it.
fn is_met_by_tenants(filter: &Expr) -> bool {
    filter.column_refs().iter().all(|column| column.name() == TENANT_ID)
}

/// Whether all rows of a scan meet a condition, so that it is not left to a filter above.
fn is_met_here(filter: &Expr) -> bool {
    is_about_batch(filter) || is_met_by_tenants(filter)
}

/// The conditions of a kind.
fn those_of(filters: &[Expr], is_of_kind: fn(&Expr) -> bool) -> Vec<Expr> {
    filters.iter().filter(|filter| is_of_kind(filter)).cloned().collect()
}

/// The condition that batches are chosen by, where there is one.
fn tenant_condition(filters: &[Expr], session: &dyn Session) -> Result<Option<TenantCondition>> {
    let conditions = those_of(filters, is_met_by_tenants);
    let named = conditions.iter().find_map(|condition| value_of(condition, TENANT_ID));
    let all = conjunction(conditions);
    all.map(|all| TenantCondition::new(all, named, session)).transpose()
}

fn has_subquery(filter: &Expr) -> Result<bool> {
    filter.exists(|expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)
        ))
    })
}

/// Whether a condition is about a user's id or texts.
fn is_about_user(filter: &Expr) -> bool {
    let is_text = |name: &str| is_text_column(name) || name == "user_id";
    filter.column_refs().iter().any(|column| is_text(column.name()))
}

/// Whether a condition is about this column, perhaps among others.
fn names(filter: &Expr, name: &str) -> bool {
    filter.column_refs().iter().any(|column| column.name() == name)
}

/// The batches that conditions on `batch_id` name: few where one of them is an equality or a list.
fn named_batches(conditions: &[Expr]) -> NamedBatches {
    match conditions.iter().find_map(|condition| value_of(condition, BATCH_ID)) {
        Some(id) => NamedBatches::One(id),
        None if conditions.iter().any(is_list) => NamedBatches::Several,
        None => NamedBatches::All,
    }
}

/// The text that an equality compares this column with.
fn value_of(condition: &Expr, name: &str) -> Option<String> {
    match condition {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) if is_column(left, name) => text_of(right),
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) if is_column(right, name) => text_of(left),
        _ => None,
    }
}

/// Whether a condition lists batch ids; the optimizer makes alternatives of a short list.
fn is_list(condition: &Expr) -> bool {
    match condition {
        Expr::InList(list) => !list.negated && is_column(&list.expr, BATCH_ID),
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => [left, right]
            .into_iter()
            .all(|side| value_of(side, BATCH_ID).is_some() || is_list(side)),
        _ => false,
    }
}

fn is_column(expr: &Expr, name: &str) -> bool {
    matches!(expr, Expr::Column(column) if column.name == name)
}

fn text_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Literal(value, _) => value.try_as_str().flatten().map(str::to_owned),
        _ => None,
    }
}
