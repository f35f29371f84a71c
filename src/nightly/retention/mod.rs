//! Removes the output of old days: all but the newest ones, as many as the site keeps.
//!
//! A day goes as a whole or stays as a whole. Only what a manifest lists is taken for an output, so a folder that holds
//! anything else stays; so does a day whose rows of the ratio by day no later output has carried over, because the events
//! that they were counted from may be gone. Whatever stays although it is old is said with the reason.

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

/// What a run removed.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The days, from the oldest.
    pub days: Vec<SnapshotDate>,
    /// Files that went with them.
    pub files: u64,
    /// Their size.
    pub bytes: u64,
}

/// Why a day stays although it is old.
#[derive(Debug, PartialEq, Eq)]
enum ReasonToStay {
    /// There is something else among its files: the first of it.
    Foreign(String),
    /// The ratio by day, or another reason, in words.
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
            // Removed by somebody else meanwhile.
            Err(PublishedError::NotComplete { .. }) => continue,
            Err(error @ (PublishedError::NoManifest { .. } | PublishedError::UnknownVersion { .. })) => {
                tracing::warn!("the output of {date} is old and stays: {error}");
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

/// Why the day must stay, in words.
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
