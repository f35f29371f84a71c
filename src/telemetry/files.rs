//! Finds files of telemetry: `FOLDER/date=YYYY-MM-DD/…`, by the day they arrived.

use std::sync::{Arc, OnceLock};

use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::outcome::Outcome;
use crate::exports::{ExportsError, Location};
use crate::ids::SnapshotDate;

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, compressed with gzip or not.
    Lines,
    Parquet,
}

/// One file of telemetry.
#[derive(Debug)]
pub struct TelemetryFile {
    pub location: Location,
    /// As it was listed; what is written to it later is not read.
    pub object: ObjectMeta,
    pub format: Format,
    /// The day whose folder it is in.
    pub arrived_on: SnapshotDate,
    /// Known once it was read to its end.
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

    /// What came of reading it; none where nothing read it to its end yet.
    pub fn outcome(&self) -> Option<&Outcome> {
        self.outcome.get()
    }

    /// Keeps what came of reading it, and says so once.
    pub fn note(&self, outcome: Outcome) {
        if self.outcome.get().is_none() {
            // Two queries may read it at the same time.
            let is_first = self.outcome.set(outcome.clone()).is_ok();
            if is_first {
                outcome.tell(&self.name());
            }
        }
    }
}

/// The files of all days in `folder`, in order of their paths; none where there is no such folder.
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

fn format_of(path: &Path) -> Option<Format> {
    if is_hidden(path) {
        return None;
    }
    let name = path.filename()?;
    if name.ends_with(".parquet") {
        return Some(Format::Parquet);
    }
    let name = name.strip_suffix(".gz").unwrap_or(name);
    let is_lines = [".json", ".ndjson", ".jsonl"]
        .iter()
        .any(|ending| name.ends_with(ending));
    is_lines.then_some(Format::Lines)
}

/// Markers and files that are being written.
fn is_hidden(path: &Path) -> bool {
    path.filename().is_none_or(|name| name.starts_with(['.', '_']))
}
