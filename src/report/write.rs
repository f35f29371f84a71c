//! Writes report rows as one file of a format: a whole report, or a part of one.

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
    mut rows: SendableRecordBatchStream,
    columns: &'static [ReportColumn],
    format: ReportFormat,
    style: CsvStyle,
    temp_folder: &Path,
    out: &mut (impl Write + Send),
) -> Result<u64, ReportError> {
    let mut file = file_writer(format, &rows.schema(), columns, &style, temp_folder, out)?;
    let mut count = 0;
    while let Some(batch) = next(&mut rows).await? {
        file.append(&batch)?;
        count += batch.num_rows() as u64;
    }
    file.finish()?;
    Ok(count)
}

/// Writes rows of the report query as one file.
pub(super) trait FileWriter: Send {
    /// Appends rows.
    fn append(&mut self, rows: &RecordBatch) -> Result<(), ReportError>;

    /// Completes the file.
    fn finish(self: Box<Self>) -> Result<(), ReportError>;
}

/// The writer of a file of this format with these columns, for rows of this schema.
pub(super) fn file_writer<'a>(
    format: ReportFormat,
    found: &SchemaRef,
    columns: &'static [ReportColumn],
    style: &CsvStyle,
    temp_folder: &Path,
    out: &'a mut (dyn Write + Send),
) -> Result<Box<dyn FileWriter + 'a>, ReportError> {
    let writer: Box<dyn FileWriter + 'a> = match format {
        ReportFormat::Csv => Box::new(CsvFile::new(columns, style, out)),
        ReportFormat::Xlsx => Box::new(XlsxFile {
            workbook: XlsxReport::of_one_sheet(temp_folder, columns, style)?,
            columns,
            out,
        }),
        ReportFormat::Parquet => Box::new(ParquetFile::new(found, columns, out)?),
    };
    Ok(writer)
}

struct CsvFile<'a> {
    writer: CsvWriter,
    columns: &'static [ReportColumn],
    /// Bytes that are not written yet: at first the header.
    bytes: Vec<u8>,
    out: &'a mut (dyn Write + Send),
}

impl<'a> CsvFile<'a> {
    fn new(columns: &'static [ReportColumn], style: &CsvStyle, out: &'a mut (dyn Write + Send)) -> Self {
        let writer = CsvWriter::new(style.clone());
        let mut bytes = Vec::new();
        writer.start_columns(columns, &mut bytes);
        Self {
            writer,
            columns,
            bytes,
            out,
        }
    }
}

impl FileWriter for CsvFile<'_> {
    fn append(&mut self, rows: &RecordBatch) -> Result<(), ReportError> {
        let rows = ReportRows::of_columns(rows, self.columns)?;
        self.writer.append(&rows, &mut self.bytes);
        self.out.write_all(&self.bytes)?;
        self.bytes.clear();
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), ReportError> {
        let Self { bytes, out, .. } = *self;
        Ok(out.write_all(&bytes)?)
    }
}

struct XlsxFile<'a> {
    workbook: XlsxReport,
    columns: &'static [ReportColumn],
    out: &'a mut (dyn Write + Send),
}

impl FileWriter for XlsxFile<'_> {
    fn append(&mut self, rows: &RecordBatch) -> Result<(), ReportError> {
        self.workbook.append(&ReportRows::of_columns(rows, self.columns)?)
    }

    fn finish(self: Box<Self>) -> Result<(), ReportError> {
        let Self { workbook, out, .. } = *self;
        // A ZIP archive needs seeking, which standard output cannot do.
        let mut file = Cursor::new(Vec::new());
        workbook.finish(&mut file)?;
        Ok(out.write_all(file.get_ref())?)
    }
}

struct ParquetFile<'a> {
    writer: ArrowWriter<&'a mut (dyn Write + Send)>,
    /// The positions of the columns in the input.
    places: Vec<usize>,
}

impl<'a> ParquetFile<'a> {
    fn new(found: &SchemaRef, columns: &[ReportColumn], out: &'a mut (dyn Write + Send)) -> Result<Self, ReportError> {
        let (schema, places) = schema_of(found, columns)?;
        let writer = ArrowWriter::try_new(out, schema, None)?;
        Ok(Self { writer, places })
    }
}

impl FileWriter for ParquetFile<'_> {
    fn append(&mut self, rows: &RecordBatch) -> Result<(), ReportError> {
        Ok(self.writer.write(&rows.project(&self.places)?)?)
    }

    fn finish(self: Box<Self>) -> Result<(), ReportError> {
        let Self { writer, .. } = *self;
        writer.close()?;
        Ok(())
    }
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
