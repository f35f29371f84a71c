//! The views, each defined by the query of its name.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::catalog::TableProvider;
use datafusion::dataframe::DataFrame;

use super::double_clicks::{DOWNLOAD_REQUESTS, download_requests};
use super::error::CatalogError;
use super::view_order::{in_order, queries_of_views, view_of};
use super::{Catalog, consents, details, mapping, telemetry};
use crate::config::{Config, UnknownUsers};
use crate::engine::repeated_rows::{Inputs, SplitTables, ranking_only_repeated};
use crate::engine::{EngineError, cluster_of};
use crate::exports::Table;
use crate::ids::SnapshotDate;
use crate::queries::{Parameters, Queries};

/// The first day of tables by day, unless an earlier one is requested. Earlier timestamps in the exports are wrong.
pub const EARLIEST_DAY: Option<NaiveDate> = NaiveDate::from_ymd_opt(2000, 1, 1);

/// The query that makes `batches` from enrolments, for exports without that table.
const BATCHES_FROM_ENROLMENTS: &str = "staging/batches_from_enrolments";

/// The only view that reads telemetry directly.
pub const DISTINCT_DELIVERIES: &str = "distinct_deliveries";

/// The query of a view.
pub fn query_of(view: &str) -> Option<&'static str> {
    let mut queries = queries_of_views().chain([consents::QUERY]);
    queries.find(|query| view_of(query) == view)
}

/// Whether `name` is that of a view or of a table that Pragati registers, so that no exported table may have it.
pub fn is_taken(name: &str) -> bool {
    let of_history = |table: Table| name == super::history_name(table);
    query_of(name).is_some() || name == telemetry::MALFORMED || Table::ALL.into_iter().any(of_history)
}

/// The parameters of views.
pub fn parameters(config: &Config, date: SnapshotDate) -> Parameters {
    let unknown_users = match config.report.unknown_users {
        UnknownUsers::Keep => "keep",
        UnknownUsers::Omit => "omit",
    };
    telemetry::click_rule(&config.telemetry, Parameters::default())
        .with("timezone", config.timezone.name())
        .with("same_tenant", config.report.same_tenant)
        .with("unknown_users", unknown_users)
        .with_day("as_of", Some(date.day()))
        .with_day("earliest_day", EARLIEST_DAY)
        .with("counts_deliveries", config.events.is_some())
        // Replaced by queries over some days.
        .with_day("since", None)
        .with_day("until", None)
        .with("period", "*")
}

/// Registers `batches`, made from enrolments, for exports without that table.
pub async fn register_batches(catalog: &Catalog) -> Result<(), CatalogError> {
    let batches = catalog.query(BATCHES_FROM_ENROLMENTS, |parameters| parameters).await?;
    mapping::register_view(&catalog.session, Table::Batches.name(), batches)
}

/// Whether the queries of all views are the built-in ones, not a site's own.
pub fn are_built_in(queries: &Queries) -> bool {
    queries_of_views().all(|query| queries.is_built_in(query))
}

/// Plans and registers the views that are not registered yet.
pub async fn register(catalog: &Catalog) -> Result<(), CatalogError> {
    for query in in_order(&catalog.queries)? {
        let name = view_of(query);
        if !catalog.session.table_exist(name).unwrap_or(false) {
            let view = planned(catalog, query).await?;
            mapping::register_table(&catalog.session, name, view)?;
        }
    }
    Ok(())
}

/// The view that `query` defines.
pub async fn planned(catalog: &Catalog, query: &'static str) -> Result<Arc<dyn TableProvider>, CatalogError> {
    // Repeated keys are found and held in one process, so this does not work on a cluster.
    let is_one_process = cluster_of(&catalog.session).is_none();
    let requests = match query {
        DOWNLOAD_REQUESTS if is_one_process => download_requests(catalog).await?,
        _ => None,
    };
    let rows = match requests {
        Some(requests) => requests,
        None => {
            let rows = catalog.query(query, |parameters| parameters).await?;
            if is_one_process {
                distinct_rows(query, rows)?
            } else {
                rows
            }
        }
    };
    match view_of(query) {
        details::ENROLMENT_DETAILS => details::table(catalog, rows).await,
        _ => Ok(rows.into_view()),
    }
}

/// The rows of a query. Where it keeps one row of each key, it ranks only rows whose key may be repeated; which keys these
/// are is found once for all that read the view, and for statements that rank the rows of its table by the same key.
fn distinct_rows(query: &str, rows: DataFrame) -> Result<DataFrame, CatalogError> {
    let (state, plan) = rows.into_parts();
    let split = SplitTables::of(state.config());
    let plan = ranking_only_repeated(plan, Inputs::TablesAndViews, &split);
    let plan = plan.map_err(EngineError::running(format!("query {query}")))?;
    Ok(DataFrame::new(state, plan))
}
