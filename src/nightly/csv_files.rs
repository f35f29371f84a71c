//! Writes the batches' CSV files: splits ordered rows by batch into one file each.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::ops::Range;
use std::path::PathBuf;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::partition;

use super::error::NightlyError;
use super::incremental::FilePlan;
use super::layout;
use super::manifest::{Content, FileEntry};
use super::staged::{HashedFile, StagedOutput, make_folder};
use crate::report::{CsvStyle, CsvWriter, ReportBatch, ReportError, ReportRows, unknown_users};

/// Writes the files of some batches, one after the other.
pub struct CsvFiles<'a> {
    staged: StagedOutput,
    /// The batches, in the order of the rows.
    batches: &'a [ReportBatch],
    /// The plan of each batch's file: to make it, or to take it over.
    plans: Vec<FilePlan>,
    /// The batch of the current rows; the files of all batches before it are complete.
    current: usize,
    open: Option<OpenFile>,
    writer: CsvWriter,
    /// Bytes that are not written yet; kept to reuse the allocation.
    bytes: Vec<u8>,
    folders_made: HashSet<PathBuf>,
    entries: Vec<FileEntry>,
}

struct OpenFile {
    path: String,
    file: HashedFile,
    rows: u64,
    unknown_users: u64,
}

impl<'a> CsvFiles<'a> {
    /// A writer of the files of `batches` in `staged`, by their plans.
    pub fn new(staged: StagedOutput, batches: &'a [ReportBatch], plans: Vec<FilePlan>, style: CsvStyle) -> Self {
        Self {
            staged,
            batches,
            plans,
            current: 0,
            open: None,
            writer: CsvWriter::new(style),
            bytes: Vec::new(),
            folders_made: HashSet::new(),
            entries: Vec::with_capacity(batches.len()),
        }
    }

    /// Writes the next rows, of batches whose files are made, in the order of `batches`.
    pub fn append(&mut self, rows: &RecordBatch) -> Result<(), NightlyError> {
        let missing = || ReportError::MissingColumn("batch_id");
        let ids = rows.column_by_name("batch_id").ok_or_else(missing)?;
        let runs = partition(std::slice::from_ref(ids))
            .map_err(ReportError::from)?
            .ranges();
        let ids = ids.as_string_view_opt().ok_or_else(missing)?;
        let cells = ReportRows::try_new(rows)?;
        for run in runs {
            self.advance_to(ids.value(run.start))?;
            if !self.plans[self.current].is_made() {
                continue;
            }
            let unknown_users = unknown_users(rows, run.clone())?;
            self.append_to_current(&cells, run, unknown_users)?;
        }
        Ok(())
    }

    /// Sets the plans of some batches whose files are not complete.
    pub fn plan(&mut self, batches: Range<usize>, plans: Vec<FilePlan>) {
        for (planned, plan) in self.plans[batches].iter_mut().zip(plans) {
            *planned = plan;
        }
    }

    /// Completes all files and returns their manifest entries, in the order of the batches.
    pub fn finish(mut self) -> Result<Vec<FileEntry>, NightlyError> {
        while self.current < self.batches.len() {
            self.complete_current()?;
        }
        Ok(self.entries)
    }

    /// The number of complete files.
    pub fn completed(&self) -> u64 {
        self.entries.len() as u64
    }

    fn advance_to(&mut self, id: &str) -> Result<(), NightlyError> {
        loop {
            let Some(current) = self.batches.get(self.current) else {
                return Err(self.out_of_place(id));
            };
            match current.batch_id.as_str().cmp(id) {
                Ordering::Equal => return Ok(()),
                Ordering::Less => self.complete_current()?,
                Ordering::Greater => return Err(self.out_of_place(id)),
            }
        }
    }

    fn out_of_place(&self, id: &str) -> NightlyError {
        let is_listed = self
            .batches
            .binary_search_by(|batch| batch.batch_id.as_str().cmp(id))
            .is_ok();
        if is_listed {
            NightlyError::NotInOrder(id.to_owned())
        } else {
            NightlyError::UnlistedBatch(id.to_owned())
        }
    }

    fn append_to_current(
        &mut self,
        rows: &ReportRows,
        range: Range<usize>,
        unknown_users: u64,
    ) -> Result<(), NightlyError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.open_current()?,
        };
        open.rows += range.len() as u64;
        open.unknown_users += unknown_users;
        self.writer.append_some(rows, range, &mut self.bytes);
        open.file.append(&self.bytes)?;
        self.bytes.clear();
        self.open = Some(open);
        Ok(())
    }

    fn open_current(&mut self) -> Result<OpenFile, NightlyError> {
        let batch = &self.batches[self.current];
        let path = layout::csv_path(batch.tenant_id.as_deref(), &batch.batch_id);
        let full_path = self.staged.path().join(&path);
        if let Some(folder) = full_path.parent()
            && !self.folders_made.contains(folder)
        {
            make_folder(folder)?;
            self.folders_made.insert(folder.to_owned());
        }
        let file = HashedFile::create(&full_path)?;
        // The header is written together with the first rows.
        self.writer.start(&mut self.bytes);
        Ok(OpenFile {
            path,
            file,
            rows: 0,
            unknown_users: 0,
        })
    }

    fn complete_current(&mut self) -> Result<(), NightlyError> {
        let fingerprint = match std::mem::replace(&mut self.plans[self.current], FilePlan::LeftOut) {
            FilePlan::Make(fingerprint) => fingerprint,
            other => {
                self.entries.extend(other.into_taken());
                self.current += 1;
                return Ok(());
            }
        };
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let mut open = self.open_current()?;
                open.file.append(&self.bytes)?;
                self.bytes.clear();
                open
            }
        };
        let written = open.file.finish();
        let batch = &self.batches[self.current];
        self.entries.push(FileEntry {
            path: open.path,
            content: Content::ReportCsv {
                batch_id: batch.batch_id.clone(),
                course_id: batch.course_id.clone(),
                tenant_id: batch.tenant_id.clone(),
                unknown_users: open.unknown_users,
            },
            rows: open.rows,
            bytes: written.bytes,
            sha256: written.sha256,
            fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
        });
        self.current += 1;
        Ok(())
    }
}
