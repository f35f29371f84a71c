//! Writes a group of reports part by part, several parts at a time: the CSV files of its batches and a file of the mart
//! each.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::arrow::datatypes::SchemaRef;
use futures::StreamExt;
use tokio::task::JoinSet;

use super::Progress;
use super::csv_files::CsvFiles;
use super::error::NightlyError;
use super::layout;
use super::manifest::FileEntry;
use super::mart::MartFile;
use super::staged::{StagedOutput, make_folder};
use crate::engine::EngineError;
use crate::report::{ALL_REPORTS, CsvStyle, ReportGroup};

/// What the concurrent writers share.
struct Work {
    reports: ReportGroup,
    staged: StagedOutput,
    style: CsvStyle,
    progress: Arc<dyn Progress>,
    next_turn: AtomicUsize,
}

/// The files of one part.
pub struct WrittenPart {
    part: usize,
    pub csv: Vec<FileEntry>,
    pub mart: FileEntry,
}

/// Writes the group with `writers` concurrent writers. Returns the CSV files in the order of batches, and the files of
/// the mart.
pub async fn write_group(
    reports: ReportGroup,
    staged: &StagedOutput,
    style: CsvStyle,
    writers: usize,
    progress: Arc<dyn Progress>,
) -> Result<(Vec<FileEntry>, Vec<FileEntry>), NightlyError> {
    make_folder(&staged.path().join(layout::MART))?;
    let work = Arc::new(Work {
        reports,
        staged: staged.clone(),
        style,
        progress,
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
    let (mut files, mut marts) = (
        Vec::with_capacity(work.reports.batches.len()),
        Vec::with_capacity(written.len()),
    );
    for part in written {
        files.extend(part.csv);
        marts.push(part.mart);
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
        let (staged, style) = (work.staged.clone(), work.style.clone());
        written.push(write_part(&work.reports, part, staged, style, Arc::clone(&work.progress)).await?);
    }
}

/// Writes the files of one part.
pub async fn write_part(
    reports: &ReportGroup,
    part: usize,
    staged: StagedOutput,
    style: CsvStyle,
    progress: Arc<dyn Progress>,
) -> Result<WrittenPart, NightlyError> {
    let mut rows = reports.rows_of_part(part)?;
    let schema: SchemaRef = rows.schema();
    let mut csv = CsvFiles::new(staged.clone(), reports.batches_of_part(part), style);
    let mut mart = MartFile::create(&staged, reports.first_part + part, schema)?;
    let mut told = 0;
    while let Some(batch) = rows.next().await {
        let batch = batch.map_err(EngineError::running(ALL_REPORTS))?;
        csv.append(&batch)?;
        mart.append(batch)?;
        progress.batches_written(csv.completed() - told);
        told = csv.completed();
        // Yields: rows that are ready at once would otherwise keep the task from being cancelled.
        tokio::task::yield_now().await;
    }
    let csv = csv.finish()?;
    progress.batches_written(csv.len() as u64 - told);
    Ok(WrittenPart {
        part,
        csv,
        mart: mart.finish()?,
    })
}
