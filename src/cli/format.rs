//! The formats in which commands print rows.

use clap::ValueEnum;
use pragati::formats::Format;

/// The option `--format` of commands that print the rows of a query.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum FormatArgument {
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
