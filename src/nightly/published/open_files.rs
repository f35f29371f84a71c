//! A cache of open files of the mart, which closes the least recently used one, so that memory is bounded.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::PublishedError;
use super::mart_file::MartFile;

/// The capacity of the cache; the footer of each file takes some 30 kB.
const MOST_OPEN: usize = 512;

/// Open files by their positions in the manifest, the most recently used last.
#[derive(Debug, Default)]
pub struct OpenFiles(Mutex<VecDeque<(usize, Arc<MartFile>)>>);

impl OpenFiles {
    /// The file at a position of the manifest, opened by `open` where it is not open.
    pub async fn get_or_open(
        &self,
        entry: usize,
        open: impl Future<Output = Result<MartFile, PublishedError>>,
    ) -> Result<Arc<MartFile>, PublishedError> {
        if let Some(file) = self.used(entry) {
            return Ok(file);
        }
        let file = Arc::new(open.await?);
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.push_back((entry, Arc::clone(&file)));
        if files.len() > MOST_OPEN {
            files.pop_front();
        }
        Ok(file)
    }

    fn used(&self, entry: usize) -> Option<Arc<MartFile>> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = files.iter().rposition(|(other, _)| *other == entry)?;
        let found = files.remove(place)?;
        let file = Arc::clone(&found.1);
        files.push_back(found);
        Some(file)
    }
}
