//! Writes the rows of any query as text or files, for `pragati sql`, `pragati ratio` and the API.
//!
//! Everything streams; only a table on the screen is laid out a page of rows at a time. The Course Progress Report has
//! its own writers in `report`, because its bytes are a contract.

mod fitted;
mod output;
mod visible;

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::json;
use datafusion::arrow::json::writer::{EncoderOptions, make_encoder};
use datafusion::arrow::util::display::FormatOptions;
use datafusion::arrow::util::pretty::pretty_format_batches_with_options;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::errors::ParquetError;
use futures::StreamExt;

pub use fitted::{Look, show_rows};
pub use output::{Output, OutputError, OutputFolder};
pub use visible::{VisibleWriter, one_line, visible};

use crate::engine::EngineError;

/// Rows of a page of a printed table, which share one layout.
const TABLE_PAGE_ROWS: usize = 10_000;

/// The formats of query results; those of report files are `ReportFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table with borders, for people.
    Table,
    /// Comma-separated values (RFC 4180), with a header.
    Csv,
    /// Tab-separated values, with a header.
    Tsv,
    /// A JSON array of objects.
    Json,
    /// A JSON object on each line.
    Ndjson,
    /// A Parquet file.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

impl Format {
    /// Whether the format is text, which may go to a terminal and be concatenated.
    pub const fn is_text(self) -> bool {
        !matches!(self, Self::Parquet | Self::Arrow)
    }

    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::Table,
        Self::Csv,
        Self::Tsv,
        Self::Json,
        Self::Ndjson,
        Self::Parquet,
        Self::Arrow,
    ];

    /// The name in options and commands.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Tsv => "tsv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Parquet => "parquet",
            Self::Arrow => "arrow",
        }
    }

    /// What the help of commands says beside the name, where the name does not say it.
    pub const fn explanation(self) -> Option<&'static str> {
        match self {
            Self::Json => Some("One array of objects"),
            Self::Ndjson => Some("One object a line"),
            Self::Arrow => Some("A stream of Arrow IPC"),
            Self::Table | Self::Csv | Self::Tsv | Self::Parquet => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, FormatError> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| FormatError::Unknown {
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// Rows that cannot be written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum FormatError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("the rows cannot be written: {0}")]
    Io(#[from] io::Error),
    #[error("the rows cannot be written as Parquet: {0}; try another --format")]
    Parquet(#[from] ParquetError),
    #[error("the rows cannot be written in this format: {0}; try another --format")]
    Unwritable(String),
    #[error("there is no format '{name}'; known: {known}")]
    Unknown { name: String, known: String },
}

impl FormatError {
    /// Whether the reader closed the pipe.
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl From<ArrowError> for FormatError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::IoError(_, error) => Self::Io(error),
            // The CSV writer turns the I/O error into text.
            ArrowError::CsvError(text) if text.contains("Broken pipe") => Self::Io(io::ErrorKind::BrokenPipe.into()),
            other => Self::Unwritable(other.to_string()),
        }
    }
}

/// Writes the rows of one batch to `out`.
///
/// # Errors
/// The format cannot hold a column's type, or `out` cannot be written.
pub fn write_batch(rows: &RecordBatch, format: Format, out: &mut (dyn Write + Send)) -> Result<(), FormatError> {
    let mut writer = RowWriter::new(format, rows.schema(), out)?;
    writer.write(rows.clone())?;
    writer.finish()
}

/// Writes all rows to `out` and returns their number.
///
/// # Errors
/// The query fails, the format cannot hold a column's type, or `out` cannot be written.
pub async fn write_rows(
    mut rows: SendableRecordBatchStream,
    format: Format,
    out: &mut (dyn Write + Send),
) -> Result<u64, FormatError> {
    let mut writer = RowWriter::new(format, rows.schema(), out)?;
    let mut count = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(EngineError::running("query"))?;
        count += batch.num_rows() as u64;
        writer.write(batch)?;
    }
    writer.finish()?;
    Ok(count)
}

enum RowWriter<'a> {
    Table(TableWriter<'a>),
    Csv(Box<csv::Writer<&'a mut (dyn Write + Send)>>),
    Json(json::ArrayWriter<&'a mut (dyn Write + Send)>),
    Ndjson(json::LineDelimitedWriter<&'a mut (dyn Write + Send)>),
    Parquet(Box<ArrowWriter<&'a mut (dyn Write + Send)>>),
    Arrow(Box<StreamWriter<&'a mut (dyn Write + Send)>>),
}

impl<'a> RowWriter<'a> {
    fn new(format: Format, schema: SchemaRef, out: &'a mut (dyn Write + Send)) -> Result<Self, FormatError> {
        let csv_with = |delimiter, out| -> Result<Self, FormatError> {
            let mut writer = csv::WriterBuilder::new().with_delimiter(delimiter).build(out);
            // The writer writes the header with the first batch; a result without rows needs it too.
            writer.write(&without_nesting(RecordBatch::new_empty(schema.clone()))?)?;
            Ok(Self::Csv(Box::new(writer)))
        };
        let nulls_shown = json::WriterBuilder::new().with_explicit_nulls(true);
        Ok(match format {
            Format::Table => Self::Table(TableWriter::new(schema, out)),
            Format::Csv => csv_with(b',', out)?,
            Format::Tsv => csv_with(b'\t', out)?,
            Format::Json => Self::Json(nulls_shown.build(out)),
            Format::Ndjson => Self::Ndjson(nulls_shown.build(out)),
            Format::Parquet => Self::Parquet(Box::new(ArrowWriter::try_new(out, schema, None)?)),
            Format::Arrow => Self::Arrow(Box::new(StreamWriter::try_new(out, &schema)?)),
        })
    }

    fn write(&mut self, batch: RecordBatch) -> Result<(), FormatError> {
        match self {
            Self::Table(writer) => writer.write(batch)?,
            Self::Csv(writer) => writer.write(&without_nesting(batch)?)?,
            Self::Json(writer) => writer.write(&batch)?,
            Self::Ndjson(writer) => writer.write(&batch)?,
            Self::Parquet(writer) => writer.write(&batch)?,
            Self::Arrow(writer) => writer.write(&batch)?,
        }
        Ok(())
    }

    fn finish(self) -> Result<(), FormatError> {
        match self {
            Self::Table(writer) => writer.finish()?,
            Self::Csv(_) => {}
            Self::Json(mut writer) => {
                writer.finish()?;
                writeln!(writer.into_inner())?;
            }
            Self::Ndjson(mut writer) => writer.finish()?,
            Self::Parquet(writer) => {
                writer.close()?;
            }
            Self::Arrow(mut writer) => writer.finish()?,
        }
        Ok(())
    }
}

/// The batch with nested values as JSON text, for formats that cannot write them.
fn without_nesting(batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
    if !batch
        .schema()
        .fields()
        .iter()
        .any(|field| field.data_type().is_nested())
    {
        return Ok(batch);
    }
    let options = EncoderOptions::default().with_explicit_nulls(true);
    let schema = batch.schema();
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, column) in schema.fields().iter().zip(batch.columns()) {
        if !field.data_type().is_nested() {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(column));
            continue;
        }
        let mut encoder = make_encoder(field, column.as_ref(), &options)?;
        let mut text_of = |row: usize| {
            let mut text = Vec::new();
            encoder.encode(row, &mut text);
            (!encoder.is_null(row)).then(|| String::from_utf8_lossy(&text).into_owned())
        };
        let texts: StringArray = (0..column.len()).map(&mut text_of).collect();
        fields.push(Arc::new(Field::new(field.name(), DataType::Utf8, true)));
        columns.push(Arc::new(texts) as ArrayRef);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

/// Prints a table for each page of rows, with NULL shown.
struct TableWriter<'a> {
    schema: SchemaRef,
    page: Vec<RecordBatch>,
    page_rows: usize,
    is_first: bool,
    out: &'a mut (dyn Write + Send),
}

impl<'a> TableWriter<'a> {
    fn new(schema: SchemaRef, out: &'a mut (dyn Write + Send)) -> Self {
        Self {
            schema,
            page: Vec::new(),
            page_rows: 0,
            is_first: true,
            out,
        }
    }

    fn write(&mut self, batch: RecordBatch) -> Result<(), FormatError> {
        self.page_rows += batch.num_rows();
        self.page.push(batch);
        if self.page_rows >= TABLE_PAGE_ROWS {
            self.print_page()?;
        }
        Ok(())
    }

    fn print_page(&mut self) -> Result<(), FormatError> {
        if self.page.is_empty() {
            self.page.push(RecordBatch::new_empty(self.schema.clone()));
        }
        let options = FormatOptions::default().with_null("NULL").with_display_error(true);
        writeln!(
            self.out,
            "{}",
            pretty_format_batches_with_options(&self.page, &options)?
        )?;
        self.page.clear();
        self.page_rows = 0;
        self.is_first = false;
        Ok(())
    }

    fn finish(mut self) -> Result<(), FormatError> {
        if self.is_first || self.page_rows > 0 {
            self.print_page()?;
        }
        Ok(())
    }
}
