//! Publishes a staged day in an object store: all files first, the manifest last.
//!
//! A store cannot exchange folders. Where the day has files already, the new ones go to a folder of this run, and one
//! put of the new manifest makes readers switch to them; then the earlier files are removed. The put is conditional: it
//! fails where the manifest changed since the run began.

use std::collections::HashSet;
use std::path::Path as FsPath;

use chrono::{DateTime, Utc};
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutMode, PutPayload, UpdateVersion};
use tokio::io::AsyncWriteExt;

use super::error::NightlyError;
use super::layout;
use super::manifest::{FileEntry, Manifest};
use super::staged::StagedOutput;
use crate::exports::Location;
use crate::ids::SnapshotDate;

/// Files uploaded at a time.
const CONCURRENT_UPLOADS: usize = 8;

/// An upload of a day's output.
#[derive(Debug)]
pub struct Upload {
    destination: Location,
    day: Path,
    /// This run's folder below the day's, with a trailing slash; empty where the day does not exist yet.
    run_folder: String,
    /// The version of the existing manifest, which lists the earlier output.
    earlier: Option<UpdateVersion>,
    /// Whether the day's folder may hold files of other runs.
    has_others: bool,
}

/// The processes that upload files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Uploaders {
    /// This process alone.
    ThisProcess,
    /// Tasks of a cluster too. An abandoned task may still write later, so such a run always has a folder of its own.
    Tasks,
}

impl Upload {
    /// Finds the existing output of that day.
    pub async fn begin(
        destination: &Location,
        date: SnapshotDate,
        started_at: DateTime<Utc>,
        uploaders: Uploaders,
    ) -> Result<Self, NightlyError> {
        let day = destination.prefix.clone().join(date.folder_name());
        let manifest = day.clone().join(layout::MANIFEST);
        let earlier = match destination.store.head(&manifest).await {
            Ok(object) => Some(UpdateVersion {
                e_tag: object.e_tag,
                version: object.version,
            }),
            Err(object_store::Error::NotFound { .. }) => None,
            Err(error) => return Err(failed(destination, &manifest, &error)),
        };
        // Without a manifest, files belong to a killed run, a concurrent run, or a day that is being removed.
        let first = destination.store.list(Some(&day)).next().await.transpose();
        let has_others = first.map_err(|error| failed(destination, &day, &error))?.is_some();
        let is_apart = has_others || uploaders == Uploaders::Tasks;
        let run_folder = is_apart.then(|| format!("run={}/", started_at.format("%Y%m%dT%H%M%S%3fZ")));
        Ok(Self {
            destination: destination.clone(),
            day,
            run_folder: run_folder.unwrap_or_default(),
            earlier,
            has_others,
        })
    }

    /// The URL of this run's folder.
    #[cfg(feature = "cluster")]
    pub fn run_url(&self) -> String {
        self.destination.display(&self.folder())
    }

    /// The location of all outputs.
    pub fn destination(&self) -> &Location {
        &self.destination
    }

    /// This run's folder.
    pub fn folder(&self) -> Path {
        layout::object_path(&self.day, self.run_folder.trim_end_matches('/'))
    }

    /// Uploads staged files.
    pub async fn put(&self, staged: &StagedOutput, files: &[&FileEntry]) -> Result<(), NightlyError> {
        put_files(staged, files, &self.destination, &self.folder()).await
    }

    /// Publishes the run's files with one put of the manifest. Returns the day's URL and the manifest as published; the
    /// earlier output is removed.
    pub async fn publish(self, mut manifest: Manifest) -> Result<(String, Manifest), NightlyError> {
        let path = self.day.clone().join(layout::MANIFEST);
        for file in &mut manifest.files {
            file.path.insert_str(0, &self.run_folder);
        }
        let failed = |error: &dyn std::fmt::Display| failed(&self.destination, &path, error);
        let text = serde_json::to_vec_pretty(&manifest).map_err(|error| failed(&error))?;
        // Fails where another run has published since this one began: its output stays.
        let mode = match &self.earlier {
            None => PutMode::Create,
            Some(earlier) => PutMode::Update(earlier.clone()),
        };
        let store = &self.destination.store;
        let put = store.put_opts(&path, PutPayload::from(text.clone()), mode.into()).await;
        match put {
            Ok(_) => {}
            Err(object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. }) => {
                return Err(NightlyError::Overtaken(self.destination.display(&path)));
            }
            // A store without conditional puts.
            Err(object_store::Error::NotImplemented { .. }) => {
                let put = store.put(&path, PutPayload::from(text)).await;
                put.map_err(|error| failed(&error))?;
            }
            Err(error) => return Err(failed(&error)),
        }
        if self.has_others {
            remove_earlier(&self.destination, &self.day, &manifest).await;
        }
        Ok((self.destination.display(&self.day), manifest))
    }
}

/// Uploads staged files to a folder of the store, several at a time.
pub async fn put_files(
    staged: &StagedOutput,
    files: &[&FileEntry],
    destination: &Location,
    folder: &Path,
) -> Result<(), NightlyError> {
    let uploads = files.iter().map(|file| {
        let target = layout::object_path(folder, &file.path);
        let source = staged.path().join(&file.path);
        let destination = destination.clone();
        async move {
            let uploaded = upload_file(&source, &destination, &target).await;
            uploaded.map_err(|error| failed(&destination, &target, &error))
        }
    });
    // Collected first, because a borrowing iterator is not `Send`.
    futures::stream::iter(uploads.collect::<Vec<_>>())
        .buffer_unordered(CONCURRENT_UPLOADS)
        .try_collect()
        .await
}

fn failed(destination: &Location, path: &Path, error: &dyn std::fmt::Display) -> NightlyError {
    NightlyError::Upload {
        place: destination.display(path),
        reason: error.to_string(),
    }
}

async fn upload_file(source: &FsPath, destination: &Location, target: &Path) -> std::io::Result<()> {
    let mut file = tokio::fs::File::open(source).await?;
    let mut writer = BufWriter::new(std::sync::Arc::clone(&destination.store), target.clone());
    tokio::io::copy(&mut file, &mut writer).await?;
    writer.shutdown().await
}

/// Removes files that the new manifest does not list. A failure wastes space but is harmless.
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
