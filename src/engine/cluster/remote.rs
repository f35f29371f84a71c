//! The plan node that runs its input on the cluster.

use std::fmt;
use std::sync::Arc;

use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::{FutureExt, TryStreamExt};

use super::Cluster;
use crate::engine::measured;

/// Submits `plan`, which has one partition, to the cluster and gives its rows.
#[derive(Debug, Clone)]
pub struct RemoteExec {
    pub plan: Arc<dyn ExecutionPlan>,
    cluster: Arc<Cluster>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl RemoteExec {
    /// Runs `plan`, which must have one partition, on `cluster`.
    pub fn new(plan: Arc<dyn ExecutionPlan>, cluster: Arc<Cluster>) -> Self {
        let mut order = EquivalenceProperties::new(plan.schema());
        if let Some(ordering) = plan.properties().output_ordering() {
            order.add_ordering(ordering.iter().cloned());
        }
        let partitions = Partitioning::UnknownPartitioning(1);
        let properties = PlanProperties::new(order, partitions, EmissionType::Final, Boundedness::Bounded);
        Self {
            plan,
            cluster,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn over(&self, plan: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(plan, Arc::clone(&self.cluster))
    }
}

impl DisplayAs for RemoteExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "RemoteExec: scheduler={}", self.cluster.scheduler())
    }
}

impl ExecutionPlan for RemoteExec {
    fn name(&self) -> &str {
        "RemoteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    // The input runs on the cluster; it is a child so that EXPLAIN shows it.
    crate::engine::one_input!(plan);

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("RemoteExec has one partition, not {}", partition + 1);
        }
        let Self { plan, cluster, .. } = self.clone();
        let schema = plan.schema();
        let rows = async move { cluster.run(plan, cluster.codec(), context.session_config()).await };
        let rows = rows.into_stream().try_flatten();
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        // The time is that of this process, without the executors'.
        Ok(measured(rows, BaselineMetrics::new(&self.metrics, partition)))
    }

    crate::engine::statistics_of_input!();
}
