//! Errors of reading the files of a report mart.

use crate::ids::SnapshotDate;

/// A file of the mart that cannot be read as its manifest says.
#[derive(Debug, Clone, thiserror::Error)]
pub enum MartError {
    #[error("{file} was replaced by a later nightly run while a query read it; run the query again")]
    Replaced { file: String },
    #[error("{manifest} is no longer the one that was read: a later nightly run has replaced the output")]
    OtherManifest { manifest: String },
    #[error("{file} cannot be read as a part of the report mart: {reason}")]
    Unreadable { file: String, reason: String },
    #[error(
        "the report mart of {day} cannot be read: {reason}; run the query again, and then `pragati nightly`, which makes \
         damaged files anew"
    )]
    ReadingFailed { day: SnapshotDate, reason: String },
    #[error("{file} has {found} {what} and its manifest says {expected}")]
    NotAsListed {
        file: String,
        what: &'static str,
        expected: u64,
        found: u64,
    },
    #[error("{file} does not have the column {column} as the report query gives it")]
    OtherColumn { file: String, column: String },
}

impl MartError {
    /// The error for a `file` that cannot be read.
    pub fn unreadable(file: &str, reason: impl ToString) -> Self {
        Self::Unreadable {
            file: file.to_owned(),
            reason: in_one_line(&reason.to_string()),
        }
    }

    /// The error for rows of the mart of a `day` that the reader failed to give.
    pub fn reading_failed(day: SnapshotDate, reason: &str) -> Self {
        Self::ReadingFailed {
            day,
            reason: in_one_line(reason),
        }
    }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
