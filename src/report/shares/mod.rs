//! Distributes the reports of all batches over the tasks of a cluster.
//!
//! An exchange partitions the enrolments, progress and batches by the number of their part, so that one task gets all
//! rows of a part. The task assembles its parts as a single process does ([`crate::details`]), so the rows and the
//! files made of them are the same: a node over the exchanges does it (`node`), in the plan of the report query. Users
//! are not exchanged: every task reads the whole export itself.

mod codec;
mod node;
mod part_number;
mod tables;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::MemTable;
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

pub use codec::ExchangedDetailsNode;
pub use part_number::part_number;

use super::all::{ALL_REPORTS, ReportGroup};
use super::error::ReportError;
use super::memory_groups;
use crate::catalog::Catalog;
use crate::details::{
    AllUsers, Bounds, DetailsPlace, TablePlan, USER_TABLES, batches_in_parts, columns_of, details_schema, user_columns,
};
use crate::engine::EngineError;
use crate::engine::cluster::remote_plan;
use node::ExchangedDetailsExec;
use tables::TaskTables;

/// The column of exchanged rows with the number of their part.
const PART: &str = "part";
/// The tables that are exchanged; a task reads one partition of each.
const EXCHANGED: [&str; 3] = ["enrolments", "course_progress", "distinct_batches"];

/// The distributed work.
pub struct SharedOut {
    /// The plan of the report rows, over the exchanges of the tables that they are assembled from.
    pub reports: Arc<dyn ExecutionPlan>,
    /// The number of sections of all parts.
    pub section_count: usize,
}

/// What a task needs for its parts, beside the exchanged rows.
#[derive(Debug, Clone)]
struct Recipe {
    /// The tables that every task reads whole.
    tables: Vec<TablePlan>,
    /// The bounds of the parts.
    bounds: Arc<Bounds>,
    /// The estimated bytes of memory for the details of users.
    details_bytes: usize,
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
    let section_count = bounds.section_count();
    let recipe = Recipe {
        tables,
        bounds: Arc::new(bounds),
        details_bytes: memory_groups::bytes_of_details(catalog),
    };
    let reports = reports_over(catalog, exchanged, Arc::new(recipe)).await?;
    Ok(SharedOut { reports, section_count })
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

/// The plan of the report rows over the details that tasks assemble from exchanged rows.
///
/// It is planned over an empty table, which the node then takes the place of: the optimizer removes exchanges that no
/// operator asks for, and knows nothing of parts.
async fn reports_over(
    catalog: &Catalog,
    exchanged: [Arc<dyn ExecutionPlan>; 3],
    recipe: Arc<Recipe>,
) -> Result<Arc<dyn ExecutionPlan>, ReportError> {
    let failed = || EngineError::running(ALL_REPORTS);
    let empty = MemTable::try_new(details_schema(), vec![Vec::new()]).map_err(failed())?;
    let rows = catalog
        .query_over("reports/course_progress_report", "enrolment_details", Arc::new(empty))
        .await?;
    let plan = rows.create_physical_plan().await.map_err(failed())?;
    let plan = plan.transform_up(|node| {
        if !node.children().is_empty() {
            return Ok(Transformed::no(node));
        }
        let (schema, all) = (node.schema(), details_schema());
        let columns = schema.fields().iter().map(|field| all.index_of(field.name()));
        let columns = columns.collect::<Result<Vec<usize>, _>>()?;
        let details = ExchangedDetailsExec::try_new(exchanged.clone(), Arc::clone(&recipe), columns, None)?;
        Ok(Transformed::yes(Arc::new(details)))
    });
    Ok(plan.data().map_err(failed())?)
}

/// The node that assembles the details of a plan of [`share_out`].
fn details_of(reports: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
    match reports.is::<ExchangedDetailsExec>() {
        true => Some(Arc::clone(reports)),
        false => reports.children().into_iter().find_map(details_of),
    }
}

/// The plan of the report rows over the details that a task has assembled.
fn over_details(
    reports: Arc<dyn ExecutionPlan>,
    details: Vec<Arc<dyn PartitionStream>>,
) -> EngineResult<Arc<dyn ExecutionPlan>> {
    let replaced = reports.transform_up(|node| match node.downcast_ref::<ExchangedDetailsExec>() {
        None => Ok(Transformed::no(node)),
        Some(exchanged) => {
            let (schema, columns) = (details_schema(), Some(&exchanged.columns));
            let rows = StreamingTableExec::try_new(schema, details.clone(), columns, [], false, None)?;
            Ok(Transformed::yes(Arc::new(rows)))
        }
    });
    replaced.data()
}

/// The reports of one partition of a plan of [`share_out`]. Its parts are assembled here rather than by running the plan,
/// because a run takes their fingerprints before it reads rows, and chooses sections.
///
/// # Errors
/// The exchanged rows or the users cannot be read, or the memory limit does not suffice.
pub async fn share(
    reports: &Arc<dyn ExecutionPlan>,
    partition: usize,
    context: &Arc<TaskContext>,
) -> Result<ReportGroup, ReportError> {
    let node = details_of(reports).ok_or(EngineError::Lost("plan of the details"))?;
    let details = node.downcast_ref::<ExchangedDetailsExec>();
    let details = details.ok_or(EngineError::Lost("plan of the details"))?;
    let assembly = details.assemble(partition, context).await?;
    let rows = over_details(Arc::clone(reports), assembly.details());
    let rows = rows.map_err(EngineError::running(ALL_REPORTS))?;
    Ok(ReportGroup::over(assembly.into(), rows, Arc::clone(context)))
}

impl Recipe {
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
