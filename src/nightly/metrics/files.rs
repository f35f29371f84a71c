//! Writes the two files of a ratio table: Parquet in small row groups, so that one course is a small read, and CSV.

use std::fmt::Write as _;

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{BatchCoalescer, cast};
use datafusion::arrow::datatypes::{DataType, Date32Type, Float64Type, Int64Type};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use super::super::error::NightlyError;
use super::super::layout;
use super::super::manifest::FileEntry;
use super::super::ratio_table::RatioTable;
use super::super::staged::{HashedFile, StagedOutput, Written, make_folder};
use crate::report::{CsvStyle, CsvWriter, ReportError};

/// Rows of a row group, and of each write to the Parquet writer: the bytes must not depend on the batch sizes that the
/// engine happens to produce.
const ROW_GROUP_ROWS: usize = 8_192;
/// CSV bytes that are collected before a write.
const CSV_BYTES: usize = 256 * 1024;

/// The two files of one table while they are written.
pub struct RatioFiles {
    table: RatioTable,
    parquet: ArrowWriter<HashedFile>,
    regrouped: BatchCoalescer,
    csv: HashedFile,
    csv_path: String,
    csv_writer: CsvWriter,
    /// CSV bytes that are not written yet.
    csv_bytes: Vec<u8>,
    rows: u64,
}

impl RatioFiles {
    /// Creates the files of `table` in `staged`.
    pub fn create(staged: &StagedOutput, table: RatioTable, style: CsvStyle) -> Result<Self, NightlyError> {
        let schema = RatioTable::schema();
        make_folder(&staged.path().join(table.folder()))?;
        let file = HashedFile::create(&staged.path().join(layout::part_path(table.folder(), 0)))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .build();
        let csv_path = layout::table_csv_path(table.folder());
        let csv_writer = CsvWriter::new(style);
        let mut csv_bytes = Vec::new();
        csv_writer.start_with(
            schema.fields().iter().map(|field| field.name().as_str()),
            &mut csv_bytes,
        );
        Ok(Self {
            table,
            parquet: ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(parquet)?,
            regrouped: BatchCoalescer::new(schema, ROW_GROUP_ROWS),
            csv: HashedFile::create(&staged.path().join(&csv_path))?,
            csv_path,
            csv_writer,
            csv_bytes,
            rows: 0,
        })
    }

    /// Writes rows that have the table's columns, of any types that can be cast to the table's.
    pub fn append(&mut self, rows: &RecordBatch) -> Result<(), NightlyError> {
        let rows = conformed(rows).map_err(ReportError::from)?;
        self.rows += rows.num_rows() as u64;
        self.append_csv(&rows)?;
        self.regrouped.push_batch(rows).map_err(ReportError::from)?;
        self.write_regrouped()
    }

    /// Completes both files and returns their manifest entries.
    pub fn finish(mut self) -> Result<[FileEntry; 2], NightlyError> {
        self.regrouped.finish_buffered_batch().map_err(ReportError::from)?;
        self.write_regrouped()?;
        self.csv.append(&self.csv_bytes)?;
        let entry = |path, content, written: Written| FileEntry {
            path,
            content,
            rows: self.rows,
            bytes: written.bytes,
            sha256: written.sha256,
            fingerprint: None,
        };
        let parquet_file = self.parquet.into_inner().map_err(parquet)?.finish();
        let parquet_path = layout::part_path(self.table.folder(), 0);
        Ok([
            entry(parquet_path, self.table.content(), parquet_file),
            entry(self.csv_path, self.table.csv_content(), self.csv.finish()),
        ])
    }

    fn write_regrouped(&mut self) -> Result<(), NightlyError> {
        while let Some(rows) = self.regrouped.next_completed_batch() {
            self.parquet.write(&rows).map_err(parquet)?;
        }
        Ok(())
    }

    fn append_csv(&mut self, rows: &RecordBatch) -> Result<(), NightlyError> {
        let mut cells = vec![String::new(); rows.num_columns()];
        for row in 0..rows.num_rows() {
            for (cell, column) in cells.iter_mut().zip(rows.columns()) {
                cell.clear();
                push_value(cell, column, row);
            }
            self.csv_writer
                .append_line(cells.iter().map(String::as_str), &mut self.csv_bytes);
        }
        if self.csv_bytes.len() >= CSV_BYTES {
            self.csv.append(&self.csv_bytes)?;
            self.csv_bytes.clear();
        }
        Ok(())
    }
}

/// Appends the value as `pragati ratio --format csv` prints it; nothing for NULL.
fn push_value(cell: &mut String, column: &ArrayRef, row: usize) {
    if column.is_null(row) {
        return;
    }
    // Writing to a String cannot fail.
    let _ = match column.data_type() {
        DataType::Utf8View => write!(cell, "{}", column.as_string_view().value(row)),
        DataType::Int64 => write!(cell, "{}", column.as_primitive::<Int64Type>().value(row)),
        // With a decimal point, also for whole numbers.
        DataType::Float64 => write!(cell, "{:?}", column.as_primitive::<Float64Type>().value(row)),
        DataType::Date32 => {
            let day = NaiveDate::from_epoch_days(column.as_primitive::<Date32Type>().value(row));
            day.map_or(Ok(()), |day| write!(cell, "{day}"))
        }
        _ => Ok(()),
    };
}

/// The rows cast to the table's types.
fn conformed(rows: &RecordBatch) -> Result<RecordBatch, datafusion::arrow::error::ArrowError> {
    let schema = RatioTable::schema();
    let columns = schema.fields().iter().map(|field| {
        let column = rows.schema().index_of(field.name())?;
        cast(rows.column(column), field.data_type())
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema, columns)
}

fn parquet(error: ParquetError) -> NightlyError {
    NightlyError::writing_parquet("the download ratio cannot be written")(error)
}
