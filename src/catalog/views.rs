//! The views that everyone gets, each made by the query of its name, in the order in which they build on each other.

use datafusion::dataframe::DataFrame;
use datafusion::prelude::col;
use datafusion::scalar::ScalarValue;

use super::error::CatalogError;
use super::{Catalog, mapping};
use crate::config::{Config, UnknownUsers};
use crate::engine::EngineError;
use crate::engine::copies::split_by_copies;
use crate::exports::Table;
use crate::ids::SnapshotDate;
use crate::queries::Parameters;

const VIEWS: [&str; 13] = [
    "staging/distinct_users",
    "staging/distinct_enrolments",
    "staging/numeric_course_progress",
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

/// A query that keeps one row of each key of a large table, as it is.
struct Distinct {
    query: &'static str,
    /// The table or view that it reads.
    from: &'static str,
    columns: Table,
    /// Rows without one of these are left out.
    key: &'static [&'static str],
}

/// Only what may be copies goes through these queries; a site's own ones get all rows.
const DISTINCT: [Distinct; 4] = [
    Distinct {
        query: "staging/distinct_users",
        from: "users",
        columns: Table::Users,
        key: &["user_id"],
    },
    Distinct {
        query: "staging/distinct_enrolments",
        from: "enrolments",
        columns: Table::Enrolments,
        key: &["batch_id", "user_id"],
    },
    Distinct {
        query: "staging/distinct_course_progress",
        from: "numeric_course_progress",
        columns: Table::CourseProgress,
        key: &["batch_id", "user_id"],
    },
    Distinct {
        query: "staging/distinct_download_events",
        from: "download_events",
        columns: Table::DownloadEvents,
        key: &["mid"],
    },
];

/// Makes the `batches` table of exports without one, where it comes from enrolments.
const BATCHES_FROM_ENROLMENTS: &str = "staging/batches_from_enrolments";

/// The query of a view.
pub fn query_of(view: &str) -> Option<&'static str> {
    VIEWS.into_iter().find(|query| query.rsplit('/').next() == Some(view))
}

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
        let distinct = DISTINCT.iter().find(|distinct| distinct.query == query);
        let frame = match distinct {
            Some(distinct) if catalog.are_built_in(&[query]) => distinct_rows(catalog, distinct).await?,
            _ => catalog.query(query, |parameters| parameters).await?,
        };
        mapping::register_view(&catalog.session, name, frame)?;
    }
    Ok(())
}

/// The rows of keys that stand once, and what the query keeps of the others.
async fn distinct_rows(catalog: &Catalog, distinct: &Distinct) -> Result<DataFrame, CatalogError> {
    let failed = || EngineError::running(format!("query {}", distinct.query));
    let all = catalog.session.table_provider(distinct.from).await.map_err(failed())?;
    let split = split_by_copies(&all, distinct.key);
    let ranked = catalog
        .query_over(distinct.query, distinct.from, split.repeated)
        .await?;
    let columns: Vec<_> = distinct
        .columns
        .columns()
        .iter()
        .map(|column| col(column.name))
        .collect();
    let unique = catalog.session.read_table(split.unique).map_err(failed())?;
    let rows = unique
        .select(columns.clone())
        .and_then(|unique| unique.union(ranked.select(columns)?))
        .map_err(failed())?;
    Ok(rows)
}
