//! Staged publishing: output is written to a hidden folder beside its destination and then exchanged with it in one
//! step.
//!
//! One run at a time writes to an output folder, which holds a lock file; the operating system frees the lock however a
//! run ends. The next run removes what a killed run left. Output for an object store is staged among temporary files,
//! where several runs may be active: each locks its own folder. Files are readable by their owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, RenameFlags, renameat_with};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::error::NightlyError;
use crate::hex::hex;

const LOCK_FILE: &str = ".pragati.lock";
const STAGING_PREFIX: &str = ".pragati-staging-";
const PRIVATE_FILE: u32 = 0o600;
const PRIVATE_FOLDER: u32 = 0o700;

/// An output folder, locked by this run.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    /// The lock, held until the run ends.
    _lock: File,
}

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

impl OutputFolder {
    /// Creates the folder where it is missing, locks it, and removes what killed runs left.
    pub fn open(path: &Path) -> Result<Self, NightlyError> {
        make_folder(path)?;
        let lock = lock_folder(path).map_err(NightlyError::writing(&path.join(LOCK_FILE)))?;
        let lock = lock.ok_or_else(|| NightlyError::Busy(path.to_owned()))?;
        let output = Self {
            path: path.to_owned(),
            _lock: lock,
        };
        output.remove_leftovers()?;
        Ok(output)
    }

    /// Creates a staging folder.
    pub fn stage(&self) -> Result<StagedOutput, NightlyError> {
        StagedOutput::new_in(&self.path)
    }

    /// Exchanges `staged` with `name` in one step, then removes what was there before.
    pub fn publish(&self, staged: StagedOutput, name: &str) -> Result<PathBuf, NightlyError> {
        let place = self.path.join(name);
        let source = staged.folder.path();
        let published = match renameat_with(CWD, source, CWD, &place, RenameFlags::EXCHANGE) {
            Ok(()) => Ok(()),
            Err(rustix::io::Errno::NOENT) => fs::rename(source, &place),
            Err(error) => Err(error.into()),
        };
        published.map_err(NightlyError::writing(&place))?;
        sync_folder(&self.path).map_err(NightlyError::writing(&self.path))?;
        // The staging folder now holds the earlier output, if there was one; dropping it removes that.
        drop(staged);
        Ok(place)
    }

    fn remove_leftovers(&self) -> Result<(), NightlyError> {
        remove_staging_folders(&self.path)
    }
}

impl StagedOutput {
    /// A new folder in `parent`, with an unpredictable name.
    pub fn new_in(parent: &Path) -> Result<Self, NightlyError> {
        let folder = tempfile::Builder::new()
            .prefix(STAGING_PREFIX)
            .permissions(fs::Permissions::from_mode(PRIVATE_FOLDER))
            .tempdir_in(parent)
            .map_err(NightlyError::writing(parent))?;
        Ok(Self {
            folder: Arc::new(folder),
            _lock: None,
        })
    }

    /// A new folder in `parent`, where other runs may have theirs. Folders of killed runs are removed.
    pub fn new_among_others(parent: &Path) -> Result<Self, NightlyError> {
        make_folder(parent)?;
        for folder in staging_folders(parent)? {
            // A folder that cannot be opened belongs to another user.
            let Ok(lock) = File::open(&folder) else { continue };
            if lock.try_lock().is_ok() {
                remove_leftover(&folder)?;
            }
        }
        loop {
            let staged = Self::new_in(parent)?;
            let path = staged.path();
            let lock = File::open(path).map_err(NightlyError::writing(path))?;
            lock.lock().map_err(NightlyError::writing(path))?;
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

/// The staging folders in `parent`.
fn staging_folders(parent: &Path) -> Result<Vec<PathBuf>, NightlyError> {
    let entries = fs::read_dir(parent).map_err(NightlyError::writing(parent))?;
    let is_staging = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX);
    Ok(entries.flatten().filter(is_staging).map(|entry| entry.path()).collect())
}

/// Removes the staging folders in `parent`, where no run may be active.
pub fn remove_staging_folders(parent: &Path) -> Result<(), NightlyError> {
    for leftover in staging_folders(parent)? {
        remove_leftover(&leftover)?;
    }
    Ok(())
}

fn remove_leftover(folder: &Path) -> Result<(), NightlyError> {
    tracing::info!("removing what an interrupted run left: {}", folder.display());
    fs::remove_dir_all(folder).map_err(NightlyError::writing(folder))
}

/// Creates a folder, and its missing parents, that only their owner can enter.
pub fn make_folder(path: &Path) -> Result<(), NightlyError> {
    DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_FOLDER)
        .create(path)
        .map_err(NightlyError::writing(path))
}

/// A file that only its owner can read, hashed while it is written. Appends are not buffered: callers append large
/// blocks.
#[derive(Debug)]
pub struct HashedFile {
    path: PathBuf,
    file: File,
    hash: Sha256,
    bytes: u64,
}

/// The size and hash of a finished [`HashedFile`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub bytes: u64,
    /// In hexadecimal.
    pub sha256: String,
}

impl HashedFile {
    /// Creates the file; its folder must exist.
    pub fn create(path: &Path) -> Result<Self, NightlyError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE_FILE)
            .open(path)
            .map_err(NightlyError::writing(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Appends `bytes`.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), NightlyError> {
        self.write_all(bytes).map_err(NightlyError::writing(&self.path))
    }

    /// Completes the file and returns its size and hash.
    pub fn finish(self) -> Written {
        Written {
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
        }
    }

    /// As [`finish`](Self::finish), and waits until the data is on disk.
    pub fn finish_on_disk(self) -> Result<Written, NightlyError> {
        self.file.sync_all().map_err(NightlyError::writing(&self.path))?;
        Ok(self.finish())
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage_file(output: &OutputFolder, text: &str) -> StagedOutput {
        let staged = output.stage().expect("a staging folder");
        let mut file = HashedFile::create(&staged.path().join("file")).expect("a file");
        file.append(text.as_bytes()).expect("written");
        file.finish();
        staged
    }

    #[test]
    fn publishing_replaces_the_earlier_output_whole() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = OutputFolder::open(folder.path()).expect("an output folder");
        for text in ["first", "second"] {
            let place = output
                .publish(stage_file(&output, text), "date=2026-11-22")
                .expect("published");
            assert_eq!(fs::read_to_string(place.join("file")).expect("a file"), text);
        }
        let names: Vec<_> = fs::read_dir(folder.path())
            .expect("a folder")
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(names.len(), 2, "{names:?}");
    }

    #[test]
    fn one_run_at_a_time_and_leftovers_go() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join(format!("{STAGING_PREFIX}killed"))).expect("a folder");
        let output = OutputFolder::open(folder.path()).expect("an output folder");
        assert!(!folder.path().join(format!("{STAGING_PREFIX}killed")).exists());
        assert!(matches!(OutputFolder::open(folder.path()), Err(NightlyError::Busy(_))));
        drop(output);
        assert!(OutputFolder::open(folder.path()).is_ok());
    }

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

    #[test]
    fn the_hash_is_sha_256() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = HashedFile::create(&folder.path().join("abc")).expect("a file");
        file.append(b"abc").expect("written");
        let written = file.finish();
        assert_eq!(written.bytes, 3);
        assert_eq!(
            written.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
