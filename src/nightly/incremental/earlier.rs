//! The output that files are taken over from: the newest complete one on the same basis.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use object_store::path::Path;

use super::super::error::NightlyError;
use super::super::manifest::{Content, FileEntry};
use super::super::published::{Published, PublishedError};
use super::is_within;
use crate::config::DateChoice;
use crate::exports::Location;
use crate::ids::SnapshotDate;
use crate::report::Fingerprint;

/// An earlier output, with an index of its files by fingerprint.
#[derive(Debug)]
pub struct Earlier {
    published: Arc<Published>,
    /// Whether no complete output between it and the run's day was skipped.
    is_newest: bool,
    /// Positions in the manifest, by fingerprint as the manifest writes it.
    reports: HashMap<String, usize>,
    mart_files: HashMap<String, usize>,
}

impl Earlier {
    /// Finds the output of this day or an earlier one under `reports`. `None` where there is none on the same basis, or
    /// where the manifest of the newest one cannot be read, which is logged as a warning.
    pub async fn find(reports: &Location, date: SnapshotDate, basis: &str) -> Result<Option<Self>, NightlyError> {
        let mut dates = Published::dates(reports).await?;
        dates.retain(|&earlier| earlier <= date);
        let mut is_newest = true;
        while let Some(earlier) = dates.pop_last() {
            match Published::open(reports.clone(), DateChoice::Day(earlier)).await {
                Ok(published) if published.manifest().basis.as_deref() == Some(basis) => {
                    return Ok(Some(Self::of(Arc::new(published), is_newest)));
                }
                Ok(_) => {
                    is_newest = false;
                    tracing::info!("nothing is taken over from {earlier}: it was made with other settings");
                }
                // No reader uses an incomplete day.
                Err(PublishedError::NotComplete { .. }) => {}
                Err(error @ (PublishedError::NoManifest { .. } | PublishedError::UnknownVersion { .. })) => {
                    tracing::warn!(
                        "the manifest of {earlier} cannot be trusted: {}; nothing is taken over, and all reports are made \
                         anew",
                        error.problem()
                    );
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn of(published: Arc<Published>, is_newest: bool) -> Self {
        let (mut reports, mut mart_files) = (HashMap::new(), HashMap::new());
        for (place, file) in published.manifest().files.iter().enumerate() {
            let Some(fingerprint) = file.fingerprint.clone().filter(|_| is_within(&file.path)) else {
                continue;
            };
            match file.content {
                Content::ReportCsv { .. } => reports.insert(fingerprint, place),
                Content::ReportMart { .. } => mart_files.insert(fingerprint, place),
                _ => None,
            };
        }
        Self {
            published,
            is_newest,
            reports,
            mart_files,
        }
    }

    /// The output, where it is the newest complete one of a day before `date`.
    pub fn newest_before(&self, date: SnapshotDate) -> Option<Arc<Published>> {
        let is_it = self.is_newest && self.date() < date;
        is_it.then(|| Arc::clone(&self.published))
    }

    /// The day of the output.
    pub fn date(&self) -> SnapshotDate {
        self.published.manifest().snapshot_date
    }

    /// The basis of its files.
    #[cfg(feature = "cluster")]
    pub fn basis(&self) -> &str {
        self.published.manifest().basis.as_deref().unwrap_or_default()
    }

    /// When the run that made it ended.
    pub fn finished_at(&self) -> DateTime<Utc> {
        self.published.manifest().timings.finished_at
    }

    /// The day's folder in its store.
    pub fn day(&self) -> &Path {
        self.published.day()
    }

    /// The report with this fingerprint.
    pub fn report(&self, fingerprint: Fingerprint) -> Option<&FileEntry> {
        let &place = self.reports.get(&fingerprint.to_string())?;
        self.published.manifest().files.get(place)
    }

    /// The file of the mart with this fingerprint.
    pub fn mart_file(&self, fingerprint: Fingerprint) -> Option<&FileEntry> {
        let &place = self.mart_files.get(&fingerprint.to_string())?;
        self.published.manifest().files.get(place)
    }
}
