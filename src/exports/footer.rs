//! A cache of Parquet footers, which scans would otherwise read again for every query.
//!
//! Without it, each query over a table of many files costs one request a file. The page index, which is not part of the
//! footer, is read only where pages can be skipped by it. A page index that cannot be parsed is ignored: it is only an
//! optimisation.
//!
//! An exporter may write a file again while a query reads it. Its new pages, read by the old footer, could be rows of others,
//! so each read is conditional on the version that was listed.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricCategory, MetricType};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::{ObjectMeta, ObjectStore};
use tokio::sync::OnceCell;

use super::dictionary_keys::reading_dictionary_keys;
use super::pinned::PinnedFile;

/// The size in bytes from which on reading the page index of a file pays.
const PAGES_ARE_SKIPPED_FROM: u64 = 1024 * 1024;

/// A file that is being read.
type OpenFile = Box<dyn AsyncFileReader + Send>;

/// The footer of one file.
#[derive(Debug)]
pub struct Footer {
    /// `None` where the memory for cached footers was used up.
    cached: Option<Arc<ParquetMetaData>>,
    /// All bytes of a small file, which were fetched with its footer, until its rows are read.
    whole: Mutex<Option<Bytes>>,
    /// The footer with its page index, or without references to one that cannot be used.
    with_pages: OnceCell<Arc<ParquetMetaData>>,
    has_large_file: bool,
}

impl Footer {
    /// The footer of `object`, without its page index, and the bytes of the file; `None` where scans have to read them
    /// again.
    pub fn new(object: &ObjectMeta, cached: Option<Arc<ParquetMetaData>>, whole: Option<Bytes>) -> Self {
        Self {
            cached,
            whole: Mutex::new(whole),
            with_pages: OnceCell::new(),
            has_large_file: object.size >= PAGES_ARE_SKIPPED_FROM,
        }
    }

    /// The footer without its page index; `None` where it is not cached.
    pub fn cached(&self) -> Option<Arc<ParquetMetaData>> {
        self.cached.clone()
    }

    /// Takes all bytes of the file out of the cache, where they are still in it.
    pub fn take_whole(&self) -> Option<Bytes> {
        self.whole.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The footer with its page index, or without one where it cannot be used.
    async fn for_skipping(
        &self,
        footer: &Arc<ParquetMetaData>,
        reader: &mut FileOfKnownFooter,
    ) -> Arc<ParquetMetaData> {
        let found = self.with_pages.get_or_init(|| async {
            if !has_page_index(footer) {
                return Arc::clone(footer);
            }
            let with_pages = match self.has_large_file {
                true => page_index(footer, reader).await,
                false => None,
            };
            Arc::new(with_pages.unwrap_or_else(|| without_page_index(footer)))
        });
        Arc::clone(found.await)
    }
}

fn has_page_index(footer: &ParquetMetaData) -> bool {
    let mut columns = footer.row_groups().iter().flat_map(RowGroupMetaData::columns);
    columns.any(|column| column.column_index_offset().is_some() || column.offset_index_offset().is_some())
}

/// The footer with its page index; `None` where that cannot be read.
async fn page_index(footer: &ParquetMetaData, reader: &mut FileOfKnownFooter) -> Option<ParquetMetaData> {
    let mut loading =
        ParquetMetaDataReader::new_with_metadata(footer.clone()).with_page_index_policy(PageIndexPolicy::Optional);
    let loaded = loading.load_page_index(reader).await.and_then(|()| loading.finish());
    loaded
        .inspect_err(|error| tracing::debug!("a page index is not used: {error}"))
        .ok()
}

/// The footer of a file that has no page index.
fn without_page_index(footer: &ParquetMetaData) -> ParquetMetaData {
    let mut changed = footer.clone().into_builder();
    let groups = changed.take_row_groups().into_iter().map(|group| {
        let columns = group.columns().iter().map(|column| {
            let column = column.clone().into_builder();
            let column = column.set_column_index_offset(None).set_column_index_length(None);
            column
                .set_offset_index_offset(None)
                .set_offset_index_length(None)
                .build()
        });
        let columns = columns.collect::<ParquetResult<Vec<_>>>();
        columns.and_then(|columns| group.clone().into_builder().set_column_metadata(columns).build())
    });
    match groups.collect::<ParquetResult<Vec<_>>>() {
        Ok(groups) => changed.set_row_groups(groups).build(),
        // Cannot fail: the parts are those of a valid footer.
        Err(_) => footer.clone(),
    }
}

/// Opens files with cached footers.
#[derive(Debug)]
pub struct KnownFooters {
    store: Arc<dyn ObjectStore>,
    is_on_disk: bool,
    /// Whether the scan skips pages by the page index.
    skips_pages: bool,
    /// The maps whose keys are read as dictionaries.
    dictionary_keys: Arc<[String]>,
}

impl KnownFooters {
    /// Opens files of `store`, which may be the local disk; `skips_pages` tells whether the scan skips pages by the page
    /// index.
    pub fn new(store: Arc<dyn ObjectStore>, is_on_disk: bool, skips_pages: bool) -> Self {
        Self {
            store,
            is_on_disk,
            skips_pages,
            dictionary_keys: Arc::default(),
        }
    }

    /// Has the keys of the maps `columns` read as dictionaries.
    pub fn with_dictionary_keys(mut self, columns: impl IntoIterator<Item = String>) -> Self {
        self.dictionary_keys = columns.into_iter().collect();
        self
    }
}

impl ParquetFileReaderFactory for KnownFooters {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        _metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<OpenFile> {
        // The scan itself makes all metrics of each file. Of those, a reader counts one.
        let bytes_scanned = MetricBuilder::new(metrics)
            .with_type(MetricType::Summary)
            .with_category(MetricCategory::Bytes)
            .counter("bytes_scanned", partition_index);
        Ok(Box::new(FileOfKnownFooter {
            footer: file.extensions.get_arc::<Footer>(),
            file: PinnedFile {
                store: Arc::clone(&self.store),
                object: Arc::new(file.object_meta),
            },
            is_on_disk: self.is_on_disk,
            bytes_scanned,
            skips_pages: self.skips_pages,
            dictionary_keys: Arc::clone(&self.dictionary_keys),
        }))
    }
}

/// Reads a file whose footer may be cached.
struct FileOfKnownFooter {
    file: PinnedFile,
    is_on_disk: bool,
    bytes_scanned: Count,
    footer: Option<Arc<Footer>>,
    skips_pages: bool,
    dictionary_keys: Arc<[String]>,
}

impl FileOfKnownFooter {
    fn count(&self, range: &Range<u64>) {
        let bytes = range.end.saturating_sub(range.start);
        self.bytes_scanned.add(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// Refuses ranges that a damaged footer names and the file does not have: a fault of the file, and not of the store.
    fn check(&self, ranges: &[Range<u64>]) -> ParquetResult<()> {
        let size = self.file.object.size;
        let is_beyond = |range: &&Range<u64>| range.start > range.end || range.end > size;
        match ranges.iter().find(is_beyond) {
            None => Ok(()),
            Some(Range { start, end }) => Err(ParquetError::EOF(format!(
                "its footer names the bytes from {start} to {end}, and the file has {size}"
            ))),
        }
    }
}

impl AsyncFileReader for FileOfKnownFooter {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        self.count(&range);
        async move {
            self.check(std::slice::from_ref(&range))?;
            self.file.get_bytes(range).await
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        ranges.iter().for_each(|range| self.count(range));
        async move {
            self.check(&ranges)?;
            let read = self.file.ranges(ranges, self.is_on_disk).await;
            read.map_err(|error| ParquetError::External(Box::new(error)))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let cached = self.footer.as_ref().and_then(|footer| footer.cached());
            let footer = match cached {
                Some(cached) => cached,
                None => self.file.get_metadata(options).await?,
            };
            let footer = match self.footer.clone() {
                Some(known) if self.skips_pages => known.for_skipping(&footer, self).await,
                _ => footer,
            };
            Ok(match self.dictionary_keys.is_empty() {
                true => footer,
                false => Arc::new(reading_dictionary_keys(&footer, &self.dictionary_keys)?),
            })
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;
    use object_store::path::Path;
    use object_store::{Error, ObjectStoreExt};

    use super::*;

    #[tokio::test]
    async fn a_file_that_was_written_again_is_no_longer_read() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::from("users/date=2026-11-22/part-0.parquet");
        store.put(&path, "rows of a night".into()).await.expect("written");
        let object = store.head(&path).await.expect("a file");
        let metrics = ExecutionPlanMetricsSet::new();
        let files = KnownFooters::new(Arc::clone(&store), false, false);
        let opened = files.create_reader(0, PartitionedFile::new_from_meta(object), None, &metrics);
        let mut reader = opened.expect("a reader");
        assert_eq!(reader.get_bytes(0..4).await.expect("bytes"), "rows");
        let ranges = reader.get_byte_ranges(vec![0..4, 10..15]).await.expect("bytes");
        assert_eq!(ranges, ["rows", "night"]);
        let counted = metrics.clone_inner().sum_by_name("bytes_scanned");
        assert_eq!(counted.expect("a count").as_usize(), 13);

        // What the file does not have is its own fault.
        let beyond = reader.get_byte_ranges(vec![0..4, 10..16]).await;
        assert!(matches!(beyond, Err(ParquetError::EOF(_))), "{beyond:?}");

        store.put(&path, "rows of another".into()).await.expect("replaced");
        for read in [
            reader.get_bytes(0..4).await.map(|_| ()),
            reader.get_byte_ranges(vec![0..4, 10..15]).await.map(|_| ()),
        ] {
            match read {
                Err(ParquetError::External(cause)) => {
                    let cause = cause.downcast_ref::<Error>();
                    assert!(matches!(cause, Some(Error::Precondition { .. })), "{cause:?}");
                }
                other => panic!("the file was replaced: {other:?}"),
            }
        }
    }
}
