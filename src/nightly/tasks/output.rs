//! The destination of files that the tasks of a cluster have finished.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::error::NightlyError;
use super::super::incremental::Incremental;
use super::super::manifest::FileEntry;
use super::super::staged::{StagedOutput, make_folder, remove_staging_folders};
use super::super::upload;
use crate::exports::Location;
use crate::files::sync_file_system;

/// The output of a run that is not published yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TaskOutput {
    /// A folder on a file system that all processes of the cluster share.
    Folder(PathBuf),
    /// The URL of a folder in an object store.
    Store(String),
}

impl TaskOutput {
    /// Creates a folder for unfinished files. Local files are staged in the output folder; those for a store are staged
    /// in `folder`, whose leftovers any task may remove.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn stage(&self, folder: &Path) -> Result<StagedOutput, NightlyError> {
        match self {
            // On the same file system, so that publishing a file is a rename.
            Self::Folder(output) => Ok(StagedOutput::new_in(output)?),
            Self::Store(_) => Ok(StagedOutput::new_among_others(folder)?),
        }
    }

    /// Moves finished files to the destination. Objects that were taken over are there already.
    ///
    /// # Errors
    /// A file cannot be moved.
    pub async fn take(
        &self,
        staged: &StagedOutput,
        files: &[FileEntry],
        incremental: &Incremental,
    ) -> Result<(), NightlyError> {
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
                let files = incremental.made_here(files);
                upload::put_files(staged, &files, &destination, &folder).await?;
                for file in files {
                    let source = staged.path().join(&file.path);
                    fs::remove_file(&source).map_err(NightlyError::writing(&source))?;
                }
                Ok(())
            }
        }
    }

    /// Waits until the files that this process has moved to the destination are on stable storage. In a store they are,
    /// since it has acknowledged them.
    ///
    /// # Errors
    /// A file cannot be written.
    pub async fn settle(&self) -> Result<(), NightlyError> {
        match self {
            Self::Folder(output) => Ok(sync_file_system(output).await?),
            Self::Store(_) => Ok(()),
        }
    }

    /// Removes unfinished files of tasks that were killed.
    ///
    /// # Errors
    /// The folder cannot be removed.
    pub fn remove_leftovers(&self) -> Result<(), NightlyError> {
        match self {
            Self::Folder(output) => Ok(remove_staging_folders(output)?),
            // Unfinished files are in each executor's temporary folder.
            Self::Store(_) => Ok(()),
        }
    }
}
