//! Writes the report mart: all reports as Parquet, sorted by batch and user, so that one batch is a small read.
//!
//! Rows are regrouped into batches of one size first: the bytes must not depend on how the engine happened to cut them.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;
use tokio::sync::mpsc::Receiver;

use super::error::NightlyError;
use super::layout;
use super::manifest::{Content, FileEntry};
use super::staged::{HashedFile, StagedOutput, make_folder};
use crate::report::ReportError;

/// Rows of a part; the last batch of rows may go over.
const PART_ROWS: usize = 2_000_000;
/// Rows of a row group: one batch of average size lies in one or two.
const ROW_GROUP_ROWS: usize = 65_536;
/// Rows of a page: what a reader decodes at least.
const PAGE_ROWS: usize = 8_192;
/// Rows given to the Parquet writer at a time.
const WRITE_ROWS: usize = 8_192;

/// Writes the parts of the mart.
pub struct Mart {
    staged: StagedOutput,
    schema: SchemaRef,
    rows: BatchCoalescer,
    part: Option<Part>,
    entries: Vec<FileEntry>,
}

struct Part {
    path: String,
    writer: ArrowWriter<HashedFile>,
    rows: usize,
    first_batch_id: String,
    last_batch_id: String,
}

impl Mart {
    /// A mart in `staged`, with rows of `schema`.
    pub fn new(staged: StagedOutput, schema: SchemaRef) -> Self {
        Self {
            staged,
            rows: BatchCoalescer::new(schema.clone(), WRITE_ROWS),
            schema,
            part: None,
            entries: Vec::new(),
        }
    }

    /// Writes until no more rows come.
    pub fn write_all(mut self, mut batches: Receiver<RecordBatch>) -> Result<Vec<FileEntry>, NightlyError> {
        make_folder(&self.staged.path().join(layout::MART))?;
        while let Some(batch) = batches.blocking_recv() {
            self.rows.push_batch(batch).map_err(ReportError::from)?;
            self.write_regrouped()?;
        }
        self.rows.finish_buffered_batch().map_err(ReportError::from)?;
        self.write_regrouped()?;
        if self.entries.is_empty() && self.part.is_none() {
            // A mart without rows still has its columns.
            self.part = Some(self.open()?);
        }
        self.close_part()?;
        Ok(self.entries)
    }

    fn write_regrouped(&mut self) -> Result<(), NightlyError> {
        while let Some(rows) = self.rows.next_completed_batch() {
            let mut part = match self.part.take() {
                Some(part) => part,
                None => self.open()?,
            };
            part.write(&rows)?;
            let is_full = part.rows >= PART_ROWS;
            self.part = Some(part);
            if is_full {
                self.close_part()?;
            }
        }
        Ok(())
    }

    fn open(&self) -> Result<Part, NightlyError> {
        let path = layout::part_path(layout::MART, self.entries.len());
        let file = HashedFile::create(&self.staged.path().join(&path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(parquet)?))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_data_page_row_count_limit(PAGE_ROWS)
            .build();
        let writer = ArrowWriter::try_new(file, self.schema.clone(), Some(properties)).map_err(parquet)?;
        Ok(Part {
            path,
            writer,
            rows: 0,
            first_batch_id: String::new(),
            last_batch_id: String::new(),
        })
    }

    fn close_part(&mut self) -> Result<(), NightlyError> {
        let Some(part) = self.part.take() else {
            return Ok(());
        };
        let file = part.writer.into_inner().map_err(parquet)?;
        let written = file.finish()?;
        self.entries.push(FileEntry {
            path: part.path,
            content: Content::ReportMart {
                first_batch_id: part.first_batch_id,
                last_batch_id: part.last_batch_id,
            },
            rows: part.rows as u64,
            bytes: written.bytes,
            sha256: written.sha256,
        });
        Ok(())
    }
}

impl Part {
    fn write(&mut self, rows: &RecordBatch) -> Result<(), NightlyError> {
        self.writer.write(rows).map_err(parquet)?;
        let ids = rows
            .column_by_name("batch_id")
            .and_then(|column| column.as_string_view_opt())
            .ok_or(ReportError::MissingColumn("batch_id"))?;
        if self.rows == 0 {
            self.first_batch_id = ids.value(0).to_owned();
        }
        self.last_batch_id = ids.value(ids.len() - 1).to_owned();
        self.rows += rows.num_rows();
        Ok(())
    }
}

fn parquet(error: ParquetError) -> NightlyError {
    NightlyError::Parquet("the report mart cannot be written", error)
}
