//! Single files and folders on stable storage: what a function here has returned for is there after a power cut.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use tempfile::NamedTempFile;

use super::PRIVATE_FOLDER;

/// Waits until the entries of a folder are on stable storage: the names that were made, changed or removed in it.
///
/// # Errors
/// Where the folder cannot be opened, or its disk fails. A file system that has no such wait for folders is no error.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        synced => synced,
    }
}

/// Creates a folder, and its missing parents, that only their owner can enter; their names are on stable storage when this
/// returns.
///
/// # Errors
/// Where a folder cannot be made.
pub fn make_folder_durably(folder: &Path) -> io::Result<()> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.is_dir();
    let missing: Vec<&Path> = folder.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder)?;
    // From the outermost, so that no synced folder lies in one that may be lost.
    missing
        .into_iter()
        .rev()
        .try_for_each(|made| sync_folder(folder_of(made)))
}

/// Gives a finished temporary file the name `place`, where it replaces what was there. The content is on stable storage
/// before the name is, and both are when this returns.
///
/// # Errors
/// Where the disk fails or `place` cannot be replaced; what was there stays.
pub fn persist_durably(file: NamedTempFile, place: &Path) -> io::Result<()> {
    file.as_file().sync_all()?;
    file.persist(place).map_err(|error| error.error)?;
    sync_folder(folder_of(place))
}

/// Writes a private file whole to `place` below `root`, in folders that are made where they are missing. A power cut leaves
/// what was there before, or the new content.
///
/// # Errors
/// Where a folder or the file cannot be written; what was there stays.
pub fn put_durably(root: &Path, place: &Path, content: &[u8]) -> io::Result<()> {
    make_folder_durably(folder_of(place))?;
    let mut file = NamedTempFile::new_in(folder_of(place))?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(place).map_err(|error| error.error)?;
    sync_folders(root, place)
}

/// Moves a file that is on stable storage to `place` below `root`, on the same file system, in folders that are made where
/// they are missing. What was there is replaced.
///
/// # Errors
/// Where a folder cannot be made or the file cannot be moved.
pub fn move_durably(file: &Path, root: &Path, place: &Path) -> io::Result<()> {
    make_folder_durably(folder_of(place))?;
    fs::rename(file, place)?;
    sync_folders(root, place)
}

/// Syncs the folders from that of `place` up to `root`: whoever made them may have been killed before that.
fn sync_folders(root: &Path, place: &Path) -> io::Result<()> {
    let folders = folder_of(place).ancestors();
    let mut below = folders.take_while(|folder| folder.starts_with(root));
    below.try_for_each(sync_folder)
}

/// The folder that a path lies in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) => Path::new("."),
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_is_put_whole_in_private_folders_that_are_made() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("a/b/file");
        for content in [&b"first"[..], b"second, which is longer", b""] {
            put_durably(folder.path(), &place, content).expect("written");
            assert_eq!(fs::read(&place).expect("a file"), content);
        }
        let mode = |path: &Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode(&place), 0o600);
        assert_eq!(mode(&folder.path().join("a")), 0o700);
        assert_eq!(fs::read_dir(folder.path().join("a/b")).expect("a folder").count(), 1);
    }

    #[test]
    fn what_was_there_stays_where_the_new_file_cannot_be_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = folder.path().join("folder");
        fs::create_dir(&place).expect("a folder");
        assert!(put_durably(folder.path(), &place, b"content").is_err());
        assert!(place.is_dir());
        let left: Vec<_> = fs::read_dir(folder.path()).expect("a folder").flatten().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[test]
    fn a_moved_file_is_at_its_place_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let (from, place) = (folder.path().join("made"), folder.path().join("a/b/file"));
        for content in ["first", "second"] {
            fs::write(&from, content).expect("a file");
            move_durably(&from, folder.path(), &place).expect("moved");
            assert_eq!(fs::read_to_string(&place).expect("a file"), content);
            assert!(!from.exists());
        }
    }

    #[test]
    fn the_folder_of_a_bare_name_is_the_working_folder() {
        assert_eq!(folder_of(Path::new("file")), Path::new("."));
        assert_eq!(folder_of(Path::new("a/file")), Path::new("a"));
        assert_eq!(folder_of(Path::new("/")), Path::new("/"));
    }
}
