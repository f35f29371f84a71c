//! What commands print as a table for people or as JSON for programs.

use std::io::{self, StdoutLock, Write};

use chrono::{DateTime, Utc};
use clap::ValueEnum;
use serde::Serialize;

/// The option `--format` of such commands.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum TableOrJson {
    Table,
    Json,
}

impl TableOrJson {
    /// Prints `value` to standard output, as JSON or by `as_table`.
    pub fn print<T: Serialize>(
        self,
        value: &T,
        as_table: impl FnOnce(&mut StdoutLock<'static>, &T) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self {
            Self::Table => as_table(&mut out, value)?,
            Self::Json => print_json(&mut out, value)?,
        }
        out.flush()
    }
}

/// Prints JSON for programs.
pub fn print_json(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value).map_err(io::Error::from)?;
    writeln!(out)
}

/// A moment, in UTC.
pub fn shown_time(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// A moment, in UTC; a dash where there is none.
pub fn unknown_time(time: Option<DateTime<Utc>>) -> String {
    time.map_or("-".to_owned(), shown_time)
}

/// Ids come from exports and failure messages from mail servers: their control characters are replaced, so that none
/// reaches the terminal.
pub fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}
