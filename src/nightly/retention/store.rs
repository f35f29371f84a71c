//! Removes a day from an object store: its manifest first, which hides it from readers, then its files.
//!
//! A store removes one object at a time, so the manifest is copied to `.pragati-removing/` before: where a run is killed in
//! between, the next one knows from there what is left to remove.

use std::collections::HashSet;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::super::error::NightlyError;
use super::super::layout;
use super::super::manifest::Manifest;
use super::{ReasonToStay, listed};
use crate::exports::{Location, read_whole};
use crate::ids::SnapshotDate;

/// The folder, beside the days, of manifests of days that are being removed.
const REMOVING: &str = ".pragati-removing";
/// The prefix of the names of runs' own folders below a day's folder.
const RUN_FOLDER: &str = "run=";

/// Removes the day, or returns why it has to stay.
pub async fn remove(
    reports: &Location,
    date: SnapshotDate,
    manifest: &Manifest,
) -> Result<Result<(), ReasonToStay>, NightlyError> {
    let day = reports.prefix.clone().join(date.folder_name());
    let path = day.clone().join(layout::MANIFEST);
    let failed = |error: object_store::Error| failed(reports, &day, &error);
    let found: Vec<Path> = reports
        .store
        .list(Some(&day))
        .map_ok(|object| object.location)
        .try_collect()
        .await
        .map_err(failed)?;
    let ours: HashSet<Path> = paths(&day, manifest).chain([path.clone()]).collect();
    let foreign = found
        .iter()
        .filter(|object| !ours.contains(*object) && !is_of_run(&day, object))
        .min();
    if let Some(foreign) = foreign {
        return Ok(Err(ReasonToStay::Foreign(reports.display(foreign))));
    }
    let (text, _) = read_whole(reports.store.as_ref(), &path).await.map_err(failed)?;
    if serde_json::from_slice::<Manifest>(&text).ok().as_ref() != Some(manifest) {
        return Ok(Err(ReasonToStay::Because(
            "another run has just published it".to_owned(),
        )));
    }
    let removal = removal_of(reports, date);
    reports
        .store
        .put(&removal, PutPayload::from(text))
        .await
        .map_err(failed)?;
    delete(reports, vec![path.clone()]).await.map_err(failed)?;
    delete(reports, found.into_iter().filter(|object| *object != path).collect())
        .await
        .map_err(failed)?;
    delete(reports, vec![removal]).await.map_err(failed)?;
    Ok(Ok(()))
}

/// Finishes removals that were interrupted because their run was killed.
///
/// # Errors
/// Where the store cannot be listed or an object cannot be removed.
pub async fn finish_removals(reports: &Location) -> Result<(), NightlyError> {
    let folder = reports.prefix.clone().join(REMOVING);
    let failed = |error: object_store::Error| failed(reports, &folder, &error);
    let begun: Vec<Path> = reports
        .store
        .list(Some(&folder))
        .map_ok(|object| object.location)
        .try_collect()
        .await
        .map_err(failed)?;
    for removal in begun {
        let text = match read_whole(reports.store.as_ref(), &removal).await {
            Ok((text, _)) => text,
            // Another run has finished this removal.
            Err(object_store::Error::NotFound { .. }) => continue,
            Err(error) => return Err(failed(error)),
        };
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&text) else {
            tracing::warn!("{} is not a manifest and is left alone", reports.display(&removal));
            continue;
        };
        if removal_of(reports, manifest.snapshot_date) == removal {
            finish(reports, &manifest, text, removal).await?;
        }
    }
    Ok(())
}

/// Finishes one removal. Where the day's manifest still exists, nothing was removed yet, and this run decides anew
/// whether to remove the day.
async fn finish(reports: &Location, manifest: &Manifest, text: Bytes, removal: Path) -> Result<(), NightlyError> {
    let date = manifest.snapshot_date;
    let day = reports.prefix.clone().join(date.folder_name());
    let failed = |error: object_store::Error| failed(reports, &day, &error);
    let mut left: HashSet<Path> = paths(&day, manifest).collect();
    match read_whole(reports.store.as_ref(), &day.clone().join(layout::MANIFEST)).await {
        Err(object_store::Error::NotFound { .. }) => {}
        Err(error) => return Err(failed(error)),
        Ok((now, _)) => {
            if now == text {
                return Ok(());
            }
            let Ok(published) = serde_json::from_slice::<Manifest>(&now) else {
                tracing::warn!("what is left of the removed output of {date} stays: the new one has no sound manifest");
                return Ok(());
            };
            for path in paths(&day, &published) {
                left.remove(&path);
            }
        }
    }
    tracing::info!("removing what an interrupted run left of the output of {date}");
    delete(reports, left.into_iter().collect()).await.map_err(failed)?;
    delete(reports, vec![removal]).await.map_err(failed)
}

/// Removes objects; missing ones are ignored.
async fn delete(reports: &Location, objects: Vec<Path>) -> Result<(), object_store::Error> {
    let objects = futures::stream::iter(objects.into_iter().map(Ok)).boxed();
    let mut deleted = reports.store.delete_stream(objects);
    while let Some(deleted) = deleted.next().await {
        match deleted {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The objects of the files that a manifest lists, all within the day's folder.
fn paths(day: &Path, manifest: &Manifest) -> impl Iterator<Item = Path> {
    listed(manifest)
        .map(move |path| layout::object_path(day, path))
        .filter(move |path| path.prefix_matches(day))
}

/// Whether an object is in the folder of a run, which may have been abandoned.
fn is_of_run(day: &Path, object: &Path) -> bool {
    let first = object.prefix_match(day).and_then(|mut parts| parts.next());
    first.is_some_and(|first| first.as_ref().starts_with(RUN_FOLDER))
}

fn removal_of(reports: &Location, date: SnapshotDate) -> Path {
    let name = format!("{}.json", date.folder_name());
    reports.prefix.clone().join(REMOVING).join(name)
}

fn failed(reports: &Location, place: &Path, error: &object_store::Error) -> NightlyError {
    NightlyError::NotRemoved {
        place: reports.display(place),
        reason: error.to_string(),
    }
}
