//! Writes a stream of report rows as one file of a format.

use std::io::{Cursor, Write};
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::ArrowWriter;
use futures::StreamExt;

use super::columns::COLUMNS;
use super::csv::{CsvStyle, CsvWriter};
use super::error::ReportError;
use super::rows::ReportRows;
use super::xlsx::XlsxReport;
use crate::engine::EngineError;

/// The formats of a report file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportFormat {
    Csv,
    Xlsx,
    Parquet,
}

/// Writes all rows to `out` and returns their number. `style` affects CSV only; `temp_folder` holds the rows of XLSX
/// until the workbook is complete.
pub async fn write_report(
    rows: SendableRecordBatchStream,
    format: ReportFormat,
    style: CsvStyle,
    temp_folder: &Path,
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    match format {
        ReportFormat::Csv => write_csv(rows, style, out).await,
        ReportFormat::Xlsx => write_xlsx(rows, temp_folder, out).await,
        ReportFormat::Parquet => write_parquet(rows, out).await,
    }
}

async fn write_csv(
    mut rows: SendableRecordBatchStream,
    style: CsvStyle,
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    let mut writer = CsvWriter::new(style);
    let mut bytes = Vec::new();
    let mut count = 0;
    writer.start(&mut bytes);
    while let Some(batch) = next(&mut rows).await? {
        writer.append(&ReportRows::try_new(&batch)?, &mut bytes);
        out.write_all(&bytes)?;
        bytes.clear();
        count += batch.num_rows() as u64;
    }
    out.write_all(&bytes)?;
    Ok(count)
}

async fn write_xlsx(
    mut rows: SendableRecordBatchStream,
    temp_folder: &Path,
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    let mut workbook = XlsxReport::new(temp_folder)?;
    let mut count = 0;
    while let Some(batch) = next(&mut rows).await? {
        workbook.append(&ReportRows::try_new(&batch)?)?;
        count += batch.num_rows() as u64;
    }
    // A ZIP archive needs seeking, which standard output cannot do.
    let mut file = Cursor::new(Vec::new());
    workbook.finish(&mut file)?;
    out.write_all(file.get_ref())?;
    Ok(count)
}

async fn write_parquet(mut rows: SendableRecordBatchStream, out: &mut (impl Write + Send)) -> Result<u64, ReportError> {
    let (schema, indices) = report_schema(&rows.schema())?;
    let mut writer = ArrowWriter::try_new(out, schema, None)?;
    let mut count = 0;
    while let Some(batch) = next(&mut rows).await? {
        writer.write(&batch.project(&indices)?)?;
        count += batch.num_rows() as u64;
    }
    writer.close()?;
    Ok(count)
}

/// The schema of the twelve columns with their SQL names, and their positions in the input.
fn report_schema(found: &SchemaRef) -> Result<(SchemaRef, Vec<usize>), ReportError> {
    let indices = COLUMNS
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

async fn next(rows: &mut SendableRecordBatchStream) -> Result<Option<RecordBatch>, ReportError> {
    let batch = rows.next().await.transpose();
    Ok(batch.map_err(EngineError::running("the Course Progress Report"))?)
}
