//! Why a local file or folder cannot be written.

use std::io;
use std::path::{Path, PathBuf};

use datafusion::parquet::errors::ParquetError;

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
    /// The error that a [`HashedFile`](super::HashedFile) ended the writing of Parquet with.
    ///
    /// # Errors
    /// `error` itself, where it has another cause.
    pub fn behind(error: ParquetError) -> Result<Self, ParquetError> {
        match error {
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(cause) => cause
                    .downcast::<Self>()
                    .map_err(|cause| ParquetError::External(Box::new(cause))),
                Err(cause) => Err(ParquetError::External(cause)),
            },
            error => Err(error),
        }
    }

    /// As an error of [`io::Write`], through which a library passes it on.
    pub(super) fn into_io(self) -> io::Error {
        let kind = match &self {
            Self::DiskFull(_) => io::ErrorKind::StorageFull,
            Self::Unwritable { source, .. } => source.kind(),
        };
        io::Error::new(kind, self)
    }
}
