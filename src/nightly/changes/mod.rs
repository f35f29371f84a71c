//! The changes between two outputs: the batches whose reports differ, with counts of people.
//!
//! Changed batches are found by comparing manifests. People are counted in the files of the mart that contain changed
//! batches, of which only the columns of users and completion dates are read.

mod compare;
mod cursor;
mod files;
mod read;
mod reader;
mod table;

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;

pub use table::{ChangedBatch, People, schema};

use super::Run;
use super::error::NightlyError;
use super::incremental::Incremental;
use super::manifest::{FileEntry, Manifest};
use super::published::{Published, PublishedError};
use crate::config::DateChoice;
use crate::exports::Location;
use crate::ids::SnapshotDate;
use crate::report::CsvStyle;

/// The table of changed batches of a run.
pub struct Changes {
    /// The table's files, for the manifest.
    pub files: Vec<FileEntry>,
    /// The day of the output that was compared; `None` where there was no earlier one.
    pub since: Option<SnapshotDate>,
}

/// Writes the table of changed batches of a run, whose manifest lists its files. The run is compared with the newest
/// complete output of an earlier day; without one, the table is empty.
pub(super) async fn write(
    run: &Run<'_>,
    manifest: &Manifest,
    incremental: &Incremental,
) -> Result<Changes, NightlyError> {
    let earlier = match incremental.newest_before(manifest.snapshot_date) {
        Some(earlier) => Some(earlier),
        None => earlier_day(run.reports, manifest.snapshot_date).await?.map(Arc::new),
    };
    let since = earlier.as_ref().map(|earlier| earlier.manifest().snapshot_date);
    let changed = match earlier {
        None => Vec::new(),
        Some(earlier) => {
            let (location, day) = match run.upload {
                None => {
                    let staged = Location::parse(&run.staged.path().display().to_string())?;
                    let day = staged.prefix.clone();
                    (staged, day)
                }
                Some(upload) => (upload.destination().clone(), upload.folder()),
            };
            between(&earlier, &Published::of(location, day, manifest.clone())).await
        }
    };
    let rows = table::rows(&changed, since, manifest.snapshot_date)?;
    let files = files::write(run.staged, &rows, CsvStyle::from(&run.config.report))?;
    Ok(Changes {
        files: Vec::from(files),
        since,
    })
}

/// The newest complete output of a day before `date`. One with a damaged manifest is skipped.
async fn earlier_day(reports: &Location, date: SnapshotDate) -> Result<Option<Published>, NightlyError> {
    let mut dates = Published::dates(reports).await?;
    dates.retain(|&earlier| earlier < date);
    while let Some(earlier) = dates.pop_last() {
        match Published::open(reports.clone(), DateChoice::Day(earlier)).await {
            Ok(published) => return Ok(Some(published)),
            Err(PublishedError::NotComplete { .. }) => {}
            Err(error @ (PublishedError::NoManifest { .. } | PublishedError::UnknownVersion { .. })) => {
                tracing::info!("changes since {earlier} are not told: {}", error.problem());
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// The batches whose reports differ between two outputs, ordered by id. Where a file of the mart cannot be read, people are
/// not counted and a warning is logged.
pub async fn between(old: &Published, new: &Published) -> Vec<ChangedBatch> {
    let mut changed = compare::changed_batches(old, new);
    if let Err(error) = compare::count_people(old, new, &mut changed).await {
        tracing::warn!("people of changed batches are not counted: {error}");
        for batch in &mut changed {
            batch.people = None;
        }
    }
    changed
}

/// The changes between two outputs as rows, with the columns of [`schema`].
///
/// # Errors
/// Arrow cannot make the rows.
pub async fn rows_between(old: &Published, new: &Published) -> Result<RecordBatch, NightlyError> {
    let changed = between(old, new).await;
    let (since, as_of) = (old.manifest().snapshot_date, new.manifest().snapshot_date);
    Ok(table::rows(&changed, Some(since), as_of)?)
}

impl Published {
    /// The table of the batches whose reports changed since the output before, with the columns of [`schema`].
    ///
    /// # Errors
    /// Where an earlier version of pragati made the output without such a table, or the table does not match the manifest.
    pub async fn changed_batches(&self) -> Result<RecordBatch, PublishedError> {
        read::table(self).await
    }
}

/// The rows of `changed` as [`ChangedBatch`]es.
///
/// # Errors
/// The rows have not the columns of [`schema`].
pub fn batches_of(changed: &RecordBatch) -> Result<Vec<ChangedBatch>, NightlyError> {
    Ok(table::batches(changed)?)
}
