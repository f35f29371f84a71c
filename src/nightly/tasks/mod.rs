//! The nightly reports on a cluster: tasks write the files of their own batches, and this process publishes them.
//!
//! A task writes files under unique names and renames each when it is finished. So attempts of the same task can
//! overlap: they replace files by files with the same bytes.

mod codec;
mod node;
mod output;

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::AsArray;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;

pub use codec::nodes;
pub use output::TaskOutput;

use super::error::NightlyError;
use super::incremental::Incremental;
use super::manifest::{Content, FileEntry};
use super::mart::MartFile;
use super::{Run, layout};
use crate::engine::cluster::PlanCodec;
use crate::engine::{Cluster, EngineError};
use crate::exports::nonblank;
use crate::report::shares::{part_number, share_out};
use crate::report::{ALL_REPORTS, CsvStyle};
use node::{COMPARED, FILES, TAKEN, WriteReports};

/// The SQL functions that the plans of tasks call, beside the engine's.
pub fn functions() -> [datafusion::logical_expr::ScalarUDF; 2] {
    [nonblank(), part_number()]
}

/// Writes the reports of all batches by tasks. Returns the files in the order of a single-process run.
pub(super) async fn write_reports(
    run: &Run<'_>,
    cluster: &Cluster,
    incremental: &Incremental,
) -> Result<Vec<FileEntry>, NightlyError> {
    let output = match run.upload {
        None => TaskOutput::Folder(run.staged.path().to_owned()),
        Some(upload) => TaskOutput::Store(upload.run_url()),
    };
    let shared_out = share_out(run.catalog, cluster.partitions()).await?;
    let rows_of_reports = shared_out.reports.schema();
    let section_count = shared_out.section_count;
    let style = CsvStyle::from(&run.config.report);
    let earlier = incremental.for_tasks(run.reports, run.config);
    run.progress.stage("writing");
    let plan: Arc<dyn ExecutionPlan> = Arc::new(WriteReports::new(shared_out.reports, style, output.clone(), earlier));
    let codec = PlanCodec::new(nodes(None), functions());
    let failed = || EngineError::running(ALL_REPORTS);
    let written = cluster.run(plan, &codec, &run.catalog.session.copied_config()).await;
    let mut written = written.map_err(failed())?;
    let mut files: Vec<FileEntry> = Vec::new();
    while let Some(rows) = written.try_next().await.map_err(failed())? {
        let entries = rows
            .column_by_name(FILES)
            .and_then(|column| column.as_string_opt::<i32>());
        let flags = |name| rows.column_by_name(name).and_then(|column| column.as_boolean_opt());
        let lost = || EngineError::Lost("list of files");
        let (entries, taken) = entries.zip(flags(TAKEN)).ok_or_else(lost)?;
        let compared = flags(COMPARED).ok_or_else(lost)?;
        let is_reused = taken.values().iter().zip(compared.values());
        for (entry, (is_taken, is_compared)) in entries.iter().flatten().zip(is_reused) {
            let entry: FileEntry = serde_json::from_str(entry).map_err(|_| lost())?;
            if is_taken {
                incremental.note_taken(&entry);
            }
            if is_compared {
                incremental.note_compared(std::slice::from_ref(&entry));
            }
            files.push(entry);
        }
    }
    let reports = files.iter().filter(|file| file.unknown_users().is_some()).count() as u64;
    run.progress.batches(reports);
    run.progress.batches_written(reports);

    // A section without batches is in no task's share, but its empty file of the mart belongs to the output.
    let written: HashSet<String> = files.iter().map(|file| file.path.clone()).collect();
    super::staged::make_folder(&run.staged.path().join(layout::MART))?;
    let mut empty = Vec::new();
    for section in 0..section_count {
        if !written.contains(&layout::part_path(layout::MART, section)) {
            empty.push(MartFile::create(run.staged, section, Arc::clone(&rows_of_reports))?.finish()?);
        }
    }
    files.extend(run.uploaded(empty, &Incremental::default()).await?);
    files.sort_unstable_by(|a, b| place(a).cmp(&place(b)));
    output.remove_leftovers()?;
    Ok(files)
}

/// Orders reports before files of the mart, each by path.
fn place(file: &FileEntry) -> (bool, &str) {
    match &file.content {
        Content::ReportCsv { batch_id, .. } => (false, batch_id),
        _ => (true, &file.path),
    }
}
