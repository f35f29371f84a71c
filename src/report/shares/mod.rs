//! Distributes the reports of all batches over the tasks of a cluster.
//!
//! An exchange partitions the enrolments, progress and batches by the number of their part, so that one task gets all
//! rows of a part. The task assembles its parts as a single process does ([`crate::details`]), so the rows and the
//! files made of them are the same. Users are not exchanged: every task reads the whole export itself.

mod part_number;
mod rows_to_come;
mod tables;

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result as EngineResult, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryLimit;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{ExecutionPlan, Partitioning};
use datafusion::prelude::{col, lit};
use tokio::sync::OnceCell;

pub use part_number::part_number;
pub use rows_to_come::{RowsToCome, RowsToComeNode};

use super::all::{ALL_REPORTS, ReportGroup};
use super::error::ReportError;
use super::memory_groups;
use crate::catalog::Catalog;
pub use crate::details::{AllUsers, Bounds, TablePlan};
use crate::details::{
    Batches, DetailsPlace, Scope, USER_TABLES, assemble, batches_in_parts, columns_of, details_schema, listed_batches,
    user_columns,
};
use crate::engine::EngineError;
use crate::engine::cluster::remote_plan;
use rows_to_come::TableToCome;
use tables::TaskTables;

/// The column of exchanged rows with the number of their part.
const PART: &str = "part";
/// The tables that are exchanged; a task reads one partition of each.
pub const EXCHANGED: [&str; 3] = ["enrolments", "course_progress", "distinct_batches"];

/// The distributed work.
pub struct SharedOut {
    /// The plans of [`EXCHANGED`], all partitioned by part: a part is in one partition.
    pub exchanged: [Arc<dyn ExecutionPlan>; 3],
    /// What each task does with its rows.
    pub recipe: Recipe,
}

/// What a task needs for its parts, beside the exchanged rows.
#[derive(Debug, Clone)]
pub struct Recipe {
    /// The tables that every task reads whole.
    pub tables: Vec<TablePlan>,
    /// The plan of the report rows over [`RowsToCome`].
    pub reports: Arc<dyn ExecutionPlan>,
    /// The bounds of the parts.
    pub bounds: Arc<Bounds>,
    /// The estimated bytes of memory for the details of users.
    pub details_bytes: usize,
}

/// The resources of a task.
#[derive(Clone)]
pub struct Workplace {
    /// The engine's resources: memory pool, temporary files, settings.
    pub context: Arc<TaskContext>,
    /// Folder of temporary files.
    pub folder: PathBuf,
    /// All users, read once for all partitions of a task.
    pub all_users: Arc<OnceCell<AllUsers>>,
}

/// Plans the reports of all batches in `partitions` partitions.
///
/// # Errors
/// A query cannot be planned, or the batches cannot be read.
pub async fn share_out(catalog: &Catalog, partitions: usize) -> Result<SharedOut, ReportError> {
    let bounds = batches_in_parts(catalog, catalog.rows_to_report())
        .await?
        .bounds()
        .clone();
    let [enrolments, progress, batches] = EXCHANGED;
    let exchanged = [
        exchanged(catalog, enrolments, &bounds, partitions).await?,
        exchanged(catalog, progress, &bounds, partitions).await?,
        exchanged(catalog, batches, &bounds, partitions).await?,
    ];
    let mut tables = Vec::new();
    for table in USER_TABLES {
        // Ids are read first; all columns are read later, while other tables are.
        for columns in [vec!["user_id"], user_columns().collect()] {
            let rows = columns_of_table(catalog, table, &columns).await?;
            tables.push(TablePlan {
                name: table.to_owned(),
                columns: columns.into_iter().map(str::to_owned).collect(),
                rows: remote_plan(rows, "table users").await?,
            });
        }
    }
    let recipe = Recipe {
        tables,
        reports: reports_to_come(catalog).await?,
        bounds: Arc::new(bounds),
        details_bytes: memory_groups::bytes_of_details(catalog),
    };
    Ok(SharedOut { exchanged, recipe })
}

/// The rows of a table with the number of their part, exchanged by it.
async fn exchanged(
    catalog: &Catalog,
    table: &'static str,
    bounds: &Bounds,
    partitions: usize,
) -> Result<Arc<dyn ExecutionPlan>, ReportError> {
    let failed = || EngineError::running(format!("rows of {table}"));
    let rows = columns_of_table(catalog, table, columns_of(table)).await?;
    let last_ids: Vec<ScalarValue> = bounds.last_ids().iter().map(|id| id.as_str().into()).collect();
    let last_ids = ScalarValue::List(ScalarValue::new_list_nullable(&last_ids, &DataType::Utf8));
    let rows = rows
        .filter(col("batch_id").is_not_null())
        .and_then(|rows| rows.with_column(PART, part_number().call(vec![col("batch_id"), lit(last_ids)])))
        .map_err(failed())?;
    let rows = remote_plan(rows, table).await?;
    let part = rows.schema().index_of(PART).map_err(ReportError::from)?;
    let by_part = Partitioning::Hash(vec![Arc::new(Column::new(PART, part))], partitions);
    let exchange = RepartitionExec::try_new(rows, by_part).map_err(failed())?;
    Ok(Arc::new(exchange))
}

async fn columns_of_table(catalog: &Catalog, table: &str, columns: &[&str]) -> Result<DataFrame, ReportError> {
    let rows = catalog.session.table(table).await;
    let rows = rows.and_then(|rows| rows.select_columns(columns));
    Ok(rows.map_err(EngineError::running(format!("rows of {table}")))?)
}

/// The plan of the report rows over details that a task will assemble.
async fn reports_to_come(catalog: &Catalog) -> Result<Arc<dyn ExecutionPlan>, ReportError> {
    let to_come = Arc::new(TableToCome::new(details_schema()));
    let rows = catalog
        .query_over("reports/course_progress_report", "enrolment_details", to_come)
        .await?;
    let plan = rows.create_physical_plan().await;
    Ok(plan.map_err(EngineError::running(ALL_REPORTS))?)
}

/// The plan of the report rows over the details that a task has assembled.
fn over_details(
    reports: Arc<dyn ExecutionPlan>,
    details: Vec<Arc<dyn PartitionStream>>,
) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let replaced = reports.transform_up(|node| match node.downcast_ref::<RowsToCome>() {
        None => Ok(Transformed::no(node)),
        Some(to_come) => {
            let (schema, columns) = (details_schema(), Some(&to_come.columns));
            let rows = StreamingTableExec::try_new(schema, details.clone(), columns, [], false, None)?;
            Ok(Transformed::yes(Arc::new(rows)))
        }
    });
    replaced.data()
}

impl Recipe {
    /// Assembles the parts of one partition from the exchanged rows of the same partition.
    ///
    /// # Errors
    /// The exchanged rows or the users cannot be read, or the memory limit does not suffice.
    pub async fn share(
        &self,
        exchanged: &[Arc<dyn ExecutionPlan>; 3],
        partition: usize,
        workplace: &Workplace,
    ) -> Result<ReportGroup, ReportError> {
        let tables = TaskTables::new(self, exchanged, partition, workplace)?;
        let all_users = workplace
            .all_users
            .get_or_try_init(|| self.all_users(&tables, &workplace.context))
            .await?;
        let listed = listed_batches(&tables, Scope::Everything).await?;
        let batches = Batches::within(listed, Arc::clone(&self.bounds));
        let parts = 0..batches.part_count();
        let assembly = assemble(&tables, Scope::Everything, all_users, batches, parts).await?;
        let reports = over_details(Arc::clone(&self.reports), assembly.details());
        let reports = reports.map_err(EngineError::running(ALL_REPORTS))?;
        Ok(ReportGroup::over(
            assembly.into(),
            reports,
            Arc::clone(&workplace.context),
        ))
    }

    async fn all_users(&self, tables: &TaskTables<'_>, context: &TaskContext) -> Result<AllUsers, ReportError> {
        let all_users = AllUsers::read(tables).await?;
        Ok(all_users.with_details_in(self.details_place(context)))
    }

    fn details_place(&self, context: &TaskContext) -> DetailsPlace {
        match context.memory_pool().memory_limit() {
            MemoryLimit::Finite(limit) if self.details_bytes > limit / 2 => DetailsPlace::TemporaryFile,
            _ => DetailsPlace::Memory,
        }
    }
}
