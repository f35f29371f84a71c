//! The plan node that filters rows by whether they stand alone.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, BooleanArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::ReplaceChildrenOptions;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::{FutureExt, StreamExt, TryStreamExt};

use super::repeated_keys::{FoundKeys, KeySource, RepeatedKeys};
use super::{KeyColumns, Passing, Standing};
use crate::engine::compacted_stream::compacted_stream;
use crate::engine::measured_stream::counted;

/// The estimate for the planner: of this many rows, one is repeated or has neighbours.
const ROWS_PER_REPEATED: usize = 100;

/// Filters `rows` by how often their keys occur in `keys`.
#[derive(Debug, Clone)]
pub struct RepeatedRowsExec {
    schema: SchemaRef,
    rows: Arc<dyn ExecutionPlan>,
    keys: KeySource,
    repeated: Arc<RepeatedKeys>,
    filter: RepeatedRowsFilter,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

/// Which rows pass, and their columns.
#[derive(Debug, Clone)]
pub struct RepeatedRowsFilter {
    pub passing: Passing,
    /// Whether the filter is part of a statement, and not of a view. Where the keys of a statement may not fit into
    /// memory, all rows are ranked: none stands alone.
    pub is_of_statement: bool,
    /// The positions of the key's columns in the input.
    pub key: KeyColumns,
    /// The output columns.
    pub columns: Vec<OutputColumn>,
}

/// An output column.
#[derive(Debug, Clone, Copy)]
pub enum OutputColumn {
    /// An input column, by its position.
    Read(usize),
    /// Whether the row's key may be repeated.
    MayBeRepeated,
}

impl RepeatedRowsExec {
    /// Filters `rows`; the output has `schema`. The fingerprints of `keys` are kept in `repeated`.
    pub fn new(
        schema: SchemaRef,
        rows: Arc<dyn ExecutionPlan>,
        keys: KeySource,
        repeated: Arc<RepeatedKeys>,
        filter: RepeatedRowsFilter,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(rows.output_partitioning().partition_count()),
            rows.pipeline_behavior(),
            rows.boundedness(),
        );
        Self {
            schema,
            rows,
            keys,
            repeated,
            filter,
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::new(properties),
        }
    }
}

impl DisplayAs for RepeatedRowsExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let schema = self.rows.schema();
        let key = self
            .filter
            .key
            .repeated
            .iter()
            .map(|&column| schema.field(column).name().as_str());
        let key = key.collect::<Vec<_>>().join(", ");
        write!(f, "RepeatedRowsExec: passing={:?}, key=[{key}]", self.filter.passing)
    }
}

impl ExecutionPlan for RepeatedRowsExec {
    fn name(&self) -> &str {
        "RepeatedRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.rows, &self.keys.plan]
    }

    crate::engine::without_expressions!();

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Ok([rows, plan]) = <[_; 2]>::try_from(children) else {
            return internal_err!("RepeatedRowsExec reads rows and keys");
        };
        let keys = KeySource {
            plan,
            ..self.keys.clone()
        };
        let (repeated, filter) = (Arc::clone(&self.repeated), self.filter.clone());
        let schema = Arc::clone(&self.schema);
        Ok(Arc::new(Self::new(schema, rows, keys, repeated, filter)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Self {
            rows,
            keys,
            repeated,
            filter,
            ..
        } = self.clone();
        let (passing, schema) = (filter.passing, self.schema());
        let batch_size = context.session_config().batch_size();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let repeated_keys = MetricBuilder::new(&self.metrics).gauge("repeated_keys", partition);
        let compute = metrics.elapsed_compute().clone();
        let compacting = compute.clone();
        // Both parts of a table decide alike, as this depends only on the table and the memory limit of the query.
        let all_are_ranked = filter.is_of_statement && keys.may_not_fit(&context);
        let batches = async move {
            if all_are_ranked {
                return match passing {
                    Passing::Alone => Ok(futures::stream::empty().boxed()),
                    Passing::Others => Ok(rows
                        .execute(partition, context)?
                        .map(move |batch| filter.projected(&batch?, &schema, &[]))
                        .boxed()),
                };
            }
            let found = repeated.find(&keys, &context).await?;
            // Every partition gets all repeated keys, so only the first one reports their number.
            repeated_keys.set(if partition == 0 { found.repeated_keys() } else { 0 });
            if passing == Passing::Others && found.is_empty() {
                return Ok(futures::stream::empty().boxed());
            }
            let batches = rows.execute(partition, context)?;
            let filtered = batches.map(move |batch| {
                let _timer = compute.timer();
                filter.apply(&batch?, &schema, &found)
            });
            Ok::<_, DataFusionError>(filtered.boxed())
        };
        let batches = RecordBatchStreamAdapter::new(self.schema(), batches.into_stream().try_flatten());
        let passed: SendableRecordBatchStream = match passing {
            Passing::Alone => Box::pin(batches),
            // A few rows remain of each batch, so they are compacted.
            Passing::Others => compacted_stream(Box::pin(batches), batch_size, compacting),
        };
        Ok(counted(passed, metrics))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition), ChildStats::Skip]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let rows = inputs[0].num_rows.get_value().copied();
        let passing = rows.map(|rows| match self.filter.passing {
            Passing::Alone => rows,
            Passing::Others => rows / ROWS_PER_REPEATED,
        });
        let mut statistics = Statistics::new_unknown(&self.schema());
        statistics.num_rows = passing.map_or(Precision::Absent, Precision::Inexact);
        Ok(Arc::new(statistics))
    }
}

impl RepeatedRowsFilter {
    fn apply(&self, rows: &RecordBatch, schema: &SchemaRef, found: &FoundKeys) -> Result<RecordBatch> {
        if found.is_empty() && self.passing == Passing::Alone {
            return self.projected(rows, schema, &[]);
        }
        let standings = found.standings(rows, &self.key)?;
        let passes = |standing: &Standing| match self.passing {
            Passing::Alone => *standing == Standing::Alone,
            Passing::Others => *standing != Standing::Alone,
        };
        let passing: BooleanArray = standings.iter().map(|standing| Some(passes(standing))).collect();
        Ok(filter_record_batch(
            &self.projected(rows, schema, &standings)?,
            &passing,
        )?)
    }

    fn projected(&self, rows: &RecordBatch, schema: &SchemaRef, standings: &[Standing]) -> Result<RecordBatch> {
        let columns = self.columns.iter().map(|column| match column {
            OutputColumn::Read(column) => Arc::clone(rows.column(*column)),
            OutputColumn::MayBeRepeated => {
                let may_be_repeated = standings.iter().map(|standing| Some(*standing == Standing::Repeated));
                Arc::new(may_be_repeated.collect::<BooleanArray>()) as ArrayRef
            }
        });
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        Ok(RecordBatch::try_new_with_options(
            Arc::clone(schema),
            columns.collect(),
            &options,
        )?)
    }
}
