//! Spill files of sorts and joins. They have no name, so the operating system frees them however the process ends.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SpillFile, SpillWriter, TempFileFactory};
use futures::Stream;
use futures::stream;

/// Bytes that are read from a spill file at a time, at most. Rows that lie in one piece keep all of it in memory, and are
/// accounted for with all of it, so it should not be much larger than a column's values in a batch.
const READ_SIZE: usize = 128 * 1024;

/// Creates unnamed temporary files in one folder. A file is created at its first write.
#[derive(Debug)]
pub struct TempFiles {
    folder: PathBuf,
    space: Arc<Space>,
}

/// The limit of the space that all files of one factory use together, and the bytes in use.
#[derive(Debug)]
struct Space {
    limit: u64,
    used: AtomicU64,
}

/// A temporary file. Dropping it gives its bytes back to the limit.
#[derive(Debug)]
struct Occupied {
    file: File,
    /// Bytes written so far, which is also where the next write goes.
    end: AtomicU64,
    space: Arc<Space>,
}

impl Drop for Occupied {
    fn drop(&mut self) {
        self.space.used.fetch_sub(*self.end.get_mut(), Ordering::AcqRel);
    }
}

/// A file that only this process can reach. It lives as long as any of its readers and writers.
#[derive(Debug, Clone)]
struct UnnamedFile(Arc<Occupied>);

impl TempFiles {
    /// A factory of files in `folder`, which must exist when the first file is created.
    pub fn new(folder: PathBuf) -> Self {
        Self::within(folder, u64::MAX)
    }

    /// As [`new`](Self::new), with at most `limit` bytes in all files together.
    pub fn within(folder: PathBuf, limit: u64) -> Self {
        let space = Space {
            limit,
            used: AtomicU64::new(0),
        };
        Self {
            folder,
            space: Arc::new(space),
        }
    }
}

impl TempFileFactory for TempFiles {
    fn create_temp_file(&self, description: &str) -> Result<Arc<dyn SpillFile>> {
        let file = tempfile::tempfile_in(&self.folder).map_err(|error| {
            DataFusionError::IoError(error).context(format!("{description}, in {}", self.folder.display()))
        })?;
        Ok(Arc::new(UnnamedFile(Arc::new(Occupied {
            file,
            end: AtomicU64::new(0),
            space: Arc::clone(&self.space),
        }))))
    }
}

impl SpillFile for UnnamedFile {
    fn size(&self) -> Option<u64> {
        Some(self.0.end.load(Ordering::Acquire))
    }

    fn read_stream(&self) -> Result<Pin<Box<dyn Stream<Item = Result<Bytes>> + Send>>> {
        let start = (self.clone(), 0);
        Ok(Box::pin(stream::try_unfold(start, |(file, offset)| async move {
            let reading = file.clone();
            let chunk = SpawnedTask::spawn_blocking(move || reading.read_from(offset))
                .await
                .map_err(|error| DataFusionError::External(Box::new(error)))??;
            let next = offset + chunk.len() as u64;
            Ok((!chunk.is_empty()).then_some((chunk, (file, next))))
        })))
    }

    fn open_writer(&self) -> Result<Box<dyn SpillWriter>> {
        Ok(Box::new(self.clone()))
    }
}

impl UnnamedFile {
    /// The bytes at `offset`; empty at the end of the file.
    fn read_from(&self, offset: u64) -> io::Result<Bytes> {
        let left = self.0.end.load(Ordering::Acquire).saturating_sub(offset);
        let mut chunk = vec![0; usize::try_from(left).map_or(READ_SIZE, |left| left.min(READ_SIZE))];
        let length = loop {
            match self.0.file.read_at(&mut chunk, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        chunk.truncate(length);
        Ok(chunk.into())
    }
}

impl Write for UnnamedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Occupied { file, end, space } = self.0.as_ref();
        if space.used.load(Ordering::Acquire).saturating_add(bytes.len() as u64) > space.limit {
            return Err(io::Error::new(
                io::ErrorKind::StorageFull,
                format!("{} bytes of temporary files are all that is allowed", space.limit),
            ));
        }
        let start = end.load(Ordering::Acquire);
        let written = file.write_at(bytes, start)?;
        end.store(start + written as u64, Ordering::Release);
        space.used.fetch_add(written as u64, Ordering::AcqRel);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SpillWriter for UnnamedFile {
    fn finish(&mut self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;

    use super::*;

    #[tokio::test]
    async fn what_was_written_is_read_and_no_name_is_left_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = TempFiles::new(folder.path().to_owned());
        let file = files.create_temp_file("a sort").expect("a file");
        let text: Vec<u8> = (0..READ_SIZE * 3 + 7).map(|index| (index % 251) as u8).collect();
        let mut writer = file.open_writer().expect("a writer");
        for part in text.chunks(100_000) {
            writer.write_all(part).expect("written");
        }
        writer.finish().expect("finished");
        assert_eq!(file.size(), Some(text.len() as u64));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);

        let reader = file.read_stream().expect("a reader");
        drop((file, writer));
        let read: Vec<Bytes> = reader.try_collect().await.expect("read");
        assert_eq!(read.concat(), text);
    }

    #[test]
    fn files_share_a_space_and_give_it_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let files = TempFiles::within(folder.path().to_owned(), 10);
        let one = files.create_temp_file("a sort").expect("a file");
        let other = files.create_temp_file("a sort").expect("a file");
        let write = |file: &Arc<dyn SpillFile>, bytes: &[u8]| file.open_writer().expect("a writer").write_all(bytes);
        write(&one, &[0; 6]).expect("written");
        let full = write(&other, &[0; 6]).expect_err("no space");
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        drop(one);
        write(&other, &[0; 6]).expect("written");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let files = TempFiles::new("/nowhere/at/all".into());
        let error = files.create_temp_file("a sort").err().expect("an error");
        assert!(error.to_string().contains("a sort, in /nowhere/at/all"), "{error}");
    }
}
