//! The history of the ratio by day: finds the rows that would be lost with an old output.

use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::{Date32Type, Int64Type};

use super::super::error::NightlyError;
use super::super::metrics::published_rows;
use super::super::published::{Published, PublishedError};
use super::super::ratio_table::RatioTable;
use crate::catalog::Catalog;
use crate::config::DateChoice;
use crate::engine::EngineError;
use crate::exports::Location;
use crate::ids::SnapshotDate;
use crate::report::ReportError;

const DAYS_LOST: &str = "metrics/ratio_days_lost";

/// The history in the newest output.
pub struct History<'a> {
    catalog: &'a Catalog,
    newest: SnapshotDate,
    /// `None` where its ratio tables are missing or damaged.
    later: Option<Arc<Published>>,
}

impl<'a> History<'a> {
    /// The history of the output of `newest`, whose ratio tables are verified.
    pub async fn of(catalog: &'a Catalog, reports: &Location, newest: SnapshotDate) -> Result<Self, NightlyError> {
        let published = Published::open(reports.clone(), DateChoice::Day(newest)).await?;
        let later = match published.verify_ratio_tables().await {
            Ok(()) => Some(Arc::new(published)),
            Err(error @ PublishedError::Unreadable { .. }) => return Err(error.into()),
            Err(_) => None,
        };
        Ok(Self { catalog, newest, later })
    }

    /// The reason, for messages, why rows of the history would be lost with an earlier output; `None` where none would.
    pub async fn would_lose(&self, earlier: &Arc<Published>) -> Result<Option<String>, NightlyError> {
        if !earlier.has_ratio_tables() {
            return Ok(None);
        }
        match earlier.verify_ratio_tables().await {
            Ok(()) => {}
            Err(error @ PublishedError::Unreadable { .. }) => return Err(error.into()),
            Err(error) => {
                let problem = error.problem();
                return Ok(Some(format!("its history of the ratio cannot be read: {problem}")));
            }
        }
        let newest = self.newest;
        let Some(later) = &self.later else {
            return Ok(Some(format!(
                "the output of {newest} has no sound ratio tables that would carry over its history"
            )));
        };
        let (zone, later_zone) = (&earlier.manifest().timezone, &later.manifest().timezone);
        if zone != later_zone {
            return Ok(Some(format!(
                "its ratio is by days of {zone}, and that of {newest} by days of {later_zone}; copy it elsewhere and remove it by \
                 hand, if it is not needed"
            )));
        }
        Ok(self.lost_days(earlier, later).await?.map(|lost| {
            format!(
                "its ratio by day has {lost}, which the output of {newest} does not have; copy it elsewhere and remove it by \
                 hand, if they are not needed"
            )
        }))
    }

    /// A description of the rows that only the earlier output has.
    async fn lost_days(
        &self,
        earlier: &Arc<Published>,
        later: &Arc<Published>,
    ) -> Result<Option<String>, NightlyError> {
        let tables = [
            ("earlier_ratio", published_rows(earlier, RatioTable::ByDay)),
            ("later_ratio", published_rows(later, RatioTable::ByDay)),
        ];
        let lost = self
            .catalog
            .query_with_tables(DAYS_LOST, &tables, |parameters| parameters)
            .await?;
        let lost = lost.collect().await.map_err(EngineError::running(DAYS_LOST))?;
        let Some(row) = lost.iter().find(|rows| rows.num_rows() > 0) else {
            return Err(EngineError::Lost("rows of the ratio that would be lost").into());
        };
        let column = |name| row.column_by_name(name).ok_or(ReportError::MissingColumn(name));
        let rows = column("lost_rows")?
            .as_primitive_opt::<Int64Type>()
            .map_or(0, |rows| rows.value(0));
        let day = |name| {
            let days = column(name)?.as_primitive_opt::<Date32Type>();
            let day = days.filter(|days| days.is_valid(0)).map(|days| days.value(0));
            Ok::<_, NightlyError>(day.and_then(NaiveDate::from_epoch_days))
        };
        let (first, last) = (day("first_day")?, day("last_day")?);
        let counted = if rows == 1 {
            "1 row".to_owned()
        } else {
            format!("{rows} rows")
        };
        Ok((rows > 0).then(|| match first.zip(last) {
            Some((first, last)) if first == last => format!("{counted} of {first}"),
            Some((first, last)) => format!("{counted} of {first} to {last}"),
            None => counted,
        }))
    }
}
