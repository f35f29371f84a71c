//! Reads ranges of one file as it was when it was opened.
//!
//! A night's run may put another file in its place at any time. Its bytes must never be read by the footer of the
//! earlier one: they could be another batch's rows. So each read names the file's version, where the store has versions.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use futures::future::BoxFuture;
use futures::{FutureExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    GetOptions, OBJECT_STORE_COALESCE_DEFAULT, ObjectMeta, ObjectStore, ObjectStoreExt, coalesce_ranges,
};
use sha2::{Digest, Sha256};

use super::error::PublishedError;
use crate::exports::Location;

/// A file of a store, at one version.
#[derive(Debug, Clone)]
pub struct PinnedFile {
    /// As people write it.
    pub name: String,
    store: Arc<dyn ObjectStore>,
    object: Arc<ObjectMeta>,
}

impl PinnedFile {
    /// Opens the file, which must have so many bytes.
    pub async fn open(reports: &Location, path: &Path, bytes: u64) -> std::result::Result<Self, PublishedError> {
        let name = reports.display(path);
        let object = reports.store.head(path).await.map_err(|error| match error {
            object_store::Error::NotFound { .. } => PublishedError::MissingFile { file: name.clone() },
            error => PublishedError::unreadable(name.clone(), &error),
        })?;
        if object.size != bytes {
            return Err(PublishedError::WrongSize {
                file: name,
                expected: bytes,
                found: object.size,
            });
        }
        Ok(Self {
            name,
            store: Arc::clone(&reports.store),
            object: Arc::new(object),
        })
    }

    /// The SHA-256 of all its bytes, hexadecimal.
    pub async fn sha256(&self) -> std::result::Result<String, PublishedError> {
        let failed = |error: object_store::Error| match error {
            object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. } => {
                PublishedError::Replaced {
                    file: self.name.clone(),
                }
            }
            error => PublishedError::unreadable(self.name.clone(), &error),
        };
        let options = GetOptions {
            if_match: self.object.e_tag.clone(),
            ..GetOptions::default()
        };
        let read = self.store.get_opts(&self.object.location, options).await;
        let mut bytes = read.map_err(failed)?.into_stream();
        let mut hash = Sha256::new();
        while let Some(bytes) = bytes.try_next().await.map_err(failed)? {
            hash.update(&bytes);
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
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
