//! A temporary file whose data goes to the disk while more is being written, so that little is left to wait for when the
//! file is synced.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::num::NonZeroU64;

use rustix::fs::{Advice, fadvise};
use tempfile::NamedTempFile;

/// Bytes that are sent to the disk at a time.
const SENT_BYTES: u64 = 4 * 1024 * 1024;

/// A temporary file that is written from its beginning to its end.
#[derive(Debug)]
pub struct EagerFile {
    file: NamedTempFile,
    /// Where the next byte is written.
    position: u64,
    /// The bytes before this are on their way to the disk.
    sent: u64,
}

impl EagerFile {
    /// A file of which nothing is written yet.
    pub fn new(file: NamedTempFile) -> Self {
        Self {
            file,
            position: 0,
            sent: 0,
        }
    }

    /// The open file.
    pub fn as_file(&self) -> &File {
        self.file.as_file()
    }

    /// The temporary file, with what was written.
    pub fn into_inner(self) -> NamedTempFile {
        self.file
    }

    /// Has the system begin to write the new bytes to the disk, without waiting for it. Linux does so for pages that
    /// are not needed again; those on their way to the disk stay in memory.
    fn send(&mut self) {
        let length = NonZeroU64::new(self.position.saturating_sub(self.sent));
        if length.is_some() {
            // It is only advice. A disk that fails is found when the file is synced.
            let _ = fadvise(self.as_file(), self.sent, length, Advice::DontNeed);
        }
        self.sent = self.position;
    }
}

impl Write for EagerFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.position += written as u64;
        if self.position.saturating_sub(self.sent) >= SENT_BYTES {
            self.send();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Seek for EagerFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = self.file.seek(to)?;
        // What is written again is sent again.
        self.sent = self.sent.min(self.position);
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_early_is_what_was_written_last() {
        let place = tempfile::tempdir().expect("a folder");
        let temporary = NamedTempFile::new_in(place.path()).expect("a file");
        let mut file = EagerFile::new(temporary);
        let piece = vec![b'a'; 3 * 1024 * 1024];
        for _ in 0..3 {
            file.write_all(&piece).expect("written");
        }
        assert_eq!((file.position, file.sent), (9 << 20, 6 << 20));
        file.seek(SeekFrom::Start(1)).expect("sought");
        file.write_all(b"b").expect("written");
        assert_eq!((file.position, file.sent), (2, 1));
        file.as_file().set_len(4).expect("shortened");
        let file = file.into_inner();
        assert_eq!(std::fs::read(file.path()).expect("bytes"), b"abaa");
    }
}
