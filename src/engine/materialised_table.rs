//! A table whose rows are materialised when the first plan that reads it is made.
//!
//! Planning then knows the number of rows, and no other operator holds memory while they are computed. Each reading
//! takes the columns that it needs from the spill files, in the partitions that the query had.

use std::fmt;
use std::sync::{Arc, Once};

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Result, Statistics, internal_err, project_schema};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::TableType;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::Expr;
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, SpillMetrics};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};

use super::materialised::{Density, MaterialisedRows};
use super::measured_stream::measured;
use super::spilled_rows::SpilledRows;
use crate::plan_nodes::column_names;

/// The table `name` of the rows of `rows`, which runs at most once, in its own session. Its sources must not change.
pub fn materialised_table(name: &str, rows: DataFrame) -> Arc<dyn TableProvider> {
    Arc::new(MaterialisedTable {
        name: name.into(),
        rows: Arc::new(MaterialisedRows::new(rows, Density::Dense)),
        logged: Once::new(),
    })
}

#[derive(Debug)]
struct MaterialisedTable {
    name: Arc<str>,
    rows: Arc<MaterialisedRows>,
    /// Limits the log to one line about the rows.
    logged: Once,
}

impl MaterialisedTable {
    /// The files, which are made at the first call.
    async fn files(&self) -> Result<&[SpilledRows]> {
        if let Some(files) = self.rows.known_files() {
            return Ok(files);
        }
        let files = self.rows.files(&self.rows.own_context()).await?;
        self.logged.call_once(|| {
            let bytes: u64 = files.iter().filter_map(SpilledRows::bytes).sum();
            let (name, rows) = (&self.name, rows_in(files));
            let files: usize = files.iter().map(SpilledRows::files).sum();
            tracing::debug!("table {name} is materialised: {rows} rows, {bytes} bytes in {files} temporary files");
        });
        Ok(files)
    }
}

impl MaterialisedTable {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        _session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(self.rows.schema(), projection)?;
        match self.files().await? {
            [] => Ok(Arc::new(EmptyExec::new(schema))),
            files => Ok(Arc::new(MaterialisedExec::new(
                &self.name,
                &self.rows,
                files.iter().map(|file| file.count).collect(),
                projection.cloned(),
                schema,
            ))),
        }
    }
}

impl TableProvider for MaterialisedTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.rows.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        let files = self.rows.known_files()?;
        Some(statistics_of(self.rows.schema(), rows_in(files)))
    }

    crate::scans::scan_in_own_future!(MaterialisedTable);
}

fn rows_in(files: &[SpilledRows]) -> usize {
    files.iter().map(|file| file.count).sum()
}

fn statistics_of(schema: &Schema, rows: usize) -> Statistics {
    let mut statistics = Statistics::new_unknown(schema);
    statistics.num_rows = Precision::Exact(rows);
    statistics
}

/// Reads some columns of materialised rows, one partition a file.
#[derive(Debug)]
struct MaterialisedExec {
    table: Arc<str>,
    rows: Arc<MaterialisedRows>,
    /// The number of rows in each file.
    counts: Vec<usize>,
    projection: Option<Vec<usize>>,
    schema: SchemaRef,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl MaterialisedExec {
    /// Reads the columns `projection`, whose fields are those of `schema`; all where it is `None`.
    fn new(
        table: &Arc<str>,
        rows: &Arc<MaterialisedRows>,
        counts: Vec<usize>,
        projection: Option<Vec<usize>>,
        schema: SchemaRef,
    ) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(counts.len()),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            table: Arc::clone(table),
            rows: Arc::clone(rows),
            counts,
            projection,
            schema,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for MaterialisedExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let (table, names, partitions) = (&self.table, column_names(&self.schema), self.counts.len());
        write!(
            f,
            "MaterialisedExec: table={table}, columns=[{names}], partitions={partitions}"
        )
    }
}

impl ExecutionPlan for MaterialisedExec {
    fn name(&self) -> &str {
        "MaterialisedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    crate::engine::leaf!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let file = self.rows.known_files().and_then(|files| files.get(partition));
        let Some(file) = file else {
            return internal_err!("table {} has no rows for partition {partition}", self.table);
        };
        let spilled = SpillMetrics::new(&self.metrics, partition);
        let batches = file.read_in_node(self.projection.as_deref(), &context, &spilled)?;
        Ok(measured(batches, BaselineMetrics::new(&self.metrics, partition)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let rows = match args.partition() {
            Some(partition) => self.counts.get(partition).copied().unwrap_or(0),
            None => self.counts.iter().sum(),
        };
        Ok(Arc::new(statistics_of(&self.schema, rows)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use bytesize::ByteSize;
    use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
    use datafusion::arrow::datatypes::{DataType, Int64Type};
    use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
    use datafusion::prelude::{SessionContext, col, lit};

    use super::*;
    use crate::engine::{EngineOptions, new_session};

    /// A session with two threads, whose temporary files are in `folder`.
    fn session(folder: &std::path::Path) -> SessionContext {
        new_session(&EngineOptions {
            threads: std::num::NonZeroUsize::new(2),
            memory_limit: Some(ByteSize::mib(256)),
            temp_dir: folder.to_owned(),
            cluster: None,
        })
        .expect("a session")
    }

    /// The numbers from 1 to 20,000 in a materialised table, and the number of values that were computed for it.
    async fn numbers(session: &SessionContext) -> (Arc<dyn TableProvider>, Arc<AtomicUsize>) {
        let computed = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&computed);
        let counted = create_udf(
            "counted",
            vec![DataType::Int64],
            DataType::Int64,
            Volatility::Volatile,
            Arc::new(move |values: &[ColumnarValue]| {
                if let ColumnarValue::Array(array) = &values[0] {
                    count.fetch_add(array.len(), Ordering::Relaxed);
                }
                Ok(values[0].clone())
            }),
        );
        session.register_udf(counted);
        let rows = session
            .sql("select counted(value) as number, 'text ' || cast(value as varchar) as label from range(1, 20001)");
        let table = materialised_table("numbers", rows.await.expect("a plan"));
        (table, computed)
    }

    #[tokio::test]
    async fn the_query_runs_once_and_leaves_no_file_with_a_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let (table, computed) = numbers(&session).await;
        assert!(table.statistics().is_none());
        assert_eq!(computed.load(Ordering::Relaxed), 0);
        for _ in 0..3 {
            let rows = session.read_table(Arc::clone(&table)).expect("a table");
            let rows = rows.filter(col("number").gt(lit(19_998_i64))).expect("a filter");
            let rows = rows.select(vec![col("label")]).expect("a column");
            let rows = rows.sort_by(vec![col("label")]).expect("an order").collect().await;
            let texts: Vec<String> = rows
                .expect("rows")
                .iter()
                .flat_map(|rows| {
                    let texts = datafusion::arrow::compute::cast(rows.column(0), &DataType::Utf8).expect("texts");
                    let texts = texts.as_string::<i32>();
                    texts.iter().flatten().map(str::to_owned).collect::<Vec<_>>()
                })
                .collect();
            assert_eq!(texts, ["text 19999", "text 20000"]);
        }
        assert_eq!(computed.load(Ordering::Relaxed), 20_000);
        let known = table.statistics().expect("known");
        assert_eq!(known.num_rows, Precision::Exact(20_000));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[tokio::test]
    async fn tables_end_with_their_session() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let rows = session.sql("select value as number from range(1, 4)").await;
        let lazy = materialised_table("lazy", rows.expect("a plan"));
        session.register_table("lazy", Arc::clone(&lazy)).expect("a table");
        let rows = session.sql("select number + 1 as number from lazy").await;
        let streamed = crate::engine::materialised(rows.expect("a plan"), 2);
        session
            .register_table("streamed", Arc::clone(&streamed))
            .expect("a table");
        let rows = session.sql("select sum(number) from streamed").await.expect("a plan");
        let rows = rows.collect().await.expect("rows");
        assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), 9);
        let tables = [lazy, streamed].map(|table| Arc::downgrade(&table));
        drop(session);
        let are_gone = || tables.iter().all(|table| table.upgrade().is_none());
        // Tasks of the query may still be ending.
        for _ in 0..500 {
            if are_gone() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        assert!(are_gone());
    }

    #[tokio::test]
    async fn rows_without_columns_are_counted() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let (table, _) = numbers(&session).await;
        let plan = table.scan(&session.state(), Some(&Vec::new()), &[], None).await;
        let plan = plan.expect("a plan");
        let rows = datafusion::physical_plan::collect(plan, session.task_ctx()).await;
        let count: usize = rows.expect("rows").iter().map(RecordBatch::num_rows).sum();
        assert_eq!(count, 20_000);
    }

    #[tokio::test]
    async fn a_reading_tells_what_was_written_for_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let (table, _) = numbers(&session).await;
        for _ in 0..2 {
            let plan = table.scan(&session.state(), Some(&vec![0]), &[], None).await;
            let plan = plan.expect("a plan");
            let rows = datafusion::physical_plan::collect(Arc::clone(&plan), session.task_ctx()).await;
            assert!(!rows.expect("rows").is_empty());
            let metrics = plan.metrics().expect("metrics");
            assert_eq!(metrics.output_rows(), Some(20_000));
            assert_eq!(metrics.spilled_rows(), Some(20_000));
            assert!(metrics.spill_count().is_some_and(|files| files > 0));
            assert!(metrics.spilled_bytes().is_some_and(|bytes| bytes > 0));
        }
    }

    #[tokio::test]
    async fn a_query_that_fails_leaves_no_rows_and_is_tried_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let divisors: ArrayRef = Arc::new(Int64Array::from_iter_values([1, 0]));
        let batch = RecordBatch::try_from_iter([("divisor", divisors)]).expect("rows");
        session.register_batch("divisors", batch).expect("a table");
        let rows = session.sql("select 10 / divisor as quotient from divisors").await;
        let table = materialised_table("quotients", rows.expect("a plan"));
        for _ in 0..2 {
            let failed = table.scan(&session.state(), None, &[], None).await;
            let message = failed.expect_err("a division by zero").to_string();
            assert!(message.contains("Divide by zero"), "{message}");
        }
        assert!(table.statistics().is_none());
        let rows = session
            .sql("select 10 / divisor as quotient from divisors where divisor > 0")
            .await;
        let table = materialised_table("quotients", rows.expect("a plan"));
        let rows = session
            .read_table(table)
            .expect("a table")
            .collect()
            .await
            .expect("rows");
        assert_eq!(rows[0].column(0).as_primitive::<Int64Type>().value(0), 10);
    }
}
