//! Output destinations: standard output, or a private file that appears only when it is complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, IsTerminal, Seek, SeekFrom, Stdout, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, TempDir};

use super::visible::VisibleWriter;
use crate::files::{EagerFile, folder_of, persist_durably};

const STANDARD_OUTPUT: &str = "-";

/// A destination that cannot be written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum OutputError {
    #[error("this format is not for a terminal; name a file with -o")]
    Terminal,
    #[error("{} is a folder; name a file with -o", .0.display())]
    Folder(PathBuf),
    #[error("{} is there already and not an empty folder; name another folder with -o, or remove it", .0.display())]
    Taken(PathBuf),
    #[error("{} cannot be written; check the folder and its permissions", place.display())]
    Unwritable { place: PathBuf, source: io::Error },
    #[error("{} cannot be written; is the disk full?", place.display())]
    Unfinished { place: PathBuf, source: io::Error },
    #[error("standard output cannot be written: {0}")]
    Standard(#[from] io::Error),
}

impl OutputError {
    /// Whether another destination or format would help.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Terminal | Self::Folder(_) | Self::Taken(_))
    }
}

/// An open destination. Without [`finish`](Output::finish), an existing file stays unchanged.
pub enum Output {
    /// Standard output that is no terminal.
    Standard(BufWriter<Stdout>),
    /// Standard output that is a terminal: control characters of the data are escaped.
    Terminal(VisibleWriter<BufWriter<Stdout>>),
    /// Written to a temporary file beside it, and renamed.
    Private {
        /// The temporary file.
        file: BufWriter<EagerFile>,
        /// The path that the file gets in the end.
        place: PathBuf,
    },
    /// A device or pipe, which cannot be replaced.
    Special(BufWriter<File>),
}

impl Output {
    /// Opens `place`; `None` and `-` are standard output. Binary data is refused on a terminal.
    ///
    /// # Errors
    /// The path is a folder, cannot be written, or the format is not for a terminal.
    pub fn open(place: Option<&Path>, is_binary: bool) -> Result<Self, OutputError> {
        let Some(place) = place.filter(|place| place.as_os_str() != STANDARD_OUTPUT) else {
            let stdout = io::stdout();
            if is_binary && stdout.is_terminal() {
                return Err(OutputError::Terminal);
            }
            if stdout.is_terminal() {
                return Ok(Self::Terminal(VisibleWriter::new(BufWriter::new(stdout))));
            }
            return Ok(Self::Standard(BufWriter::new(stdout)));
        };
        let cannot_write = |source| OutputError::Unwritable {
            place: place.to_owned(),
            source,
        };
        if place.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let file = File::options().write(true).open(place).map_err(cannot_write)?;
            return Ok(Self::Special(BufWriter::new(file)));
        }
        if place.is_dir() {
            return Err(OutputError::Folder(place.to_owned()));
        }
        // Temporary files are readable by their owner alone.
        let file = NamedTempFile::new_in(folder_of(place)).map_err(cannot_write)?;
        Ok(Self::Private {
            file: BufWriter::new(EagerFile::new(file)),
            place: place.to_owned(),
        })
    }

    /// True for standard output.
    pub fn is_standard(&self) -> bool {
        matches!(self, Self::Standard(_) | Self::Terminal(_))
    }

    /// True for standard output that is a terminal.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal(_))
    }

    /// The bytes written so far, where writes can be undone.
    ///
    /// # Errors
    /// The destination does not tell its position.
    pub fn mark(&mut self) -> io::Result<Option<u64>> {
        match self {
            Self::Private { file, .. } => file.stream_position().map(Some),
            Self::Standard(_) | Self::Terminal(_) | Self::Special(_) => Ok(None),
        }
    }

    /// Undoes the writes after the mark.
    ///
    /// # Errors
    /// The destination cannot be shortened.
    pub fn rewind(&mut self, mark: u64) -> io::Result<()> {
        if let Self::Private { file, .. } = self {
            file.seek(SeekFrom::Start(mark))?;
            file.get_ref().as_file().set_len(mark)?;
        }
        Ok(())
    }

    /// Completes the output. A file appears under its name and replaces an earlier one; it survives a power cut.
    ///
    /// # Errors
    /// The last bytes cannot be written, or the file cannot be renamed.
    pub fn finish(self) -> Result<(), OutputError> {
        match self {
            Self::Standard(mut out) => out.flush()?,
            Self::Terminal(mut out) => out.flush()?,
            Self::Special(mut out) => out.flush()?,
            Self::Private { file, place } => {
                let cannot_write = |source| OutputError::Unfinished {
                    place: place.clone(),
                    source,
                };
                let file = file.into_inner().map_err(|error| cannot_write(error.into_error()))?;
                persist_durably(file.into_inner(), &place).map_err(cannot_write)?;
            }
        }
        Ok(())
    }
}

/// A folder that appears only when it is complete, for its owner alone. Without [`finish`](OutputFolder::finish),
/// nothing is left.
#[derive(Debug)]
pub struct OutputFolder {
    staged: TempDir,
    place: PathBuf,
}

impl OutputFolder {
    /// Begins the folder `place`, which must not be there, or be empty.
    ///
    /// # Errors
    /// Where something is there, or the folder around it cannot be written.
    pub fn open(place: &Path) -> Result<Self, OutputError> {
        let is_free = match fs::read_dir(place) {
            Ok(mut entries) => entries.next().is_none(),
            Err(error) => error.kind() == io::ErrorKind::NotFound,
        };
        if !is_free {
            return Err(OutputError::Taken(place.to_owned()));
        }
        let parent = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let staged = tempfile::Builder::new()
            .prefix(".pragati-")
            .permissions(fs::Permissions::from_mode(0o700))
            .tempdir_in(parent);
        let staged = staged.map_err(|source| OutputError::Unwritable {
            place: place.to_owned(),
            source,
        })?;
        Ok(Self {
            staged,
            place: place.to_owned(),
        })
    }

    /// The folder to write into, which is empty.
    pub fn path(&self) -> &Path {
        self.staged.path()
    }

    /// Completes the folder, which appears under its name.
    ///
    /// # Errors
    /// Where it cannot be moved there.
    pub fn finish(self) -> Result<(), OutputError> {
        fs::rename(self.staged.path(), &self.place).map_err(|source| OutputError::Unfinished {
            place: self.place.clone(),
            source,
        })
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Terminal(out) => out.write(bytes),
            Self::Private { file, .. } => file.write(bytes),
            Self::Special(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::Terminal(out) => out.flush(),
            Self::Private { file, .. } => file.flush(),
            Self::Special(out) => out.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_appears_whole_and_replaces_nothing() {
        let around = tempfile::tempdir().expect("a folder");
        let place = around.path().join("parts");
        let begin = || {
            let folder = OutputFolder::open(&place)?;
            fs::write(folder.path().join("a.csv"), "a").expect("a file");
            Ok::<_, OutputError>(folder)
        };
        drop(begin().expect("a folder"));
        assert_eq!(fs::read_dir(around.path()).expect("entries").count(), 0);
        fs::create_dir(&place).expect("an empty folder");
        begin().and_then(OutputFolder::finish).expect("finished");
        assert_eq!(fs::read_to_string(place.join("a.csv")).expect("a file"), "a");
        assert!(matches!(begin(), Err(OutputError::Taken(_))));
        assert_eq!(fs::read_dir(around.path()).expect("entries").count(), 1);
    }
}
