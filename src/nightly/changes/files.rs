//! Writes the table of changed batches, as Parquet and as CSV.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Date32Type, Int64Type};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::properties::WriterProperties;

use super::super::error::NightlyError;
use super::super::layout;
use super::super::manifest::{Content, FileEntry};
use super::super::staged::{HashedFile, StagedOutput, Written, make_folder};
use crate::report::{CsvStyle, CsvWriter};

/// Writes both files to `staged` and returns their manifest entries.
pub fn write(staged: &StagedOutput, rows: &RecordBatch, style: CsvStyle) -> Result<[FileEntry; 2], NightlyError> {
    make_folder(&staged.path().join(layout::CHANGES))?;
    let entry = |path: String, content, written: Written| FileEntry {
        path,
        content,
        rows: rows.num_rows() as u64,
        bytes: written.bytes,
        sha256: written.sha256,
        fingerprint: None,
    };
    let path = layout::part_path(layout::CHANGES, 0);
    let csv_path = layout::table_csv_path(layout::CHANGES);
    let as_parquet = write_parquet(HashedFile::create(&staged.path().join(&path))?, rows)?;
    let as_csv = write_csv(HashedFile::create(&staged.path().join(&csv_path))?, rows, style)?;
    Ok([
        entry(path, Content::ChangedBatches, as_parquet),
        entry(csv_path, Content::ChangedBatchesCsv, as_csv),
    ])
}

fn write_parquet(file: HashedFile, rows: &RecordBatch) -> Result<Written, NightlyError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut writer = ArrowWriter::try_new(file, rows.schema(), Some(properties)).map_err(parquet)?;
    writer.write(rows).map_err(parquet)?;
    Ok(writer.into_inner().map_err(parquet)?.finish())
}

fn write_csv(mut file: HashedFile, rows: &RecordBatch, style: CsvStyle) -> Result<Written, NightlyError> {
    let writer = CsvWriter::new(style);
    let schema = rows.schema();
    let mut bytes = Vec::new();
    writer.start_with(schema.fields().iter().map(|field| field.name().as_str()), &mut bytes);
    for row in 0..rows.num_rows() {
        let cells: Vec<String> = rows.columns().iter().map(|column| cell(column, row)).collect();
        writer.append_line(cells.iter().map(String::as_str), &mut bytes);
    }
    file.append(&bytes)?;
    Ok(file.finish())
}

/// The value as text; empty for NULL.
fn cell(column: &ArrayRef, row: usize) -> String {
    if column.is_null(row) {
        return String::new();
    }
    match column.data_type() {
        DataType::Utf8View => column.as_string_view().value(row).to_owned(),
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Date32 => {
            let day = column.as_primitive::<Date32Type>().value_as_date(row);
            day.map(|day| day.to_string()).unwrap_or_default()
        }
        _ => String::new(),
    }
}

fn parquet(error: ParquetError) -> NightlyError {
    NightlyError::writing_parquet("the table of changed batches cannot be written")(error)
}
