//! Security barrier: a user's predicates see only visible rows, so errors cannot leak hidden ones.
//!
//! Predicates that cannot fail, comparisons of a column with constants, are pushed below the barrier to keep reading
//! narrow (PostgreSQL calls such functions leakproof). EXPLAIN does not show the plan behind the barrier or its row
//! counts; EXPLAIN ANALYZE shows how many rows come out, which are visible ones.

use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result, Statistics};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::TableType;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown};
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use datafusion::prelude::col;
use futures::StreamExt;

use crate::engine::whole_plan;
use crate::exports::pushdown;

/// Wraps `rows` as a table behind a security barrier.
pub fn behind_barrier(rows: DataFrame) -> Arc<dyn TableProvider> {
    let schema = Arc::new(rows.schema().as_arrow().clone());
    Arc::new(Guarded {
        rows: rows.into_unoptimized_plan(),
        schema,
    })
}

struct Guarded {
    rows: LogicalPlan,
    schema: SchemaRef,
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Guarded").finish_non_exhaustive()
    }
}

impl Guarded {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut rows = LogicalPlanBuilder::from(self.rows.clone());
        let safe = filters.iter().filter(|filter| is_safe(filter)).map(unqualified);
        if let Some(condition) = conjunction(safe.collect::<Result<Vec<_>>>()?) {
            rows = rows.filter(condition)?;
        }
        if let Some(columns) = projection {
            let names = columns.iter().map(|column| {
                let name = self.schema.field(*column).name();
                col(format!("\"{}\"", name.replace('"', "\"\"")))
            });
            rows = rows.project(names.collect::<Vec<_>>())?;
        }
        if limit.is_some() {
            rows = rows.limit(0, limit)?;
        }
        let plan = whole_plan(session, &rows.build()?).await?;
        Ok(Arc::new(BarrierExec::new(plan)))
    }
}

impl TableProvider for Guarded {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    crate::scans::scan_in_own_future!(Guarded);

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| pushdown(filter)).collect())
    }
}

fn is_safe(filter: &Expr) -> bool {
    !matches!(pushdown(filter), TableProviderFilterPushDown::Unsupported)
}

/// The predicate over the bare column names, without the alias that the query gives the table.
fn unqualified(filter: &Expr) -> Result<Expr> {
    let bare = filter.clone().transform(|expr| {
        Ok(match expr {
            Expr::Column(column) => Transformed::yes(Expr::Column(Column::new_unqualified(column.name))),
            other => Transformed::no(other),
        })
    });
    Ok(bare?.data)
}

/// Runs a plan that optimizer rules and filters of other plans cannot reach into.
struct BarrierExec {
    plan: Arc<dyn ExecutionPlan>,
    metrics: ExecutionPlanMetricsSet,
}

impl BarrierExec {
    fn new(plan: Arc<dyn ExecutionPlan>) -> Self {
        Self {
            plan,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl fmt::Debug for BarrierExec {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("BarrierExec").finish_non_exhaustive()
    }
}

impl DisplayAs for BarrierExec {
    fn fmt_as(&self, _type: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("BarrierExec")
    }
}

impl ExecutionPlan for BarrierExec {
    fn name(&self) -> &str {
        "BarrierExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.plan.properties()
    }

    crate::engine::leaf!();

    /// Recursive queries run their plan repeatedly, which needs a fresh state.
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = reset_plan_states(Arc::clone(&self.plan))?;
        Ok(Arc::new(Self::new(plan)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut rows = self.plan.execute(partition, context)?;
        // Output bytes are not counted: hidden rows are in the same buffers, so the number would reveal them.
        let count = MetricBuilder::new(&self.metrics).output_rows(partition);
        let compute = MetricBuilder::new(&self.metrics).elapsed_compute(partition);
        let counted = futures::stream::poll_fn(move |task| {
            let _timer = compute.timer();
            let polled = rows.poll_next_unpin(task);
            if let Poll::Ready(Some(Ok(batch))) = &polled {
                count.add(batch.num_rows());
            }
            polled
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), counted)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn partition_statistics(&self, _partition: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }
}
