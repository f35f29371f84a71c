//! Reads or computes the figures of a source.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::error::ArrowError;
use datafusion::execution::SendableRecordBatchStream;
use futures::{StreamExt, TryStreamExt};

use super::{Downloads, Figures, FiguresError, gauges};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::delivery::source::Current;
use crate::engine::EngineError;
use crate::nightly::{Published, PublishedError, RatioFilter, RatioTable};
use crate::ratio::figures::{Ids, RatioFigures, RowTable, digest, ratio_columns, with_columns};
use crate::ratio::{Days, Level, Period, download_ratio, download_ratio_over_time};

/// The query that gives [`Figures::batches`].
const BATCH_DOWNLOADS: &str = "reports/batch_downloads";
/// Levels whose daily rows are always held.
const DAYS_HELD: [Level; 2] = [Level::All, Level::Tenant];
/// The most daily rows of courses that are held where there is no nightly output: about 200 bytes each.
const COURSE_DAYS_HELD: usize = 500_000;

/// Loads the figures of a source.
pub async fn figures(current: &Current, config: &Config) -> Result<Figures, FiguresError> {
    let output = usable_output(current, config);
    let read = match &output {
        Some(output) => read(output).await.map_err(|error| {
            tracing::warn!("the download ratio is computed from the exports: {error}");
        }),
        None => Err(()),
    };
    let (ratio, output) = match read {
        Ok(ratio) => (ratio, output),
        Err(()) => (computed(current.catalog()).await?, None),
    };
    let names = current.directory.names().clone();
    let batches = batches(current.catalog()).await?;
    let batches = RowTable::new(names.beside(batches.rows())?);
    let gauges = gauges::text(&ratio, config)?;
    Ok(Figures {
        batches_digest: digest(&[&batches])?,
        downloads: downloads(&batches)?,
        batches_as_of: current.catalog().date.day(),
        batches,
        names_digest: names.digest(),
        names,
        gauges,
        ratio,
        output,
    })
}

/// The newest nightly output, if its manifest lists ratio tables of this version and of the configured time zone.
fn usable_output(current: &Current, config: &Config) -> Option<Arc<Published>> {
    let output = current.output()?;
    let made_in = &output.manifest().timezone;
    if made_in != config.timezone.name() {
        tracing::warn!(
            "the download ratio is computed from the exports: {} was made with timezone = {made_in}",
            output.place()
        );
        return None;
    }
    if !output.has_ratio_tables() {
        tracing::warn!(
            "the download ratio is computed from the exports: an earlier pragati made {}",
            output.place()
        );
        return None;
    }
    Some(Arc::clone(output))
}

/// Reads the ratio that a nightly run published.
async fn read(output: &Published) -> Result<RatioFigures, FiguresError> {
    let windows = all(output.ratio_rows(RatioTable::Windows).await?).await?;
    let mut by_day = Vec::new();
    for level in DAYS_HELD {
        let filter = RatioFilter {
            level: Some(level),
            ..RatioFilter::default()
        };
        by_day.extend(all(output.ratio_rows_where(RatioTable::ByDay, &filter).await?).await?);
    }
    let as_of = output.manifest().snapshot_date.day();
    Ok(RatioFigures::new(as_of, &windows, &by_day, &DAYS_HELD)?)
}

/// Computes the ratio from the snapshot. Daily rows of courses are left out where there are too many to hold.
async fn computed(catalog: &Catalog) -> Result<RatioFigures, FiguresError> {
    let running = || EngineError::running("the download ratio");
    let windows = download_ratio(catalog, None, None)
        .await?
        .execute_stream()
        .await
        .map_err(running())?;
    let windows = all(windows).await?;
    let days = Days::new(None, None, catalog.date)?;
    let rows = download_ratio_over_time(catalog, None, Period::Day, &days).await?;
    let mut rows = rows.execute_stream().await.map_err(running())?;
    let (mut by_day, mut course_days) = (Vec::new(), 0);
    let mut levels = Level::ALL.as_slice();
    while let Some(rows) = rows.next().await {
        let rows = RowTable::new(with_columns(&ratio_columns(), &[rows.map_err(running())?])?);
        let is_of_all = |level: Option<&str>| DAYS_HELD.iter().any(|held| level == Some(held.name()));
        let of_all = rows.keep("level", is_of_all)?;
        course_days += rows.len() - of_all.len();
        if course_days > COURSE_DAYS_HELD {
            levels = &DAYS_HELD;
        }
        by_day.push(
            if levels.len() == DAYS_HELD.len() { of_all } else { rows }
                .rows()
                .clone(),
        );
    }
    Ok(RatioFigures::new(catalog.date.day(), &windows, &by_day, levels)?)
}

/// Every batch of the snapshot with its downloads.
async fn batches(catalog: &Catalog) -> Result<RowTable, FiguresError> {
    let columns = [
        ("batch_id", DataType::Utf8),
        ("batch_name", DataType::Utf8),
        ("course_id", DataType::Utf8),
        ("tenant_id", DataType::Utf8),
        ("start_date", DataType::Date32),
        ("end_date", DataType::Date32),
        ("downloads", DataType::Int64),
        ("last_download", DataType::Date32),
        ("as_of", DataType::Date32),
    ];
    let schema = Schema::new(columns.map(|(name, kind)| Field::new(name, kind, true)).to_vec());
    let query = catalog.query(BATCH_DOWNLOADS, |parameters| parameters).await?;
    let rows = query.execute_stream().await;
    let rows = all(rows.map_err(EngineError::running(BATCH_DOWNLOADS))?).await?;
    Ok(RowTable::new(with_columns(&Arc::new(schema), &rows)?))
}

/// The downloads of each batch.
fn downloads(batches: &RowTable) -> Result<HashMap<String, Downloads>, ArrowError> {
    let (times, days) = (batches.numbers("downloads")?, batches.days("last_download")?);
    let rows = batches.texts("batch_id")?.iter().zip(times).zip(days);
    let found = rows.filter_map(|((id, times), day)| {
        let downloads = Downloads {
            times: times.unwrap_or_default(),
            last: day.and_then(NaiveDate::from_epoch_days),
        };
        Some((id?.to_owned(), downloads))
    });
    Ok(found.collect())
}

async fn all(rows: SendableRecordBatchStream) -> Result<Vec<RecordBatch>, FiguresError> {
    Ok(rows
        .try_collect()
        .await
        .map_err(EngineError::running("the download ratio"))?)
}

/// The daily rows of one course at each of the levels, from a nightly output: a small read of its file.
pub async fn days_of_course(output: &Published, levels: &[Level], ids: &Ids) -> Result<RowTable, FiguresError> {
    let mut found = Vec::new();
    // An empty id selects rows without one, which a filter cannot express; they are selected from all rows.
    let known = |id: &Option<String>| id.clone().filter(|id| !id.is_empty());
    for &level in levels {
        let filter = RatioFilter {
            level: Some(level),
            course_id: known(&ids.course),
            tenant_id: known(&ids.tenant),
        };
        let mut rows = output.ratio_rows_where(RatioTable::ByDay, &filter).await?;
        while let Some(rows) = rows.next().await {
            let rows = rows.map_err(EngineError::running("the download ratio by day"))?;
            let rows = RowTable::new(with_columns(&ratio_columns(), &[rows])?);
            found.push(ids.of(&rows)?.rows().clone());
        }
    }
    Ok(RowTable::new(with_columns(&ratio_columns(), &found)?))
}

impl From<PublishedError> for FiguresError {
    fn from(error: PublishedError) -> Self {
        Self::Published(Box::new(error))
    }
}
