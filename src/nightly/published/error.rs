//! Errors of reading a published output.

use datafusion::arrow::error::ArrowError;
use datafusion::parquet::errors::ParquetError;

use super::problem;
use crate::exports::LocationError;
use crate::ids::{BatchId, SnapshotDate};
use crate::report::ReportError;

/// A nightly output that cannot be read, or lacks what was asked for.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum PublishedError {
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(
        "{place} cannot be read: {reason}; check the address, its permissions and the credentials in the environment"
    )]
    Unreadable { place: String, reason: String },
    #[error(
        "{reports} holds no complete nightly output: no date=YYYY-MM-DD/manifest.json can be read; run `pragati nightly`"
    )]
    NoneComplete { reports: String },
    #[error(
        "there is no nightly output of {date} in {reports}: {manifest} is missing; run `pragati nightly --date {date}` or choose another --date"
    )]
    NotComplete {
        reports: String,
        date: SnapshotDate,
        manifest: String,
    },
    #[error("{}; run `pragati nightly` again", problem::no_manifest(.manifest, .reason))]
    NoManifest { manifest: String, reason: String },
    #[error(
        "{}; use the pragati that wrote it, or run `pragati nightly` again",
        problem::unknown_version(.manifest, .found, .known)
    )]
    UnknownVersion { manifest: String, found: u32, known: u32 },
    #[error(
        "the reports in {reports} were made with {setting} = {made}, not {asked}; run `pragati nightly` with {setting} = {asked}, or use --exports"
    )]
    OtherSetting {
        reports: String,
        setting: &'static str,
        made: String,
        asked: String,
    },
    #[error(
        "the reports in {reports} were made with consent_rules = {made}, not {asked}: the setting or the queries of consent have changed; run `pragati nightly` again, or use --exports"
    )]
    OtherConsentRules {
        reports: String,
        made: String,
        asked: String,
    },
    #[error(
        "{reports} was made from other files than the snapshot of {date} has now; run `pragati nightly` again, or use --exports"
    )]
    OtherFiles { reports: String, date: SnapshotDate },
    #[error("{reports} was made with other queries or by another pragati, or the site's own queries make the reports")]
    OtherQueries { reports: String },
    #[error(
        "{}; the file was damaged or replaced: run `pragati nightly` again",
        problem::wrong_size(.file, .expected, .found)
    )]
    WrongSize { file: String, expected: u64, found: u64 },
    #[error("{file} was replaced by a later nightly run; open the output again")]
    Replaced { file: String },
    #[error("{}; open the output again, or run `pragati nightly` again", problem::missing_file(.file))]
    MissingFile { file: String },
    #[error(
        "{file} holds {found} rows of batch '{batch}' and its manifest says {expected}; run `pragati nightly` again"
    )]
    WrongRows {
        file: String,
        batch: BatchId,
        expected: u64,
        found: u64,
    },
    #[error(
        "the manifest of {day} lists batch '{batch}' and no file of the report mart that may hold its rows; run `pragati nightly` again"
    )]
    NoMartFile { day: String, batch: BatchId },
    #[error("{}; run `pragati nightly` again", problem::damaged(.file, .reason))]
    Damaged { file: String, reason: String },
    #[error("{}; the file was damaged: run `pragati nightly` again", problem::wrong_hash(.file))]
    WrongHash { file: String },
    #[error("{day} has no table {table}: an earlier pragati made it; run `pragati nightly` again")]
    NoRatioTable { day: String, table: &'static str },
    #[error(
        "{day} has no table of changed batches: an earlier pragati made it; run `pragati nightly` again, or give --since"
    )]
    NoChanges { day: String },
    #[error("{}; run `pragati nightly` again", problem::older_table(.file, .column))]
    OlderTable { file: String, column: String },
}

impl PublishedError {
    /// Whether the output is sound and the caller asked for something that it does not have.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Location(LocationError::Malformed { .. })
                | Self::OtherSetting { .. }
                | Self::OtherConsentRules { .. }
        )
    }

    /// The error for a `file` with invalid content.
    pub(super) fn damaged(file: &str, reason: impl ToString) -> Self {
        Self::Damaged {
            file: file.to_owned(),
            reason: one_line(&reason.to_string()),
        }
    }

    /// The error for a `place` that cannot be reached.
    pub(super) fn unreadable(place: String, error: &object_store::Error) -> Self {
        Self::Unreadable {
            place,
            reason: one_line(&error.to_string()),
        }
    }
}

/// Streams of the engine carry errors of this type.
impl From<PublishedError> for datafusion::error::DataFusionError {
    fn from(error: PublishedError) -> Self {
        Self::External(Box::new(error))
    }
}

/// Maps a Parquet error of a file of the output.
pub fn reading(file: &str) -> impl Fn(ParquetError) -> PublishedError {
    move |error| match &error {
        ParquetError::External(cause) if is_replaced(cause.downcast_ref()) => {
            PublishedError::Replaced { file: file.to_owned() }
        }
        _ => PublishedError::damaged(file, error),
    }
}

fn is_replaced(cause: Option<&object_store::Error>) -> bool {
    use object_store::Error::{NotFound, Precondition};
    matches!(cause, Some(Precondition { .. } | NotFound { .. }))
}

/// Maps an Arrow error of values in a file of the output.
pub fn values(file: &str) -> impl Fn(ArrowError) -> PublishedError {
    move |error| PublishedError::damaged(file, error)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
