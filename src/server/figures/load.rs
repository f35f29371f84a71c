//! Reads or computes the figures of one source.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::dataframe::DataFrame;

use super::{Figures, FiguresError, gauges};
use crate::catalog::Catalog;
use crate::config::Config;
use crate::delivery::source::Current;
use crate::engine::EngineError;
use crate::ratio::download_ratio;
use crate::ratio::figures::{RatioFigures, RowTable, digest, with_columns};

/// Makes the table of [`Figures::batches`].
const BATCH_DOWNLOADS: &str = "reports/batch_downloads";

/// The figures of a source.
pub async fn figures(current: &Current, config: &Config) -> Result<Figures, FiguresError> {
    let ratio = computed(current.catalog()).await?;
    let batches = batches(current.catalog()).await?;
    let gauges = gauges::text(&ratio, config)?;
    Ok(Figures {
        batches_digest: digest(&[&batches])?,
        batches,
        gauges,
        ratio,
        batches_as_of: current.catalog().date.day(),
    })
}

/// The ratio as the snapshot gives it.
async fn computed(catalog: &Catalog) -> Result<RatioFigures, FiguresError> {
    let windows = rows(download_ratio(catalog, None, None).await?).await?;
    Ok(RatioFigures::new(catalog.date.day(), &windows, &[], &[])?)
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
    Ok(RowTable::new(with_columns(&Arc::new(schema), &rows(query).await?)?))
}

async fn rows(frame: DataFrame) -> Result<Vec<RecordBatch>, FiguresError> {
    Ok(frame
        .collect()
        .await
        .map_err(EngineError::running("the download ratio"))?)
}
