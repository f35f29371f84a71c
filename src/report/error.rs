//! Why a report cannot be made or written.

use std::io;

use datafusion::arrow::error::ArrowError;

use crate::catalog::CatalogError;
use crate::details::DetailsError;
use crate::engine::EngineError;
use crate::ids::{BatchId, SnapshotDate};

/// A report that cannot be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ReportError {
    #[error(
        "batch '{batch}' is neither in table batches nor in table enrolments of the snapshot of {date}; check the id or choose another --date"
    )]
    UnknownBatch { batch: BatchId, date: SnapshotDate },
    #[error(
        "course '{course}' has no batch in table batches or in table enrolments of the snapshot of {date}; check the id or choose another --date"
    )]
    UnknownCourse { course: String, date: SnapshotDate },
    #[error("no batch is named; give at least one")]
    NoBatches,
    #[error(
        "there are more than {limit} different values of {what}, and each would be a file; filter the report first, or split it by another column"
    )]
    TooManyParts { what: &'static str, limit: usize },
    #[error(
        "a workbook holds {limit} sheets at most and there are {parts} parts; write a file each into a folder or a ZIP archive, or filter the report first"
    )]
    TooManySheets { parts: usize, limit: usize },
    #[error(
        "the report query gives no column {0}; add it to reports/course_progress_report.sql in your queries folder"
    )]
    MissingColumn(&'static str),
    #[error(
        "the report query's column {column} cannot be used: {reason}; check reports/course_progress_report.sql in your queries folder"
    )]
    WrongColumn { column: &'static str, reason: String },
    #[error("an XLSX sheet holds {limit} rows at most and this report has more; use --format csv")]
    TooManyRows { limit: u32 },
    #[error("the XLSX file cannot be made: {0}; use --format csv")]
    Xlsx(String),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Details(#[from] DetailsError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    #[error("the report cannot be written as Parquet: {0}")]
    Parquet(#[from] datafusion::parquet::errors::ParquetError),
    #[error("the report cannot be written: {0}")]
    Io(#[from] io::Error),
}
