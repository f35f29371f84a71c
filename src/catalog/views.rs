//! The views, each defined by the query of its name, in topological order.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{Expr, col, lit};

use super::error::CatalogError;
use super::{Catalog, consents, details, mapping, telemetry};
use crate::config::{Config, UnknownUsers};
use crate::engine::repeated_rows::{
    Inputs, MAY_BE_REPEATED, Neighbours, SplitTables, ranking_only_repeated, split_in_time,
};
use crate::engine::{EngineError, cluster_of, materialised};
use crate::exports::Table;
use crate::ids::SnapshotDate;
use crate::queries::Parameters;

/// The first day of tables by day, unless an earlier one is requested. Earlier timestamps in the exports are wrong.
pub const EARLIEST_DAY: Option<NaiveDate> = NaiveDate::from_ymd_opt(2000, 1, 1);

const VIEWS: [&str; 22] = [
    "staging/distinct_users",
    "staging/distinct_enrolments",
    "staging/numeric_course_progress",
    "staging/distinct_course_progress",
    "staging/distinct_batches",
    "staging/distinct_download_events",
    DOWNLOAD_REQUESTS,
    "staging/distinct_deliveries",
    "reports/report_batches",
    consents::ENROLMENT_DETAILS,
    "reports/course_progress_report",
    "metrics/numbered_batches",
    "metrics/numbered_downloads_by_day",
    "metrics/batch_downloads_by_day",
    "metrics/batch_sendings_by_day",
    "metrics/batches_by_level",
    "metrics/first_download_day",
    "metrics/download_ratio",
    "metrics/download_ratio_overall",
    "metrics/download_ratio_by_course",
    "metrics/download_ratio_by_tenant",
    "metrics/download_ratio_over_time",
];

/// The query that finds double clicks. It sorts clicks to compare each with the one before, so it runs only over clicks
/// that may be repeated, or have another within a minute.
const DOWNLOAD_REQUESTS: &str = "staging/download_requests";
const DISTINCT_DOWNLOAD_EVENTS: &str = "staging/distinct_download_events";
/// The column that is true for rows that skip [`DOWNLOAD_REQUESTS`].
const IS_REQUEST: &str = "is_request";
const DOUBLE_CLICKS: Neighbours = Neighbours {
    texts: &["user_id", "batch_id"],
    time: "event_time",
    within_micros: 60_000_000,
};

/// The query that makes `batches` from enrolments, for exports without that table.
const BATCHES_FROM_ENROLMENTS: &str = "staging/batches_from_enrolments";

/// The only view that reads telemetry directly.
pub const DISTINCT_DELIVERIES: &str = "distinct_deliveries";

/// The query of a view.
pub fn query_of(view: &str) -> Option<&'static str> {
    let mut queries = VIEWS.into_iter().chain([consents::QUERY]);
    queries.find(|query| query.rsplit('/').next() == Some(view))
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

/// Registers the views that are not registered yet. `has_batches` tells whether the exports have a table `batches`.
pub async fn register(catalog: &Catalog, has_batches: bool) -> Result<(), CatalogError> {
    if !has_batches {
        let batches = catalog.query(BATCHES_FROM_ENROLMENTS, |parameters| parameters).await?;
        mapping::register_view(&catalog.session, Table::Batches.name(), batches)?;
    }
    // Repeated keys are found and held in one process, so this does not work on a cluster.
    let is_one_process = cluster_of(&catalog.session).is_none();
    for query in VIEWS {
        let name = query.rsplit('/').next().unwrap_or(query);
        if catalog.session.table_exist(name).unwrap_or(false) {
            continue;
        }
        let are_built_in = || catalog.are_built_in(&[query, DISTINCT_DOWNLOAD_EVENTS]);
        let frame = if is_one_process && query == DOWNLOAD_REQUESTS && are_built_in() {
            download_requests(catalog).await?
        } else {
            let rows = catalog.query(query, |parameters| parameters).await?;
            if is_one_process {
                distinct_rows(query, rows)?
            } else {
                rows
            }
        };
        match name {
            details::ENROLMENT_DETAILS => details::register(catalog, frame).await?,
            _ => mapping::register_view(&catalog.session, name, frame)?,
        }
    }
    Ok(())
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

/// Clicks without repetition or neighbours, each a request, and the result of the queries for the others.
async fn download_requests(catalog: &Catalog) -> Result<DataFrame, CatalogError> {
    let failed = || EngineError::running(format!("query {DOWNLOAD_REQUESTS}"));
    let events = Table::DownloadEvents;
    let all = catalog.session.table_provider(events.name()).await.map_err(failed())?;
    let split = split_in_time(&all, &["mid"], DOUBLE_CLICKS);
    let mut columns = columns_of(events);
    let partitions = catalog.session.copied_config().target_partitions();
    let others = catalog.session.read_table(split.others).map_err(failed())?;
    // Repeated rows and neighbours are read twice, so they are materialised.
    let others = materialised(others, partitions).map_err(failed())?;
    let others_where = |condition| {
        let others = catalog.session.read_table(Arc::clone(&others))?;
        others.filter(condition)?.select(columns.clone())
    };
    let repeated = others_where(col(MAY_BE_REPEATED)).map_err(failed())?;
    let ranked = catalog
        .query_over(DISTINCT_DOWNLOAD_EVENTS, events.name(), repeated.into_view())
        .await?;
    // Ranking and comparing both sort. Materialising the result of the first frees its memory before the second begins.
    let distinct = others_where(col(MAY_BE_REPEATED).is_false())
        .and_then(|neighbours| neighbours.union(ranked.select(columns.clone())?))
        .and_then(|distinct| materialised(distinct, partitions))
        .map_err(failed())?;
    let compared = catalog
        .query_over(DOWNLOAD_REQUESTS, "distinct_download_events", distinct)
        .await?;
    let compared_columns = columns.iter().cloned().chain([col(IS_REQUEST)]).collect::<Vec<_>>();
    columns.push(lit(true).alias(IS_REQUEST));
    let alone = catalog.session.read_table(split.alone).map_err(failed())?;
    let rows = alone
        .select(columns)
        .and_then(|alone| alone.union(compared.select(compared_columns)?))
        .map_err(failed())?;
    Ok(rows)
}

fn columns_of(table: Table) -> Vec<Expr> {
    table.columns().iter().map(|column| col(column.name)).collect()
}
