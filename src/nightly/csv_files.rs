//! Writes the batches' CSV files: takes pieces of reports in order and leaves one whole file a batch.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use tokio::sync::mpsc::Receiver;

use super::error::NightlyError;
use super::layout;
use super::manifest::{Content, FileEntry};
use super::staged::{HashedFile, StagedOutput, make_folder};
use crate::report::{CsvStyle, CsvWriter, ReportBatch, ReportError, ReportRows};

/// Some rows of one batch's report. The pieces of a batch come one after the other, the last one without rows.
pub struct Piece {
    /// The batch's place in the list of all batches.
    pub batch: usize,
    pub rows: Option<RecordBatch>,
}

/// Writes the files of the batches whose pieces it is given.
pub struct CsvFiles {
    batches: Arc<Vec<ReportBatch>>,
    staged: StagedOutput,
    writer: CsvWriter,
    /// Bytes of the current piece, kept to reuse the memory.
    bytes: Vec<u8>,
    folders_made: HashSet<PathBuf>,
}

struct OpenFile {
    path: String,
    file: HashedFile,
    rows: u64,
    unknown_users: u64,
}

impl CsvFiles {
    /// Files in `staged`, for some of `batches`.
    pub fn new(staged: StagedOutput, batches: Arc<Vec<ReportBatch>>, style: CsvStyle) -> Self {
        Self {
            batches,
            staged,
            writer: CsvWriter::new(style),
            bytes: Vec::new(),
            folders_made: HashSet::new(),
        }
    }

    /// Writes until no more pieces come; `on_file` hears of each file and its rows. Gives the files with their batches' places.
    pub fn write_all(
        mut self,
        mut pieces: Receiver<Piece>,
        on_file: impl Fn(u64),
    ) -> Result<Vec<(usize, FileEntry)>, NightlyError> {
        let mut entries = Vec::new();
        let mut open: Option<OpenFile> = None;
        while let Some(piece) = pieces.blocking_recv() {
            let mut current = match open.take() {
                Some(file) => file,
                None => self.open(piece.batch)?,
            };
            match piece.rows {
                Some(rows) => {
                    self.append(&mut current, &rows)?;
                    open = Some(current);
                }
                None => {
                    on_file(current.rows);
                    entries.push((piece.batch, self.finish(current, piece.batch)?));
                }
            }
        }
        Ok(entries)
    }

    fn open(&mut self, batch: usize) -> Result<OpenFile, NightlyError> {
        let batch = &self.batches[batch];
        let path = layout::csv_path(batch.tenant_id.as_deref(), &batch.batch_id);
        let full_path = self.staged.path().join(&path);
        if let Some(folder) = full_path.parent()
            && !self.folders_made.contains(folder)
        {
            make_folder(folder)?;
            self.folders_made.insert(folder.to_owned());
        }
        let mut file = HashedFile::create(&full_path)?;
        self.bytes.clear();
        self.writer.start(&mut self.bytes);
        file.append(&self.bytes)?;
        Ok(OpenFile {
            path,
            file,
            rows: 0,
            unknown_users: 0,
        })
    }

    fn append(&mut self, current: &mut OpenFile, rows: &RecordBatch) -> Result<(), NightlyError> {
        self.bytes.clear();
        self.writer.append(&ReportRows::try_new(rows)?, &mut self.bytes);
        current.file.append(&self.bytes)?;
        current.rows += rows.num_rows() as u64;
        current.unknown_users += unknown_users(rows)?;
        Ok(())
    }

    fn finish(&self, current: OpenFile, batch: usize) -> Result<FileEntry, NightlyError> {
        let written = current.file.finish()?;
        let batch = &self.batches[batch];
        Ok(FileEntry {
            path: current.path,
            content: Content::ReportCsv {
                batch_id: batch.batch_id.clone(),
                course_id: batch.course_id.clone(),
                tenant_id: batch.tenant_id.clone(),
                unknown_users: current.unknown_users,
            },
            rows: current.rows,
            bytes: written.bytes,
            sha256: written.sha256,
        })
    }
}

fn unknown_users(rows: &RecordBatch) -> Result<u64, ReportError> {
    let known = rows
        .column_by_name("known_user")
        .and_then(|column| column.as_boolean_opt())
        .ok_or(ReportError::MissingColumn("known_user"))?;
    Ok((known.len() - known.true_count()) as u64)
}
