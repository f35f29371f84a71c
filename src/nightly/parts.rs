//! Writes a group of reports part by part, several parts concurrently: the CSV files of its batches and the files of the
//! mart. Files that are taken over are not written.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use futures::StreamExt;
use tokio::task::JoinSet;

use super::Progress;
use super::csv_files::CsvFiles;
use super::error::NightlyError;
use super::incremental::{FilePlan, Incremental, PartCheck, PartPlan};
use super::layout;
use super::manifest::FileEntry;
use super::section_buffer::SectionBuffer;
use super::sections::SectionFiles;
use super::staged::{StagedOutput, make_folder};
use crate::engine::EngineError;
use crate::report::{ALL_REPORTS, CsvStyle, ReportGroup};

/// The destination and the settings of the writers.
#[derive(Clone)]
pub struct PartWriting {
    pub staged: StagedOutput,
    pub style: CsvStyle,
    pub incremental: Arc<Incremental>,
    pub progress: Arc<dyn Progress>,
}

/// State that the concurrent writers share.
struct Work {
    reports: ReportGroup,
    writing: PartWriting,
    next_turn: AtomicUsize,
}

/// The files of one part.
pub struct WrittenPart {
    part: usize,
    pub csv: Vec<FileEntry>,
    pub mart: Vec<FileEntry>,
}

/// Writes the group with `writers` concurrent writers. Returns the CSV files in the order of batches, and the files of
/// the mart.
pub async fn write_group(
    reports: ReportGroup,
    writing: PartWriting,
    writers: usize,
) -> Result<(Vec<FileEntry>, Vec<FileEntry>), NightlyError> {
    make_folder(&writing.staged.path().join(layout::MART))?;
    let work = Arc::new(Work {
        reports,
        writing,
        next_turn: AtomicUsize::new(0),
    });
    let mut running = JoinSet::new();
    for _ in 0..writers {
        running.spawn(write_parts(Arc::clone(&work)));
    }
    let mut written = Vec::with_capacity(work.reports.part_count());
    while let Some(parts) = running.join_next().await {
        written.extend(parts.map_err(|_| NightlyError::WriterLost)??);
    }
    written.sort_unstable_by_key(|part| part.part);
    let (mut files, mut marts) = (Vec::with_capacity(work.reports.batches.len()), Vec::new());
    for part in written {
        files.extend(part.csv);
        marts.extend(part.mart);
    }
    Ok((files, marts))
}

async fn write_parts(work: Arc<Work>) -> Result<Vec<WrittenPart>, NightlyError> {
    let mut written = Vec::new();
    loop {
        let turn = work.next_turn.fetch_add(1, Ordering::Relaxed);
        let Some(&part) = work.reports.largest_first().get(turn) else {
            return Ok(written);
        };
        written.push(write_part(&work.reports, part, &work.writing).await?);
    }
}

/// Writes the files of one part, or takes them over.
pub async fn write_part(
    reports: &ReportGroup,
    part: usize,
    writing: &PartWriting,
) -> Result<WrittenPart, NightlyError> {
    let known = writing.incremental.plan(reports, part).await;
    let check = writing.incremental.check(reports, part, known.as_ref());
    let mut buffer = match known {
        None => Some(SectionBuffer::before(reports, part, &writing.incremental)),
        Some(_) => None,
    };
    let plan = known.unwrap_or_else(|| PartPlan::all(&FilePlan::Make(None), reports, part));
    let mut wanted = plan.wanted(reports.sections_of_part(part));
    for (wanted, is_compared) in wanted.iter_mut().zip(check.iter().flat_map(|check| &check.wanted)) {
        *wanted |= is_compared;
    }
    let mut rows = reports.rows_of_part(part, wanted)?;
    let schema: SchemaRef = rows.schema();
    let open = |staged: &StagedOutput, plan| PartFiles::new(reports, part, staged, writing, plan, Arc::clone(&schema));
    let mut files = open(&writing.staged, plan);
    let mut made_again = check.as_ref().map(|check| open(&check.folder, check.plan.clone()));
    let mut to = Targets {
        files: &mut files,
        again: check.as_ref().zip(made_again.as_mut()),
    };
    let mut told = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(EngineError::running(ALL_REPORTS))?;
        match &mut buffer {
            Some(buffer) => buffer.append(batch, &mut to).await?,
            None => to.append(batch)?,
        }
        writing.progress.batches_written(to.files.csv.completed() - told);
        told = to.files.csv.completed();
        // Yields: rows that are ready at once would otherwise keep the task from being cancelled.
        tokio::task::yield_now().await;
    }
    if let Some(buffer) = buffer {
        buffer.finish(&mut to).await?;
    }
    let (csv, mart) = files.finish()?;
    if let (Some(check), Some(again)) = (check, made_again) {
        let (csv_again, mart_again) = again.finish()?;
        check.compare(&csv_again, &csv)?;
        writing.incremental.note_compared(&csv_again);
        check.compare(&mart_again, &mart)?;
    }
    writing.progress.batches_written(csv.len() as u64 - told);
    Ok(WrittenPart { part, csv, mart })
}

/// The files that rows are written to: those of the part, and those that are made anew for comparison.
pub struct Targets<'a, 'b> {
    pub files: &'b mut PartFiles<'a>,
    pub again: Option<(&'b PartCheck, &'b mut PartFiles<'a>)>,
}

impl Targets<'_, '_> {
    fn append(&mut self, rows: RecordBatch) -> Result<(), NightlyError> {
        if let Some((_, again)) = &mut self.again {
            again.append(rows.clone())?;
        }
        self.files.append(rows)
    }
}

/// The files of a part while they are written.
pub struct PartFiles<'a> {
    csv: CsvFiles<'a>,
    mart: SectionFiles,
}

impl<'a> PartFiles<'a> {
    fn new(
        reports: &'a ReportGroup,
        part: usize,
        staged: &StagedOutput,
        writing: &PartWriting,
        plan: PartPlan,
        schema: SchemaRef,
    ) -> Self {
        let batches = reports.batches_of_part(part);
        Self {
            csv: CsvFiles::new(staged.clone(), batches, plan.reports, writing.style.clone()),
            mart: SectionFiles::new(staged.clone(), reports, part, plan.mart_files, schema),
        }
    }

    /// Sets the plans of section number `section` and of its batches, whose positions in the part are `batches`. None
    /// of their rows may have been written.
    pub fn plan(&mut self, section: usize, batches: Range<usize>, plan: PartPlan) {
        self.csv.plan(batches, plan.reports);
        for mart_file in plan.mart_files {
            self.mart.plan(section, mart_file);
        }
    }

    /// Writes the next rows.
    pub fn append(&mut self, rows: RecordBatch) -> Result<(), NightlyError> {
        self.csv.append(&rows)?;
        self.mart.append(rows)
    }

    fn finish(self) -> Result<(Vec<FileEntry>, Vec<FileEntry>), NightlyError> {
        Ok((self.csv.finish()?, self.mart.finish()?))
    }
}
