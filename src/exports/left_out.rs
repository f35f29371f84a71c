//! Finds what the listing of a local folder leaves out although it may hold rows: links to what is not there, folders that
//! may not be searched, names that the library keeps for its own unfinished files, and what is neither a file nor a folder.
//!
//! The library skips these silently. Names that it cannot express make its whole listing fail, without a word of the table
//! that they belong to, so they are found here too. Object stores have none of this.

use std::ffi::OsStr;
use std::fs::{self, DirEntry, File};
use std::io::{self, ErrorKind, Read};
use std::path::{Path as FsPath, PathBuf};

use datafusion::common::runtime::SpawnedTask;
use object_store::path::Path;

use super::error::ExportsError;
use super::listing::{PARQUET_MAGIC, TEMPORARY, is_hidden};
use super::location::Location;

/// How deep a folder is looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Its own entries alone.
    Direct,
    /// Everything below it.
    All,
}

/// Why a listing does not have an entry, or fails because of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Its name has control characters, or bytes that are not UTF-8.
    Unnameable,
    /// It is a folder whose names may be read, but not what they are: its content is left out.
    Closed,
    /// It is a link to what is not there, or may not be read.
    DeadLink,
    /// It is a pipe, a socket or a device.
    Special,
    /// It is Parquet, under a name that the library keeps for unfinished files.
    Unfinished,
    /// It is no Parquet, under such a name.
    Other,
}

/// An entry that a listing leaves out.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// Why it is left out.
    pub why: Why,
    /// Its path, for messages.
    pub shown: String,
    path: PathBuf,
}

impl LeftOut {
    fn new(path: &FsPath, why: Why) -> Self {
        let shown = path.to_string_lossy();
        let escaped = shown.chars().map(|c| match c.is_control() {
            true => c.escape_default().to_string(),
            false => c.to_string(),
        });
        Self {
            why,
            shown: escaped.collect(),
            path: path.to_owned(),
        }
    }

    /// The place of the entry in the store; `None` where the store has no such name.
    pub fn location(&self) -> Option<Path> {
        Path::parse(self.path.to_str()?).ok()
    }

    /// The error for an entry of `table` that may hold rows; `None` for one that holds none.
    pub fn refusal(&self, table: &str) -> Option<ExportsError> {
        let (why, remedy) = match self.why {
            Why::Unnameable => (
                "has a name with control characters or bytes that are not UTF-8",
                "rename it",
            ),
            Why::Closed => (
                "is a folder whose content may not be looked at",
                "give the right to search it (x)",
            ),
            Why::DeadLink => (
                "is a link to what is not there or may not be read",
                "restore what it links to, or remove the link",
            ),
            Why::Special => ("is neither a file nor a folder", "remove it"),
            Why::Unfinished => return Some(ExportsError::misplaced(table, self.shown.clone(), TEMPORARY)),
            Why::Other => return None,
        };
        Some(ExportsError::NotListed {
            table: table.to_owned(),
            file: self.shown.clone(),
            why,
            remedy,
        })
    }
}

/// What a listing of `folder` leaves out, in order of the reasons and paths. A folder that is itself a link to what is not
/// there is the only one of its entries.
///
/// Hidden files and folders are passed over, and folders that cannot be read: their listing is an error.
pub async fn left_out(location: &Location, folder: &Path, depth: Depth) -> Vec<LeftOut> {
    if !location.is_local() {
        return Vec::new();
    }
    let folder = PathBuf::from(location.display(folder));
    let looking = SpawnedTask::spawn_blocking(move || look_through(&folder, depth));
    looking.join_unwind().await.unwrap_or_default()
}

fn look_through(folder: &FsPath, depth: Depth) -> Vec<LeftOut> {
    if is_dead_link(folder) {
        return vec![LeftOut::new(folder, Why::DeadLink)];
    }
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        let mut entries = entries.flatten().peekable();
        if entries.peek().is_some_and(is_closed) {
            found.push(LeftOut::new(&folder, Why::Closed));
            continue;
        }
        for entry in entries {
            match kind_of(&entry) {
                Entry::LeftOut(why) => found.push(LeftOut::new(&entry.path(), why)),
                Entry::Folder if depth == Depth::All => folders.push(entry.path()),
                Entry::Folder | Entry::Listed => {}
            }
        }
    }
    found.sort();
    found
}

/// Whether the folder of an entry does not let the process see what the entry is.
fn is_closed(entry: &DirEntry) -> bool {
    let seen = entry.metadata();
    seen.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

enum Entry {
    /// A listing has it, or it is hidden.
    Listed,
    Folder,
    LeftOut(Why),
}

fn kind_of(entry: &DirEntry) -> Entry {
    let (name, path) = (entry.file_name(), entry.path());
    let Some(name) = nameable(&name) else {
        return Entry::LeftOut(Why::Unnameable);
    };
    let Ok(mut kind) = entry.file_type() else {
        return Entry::Listed;
    };
    if is_hidden(name) {
        return Entry::Listed;
    }
    if kind.is_symlink() {
        match fs::metadata(&path) {
            Err(_) => return Entry::LeftOut(Why::DeadLink),
            // The listing reports the loop.
            Ok(target) if target.is_dir() && leads_back(&path) => return Entry::Listed,
            Ok(target) => kind = target.file_type(),
        }
    }
    if kind.is_dir() {
        return Entry::Folder;
    }
    if !kind.is_file() {
        return Entry::LeftOut(Why::Special);
    }
    if !is_kept_for_unfinished(name) {
        return Entry::Listed;
    }
    match first_bytes(&path).unwrap_or_default().as_slice() {
        [] => Entry::Listed,
        bytes if PARQUET_MAGIC.contains(&bytes) => Entry::LeftOut(Why::Unfinished),
        _ => Entry::LeftOut(Why::Other),
    }
}

/// The name, where the store can express it.
fn nameable(name: &OsStr) -> Option<&str> {
    name.to_str().filter(|name| !name.chars().any(|c| c.is_ascii_control()))
}

fn is_dead_link(path: &FsPath) -> bool {
    let is_link = fs::symlink_metadata(path).is_ok_and(|entry| entry.is_symlink());
    is_link && fs::metadata(path).is_err()
}

/// Whether a link leads to a folder above it.
fn leads_back(link: &FsPath) -> bool {
    let target = link.canonicalize();
    let above = link.parent().map(FsPath::canonicalize);
    matches!((target, above), (Ok(target), Some(Ok(above))) if above.starts_with(&target))
}

/// Whether the library takes the file of this name for one that it has not finished: `part-0.parquet#1`.
fn is_kept_for_unfinished(name: &str) -> bool {
    let number = name.split_once('#').map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// The first four bytes of a file; fewer where it is shorter.
fn first_bytes(path: &FsPath) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(4).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    const PARQUET: &str = "PAR1....PAR1";

    fn found(folder: &FsPath, depth: Depth) -> Vec<(Why, String)> {
        let shown = |left: LeftOut| left.shown.replace(&folder.display().to_string(), "");
        let found = look_through(folder, depth).into_iter();
        found.map(|left| (left.why, shown(left))).collect()
    }

    #[test]
    fn what_a_listing_leaves_out_is_found_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path();
        let below = folder.join("state=KA");
        fs::create_dir(&below).expect("a folder");
        for name in ["a.parquet", "b#1x", "c#", "_d#1", "#"] {
            fs::write(folder.join(name), PARQUET).expect("written");
        }
        symlink(folder.join("a.parquet"), folder.join("link.parquet")).expect("a link");
        symlink(folder, below.join("loop")).expect("a link");
        symlink("/no/such/file", folder.join(".lock")).expect("a link");
        assert_eq!(found(folder, Depth::All), []);

        fs::write(folder.join("b.parquet#1"), PARQUET).expect("written");
        fs::write(folder.join("notes#1"), "text").expect("written");
        fs::write(folder.join("empty#1"), "").expect("written");
        fs::write(folder.join("line\nbreak"), PARQUET).expect("written");
        fs::write(folder.join(OsStr::from_bytes(b"bytes\xff")), PARQUET).expect("written");
        symlink("/no/such/file", below.join("c.parquet")).expect("a link");
        let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).expect("a socket");
        let direct = [
            (Why::Unnameable, "/bytes\u{fffd}".to_owned()),
            (Why::Unnameable, "/line\\nbreak".to_owned()),
            (Why::Special, "/socket".to_owned()),
            (Why::Unfinished, "/b.parquet#1".to_owned()),
            (Why::Other, "/notes#1".to_owned()),
        ];
        assert_eq!(found(folder, Depth::Direct), direct);
        let all = found(folder, Depth::All);
        assert_eq!(all.len(), direct.len() + 1);
        assert!(
            all.contains(&(Why::DeadLink, "/state=KA/c.parquet".to_owned())),
            "{all:?}"
        );
    }

    #[test]
    fn a_folder_that_may_not_be_searched_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let day = folder.path().join("date=2026-11-22");
        fs::create_dir(&day).expect("a folder");
        fs::write(day.join("a.parquet"), PARQUET).expect("written");
        let mode = |mode| fs::set_permissions(&day, Permissions::from_mode(mode)).expect("permissions");
        mode(0o644);
        let is_seen = fs::metadata(day.join("a.parquet")).is_ok();
        let found = found(folder.path(), Depth::All);
        mode(0o755);
        // The superuser sees everything.
        let expected = (Why::Closed, "/date=2026-11-22".to_owned());
        assert_eq!(found, if is_seen { Vec::new() } else { vec![expected] });
    }

    #[test]
    fn a_folder_that_is_a_dead_link_is_its_only_entry() {
        let folder = tempfile::tempdir().expect("a folder");
        let day = folder.path().join("date=2026-11-22");
        symlink("/no/such/folder", &day).expect("a link");
        let found = look_through(&day, Depth::All);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].why, Why::DeadLink);
        let location = Path::from_absolute_path(&day).expect("a path");
        assert_eq!(found[0].location(), Some(location));
        let refusal = found[0].refusal("users").expect("it may hold rows").to_string();
        assert!(
            refusal.contains("table users: ") && refusal.contains("restore what it links to"),
            "{refusal}"
        );
        assert_eq!(look_through(&folder.path().join("nothing"), Depth::All), []);
    }
}
