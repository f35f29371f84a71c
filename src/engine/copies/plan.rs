//! The plan node that lets pass the rows that stand alone, or those that have neighbours, or copies.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PhysicalExpr, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};

use super::repeated::{FoundKeys, KeySource, RepeatedKeys};
use super::{KeyColumns, Standing};

/// What the planner is told: copies and neighbours are rare.
const ROWS_PER_COPY: usize = 100;

/// Filters `rows` by how often their keys stand in `keys`.
#[derive(Debug, Clone)]
pub struct CopiesExec {
    rows: Arc<dyn ExecutionPlan>,
    keys: KeySource,
    repeated: Arc<RepeatedKeys>,
    filter: CopiesFilter,
    properties: Arc<PlanProperties>,
}

/// Which rows pass, and what is seen of them.
#[derive(Debug, Clone)]
pub struct CopiesFilter {
    pub kept: Standing,
    /// The key's columns among those that are read.
    pub key: KeyColumns,
    /// The columns that are given, among those that are read.
    pub columns: Vec<usize>,
}

impl CopiesExec {
    /// Gives columns of `rows`. What is found out about `keys` is kept in `repeated`.
    pub fn try_new(
        rows: Arc<dyn ExecutionPlan>,
        keys: KeySource,
        repeated: Arc<RepeatedKeys>,
        filter: CopiesFilter,
    ) -> Result<Self> {
        let schema = Arc::new(rows.schema().project(&filter.columns)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(rows.output_partitioning().partition_count()),
            rows.pipeline_behavior(),
            rows.boundedness(),
        );
        Ok(Self {
            rows,
            keys,
            repeated,
            filter,
            properties: Arc::new(properties),
        })
    }
}

impl DisplayAs for CopiesExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CopiesExec: kept={:?}", self.filter.kept)
    }
}

impl ExecutionPlan for CopiesExec {
    fn name(&self) -> &str {
        "CopiesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.rows, &self.keys.plan]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([rows, plan]) = <[_; 2]>::try_from(children) else {
            return internal_err!("CopiesExec reads rows and keys");
        };
        let keys = KeySource {
            plan,
            ..self.keys.clone()
        };
        let (repeated, filter) = (Arc::clone(&self.repeated), self.filter.clone());
        Ok(Arc::new(Self::try_new(rows, keys, repeated, filter)?))
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Self {
            rows,
            keys,
            repeated,
            filter,
            ..
        } = self.clone();
        let batches = futures::stream::once(async move {
            let found = repeated.find(&keys, &context).await?;
            if found.has_none(filter.kept) {
                return Ok(futures::stream::empty().boxed());
            }
            let batches = rows.execute(partition, context)?;
            Ok::<_, datafusion::error::DataFusionError>(batches.map(move |batch| filter.apply(&batch?, &found)).boxed())
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            self.schema(),
            batches.try_flatten(),
        )))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition), ChildStats::Skip]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let rows = inputs[0].num_rows.get_value().copied();
        let passing = rows.map(|rows| match self.filter.kept {
            Standing::Alone => rows,
            Standing::Neighbour | Standing::Copy => rows / ROWS_PER_COPY,
        });
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = passing.map_or(Precision::Absent, Precision::Inexact);
        Ok(Arc::new(statistics))
    }
}

impl CopiesFilter {
    fn apply(&self, rows: &RecordBatch, found: &FoundKeys) -> Result<RecordBatch> {
        let given = rows.project(&self.columns)?;
        let has_missing = self
            .key
            .copies
            .iter()
            .any(|&column| rows.column(column).null_count() > 0);
        if found.is_empty() && self.kept == Standing::Alone && !has_missing {
            return Ok(given);
        }
        let passing: BooleanArray = found
            .standings(rows, &self.key)?
            .into_iter()
            .map(|standing| Some(standing == Some(self.kept)))
            .collect();
        let kept = filter_record_batch(&given, &passing)?;
        match self.kept {
            Standing::Alone => Ok(kept),
            Standing::Neighbour | Standing::Copy => without_pages(&kept),
        }
    }
}

/// Texts are views into the pages that were read; copying the few that are kept lets go of the pages.
fn without_pages(rows: &RecordBatch) -> Result<RecordBatch> {
    let columns = rows.columns().iter().map(|column| match column.as_string_view_opt() {
        Some(texts) => Arc::new(texts.gc()) as ArrayRef,
        None => Arc::clone(column),
    });
    let schema: SchemaRef = rows.schema();
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(schema, columns.collect(), &options)?)
}
