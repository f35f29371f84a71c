//! Reads byte ranges of one version of a file.
//!
//! A nightly run may replace the file at any time. Reading the new file by the footer of the old one could return the
//! rows of another batch, so each read is conditional on the version (ETag), where the store has versions.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::{
    GetOptions, GetResult, GetResultPayload, OBJECT_STORE_COALESCE_DEFAULT, ObjectMeta, ObjectStore, coalesce_ranges,
};

use super::joined_ranges;

/// One version of a file in a store.
#[derive(Debug, Clone)]
pub struct PinnedFile {
    /// The store that holds the file.
    pub store: Arc<dyn ObjectStore>,
    /// The file as listed.
    pub object: Arc<ObjectMeta>,
}

impl PinnedFile {
    /// All bytes of the file.
    ///
    /// # Errors
    /// The store does not answer, or the file has changed since it was listed.
    pub async fn whole(&self) -> object_store::Result<Bytes> {
        self.read(0..self.object.size).await
    }

    /// The bytes of some ranges of the file. Ranges that lie close together are read together.
    ///
    /// A request to a remote store costs more than the megabyte between two ranges, so such ranges are joined there. On
    /// a local disk a further read costs little, while the bytes between two ranges would have to be copied, and those
    /// of the columns that a query leaves out are most of a file. So only ranges with few bytes between them are joined
    /// there, and the file is opened once for all of them.
    ///
    /// # Errors
    /// The store does not answer, a range ends after the file, or the file has changed since it was listed.
    pub async fn ranges(&self, ranges: Vec<Range<u64>>, is_on_disk: bool) -> object_store::Result<Vec<Bytes>> {
        let first = ranges.iter().map(|range| range.start).min();
        let (Some(start), true) = (first, is_on_disk) else {
            return self.joined(&ranges).await;
        };
        let size = self.object.size;
        let opened = self.get(start..size).await?;
        match opened.payload {
            GetResultPayload::File(file, _) => {
                let reading = SpawnedTask::spawn_blocking(move || read_close_by(&file, &ranges, size));
                reading.join().await?.map_err(|error| object_store::Error::Generic {
                    store: "LocalFileSystem",
                    source: Box::new(error),
                })
            }
            GetResultPayload::Stream(_) => self.joined(&ranges).await,
        }
    }

    async fn joined(&self, ranges: &[Range<u64>]) -> object_store::Result<Vec<Bytes>> {
        let read = |range| self.read(range);
        coalesce_ranges(ranges, read, OBJECT_STORE_COALESCE_DEFAULT).await
    }

    async fn read(&self, range: Range<u64>) -> object_store::Result<Bytes> {
        self.get(range).await?.bytes().await
    }

    async fn get(&self, range: Range<u64>) -> object_store::Result<GetResult> {
        let options = GetOptions {
            range: Some(range.into()),
            if_match: self.object.e_tag.clone(),
            ..GetOptions::default()
        };
        self.store.get_opts(&self.object.location, options).await
    }
}

/// Reads ranges of a file of `size` bytes; ranges that lie close together are one read. A damaged footer may give any
/// range, so memory is allocated only for what the file has.
fn read_close_by(file: &File, ranges: &[Range<u64>], size: u64) -> io::Result<Vec<Bytes>> {
    let is_of_file = |range: &Range<u64>| range.start <= range.end && range.end <= size;
    if !ranges.iter().all(is_of_file) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let joined = joined_ranges::joined(ranges);
    let read = joined.iter().map(|range| read_at(file, range));
    let read = read.collect::<io::Result<Vec<Bytes>>>()?;
    Ok(joined_ranges::parts(ranges, &joined, &read))
}

fn read_at(file: &File, range: &Range<u64>) -> io::Result<Bytes> {
    let length = usize::try_from(range.end - range.start).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}

impl AsyncFileReader for PinnedFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move { self.read(range).await.map_err(external) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move { self.joined(&ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, Result<Arc<ParquetMetaData>>> {
        async move {
            let size = self.object.size;
            let reader = ParquetMetaDataReader::new().with_arrow_reader_options(options);
            Ok(Arc::new(reader.load_and_finish(self, size).await?))
        }
        .boxed()
    }
}

fn external(error: object_store::Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use object_store::local::LocalFileSystem;
    use object_store::path::Path;
    use object_store::{ObjectStoreExt, PutPayload};
    use tempfile::TempDir;

    use super::*;

    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyz";

    async fn on_disk(folder: &TempDir) -> PinnedFile {
        let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).expect("a folder"));
        let path = Path::from("letters");
        store
            .put(&path, PutPayload::from_static(LETTERS.as_bytes()))
            .await
            .expect("written");
        let object = Arc::new(store.head(&path).await.expect("a file"));
        PinnedFile { store, object }
    }

    #[tokio::test]
    async fn ranges_are_the_same_however_they_are_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = on_disk(&folder).await;
        let cases: [Vec<Range<usize>>; 4] = [vec![], vec![3..5, 3..5], vec![20..26, 0..2, 1..4], vec![0..26, 7..7]];
        for ranges in cases {
            let expected: Vec<&str> = ranges.iter().map(|range| &LETTERS[range.start..range.end]).collect();
            let of_file = ranges.iter().map(|range| range.start as u64..range.end as u64);
            let read = file.ranges(of_file.collect(), true).await.expect("bytes");
            assert_eq!(read, expected);
        }
        let joined = file.ranges(vec![20..26, 0..2], false).await.expect("bytes");
        assert_eq!(joined, ["uvwxyz", "ab"]);
    }

    #[tokio::test]
    async fn a_range_after_the_end_or_of_another_version_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = on_disk(&folder).await;
        for range in [20..27, 20..u64::MAX, 30..40] {
            file.ranges(vec![0..2, range], true).await.expect_err("no such bytes");
        }
        std::fs::write(folder.path().join("letters"), "another text").expect("written");
        let error = file.ranges(vec![0..2, 4..5], true).await.expect_err("another file");
        assert!(matches!(error, object_store::Error::Precondition { .. }), "{error}");
    }
}
