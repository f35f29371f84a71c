//! Why a local file or folder cannot be written.

use std::io;
use std::path::{Path, PathBuf};

/// A file or folder that cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    #[error("no space left on the disk of {}; free space", .0.display())]
    DiskFull(PathBuf),
    #[error("{} cannot be written: {source}; check the folder and its permissions", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

impl WriteError {
    /// The error for a `path` that could not be written.
    pub fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull(path),
            _ => Self::Unwritable { path, source },
        }
    }
}
