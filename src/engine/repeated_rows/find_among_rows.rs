//! The plan node that finds the repeated keys of a table among rows that are read for another purpose.
//!
//! A table that is read whole anyway, as the check reads it, need not be read again for its keys.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, Time};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};
use futures::StreamExt;

use super::KeyColumns;
use super::repeated_keys::{Gathered, RepeatedKeys};
use crate::engine::measured_stream::counted;

/// Passes the rows of a whole table on, and finds its repeated keys among them. Where a partition is not read to its
/// end, or the fingerprints take too much of a memory limit, the keys are found by the first plan that needs them.
#[derive(Debug)]
pub struct FindAmongRowsExec {
    rows: Arc<dyn ExecutionPlan>,
    /// The names of the key's columns.
    names: Arc<[String]>,
    key: KeyColumns,
    repeated: Arc<RepeatedKeys>,
    partitions: Arc<Partitions>,
    metrics: ExecutionPlanMetricsSet,
}

/// The fingerprints of each partition that was read to its end.
#[derive(Debug)]
struct Partitions(Mutex<Vec<Option<Gathered>>>);

impl FindAmongRowsExec {
    /// Passes `rows` on; `names` are the names in the table of the columns at the positions `key`.
    pub fn new(
        rows: Arc<dyn ExecutionPlan>,
        names: Arc<[String]>,
        key: KeyColumns,
        repeated: Arc<RepeatedKeys>,
    ) -> Self {
        let count = rows.output_partitioning().partition_count();
        Self {
            rows,
            names,
            key,
            repeated,
            partitions: Arc::new(Partitions(Mutex::new((0..count).map(|_| None).collect()))),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn over(&self, rows: Arc<dyn ExecutionPlan>) -> Self {
        let (names, repeated) = (Arc::clone(&self.names), Arc::clone(&self.repeated));
        Self::new(rows, names, self.key.clone(), repeated)
    }
}

impl DisplayAs for FindAmongRowsExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "FindAmongRowsExec: key=[{}]", self.names.join(", "))
    }
}

impl ExecutionPlan for FindAmongRowsExec {
    fn name(&self) -> &str {
        "FindAmongRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.rows.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    crate::engine::one_input!(rows);

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let reading = Reading {
            rows: self.rows.execute(partition, Arc::clone(&context))?,
            key: self.key.clone(),
            gathered: Some(Gathered::of_one_pass(&context)),
            context,
            partition,
            count: self.rows.output_partitioning().partition_count(),
            repeated: Arc::clone(&self.repeated),
            partitions: Arc::clone(&self.partitions),
            compute: metrics.elapsed_compute().clone(),
        };
        let batches = futures::stream::try_unfold(reading, |mut reading| async move {
            let batch = reading.next().await?;
            Ok(batch.map(|batch| (batch, reading)))
        });
        let rows = Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches));
        Ok(counted(rows, metrics))
    }

    crate::engine::statistics_of_input!();

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

/// A partition that is being read.
struct Reading {
    rows: SendableRecordBatchStream,
    key: KeyColumns,
    /// The fingerprints of the rows so far; `None` where they take too much memory, and after the last row.
    gathered: Option<Gathered>,
    context: Arc<TaskContext>,
    partition: usize,
    /// The number of all partitions.
    count: usize,
    repeated: Arc<RepeatedKeys>,
    partitions: Arc<Partitions>,
    /// The time of computing fingerprints.
    compute: Time,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(batch) = self.rows.next().await else {
            if let Some(gathered) = self.gathered.take()
                && let Some(all) = self.partitions.ended(self.partition, gathered)
            {
                fits(self.repeated.find_among(all).await)?;
            }
            return Ok(None);
        };
        let batch = batch?;
        if let Some(gathered) = &mut self.gathered {
            let _timer = self.compute.timer();
            let added = gathered.add_all(&batch, &self.key, self.count, &self.context);
            if fits(added)? != Some(true) {
                self.gathered = None;
            }
        }
        Ok(Some(batch))
    }
}

impl Partitions {
    /// Keeps the fingerprints of a partition that was read to its end. After the last partition, returns those of all.
    fn ended(&self, partition: usize, gathered: Gathered) -> Option<Vec<Gathered>> {
        let mut ended = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ended[partition] = Some(gathered);
        match ended.iter().all(Option::is_some) {
            true => Some(ended.iter_mut().filter_map(Option::take).collect()),
            false => None,
        }
    }
}

/// The result, or `None` where memory does not suffice: the rows are passed on, and only a plan that needs the keys may
/// fail.
fn fits<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Err(error) if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)) => Ok(None),
        other => other.map(Some),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, StringViewArray};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::physical_plan::empty::EmptyExec;
    use futures::TryStreamExt;

    use super::*;
    use crate::engine::repeated_rows::Standing;
    use crate::engine::repeated_rows::repeated_keys::KeySource;

    fn texts(numbers: std::ops::Range<u32>) -> RecordBatch {
        let texts = StringViewArray::from_iter_values(numbers.map(|number| number.to_string()));
        RecordBatch::try_from_iter([("key", Arc::new(texts) as ArrayRef)]).expect("rows")
    }

    /// Reads some of two partitions, of which the second has the last ten keys of the first once more, and then asks
    /// for the repeated keys of a table that is empty by now.
    async fn repeated_after_reading(partitions: &[usize], context: &Arc<TaskContext>) -> usize {
        let parts = [vec![texts(0..500), texts(500..1_000)], vec![texts(990..2_000)]];
        let schema = parts[1][0].schema();
        let rows = MemorySourceConfig::try_new_exec(&parts, Arc::clone(&schema), None).expect("a plan");
        let key = KeyColumns {
            repeated: vec![0],
            neighbours: None,
        };
        let repeated = Arc::new(RepeatedKeys::default());
        let names: Arc<[String]> = Arc::from(["key".to_owned()]);
        let plan = FindAmongRowsExec::new(rows, names, key.clone(), Arc::clone(&repeated));
        for &partition in partitions {
            let rows = plan.execute(partition, Arc::clone(context)).expect("a stream");
            let rows: Vec<RecordBatch> = rows.try_collect().await.expect("rows");
            assert_eq!(rows, parts[partition]);
        }
        let read: usize = partitions
            .iter()
            .map(|&partition| parts[partition].iter().map(RecordBatch::num_rows).sum::<usize>())
            .sum();
        assert_eq!(plan.metrics().expect("metrics").output_rows(), Some(read));
        let source = KeySource {
            plan: Arc::new(EmptyExec::new(schema)),
            columns: key.clone(),
            expected_rows: None,
        };
        let found = repeated.find(&source, context).await.expect("keys");
        let standings = found.standings(&texts(0..2_000), &key).expect("texts");
        standings
            .iter()
            .filter(|standing| **standing == Standing::Repeated)
            .count()
    }

    #[tokio::test]
    async fn keys_that_other_rows_have_are_found_once_all_rows_were_read() {
        let context = Arc::new(TaskContext::default());
        assert_eq!(repeated_after_reading(&[1, 0], &context).await, 10);
        assert_eq!(repeated_after_reading(&[0], &context).await, 0);
    }

    #[tokio::test]
    async fn rows_are_given_on_where_the_fingerprints_do_not_fit_into_memory() {
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(8 * 1024, 1.0);
        let context = TaskContext::default().with_runtime(runtime.build_arc().expect("a runtime"));
        assert_eq!(repeated_after_reading(&[0, 1], &Arc::new(context)).await, 0);
    }
}
