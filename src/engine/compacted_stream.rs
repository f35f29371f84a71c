//! Copies sparse rows into small buffers, so that the large buffers that they were read from can be freed.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;

use crate::compact::compacted;

/// Regroups rows into batches of `rows_a_batch` with buffers of their own. Sorts and exchanges account for, and copy,
/// each buffer that a batch refers to; with a few rows in each of many batches that is most of their work and most of
/// the memory. The time that it takes is added to `compute`, for the metrics of the node.
pub fn compacted_stream(
    rows: SendableRecordBatchStream,
    rows_a_batch: usize,
    compute: Time,
) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let compaction = Compaction {
        unfinished: BatchCoalescer::new(Arc::clone(&schema), rows_a_batch),
        rows: Some(rows),
        compute,
    };
    let batches = futures::stream::try_unfold(compaction, |mut compaction| async move {
        let batch = compaction.next().await?;
        Ok(batch.map(|batch| (batch, compaction)))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

struct Compaction {
    /// `None` after the end of the input.
    rows: Option<SendableRecordBatchStream>,
    unfinished: BatchCoalescer,
    compute: Time,
}

impl Compaction {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(full) = self.unfinished.next_completed_batch() {
                let _timer = self.compute.timer();
                return compacted(&full).map(Some);
            }
            let Some(rows) = &mut self.rows else {
                return Ok(None);
            };
            let read = rows.next().await;
            let _timer = self.compute.timer();
            match read {
                Some(batch) => self.unfinished.push_batch(batch?)?,
                None => {
                    self.rows = None;
                    self.unfinished.finish_buffered_batch()?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatchOptions, StringViewArray};
    use datafusion::arrow::compute::concat_batches;
    use datafusion::arrow::datatypes::Schema;
    use datafusion::physical_plan::memory::MemoryStream;
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn few_rows_of_many_batches_lie_close_together() {
        let read = |batch: i64| {
            let texts = (0..1_000).map(|row| format!("a text of row {row} in batch {batch}, longer than a view"));
            let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
            RecordBatch::try_from_iter([("text", texts)])
                .expect("rows")
                .slice(500, 10)
        };
        let few: Vec<_> = (0..25).map(read).collect();
        let schema = few[0].schema();
        let rows = MemoryStream::try_new(few.clone(), Arc::clone(&schema), None).expect("a stream");
        let found: Vec<_> = compacted_stream(Box::pin(rows), 100, Time::new())
            .try_collect()
            .await
            .expect("rows");
        let sizes: Vec<_> = found.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(sizes, [100, 100, 50]);
        for batch in &found {
            assert_eq!(batch.column(0).as_string_view().data_buffers().len(), 1);
        }
        assert_eq!(
            concat_batches(&schema, &found).expect("rows"),
            concat_batches(&schema, &few).expect("rows")
        );
    }

    #[tokio::test]
    async fn rows_without_columns_are_counted() {
        let options = RecordBatchOptions::new().with_row_count(Some(7));
        let rows = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).expect("rows");
        let rows = MemoryStream::try_new(vec![rows.clone(), rows], Arc::new(Schema::empty()), None).expect("a stream");
        let found: Vec<_> = compacted_stream(Box::pin(rows), 10, Time::new())
            .try_collect()
            .await
            .expect("rows");
        assert_eq!(found.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [10, 4]);
    }
}
