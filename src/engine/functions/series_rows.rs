//! The plan node that makes the rows of a series of `integer` values, batch by batch, in their order.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, RecordOutput};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};

/// The numbers from `first` to `last` by steps; `last` is included where a step ends on it.
#[derive(Debug, Clone, Copy)]
pub struct Series {
    first: i32,
    last: i32,
    step: i32,
}

impl Series {
    /// A series whose `step` is not zero; downwards where it is negative.
    pub fn new(first: i32, last: i32, step: i32) -> Self {
        Self { first, last, step }
    }

    fn numbers(self) -> Numbers {
        Numbers {
            next: self.first.into(),
            last: self.last.into(),
            step: self.step.into(),
        }
    }
}

/// The numbers of a series that are still to come. As `i64`, the number after the last one exists too.
#[derive(Debug)]
struct Numbers {
    next: i64,
    last: i64,
    step: i64,
}

impl Iterator for Numbers {
    type Item = i32;

    fn next(&mut self) -> Option<i32> {
        let is_over = match self.step {
            0 => true,
            1.. => self.next > self.last,
            _ => self.next < self.last,
        };
        if is_over {
            return None;
        }
        // Never fails: the number is between the first and the last.
        let number = i32::try_from(self.next).ok()?;
        self.next += self.step;
        Some(number)
    }
}

/// Makes the rows of a series.
///
/// All rows are in the first partition, and the others are empty: with as many partitions as plans have, no operator
/// above distributes the rows over partitions, so that they keep their order.
#[derive(Debug)]
pub struct SeriesExec {
    series: Option<Series>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SeriesExec {
    /// Rows of `schema`, whose columns are the numbers: one column, or none where rows are counted. `None` has no rows.
    pub fn new(series: Option<Series>, schema: SchemaRef, partitions: usize) -> Self {
        let ordering = series.zip(schema.fields().first()).map(|(series, field)| {
            let options = SortOptions {
                descending: series.step < 0,
                nulls_first: false,
            };
            [PhysicalSortExpr::new(Arc::new(Column::new(field.name(), 0)), options)]
        });
        let properties = PlanProperties::new(
            EquivalenceProperties::new_with_orderings(Arc::clone(&schema), ordering),
            Partitioning::UnknownPartitioning(partitions.max(1)),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self {
            series,
            properties: Arc::new(properties.with_scheduling_type(SchedulingType::Cooperative)),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }
}

impl DisplayAs for SeriesExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        match self.series {
            Some(Series { first, last, step }) => write!(f, "SeriesExec: first={first}, last={last}, step={step}"),
            None => f.write_str("SeriesExec: no rows"),
        }
    }
}

impl ExecutionPlan for SeriesExec {
    fn name(&self) -> &str {
        "SeriesExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    crate::engine::leaf!();

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let rows_a_batch = context.session_config().batch_size();
        let series = self.series.filter(|_| partition == 0);
        let mut numbers = series.map(Series::numbers);
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let schema = self.schema();
        let batches = std::iter::from_fn(move || {
            let batch = next_batch(numbers.as_mut()?, rows_a_batch, &schema)?;
            Some(batch.map(|rows| rows.record_output(&metrics)))
        });
        let batches = RecordBatchStreamAdapter::new(self.schema(), futures::stream::iter(batches));
        Ok(Box::pin(cooperative(batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The next numbers, at most `count`; `None` after the last.
fn next_batch(numbers: &mut Numbers, count: usize, schema: &SchemaRef) -> Option<Result<RecordBatch>> {
    let values = Int32Array::from_iter_values(numbers.take(count));
    let rows = Some(values.len()).filter(|&rows| rows > 0)?;
    let values: ArrayRef = Arc::new(values);
    let columns = schema.fields().iter().map(|_| Arc::clone(&values)).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options);
    Some(batch.map_err(Into::into))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_go_up_and_down_to_their_ends() {
        let (least, most) = (i32::MIN, i32::MAX);
        for ((first, last, step), expected) in [
            ((1, 3, 1), vec![1, 2, 3]),
            ((1, 10, 4), vec![1, 5, 9]),
            ((3, -3, -2), vec![3, 1, -1, -3]),
            ((3, 1, 1), vec![]),
            ((1, 3, -1), vec![]),
            ((5, 5, least), vec![5]),
            ((most - 1, most, 1), vec![most - 1, most]),
            ((least + 1, least, -1), vec![least + 1, least]),
            ((least, most, most), vec![least, -1, most - 1]),
        ] {
            let found: Vec<i32> = Series::new(first, last, step).numbers().collect();
            assert_eq!(found, expected, "from {first} to {last} by {step}");
        }
    }
}
