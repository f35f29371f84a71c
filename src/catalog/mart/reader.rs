//! Reads files of a mart in the version that was opened, by the footers that were read then.
//!
//! A nightly run may replace the output while a query reads it. Each read is conditional on the file's version, so that
//! such a query ends with an error and never has rows of two runs.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricCategory, MetricType};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::ObjectStore;

use super::error::MartError;
use super::files::Footer;
use crate::exports::{PinnedFile, displayed};

/// Opens files of a mart.
#[derive(Debug)]
pub struct PinnedFiles {
    store: Arc<dyn ObjectStore>,
    /// The root URL of the store, for messages.
    root: Arc<str>,
    is_on_disk: bool,
}

impl PinnedFiles {
    /// Opens files of `store`, which messages name by its `root`.
    pub fn new(store: Arc<dyn ObjectStore>, root: &str) -> Self {
        Self {
            store,
            root: root.into(),
            is_on_disk: root.starts_with("file:"),
        }
    }
}

impl ParquetFileReaderFactory for PinnedFiles {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        // The scan itself makes all metrics of each file. Of those, a reader counts one; the others need not be made twice,
        // as there may be thousands of files.
        let bytes_scanned = MetricBuilder::new(metrics)
            .with_type(MetricType::Summary)
            .with_category(MetricCategory::Bytes)
            .counter("bytes_scanned", partition_index);
        Ok(Box::new(FileOfMart {
            footer: file.extensions.get_arc::<Footer>(),
            file: PinnedFile {
                store: Arc::clone(&self.store),
                object: Arc::new(file.object_meta),
            },
            root: Arc::clone(&self.root),
            is_on_disk: self.is_on_disk,
            bytes_scanned,
        }))
    }
}

struct FileOfMart {
    file: PinnedFile,
    footer: Option<Arc<Footer>>,
    root: Arc<str>,
    is_on_disk: bool,
    bytes_scanned: Count,
}

impl FileOfMart {
    fn count(&self, range: &Range<u64>) {
        let bytes = range.end.saturating_sub(range.start);
        self.bytes_scanned.add(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// An error that names the file, where the file is gone or was replaced.
    fn explained(&self, error: ParquetError) -> ParquetError {
        use object_store::Error::{NotFound, Precondition};
        let is_replaced = match &error {
            ParquetError::External(cause) => {
                let cause = cause.downcast_ref::<object_store::Error>();
                matches!(cause, Some(NotFound { .. } | Precondition { .. }))
            }
            _ => false,
        };
        match is_replaced {
            true => ParquetError::External(Box::new(MartError::Replaced {
                file: displayed(&self.root, &self.file.object.location),
            })),
            false => error,
        }
    }
}

impl AsyncFileReader for FileOfMart {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.count(&range);
        async move {
            let read = self.file.get_bytes(range).await;
            read.map_err(|error| self.explained(error))
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        ranges.iter().for_each(|range| self.count(range));
        async move {
            let read = self.file.ranges(ranges, self.is_on_disk).await;
            read.map_err(|error| self.explained(ParquetError::External(Box::new(error))))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            if let Some(footer) = &self.footer {
                return Ok(Arc::clone(&footer.0));
            }
            let read = self.file.get_metadata(options).await;
            read.map_err(|error| self.explained(error))
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{ObjectMeta, ObjectStoreExt};

    use super::*;

    async fn opened(store: &Arc<dyn ObjectStore>, path: &Path) -> ObjectMeta {
        store.head(path).await.expect("a file")
    }

    #[tokio::test]
    async fn bytes_that_were_asked_for_are_counted() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("part");
        store.put(&path, "rows of a night".into()).await.expect("written");
        let object = opened(&store, &path).await;
        let metrics = ExecutionPlanMetricsSet::new();
        let files = PinnedFiles::new(store, "memory:///");
        let opened = files.create_reader(0, PartitionedFile::new_from_meta(object), None, &metrics);
        let mut reader = opened.expect("a reader");
        let read = reader.get_byte_ranges(vec![0..4, 10..15]).await.expect("bytes");
        assert_eq!(read, ["rows", "night"]);
        reader.get_bytes(5..7).await.expect("bytes");
        let counted = metrics.clone_inner().sum_by_name("bytes_scanned");
        assert_eq!(counted.expect("a count").as_usize(), 11);
    }

    #[tokio::test]
    async fn a_file_that_was_replaced_or_removed_is_no_longer_read() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("date=2026-11-22/part");
        store.put(&path, "rows of a night".into()).await.expect("written");
        let files = PinnedFiles::new(Arc::clone(&store), "memory:///");
        let object = opened(&store, &path).await;
        let reader = || {
            let file = PartitionedFile::new_from_meta(object.clone());
            let opened = files.create_reader(0, file, None, &ExecutionPlanMetricsSet::new());
            opened.expect("a reader")
        };
        assert_eq!(reader().get_bytes(0..4).await.expect("bytes"), "rows");
        store.put(&path, "rows of another".into()).await.expect("replaced");
        let replaced = reader().get_bytes(0..4).await.expect_err("another file").to_string();
        assert!(
            replaced.contains("memory:///date=2026-11-22/part was replaced"),
            "{replaced}"
        );
        store.delete(&path).await.expect("removed");
        let removed = reader().get_bytes(0..4).await.expect_err("no file").to_string();
        assert!(removed.contains("run the query again"), "{removed}");
    }
}
