//! The table of rows that are materialised when they are first read, and its plan node.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, project_schema};
use datafusion::datasource::TableType;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, SpillMetrics};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::{StreamExt, TryStreamExt};

use super::materialised::MaterialisedRows;
use super::measured_stream::measured;
use crate::plan_nodes::column_names;

/// The table of rows that are materialised when they are first read.
#[derive(Debug)]
pub struct MaterialisedWhenRead {
    rows: Arc<MaterialisedRows>,
    partitions: usize,
}

impl MaterialisedWhenRead {
    /// A table of `rows` in `partitions` partitions.
    pub fn new(rows: MaterialisedRows, partitions: usize) -> Self {
        Self {
            rows: Arc::new(rows),
            partitions,
        }
    }

    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(self.rows.schema(), projection)?;
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(self.partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Arc::new(MaterialisedWhenReadExec {
            rows: Arc::clone(&self.rows),
            partitions: self.partitions,
            projection: projection.cloned(),
            schema,
            properties: Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative)),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }
}

impl TableProvider for MaterialisedWhenRead {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.rows.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    crate::scans::scan_in_own_future!(MaterialisedWhenRead);
}

/// Gives some columns of materialised rows. Partition i of n reads the files i, i + n, i + 2n and so on. The first
/// partition that is polled runs the query, which writes the files.
#[derive(Debug)]
struct MaterialisedWhenReadExec {
    rows: Arc<MaterialisedRows>,
    partitions: usize,
    projection: Option<Vec<usize>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl DisplayAs for MaterialisedWhenReadExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let names = column_names(&self.schema);
        write!(
            f,
            "MaterialisedWhenReadExec: columns=[{names}], partitions={}",
            self.partitions
        )
    }
}

impl ExecutionPlan for MaterialisedWhenReadExec {
    fn name(&self) -> &str {
        "MaterialisedWhenReadExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    crate::engine::leaf!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (rows, partitions, projection) = (Arc::clone(&self.rows), self.partitions, self.projection.clone());
        let spilled = SpillMetrics::new(&self.metrics, partition);
        let batches = futures::stream::once(async move {
            let files = rows.files(&context).await?;
            let mut streams = Vec::new();
            for file in files.iter().skip(partition).step_by(partitions) {
                streams.push(file.read_in_node(projection.as_deref(), &context, &spilled)?);
            }
            Ok::<_, DataFusionError>(futures::stream::iter(streams).flatten())
        });
        let schema = Arc::clone(&self.schema);
        let batches = Box::pin(RecordBatchStreamAdapter::new(schema, batches.try_flatten()));
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        Ok(make_cooperative(measured(batches, metrics)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

#[cfg(test)]
mod tests {
    use bytesize::ByteSize;
    use datafusion::arrow::array::RecordBatch;

    use super::*;
    use crate::engine::{EngineOptions, materialised, new_session};

    #[tokio::test]
    async fn a_reading_takes_its_columns_and_tells_what_was_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = new_session(&EngineOptions {
            threads: std::num::NonZeroUsize::new(2),
            memory_limit: Some(ByteSize::mib(256)),
            temp_dir: folder.path().to_owned(),
            cluster: None,
        })
        .expect("a session");
        let rows = session
            .sql("select value as number, 'text ' || cast(value as varchar) as label from range(1, 20001)")
            .await;
        let table = materialised(rows.expect("a plan"), 2);
        for (columns, names) in [(vec![1], vec!["label"]), (vec![0], vec!["number"]), (vec![], vec![])] {
            let plan = table.scan(&session.state(), Some(&columns), &[], None).await;
            let plan = plan.expect("a plan");
            let rows = datafusion::physical_plan::collect(Arc::clone(&plan), session.task_ctx()).await;
            let rows = rows.expect("rows");
            let schema = rows[0].schema();
            let given: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            assert_eq!(given, names);
            assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 20_000);
            let metrics = plan.metrics().expect("metrics");
            assert_eq!(
                (metrics.output_rows(), metrics.spilled_rows()),
                (Some(20_000), Some(20_000))
            );
            assert!(metrics.spill_count().is_some_and(|files| files > 0));
            assert!(metrics.spilled_bytes().is_some_and(|bytes| bytes > 0));
        }
    }
}
