//! The download ratio (DESIGN, section 5): is the report used? Its definition is `queries/metrics/download_ratio.sql`.

pub mod figures;

use datafusion::prelude::DataFrame;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::catalog::{Catalog, CatalogError};

/// What a ratio is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All courses together.
    All,
    /// Each course.
    Course,
    /// Each tenant.
    Tenant,
    /// Each course within one tenant.
    TenantCourse,
}

/// The days whose downloads count; each window ends with the snapshot's own day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    All,
    #[serde(rename = "1d")]
    OneDay,
    #[serde(rename = "7d")]
    SevenDays,
    #[serde(rename = "30d")]
    ThirtyDays,
}

impl Level {
    /// The value of the column `level`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Course => "course",
            Self::Tenant => "tenant",
            Self::TenantCourse => "tenant_course",
        }
    }
}

impl Window {
    /// The value of the column `time_window`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::OneDay => "1d",
            Self::SevenDays => "7d",
            Self::ThirtyDays => "30d",
        }
    }
}

/// Stands for every level or window.
const EVERY: &str = "*";

/// The ratio's rows in order of level, id and window; `None` stands for every level or window.
pub async fn download_ratio(
    catalog: &Catalog,
    level: Option<Level>,
    window: Option<Window>,
) -> Result<DataFrame, CatalogError> {
    catalog
        .query("metrics/ratio_report", |parameters| {
            parameters
                .with("level", level.map_or(EVERY, Level::name))
                .with("time_window", window.map_or(EVERY, Window::name))
        })
        .await
}
