//! Writes the rows of a statement where the user wants them.

use std::path::Path;

use pragati::formats::{Format, Output, write_rows};
use pragati::engine::Answer;
use pragati::shell::{ShellError, Style, progress_line, to_standard_output, wants_colors, watched};

/// An open place for the rows of several statements.
pub struct RowOutput {
    output: Output,
    format: Format,
    is_quiet: bool,
}

impl RowOutput {
    /// Opens `place`; `-` is standard output.
    pub fn open(place: &Path, format: Format, is_quiet: bool) -> anyhow::Result<Self> {
        Ok(Self {
            output: Output::open(Some(place), !format.is_text())?,
            format,
            is_quiet,
        })
    }

    /// Writes one result. A terminal gets it laid out for its width, and without what would command it.
    pub async fn write(&mut self, answer: Answer) -> Result<(), ShellError> {
        if answer.rows.schema().fields().is_empty() {
            return Ok(());
        }
        // What reads a pipe may draw on the same terminal as the progress.
        let is_terminal = self.output.is_terminal();
        let line = progress_line(!self.is_quiet && (is_terminal || !self.output.is_standard()));
        let rows = watched(answer, line.clone());
        if is_terminal {
            let style = Style {
                format: self.format,
                expanded: false,
                colors: wants_colors(),
            };
            to_standard_output(rows, style, false, line).await?;
        } else {
            write_rows(rows, self.format, &mut self.output).await?;
        }
        Ok(())
    }

    /// Completes the output.
    pub fn finish(self) -> Result<(), ShellError> {
        Ok(self.output.finish()?)
    }
}
