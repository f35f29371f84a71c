//! Taking over in the tasks of a cluster: the driver names the earlier output, and each task opens it itself.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::super::error::NightlyError;
use super::super::staged::StagedOutput;
use super::super::tasks::TaskOutput;
use super::check::Checks;
use super::earlier::Earlier;
use super::local::FolderTaker;
use super::stored::StoreTaker;
use super::{Incremental, Taker};
use crate::config::Config;
use crate::exports::Location;
use crate::ids::SnapshotDate;

/// The output that tasks take files over from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EarlierOutput {
    /// The folder or URL of all outputs.
    reports: String,
    date: SnapshotDate,
    basis: String,
    trusts_times: bool,
    verifies: bool,
}

impl Incremental {
    /// The output that tasks take over from: that of this run, in `reports`.
    pub fn for_tasks(&self, reports: &Location, config: &Config) -> Option<EarlierOutput> {
        let (earlier, _) = self.earlier.as_ref()?;
        Some(EarlierOutput {
            reports: reports.display(&reports.prefix),
            date: earlier.date(),
            basis: earlier.basis().to_owned(),
            trusts_times: config.nightly.trust_file_times,
            verifies: config.nightly.verify,
        })
    }

    /// The incremental state of a task that stages its files in `staged` for `output`; `folder` is for temporary files.
    pub fn of_task(
        earlier: Arc<Earlier>,
        named: &EarlierOutput,
        output: &TaskOutput,
        staged: &StagedOutput,
        folder: &Path,
    ) -> Result<Self, NightlyError> {
        let trusted = named.trusts_times.then(|| earlier.finished_at());
        let taker = match output {
            // The staged folder is beside the folders of days.
            TaskOutput::Folder(unpublished) => {
                let outputs = unpublished.parent().unwrap_or(unpublished);
                let day = outputs.join(named.date.folder_name());
                Taker::Folder(FolderTaker::new(day, staged.path(), trusted))
            }
            TaskOutput::Store(url) => {
                let destination = Location::parse(url)?;
                let to = destination.prefix.clone();
                Taker::Store(StoreTaker::new(destination, earlier.day().clone(), to, trusted))
            }
        };
        let checks = match named.verifies {
            true => Some(Checks::begin(folder)?),
            false => None,
        };
        Ok(Self {
            earlier: Some((earlier, taker)),
            checks,
            taken: Mutex::default(),
        })
    }
}

impl EarlierOutput {
    /// Opens the output. `None`, with a warning, where it has changed since the driver opened it; then every file is made.
    pub async fn open(&self) -> Option<Arc<Earlier>> {
        let opened = async {
            let reports = Location::parse(&self.reports)?;
            Earlier::find(&reports, self.date, &self.basis).await
        };
        match opened.await {
            Ok(Some(earlier)) if earlier.date() == self.date => Some(Arc::new(earlier)),
            Ok(_) => {
                tracing::warn!(
                    "the output of {} is not there any more; nothing is taken over",
                    self.date
                );
                None
            }
            Err(error) => {
                tracing::warn!("nothing is taken over from {}: {error}", self.date);
                None
            }
        }
    }
}
