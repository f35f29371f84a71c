//! `--format` of the commands that print rows of any query.

use clap::ValueEnum;
use pragati::formats::Format;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormatArgument {
    Table,
    Csv,
    Tsv,
    /// One array of objects
    Json,
    /// One object a line
    Ndjson,
    Parquet,
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
        }
    }
}
