//! Takes objects over within a store by server-side copies; bytes are downloaded only to verify them.
//!
//! Each day has copies of its own. If manifests referred to objects of other days, removing a day would require a check of
//! all manifests, which is not atomic while a run publishes.

use chrono::{DateTime, Utc};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStoreExt, Result};
use sha2::{Digest, Sha256};

use super::super::layout;
use super::super::manifest::FileEntry;
use super::warn_changed;
use crate::exports::Location;
use crate::hex::hex;

/// Takes objects over from one day into the folder of a run.
#[derive(Debug)]
pub struct StoreTaker {
    destination: Location,
    from: Path,
    to: Path,
    /// Objects of the right size that were not modified after this time are not hashed again.
    trusted: Option<DateTime<Utc>>,
}

impl StoreTaker {
    /// Takes over from the folder `from` into the folder `to` of one store.
    pub fn new(destination: Location, from: Path, to: Path, trusted: Option<DateTime<Utc>>) -> Self {
        Self {
            destination,
            from,
            to,
            trusted,
        }
    }

    /// Takes over the object of an entry as `path`. Returns false where that is not possible, so that it has to be made.
    pub async fn take(&self, entry: &FileEntry, path: &str) -> bool {
        let source = layout::object_path(&self.from, &entry.path);
        let target = layout::object_path(&self.to, path);
        let place = self.destination.display(&source);
        match self.copied(&source, &target, entry).await {
            Ok(true) => return true,
            Ok(false) => warn_changed(&place),
            Err(error) => tracing::warn!("{place} cannot be taken over and is made anew: {error}"),
        }
        false
    }

    /// Copies the object. Returns whether it matches its entry; one that does not will be replaced.
    async fn copied(&self, source: &Path, target: &Path, entry: &FileEntry) -> Result<bool> {
        let store = &self.destination.store;
        let is_trusted = match self.trusted {
            None => false,
            Some(trusted) => {
                let found = store.head(source).await?;
                found.size == entry.bytes && found.last_modified <= trusted
            }
        };
        store.copy(source, target).await?;
        if is_trusted {
            return Ok(true);
        }
        let copy = store.get(target).await?;
        if copy.meta.size != entry.bytes {
            return Ok(false);
        }
        let mut bytes = copy.into_stream();
        let mut hash = Sha256::new();
        while let Some(bytes) = bytes.try_next().await? {
            hash.update(&bytes);
        }
        Ok(hex(&hash.finalize()) == entry.sha256)
    }
}
