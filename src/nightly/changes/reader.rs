//! Reads the people of some batches from files of a mart: several files at the same time, in the order of the files.
//!
//! Each file is read by a task of its own, which waits when its rows are not taken, so that memory is bounded.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::{cast, partition};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::runtime::SpawnedTask;
use futures::TryStreamExt;
use tokio::sync::mpsc;

use super::super::error::NightlyError;
use super::super::manifest::FileEntry;
use super::super::published::Published;
use crate::engine::EngineError;
use crate::report::ReportError;

/// Files that are read at the same time.
const FILES_AT_A_TIME: usize = 4;
/// Record batches of a file that wait to be taken.
const BATCHES_AHEAD: usize = 1;

/// The numbers of batches, by their ids.
pub type BatchNumbers = HashMap<String, usize>;

/// Reads the rows of the wanted batches.
pub struct MartReader<'a> {
    published: &'a Published,
    wanted: Arc<BatchNumbers>,
    /// The files that are not being read yet.
    files: VecDeque<&'a FileEntry>,
    /// The files that are being read, in order.
    reading: VecDeque<FileReading>,
}

/// A file that is being read.
struct FileReading {
    rows: mpsc::Receiver<Rows>,
    task: SpawnedTask<Result<(), NightlyError>>,
}

/// Rows of a file, and the ranges of the wanted batches in them.
pub struct Rows {
    /// The ids of the users.
    pub user_ids: StringViewArray,
    /// The dates of completion; NULL for who has not completed.
    pub completion_dates: ArrayRef,
    /// Runs of rows of one wanted batch each, by its number; not empty.
    pub runs: VecDeque<(usize, Range<usize>)>,
}

impl<'a> MartReader<'a> {
    /// A reader of the `wanted` batches in the sorted `files`.
    pub fn new(
        published: &'a Published,
        files: impl Iterator<Item = &'a FileEntry>,
        wanted: Arc<BatchNumbers>,
    ) -> Self {
        Self {
            published,
            wanted,
            files: files.collect(),
            reading: VecDeque::new(),
        }
    }

    /// The next rows of wanted batches; `None` after the last ones.
    ///
    /// # Errors
    /// A file of the mart is missing, is not as listed, or cannot be decoded.
    pub async fn next(&mut self) -> Result<Option<Rows>, NightlyError> {
        loop {
            while self.reading.len() < FILES_AT_A_TIME
                && let Some(file) = self.files.pop_front()
            {
                let reading = FileReading::begin(self.published, file, Arc::clone(&self.wanted));
                self.reading.push_back(reading);
            }
            let Some(first) = self.reading.front_mut() else {
                return Ok(None);
            };
            if let Some(rows) = first.rows.recv().await {
                return Ok(Some(rows));
            }
            // The task has ended; only its result tells whether the file was read to its end.
            if let Some(ended) = self.reading.pop_front() {
                let result = ended.task.join().await;
                result.map_err(|_| EngineError::Lost("rows of the report mart"))??;
            }
        }
    }
}

impl FileReading {
    fn begin(published: &Published, file: &FileEntry, wanted: Arc<BatchNumbers>) -> Self {
        let opening = published.opening_completions(file);
        let (taken, rows) = mpsc::channel(BATCHES_AHEAD);
        let task = SpawnedTask::spawn(async move {
            let mut read = opening.await?;
            let failed = |error| NightlyError::Parquet("a file of the report mart cannot be read", error);
            while let Some(rows) = read.try_next().await.map_err(failed)? {
                let rows = Rows::of(&rows, &wanted)?;
                if !rows.runs.is_empty() && taken.send(rows).await.is_err() {
                    break;
                }
            }
            Ok::<_, NightlyError>(())
        });
        Self { rows, task }
    }
}

impl Rows {
    fn of(rows: &RecordBatch, wanted: &BatchNumbers) -> Result<Self, ReportError> {
        let column = |name: &'static str| rows.column_by_name(name).ok_or(ReportError::MissingColumn(name));
        let texts = |name| Ok::<_, ReportError>(cast(column(name)?, &DataType::Utf8View)?);
        let batch_ids = texts("batch_id")?;
        let runs = partition(std::slice::from_ref(&batch_ids))?.ranges().into_iter();
        let batch_ids = batch_ids.as_string_view();
        let runs = runs.filter_map(|run| Some((*wanted.get(batch_ids.value(run.start))?, run)));
        Ok(Self {
            runs: runs.collect(),
            user_ids: texts("user_id")?.as_string_view().clone(),
            completion_dates: ArrayRef::clone(column("completion_date")?),
        })
    }
}
