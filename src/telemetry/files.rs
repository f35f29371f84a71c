//! Finds files of telemetry, `FOLDER/date=YYYY-MM-DD/…`, where the date is that of arrival.

use std::sync::{Arc, OnceLock};

use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::outcome::Outcome;
use crate::exports::{ExportsError, Location};
use crate::ids::SnapshotDate;

/// The format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TelemetryFormat {
    /// One JSON object a line, compressed with gzip or not.
    Lines,
    Parquet,
}

/// One file of telemetry.
#[derive(Debug)]
pub struct TelemetryFile {
    /// The folder or store that holds the file.
    pub location: Location,
    /// The object as listed; bytes that are appended later are not read.
    pub object: ObjectMeta,
    /// How its content is encoded.
    pub format: TelemetryFormat,
    /// The day whose folder it is in.
    pub arrived_on: SnapshotDate,
    /// Set once the file was read to its end.
    outcome: OnceLock<Outcome>,
}

impl TelemetryFile {
    /// The path or URL.
    pub fn place(&self) -> String {
        self.location.display(&self.object.location)
    }

    /// The path below the folder of telemetry, with that folder's own name.
    pub fn name(&self) -> String {
        let folder = self.location.prefix.filename().unwrap_or_default();
        let below = self.object.location.prefix_match(&self.location.prefix);
        let below = below.into_iter().flatten();
        let parts = below.map(|part| part.as_ref().to_owned());
        std::iter::once(folder.to_owned())
            .chain(parts)
            .collect::<Vec<_>>()
            .join("/")
    }

    /// The counts of the file; `None` before it was read to its end.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }

    /// Stores the counts of the file, and logs them the first time.
    pub fn note(&self, outcome: Outcome) {
        if self.outcome.get().is_none() {
            // Two queries may read the file concurrently.
            let is_first = self.outcome.set(outcome.clone()).is_ok();
            if is_first {
                outcome.tell(&self.name());
            }
        }
    }
}

/// The files of all days in `folder`, in order of their paths; none where there is no such folder.
///
/// # Errors
/// The folder cannot be listed.
pub async fn find(folder: &Location) -> Result<Vec<Arc<TelemetryFile>>, ExportsError> {
    let listed: Result<Vec<_>, _> = folder.store.list(Some(&folder.prefix)).try_collect().await;
    let mut objects = listed.map_err(|error| ExportsError::Unlistable {
        place: folder.to_string(),
        reason: error.to_string(),
    })?;
    objects.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for object in objects {
        let Some(arrived_on) = day_of(&object.location, folder) else {
            continue;
        };
        match format_of(&object.location) {
            Some(format) if object.size > 0 => files.push(Arc::new(TelemetryFile {
                location: folder.clone(),
                object,
                format,
                arrived_on,
                outcome: OnceLock::new(),
            })),
            Some(_) => {}
            None if is_hidden(&object.location) => {}
            None => others.push(folder.display(&object.location)),
        }
    }
    if let Some(first) = others.first() {
        tracing::warn!(
            "{} files in {folder} do not end in .json, .ndjson, .jsonl (or these with .gz) or .parquet, and are not read: {first}{}",
            others.len(),
            if others.len() > 1 { ", …" } else { "" }
        );
    }
    Ok(files)
}

fn day_of(path: &Path, folder: &Location) -> Option<SnapshotDate> {
    let day = path.prefix_match(&folder.prefix)?.next()?;
    SnapshotDate::from_folder_name(day.as_ref())
}

fn format_of(path: &Path) -> Option<TelemetryFormat> {
    if is_hidden(path) {
        return None;
    }
    let name = path.filename()?;
    if name.ends_with(".parquet") {
        return Some(TelemetryFormat::Parquet);
    }
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let is_lines = [".json", ".ndjson", ".jsonl"]
        .iter()
        .any(|ending| name.ends_with(ending));
    is_lines.then_some(TelemetryFormat::Lines)
}

/// Whether a file is a marker, or is being written.
fn is_hidden(path: &Path) -> bool {
    path.filename().is_none_or(|name| name.starts_with(['.', '_']))
}
