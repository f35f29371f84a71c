//! A report in parts: a file for each block, district, school or organisation, or for each of several batches.
//!
//! Rows arrive in the order of the report, so rows of different parts alternate. They are encoded on arrival and kept
//! in a [spool](super::spool) until all have been read; then the parts are written one after the other.

mod encoding;
mod facts;
mod sinks;

use std::collections::HashMap;
use std::path::PathBuf;

use chrono::NaiveDate;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, Int32Type, SchemaRef};
use datafusion::execution::SendableRecordBatchStream;

use super::batches::SelectedBatch;
use super::columns::{ReportColumn, SplitColumn, columns_of};
use super::csv::CsvStyle;
use super::error::ReportError;
use super::format::ReportFormat;
use super::spool::Spool;
use super::write::next;
use crate::names::{Named, file_stems, sheet_names};
use encoding::Encoding;
use facts::PartFacts;

/// The most files of one report.
pub const MOST_PARTS: usize = 2_000;
/// The most sheets of one workbook, without the one that lists the others: each keeps a temporary file open until the
/// workbook is complete.
pub const MOST_SHEETS: usize = 500;

/// What the rows are divided by.
#[derive(Debug, Clone)]
pub enum PartsBy {
    /// The values of a column of the report.
    Column(SplitColumn),
    /// The batches: each has a part, even without rows.
    Batches(Vec<SelectedBatch>),
}

/// How parts are made.
#[derive(Debug, Clone)]
pub struct PartsOptions {
    /// What the rows are divided by.
    pub by: PartsBy,
    /// Whether each row begins with its batch, because the rows are of several; false where each part is a batch.
    pub has_batch_column: bool,
    /// The format of each part.
    pub format: ReportFormat,
    /// How CSV is written.
    pub style: CsvStyle,
    /// The folder of temporary files, which hold rows until they are written.
    pub temp_folder: PathBuf,
    /// The day of the data: the timestamp of files in an archive.
    pub date: NaiveDate,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartsWritten {
    /// Rows of all parts.
    pub rows: u64,
    /// Parts, without the list of them.
    pub parts: usize,
}

/// All rows of a report, divided into parts and ready to be written.
pub struct Parts {
    options: PartsOptions,
    columns: &'static [ReportColumn],
    encoding: Encoding,
    facts: Vec<PartFacts>,
    numbers: HashMap<Box<str>, usize>,
    /// The number of the part of rows without a value.
    blank: Option<usize>,
    spool: Spool,
}

/// Reads all rows and divides them into parts. Rows of several batches need the column `batch_id` beside the report's.
///
/// # Errors
/// Where the rows cannot be read or spooled, or there are more than [`MOST_PARTS`] parts.
pub async fn collect_parts(mut rows: SendableRecordBatchStream, options: PartsOptions) -> Result<Parts, ReportError> {
    let mut parts = Parts::new(&rows.schema(), options)?;
    while let Some(batch) = next(&mut rows).await? {
        parts.append(&batch)?;
    }
    Ok(parts)
}

impl Parts {
    fn new(schema: &SchemaRef, options: PartsOptions) -> Result<Self, ReportError> {
        let columns = columns_of(options.has_batch_column);
        let mut parts = Self {
            columns,
            encoding: Encoding::new(options.format, options.style.clone(), schema, columns)?,
            facts: Vec::new(),
            numbers: HashMap::new(),
            blank: None,
            spool: Spool::new(&options.temp_folder),
            options,
        };
        if let PartsBy::Batches(batches) = &parts.options.by {
            let ids: Vec<Box<str>> = batches.iter().map(|batch| Box::from(batch.batch_id.as_str())).collect();
            for id in ids {
                parts.number_of(Some(&id))?;
            }
        }
        Ok(parts)
    }

    /// The column whose values name the parts.
    fn key(&self) -> &'static str {
        match &self.options.by {
            PartsBy::Column(column) => column.name(),
            PartsBy::Batches(_) => "batch_id",
        }
    }

    /// The number of a value's part; a blank value counts as no value.
    fn number_of(&mut self, value: Option<&str>) -> Result<usize, ReportError> {
        let known = value.map_or(self.blank, |value| self.numbers.get(value).copied());
        if let Some(number) = known {
            return Ok(number);
        }
        let number = self.facts.len();
        if number == MOST_PARTS {
            return Err(ReportError::TooManyParts {
                what: match &self.options.by {
                    PartsBy::Column(column) => column.header(),
                    PartsBy::Batches(_) => "Batch",
                },
                limit: MOST_PARTS,
            });
        }
        self.facts.push(PartFacts::of(value));
        match value {
            Some(value) => _ = self.numbers.insert(Box::from(value), number),
            None => self.blank = Some(number),
        }
        Ok(number)
    }

    fn append(&mut self, batch: &RecordBatch) -> Result<(), ReportError> {
        let values = texts(batch, self.key())?;
        let progress = typed(batch, "course_progress", &DataType::Int32)?;
        let progress = progress.as_primitive::<Int32Type>();
        let completed = typed(batch, "completion_date", &DataType::Date32)?;
        let completed = completed.as_primitive::<Date32Type>();
        let mut numbers = Vec::with_capacity(batch.num_rows());
        let mut last: Option<(Option<&str>, usize)> = None;
        for row in 0..batch.num_rows() {
            let value = values
                .is_valid(row)
                .then(|| values.value(row))
                .filter(|value| !value.trim().is_empty());
            let number = match last {
                Some((same, number)) if same == value => number,
                _ => self.number_of(value)?,
            };
            last = Some((value, number));
            let percent = progress.is_valid(row).then(|| progress.value(row));
            self.facts[number].count(percent, completed.is_valid(row));
            numbers.push(number);
        }
        self.encoding.append(batch, self.columns, &numbers, &mut self.spool)?;
        Ok(self.spool.settle()?)
    }

    /// The numbers of the parts in the order in which they are listed: by value, the blank one last; batches as they
    /// were given.
    fn order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.facts.len()).collect();
        if matches!(self.options.by, PartsBy::Column(_)) {
            order.sort_by(|&a, &b| {
                let key = |part: usize| (self.facts[part].value.is_none(), &self.facts[part].value);
                key(a).cmp(&key(b))
            });
        }
        order
    }

    /// The name of each part for people, by number.
    fn named(&self) -> Vec<Named<'_>> {
        let mut named: Vec<Named<'_>> = self
            .facts
            .iter()
            .map(|facts| Named {
                label: facts.value.as_deref(),
                id: facts.value.as_deref().unwrap_or_default(),
            })
            .collect();
        if let PartsBy::Batches(batches) = &self.options.by {
            for (named, batch) in named.iter_mut().zip(batches) {
                named.label = batch.batch_name.as_deref().or(named.label);
            }
        }
        named
    }

    /// The name of each part's file, by number.
    fn file_names(&self) -> Vec<String> {
        let extension = self.options.format.extension();
        let stems = file_stems(&self.named()).into_iter();
        stems.map(|stem| format!("{stem}.{extension}")).collect()
    }

    fn sheet_names(&self) -> Vec<String> {
        sheet_names(&self.named())
    }

    fn written(&self) -> PartsWritten {
        PartsWritten {
            rows: self.facts.iter().map(|facts| facts.rows).sum(),
            parts: self.facts.len(),
        }
    }
}

/// A column of texts.
pub(super) fn texts(batch: &RecordBatch, name: &'static str) -> Result<StringViewArray, ReportError> {
    Ok(typed(batch, name, &DataType::Utf8View)?.as_string_view().clone())
}

fn typed(batch: &RecordBatch, name: &'static str, wanted: &DataType) -> Result<ArrayRef, ReportError> {
    let column = batch.column_by_name(name).ok_or(ReportError::MissingColumn(name))?;
    cast(column, wanted).map_err(|error| ReportError::WrongColumn {
        column: name,
        reason: error.to_string(),
    })
}
