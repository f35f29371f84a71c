//! Telemetry files as tables of the engine; several files are read concurrently.

use std::cmp::Reverse;
use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::empty::EmptyTable;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::streaming::PartitionStream;

use super::files::TelemetryFile;
use super::reading::{self, ReadError, Wanted};
use super::rows::{events_schema, malformed_schema};

/// Batches that each partition buffers for its reader.
const BATCHES_AHEAD: usize = 2;

/// The events of `files`, in at most `partitions` partitions.
///
/// # Errors
/// The table cannot be made.
pub fn events_table(files: &[Arc<TelemetryFile>], partitions: usize) -> Result<Arc<dyn TableProvider>> {
    table(files, partitions, Wanted::Events, events_schema())
}

/// The malformed lines of `files`: `file`, `line` (from 1) and `reason`.
///
/// # Errors
/// The table cannot be made.
pub fn malformed_table(files: &[Arc<TelemetryFile>], partitions: usize) -> Result<Arc<dyn TableProvider>> {
    table(files, partitions, Wanted::Malformed, malformed_schema())
}

fn table(
    files: &[Arc<TelemetryFile>],
    partitions: usize,
    wanted: Wanted,
    schema: SchemaRef,
) -> Result<Arc<dyn TableProvider>> {
    if files.is_empty() {
        return Ok(Arc::new(EmptyTable::new(schema)));
    }
    let shares = shared_out(files, partitions);
    let partitions = shares.into_iter().map(|files| -> Arc<dyn PartitionStream> {
        Arc::new(FilesOfPartition {
            files,
            wanted,
            schema: Arc::clone(&schema),
        })
    });
    let partitions = partitions.collect();
    Ok(Arc::new(StreamingTable::try_new(schema, partitions)?))
}

/// Distributes files over partitions of similar size: the largest first, each to the smallest partition.
fn shared_out(files: &[Arc<TelemetryFile>], partitions: usize) -> Vec<Vec<Arc<TelemetryFile>>> {
    let mut shares = vec![(0, Vec::new()); partitions.clamp(1, files.len())];
    let mut by_size: Vec<_> = files.iter().collect();
    by_size.sort_by_key(|file| Reverse(file.object.size));
    for file in by_size {
        if let Some((bytes, share)) = shares.iter_mut().min_by_key(|(bytes, _)| *bytes) {
            *bytes += file.object.size;
            share.push(Arc::clone(file));
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

/// The files that one partition reads, one after the other.
#[derive(Debug)]
struct FilesOfPartition {
    files: Vec<Arc<TelemetryFile>>,
    wanted: Wanted,
    schema: SchemaRef,
}

impl PartitionStream for FilesOfPartition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), BATCHES_AHEAD);
        let (files, wanted, batches) = (self.files.clone(), self.wanted, stream.tx());
        stream.spawn(async move {
            for file in files {
                let is_known_clean = file.outcome().is_some_and(|outcome| outcome.malformed == 0);
                if wanted == Wanted::Malformed && is_known_clean {
                    continue;
                }
                match reading::read(file, wanted, batches.clone()).await {
                    Ok(()) => {}
                    Err(ReadError::Unwanted) => return Ok(()),
                    Err(ReadError::Arrow(error)) => return Err(error.into()),
                    Err(error) => return Err(DataFusionError::External(error.into())),
                }
            }
            Ok(())
        });
        stream.build()
    }
}
