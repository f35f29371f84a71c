//! The ratio tables of a night's output: their names, paths and columns.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{DataType, SchemaRef};

use super::layout;
use super::manifest::Content;
use crate::ratio::ratio_columns;

/// One of the tables. Each is a Parquet file, sorted by level (all, course, tenant, tenant_course), course, tenant and
/// time as the rows of `pragati ratio` are, and the same rows as CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RatioTable {
    /// All levels over each time window that ends with the snapshot's day.
    Windows,
    /// All levels day by day.
    ByDay,
}

/// The columns, with the revision of the row.
static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| ratio_columns(&DataType::Utf8View));

impl RatioTable {
    /// Both tables.
    pub const ALL: [Self; 2] = [Self::Windows, Self::ByDay];

    /// The table's folder, which is also its name.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Windows => layout::RATIO,
            Self::ByDay => layout::RATIO_BY_DAY,
        }
    }

    /// The columns, which are the same for both tables.
    pub fn schema() -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    /// The kind of the Parquet file in the manifest.
    pub(super) const fn content(self) -> Content {
        match self {
            Self::Windows => Content::DownloadRatio,
            Self::ByDay => Content::DownloadRatioByDay,
        }
    }

    /// The kind of the CSV file in the manifest.
    pub(super) const fn csv_content(self) -> Content {
        match self {
            Self::Windows => Content::DownloadRatioCsv,
            Self::ByDay => Content::DownloadRatioByDayCsv,
        }
    }
}
