//! Incremental nights: files that did not change since an earlier output are taken over from it instead of being made.
//!
//! A batch's report is taken over where its content fingerprint is that of the earlier report, both were made with the
//! same settings and by the same program, and the earlier file has the SHA-256 that its manifest says. The same holds
//! for each file of the mart. So the output is that of a full run, byte for byte.

mod basis;
mod check;
mod earlier;
mod local;
#[cfg(feature = "cluster")]
mod of_tasks;
mod part_plan;
mod stored;

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

pub use basis::basis;
pub use check::PartCheck;
#[cfg(feature = "cluster")]
pub use earlier::Earlier;
#[cfg(feature = "cluster")]
pub use of_tasks::EarlierOutput;
pub use part_plan::{FilePlan, PartPlan};

use super::error::NightlyError;
use super::layout;
use super::manifest::{FileEntry, TakenOver};
use super::published::Published;
use super::staged::StagedOutput;
use super::upload::Upload;
use crate::config::Config;
use crate::exports::Location;
use crate::ids::SnapshotDate;
use crate::report::{Fingerprint, ReportBatch, ReportGroup};
use check::Checks;
#[cfg(not(feature = "cluster"))]
use earlier::Earlier;
use local::FolderTaker;
use stored::StoreTaker;

/// The output that a run takes files over from, and the files that it has taken over.
#[derive(Debug, Default)]
pub struct Incremental {
    earlier: Option<(Arc<Earlier>, Taker)>,
    checks: Option<Checks>,
    taken: Mutex<Taken>,
}

/// The way in which files of an earlier output are taken over.
#[derive(Debug)]
enum Taker {
    Folder(FolderTaker),
    Store(StoreTaker),
}

#[derive(Debug, Default)]
struct Taken {
    /// Paths relative to the folder of the run.
    paths: HashSet<String>,
    bytes: u64,
    /// How many of them are reports.
    reports: u64,
    /// The paths of the reports among them that were compared with ones made anew.
    compared: HashSet<String>,
}

/// How many reports a run took over from an earlier output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reused {
    /// Reports that were taken over.
    pub reports: u64,
    /// Those of them that were made anew as well, and found to be the same.
    pub compared: u64,
}

impl Incremental {
    /// Finds the newest complete output on the same `basis`, from which the run of this day may take files over.
    ///
    /// # Errors
    /// Where the outputs cannot be listed or read. A damaged manifest is a warning, and nothing is taken over.
    pub async fn prepare(
        reports: &Location,
        date: SnapshotDate,
        basis: &str,
        config: &Config,
        staged: &StagedOutput,
        upload: Option<&Upload>,
    ) -> Result<Self, NightlyError> {
        if config.nightly.full {
            return Ok(Self::default());
        }
        let Some(earlier) = Earlier::find(reports, date, basis).await? else {
            return Ok(Self::default());
        };
        let trusted = config.nightly.trust_file_times.then(|| earlier.finished_at());
        let taker = match upload {
            None => {
                let outputs = staged.path().parent().unwrap_or(staged.path());
                let day = outputs.join(earlier.date().folder_name());
                Taker::Folder(FolderTaker::new(day, staged.path(), trusted))
            }
            Some(upload) => {
                let (destination, from) = (upload.destination().clone(), earlier.day().clone());
                Taker::Store(StoreTaker::new(destination, from, upload.folder(), trusted))
            }
        };
        let checks = match config.nightly.verify {
            true => Some(Checks::begin(&config.temp_folder())?),
            false => None,
        };
        Ok(Self {
            earlier: Some((Arc::new(earlier), taker)),
            checks,
            taken: Mutex::default(),
        })
    }

    /// The summary for the manifest; `None` where every file was made.
    pub fn taken_over(&self) -> Option<TakenOver> {
        let (earlier, _) = self.earlier.as_ref()?;
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        Some(TakenOver {
            from: earlier.date(),
            files: taken.paths.len() as u64,
            bytes: taken.bytes,
        })
    }

    /// How many reports were taken over.
    pub fn reused(&self) -> Reused {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        Reused {
            reports: taken.reports,
            compared: taken.compared.len() as u64,
        }
    }

    /// The newest complete output of a day before `date`, where it has been opened.
    pub fn newest_before(&self, date: SnapshotDate) -> Option<Arc<Published>> {
        self.earlier.as_ref()?.0.newest_before(date)
    }

    /// Takes over files of a part where possible, and plans the others. `None` where fingerprints depend on rows that are
    /// not known yet, so that sections are planned one by one.
    pub async fn plan(&self, reports: &ReportGroup, part: usize) -> Option<PartPlan> {
        PartPlan::taking(self, reports, part).await
    }

    /// The same for one section with these batches and fingerprints.
    pub async fn plan_section(&self, number: usize, batches: &[ReportBatch], fingerprints: &[Fingerprint]) -> PartPlan {
        PartPlan::taking_section(self, number, batches, fingerprints).await
    }

    /// What to verify of a part, where verification is on and something was taken over.
    pub fn check(&self, reports: &ReportGroup, part: usize, plan: Option<&PartPlan>) -> Option<PartCheck> {
        let checks = self.checks.as_ref()?;
        match plan {
            Some(plan) => checks.of_part(plan, reports.sections_of_part(part)),
            None => Some(checks.of_buffered(reports, part)),
        }
    }

    /// Whether a file was taken over.
    #[cfg(feature = "cluster")]
    pub fn has_taken(&self, file: &FileEntry) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.paths.contains(&file.path)
    }

    /// Notes the reports that were made anew and are the same as those that were taken over.
    pub fn note_compared(&self, reports: &[FileEntry]) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.compared.extend(reports.iter().map(|report| report.path.clone()));
    }

    /// Whether a file is a report that was compared with one made anew.
    #[cfg(feature = "cluster")]
    pub fn has_compared(&self, file: &FileEntry) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.compared.contains(&file.path)
    }

    /// Those of `files` that this process made.
    pub fn made_here<'a>(&self, files: &'a [FileEntry]) -> Vec<&'a FileEntry> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        files.iter().filter(|file| !taken.paths.contains(&file.path)).collect()
    }

    /// Takes over the report of a batch; `None` where it has to be made.
    async fn take_report(&self, batch: &ReportBatch, fingerprint: Fingerprint) -> Option<FileEntry> {
        let (earlier, taker) = self.earlier.as_ref()?;
        let entry = earlier.report(fingerprint)?;
        let path = layout::csv_path(batch.tenant_id.as_deref(), &batch.batch_id);
        self.take(taker, entry, path).await
    }

    /// Takes over file number `number` of the mart; `None` where it has to be made.
    async fn take_mart_file(&self, number: usize, fingerprint: Fingerprint) -> Option<FileEntry> {
        let (earlier, taker) = self.earlier.as_ref()?;
        let entry = earlier.mart_file(fingerprint)?;
        self.take(taker, entry, layout::part_path(layout::MART, number)).await
    }

    async fn take(&self, taker: &Taker, entry: &FileEntry, path: String) -> Option<FileEntry> {
        // Yields, so that a run that takes everything over can be stopped.
        tokio::task::yield_now().await;
        let is_taken = match taker {
            Taker::Folder(taker) => taker.take(entry, &path),
            Taker::Store(taker) => taker.take(entry, &path).await,
        };
        if !is_taken {
            return None;
        }
        let file = FileEntry { path, ..entry.clone() };
        self.note_taken(&file);
        Some(file)
    }

    /// Notes a file that was taken over, here or by a task of a cluster.
    pub fn note_taken(&self, file: &FileEntry) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.paths.insert(file.path.clone()) {
            taken.bytes += file.bytes;
            taken.reports += u64::from(file.unknown_users().is_some());
        }
    }
}

/// Whether a path of a manifest stays within its folder.
fn is_within(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    parts.all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Logs that a file is made anew because the earlier one does not match its manifest.
fn warn_changed(file: &str) {
    tracing::warn!("{file} is not as its manifest says; it is not taken over but made anew");
}
