//! Where sorts and joins spill to: files without a name, which the system frees however the process ends.

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

/// How much of a spilled file is read at once, in bytes.
const READ_SIZE: usize = 512 * 1024;

/// Makes temporary files in one folder, when they are first needed.
#[derive(Debug)]
pub struct TempFiles {
    folder: PathBuf,
}

/// A file that only this process can reach; it lasts as long as any of its readers and writers.
#[derive(Debug, Clone)]
struct UnnamedFile {
    file: Arc<File>,
    /// Bytes written so far; the next ones go here.
    end: Arc<AtomicU64>,
}

impl TempFiles {
    /// Files will be made in `folder`, which must exist by then.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }
}

impl TempFileFactory for TempFiles {
    fn create_temp_file(&self, description: &str) -> Result<Arc<dyn SpillFile>> {
        let file = tempfile::tempfile_in(&self.folder).map_err(|error| {
            DataFusionError::IoError(error).context(format!("{description}, in {}", self.folder.display()))
        })?;
        Ok(Arc::new(UnnamedFile {
            file: Arc::new(file),
            end: Arc::default(),
        }))
    }
}

impl SpillFile for UnnamedFile {
    fn size(&self) -> Option<u64> {
        Some(self.end.load(Ordering::Acquire))
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
    /// The bytes at `offset`, none at the end.
    fn read_from(&self, offset: u64) -> io::Result<Bytes> {
        let mut chunk = vec![0; READ_SIZE];
        let length = loop {
            match self.file.read_at(&mut chunk, offset) {
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
        let end = self.end.load(Ordering::Acquire);
        let written = self.file.write_at(bytes, end)?;
        self.end.store(end + written as u64, Ordering::Release);
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
    fn a_missing_folder_is_named() {
        let files = TempFiles::new("/nowhere/at/all".into());
        let error = files.create_temp_file("a sort").err().expect("an error");
        assert!(error.to_string().contains("a sort, in /nowhere/at/all"), "{error}");
    }
}
