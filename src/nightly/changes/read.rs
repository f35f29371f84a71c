//! Reads the table of changed batches of a published output.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::{cast, concat_batches};
use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use futures::TryStreamExt;

use super::super::manifest::Content;
use super::super::published::{Published, PublishedError, reading, values};
use super::table::schema;

/// All rows of the table.
pub async fn table(published: &Published) -> Result<RecordBatch, PublishedError> {
    let mut files = published.manifest().files.iter();
    let entry = files.find(|file| file.content == Content::ChangedBatches);
    let entry = entry.ok_or_else(|| PublishedError::NoChanges { day: published.place() })?;
    let file = published.open_listed(entry).await?;
    let name = file.name;
    let rows = ParquetRecordBatchStreamBuilder::new(file.pinned).await;
    let rows = rows.and_then(|rows| rows.build()).map_err(reading(&name))?;
    let batches: Vec<RecordBatch> = rows.try_collect().await.map_err(reading(&name))?;
    let conformed = batches.iter().map(|rows| {
        let wanted = schema();
        let columns = wanted.fields().iter().map(|field| {
            let column = rows.schema().index_of(field.name()).map_err(values(&name))?;
            cast(rows.column(column), field.data_type()).map_err(values(&name))
        });
        let columns = columns.collect::<Result<_, PublishedError>>()?;
        RecordBatch::try_new(Arc::clone(&wanted), columns).map_err(values(&name))
    });
    let conformed = conformed.collect::<Result<Vec<_>, PublishedError>>()?;
    concat_batches(&schema(), &conformed).map_err(values(&name))
}
