//! Why a nightly run fails. Whatever the reason, the output of earlier runs stays as it was.

use std::io;
use std::path::{Path, PathBuf};

use datafusion::parquet::errors::ParquetError;

use super::published::PublishedError;
use crate::catalog::CatalogError;
use crate::engine::EngineError;
use crate::exports::LocationError;
use crate::files::WriteError;
use crate::report::ReportError;

/// A nightly run that failed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum NightlyError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error(transparent)]
    Published(#[from] PublishedError),
    #[error("another nightly run is writing to {}; wait for it to end", .0.display())]
    Busy(PathBuf),
    #[error("no space left on the disk of {}; free space or choose another --out; the output of earlier runs is untouched", .0.display())]
    DiskFull(PathBuf),
    #[error("{} cannot be written: {source}; check the folder and its permissions", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{place} cannot be uploaded to: {reason}; the manifest there still lists the earlier output")]
    Upload { place: String, reason: String },
    #[error("{place} cannot be removed: {reason}; the next run tries again")]
    NotRemoved { place: String, reason: String },
    #[error("{0}: another run has published meanwhile; its output stays, run this again if it should be newer")]
    Overtaken(String),
    #[error(
        "the report query does not give its rows ordered by batch_id: {0}; keep `order by batch_id, user_id` in reports/all_reports.sql"
    )]
    NotInOrder(String),
    #[error("the report query gives rows of batch '{0}', which reports/report_batches.sql does not list")]
    UnlistedBatch(String),
    #[error("{0}: {1}")]
    Parquet(&'static str, ParquetError),
    #[error(
        "{0} was taken over from an earlier output and is not what the exports give now; run `pragati nightly --full`, and please report this"
    )]
    NotAsMadeAnew(String),
    #[error("the settings of the output cannot be written as JSON: {0}; please report this")]
    Basis(String),
    #[error("a writer stopped without an error message; please report this with the log of -vv")]
    WriterLost,
}

impl NightlyError {
    /// The error for a `path` that could not be written.
    pub fn writing(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let error = WriteError::at(path);
        move |source| error(source).into()
    }

    /// The error for Parquet that could not be written: of its file, or that `what` cannot be written.
    pub fn writing_parquet(what: &'static str) -> impl Fn(ParquetError) -> Self {
        move |error| match WriteError::behind(error) {
            Ok(error) => error.into(),
            Err(error) => Self::Parquet(what, error),
        }
    }
}

impl From<WriteError> for NightlyError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::DiskFull(path) => Self::DiskFull(path),
            WriteError::Unwritable { path, source } => Self::Unwritable { path, source },
        }
    }
}
