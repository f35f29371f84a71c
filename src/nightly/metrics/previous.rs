//! The previous output: the newest one of the same or an earlier day whose ratio tables are sound.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::datasource::empty::EmptyTable;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use futures::TryStreamExt;

use super::super::error::NightlyError;
use super::super::published::{Published, PublishedError};
use super::super::ratio_table::RatioTable;
use crate::config::{Config, DateChoice};
use crate::exports::Location;
use crate::ids::SnapshotDate;

/// The previous output, if there is one.
pub struct Previous {
    published: Option<Arc<Published>>,
}

impl Previous {
    /// Looks for it under `reports`. Damaged outputs are skipped with a warning. Where none is sound, or the newest has
    /// no ratio tables or another time zone, there is no previous output.
    pub async fn find(reports: &Location, date: SnapshotDate, config: &Config) -> Result<Self, NightlyError> {
        let none = Self { published: None };
        let mut dates = Published::dates(reports).await?;
        dates.retain(|&earlier| earlier <= date);
        while let Some(earlier) = dates.pop_last() {
            let published = match Published::open(reports.clone(), DateChoice::Day(earlier)).await {
                Ok(published) => published,
                // No reader uses an incomplete day.
                Err(PublishedError::NotComplete { .. }) => continue,
                Err(error @ (PublishedError::NoManifest { .. } | PublishedError::UnknownVersion { .. })) => {
                    warn_skipped(earlier, &error);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            if !published.has_ratio_tables() {
                tracing::info!("the output of {earlier} has no ratio tables by day; they start anew");
                return Ok(none);
            }
            let (made, asked) = (&published.manifest().timezone, config.timezone.name());
            if made != asked {
                tracing::warn!("the ratio tables of {earlier} are by days of {made}, not of {asked}; they start anew");
                return Ok(none);
            }
            match published.verify_ratio_tables().await {
                Ok(()) => {
                    return Ok(Self {
                        published: Some(Arc::new(published)),
                    });
                }
                Err(error @ PublishedError::Unreadable { .. }) => return Err(error.into()),
                Err(error) => warn_skipped(earlier, &error),
            }
        }
        Ok(none)
    }

    /// The day of the previous output.
    pub fn date(&self) -> Option<SnapshotDate> {
        let published = self.published.as_ref()?;
        Some(published.manifest().snapshot_date)
    }

    /// The previous rows over windows that end with that day.
    pub fn windows_of(&self, date: SnapshotDate) -> Arc<dyn TableProvider> {
        let of_date = self.published.as_ref().filter(|_| self.date() == Some(date));
        rows_of(of_date, RatioTable::Windows)
    }

    /// The previous rows of all days.
    pub fn by_day(&self) -> Arc<dyn TableProvider> {
        rows_of(self.published.as_ref(), RatioTable::ByDay)
    }
}

/// Logs that an output is skipped, so that those of earlier days count.
fn warn_skipped(day: SnapshotDate, error: &PublishedError) {
    tracing::warn!(
        "the ratio tables of {day} are not taken into account: {}",
        error.problem()
    );
}

/// The rows of a table; empty where there is no previous output.
fn rows_of(published: Option<&Arc<Published>>, table: RatioTable) -> Arc<dyn TableProvider> {
    let empty = || -> Arc<dyn TableProvider> { Arc::new(EmptyTable::new(RatioTable::schema())) };
    published.map_or_else(empty, |published| published_rows(published, table))
}

/// The rows of an output's ratio table, which are read when they are asked for.
pub fn published_rows(published: &Arc<Published>, table: RatioTable) -> Arc<dyn TableProvider> {
    let rows = PublishedRows {
        published: Arc::clone(published),
        table,
        schema: RatioTable::schema(),
    };
    match StreamingTable::try_new(RatioTable::schema(), vec![Arc::new(rows)]) {
        Ok(table) => Arc::new(table),
        // It has one partition with the same schema, so this cannot fail.
        Err(_) => Arc::new(EmptyTable::new(RatioTable::schema())),
    }
}

/// The rows of a published ratio table, read on demand.
#[derive(Debug)]
struct PublishedRows {
    published: Arc<Published>,
    table: RatioTable,
    schema: SchemaRef,
}

impl PartitionStream for PublishedRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (published, table) = (Arc::clone(&self.published), self.table);
        let rows = async move { published.ratio_rows(table).await.map_err(DataFusionError::from) };
        let rows = futures::stream::once(rows).try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}
