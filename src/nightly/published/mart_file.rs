//! Reads one batch's rows from one file of the report mart.
//!
//! The file is sorted by batch. Statistics of row groups and pages narrow down where the batch can be, the `batch_id`
//! column there gives the exact rows, and only those are decoded, in chunks that several threads share.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use datafusion::parquet::arrow::async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use datafusion::parquet::file::metadata::{PageIndexPolicy, RowGroupMetaData};
use datafusion::parquet::file::page_index::column_index::ColumnIndexMetaData;
use futures::TryStreamExt;
use object_store::path::Path;

use super::error::{PublishedError, reading, values};
use super::listed_file::ListedFile;
use crate::exports::{Location, PinnedFile};
use crate::report::COLUMNS;

const BATCH_ID: &str = "batch_id";
const KNOWN_USER: &str = "known_user";
/// Rows that are decoded at a time: a multiple of the rows of a page, so that no page is decoded twice.
const CHUNK_ROWS: usize = 16_384;

/// An open file of the mart, whose footer and page index were read.
#[derive(Debug)]
pub struct MartFile {
    file: ListedFile,
    metadata: ArrowReaderMetadata,
    /// The position of `batch_id` among the file's columns.
    batch_id: usize,
    report_columns: ProjectionMask,
    report_schema: SchemaRef,
}

/// Rows of one row group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chunk {
    row_group: usize,
    rows: Range<usize>,
}

impl Chunk {
    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows.len()
    }
}

impl MartFile {
    /// Opens the file, which must have `bytes` bytes.
    pub async fn open(reports: &Location, path: &Path, bytes: u64) -> Result<Self, PublishedError> {
        let mut file = ListedFile::open(reports, path, bytes).await?;
        let name = file.name.clone();
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Optional);
        let metadata = ArrowReaderMetadata::load_async(&mut file.pinned, options)
            .await
            .map_err(reading(&name))?;
        let schema = metadata.schema();
        let place = |column: &str| {
            let place = schema.index_of(column);
            place.map_err(|_| PublishedError::damaged(&name, format!("it has no column {column}")))
        };
        let batch_id = place(BATCH_ID)?;
        let mut columns = COLUMNS
            .iter()
            .map(|column| place(column.name))
            .collect::<Result<Vec<_>, _>>()?;
        // Files of early versions lack the column of unknown users.
        columns.extend(schema.index_of(KNOWN_USER).ok());
        // In the file's order, as the reader returns them.
        columns.sort_unstable();
        let report_schema = Arc::new(schema.project(&columns).map_err(values(&name))?);
        let report_columns = ProjectionMask::roots(metadata.parquet_schema(), columns);
        Ok(Self {
            file,
            metadata,
            batch_id,
            report_columns,
            report_schema,
        })
    }

    /// Its path or URL, for messages.
    pub fn name(&self) -> &str {
        &self.file.name
    }

    /// The report's columns, and `known_user` where the file has it.
    pub fn report_schema(&self) -> &SchemaRef {
        &self.report_schema
    }

    /// The chunks that hold the rows of the batch, in order.
    pub async fn find(&self, batch: &str) -> Result<Vec<Chunk>, PublishedError> {
        let mut chunks = Vec::new();
        for (row_group, group) in self.metadata.metadata().row_groups().iter().enumerate() {
            if let Some(pages) = self.candidates(row_group, group, batch) {
                let rows = self.find_within(row_group, &pages, batch).await?;
                chunks.extend(divided(row_group, rows));
            }
        }
        Ok(chunks)
    }

    /// The report columns of a chunk's rows.
    pub async fn read(&self, chunk: &Chunk) -> Result<Vec<RecordBatch>, PublishedError> {
        self.rows(chunk, self.report_columns.clone())?
            .try_collect()
            .await
            .map_err(reading(&self.file.name))
    }

    /// The rows of a row group that can be the batch's, according to the statistics of its pages.
    fn candidates(&self, row_group: usize, group: &RowGroupMetaData, batch: &str) -> Option<Range<usize>> {
        let id = batch.as_bytes();
        // Statistics may be truncated, but a truncated minimum is smaller and a truncated maximum greater than the real
        // one.
        let is_outside =
            |min: Option<&[u8]>, max: Option<&[u8]>| min.is_some_and(|min| id < min) || max.is_some_and(|max| id > max);
        let bounds = group.column(self.batch_id).statistics();
        if bounds.is_some_and(|bounds| is_outside(bounds.min_bytes_opt(), bounds.max_bytes_opt())) {
            return None;
        }
        let all_rows = 0..usize::try_from(group.num_rows()).unwrap_or(0);
        let metadata = self.metadata.metadata();
        let column = metadata
            .column_index()
            .and_then(|index| index.get(row_group)?.get(self.batch_id));
        let offsets = metadata
            .offset_index()
            .and_then(|index| index.get(row_group)?.get(self.batch_id));
        let (Some(ColumnIndexMetaData::BYTE_ARRAY(pages)), Some(offsets)) = (column, offsets) else {
            return Some(all_rows);
        };
        let starts: Vec<usize> = offsets
            .page_locations()
            .iter()
            .map(|page| usize::try_from(page.first_row_index).unwrap_or(0))
            .collect();
        let may_hold = |page: &usize| !is_outside(pages.min_value(*page), pages.max_value(*page));
        let first = (0..starts.len()).find(may_hold)?;
        let last = (0..starts.len()).rfind(may_hold)?;
        let end = starts.get(last + 1).copied().unwrap_or(all_rows.end);
        Some(starts[first]..end)
    }

    /// The exact rows of the batch among the candidates.
    async fn find_within(
        &self,
        row_group: usize,
        rows: &Range<usize>,
        batch: &str,
    ) -> Result<Range<usize>, PublishedError> {
        let chunk = Chunk {
            row_group,
            rows: rows.clone(),
        };
        let only_ids = ProjectionMask::roots(self.metadata.parquet_schema(), [self.batch_id]);
        let mut ids = self.rows(&chunk, only_ids)?;
        let (mut before, mut of_batch) = (0, 0);
        while let Some(read) = ids.try_next().await.map_err(reading(&self.file.name))? {
            let ids = cast(read.column(0), &DataType::Utf8View).map_err(values(&self.file.name))?;
            for id in ids.as_string_view() {
                match id {
                    Some(id) if id == batch => of_batch += 1,
                    Some(id) if id > batch => break,
                    _ => before += 1,
                }
            }
        }
        let start = rows.start + before;
        Ok(start..start + of_batch)
    }

    fn rows(
        &self,
        chunk: &Chunk,
        columns: ProjectionMask,
    ) -> Result<ParquetRecordBatchStream<PinnedFile>, PublishedError> {
        let group = self.metadata.metadata().row_group(chunk.row_group);
        let all_rows = usize::try_from(group.num_rows()).unwrap_or(0);
        let selection = RowSelection::from_consecutive_ranges([chunk.rows.clone()].into_iter(), all_rows);
        ParquetRecordBatchStreamBuilder::new_with_metadata(self.file.pinned.clone(), self.metadata.clone())
            .with_row_groups(vec![chunk.row_group])
            .with_row_selection(selection)
            .with_projection(columns)
            .with_batch_size(CHUNK_ROWS)
            .build()
            .map_err(reading(&self.file.name))
    }
}

/// Splits rows into chunks at the ends of pages.
fn divided(row_group: usize, rows: Range<usize>) -> impl Iterator<Item = Chunk> {
    let starts = std::iter::successors((!rows.is_empty()).then_some(rows.start), move |start| {
        let next = (start / CHUNK_ROWS + 1) * CHUNK_ROWS;
        (next < rows.end).then_some(next)
    });
    starts.map(move |start| Chunk {
        row_group,
        rows: start..rows.end.min((start / CHUNK_ROWS + 1) * CHUNK_ROWS),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_end_where_pages_end() {
        let ends = |rows| {
            divided(0, rows)
                .map(|chunk| (chunk.rows.start, chunk.rows.end))
                .collect::<Vec<_>>()
        };
        assert_eq!(ends(5..5), []);
        assert_eq!(ends(5..7), [(5, 7)]);
        assert_eq!(ends(0..16_384), [(0, 16_384)]);
        assert_eq!(
            ends(16_000..40_000),
            [(16_000, 16_384), (16_384, 32_768), (32_768, 40_000)]
        );
    }
}
