//! Lists the objects below one day of a table, and classifies each: data to read, known not to be data, or unknown.
//!
//! Parquet files are recognised by the magic bytes at both ends, because some writers, such as Hive, use names without an
//! extension. No possible data is skipped silently: an unknown object is an error or a remark that names it.

use std::collections::HashSet;

use bytes::Bytes;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{ListResult, ObjectMeta};
use percent_encoding::percent_decode_str;

use super::day_folder::DayName;
use super::error::{ExportsError, one_line};
use super::left_out::{Depth, LeftOut, Why, left_out};
use super::location::Location;
use super::read_log;
use super::snapshot::SUCCESS_MARKER;
use super::table_format::{DELTA_LOG, TableFormat};
use super::table_log::LogFiles;

/// Extensions of Parquet files, in any case. Other files are recognised by their content.
pub const PARQUET_ENDINGS: [&str; 3] = ["parquet", "parq", "pq"];
/// Extensions of files that were compressed as a whole, in any case.
const COMPRESSED_ENDINGS: [&str; 7] = ["gz", "zst", "bz2", "zip", "lz4", "snappy", "xz"];
/// Extensions of files that are incomplete, or that another file has replaced.
const TEMPORARY_ENDINGS: [&str; 9] = [
    "tmp",
    "temp",
    "part",
    "partial",
    "inprogress",
    "bak",
    "old",
    "orig",
    "crdownload",
];
/// The magic bytes at both ends of Parquet files; the second where the footer is encrypted.
pub const PARQUET_MAGIC: [&[u8]; 2] = [b"PAR1", b"PARE"];
/// The size of the shortest possible Parquet file: the magic bytes at both ends, and the length of the footer.
const SHORTEST_PARQUET: u64 = 12;
/// Why a file is misplaced that is named like one that is not finished.
pub const TEMPORARY: &str = "is named like a temporary or replaced file";
/// The value in the name of Hive's folder for NULL.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";
/// Files of unknown kind whose content is checked concurrently.
const CONCURRENT_LOOKS: usize = 16;

/// One Parquet file of a day.
#[derive(Debug, Clone)]
pub struct DayFile {
    /// The file as listed: path, size and time of the last change.
    pub object: ObjectMeta,
    /// The `key=value` folders between the day's folder and the file, outermost first.
    pub partitions: Vec<Partition>,
}

/// A partition column: a folder `key=value` gives it to the files below.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Partition {
    /// The name before the `=`.
    pub column: String,
    /// `None` is NULL.
    pub value: Option<String>,
}

/// The objects below a day's folder.
#[derive(Debug, Default)]
pub struct DayListing {
    /// Ordered by path.
    pub files: Vec<DayFile>,
    /// Whether the day has the marker of a complete export, or a table log, which names only complete files.
    pub is_complete: bool,
    /// Objects that are not Parquet and not known to be harmless.
    pub unknown: Vec<String>,
}

/// The kind of an object, by its path alone.
enum Kind {
    /// A Parquet file, by its extension.
    Parquet(Vec<Partition>),
    /// Its content decides.
    Unknown(Vec<Partition>),
    /// Its folder or its name is not one of data files; holds the reason.
    Misplaced(&'static str),
    Harmless,
}

/// The objects and folders directly in `folder`.
pub async fn list_folder(location: &Location, folder: &Path) -> Result<ListResult, ExportsError> {
    let found = location.store.list_with_delimiter(Some(folder)).await;
    found.map_err(|error| unlistable(location, &error))
}

/// Every object below `folder`.
async fn list_all(location: &Location, folder: &Path) -> Result<Vec<ObjectMeta>, ExportsError> {
    let found = location.store.list(Some(folder)).try_collect().await;
    found.map_err(|error| unlistable(location, &error))
}

/// Lists the folder of one day of `table`. Where the table or the day has a table log, only the files that it names are
/// read; `log` is that of the table.
///
/// # Errors
/// Where the folder cannot be listed, belongs to an unsupported table format, lacks a file that the log names, or holds
/// Parquet files that may or may not be rows of the day, or what may hold rows and is in no listing.
pub async fn list_day(
    table: &str,
    location: &Location,
    folder: &Path,
    log: Option<&LogFiles>,
) -> Result<DayListing, ExportsError> {
    // A table log names the files of the day, so others do not matter there.
    let left_out = match log {
        None => left_out(location, folder, Depth::All).await,
        Some(_) => Vec::new(),
    };
    refuse(table, left_out.iter().filter(|left| left.why == Why::Unnameable))?;
    let mut objects = list_all(location, folder).await?;
    let parts_below = |object: &ObjectMeta| -> Vec<String> {
        let parts = object.location.parts().skip(folder.parts().count());
        parts.map(|part| part.as_ref().to_owned()).collect()
    };
    let is_of_log = |object: &ObjectMeta| parts_below(object).first().is_some_and(|part| part == DELTA_LOG);
    let mut log_of_day = None;
    if log.is_none() && objects.iter().any(is_of_log) {
        log_of_day = Some(read_log(table, location, folder).await?);
        // The log may name files that were written after the first listing.
        objects = list_all(location, folder).await?;
    }
    let log = log.or(log_of_day.as_ref());
    let mut listing = match log {
        None => DayListing::beginning_with(table, left_out)?,
        Some(_) => DayListing::default(),
    };
    let mut looks = Vec::new();
    for object in objects {
        if log.is_some_and(|log| !log.contains(&object.location)) {
            continue;
        }
        let parts = parts_below(&object);
        if let Some(format) = TableFormat::of_object(parts.iter().map(String::as_str)) {
            let log = location.display(&object.location);
            return Err(ExportsError::table_format(table, format, log));
        }
        listing.is_complete |= parts.last().is_some_and(|name| name == SUCCESS_MARKER);
        match kind_in_day(folder, &parts, object.size) {
            Kind::Harmless => {}
            Kind::Parquet(partitions) => listing.files.push(DayFile { object, partitions }),
            Kind::Unknown(partitions) => looks.push(look_into(table, location, object, Ok(partitions)).boxed()),
            Kind::Misplaced(why) => looks.push(look_into(table, location, object, Err(why)).boxed()),
        }
    }
    let looked: Vec<Look> = futures::stream::iter(looks)
        .buffered(CONCURRENT_LOOKS)
        .try_collect()
        .await?;
    listing.add(table, location, looked)?;
    if let Some(log) = log {
        listing.is_complete = true;
        check_complete(table, location, &listing, log.below(folder))?;
    }
    Ok(listing)
}

/// Accepts what a listing of `table` leaves out where none of it may hold rows.
///
/// # Errors
/// The first entry that may hold some.
pub fn refuse<'a>(table: &str, left_out: impl IntoIterator<Item = &'a LeftOut>) -> Result<(), ExportsError> {
    let mut refusals = left_out.into_iter().filter_map(|left| left.refusal(table));
    refusals.next().map_or(Ok(()), Err)
}

impl DayListing {
    /// A listing without files, and with the entries of `table` that no listing has and that hold no rows.
    fn beginning_with(table: &str, left_out: Vec<LeftOut>) -> Result<Self, ExportsError> {
        refuse(table, &left_out)?;
        Ok(Self {
            unknown: left_out.into_iter().map(|left| left.shown).collect(),
            ..Self::default()
        })
    }

    /// Adds objects of `table` whose content was checked, and sorts all by path.
    fn add(&mut self, table: &str, location: &Location, looked: Vec<Look>) -> Result<(), ExportsError> {
        for look in looked {
            let file = location.display(&look.object.location);
            match (look.is_parquet, look.place) {
                (true, Ok(partitions)) => self.files.push(DayFile {
                    object: look.object,
                    partitions,
                }),
                (true, Err(why)) => return Err(ExportsError::misplaced(table, file, why)),
                (false, _) if look.object.location.filename().is_some_and(is_named_compressed) => {
                    let table = table.to_owned();
                    return Err(ExportsError::Compressed { table, file });
                }
                (false, _) => self.unknown.push(file),
            }
        }
        self.files.sort_by(|a, b| a.object.location.cmp(&b.object.location));
        self.unknown.sort();
        Ok(())
    }
}

/// Checks that each file in the log is read.
fn check_complete<'a>(
    table: &str,
    location: &Location,
    listing: &DayListing,
    mut logged: impl Iterator<Item = &'a Path>,
) -> Result<(), ExportsError> {
    let read: HashSet<&Path> = listing.files.iter().map(|file| &file.object.location).collect();
    match logged.find(|file| !read.contains(file)) {
        None => Ok(()),
        Some(missing) => Err(ExportsError::LogFileMissing {
            table: table.to_owned(),
            file: location.display(missing),
        }),
    }
}

/// The kind of the object at `parts` below the folder of `day`, where the folders between may name another day.
fn kind_in_day(day: &Path, parts: &[String], size: u64) -> Kind {
    match kind_of(parts, size) {
        Kind::Parquet(_) | Kind::Unknown(_) if is_of_another_day(day.filename().unwrap_or_default(), parts) => {
            Kind::Misplaced("lies in a folder of another day")
        }
        kind => kind,
    }
}

/// Whether a folder in `parts` has the key of the folder `day`, and another day: `date=2026-11-22/date=2026-11-21`, as
/// moving a folder onto an existing one leaves it. Other keys are columns.
fn is_of_another_day(day: &str, parts: &[String]) -> bool {
    let key = |name: &str| name.split_once('=').map(|(key, _)| key.to_ascii_lowercase());
    let mut same_key = parts.iter().filter(|part| key(part).is_some() && key(part) == key(day));
    same_key.any(|part| DayName::parse(part) != DayName::parse(day))
}

/// The kind of the object at `parts` below a day's folder.
fn kind_of(parts: &[String], size: u64) -> Kind {
    let Some((name, folders)) = parts.split_last() else {
        return Kind::Harmless;
    };
    if parts.iter().any(|part| is_hidden(part)) {
        return Kind::Harmless;
    }
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let has_ending = |endings: &[&str]| ending.as_deref().is_some_and(|ending| endings.contains(&ending));
    let is_named_parquet = has_ending(&PARQUET_ENDINGS);
    if ending.as_deref() == Some("crc") || (size == 0 && !is_named_parquet && !is_named_compressed(name)) {
        return Kind::Harmless;
    }
    if has_ending(&TEMPORARY_ENDINGS) || name.ends_with('~') {
        return Kind::Misplaced(TEMPORARY);
    }
    match folders
        .iter()
        .map(|folder| partition_of(folder))
        .collect::<Option<Vec<_>>>()
    {
        None => Kind::Misplaced("lies in a folder that is not named key=value"),
        Some(partitions) if is_named_parquet => Kind::Parquet(partitions),
        Some(partitions) => Kind::Unknown(partitions),
    }
}

/// Whether a file or folder of this name holds no data, such as `_SUCCESS`, `_temporary` and `.part-0.parquet.crc`.
pub fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || (name.starts_with('_') && !name.contains('='))
}

/// Whether a file is named like a Parquet file that was compressed as a whole, such as `part-0.parquet.gz`.
fn is_named_compressed(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let parts: Vec<&str> = name.split('.').collect();
    match parts.as_slice() {
        [_, endings @ .., last] => {
            COMPRESSED_ENDINGS.contains(last) && endings.iter().any(|ending| PARQUET_ENDINGS.contains(ending))
        }
        _ => false,
    }
}

/// Parses the name of a folder `key=value`, whose value is percent-encoded.
pub fn partition_of(folder: &str) -> Option<Partition> {
    let (column, value) = folder.split_once('=')?;
    let value = percent_decode_str(value).decode_utf8().ok()?;
    let is_named = !column.trim().is_empty();
    is_named.then(|| Partition {
        column: column.to_owned(),
        value: (value != NULL_PARTITION && !value.is_empty()).then(|| value.into_owned()),
    })
}

/// An object whose content was checked.
struct Look {
    object: ObjectMeta,
    is_parquet: bool,
    /// Its partitions, or the reason why it cannot be a file of the day.
    place: Result<Vec<Partition>, &'static str>,
}

async fn look_into(
    table: &str,
    location: &Location,
    object: ObjectMeta,
    place: Result<Vec<Partition>, &'static str>,
) -> Result<Look, ExportsError> {
    let is_parquet = object.size >= SHORTEST_PARQUET && {
        let ends = [0..4, object.size - 4..object.size];
        let read = location.store.get_ranges(&object.location, &ends).await;
        let ends = read.map_err(|error| ExportsError::Unreachable {
            table: table.to_owned(),
            file: location.display(&object.location),
            reason: one_line(&error),
        })?;
        ends.iter().all(|end: &Bytes| PARQUET_MAGIC.contains(&end.as_ref()))
    };
    Ok(Look {
        object,
        is_parquet,
        place,
    })
}

/// The error for a folder that cannot be listed.
fn unlistable(location: &Location, error: &object_store::Error) -> ExportsError {
    ExportsError::Unlistable {
        place: location.to_string(),
        reason: one_line(error),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind(path: &str, size: u64) -> &'static str {
        let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
        match kind_of(&parts, size) {
            Kind::Parquet(partitions) if partitions.is_empty() => "parquet",
            Kind::Parquet(_) => "parquet of a partition",
            Kind::Unknown(_) => "unknown",
            Kind::Misplaced(_) => "misplaced",
            Kind::Harmless => "harmless",
        }
    }

    #[test]
    fn names_tell_files_from_leftovers() {
        for (path, size, expected) in [
            ("part-0.parquet", 100, "parquet"),
            ("b.PARQUET", 100, "parquet"),
            ("b.parq", 100, "parquet"),
            ("b.pq", 0, "parquet"),
            ("hour=07/b.parquet", 100, "parquet of a partition"),
            ("_hour=07/b.parquet", 100, "parquet of a partition"),
            ("000000_0", 100, "unknown"),
            ("part-00000-c000", 100, "unknown"),
            ("README.txt", 100, "unknown"),
            ("sub/b.parquet", 100, "misplaced"),
            ("b.parquet.tmp", 100, "misplaced"),
            ("_SUCCESS", 0, "harmless"),
            ("_metadata", 100, "harmless"),
            ("_temporary/0/b.parquet", 100, "harmless"),
            (".part-0.parquet.crc", 100, "harmless"),
            ("part-0.parquet.crc", 100, "harmless"),
            (".spark-staging-1/b.parquet", 100, "harmless"),
            ("folder-marker", 0, "harmless"),
        ] {
            assert_eq!(kind(path, size), expected, "{path}");
        }
    }

    #[test]
    fn a_folder_of_another_day_is_not_of_the_day() {
        let is_other = |path: &str| {
            let parts: Vec<String> = path.split('/').map(str::to_owned).collect();
            is_of_another_day("date=2026-11-22", &parts)
        };
        for path in ["date=2026-11-21/a", "state=KA/DATE=20261121/a", "date=22-11-2026/a"] {
            assert!(is_other(path), "{path}");
        }
        for path in ["a", "date=20261122/a", "dt=2026-11-21/a", "date/a", "state=KA/a"] {
            assert!(!is_other(path), "{path}");
        }
    }

    #[test]
    fn names_tell_parquet_that_was_compressed_as_a_whole() {
        for name in [
            "a.parquet.gz",
            "a.PARQUET.GZ",
            "a.parq.zst",
            "a.pq.2.zip",
            "a.snappy.parquet.bz2",
        ] {
            assert!(is_named_compressed(name), "{name}");
            assert_eq!(kind(name, 0), "unknown", "{name}");
        }
        for name in [
            "a.gz.parquet",
            "a.gz",
            "parquet.gz",
            "a.parquets.gz",
            "a.parquet",
            "a.csv.gz",
            "gz",
            "",
        ] {
            assert!(!is_named_compressed(name), "{name}");
        }
    }

    #[test]
    fn a_folder_gives_its_column_decoded() {
        let partition = |folder| partition_of(folder).map(|partition| (partition.column, partition.value));
        assert_eq!(partition("state=KA"), Some(("state".to_owned(), Some("KA".to_owned()))));
        assert_eq!(partition("a=b%2Fc%3D"), Some(("a".to_owned(), Some("b/c=".to_owned()))));
        assert_eq!(partition("a=__HIVE_DEFAULT_PARTITION__"), Some(("a".to_owned(), None)));
        assert_eq!(partition("part1"), None);
        assert_eq!(partition("=x"), None);
    }

    proptest! {
        #[test]
        fn no_path_panics_and_data_is_never_harmless(parts in prop::collection::vec("[^/]{1,12}", 1..4), size in 1_u64..1000) {
            let kind = kind_of(&parts, size);
            let may_be_hidden = parts.iter().any(|part| part.starts_with(['.', '_']) || part.ends_with(".crc"));
            let ending = parts.last().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
            prop_assert!(!matches!(kind, Kind::Harmless) || may_be_hidden || ending.as_deref() == Some("crc"));
        }
    }
}
