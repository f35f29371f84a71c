//! An optimizer rule that compacts rows before they are sorted.
//!
//! Rows that come out of joins, filters and exchanges refer to large buffers of which they use little. A sort reserves
//! all of these buffers for each batch, up to ten times what the rows need, and each batch that it gives refers to the
//! buffers of all its inputs.

use std::fmt;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::{CardinalityEffect, ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

use super::compacted_stream::compacted_stream;
use super::measured_stream::counted;

/// Puts a [`CompactExec`] below each sort without a limit; a top-k sort keeps few rows and does not need it.
#[derive(Debug)]
pub struct CompactBeforeSort;

impl PhysicalOptimizerRule for CompactBeforeSort {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let with_compaction = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<SortExec>() {
            Some(sort) if sort.fetch().is_none() => {
                let input = Arc::new(CompactExec::new(Arc::clone(sort.input())));
                let keep = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Keep);
                Ok(Transformed::yes(plan.replace_children(vec![input], keep)?))
            }
            _ => Ok(Transformed::no(plan)),
        };
        plan.transform_up(with_compaction).data()
    }

    fn name(&self) -> &str {
        "compact_before_sort"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// A plan node that copies its input's rows into batches with buffers of their own.
#[derive(Debug)]
pub struct CompactExec {
    rows: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

impl CompactExec {
    /// A node above `rows`.
    pub fn new(rows: Arc<dyn ExecutionPlan>) -> Self {
        Self {
            rows,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn over(&self, rows: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(rows)
    }
}

impl DisplayAs for CompactExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("CompactExec")
    }
}

impl ExecutionPlan for CompactExec {
    fn name(&self) -> &str {
        "CompactExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.rows.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    crate::engine::one_input!(rows);

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows_a_batch = context.session_config().batch_size();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let compute = metrics.elapsed_compute().clone();
        let compacted = compacted_stream(self.rows.execute(partition, context)?, rows_a_batch, compute);
        Ok(counted(compacted, metrics))
    }

    crate::engine::statistics_of_input!();

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}
