//! Takes files over between folders of one machine: by a hard link, or by a copy where links are not possible.
//!
//! A file is linked first and verified afterwards, so that the verified file is the one that will be published.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use rustix::fs::OFlags;
use sha2::{Digest, Sha256};

use super::super::manifest::FileEntry;
use super::super::staged::{HashedFile, make_folder};
use super::warn_changed;
use crate::hex::hex;

/// The size of the read buffer, in bytes.
const READ_BYTES: usize = 256 * 1024;
/// The permission bits of group and others.
const OF_OTHERS: u32 = 0o077;

/// Takes files over from one folder into another.
#[derive(Debug)]
pub struct FolderTaker {
    from: PathBuf,
    to: PathBuf,
    /// Files of the right size that were not modified after this time are not hashed again.
    trusted: Option<DateTime<Utc>>,
    folders_made: Mutex<HashSet<PathBuf>>,
}

impl FolderTaker {
    /// Takes over from the day's folder `from` into `to`.
    pub fn new(from: PathBuf, to: &Path, trusted: Option<DateTime<Utc>>) -> Self {
        Self {
            from,
            to: to.to_owned(),
            trusted,
            folders_made: Mutex::default(),
        }
    }

    /// Takes over the file of an entry as `path`. Returns false where that is not possible, so that it has to be made.
    pub fn take(&self, entry: &FileEntry, path: &str) -> bool {
        let (source, target) = (self.from.join(&entry.path), self.to.join(path));
        match self.linked_or_copied(&source, &target, entry) {
            Ok(true) => true,
            Ok(false) => {
                warn_changed(&source.display().to_string());
                leave(&target)
            }
            Err(error) => {
                tracing::warn!("{} cannot be taken over and is made anew: {error}", source.display());
                leave(&target)
            }
        }
    }

    /// Links or copies the file. Returns whether it matches its entry.
    fn linked_or_copied(&self, source: &Path, target: &Path, entry: &FileEntry) -> io::Result<bool> {
        if let Some(folder) = target.parent() {
            self.make_folder(folder)?;
        }
        match fs::hard_link(source, target) {
            Ok(()) => self.is_as_listed(target, entry),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(error),
            // The target is on another file system, or the file system does not allow (more) links.
            Err(_) => copied(source, target, entry),
        }
    }

    fn is_as_listed(&self, path: &Path, entry: &FileEntry) -> io::Result<bool> {
        let file = open(path)?;
        let found = file.metadata()?;
        if !found.is_file() || found.mode() & OF_OTHERS != 0 || found.len() != entry.bytes {
            return Ok(false);
        }
        if let Some(trusted) = self.trusted
            && DateTime::<Utc>::from(found.modified()?) <= trusted
        {
            return Ok(true);
        }
        Ok(sha256(file, entry.bytes)? == entry.sha256)
    }

    fn make_folder(&self, folder: &Path) -> io::Result<()> {
        let mut made = self.folders_made.lock().unwrap_or_else(PoisonError::into_inner);
        if !made.contains(folder) {
            make_folder(folder).map_err(io::Error::other)?;
            made.insert(folder.to_owned());
        }
        Ok(())
    }
}

/// Opens a file that must not be a symbolic link.
fn open(path: &Path) -> io::Result<File> {
    let no_link = OFlags::NOFOLLOW.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(no_link).open(path)
}

fn sha256(mut file: File, bytes: u64) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_BYTES.min(usize::try_from(bytes).unwrap_or(READ_BYTES)).max(1)];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

/// Copies a file. Returns whether the copy matches the entry.
fn copied(source: &Path, target: &Path, entry: &FileEntry) -> io::Result<bool> {
    let mut source = open(source)?;
    let mut copy = HashedFile::create(target).map_err(io::Error::other)?;
    let mut buffer = vec![0; READ_BYTES];
    loop {
        match source.read(&mut buffer)? {
            0 => break,
            read => copy.append(&buffer[..read]).map_err(io::Error::other)?,
        }
    }
    let written = copy.finish();
    Ok(written.bytes == entry.bytes && written.sha256 == entry.sha256)
}

/// Removes an unfinished target, so that the file can be made there.
fn leave(target: &Path) -> bool {
    if let Err(error) = fs::remove_file(target)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::debug!("{} cannot be removed: {error}", target.display());
    }
    false
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::super::super::manifest::Content;
    use super::*;

    fn earlier(folder: &Path, text: &str) -> FileEntry {
        fs::create_dir_all(folder.join("day/csv")).expect("a folder");
        fs::create_dir_all(folder.join("staged")).expect("a folder");
        let mut file = HashedFile::create(&folder.join("day/csv/b.csv")).expect("a file");
        file.append(text.as_bytes()).expect("written");
        let written = file.finish();
        FileEntry {
            path: "csv/b.csv".to_owned(),
            content: Content::DownloadRatio,
            rows: 1,
            bytes: written.bytes,
            sha256: written.sha256,
            fingerprint: None,
        }
    }

    fn taker(folder: &Path, trusted: Option<DateTime<Utc>>) -> FolderTaker {
        FolderTaker::new(folder.join("day"), &folder.join("staged"), trusted)
    }

    #[test]
    fn a_file_as_listed_is_linked_and_a_changed_one_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = earlier(folder.path(), "report");
        let taker = taker(folder.path(), None);
        assert!(taker.take(&entry, "csv/t/b.csv"));
        let inode = |path: &str| fs::metadata(folder.path().join(path)).expect("a file").ino();
        assert_eq!(inode("staged/csv/t/b.csv"), inode("day/csv/b.csv"));
        fs::write(folder.path().join("day/csv/b.csv"), "repors").expect("written");
        assert!(!taker.take(&entry, "csv/t/c.csv"));
        assert!(!folder.path().join("staged/csv/t/c.csv").exists());
    }

    #[test]
    fn what_is_missing_open_to_others_or_a_symbolic_link_is_not_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = earlier(folder.path(), "report");
        let file = folder.path().join("day/csv/b.csv");
        let taker = taker(folder.path(), None);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("permissions");
        assert!(!taker.take(&entry, "b.csv"));
        fs::rename(&file, folder.path().join("elsewhere")).expect("moved");
        assert!(!taker.take(&entry, "b.csv"));
        symlink(folder.path().join("elsewhere"), &file).expect("a link");
        assert!(!taker.take(&entry, "b.csv"));
        assert_eq!(fs::read_dir(folder.path().join("staged")).expect("a folder").count(), 0);
    }

    #[test]
    fn where_links_are_not_possible_the_file_is_copied_and_compared() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = earlier(folder.path(), "report");
        let (source, target) = (folder.path().join("day/csv/b.csv"), folder.path().join("staged/b.csv"));
        assert!(copied(&source, &target, &entry).expect("copied"));
        assert_eq!(fs::read(&target).expect("a file"), b"report");
        let other = FileEntry {
            sha256: "0".repeat(64),
            ..entry
        };
        fs::remove_file(&target).expect("removed");
        assert!(!copied(&source, &target, &other).expect("copied"));
    }

    #[test]
    fn times_are_trusted_only_where_that_is_wanted() {
        let folder = tempfile::tempdir().expect("a folder");
        let entry = earlier(folder.path(), "report");
        fs::write(folder.path().join("day/csv/b.csv"), "repors").expect("written");
        let later = Utc::now() + chrono::Duration::minutes(1);
        let before = Utc::now() - chrono::Duration::minutes(1);
        assert!(!taker(folder.path(), Some(before)).take(&entry, "a.csv"));
        assert!(taker(folder.path(), Some(later)).take(&entry, "a.csv"));
    }
}
