//! Encodes rows for the spool: as lines of CSV, or as bytes that are decoded to typed columns.

use std::io::{self, BufReader, Read};
use std::ops::Range;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::row::{RowConverter, SortField};

use super::super::columns::ReportColumn;
use super::super::csv::{CsvStyle, CsvWriter};
use super::super::error::ReportError;
use super::super::format::ReportFormat;
use super::super::rows::ReportRows;
use super::super::spool::{PartReader, Spool};
use super::super::write::schema_of;

/// Rows that are decoded at a time.
const CHUNK_ROWS: usize = 8_192;

/// The encoding of rows in the spool.
pub enum Encoding {
    /// Lines of a CSV file.
    Lines(CsvWriter),
    /// The bytes of each row after their length: for every other format, whose writer gets the columns again.
    Rows(TypedRows),
}

/// Converts columns to bytes and back.
pub struct TypedRows {
    converter: RowConverter,
    schema: SchemaRef,
    /// The positions of the columns in the input.
    places: Vec<usize>,
}

impl Encoding {
    /// The encoding for files of a format, for rows of this schema.
    pub fn new(
        format: ReportFormat,
        style: CsvStyle,
        found: &SchemaRef,
        columns: &[ReportColumn],
    ) -> Result<Self, ReportError> {
        if format == ReportFormat::Csv {
            return Ok(Self::Lines(CsvWriter::new(style)));
        }
        let (schema, places) = schema_of(found, columns)?;
        let fields = schema.fields().iter();
        let fields = fields.map(|field| SortField::new(field.data_type().clone())).collect();
        Ok(Self::Rows(TypedRows {
            converter: RowConverter::new(fields)?,
            schema,
            places,
        }))
    }

    /// Appends each row to its part in the spool; `parts` has the number of each row's part.
    pub fn append(
        &mut self,
        batch: &RecordBatch,
        columns: &[ReportColumn],
        parts: &[usize],
        spool: &mut Spool,
    ) -> Result<(), ReportError> {
        match self {
            Self::Lines(writer) => {
                let cells = ReportRows::of_columns(batch, columns)?;
                for (part, rows) in runs(parts) {
                    writer.append_some(&cells, rows, spool.end_of(part));
                }
            }
            Self::Rows(typed) => {
                let wanted: Vec<ArrayRef> = typed.places.iter().map(|&place| batch.column(place).clone()).collect();
                let rows = typed.converter.convert_columns(&wanted)?;
                for (row, &part) in rows.iter().zip(parts) {
                    let bytes = row.data();
                    let end = spool.end_of(part);
                    let length = u32::try_from(bytes.len()).map_err(io::Error::other)?;
                    end.extend_from_slice(&length.to_le_bytes());
                    end.extend_from_slice(bytes);
                }
            }
        }
        Ok(())
    }
}

/// Runs of adjacent rows of the same part: the part, and the range of rows.
fn runs(parts: &[usize]) -> impl Iterator<Item = (usize, Range<usize>)> {
    let mut start = 0;
    parts.chunk_by(|a, b| a == b).map(move |run| {
        let rows = start..start + run.len();
        start = rows.end;
        (run[0], rows)
    })
}

impl TypedRows {
    /// The columns of the rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Passes the rows of a part to `take`, in chunks.
    pub fn read(
        &self,
        bytes: PartReader<'_>,
        mut take: impl FnMut(RecordBatch) -> Result<(), ReportError>,
    ) -> Result<(), ReportError> {
        let mut bytes = BufReader::new(bytes);
        let parser = self.converter.parser();
        let (mut chunk, mut ends) = (Vec::new(), Vec::with_capacity(CHUNK_ROWS));
        loop {
            chunk.clear();
            ends.clear();
            while ends.len() < CHUNK_ROWS && append_row(&mut bytes, &mut chunk)? {
                ends.push(chunk.len());
            }
            if ends.is_empty() {
                return Ok(());
            }
            let mut start = 0;
            let rows = ends.iter().map(|&end| {
                let row = parser.parse(&chunk[start..end]);
                start = end;
                row
            });
            let columns = self.converter.convert_rows(rows)?;
            take(RecordBatch::try_new(self.schema.clone(), columns)?)?;
        }
    }
}

/// Appends the next row's bytes; false where there is none.
fn append_row(bytes: &mut impl Read, chunk: &mut Vec<u8>) -> io::Result<bool> {
    let mut length = [0; size_of::<u32>()];
    // The part ends here; an end within a length is an error.
    if bytes.read(&mut length[..1])? == 0 {
        return Ok(false);
    }
    bytes.read_exact(&mut length[1..])?;
    let start = chunk.len();
    chunk.resize(start + u32::from_le_bytes(length) as usize, 0);
    bytes.read_exact(&mut chunk[start..])?;
    Ok(true)
}
