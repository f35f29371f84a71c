//! The views that everyone gets, each made by the query of its name, in the order in which they build on each other.

use datafusion::scalar::ScalarValue;

use super::error::CatalogError;
use super::{Catalog, mapping};
use crate::config::{Config, UnknownUsers};
use crate::exports::Table;
use crate::ids::SnapshotDate;
use crate::queries::Parameters;

const VIEWS: [&str; 12] = [
    "staging/distinct_users",
    "staging/distinct_enrolments",
    "staging/distinct_course_progress",
    "staging/distinct_batches",
    "staging/distinct_download_events",
    "reports/report_batches",
    "reports/enrolment_details",
    "reports/course_progress_report",
    "metrics/download_ratio",
    "metrics/download_ratio_overall",
    "metrics/download_ratio_by_course",
    "metrics/download_ratio_by_tenant",
];

/// Makes the `batches` table of exports without one, where it comes from enrolments.
const BATCHES_FROM_ENROLMENTS: &str = "staging/batches_from_enrolments";

/// The parameters that views are bound to.
pub fn parameters(config: &Config, date: SnapshotDate) -> Parameters {
    let unknown_users = match config.report.unknown_users {
        UnknownUsers::Keep => "keep",
        UnknownUsers::Omit => "omit",
    };
    Parameters::default()
        .with("timezone", config.timezone.name())
        .with("same_tenant", config.report.same_tenant)
        .with("unknown_users", unknown_users)
        .with("as_of", ScalarValue::Date32(Some(date.day().to_epoch_days())))
}

/// Registers the views; `has_batches` tells whether the exports have a `batches` table of their own.
pub async fn register(catalog: &Catalog, has_batches: bool) -> Result<(), CatalogError> {
    if !has_batches {
        let batches = catalog.query(BATCHES_FROM_ENROLMENTS, |parameters| parameters).await?;
        mapping::register_view(&catalog.session, Table::Batches.name(), batches)?;
    }
    for query in VIEWS {
        let name = query.rsplit('/').next().unwrap_or(query);
        let frame = catalog.query(query, |parameters| parameters).await?;
        mapping::register_view(&catalog.session, name, frame)?;
    }
    Ok(())
}
