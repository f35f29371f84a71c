//! Opens a file that a manifest lists, and refuses one that does not match its entry.

use std::sync::Arc;

use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStoreExt};
use sha2::{Digest, Sha256};

use super::error::PublishedError;
use crate::exports::{Location, PinnedFile};
use crate::hex::hex;

/// A file of the output, pinned to the version that was opened.
#[derive(Debug, Clone)]
pub struct ListedFile {
    /// Its path or URL, for messages.
    pub name: String,
    pub pinned: PinnedFile,
}

impl ListedFile {
    /// Opens the file, which must have `bytes` bytes.
    pub async fn open(reports: &Location, path: &Path, bytes: u64) -> Result<Self, PublishedError> {
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
        let pinned = PinnedFile {
            store: Arc::clone(&reports.store),
            object: Arc::new(object),
        };
        Ok(Self { name, pinned })
    }

    /// The SHA-256 of the whole file, in hexadecimal.
    pub async fn sha256(&self) -> Result<String, PublishedError> {
        let failed = |error: object_store::Error| match error {
            object_store::Error::Precondition { .. } | object_store::Error::NotFound { .. } => {
                PublishedError::Replaced {
                    file: self.name.clone(),
                }
            }
            error => PublishedError::unreadable(self.name.clone(), &error),
        };
        let PinnedFile { store, object } = &self.pinned;
        let options = GetOptions {
            if_match: object.e_tag.clone(),
            ..GetOptions::default()
        };
        let read = store.get_opts(&object.location, options).await;
        let mut bytes = read.map_err(failed)?.into_stream();
        let mut hash = Sha256::new();
        while let Some(bytes) = bytes.try_next().await.map_err(failed)? {
            hash.update(&bytes);
        }
        Ok(hex(&hash.finalize()))
    }
}
