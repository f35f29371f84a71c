//! Staged publishing: output is written to a hidden folder beside its destination and then exchanged with it in one
//! step.
//!
//! One run at a time writes to an output folder, which holds a lock file; the operating system frees the lock however a
//! run ends. The next run removes what a killed run left. Output for an object store is staged among temporary files,
//! where several runs may be active.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::error::NightlyError;
pub use crate::files::{HashedFile, StagedOutput, Written, make_folder, remove_staging_folders};
use crate::files::{LOCK_FILE, lock_folder, make_folder_durably, remove_folders_named, sync_folder};

/// The prefix of the names of days that are being removed.
const REMOVAL_PREFIX: &str = ".pragati-removing-";

/// An output folder, locked by this run.
#[derive(Debug)]
pub struct OutputFolder {
    path: PathBuf,
    /// The lock, held until the run ends.
    _lock: File,
}

impl OutputFolder {
    /// Creates the folder where it is missing, locks it, and removes what killed runs left.
    pub fn open(path: &Path) -> Result<Self, NightlyError> {
        make_folder_durably(path).map_err(NightlyError::writing(path))?;
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
        Ok(StagedOutput::new_in(&self.path)?)
    }

    /// Exchanges `staged`, which is on stable storage, with `name` in one step; when that is on stable storage too, removes
    /// what was there before.
    pub fn publish(&self, staged: StagedOutput, name: &str) -> Result<PathBuf, NightlyError> {
        let place = self.path.join(name);
        let source = staged.path();
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

    /// Renames a day out of the readers' sight atomically, then removes it. Where that is interrupted, the next run
    /// removes the rest.
    pub fn remove(&self, name: &str) -> Result<(), NightlyError> {
        let place = self.path.join(name);
        let hidden = self.path.join(format!("{REMOVAL_PREFIX}{name}"));
        fs::rename(&place, &hidden).map_err(NightlyError::writing(&place))?;
        // The day must not come back after a power cut with a part of its files.
        sync_folder(&self.path).map_err(NightlyError::writing(&self.path))?;
        fs::remove_dir_all(&hidden).map_err(NightlyError::writing(&hidden))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn remove_leftovers(&self) -> Result<(), NightlyError> {
        remove_staging_folders(&self.path)?;
        Ok(remove_folders_named(&self.path, REMOVAL_PREFIX)?)
    }
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
        let leftovers =
            [".pragati-staging-killed", ".pragati-removing-date=2026-10-01"].map(|name| folder.path().join(name));
        for leftover in &leftovers {
            fs::create_dir_all(leftover.join("csv")).expect("a folder");
        }
        let output = OutputFolder::open(folder.path()).expect("an output folder");
        assert!(leftovers.iter().all(|leftover| !leftover.exists()));
        assert!(matches!(OutputFolder::open(folder.path()), Err(NightlyError::Busy(_))));
        drop(output);
        assert!(OutputFolder::open(folder.path()).is_ok());
    }

    #[test]
    fn a_removed_day_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let output = OutputFolder::open(folder.path()).expect("an output folder");
        output
            .publish(stage_file(&output, "text"), "date=2026-11-22")
            .expect("published");
        output.remove("date=2026-11-22").expect("removed");
        assert_eq!(
            fs::read_dir(folder.path()).expect("a folder").count(),
            1,
            "the lock file"
        );
        assert!(output.remove("date=2026-11-22").is_err());
    }
}
