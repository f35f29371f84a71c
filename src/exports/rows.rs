//! The plan node above the scan of exported files, which converts each column to the contract's type.
//!
//! Files differ in the physical types of a column: text may be UUIDs, flags may be numbers. The scan returns such a column
//! as it is in the files, and this node converts it. Where the scan or the conversion fails, the node finds the file
//! and the column that caused it, and replaces the reader's error by one that names them.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, RecordOutput};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};

use super::contract::{Column, Table};
use super::convert::canonical_array;
use super::fault::explained;
use super::json_columns::JsonScan;
use super::panics::step_without_panic;
use crate::plan_nodes::column_names;
use crate::zone::Zone;

/// The source of an output column.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputColumn {
    pub field: FieldRef,
    /// The index of the column in the scan; `None` where neither files nor folders have it, so that it is NULL.
    pub input: Option<usize>,
    /// Its definition in the contract; `None` for a column that is not converted.
    pub contract: Option<&'static Column>,
}

impl OutputColumn {
    /// The columns of `output`, computed from rows of the schema `given` by the definitions of a table of the contract.
    pub fn all(output: &Schema, given: &Schema, contract: Option<Table>) -> Vec<Self> {
        let column = |field: &FieldRef| Self {
            field: Arc::clone(field),
            input: given.index_of(field.name()).ok(),
            contract: contract.and_then(|table| table.column(field.name())),
        };
        output.fields().iter().map(column).collect()
    }
}

/// Converts rows of a scan to the columns of `schema`.
pub fn converted(columns: &[OutputColumn], schema: &SchemaRef, zone: &Zone, rows: &RecordBatch) -> Result<RecordBatch> {
    let given = rows.schema_ref();
    let arrays = columns.iter().map(|column| match (column.input, column.contract) {
        (None, _) => Ok(new_null_array(column.field.data_type(), rows.num_rows())),
        (Some(input), None) => Ok(Arc::clone(rows.column(input))),
        (Some(input), Some(contract)) => canonical_array(contract, given.field(input), rows.column(input), zone)
            .map_err(|error| DataFusionError::External(Box::new(error))),
    });
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
}

/// Converts the rows of a scan to the types of the contract.
#[derive(Debug)]
pub struct ExportedRowsExec {
    /// The table's name in SQL.
    pub table: Arc<str>,
    pub columns: Arc<[OutputColumn]>,
    pub zone: Zone,
    schema: SchemaRef,
    scan: Arc<dyn ExecutionPlan>,
    /// Counts texts that are no JSON, where there are columns of JSON to be checked; with the number of this plan in
    /// the scan.
    json: Option<(Arc<JsonScan>, usize)>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ExportedRowsExec {
    /// Computes `columns`, whose fields are those of `schema`, from the rows of `scan`.
    pub fn new(
        table: &str,
        columns: Arc<[OutputColumn]>,
        schema: SchemaRef,
        zone: Zone,
        scan: Arc<dyn ExecutionPlan>,
    ) -> Self {
        let of_scan = scan.properties();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            of_scan.output_partitioning().clone(),
            of_scan.emission_type,
            of_scan.boundedness,
        );
        Self {
            table: table.into(),
            columns,
            zone,
            schema,
            scan,
            json: None,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The same, which counts texts that are no JSON in the rows of the scan, as the plan of this number.
    pub fn counting(mut self, json: Option<(Arc<JsonScan>, usize)>) -> Self {
        self.json = json;
        self
    }

    fn over(&self, scan: Arc<dyn ExecutionPlan>) -> Self {
        let (columns, schema) = (Arc::clone(&self.columns), Arc::clone(&self.schema));
        Self::new(&self.table, columns, schema, self.zone.clone(), scan).counting(self.json.clone())
    }
}

impl DisplayAs for ExportedRowsExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let names = column_names(&self.schema);
        write!(f, "ExportedRowsExec: table={}, columns=[{names}]", self.table)
    }
}

impl ExecutionPlan for ExportedRowsExec {
    fn name(&self) -> &str {
        "ExportedRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        // Conversion may change the order: 9 < 10, but '10' < '9'.
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        // Conversion takes CPU time, so it pays to read the files in several partitions.
        vec![true]
    }

    crate::plan_nodes::one_input!(scan);

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.scan.execute(partition, Arc::clone(&context))?;
        let scan = Arc::clone(&self.scan);
        let (table, columns, zone) = (Arc::clone(&self.table), Arc::clone(&self.columns), self.zone.clone());
        let blame: Blame = Box::new(move |error| {
            async move { explained(error, &table, &columns, &zone, &scan, &context).await }.boxed()
        });
        let json = self.json.as_ref();
        let json = json.filter(|(json, plan)| json.is_first_reading(*plan, partition));
        Ok(Box::pin(ExportedRows {
            rows,
            columns: Arc::clone(&self.columns),
            schema: Arc::clone(&self.schema),
            zone: self.zone.clone(),
            json: json.map(|(json, _)| Arc::clone(json)),
            metrics: BaselineMetrics::new(&self.metrics, partition),
            blame: Some(blame),
            state: State::Reading,
        }))
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema);
        statistics.num_rows = inputs[0].num_rows;
        statistics.total_byte_size = match inputs[0].total_byte_size {
            Precision::Absent => Precision::Absent,
            bytes => bytes.to_inexact(),
        };
        // Conversion maps equal values to equal values, so there are no more distinct values than before.
        for (column, known) in self.columns.iter().zip(&mut statistics.column_statistics) {
            if let Some(given) = column.input.and_then(|input| inputs[0].column_statistics.get(input)) {
                known.distinct_count = given.distinct_count.to_inexact();
                known.null_count = given.null_count.to_inexact();
            }
        }
        Ok(Arc::new(statistics))
    }
}

/// Replaces an error by one that names the file and the column that caused it.
type Blame = Box<dyn FnOnce(DataFusionError) -> BoxFuture<'static, DataFusionError> + Send>;

enum State {
    Reading,
    Failing(BoxFuture<'static, DataFusionError>),
    Done,
}

/// The stream of converted rows of one partition.
struct ExportedRows {
    rows: SendableRecordBatchStream,
    columns: Arc<[OutputColumn]>,
    schema: SchemaRef,
    zone: Zone,
    json: Option<Arc<JsonScan>>,
    metrics: BaselineMetrics,
    blame: Option<Blame>,
    state: State,
}

impl ExportedRows {
    fn converted(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let _timer = self.metrics.elapsed_compute().timer();
        if let Some(json) = &self.json {
            json.count(rows)?;
        }
        converted(&self.columns, &self.schema, &self.zone, rows)
    }
}

impl Stream for ExportedRows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match &mut self.state {
                State::Done => return Poll::Ready(None),
                State::Failing(blame) => {
                    let error = ready!(blame.poll_unpin(context));
                    self.state = State::Done;
                    return Poll::Ready(Some(Err(error)));
                }
                State::Reading => {
                    let polled = step_without_panic(|| self.rows.poll_next_unpin(context));
                    let rows = match ready!(polled.unwrap_or_else(|panic| Poll::Ready(Some(Err(panic))))) {
                        None => {
                            self.state = State::Done;
                            continue;
                        }
                        Some(rows) => rows.and_then(|rows| self.converted(&rows)),
                    };
                    match rows {
                        Ok(rows) => return Poll::Ready(Some(Ok(rows.record_output(&self.metrics)))),
                        Err(error) => {
                            self.state = match self.blame.take() {
                                Some(blame) => State::Failing(blame(error)),
                                None => State::Failing(std::future::ready(error).boxed()),
                            };
                        }
                    }
                }
            }
        }
    }
}

impl RecordBatchStream for ExportedRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}
