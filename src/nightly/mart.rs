//! Writes the report mart: all reports as Parquet, sorted by batch and user, so that one batch is a small read.
//!
//! Each section of the reports is a file. Rows are regrouped into batches of a fixed size first, because the bytes must
//! not depend on the batch sizes that the engine happens to produce.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::BatchCoalescer;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};

use super::error::NightlyError;
use super::layout;
use super::manifest::{Content, FileEntry};
use super::staged::{HashedFile, StagedOutput};
use crate::report::ReportError;

/// Rows of a row group: the rows of an average batch lie in one or two.
const ROW_GROUP_ROWS: usize = 65_536;
/// Rows of a page, the least that a reader decodes.
const PAGE_ROWS: usize = 8_192;
/// Rows given to the Parquet writer at a time.
const WRITE_ROWS: usize = 8_192;
/// Text columns of few distinct characters in random order, such as UUIDs: zstd halves them, and LZ4 does not compress
/// them. For the other columns, LZ4 takes a third of the time for files that are hardly larger.
const IN_ZSTD: [&str; 1] = ["user_id"];
/// Columns whose values hardly repeat in a row group: building a dictionary takes longer than writing plain values.
const WITHOUT_DICTIONARY: [&str; 6] = ["external_id", "user_id", "user_name", "email", "mobile", "school_name"];
/// Columns whose minimum and maximum would not help readers to skip rows, because rows are not ordered by them.
const WITHOUT_STATISTICS: [&str; 11] = [
    "course_id",
    "tenant_id",
    "external_id",
    "user_id",
    "user_name",
    "email",
    "mobile",
    "organization_name",
    "district_name",
    "school_name",
    "block_name",
];

/// One file of the mart.
pub struct MartFile {
    path: String,
    writer: ArrowWriter<HashedFile>,
    regrouped: BatchCoalescer,
    /// The latest rows, which may be the last ones: those need not be regrouped.
    latest: Option<RecordBatch>,
    rows: u64,
    first_batch_id: String,
    last_batch_id: String,
}

impl MartFile {
    /// Creates file number `number` of the mart in `staged`, for rows of `schema`.
    pub fn create(staged: &StagedOutput, number: usize, schema: SchemaRef) -> Result<Self, NightlyError> {
        let path = layout::part_path(layout::MART, number);
        let file = HashedFile::create(&staged.path().join(&path))?;
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::LZ4_RAW)
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_data_page_row_count_limit(PAGE_ROWS);
        let zstd = Compression::ZSTD(ZstdLevel::default());
        for column in IN_ZSTD {
            properties = properties.set_column_compression(column.into(), zstd);
        }
        for column in WITHOUT_DICTIONARY {
            properties = properties.set_column_dictionary_enabled(column.into(), false);
        }
        for column in WITHOUT_STATISTICS {
            properties = properties.set_column_statistics_enabled(column.into(), EnabledStatistics::None);
        }
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties.build())).map_err(parquet)?;
        Ok(Self {
            path,
            writer,
            regrouped: BatchCoalescer::new(schema, WRITE_ROWS),
            latest: None,
            rows: 0,
            first_batch_id: String::new(),
            last_batch_id: String::new(),
        })
    }

    /// Writes the next rows.
    pub fn append(&mut self, rows: RecordBatch) -> Result<(), NightlyError> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let ids = rows
            .column_by_name("batch_id")
            .and_then(|column| column.as_string_view_opt())
            .ok_or(ReportError::MissingColumn("batch_id"))?;
        if self.rows == 0 {
            ids.value(0).clone_into(&mut self.first_batch_id);
        }
        ids.value(ids.len() - 1).clone_into(&mut self.last_batch_id);
        self.rows += rows.num_rows() as u64;
        match self.latest.replace(rows) {
            None => Ok(()),
            Some(before) if before.num_rows() == WRITE_ROWS && self.regrouped.is_empty() => {
                self.writer.write(&before).map_err(parquet)
            }
            Some(before) => self.regroup(before),
        }
    }

    /// Completes the file and returns its manifest entry.
    pub fn finish(mut self) -> Result<FileEntry, NightlyError> {
        match self.latest.take() {
            None => {}
            Some(last) if last.num_rows() <= WRITE_ROWS && self.regrouped.is_empty() => {
                self.writer.write(&last).map_err(parquet)?;
            }
            Some(last) => self.regroup(last)?,
        }
        self.regrouped.finish_buffered_batch().map_err(ReportError::from)?;
        self.write_regrouped()?;
        let written = self.writer.into_inner().map_err(parquet)?.finish();
        Ok(FileEntry {
            path: self.path,
            content: Content::ReportMart {
                first_batch_id: self.first_batch_id,
                last_batch_id: self.last_batch_id,
            },
            rows: self.rows,
            bytes: written.bytes,
            sha256: written.sha256,
            fingerprint: None,
        })
    }

    fn regroup(&mut self, rows: RecordBatch) -> Result<(), NightlyError> {
        self.regrouped.push_batch(rows).map_err(ReportError::from)?;
        self.write_regrouped()
    }

    fn write_regrouped(&mut self) -> Result<(), NightlyError> {
        while let Some(rows) = self.regrouped.next_completed_batch() {
            self.writer.write(&rows).map_err(parquet)?;
        }
        Ok(())
    }
}

fn parquet(error: ParquetError) -> NightlyError {
    NightlyError::writing_parquet("the report mart cannot be written")(error)
}
