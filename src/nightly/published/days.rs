//! Finds a day's output: the day that was asked for, or the newest complete one.

use std::collections::BTreeSet;

use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt};

use super::error::PublishedError;
use crate::config::DateChoice;
use crate::exports::{Location, read_whole};
use crate::ids::SnapshotDate;
use crate::nightly::layout;
use crate::nightly::manifest::{FORMAT_VERSION, Manifest};

/// Bytes of a manifest that hold its first fields.
const MANIFEST_START: u64 = 256;

/// The folder of the chosen day, its manifest, and the file of that. A day without a manifest is not complete and is
/// ignored.
pub async fn open_day(reports: &Location, choice: DateChoice) -> Result<(Path, Manifest, ObjectMeta), PublishedError> {
    match choice {
        DateChoice::Day(date) => {
            let day = folder_of(reports, date);
            let manifest = read_manifest(reports, &day).await?;
            let (manifest, object) = manifest.ok_or_else(|| PublishedError::NotComplete {
                reports: reports.to_string(),
                date,
                manifest: reports.display(&day.clone().join(layout::MANIFEST)),
            })?;
            Ok((day, manifest, object))
        }
        DateChoice::Latest => newest_complete(reports).await,
    }
}

async fn newest_complete(reports: &Location) -> Result<(Path, Manifest, ObjectMeta), PublishedError> {
    for date in dates(reports).await?.into_iter().rev() {
        let day = folder_of(reports, date);
        match read_manifest(reports, &day).await {
            Ok(Some((manifest, object))) => return Ok((day, manifest, object)),
            Ok(None) => tracing::warn!("skipping the incomplete output of {date}: it has no manifest"),
            Err(error @ PublishedError::NoManifest { .. }) => tracing::warn!("skipping the output of {date}: {error}"),
            Err(error) => return Err(error),
        }
    }
    Err(PublishedError::NoneComplete {
        reports: reports.to_string(),
    })
}

/// The days that have a folder, complete or not.
pub async fn dates(reports: &Location) -> Result<BTreeSet<SnapshotDate>, PublishedError> {
    let listed = reports.store.list_with_delimiter(Some(&reports.prefix)).await;
    let listed = listed.map_err(|error| PublishedError::unreadable(reports.to_string(), &error))?;
    let names = listed.common_prefixes.iter().filter_map(Path::filename);
    Ok(names.filter_map(SnapshotDate::from_folder_name).collect())
}

/// The days with a manifest of this version of the format, from the oldest. Only the start of each manifest is read: it
/// has megabytes where a day has many batches.
pub async fn complete_days(reports: &Location) -> Result<Vec<SnapshotDate>, PublishedError> {
    let mut complete = Vec::new();
    for date in dates(reports).await? {
        let manifest = folder_of(reports, date).join(layout::MANIFEST);
        let start = async {
            let length = reports.store.head(&manifest).await?.size.min(MANIFEST_START);
            match length {
                0 => Ok(Bytes::new()),
                length => reports.store.get_range(&manifest, 0..length).await,
            }
        };
        match start.await {
            Ok(start) if is_manifest_of(&start, date) => complete.push(date),
            Ok(_) => tracing::warn!(
                "{} is no manifest of {date} that this pragati reads",
                reports.display(&manifest)
            ),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(PublishedError::unreadable(reports.display(&manifest), &error)),
        }
    }
    Ok(complete)
}

/// Whether a manifest of this version and day begins like that: its first two fields say so.
fn is_manifest_of(start: &[u8], date: SnapshotDate) -> bool {
    let start: String = String::from_utf8_lossy(start).split_whitespace().collect();
    start.starts_with(&format!(
        "{{\"format_version\":{FORMAT_VERSION},\"snapshot_date\":\"{date}\","
    ))
}

fn folder_of(reports: &Location, date: SnapshotDate) -> Path {
    reports.prefix.clone().join(date.folder_name())
}

/// The manifest in a day's folder and its file, or `None` where there is none.
async fn read_manifest(reports: &Location, day: &Path) -> Result<Option<(Manifest, ObjectMeta)>, PublishedError> {
    let path = day.clone().join(layout::MANIFEST);
    let place = reports.display(&path);
    let (text, object) = match read_whole(reports.store.as_ref(), &path).await {
        Ok(read) => read,
        Err(object_store::Error::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(PublishedError::unreadable(place, &error)),
    };
    // One of many batches takes a good part of a second, in which nothing else of this task would go on.
    let parsing = SpawnedTask::spawn_blocking({
        let text = text.clone();
        move || serde_json::from_slice::<Manifest>(&text)
    });
    match parsing.join().await {
        Ok(Ok(manifest)) => checked_version(manifest, place).map(|manifest| Some((manifest, object))),
        Ok(Err(error)) => Err(not_understood(&text, place, &error)),
        Err(error) => {
            let reason = error.to_string();
            Err(PublishedError::Unreadable { place, reason })
        }
    }
}

fn checked_version(manifest: Manifest, place: String) -> Result<Manifest, PublishedError> {
    if manifest.format_version == FORMAT_VERSION {
        Ok(manifest)
    } else {
        Err(unknown_version(manifest.format_version, place))
    }
}

/// The error for a manifest that does not parse; one of another format version may have another structure.
fn not_understood(text: &[u8], place: String, error: &serde_json::Error) -> PublishedError {
    #[derive(serde::Deserialize)]
    struct Version {
        format_version: u32,
    }
    match serde_json::from_slice(text) {
        Ok(Version { format_version }) if format_version != FORMAT_VERSION => unknown_version(format_version, place),
        _ => PublishedError::NoManifest {
            manifest: place,
            reason: error.to_string(),
        },
    }
}

fn unknown_version(found: u32, manifest: String) -> PublishedError {
    PublishedError::UnknownVersion {
        manifest,
        found,
        known: FORMAT_VERSION,
    }
}
