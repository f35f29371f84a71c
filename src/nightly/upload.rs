//! Publishes a staged day in an object store: all files first, the manifest last.
//!
//! A store cannot exchange folders. So where a manifest is there already, the new files go to a folder of this run, and
//! the new manifest, in one put, points readers to them; only then are the earlier files removed.

use std::collections::HashSet;
use std::path::Path as FsPath;

use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};
use tokio::io::AsyncWriteExt;

use super::error::NightlyError;
use super::layout;
use super::manifest::Manifest;
use super::staged::StagedOutput;
use crate::exports::Location;

/// Files uploaded at a time.
const CONCURRENT_UPLOADS: usize = 8;

/// Uploads and publishes; gives the day's URL and the manifest as published there.
pub async fn publish(
    staged: &StagedOutput,
    mut manifest: Manifest,
    destination: &Location,
) -> Result<(String, Manifest), NightlyError> {
    let day = destination.prefix.clone().join(manifest.snapshot_date.folder_name());
    let manifest_path = day.clone().join(layout::MANIFEST);
    let failed = |path: &Path, error: &dyn std::fmt::Display| NightlyError::Upload {
        place: destination.display(path),
        reason: error.to_string(),
    };
    let has_earlier = match destination.store.head(&manifest_path).await {
        Ok(_) => true,
        Err(object_store::Error::NotFound { .. }) => false,
        Err(error) => return Err(failed(&manifest_path, &error)),
    };
    let run_folder = has_earlier.then(|| format!("run={}/", manifest.timings.started_at.format("%Y%m%dT%H%M%S%3fZ")));
    let run_folder = run_folder.unwrap_or_default();
    futures::stream::iter(&manifest.files)
        .map(|file| {
            let target = layout::object_path(&day, &format!("{run_folder}{}", file.path));
            let source = staged.path().join(&file.path);
            async move {
                let uploaded = upload_file(&source, destination, &target).await;
                uploaded.map_err(|error| failed(&target, &error))
            }
        })
        .buffer_unordered(CONCURRENT_UPLOADS)
        .try_collect::<()>()
        .await?;
    for file in &mut manifest.files {
        file.path.insert_str(0, &run_folder);
    }
    let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(&manifest_path, &error))?;
    destination
        .store
        .put(&manifest_path, PutPayload::from(text))
        .await
        .map_err(|error| failed(&manifest_path, &error))?;
    if has_earlier {
        remove_earlier(destination, &day, &manifest).await;
    }
    Ok((destination.display(&day), manifest))
}

async fn upload_file(source: &FsPath, destination: &Location, target: &Path) -> std::io::Result<()> {
    let mut file = tokio::fs::File::open(source).await?;
    let mut writer = BufWriter::new(std::sync::Arc::clone(&destination.store), target.clone());
    tokio::io::copy(&mut file, &mut writer).await?;
    writer.shutdown().await
}

/// Removes what the new manifest does not list. A failure costs space, not correctness.
async fn remove_earlier(destination: &Location, day: &Path, manifest: &Manifest) {
    let mut kept: HashSet<Path> = manifest
        .files
        .iter()
        .map(|file| layout::object_path(day, &file.path))
        .collect();
    kept.insert(day.clone().join(layout::MANIFEST));
    let listed: Result<Vec<_>, _> = destination.store.list(Some(day)).try_collect().await;
    let outdated = listed.unwrap_or_default().into_iter().map(|object| object.location);
    for path in outdated.filter(|path| !kept.contains(path)) {
        if let Err(error) = destination.store.delete(&path).await {
            tracing::warn!(
                "{} is outdated and could not be removed: {error}",
                destination.display(&path)
            );
        }
    }
}
