//! What can be wrong with exports: each message says which table, file and column, what was expected, and what to do.

use super::contract::Column;
use super::location::LocationError;
use crate::ids::SnapshotDate;

/// An export that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExportsError {
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error("{place} cannot be listed: {reason}; check the address and the credentials in the environment")]
    Unlistable { place: String, reason: String },
    #[error("{exports} holds no snapshot: no folder named <table>/date=YYYY-MM-DD was found; looked for {tables}")]
    Empty { exports: String, tables: String },
    #[error("{exports} has no usable snapshot: {date} is incomplete, {missing}; wait for the export or give --date")]
    NoneUsable {
        exports: String,
        date: SnapshotDate,
        missing: String,
    },
    #[error("there is no usable snapshot of {date} in {exports}: {missing}; usable dates: {usable}")]
    NotUsable {
        exports: String,
        date: SnapshotDate,
        missing: String,
        usable: String,
    },
    #[error("table {table}: {file} is not a readable Parquet file: {reason}; export it again or choose another --date")]
    Unreadable {
        table: String,
        file: String,
        reason: String,
    },
    #[error(
        "table {table}: column {column} is missing in {source_name}, expected {expected}; add it to the export, or map the table with `[tables.{table}] sql`"
    )]
    MissingColumn {
        table: String,
        source_name: String,
        column: &'static str,
        expected: &'static str,
    },
    #[error(
        "table {table}: column {column} in {source_name} is {found}, expected {expected}; change the export, or map the table with `[tables.{table}] sql`"
    )]
    WrongType {
        table: String,
        source_name: String,
        column: &'static str,
        found: String,
        expected: &'static str,
    },
    #[error("table {table}: column {column} is not the same in all files: {first}, {second}; export the day again")]
    Inconsistent {
        table: String,
        column: String,
        /// Type and file.
        first: String,
        second: String,
    },
}

impl ExportsError {
    /// `column` is missing from `source_name` (a file or a staging query) of `table`.
    pub fn missing(table: &str, source_name: &str, column: &Column) -> Self {
        Self::MissingColumn {
            table: table.to_owned(),
            source_name: source_name.to_owned(),
            column: column.name,
            expected: column.kind.expectation(),
        }
    }

    /// `column` has a type in `source_name` (a file or a staging query) of `table` that does not convert.
    pub fn wrong_type(table: &str, source_name: &str, column: &Column, found: &impl ToString) -> Self {
        Self::WrongType {
            table: table.to_owned(),
            source_name: source_name.to_owned(),
            column: column.name,
            found: found.to_string(),
            expected: column.kind.expectation(),
        }
    }
}
