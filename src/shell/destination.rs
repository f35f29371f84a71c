//! The destination of a session's results: the terminal, or a file until it is closed.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use datafusion::execution::SendableRecordBatchStream;
use indicatif::ProgressBar;

use super::error::ShellError;
use super::pager::{Paged, pager_command};
use crate::formats::{Format, Look, Output, OutputError, VisibleWriter, show_rows, write_rows};

/// The size of a terminal that does not report it.
const USUAL_SIZE: (u16, u16) = (80, 24);

/// The layout of results and the terminal that they are shown on.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// The format of results.
    pub format: Format,
    /// Whether each row is printed as a list.
    pub expanded: bool,
    /// Whether the terminal shows colours.
    pub colors: bool,
}

/// An open file that results are written to.
pub struct OpenFile {
    place: PathBuf,
    output: Output,
    is_empty: bool,
}

/// Whether standard output is a terminal and colours are allowed.
pub fn wants_colors() -> bool {
    io::stdout().is_terminal() && allows_colors()
}

/// Whether colours are allowed: not with `NO_COLOR`, nor on terminals that have none.
pub fn allows_colors() -> bool {
    let refuses = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    !refuses && !is_dumb
}

/// Writes rows to standard output: laid out where it is a terminal, with a pager where `is_paged`; in their format
/// elsewhere. Returns the number of rows.
///
/// # Errors
/// The query fails, the format is not for a terminal, or standard output cannot be written.
pub async fn to_standard_output(
    rows: SendableRecordBatchStream,
    style: Style,
    is_paged: bool,
    progress: ProgressBar,
) -> Result<u64, ShellError> {
    if !io::stdout().is_terminal() {
        let mut output = Output::open(None, !style.format.is_text())?;
        let count = write_rows(rows, style.format, &mut output).await?;
        output.finish()?;
        return Ok(count);
    }
    if !style.format.is_text() {
        return Err(OutputError::Terminal.into());
    }
    let (width, height) = crossterm::terminal::size()
        .ok()
        .filter(|(width, height)| *width > 0 && *height > 0)
        .unwrap_or(USUAL_SIZE);
    let pager = if is_paged { pager_command() } else { None };
    let mut screen = Paged::new(pager, usize::from(height), progress);
    let written = if style.format == Format::Table {
        let look = Look {
            width: usize::from(width),
            expanded: style.expanded,
            colors: style.colors,
        };
        show_rows(rows, look, &mut screen).await
    } else {
        write_rows(rows, style.format, &mut VisibleWriter::new(&mut screen)).await
    };
    match (written, screen.finish()) {
        // The user closed the pager before the end, which is not an error.
        (Err(error), _) if error.is_closed_pipe() => Ok(0),
        (_, Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(0),
        (Err(error), _) => Err(error.into()),
        (Ok(_), Err(error)) => Err(OutputError::from(error).into()),
        (Ok(count), Ok(())) => Ok(count),
    }
}

/// Shows text of our own on the terminal.
pub fn show_text(text: &str) -> Result<(), ShellError> {
    use std::io::Write;
    let height = crossterm::terminal::size().unwrap_or(USUAL_SIZE).1;
    let is_terminal = io::stdout().is_terminal();
    let pager = if is_terminal { pager_command() } else { None };
    let mut screen = Paged::new(pager, usize::from(height), ProgressBar::hidden());
    let written = VisibleWriter::new(&mut screen).write_all(text.as_bytes());
    match written.and(screen.finish()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(OutputError::from(error).into()),
        _ => Ok(()),
    }
}

impl OpenFile {
    /// Opens `place`; the file appears when it is finished.
    pub fn open(place: &Path) -> Result<Self, ShellError> {
        Ok(Self {
            place: place.to_owned(),
            output: Output::open(Some(place), false)?,
            is_empty: true,
        })
    }

    /// The path of the file.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Appends rows and returns their number. Where rows fail or are cancelled, all of them are removed again.
    pub async fn add(&mut self, rows: SendableRecordBatchStream, format: Format) -> Result<u64, ShellError> {
        if !format.is_text() && !self.is_empty {
            return Err(ShellError::SecondResult(format.name()));
        }
        let count = write_rows(rows, format, &mut self.output).await?;
        self.is_empty = false;
        Ok(count)
    }

    /// The present end of the file, to return to.
    pub fn mark(&mut self) -> Result<Option<u64>, ShellError> {
        Ok(self.output.mark().map_err(OutputError::from)?)
    }

    /// Removes what was written after the mark.
    pub fn rewind(&mut self, mark: Option<u64>) -> Result<(), ShellError> {
        match mark {
            Some(mark) => Ok(self.output.rewind(mark).map_err(OutputError::from)?),
            None => Ok(()),
        }
    }

    /// Makes the file appear.
    pub fn finish(self) -> Result<(), ShellError> {
        Ok(self.output.finish()?)
    }
}
