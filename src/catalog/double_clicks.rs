//! Double clicks: the view `download_requests`, whose query sorts clicks to compare each with the one before. It runs only
//! over clicks that may be repeated, or have another one near them.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, IntervalUnit};
use datafusion::common::ScalarValue;
use datafusion::dataframe::DataFrame;
use datafusion::prelude::{Expr, col, lit};
use datafusion::sql::sqlparser::ast::{Expr as SqlExpr, Value, Visitor};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::Catalog;
use super::error::CatalogError;
use crate::engine::dialect::walk::walk;
use crate::engine::repeated_rows::{MAY_BE_REPEATED, Neighbours, split_in_time};
use crate::engine::{EngineError, materialised};
use crate::exports::Table;

/// The query that finds double clicks.
pub const DOWNLOAD_REQUESTS: &str = "staging/download_requests";
/// The query whose clicks [`DOWNLOAD_REQUESTS`] reads.
const DISTINCT_DOWNLOAD_EVENTS: &str = "staging/distinct_download_events";
/// The column that is true for rows that skip [`DOWNLOAD_REQUESTS`].
const IS_REQUEST: &str = "is_request";

/// The rows of `download_requests`: clicks that cannot be repeated and have no neighbours are requests as they are, and
/// the queries run over the others. `None` where a site replaces one of the queries.
pub async fn download_requests(catalog: &Catalog) -> Result<Option<DataFrame>, CatalogError> {
    if !catalog.are_built_in(&[DOWNLOAD_REQUESTS, DISTINCT_DOWNLOAD_EVENTS]) {
        return Ok(None);
    }
    match only_interval(&catalog.queries.get(DOWNLOAD_REQUESTS)?.sql) {
        None => Ok(None),
        Some(within_micros) => requests_within(catalog, within_micros).await.map(Some),
    }
}

/// The same, where clicks that are at most `within_micros` apart may be double clicks.
async fn requests_within(catalog: &Catalog, within_micros: i64) -> Result<DataFrame, CatalogError> {
    let failed = || EngineError::running(format!("query {DOWNLOAD_REQUESTS}"));
    let events = Table::DownloadEvents;
    let all = catalog.session.table_provider(events.name()).await.map_err(failed())?;
    let neighbours = Neighbours {
        texts: &["user_id", "batch_id"],
        time: "event_time",
        within_micros,
    };
    let split = split_in_time(&all, &["mid"], neighbours);
    let mut columns = columns_of(events);
    let partitions = catalog.session.copied_config().target_partitions();
    let others = catalog.session.read_table(split.others).map_err(failed())?;
    // Repeated rows and neighbours are read twice, so they are materialised.
    let others = materialised(others, partitions);
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
        .map(|distinct| materialised(distinct, partitions))
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

/// The only interval in a query, in microseconds: here, the time within which two clicks are one request. `None` where
/// there is none or several, or one of no fixed length, so that nothing is known of the query.
fn only_interval(sql: &str) -> Option<i64> {
    let statements = Parser::parse_sql(&GenericDialect {}, sql).ok()?;
    let mut intervals = Intervals(Vec::new());
    let _ = walk(&statements, &mut intervals);
    match intervals.0.as_slice() {
        [only] => *only,
        _ => None,
    }
}

/// The intervals in a statement, in microseconds where they have a fixed length.
struct Intervals(Vec<Option<i64>>);

impl Visitor for Intervals {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &SqlExpr) -> ControlFlow<()> {
        if let SqlExpr::Interval(interval) = expr {
            self.0.push(match (interval.value.as_ref(), &interval.leading_field) {
                (SqlExpr::Value(text), None) => micros_of(&text.value),
                _ => None,
            });
        }
        ControlFlow::Continue(())
    }
}

fn micros_of(interval: &Value) -> Option<i64> {
    let Value::SingleQuotedString(text) = interval else {
        return None;
    };
    let months_days_nanos = DataType::Interval(IntervalUnit::MonthDayNano);
    match ScalarValue::try_from_string(text.clone(), &months_days_nanos) {
        Ok(ScalarValue::IntervalMonthDayNano(Some(time))) if time.months == 0 && time.days == 0 => {
            (time.nanoseconds > 0 && time.nanoseconds % 1_000 == 0).then_some(time.nanoseconds / 1_000)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queries::Queries;

    #[test]
    fn the_time_between_double_clicks_is_read_from_their_query() {
        let query = Queries::default().get(DOWNLOAD_REQUESTS).expect("built in");
        assert_eq!(only_interval(&query.sql), Some(60_000_000));
        let compared_with = |interval: &str| only_interval(&format!("select a from t where a < b - {interval}"));
        assert_eq!(compared_with("interval '1 minute 30 seconds'"), Some(90_000_000));
        assert_eq!(compared_with("interval '250 milliseconds'"), Some(250_000));
    }

    #[test]
    fn nothing_is_known_of_a_query_without_one_interval_of_fixed_length() {
        for where_ in [
            "a < b",
            "a < b - interval '1 month'",
            "a < b - interval '1 day'",
            "a < b - interval '-60 seconds'",
            "a < b - interval '60' second",
            "a < b - interval '60 seconds' and a > b - interval '90 seconds'",
            "a < b - c",
        ] {
            assert_eq!(
                only_interval(&format!("select a from t where {where_}")),
                None,
                "{where_}"
            );
        }
        assert_eq!(only_interval("select from where"), None);
    }
}
