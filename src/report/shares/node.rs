//! The plan node of `enrolment_details` on a cluster: its children are exchanges, which bring all rows of a part to one
//! task, and it assembles them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result, internal_err, project_schema};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{Distribution, EquivalenceProperties};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements, Partitioning,
    PlanProperties,
};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use super::super::error::ReportError;
use super::tables::TaskTables;
use super::{AllUsers, EXCHANGED, Recipe};
use crate::details::{Assembly, Batches, Scope, assemble, details_schema, listed_batches};
use crate::engine::{EngineError, measured};

/// Assembles rows of `enrolment_details`: each partition the parts in the same partition of the exchanged tables, one
/// after the other, so that its rows are ordered by batch and user.
#[derive(Clone)]
pub struct ExchangedDetailsExec {
    /// The plans of [`EXCHANGED`], all partitioned by part: a part is in one partition.
    exchanged: [Arc<dyn ExecutionPlan>; 3],
    /// What a task needs beside the exchanged rows.
    pub recipe: Arc<Recipe>,
    /// The wanted columns, as positions among those of `enrolment_details`.
    pub columns: Vec<usize>,
    /// Folder of a task's temporary files; set on executors only.
    folder: Option<PathBuf>,
    /// All users, read once for all partitions of a task.
    all_users: Arc<OnceCell<AllUsers>>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

impl ExchangedDetailsExec {
    /// A node over these exchanges. `folder` is an executor's folder of temporary files.
    ///
    /// # Errors
    /// Where the table has no such columns.
    pub fn try_new(
        exchanged: [Arc<dyn ExecutionPlan>; 3],
        recipe: Arc<Recipe>,
        columns: Vec<usize>,
        folder: Option<PathBuf>,
    ) -> Result<Self> {
        let partitions = exchanged[0].output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(project_schema(&details_schema(), Some(&columns))?),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            exchanged,
            recipe,
            columns,
            folder,
            all_users: Arc::default(),
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::new(properties),
        })
    }

    /// Assembles the parts of one partition, with all columns.
    ///
    /// # Errors
    /// The exchanged rows or the users cannot be read, the memory limit does not suffice, or this process is no executor.
    pub async fn assemble(&self, partition: usize, context: &Arc<TaskContext>) -> Result<Assembly, ReportError> {
        let folder = self.folder.clone();
        let folder = folder.ok_or(EngineError::Lost("folder of an executor"))?;
        let tables = TaskTables::new(&self.recipe, &self.exchanged, partition, context, folder)?;
        let all_users = self
            .all_users
            .get_or_try_init(|| self.recipe.all_users(&tables, context))
            .await?;
        let listed = listed_batches(&tables, Scope::Everything).await?;
        let batches = Batches::within(listed, Arc::clone(&self.recipe.bounds));
        let parts = 0..batches.part_count();
        Ok(assemble(&tables, Scope::Everything, all_users, batches, parts).await?)
    }
}

impl fmt::Debug for ExchangedDetailsExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExchangedDetailsExec")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

impl DisplayAs for ExchangedDetailsExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let parts = self.recipe.bounds.part_count();
        write!(f, "ExchangedDetailsExec: parts={parts}, columns={:?}", self.columns)
    }
}

impl ExecutionPlan for ExchangedDetailsExec {
    fn name(&self) -> &str {
        "ExchangedDetailsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.exchanged.iter().collect()
    }

    /// The inputs are partitioned alike by their exchanges, so partition N of each input belongs to task N.
    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::UnspecifiedDistribution; EXCHANGED.len()])
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; EXCHANGED.len()]
    }

    crate::engine::without_expressions!();

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok(exchanged) = <[_; 3]>::try_from(children) else {
            return internal_err!("ExchangedDetailsExec has three inputs");
        };
        let Self {
            recipe,
            columns,
            folder,
            ..
        } = Arc::unwrap_or_clone(self);
        Ok(Arc::new(Self::try_new(exchanged, recipe, columns, folder)?))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let details = self.clone();
        let rows = async move {
            let assembly = details.assemble(partition, &context).await;
            let assembly = assembly.map_err(|error| DataFusionError::External(Box::new(error)))?;
            let parts = futures::stream::iter(assembly.details());
            let rows = parts.flat_map(move |part| part.execute(Arc::clone(&context)));
            Ok::<_, DataFusionError>(rows.map(move |rows| projected(&rows?, &details.columns)))
        };
        let rows = futures::stream::once(rows).try_flatten();
        let rows = Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows));
        Ok(measured(rows, BaselineMetrics::new(&self.metrics, partition)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

fn projected(rows: &RecordBatch, columns: &[usize]) -> Result<RecordBatch> {
    Ok(rows.project(columns)?)
}
