//! Staged files: what is not published yet lies in a hidden folder, which is removed however its run ends.
//!
//! The next run removes what a killed run left. Where several runs may be active, each locks its own folder; the operating
//! system frees the lock however a run ends.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use super::error::WriteError;
use super::{PRIVATE_FILE, PRIVATE_FOLDER};

/// The file whose lock says that a folder is in use.
pub const LOCK_FILE: &str = ".pragati.lock";
/// How the names of folders with staged files begin.
const STAGING_PREFIX: &str = ".pragati-staging-";

/// A day's output before it is published. The folder is removed when the last clone is dropped. Writers hold a clone
/// too, so that none of them writes to a folder that is being removed.
#[derive(Debug, Clone)]
pub struct StagedOutput {
    folder: Arc<TempDir>,
    /// Tells other runs that this folder is in use.
    _lock: Option<Arc<File>>,
}

/// Locks a folder for this process, as long as the file is open; `None` where another process holds the lock.
pub fn lock_folder(folder: &Path) -> io::Result<Option<File>> {
    let lock = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(PRIVATE_FILE)
        .open(folder.join(LOCK_FILE))?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

impl StagedOutput {
    /// A new folder in `parent`, with an unpredictable name.
    pub fn new_in(parent: &Path) -> Result<Self, WriteError> {
        let folder = tempfile::Builder::new()
            .prefix(STAGING_PREFIX)
            .permissions(fs::Permissions::from_mode(PRIVATE_FOLDER))
            .tempdir_in(parent)
            .map_err(WriteError::at(parent))?;
        Ok(Self {
            folder: Arc::new(folder),
            _lock: None,
        })
    }

    /// A new folder in `parent`, where other runs may have theirs. Folders of killed runs are removed.
    pub fn new_among_others(parent: &Path) -> Result<Self, WriteError> {
        make_folder(parent)?;
        for folder in folders_named(parent, STAGING_PREFIX)? {
            // A folder that cannot be opened belongs to another user.
            let Ok(lock) = File::open(&folder) else { continue };
            if lock.try_lock().is_ok() {
                remove_leftover(&folder)?;
            }
        }
        loop {
            let staged = Self::new_in(parent)?;
            let path = staged.path();
            let lock = File::open(path).map_err(WriteError::at(path))?;
            lock.lock().map_err(WriteError::at(path))?;
            // Another run may have removed the folder as a leftover before it was locked.
            if path.exists() {
                return Ok(Self {
                    _lock: Some(Arc::new(lock)),
                    ..staged
                });
            }
        }
    }

    /// The path of the folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The entries of `parent` whose names begin with `prefix`.
fn folders_named(parent: &Path, prefix: &str) -> Result<Vec<PathBuf>, WriteError> {
    let entries = fs::read_dir(parent).map_err(WriteError::at(parent))?;
    let is_named = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(prefix);
    Ok(entries.flatten().filter(is_named).map(|entry| entry.path()).collect())
}

/// Removes the staging folders in `parent`, where no run may be active.
///
/// # Errors
/// Where one cannot be removed.
pub fn remove_staging_folders(parent: &Path) -> Result<(), WriteError> {
    remove_folders_named(parent, STAGING_PREFIX)
}

/// Removes the folders in `parent` whose names begin with `prefix`: what interrupted runs left.
///
/// # Errors
/// Where one cannot be removed.
pub fn remove_folders_named(parent: &Path, prefix: &str) -> Result<(), WriteError> {
    for leftover in folders_named(parent, prefix)? {
        remove_leftover(&leftover)?;
    }
    Ok(())
}

fn remove_leftover(folder: &Path) -> Result<(), WriteError> {
    tracing::info!("removing what an interrupted run left: {}", folder.display());
    fs::remove_dir_all(folder).map_err(WriteError::at(folder))
}

/// Creates a folder, and its missing parents, that only their owner can enter.
pub fn make_folder(path: &Path) -> Result<(), WriteError> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(path)
        .map_err(WriteError::at(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn among_others_only_the_folders_of_killed_runs_go() {
        let parent = tempfile::tempdir().expect("a folder");
        let killed = parent.path().join(format!("{STAGING_PREFIX}killed"));
        fs::create_dir(&killed).expect("a folder");
        fs::write(killed.join("file"), "half").expect("a file");
        let first = StagedOutput::new_among_others(parent.path()).expect("a staging folder");
        assert!(!killed.exists());
        let second = StagedOutput::new_among_others(parent.path()).expect("a staging folder");
        assert!(first.path().exists() && second.path().exists());
        drop((first, second));
        assert_eq!(fs::read_dir(parent.path()).expect("a folder").count(), 0);
    }
}
