//! Makes the ratio tables of a night: the download ratio of every level, over time windows and day by day.
//!
//! The days of a trailing window are computed anew each night, so that late events are counted. Older days are carried
//! over from the previous output, because the events of old days may have been deleted.
//! `queries/metrics/revised_ratio.sql` defines how new and previous rows are compared.

mod files;
mod previous;

use std::num::NonZeroU32;
use std::sync::Arc;

use chrono::{Days as Count, NaiveDate};
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Date32Type;
use datafusion::catalog::TableProvider;
use datafusion::functions_aggregate::expr_fn::min;
use datafusion::prelude::{DataFrame, col, lit};
use datafusion::scalar::ScalarValue;
use futures::StreamExt;

use super::error::NightlyError;
use super::manifest::FileEntry;
use super::ratio_table::RatioTable;
use super::staged::StagedOutput;
use crate::catalog::{Catalog, EARLIEST_DAY};
use crate::config::Config;
use crate::engine::{EngineError, materialised};
use crate::exports::Location;
use crate::ratio::{LeftOut, Period, in_order};
use crate::report::CsvStyle;
use files::RatioFiles;
use previous::Previous;
pub use previous::published_rows;

/// The intermediate result that all ratios are sums of. It reads all events, so it is computed once.
const DOWNLOADS_BY_DAY: &str = "numbered_downloads_by_day";

/// The ratio tables.
pub struct RatioTables {
    pub files: Vec<FileEntry>,
    /// Clicks and deliveries that are in no row by day.
    pub left_out: u64,
}

/// Writes the ratio tables to `staged`, compared with the previous output under `reports`.
pub async fn write(
    catalog: &Catalog,
    config: &Config,
    staged: &StagedOutput,
    reports: &Location,
) -> Result<RatioTables, NightlyError> {
    let previous = Previous::find(reports, catalog.date, config).await?;
    let downloads = catalog
        .query(&format!("metrics/{DOWNLOADS_BY_DAY}"), |parameters| parameters)
        .await?;
    let partitions = catalog.session.copied_config().target_partitions();
    let downloads = materialised(downloads, partitions);
    let writing = Writing {
        catalog,
        staged,
        style: CsvStyle::from(&config.report),
        previous: &previous,
        downloads,
    };
    let mut files = Vec::from(writing.windows().await?);
    files.extend(writing.by_day(config.ratio.revise_days).await?);
    let left_out = LeftOut::find(catalog, &writing.computed_from()).await?;
    if let Some(left_out) = &left_out {
        tracing::warn!("{left_out}");
    }
    let left_out = left_out.map_or(0, |left_out| left_out.happenings);
    Ok(RatioTables { files, left_out })
}

/// The inputs of the tables.
struct Writing<'a> {
    catalog: &'a Catalog,
    staged: &'a StagedOutput,
    style: CsvStyle,
    previous: &'a Previous,
    downloads: Arc<dyn TableProvider>,
}

impl Writing<'_> {
    async fn windows(&self) -> Result<[FileEntry; 2], NightlyError> {
        let tables = self.computed_from();
        let ratios = self
            .catalog
            .query_with_tables("metrics/download_ratio", &tables, |parameters| parameters);
        let published = self.previous.windows_of(self.catalog.date);
        self.write(RatioTable::Windows, ratios.await?, published, None).await
    }

    async fn by_day(&self, revise_days: NonZeroU32) -> Result<[FileEntry; 2], NightlyError> {
        let as_of = self.catalog.date.day();
        let before = Count::new(u64::from(revise_days.get() - 1));
        let trailing = as_of.checked_sub_days(before).unwrap_or(NaiveDate::MIN);
        // The days after the previous output, or all days where there is none.
        let missing = match self.previous.date() {
            Some(date) => date.day().succ_opt(),
            None => self.first_day().await?,
        };
        let since = missing.map_or(trailing, |missing| missing.min(trailing));
        let tables = self.computed_from();
        let ratios = self
            .catalog
            .query_with_tables("metrics/download_ratio_over_time", &tables, |parameters| {
                let parameters = parameters.with_day("since", Some(since)).with_day("until", Some(as_of));
                parameters.with("period", Period::Day.name())
            });
        // An earlier version may have published days before.
        let failed = || EngineError::running("the ratio by day");
        let published = self.catalog.session.read_table(self.previous.by_day());
        let published = published
            .and_then(|rows| rows.filter(col("window_end").gt_eq(lit(earliest_day()))))
            .map_err(failed())?;
        self.write(RatioTable::ByDay, ratios.await?, published.into_view(), Some(since))
            .await
    }

    fn computed_from(&self) -> [(&'static str, Arc<dyn TableProvider>); 1] {
        [(DOWNLOADS_BY_DAY, Arc::clone(&self.downloads))]
    }

    /// The first day with a click or delivery, of those that have rows by day.
    async fn first_day(&self) -> Result<Option<NaiveDate>, NightlyError> {
        let failed = || EngineError::running(DOWNLOADS_BY_DAY);
        let session = &self.catalog.session;
        let days = session.read_table(Arc::clone(&self.downloads)).map_err(failed())?;
        let first = days
            .filter(col("day").gt_eq(lit(earliest_day())))
            .and_then(|days| days.aggregate(vec![], vec![min(col("day"))]))
            .map_err(failed())?;
        let rows = first.collect().await.map_err(failed())?;
        let days = rows
            .iter()
            .filter_map(|rows| rows.column(0).as_primitive_opt::<Date32Type>());
        let first = days.flat_map(|days| days.iter().flatten()).next();
        Ok(first.and_then(NaiveDate::from_epoch_days))
    }

    /// Writes the computed rows, and the published rows of days before `computed_since`.
    async fn write(
        &self,
        table: RatioTable,
        computed: DataFrame,
        published: Arc<dyn TableProvider>,
        computed_since: Option<NaiveDate>,
    ) -> Result<[FileEntry; 2], NightlyError> {
        let running = || EngineError::running(format!("the table {}", table.folder()));
        let tables = [("computed_ratio", computed.into_view()), ("published_ratio", published)];
        let revised = self
            .catalog
            .query_with_tables("metrics/revised_ratio", &tables, |parameters| {
                parameters.with_day("computed_since", computed_since)
            });
        let ordered = in_order(self.catalog, revised.await?).await?;
        let mut rows = ordered.execute_stream().await.map_err(running())?;
        let mut files = RatioFiles::create(self.staged, table, self.style.clone())?;
        while let Some(batch) = rows.next().await {
            files.append(&batch.map_err(running())?)?;
            // Yields: rows that are ready at once would otherwise keep the task from being cancelled.
            tokio::task::yield_now().await;
        }
        files.finish()
    }
}

fn earliest_day() -> ScalarValue {
    ScalarValue::Date32(EARLIEST_DAY.map(|day| day.to_epoch_days()))
}
