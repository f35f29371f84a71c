//! A cursor over the people of some batches in a mart, in the order of batches and users.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::{cast, partition};
use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStream;
use futures::TryStreamExt;

use super::super::error::NightlyError;
use super::super::manifest::FileEntry;
use super::super::published::Published;
use crate::exports::PinnedFile;
use crate::report::ReportError;

/// The cursor. Batches are numbered in the order of their ids.
pub struct Cursor<'a> {
    published: &'a Published,
    /// The numbers of the wanted batches.
    wanted: &'a HashMap<&'a str, usize>,
    /// The files that are not read yet.
    files: VecDeque<&'a FileEntry>,
    open: Option<ParquetRecordBatchStream<PinnedFile>>,
    rows: Rows,
}

/// Rows that were read, and the ranges of the wanted batches in them.
#[derive(Default)]
struct Rows {
    user_ids: Option<StringViewArray>,
    completion_dates: Option<ArrayRef>,
    /// Runs of rows of one batch each, by its number. The first one begins with the row of the cursor.
    runs: VecDeque<(usize, Range<usize>)>,
}

impl<'a> Cursor<'a> {
    /// A cursor before the first person of the `wanted` batches in the sorted `files`.
    pub fn before(
        published: &'a Published,
        files: impl Iterator<Item = &'a FileEntry>,
        wanted: &'a HashMap<&'a str, usize>,
    ) -> Self {
        Self {
            published,
            wanted,
            files: files.collect(),
            open: None,
            rows: Rows::default(),
        }
    }

    /// Reads more rows where the cursor has passed all that were read. Returns whether there is a current person.
    pub async fn read_on(&mut self) -> Result<bool, NightlyError> {
        while !self.has_person() {
            match &mut self.open {
                Some(open) => match open.try_next().await {
                    Ok(Some(rows)) => self.rows = Rows::of(&rows, self.wanted)?,
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

    /// Whether there is a current person without reading more rows.
    pub fn has_person(&self) -> bool {
        !self.rows.runs.is_empty()
    }

    /// The batch number and the user id of the current person.
    pub fn key(&self) -> Option<(usize, &str)> {
        let (batch, run) = self.rows.runs.front()?;
        Some((*batch, self.rows.user_ids.as_ref()?.value(run.start)))
    }

    /// Whether the current person has a completion date.
    pub fn has_completed(&self) -> bool {
        let here = self.rows.runs.front().zip(self.rows.completion_dates.as_ref());
        here.is_some_and(|((_, run), dates)| dates.is_valid(run.start))
    }

    /// Moves to the next person.
    pub fn advance(&mut self) {
        if let Some((_, run)) = self.rows.runs.front_mut() {
            run.start += 1;
            if run.start == run.end {
                self.rows.runs.pop_front();
            }
        }
    }
}

impl Rows {
    fn of(rows: &RecordBatch, wanted: &HashMap<&str, usize>) -> Result<Self, ReportError> {
        let column = |name: &'static str| rows.column_by_name(name).ok_or(ReportError::MissingColumn(name));
        let texts = |name| Ok::<_, ReportError>(cast(column(name)?, &DataType::Utf8View)?);
        let batch_ids = texts("batch_id")?;
        let runs = partition(std::slice::from_ref(&batch_ids))?.ranges().into_iter();
        let batch_ids = batch_ids.as_string_view();
        let runs = runs.filter_map(|run| Some((*wanted.get(batch_ids.value(run.start))?, run)));
        Ok(Self {
            runs: runs.collect(),
            user_ids: Some(texts("user_id")?.as_string_view().clone()),
            completion_dates: Some(ArrayRef::clone(column("completion_date")?)),
        })
    }
}
