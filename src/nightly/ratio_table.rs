//! The ratio tables of a night's output: their names, places and columns.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::layout;
use super::manifest::Content;

/// One of the tables. Each is a Parquet file, sorted by level (all, tenant, course, tenant_course), tenant, course and time,
/// and the same rows as CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RatioTable {
    /// All levels over all windows of time that end with the snapshot's day.
    Windows,
    /// All levels day by day.
    ByDay,
}

/// The columns: those of the view `download_ratio`, and the revision of the row.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let field = |(name, data_type): (&str, DataType)| Field::new(name, data_type, true);
    let columns = [
        ("level", DataType::Utf8View),
        ("course_id", DataType::Utf8View),
        ("tenant_id", DataType::Utf8View),
        ("time_window", DataType::Utf8View),
        ("downloads", DataType::Int64),
        ("batches", DataType::Int64),
        ("download_ratio", DataType::Float64),
        ("batches_downloaded", DataType::Int64),
        ("coverage", DataType::Float64),
        ("requests", DataType::Int64),
        ("delivered", DataType::Int64),
        ("window_start", DataType::Date32),
        ("window_end", DataType::Date32),
        ("as_of", DataType::Date32),
        ("revision", DataType::Int64),
    ];
    Arc::new(Schema::new(columns.map(field).to_vec()))
});

impl RatioTable {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Windows, Self::ByDay];

    /// The folder of the table, which is also its name.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Windows => layout::RATIO,
            Self::ByDay => layout::RATIO_BY_DAY,
        }
    }

    /// The columns of each table, the same in both.
    pub fn schema() -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    /// What a manifest says of the Parquet file.
    pub(super) const fn content(self) -> Content {
        match self {
            Self::Windows => Content::DownloadRatio,
            Self::ByDay => Content::DownloadRatioByDay,
        }
    }

    /// What a manifest says of the CSV file.
    pub(super) const fn csv_content(self) -> Content {
        match self {
            Self::Windows => Content::DownloadRatioCsv,
            Self::ByDay => Content::DownloadRatioByDayCsv,
        }
    }
}
