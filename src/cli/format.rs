//! How commands print the rows of a query: `--format` and `--output`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use pragati::formats::{Format, Output, OutputError};

#[derive(Debug, Args)]
pub struct RowsOptions {
    /// Format of the output
    #[arg(long, value_enum, default_value_t = FormatArgument::Table)]
    format: FormatArgument,
    /// File to write; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

impl RowsOptions {
    pub fn format(&self) -> Format {
        self.format.into()
    }

    /// Opens the file, or standard output.
    pub fn open(&self) -> Result<Output, OutputError> {
        Output::open(Some(&self.output), !self.format().is_text())
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum FormatArgument {
    Table,
    Csv,
    Tsv,
    /// One array of objects
    Json,
    /// One object a line
    Ndjson,
    Parquet,
    /// A stream of Arrow IPC
    Arrow,
}

impl From<FormatArgument> for Format {
    fn from(format: FormatArgument) -> Self {
        match format {
            FormatArgument::Table => Self::Table,
            FormatArgument::Csv => Self::Csv,
            FormatArgument::Tsv => Self::Tsv,
            FormatArgument::Json => Self::Json,
            FormatArgument::Ndjson => Self::Ndjson,
            FormatArgument::Parquet => Self::Parquet,
            FormatArgument::Arrow => Self::Arrow,
        }
    }
}
