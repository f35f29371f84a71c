//! Rows of a query that are needed more than once, kept in a file that is gone when they are let go of.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::prelude::{DataFrame, ParquetReadOptions};
use futures::StreamExt;
use tempfile::NamedTempFile;

use super::super::error::NightlyError;
use super::super::staged::StagedOutput;
use super::BATCH_DOWNLOADS_BY_DAY;
use super::files::parquet;
use crate::catalog::Catalog;
use crate::engine::EngineError;

const ENDING: &str = ".parquet";

/// The rows, in a file of their own.
pub struct KeptRows {
    file: NamedTempFile,
}

impl KeptRows {
    /// Runs the query. The file lies in `staged`, whose leftovers a later run removes.
    pub async fn write(query: DataFrame, staged: &StagedOutput) -> Result<Self, NightlyError> {
        let failed = || EngineError::running(BATCH_DOWNLOADS_BY_DAY);
        let writing = || NightlyError::writing(staged.path());
        let mut file = tempfile::Builder::new()
            .prefix(".rows-")
            .suffix(ENDING)
            .tempfile_in(staged.path())
            .map_err(writing())?;
        let mut rows = query.execute_stream().await.map_err(failed())?;
        let mut writer = ArrowWriter::try_new(file.as_file_mut(), rows.schema(), None).map_err(parquet)?;
        while let Some(batch) = rows.next().await {
            writer.write(&batch.map_err(failed())?).map_err(parquet)?;
        }
        writer.close().map_err(parquet)?;
        Ok(Self { file })
    }

    /// The rows as a table. It must not be read after these rows are let go of.
    pub async fn table(&self, catalog: &Catalog) -> Result<Arc<dyn TableProvider>, NightlyError> {
        let path = self.file.path().display().to_string();
        let options = ParquetReadOptions::default().file_extension(ENDING);
        let rows = catalog.session.read_parquet(path, options).await;
        Ok(rows.map_err(EngineError::running(BATCH_DOWNLOADS_BY_DAY))?.into_view())
    }
}
