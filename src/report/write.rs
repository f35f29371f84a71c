//! Writes a stream of report rows as one file of a format.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::ArrowWriter;
use futures::StreamExt;

use super::columns::{COLUMNS, ReportColumn};
use super::csv::{CsvStyle, CsvWriter};
use super::error::ReportError;
use super::format::ReportFormat;
use super::rows::ReportRows;
use super::xlsx::XlsxReport;
use crate::engine::EngineError;

/// Writes all rows to `out` and returns their number. `style` affects CSV, and the headers of XLSX; `temp_folder` holds
/// the rows of XLSX until the workbook is complete.
///
/// # Errors
/// The query fails, a column is missing, or `out` cannot be written.
pub async fn write_report(
    rows: SendableRecordBatchStream,
    format: ReportFormat,
    style: CsvStyle,
    temp_folder: &Path,
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    write_columns(rows, &COLUMNS, format, style, temp_folder, out).await
}

/// The same as [`write_report`], with these columns.
pub async fn write_columns(
    rows: SendableRecordBatchStream,
    columns: &'static [ReportColumn],
    format: ReportFormat,
    style: CsvStyle,
    temp_folder: &Path,
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    match format {
        ReportFormat::Csv => write_csv(rows, columns, style, out).await,
        ReportFormat::Xlsx => write_xlsx(rows, columns, &style, temp_folder, out).await,
        ReportFormat::Parquet => write_parquet(rows, columns, out).await,
    }
}

async fn write_csv(
    mut rows: SendableRecordBatchStream,
    columns: &[ReportColumn],
    style: CsvStyle,
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    let mut writer = CsvWriter::new(style);
    let mut bytes = Vec::new();
    let mut count = 0;
    writer.start_columns(columns, &mut bytes);
    while let Some(batch) = next(&mut rows).await? {
        writer.append(&ReportRows::of_columns(&batch, columns)?, &mut bytes);
        out.write_all(&bytes)?;
        bytes.clear();
        count += batch.num_rows() as u64;
    }
    out.write_all(&bytes)?;
    Ok(count)
}

async fn write_xlsx(
    mut rows: SendableRecordBatchStream,
    columns: &'static [ReportColumn],
    style: &CsvStyle,
    temp_folder: &Path,
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    let mut workbook = XlsxReport::of_one_sheet(temp_folder, columns, style)?;
    let mut count = 0;
    while let Some(batch) = next(&mut rows).await? {
        workbook.append(&ReportRows::of_columns(&batch, columns)?)?;
        count += batch.num_rows() as u64;
    }
    // A ZIP archive needs seeking, which standard output cannot do.
    let mut file = Cursor::new(Vec::new());
    workbook.finish(&mut file)?;
    out.write_all(file.get_ref())?;
    Ok(count)
}

async fn write_parquet(
    mut rows: SendableRecordBatchStream,
    columns: &[ReportColumn],
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    let (schema, indices) = schema_of(&rows.schema(), columns)?;
    let mut writer = ArrowWriter::try_new(out, schema, None)?;
    let mut count = 0;
    while let Some(batch) = next(&mut rows).await? {
        writer.write(&batch.project(&indices)?)?;
        count += batch.num_rows() as u64;
    }
    writer.close()?;
    Ok(count)
}

/// The schema of the columns with their SQL names, and their positions in the input.
pub(super) fn schema_of(found: &SchemaRef, columns: &[ReportColumn]) -> Result<(SchemaRef, Vec<usize>), ReportError> {
    let indices = columns
        .iter()
        .map(|column| {
            found
                .index_of(column.name)
                .map_err(|_| ReportError::MissingColumn(column.name))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let fields: Vec<_> = indices
        .iter()
        .map(|&index| Arc::clone(&found.fields()[index]))
        .collect();
    Ok((Arc::new(Schema::new(fields)), indices))
}

/// The next rows of a report.
pub(super) async fn next(rows: &mut SendableRecordBatchStream) -> Result<Option<RecordBatch>, ReportError> {
    let batch = rows.next().await.transpose();
    Ok(batch.map_err(EngineError::running("the Course Progress Report"))?)
}
