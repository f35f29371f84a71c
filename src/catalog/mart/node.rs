//! The plan node that reads rows of a mart. EXPLAIN shows it as one line, with the day of the mart.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::metrics::MetricsSet;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::TryStreamExt;

use super::error::MartError;
use crate::engine::column_names;
use crate::ids::SnapshotDate;

/// The columns by which the rows of a mart are ordered.
const ORDER: [&str; 2] = ["batch_id", "user_id"];

/// What EXPLAIN says of a scan.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The day of the mart.
    pub day: SnapshotDate,
    /// How many files are read.
    pub files: usize,
    /// How many files the mart has.
    pub of_files: usize,
    /// The condition by which the reader skips rows.
    pub condition: Option<String>,
}

/// Reads rows of the mart, ordered by batch and user within each partition.
///
/// The scan is no child, because the engine divides the files of scans that it sees among partitions, and the order of
/// rows would be lost.
#[derive(Debug, Clone)]
pub struct ReportMartExec {
    shown: Shown,
    scan: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl ReportMartExec {
    /// Reads the rows of `scan`, whose partitions are ordered by batch and user.
    pub fn new(shown: Shown, scan: Arc<dyn ExecutionPlan>) -> Self {
        let of_scan = scan.properties();
        let order = order_of(&scan.schema());
        let equivalences =
            EquivalenceProperties::new_with_orderings(scan.schema(), (!order.is_empty()).then_some(order));
        let properties = PlanProperties::new(
            equivalences,
            of_scan.output_partitioning().clone(),
            of_scan.emission_type,
            of_scan.boundedness,
        );
        let properties = properties.with_scheduling_type(of_scan.scheduling_type);
        Self {
            shown,
            properties: Arc::new(properties),
            scan,
        }
    }
}

/// The order of rows by batch and user, as far as these columns are there.
fn order_of(schema: &SchemaRef) -> Vec<PhysicalSortExpr> {
    let ascending = SortOptions {
        descending: false,
        nulls_first: false,
    };
    let places = ORDER.iter().map_while(|name| Some((name, schema.index_of(name).ok()?)));
    places
        .map(|(name, place)| PhysicalSortExpr::new(Arc::new(Column::new(name, place)), ascending))
        .collect()
}

impl DisplayAs for ReportMartExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let Shown {
            day,
            files,
            of_files,
            condition,
        } = &self.shown;
        let names = column_names(&self.scan.schema());
        write!(f, "ReportMartExec: mart of {day}, files={files} of {of_files}")?;
        write!(f, ", columns=[{names}]")?;
        match condition {
            Some(condition) => write!(f, ", condition={condition}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for ReportMartExec {
    fn name(&self) -> &str {
        "ReportMartExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    crate::engine::leaf!();

    /// Recursive queries run their plan repeatedly, which needs a fresh state.
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let scan = reset_plan_states(Arc::clone(&self.scan))?;
        Ok(Arc::new(Self::new(self.shown.clone(), scan)))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows = self.scan.execute(partition, context)?;
        let day = self.shown.day;
        let rows = rows.map_err(move |error| own_error(error, day));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        self.scan.metrics()
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        StatisticsContext::new().compute(self.scan.as_ref(), args)
    }
}

/// Replaces an error of the reader by the [`MartError`] among its causes, whose message is complete. An error of the
/// file format gets the day of the mart and what to do; any other error is returned as it is.
fn own_error(error: DataFusionError, day: SnapshotDate) -> DataFusionError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(current) = cause {
        if let Some(own) = current.downcast_ref::<MartError>() {
            return DataFusionError::External(Box::new(own.clone()));
        }
        cause = current.source();
    }
    match is_of_format(&error) {
        true => DataFusionError::External(Box::new(MartError::reading_failed(day, &error.strip_backtrace()))),
        false => error,
    }
}

/// Whether the Parquet reader gave the error, as for a damaged file.
fn is_of_format(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::ParquetError(_) => true,
        DataFusionError::ArrowError(error, _) => matches!(error.as_ref(), ArrowError::ParquetError(_)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::parquet::errors::ParquetError;

    use super::*;

    fn day() -> SnapshotDate {
        "2026-11-22".parse().expect("a date")
    }

    #[test]
    fn rows_are_ordered_as_far_as_the_columns_go() {
        let order = |names: &[&str]| {
            let fields = names.iter().map(|name| Field::new(*name, DataType::Utf8View, true));
            let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let order = order_of(&schema);
            order.iter().map(|column| column.expr.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(order(&["user_id", "email", "batch_id"]), ["batch_id@2", "user_id@0"]);
        assert_eq!(order(&["batch_id", "email"]), ["batch_id@0"]);
        assert!(order(&["user_id"]).is_empty());
    }

    #[test]
    fn a_replaced_file_is_named_whatever_wraps_the_error() {
        let own = MartError::Replaced {
            file: "part".to_owned(),
        };
        let read = DataFusionError::from(ParquetError::External(Box::new(own)));
        let shown = own_error(read.context("reading"), day()).to_string();
        assert!(shown.ends_with("part was replaced by a later nightly run while a query read it; run the query again"));
        let other = DataFusionError::Execution("another".to_owned());
        assert!(matches!(own_error(other, day()), DataFusionError::Execution(_)));
    }

    #[test]
    fn a_damaged_file_is_an_error_that_says_what_to_do() {
        let damaged = ArrowError::ParquetError("no page\nhere".to_owned());
        let shown = own_error(DataFusionError::from(damaged), day()).to_string();
        assert!(
            shown.contains("the report mart of 2026-11-22 cannot be read: "),
            "{shown}"
        );
        assert!(
            shown.contains("no page here; run the query again, and then `pragati nightly`"),
            "{shown}"
        );
    }
}
