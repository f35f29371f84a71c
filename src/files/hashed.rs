//! A private file that is hashed while it is written.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::PRIVATE_FILE;
use super::error::WriteError;
use crate::hex::hex;

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
    pub fn create(path: &Path) -> Result<Self, WriteError> {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(PRIVATE_FILE)
            .open(path)
            .map_err(WriteError::at(path))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// Appends `bytes`.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let written = self.write_all(bytes);
        written.map_err(|error| error.downcast().unwrap_or_else(WriteError::at(&self.path)))
    }

    /// Completes the file and returns its size and hash.
    pub fn finish(self) -> Written {
        Written {
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
        }
    }

    /// As [`finish`](Self::finish), and waits until the data is on disk.
    pub fn finish_on_disk(self) -> Result<Written, WriteError> {
        self.file.sync_all().map_err(WriteError::at(&self.path))?;
        Ok(self.finish())
    }
}

impl Write for HashedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes);
        let written = written.map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => WriteError::at(&self.path)(error).into_io(),
        })?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
