//! Streams of plan nodes that record the metrics which EXPLAIN ANALYZE shows.

use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::BaselineMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

/// Counts the output rows of a node that measures its compute time itself, or only passes rows on.
pub fn counted(mut rows: SendableRecordBatchStream, metrics: BaselineMetrics) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let counted = futures::stream::poll_fn(move |task| metrics.record_poll(rows.poll_next_unpin(task)));
    Box::pin(RecordBatchStreamAdapter::new(schema, counted))
}

/// Counts the output rows of a node, and measures its compute time: the time of polling its stream, with the plans that
/// the node runs itself.
pub fn measured(mut rows: SendableRecordBatchStream, metrics: BaselineMetrics) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let compute = metrics.elapsed_compute().clone();
    let measured = futures::stream::poll_fn(move |task| {
        let timer = compute.timer();
        let polled = rows.poll_next_unpin(task);
        timer.done();
        metrics.record_poll(polled)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, measured))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::physical_plan::memory::MemoryStream;
    use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet};
    use futures::TryStreamExt;

    use super::*;

    /// The metrics after 140 rows were read.
    async fn metrics_of(
        node: impl FnOnce(SendableRecordBatchStream, BaselineMetrics) -> SendableRecordBatchStream,
    ) -> MetricsSet {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..70));
        let rows = RecordBatch::try_from_iter([("number", numbers)]).expect("rows");
        let read = vec![rows.clone(), rows];
        let stream = MemoryStream::try_new(read.clone(), read[0].schema(), None).expect("a stream");
        let metrics = ExecutionPlanMetricsSet::new();
        let given = node(Box::pin(stream), BaselineMetrics::new(&metrics, 0));
        let given: Vec<RecordBatch> = given.try_collect().await.expect("rows");
        assert_eq!(given, read);
        metrics.clone_inner()
    }

    #[tokio::test]
    async fn rows_are_counted_and_work_is_timed() {
        let (passed_on, worked_out) = (metrics_of(counted).await, metrics_of(measured).await);
        assert_eq!(passed_on.output_rows(), Some(140));
        assert_eq!(worked_out.output_rows(), Some(140));
        // A timer that was never started has counted at most one nanosecond.
        assert!(passed_on.elapsed_compute().is_some_and(|nanos| nanos <= 1));
        assert!(worked_out.elapsed_compute().is_some_and(|nanos| nanos > 1));
    }
}
