//! Reads byte ranges of one version of a file.
//!
//! A nightly run may replace the file at any time. Reading the new file by the footer of the old one could return the
//! rows of another batch, so each read is conditional on the version (ETag), where the store has versions.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::{GetOptions, OBJECT_STORE_COALESCE_DEFAULT, ObjectMeta, ObjectStore, coalesce_ranges};

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

    async fn read(&self, range: Range<u64>) -> object_store::Result<Bytes> {
        let options = GetOptions {
            range: Some(range.into()),
            if_match: self.object.e_tag.clone(),
            ..GetOptions::default()
        };
        self.store.get_opts(&self.object.location, options).await?.bytes().await
    }
}

impl AsyncFileReader for PinnedFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, Result<Bytes>> {
        async move { self.read(range).await.map_err(external) }.boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, Result<Vec<Bytes>>> {
        async move {
            let read = |range| self.read(range);
            coalesce_ranges(&ranges, read, OBJECT_STORE_COALESCE_DEFAULT)
                .await
                .map_err(external)
        }
        .boxed()
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
