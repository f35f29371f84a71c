//! Writes the metric tables of a night: the download ratio at every level and window.

use std::path::Path;

use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;
use futures::StreamExt;

use super::error::NightlyError;
use super::layout;
use super::manifest::{Content, FileEntry};
use super::staged::{HashedFile, make_folder};
use crate::catalog::Catalog;
use crate::engine::EngineError;
use crate::ratio::download_ratio;

/// Writes the ratio's table below `folder`.
pub async fn write(catalog: &Catalog, folder: &Path) -> Result<FileEntry, NightlyError> {
    make_folder(&folder.join(layout::RATIO))?;
    let path = layout::part_path(layout::RATIO, 0);
    let running = || EngineError::running("the download ratio");
    let mut ratios = download_ratio(catalog, None, None)
        .await?
        .execute_stream()
        .await
        .map_err(running())?;
    let file = HashedFile::create(&folder.join(&path))?;
    let mut writer = ArrowWriter::try_new(file, ratios.schema(), None).map_err(parquet)?;
    let mut rows = 0;
    while let Some(batch) = ratios.next().await {
        let batch = batch.map_err(running())?;
        rows += batch.num_rows() as u64;
        writer.write(&batch).map_err(parquet)?;
    }
    let written = writer.into_inner().map_err(parquet)?.finish();
    Ok(FileEntry {
        path,
        content: Content::DownloadRatio,
        rows,
        bytes: written.bytes,
        sha256: written.sha256,
    })
}

fn parquet(error: ParquetError) -> NightlyError {
    NightlyError::Parquet("the download ratio cannot be written", error)
}
