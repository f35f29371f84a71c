//! Writes the rows of statements to the destination that the user chose.

use pragati::engine::RunningQuery;
use pragati::formats::{Format, Output, write_rows};
use pragati::shell::{ShellError, Style, progress_line, to_standard_output, wants_colors, watched};

use super::format::RowsOptions;

/// A destination for the rows of several statements.
pub struct RowOutput {
    output: Output,
    format: Format,
    is_quiet: bool,
}

impl RowOutput {
    /// Opens the file of the options, or standard output.
    pub fn open(options: &RowsOptions, is_quiet: bool) -> anyhow::Result<Self> {
        Ok(Self {
            output: options.open()?,
            format: options.format(),
            is_quiet,
        })
    }

    /// Writes one result. On a terminal it is laid out for the width, and control characters are escaped.
    pub async fn write(&mut self, query: RunningQuery) -> Result<(), ShellError> {
        if query.rows.schema().fields().is_empty() {
            return Ok(());
        }
        // No progress beside a pipe: the program that reads it may draw on the same terminal.
        let is_terminal = self.output.is_terminal();
        let line = progress_line(!self.is_quiet && (is_terminal || !self.output.is_standard()));
        let rows = watched(query, line.clone());
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
