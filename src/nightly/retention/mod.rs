//! Removes the output of old days, beyond the number of days that the site keeps.
//!
//! A day is removed as a whole or not at all. A day whose folder holds files that its manifest does not list stays. So does
//! one with rows of the ratio by day that the newest output has not carried over, because the events that they were counted
//! from may have been deleted. A warning gives the reason for each old day that stays.

mod history;
mod local;
mod store;

use std::num::NonZeroU32;
use std::sync::Arc;

use super::error::NightlyError;
use super::manifest::Manifest;
use super::published::{Published, PublishedError};
use super::staged::OutputFolder;
use crate::catalog::Catalog;
use crate::config::DateChoice;
use crate::exports::Location;
use crate::ids::SnapshotDate;
use history::History;
pub use store::finish_removals;

/// The days that a run removed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The days, from the oldest.
    pub days: Vec<SnapshotDate>,
    /// The number of their files.
    pub files: u64,
    /// The size of their files.
    pub bytes: u64,
}

/// The reason why an old day stays.
#[derive(Debug, PartialEq, Eq)]
enum ReasonToStay {
    /// Its folder holds files that its manifest does not list; the first of them.
    Foreign(String),
    /// The ratio by day, or another reason, for the warning.
    Because(String),
}

/// Where the output is stored, which decides how days are removed.
pub enum Storage<'a> {
    /// A folder, which this run has locked.
    Folder(&'a OutputFolder),
    /// An object store.
    Store,
}

/// Removes the output of all days but the newest `keep` and the day `made`, which this run has published.
///
/// # Errors
/// Where the output cannot be read or a day cannot be removed; what was removed before is gone, and the next run goes on.
pub async fn remove_old_days(
    catalog: &Catalog,
    reports: &Location,
    storage: Storage<'_>,
    keep: NonZeroU32,
    made: SnapshotDate,
) -> Result<Removed, NightlyError> {
    let mut removed = Removed::default();
    let days = Published::complete_days(reports).await?;
    let kept = usize::try_from(keep.get()).unwrap_or(usize::MAX);
    let old = &days[..days.len().saturating_sub(kept)];
    let Some(&newest) = days.last().filter(|_| !old.is_empty()) else {
        return Ok(removed);
    };
    let history = History::of(catalog, reports, newest).await?;
    for &date in old.iter().filter(|&&date| date != made) {
        let published = match Published::open(reports.clone(), DateChoice::Day(date)).await {
            Ok(published) => Arc::new(published),
            // Another process has removed it meanwhile.
            Err(PublishedError::NotComplete { .. }) => continue,
            Err(error @ (PublishedError::NoManifest { .. } | PublishedError::UnknownVersion { .. })) => {
                tracing::warn!("the output of {date} is old and stays: {}", error.problem());
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let outcome = match reason_to_stay(&published, date, &history).await? {
            Some(reason) => Err(ReasonToStay::Because(reason)),
            None => match &storage {
                Storage::Folder(output) => local::remove(output, date, published.manifest()).await?,
                Storage::Store => store::remove(reports, date, published.manifest()).await?,
            },
        };
        match outcome {
            Ok(()) => {
                removed.days.push(date);
                removed.files += published.manifest().files.len() as u64 + 1;
                removed.bytes += published.manifest().files.iter().map(|file| file.bytes).sum::<u64>();
            }
            Err(ReasonToStay::Because(reason)) => tracing::warn!("the output of {date} is old and stays: {reason}"),
            Err(ReasonToStay::Foreign(file)) => tracing::warn!(
                "the output of {date} is old and stays: {file} is not a part of it; move it elsewhere, and the next run removes \
                 the day"
            ),
        }
    }
    Ok(removed)
}

/// The reason why the day must stay, for the warning.
async fn reason_to_stay(
    published: &Arc<Published>,
    date: SnapshotDate,
    history: &History<'_>,
) -> Result<Option<String>, NightlyError> {
    let of = published.manifest().snapshot_date;
    if of != date {
        return Ok(Some(format!("its manifest is that of {of}")));
    }
    history.would_lose(published).await
}

/// The files that a manifest lists, by their paths.
fn listed(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.files.iter().map(|file| file.path.as_str())
}
