//! The download ratio (`docs/design.md`, "Download events and the ratio"): is the report used? Its definition is
//! `queries/metrics/download_ratio.sql`.

mod columns;
mod days;
mod error;
mod explain;
pub mod figures;
mod left_out;

use datafusion::prelude::DataFrame;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use columns::{SENT_BY_SUBSCRIPTION, ratio_columns};
pub use days::{Days, Period, Window};
pub use error::RatioError;
pub use explain::{Explanation, Subject, SubjectId, explain};
pub use left_out::LeftOut;

use crate::catalog::{Catalog, CatalogError};
use crate::queries::Parameters;

/// The level of a ratio: what it is computed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// All courses together.
    All,
    /// Each course.
    Course,
    /// Each tenant.
    Tenant,
    /// Each course within each tenant: the part of a shared course that a tenant may see.
    TenantCourse,
}

impl Level {
    /// Every level, in the order that `queries/metrics/ratio_report.sql` gives rows.
    pub const ALL: [Self; 4] = [Self::All, Self::Course, Self::Tenant, Self::TenantCourse];

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

/// The parameter value for every level or window.
const EVERY: &str = "*";
/// The view, and the table name under which queries that print rows read them.
const DOWNLOAD_RATIO: &str = "download_ratio";

/// The ratio's rows in order of level, id and window; `None` stands for every level or window.
///
/// # Errors
/// The query cannot be planned.
pub async fn download_ratio(
    catalog: &Catalog,
    level: Option<Level>,
    window: Option<Window>,
) -> Result<DataFrame, RatioError> {
    let rows = catalog.query("metrics/ratio_report", |parameters| {
        selected(parameters, level, window.map(Window::name))
    });
    Ok(rows.await?)
}

/// The ratio's rows over some days: one for each id, with the time window `custom`.
///
/// # Errors
/// The query cannot be planned.
pub async fn download_ratio_of_days(
    catalog: &Catalog,
    level: Option<Level>,
    days: &Days,
) -> Result<DataFrame, RatioError> {
    let ratios = catalog
        .query("metrics/download_ratio", |parameters| days.bound(parameters))
        .await?;
    Ok(selected_in_order(catalog, ratios, level, Some("custom")).await?)
}

/// The ratio's rows in order of level, id and period.
///
/// # Errors
/// The query cannot be planned.
pub async fn download_ratio_over_time(
    catalog: &Catalog,
    level: Option<Level>,
    period: Period,
    days: &Days,
) -> Result<DataFrame, RatioError> {
    let ratios = catalog
        .query("metrics/download_ratio_over_time", |parameters| {
            days.bound(parameters).with("period", period.name())
        })
        .await?;
    Ok(selected_in_order(catalog, ratios, level, None).await?)
}

/// Rows with the columns of the ratio, and perhaps others, in order of level, id and window or period.
///
/// # Errors
/// The query cannot be planned.
pub async fn in_order(catalog: &Catalog, ratios: DataFrame) -> Result<DataFrame, CatalogError> {
    selected_in_order(catalog, ratios, None, None).await
}

async fn selected_in_order(
    catalog: &Catalog,
    ratios: DataFrame,
    level: Option<Level>,
    window: Option<&str>,
) -> Result<DataFrame, CatalogError> {
    let tables = [(DOWNLOAD_RATIO, ratios.into_view())];
    let rows = catalog.query_with_tables("metrics/ratio_report", &tables, |parameters| {
        selected(parameters, level, window)
    });
    rows.await
}

fn selected(parameters: Parameters, level: Option<Level>, window: Option<&str>) -> Parameters {
    parameters
        .with("level", level.map_or(EVERY, Level::name))
        .with("time_window", window.unwrap_or(EVERY))
}
