//! Where tasks put finished files.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::error::NightlyError;
use super::super::manifest::FileEntry;
use super::super::staged::{StagedOutput, make_folder, remove_staging_folders};
use super::super::upload;
use crate::exports::Location;

/// The output of a run in the making.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutput {
    /// A folder of a file system that all processes of the cluster share.
    Folder(PathBuf),
    /// The URL of a folder in an object store.
    Store(String),
}

impl TaskOutput {
    /// A folder for files that are not finished; what is in `folder` may be removed by anyone once its writer is gone.
    pub fn stage(&self, folder: &Path) -> Result<StagedOutput, NightlyError> {
        match self {
            // On the same file system, so that moving a file is one step.
            Self::Folder(output) => StagedOutput::new_in(output),
            Self::Store(_) => StagedOutput::new_among_others(folder),
        }
    }

    /// Moves finished files to their places.
    pub async fn take(&self, staged: &StagedOutput, files: &[FileEntry]) -> Result<(), NightlyError> {
        match self {
            Self::Folder(output) => {
                for file in files {
                    let (source, target) = (staged.path().join(&file.path), output.join(&file.path));
                    if let Some(folder) = target.parent() {
                        make_folder(folder)?;
                    }
                    fs::rename(&source, &target).map_err(NightlyError::writing(&target))?;
                }
                Ok(())
            }
            Self::Store(url) => {
                let destination = Location::parse(url)?;
                let folder = destination.prefix.clone();
                upload::put_files(staged, files, &destination, &folder).await?;
                for file in files {
                    let source = staged.path().join(&file.path);
                    fs::remove_file(&source).map_err(NightlyError::writing(&source))?;
                }
                Ok(())
            }
        }
    }

    /// Removes the unfinished files of tasks that were killed.
    pub fn remove_leftovers(&self) -> Result<(), NightlyError> {
        match self {
            Self::Folder(output) => remove_staging_folders(output),
            // Theirs are among the temporary files of each executor.
            Self::Store(_) => Ok(()),
        }
    }
}
