//! Where a command's data goes: standard output, or a private file that appears only when it is whole.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Stdout, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use super::failure::UsageError;

const STANDARD_OUTPUT: &str = "-";

/// An open destination; without [`finish`](Output::finish), a file stays as it was.
pub enum Output {
    Standard(BufWriter<Stdout>),
    /// Written beside its place and renamed.
    Private {
        file: BufWriter<NamedTempFile>,
        place: PathBuf,
    },
    /// A device or pipe, which cannot be replaced.
    Special(BufWriter<File>),
}

impl Output {
    /// Opens `place`; none and `-` mean standard output. Binary data does not go to a terminal.
    pub fn open(place: Option<&Path>, is_binary: bool) -> anyhow::Result<Self> {
        let Some(place) = place.filter(|place| place.as_os_str() != STANDARD_OUTPUT) else {
            let stdout = io::stdout();
            if is_binary && stdout.is_terminal() {
                return Err(UsageError("this format is not for a terminal; name a file with -o".to_owned()).into());
            }
            return Ok(Self::Standard(BufWriter::new(stdout)));
        };
        let cannot_write = || {
            format!(
                "{} cannot be written; check the folder and its permissions",
                place.display()
            )
        };
        if place.metadata().is_ok_and(|found| !found.is_file() && !found.is_dir()) {
            let file = File::options().write(true).open(place).with_context(cannot_write)?;
            return Ok(Self::Special(BufWriter::new(file)));
        }
        if place.is_dir() {
            return Err(UsageError(format!("{} is a folder; name a file with -o", place.display())).into());
        }
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        // Made readable by its owner alone.
        let file = NamedTempFile::new_in(folder).with_context(cannot_write)?;
        Ok(Self::Private {
            file: BufWriter::new(file),
            place: place.to_owned(),
        })
    }

    /// True for standard output.
    pub fn is_standard(&self) -> bool {
        matches!(self, Self::Standard(_))
    }

    /// Completes the output; a file appears under its name, replacing an earlier one.
    pub fn finish(self) -> anyhow::Result<()> {
        match self {
            Self::Standard(mut out) => out.flush()?,
            Self::Special(mut out) => out.flush()?,
            Self::Private { file, place } => {
                let cannot_write = || format!("{} cannot be written; is the disk full?", place.display());
                let file = file
                    .into_inner()
                    .map_err(io::IntoInnerError::into_error)
                    .with_context(cannot_write)?;
                file.persist(&place).with_context(cannot_write)?;
            }
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Standard(out) => out.write(bytes),
            Self::Private { file, .. } => file.write(bytes),
            Self::Special(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Standard(out) => out.flush(),
            Self::Private { file, .. } => file.flush(),
            Self::Special(out) => out.flush(),
        }
    }
}
