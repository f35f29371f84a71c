//! Writes the files of the mart: splits ordered rows by section into one file each.

use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::SchemaRef;

use super::error::NightlyError;
use super::incremental::FilePlan;
use super::manifest::FileEntry;
use super::mart::MartFile;
use super::staged::StagedOutput;
use crate::report::{ReportError, ReportGroup};

/// Writes the files of a part's sections, one after the other.
pub struct SectionFiles {
    staged: StagedOutput,
    schema: SchemaRef,
    /// The files that are not complete, the current one last.
    to_come: Vec<SectionFile>,
    open: Option<MartFile>,
    entries: Vec<FileEntry>,
}

struct SectionFile {
    number: usize,
    plan: FilePlan,
    /// The id of its last batch; `None` where it has no batch.
    last_batch_id: Option<String>,
}

impl SectionFiles {
    /// A writer of the section files of a part in `staged`, for rows of `schema`, by their plans.
    pub fn new(
        staged: StagedOutput,
        reports: &ReportGroup,
        part: usize,
        plans: Vec<FilePlan>,
        schema: SchemaRef,
    ) -> Self {
        let sections = reports.sections_of_part(part).iter().zip(plans).map(|(section, plan)| {
            let last = reports.batches[section.batches.clone()].last();
            SectionFile {
                number: section.number,
                plan,
                last_batch_id: last.map(|batch| batch.batch_id.clone()),
            }
        });
        let mut to_come: Vec<SectionFile> = sections.collect();
        to_come.reverse();
        Self {
            staged,
            schema,
            to_come,
            open: None,
            entries: Vec::new(),
        }
    }

    /// Writes the next rows, of sections whose files are made, in the order of batches.
    pub fn append(&mut self, mut rows: RecordBatch) -> Result<(), NightlyError> {
        while rows.num_rows() > 0 {
            let ids = batch_ids(&rows)?;
            let Some(current) = self.to_come.last() else {
                return Err(NightlyError::UnlistedBatch(ids.value(0).to_owned()));
            };
            let of_current = current
                .last_batch_id
                .as_deref()
                .map_or(0, |last| count_up_to(ids, last));
            if of_current > 0 && current.plan.is_made() {
                let file = match self.open.take() {
                    Some(file) => file,
                    None => self.create(current.number)?,
                };
                self.open.insert(file).append(rows.slice(0, of_current))?;
            }
            if of_current < rows.num_rows() {
                self.complete_current()?;
            }
            rows = rows.slice(of_current, rows.num_rows() - of_current);
        }
        Ok(())
    }

    /// Sets the plan of a section whose file is not complete.
    pub fn plan(&mut self, number: usize, plan: FilePlan) {
        if let Some(section) = self.to_come.iter_mut().rev().find(|section| section.number == number) {
            section.plan = plan;
        }
    }

    /// Completes all files and returns their manifest entries, in order.
    pub fn finish(mut self) -> Result<Vec<FileEntry>, NightlyError> {
        while !self.to_come.is_empty() {
            self.complete_current()?;
        }
        Ok(self.entries)
    }

    fn create(&self, number: usize) -> Result<MartFile, NightlyError> {
        MartFile::create(&self.staged, number, Arc::clone(&self.schema))
    }

    fn complete_current(&mut self) -> Result<(), NightlyError> {
        let Some(current) = self.to_come.pop() else {
            return Ok(());
        };
        match current.plan {
            FilePlan::Make(fingerprint) => {
                let file = match self.open.take() {
                    Some(file) => file,
                    None => self.create(current.number)?,
                };
                self.entries.push(FileEntry {
                    fingerprint: fingerprint.map(|fingerprint| fingerprint.to_string()),
                    ..file.finish()?
                });
            }
            other => self.entries.extend(other.into_taken()),
        }
        Ok(())
    }
}

/// The column `batch_id`.
pub fn batch_ids(rows: &RecordBatch) -> Result<&StringViewArray, ReportError> {
    let ids = rows
        .column_by_name("batch_id")
        .and_then(|column| column.as_string_view_opt());
    ids.ok_or(ReportError::MissingColumn("batch_id"))
}

/// How many of the ids, which are in ascending order, are at most `last`.
pub fn count_up_to(ids: &StringViewArray, last: &str) -> usize {
    let (mut low, mut high) = (0, ids.len());
    if high > 0 && ids.value(high - 1) <= last {
        return high;
    }
    while low < high {
        let middle = low.midpoint(high);
        if ids.value(middle) <= last {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
