//! Finds files of telemetry, `FOLDER/date=YYYY-MM-DD/…`, where the date is that of arrival.

use std::sync::{Arc, OnceLock};

use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::path::Path;

use super::outcome::Outcome;
use crate::exports::{DayName, Depth, ExportNote, ExportsError, Location, left_out, refuse, some_of};
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

/// The files of a folder of telemetry.
#[derive(Debug, Default)]
pub struct FoundFiles {
    /// Those that are read, in order of their paths.
    pub files: Vec<Arc<TelemetryFile>>,
    /// Remarks on those that are not.
    pub notes: Vec<ExportNote>,
}

/// The files of all days in `folder`, which the events of `table` are read from; none where there is no such folder.
///
/// Days are named as those of exports are. Files elsewhere, or of another format, are named in remarks.
///
/// # Errors
/// The folder cannot be listed, or something in it that may be a file of events is in no listing.
pub async fn find(table: &str, folder: &Location) -> Result<FoundFiles, ExportsError> {
    let unlisted = unlisted(table, folder).await?;
    let listed: Result<Vec<_>, _> = folder.store.list(Some(&folder.prefix)).try_collect().await;
    let mut objects = listed.map_err(|error| ExportsError::Unlistable {
        place: folder.to_string(),
        reason: error.to_string(),
    })?;
    objects.sort_unstable_by(|a, b| a.location.cmp(&b.location));
    let (mut files, mut without_day, mut others) = (Vec::new(), Vec::new(), unlisted);
    for object in objects {
        let place = || folder.display(&object.location);
        match kind_of(&object.location, folder) {
            _ if object.size == 0 => {}
            Kind::Hidden => {}
            Kind::WithoutDay => without_day.push(place()),
            Kind::Other => others.push(place()),
            Kind::Events(format, arrived_on) => files.push(Arc::new(TelemetryFile {
                location: folder.clone(),
                object,
                format,
                arrived_on,
                outcome: OnceLock::new(),
            })),
        }
    }
    let notes = [
        (without_day, "is not in a folder date=YYYY-MM-DD and is not read"),
        (
            others,
            "does not end in .json, .ndjson, .jsonl (or these with .gz) or .parquet, and is not read",
        ),
    ];
    let notes = notes.into_iter().filter(|(files, _)| !files.is_empty());
    let notes = notes.map(|(files, why)| ExportNote::new(table, format!("{} {why}", some_of(&files))));
    Ok(FoundFiles {
        files,
        notes: notes.collect(),
    })
}

/// The entries that no listing has, and that hold no events.
async fn unlisted(table: &str, folder: &Location) -> Result<Vec<String>, ExportsError> {
    let left_out = left_out(folder, &folder.prefix, Depth::All).await;
    refuse(table, &left_out)?;
    Ok(left_out.into_iter().map(|left| left.shown).collect())
}

/// What an object in a folder of telemetry is, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A file of events that arrived on a day.
    Events(TelemetryFormat, SnapshotDate),
    /// A file in the folder of no day.
    WithoutDay,
    /// A file of another format.
    Other,
    /// A marker, or a file that is being written.
    Hidden,
}

fn kind_of(path: &Path, folder: &Location) -> Kind {
    let parts: Vec<String> = path
        .prefix_match(&folder.prefix)
        .into_iter()
        .flatten()
        .map(|part| part.as_ref().to_owned())
        .collect();
    if parts.iter().any(|part| is_hidden(part)) {
        return Kind::Hidden;
    }
    let [day, .., name] = parts.as_slice() else {
        return Kind::WithoutDay;
    };
    match (DayName::parse(day), format_of(name)) {
        (DayName::Day(day), Some(format)) => Kind::Events(format, day),
        (DayName::Day(_), None) => Kind::Other,
        (DayName::Unclear | DayName::Other, _) => Kind::WithoutDay,
    }
}

fn format_of(name: &str) -> Option<TelemetryFormat> {
    let name = name.to_ascii_lowercase();
    if name.ends_with(".parquet") {
        return Some(TelemetryFormat::Parquet);
    }
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let is_lines = [".json", ".ndjson", ".jsonl"]
        .iter()
        .any(|ending| name.ends_with(ending));
    is_lines.then_some(TelemetryFormat::Lines)
}

/// Whether a file or folder of this name is a marker, or is being written.
fn is_hidden(name: &str) -> bool {
    name.starts_with(['.', '_'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_files_of_events_from_others() {
        let folder = Location::parse("/").expect("a folder");
        let kind = |path: &str| kind_of(&Path::from(path), &folder);
        let day: SnapshotDate = "2026-11-20".parse().expect("a day");
        for path in [
            "date=2026-11-20/a.json",
            "date=20261120/a.JSONL.GZ",
            "dt=2026-11-20/hour=07/a.ndjson",
        ] {
            assert_eq!(kind(path), Kind::Events(TelemetryFormat::Lines, day), "{path}");
        }
        let parquet = Kind::Events(TelemetryFormat::Parquet, day);
        assert_eq!(kind("Date=2026-11-20/a.PARQUET"), parquet);
        for path in [
            "a.json",
            "2026-11-20/a.json",
            "date=22-11-2026/a.json",
            "year=2026/month=11/a.json",
        ] {
            assert_eq!(kind(path), Kind::WithoutDay, "{path}");
        }
        for path in [
            "date=2026-11-20/a.json.zst",
            "date=2026-11-20/a.csv",
            "date=2026-11-20/a",
        ] {
            assert_eq!(kind(path), Kind::Other, "{path}");
        }
        for path in [
            "_SUCCESS",
            ".a.json",
            "date=2026-11-20/_temporary/0/a.json",
            "date=2026-11-20/.a.json.crc",
        ] {
            assert_eq!(kind(path), Kind::Hidden, "{path}");
        }
    }
}
