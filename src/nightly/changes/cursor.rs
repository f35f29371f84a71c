//! Walks through people of some files of a mart, in the order of batches and users.

use std::collections::VecDeque;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStream;
use futures::TryStreamExt;

use super::super::error::NightlyError;
use super::super::manifest::FileEntry;
use super::super::published::Published;
use crate::exports::PinnedFile;
use crate::report::ReportError;

/// A place among people.
pub struct Cursor<'a> {
    published: &'a Published,
    /// Those that are still to be read.
    files: VecDeque<&'a FileEntry>,
    open: Option<ParquetRecordBatchStream<PinnedFile>>,
    rows: Option<Rows>,
    row: usize,
}

struct Rows {
    batch_ids: StringViewArray,
    user_ids: StringViewArray,
    completion_dates: ArrayRef,
}

impl<'a> Cursor<'a> {
    /// Before the first person of these files, which are in order.
    pub fn before(published: &'a Published, files: impl Iterator<Item = &'a FileEntry>) -> Self {
        Self {
            published,
            files: files.collect(),
            open: None,
            rows: None,
            row: 0,
        }
    }

    /// Reads more people where all that were read are passed. Returns whether there is one.
    pub async fn read_on(&mut self) -> Result<bool, NightlyError> {
        while !self.has_person() {
            self.rows = None;
            self.row = 0;
            match &mut self.open {
                Some(open) => match open.try_next().await {
                    Ok(Some(rows)) => self.rows = Some(Rows::of(&rows)?),
                    Ok(None) => self.open = None,
                    Err(error) => return Err(NightlyError::Parquet("a file of the report mart cannot be read", error)),
                },
                None => {
                    let Some(file) = self.files.pop_front() else {
                        return Ok(false);
                    };
                    self.open = Some(self.published.open_mart_file(file).await?.completions()?);
                }
            }
        }
        Ok(true)
    }

    /// Whether there is a person without reading more.
    pub fn has_person(&self) -> bool {
        self.rows.as_ref().is_some_and(|rows| self.row < rows.batch_ids.len())
    }

    /// The batch and the user id here.
    pub fn key(&self) -> Option<(&str, &str)> {
        let rows = self.rows.as_ref().filter(|_| self.has_person())?;
        Some((rows.batch_ids.value(self.row), rows.user_ids.value(self.row)))
    }

    /// Whether the person here has a day of completion.
    pub fn has_completed(&self) -> bool {
        let rows = self.rows.as_ref().filter(|_| self.has_person());
        rows.is_some_and(|rows| rows.completion_dates.is_valid(self.row))
    }

    /// Goes to the next person.
    pub fn advance(&mut self) {
        self.row += 1;
    }
}

impl Rows {
    fn of(rows: &RecordBatch) -> Result<Self, ReportError> {
        let column = |name: &'static str| rows.column_by_name(name).ok_or(ReportError::MissingColumn(name));
        let texts = |name| Ok::<_, ReportError>(cast(column(name)?, &DataType::Utf8View)?);
        Ok(Self {
            batch_ids: texts("batch_id")?.as_string_view().clone(),
            user_ids: texts("user_id")?.as_string_view().clone(),
            completion_dates: ArrayRef::clone(column("completion_date")?),
        })
    }
}
