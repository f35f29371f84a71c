//! How commands print the rows of a query: `--format` and `--output`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser, ValueParser};
use pragati::formats::{Format, Output, OutputError};

#[derive(Debug, Args)]
pub struct RowsOptions {
    /// Format of the output
    #[arg(long, value_parser = format_parser(), default_value_t = Format::Table)]
    format: Format,
    /// File to write; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "-")]
    pub output: PathBuf,
}

impl RowsOptions {
    pub fn format(&self) -> Format {
        self.format
    }

    /// Opens the file, or standard output.
    pub fn open(&self) -> Result<Output, OutputError> {
        Output::open(Some(&self.output), !self.format.is_text())
    }
}

/// Takes the name of a format; help and completions list them all.
fn format_parser() -> ValueParser {
    let values = Format::ALL.map(|format| PossibleValue::new(format.name()).help(format.explanation()));
    let parser = PossibleValuesParser::new(values);
    ValueParser::new(parser.try_map(|name| name.parse::<Format>()))
}
