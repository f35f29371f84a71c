//! Puts everything that was written to a file system on stable storage, at once: a night's output has up to 100,000
//! files, and one wait for all of them costs much less than one for each.
//!
//! Data goes to the disk while more is being written, so that little is left to wait for at the end.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::error::WriteError;

/// How often written data is sent to the disk.
const EVERY: Duration = Duration::from_secs(1);

/// Sends what is written to a file system to its disk until it is finished or dropped.
#[derive(Debug)]
pub struct WriteBack {
    folder: PathBuf,
    finish: mpsc::Sender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl WriteBack {
    /// Begins for the file system of `folder`. Writes that fail from now on are found by [`finish`](Self::finish).
    ///
    /// # Errors
    /// Where the folder cannot be opened.
    pub fn begin(folder: &Path) -> Result<Self, WriteError> {
        let opened = File::open(folder).map_err(WriteError::at(folder))?;
        let (finish, finished) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("write-back".to_owned())
            .spawn(move || write_back(&opened, &finished))
            .map_err(WriteError::at(folder))?;
        Ok(Self {
            folder: folder.to_owned(),
            finish,
            thread,
        })
    }

    /// Waits until everything that was written before is on stable storage: files, and the names of files and folders.
    ///
    /// # Errors
    /// Where the disk failed at any time since the beginning: what was written may be lost.
    pub async fn finish(self) -> Result<(), WriteError> {
        let Self { folder, finish, thread } = self;
        // A thread that has ended says why.
        let _ = finish.send(());
        let synced = tokio::task::spawn_blocking(move || thread.join()).await;
        let synced = match synced {
            Ok(Ok(synced)) => synced,
            _ => Err(io::Error::other("the thread that syncs it has stopped")),
        };
        synced.map_err(WriteError::at(&folder))
    }
}

fn write_back(folder: &File, finished: &mpsc::Receiver<()>) -> io::Result<()> {
    loop {
        match finished.recv_timeout(EVERY) {
            Err(RecvTimeoutError::Timeout) => rustix::fs::syncfs(folder)?,
            Ok(()) => return Ok(rustix::fs::syncfs(folder)?),
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Waits, in a process that has no [`WriteBack`], until everything that was written to the file system of `folder` is
/// on stable storage.
///
/// # Errors
/// Where the folder cannot be opened, or the disk fails.
#[cfg(any(test, feature = "cluster"))]
pub async fn sync_file_system(folder: &Path) -> Result<(), WriteError> {
    let path = folder.to_owned();
    let synced =
        tokio::task::spawn_blocking(move || -> io::Result<()> { Ok(rustix::fs::syncfs(File::open(path)?)?) }).await;
    let synced = synced.unwrap_or_else(|error| Err(io::Error::other(error)));
    synced.map_err(WriteError::at(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_folder_of_any_file_system_is_synced_and_a_missing_one_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        WriteBack::begin(folder.path())
            .expect("begun")
            .finish()
            .await
            .expect("synced");
        sync_file_system(folder.path()).await.expect("synced");
        drop(WriteBack::begin(folder.path()).expect("begun"));
        let missing = folder.path().join("missing");
        assert!(matches!(WriteBack::begin(&missing), Err(WriteError::Unwritable { path, .. }) if path == missing));
        assert!(sync_file_system(&missing).await.is_err());
    }
}
