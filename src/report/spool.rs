//! A spool: collects the bytes of several parts that arrive in turn, until each part is read as a whole. A bounded
//! amount is in memory, the rest in one unnamed temporary file.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes that are buffered in memory before they are written to the file.
const HELD_BYTES: usize = 4 * 1024 * 1024;

/// The bytes of parts, by the numbers of the parts.
pub struct Spool {
    parts: Vec<Part>,
    temp_folder: PathBuf,
    /// Created when it is first needed.
    file: Option<File>,
    file_bytes: u64,
    held_bytes: usize,
}

#[derive(Default)]
struct Part {
    held: Vec<u8>,
    /// The offsets and lengths of the part's pieces in the file, in order.
    stored: Vec<(u64, usize)>,
}

impl Spool {
    /// An empty spool, whose file will be in `temp_folder`.
    pub fn new(temp_folder: &Path) -> Self {
        Self::holding(temp_folder, HELD_BYTES)
    }

    fn holding(temp_folder: &Path, held_bytes: usize) -> Self {
        Self {
            parts: Vec::new(),
            temp_folder: temp_folder.to_owned(),
            file: None,
            file_bytes: 0,
            held_bytes,
        }
    }

    /// The buffer of a part, to append to.
    pub fn end_of(&mut self, part: usize) -> &mut Vec<u8> {
        if self.parts.len() <= part {
            self.parts.resize_with(part + 1, Part::default);
        }
        &mut self.parts[part].held
    }

    /// Writes the buffers to the file where they have become large.
    ///
    /// # Errors
    /// Where the temporary file cannot be written.
    pub fn settle(&mut self) -> io::Result<()> {
        let held: usize = self.parts.iter().map(|part| part.held.len()).sum();
        if held <= self.held_bytes {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                fs::create_dir_all(&self.temp_folder)?;
                self.file.insert(tempfile::tempfile_in(&self.temp_folder)?)
            }
        };
        let mut out = io::BufWriter::new(&mut *file);
        for part in self.parts.iter_mut().filter(|part| !part.held.is_empty()) {
            out.write_all(&part.held)?;
            part.stored.push((self.file_bytes, part.held.len()));
            self.file_bytes += part.held.len() as u64;
            part.held.clear();
        }
        out.flush()
    }

    /// The bytes of a part.
    pub fn size_of(&self, part: usize) -> u64 {
        self.parts.get(part).map_or(0, |part| {
            let stored: u64 = part.stored.iter().map(|&(_, length)| length as u64).sum();
            stored + part.held.len() as u64
        })
    }

    /// All bytes of a part, in order.
    pub fn read(&mut self, part: usize) -> PartReader<'_> {
        let found = self.parts.get(part);
        PartReader {
            file: self.file.as_mut(),
            stored: found.map_or(&[], |part| &part.stored),
            held: found.map_or(&[], |part| &part.held),
            within: 0,
            is_placed: false,
        }
    }
}

/// Reads one part.
pub struct PartReader<'a> {
    file: Option<&'a mut File>,
    stored: &'a [(u64, usize)],
    held: &'a [u8],
    /// Bytes that have been read of the first piece in the file.
    within: usize,
    /// Whether the file is positioned at the next byte to read.
    is_placed: bool,
}

impl Read for PartReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while let (Some(&(start, length)), Some(file)) = (self.stored.first(), self.file.as_mut()) {
            let left = length - self.within;
            if left == 0 {
                self.stored = &self.stored[1..];
                (self.within, self.is_placed) = (0, false);
                continue;
            }
            if !self.is_placed {
                file.seek(SeekFrom::Start(start + self.within as u64))?;
                self.is_placed = true;
            }
            let wanted = left.min(out.len());
            let read = file.read(&mut out[..wanted])?;
            if read == 0 && wanted > 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.within += read;
            return Ok(read);
        }
        self.held.read(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However much is buffered in memory, each part has the bytes that were appended to it.
        #[test]
        fn parts_read_back(pieces in prop::collection::vec((0..5usize, "[a-z]{0,20}"), 0..60), held in 0..80usize) {
            let folder = tempfile::tempdir().expect("a folder");
            let mut spool = Spool::holding(folder.path(), held);
            let mut expected = vec![String::new(); 6];
            for (part, text) in &pieces {
                spool.end_of(*part).extend_from_slice(text.as_bytes());
                expected[*part].push_str(text);
                spool.settle().expect("settled");
            }
            for (part, text) in expected.iter().enumerate() {
                let mut read = String::new();
                spool.read(part).read_to_string(&mut read).expect("read");
                prop_assert_eq!(&read, text);
                prop_assert_eq!(spool.size_of(part), text.len() as u64);
            }
        }
    }
}
