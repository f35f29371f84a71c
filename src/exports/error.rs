//! Errors of exports. Each message names the table, file and column, what was expected, and what to do.

use std::fmt::Display;

use datafusion::arrow::datatypes::DataType;

use super::contract::Column;
use super::convert::{Remedy, Unconvertible};
use super::location::LocationError;
use super::table_format::TableFormat;
use crate::ids::SnapshotDate;

/// An export that cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
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
    #[error("table {table} has several folders of {date}: {folders}; leave one of them")]
    SeveralFolders {
        table: String,
        date: SnapshotDate,
        folders: String,
    },
    #[error(
        "table {table} is a table of {format}: its log lies at {log}, and files alone are not its rows (deleted and updated ones would come back); export it as plain Parquet, for example by {remedy}"
    )]
    TableFormat {
        table: String,
        format: &'static str,
        log: String,
        remedy: &'static str,
    },
    #[error(
        "table {table} is a table of {format}, whose log at {log} does not say which files hold its rows: {reason}; mend it, or export the table as plain Parquet, for example by {remedy}"
    )]
    TableLog {
        table: String,
        format: &'static str,
        log: String,
        reason: String,
        remedy: &'static str,
    },
    #[error(
        "table {table}: {file} is missing or not a Parquet file of that folder, although the table's log names it as data of the day; restore it, or write the day again"
    )]
    LogFileMissing { table: String, file: String },
    #[error(
        "table {table}: {file} is a Parquet file that {why}, so it is not certain whether its rows belong to the day; move it into the day's folder, or away"
    )]
    Misplaced {
        table: String,
        file: String,
        why: &'static str,
    },
    #[error(
        "table {table}: {file} was removed, or written again, while it was read; run again once the export is complete"
    )]
    Replaced { table: String, file: String },
    #[error("table {table}: {file} {why}, so rows may be missing; {remedy}")]
    NotListed {
        table: String,
        file: String,
        why: &'static str,
        remedy: &'static str,
    },
    #[error(
        "table {table}: {file} is named like a Parquet file that was compressed as a whole, which is not read, so rows of the day would be missing; decompress it, or move it away"
    )]
    Compressed { table: String, file: String },
    #[error(
        "table {table} has no rows on {date}, although it has some on {earlier}: the export has probably failed; export the day again, or set allow_empty where that is right"
    )]
    EmptyToday {
        table: String,
        date: SnapshotDate,
        earlier: SnapshotDate,
    },
    #[error(
        "table {table}: {file} is inconsistent: its footer counts {footer} rows, and its row groups {row_groups}; export it again"
    )]
    RowCounts {
        table: String,
        file: String,
        footer: i64,
        row_groups: i64,
    },
    #[error("table {table}: {file} cannot be read: column {column}: {reason}; export it again")]
    UnreadableColumn {
        table: String,
        file: String,
        column: String,
        reason: String,
    },
    #[error("table {table}: {file} cannot be read: {reason}; check the permissions and the connection")]
    Unreachable {
        table: String,
        file: String,
        reason: String,
    },
    #[error("table {table}: {file} is not a readable Parquet file: {reason}; export it again or choose another --date")]
    Unreadable {
        table: String,
        file: String,
        reason: String,
    },
    #[error(
        "table {table}: column {column} is missing in {source_name}, expected {expected}{}; add it to the export, or map the table with `[tables.{table}] sql`",
        but_has(similar)
    )]
    MissingColumn {
        table: String,
        source_name: String,
        column: &'static str,
        expected: &'static str,
        /// Existing columns with similar names.
        similar: Vec<String>,
    },
    #[error("table {table}: column {column} stands more than once in {source_name}; export it once, under one name")]
    ColumnTwice {
        table: String,
        source_name: String,
        column: String,
    },
    #[error(
        "table {table}: column {column} in {source_name} is {found}, expected {expected}; change the export, or map the table with `[tables.{table}] sql`{remedy}"
    )]
    WrongType {
        table: String,
        source_name: Box<str>,
        column: &'static str,
        found: Box<str>,
        expected: &'static str,
        /// The end of the message: a query that reads the column in a mapping, where there is one.
        remedy: Box<str>,
    },
    #[error(
        "table {table}: column {column} in {source_name}{}: {reason}; change the export, or map the table with `[tables.{table}] sql`{remedy}",
        in_row(*row)
    )]
    Unconvertible {
        table: String,
        source_name: Box<str>,
        column: &'static str,
        /// Counted from 1, where it is known.
        row: Option<u64>,
        reason: Box<str>,
        /// The end of the message: a query that reads the column in a mapping, where there is one.
        remedy: Box<str>,
    },
    #[error("table {table}: column {column}: none of {texts} texts is JSON; {remedy}")]
    NoJson {
        table: String,
        column: String,
        /// The number of texts that are not blank.
        texts: u64,
        /// What to do, at the end of the message.
        remedy: String,
    },
    #[error("table {table}: column {column} is not the same in all files: {first}, {second}; export the day again")]
    Inconsistent {
        table: String,
        column: String,
        /// A type, and a file that has it; `second` is another type with its file.
        first: String,
        second: String,
    },
}

impl ExportsError {
    /// The folder of `table` belongs to a table format, whose log is at `log`.
    pub fn table_format(table: &str, format: TableFormat, log: String) -> Self {
        Self::TableFormat {
            table: table.to_owned(),
            format: format.name(),
            log,
            remedy: format.remedy(),
        }
    }

    /// `file` holds rows, but is not in a place where files of the day are read.
    pub fn misplaced(table: &str, file: String, why: &'static str) -> Self {
        Self::Misplaced {
            table: table.to_owned(),
            file,
            why,
        }
    }

    /// `column` is missing from `source_name` (a file or a staging query) of `table`, which has columns of `similar` names.
    pub fn missing(table: &str, source_name: &str, column: &Column, similar: Vec<String>) -> Self {
        Self::MissingColumn {
            table: table.to_owned(),
            source_name: source_name.to_owned(),
            column: column.name,
            expected: column.kind.expectation(),
            similar,
        }
    }

    /// `column` has a value in `source_name` (a file or a staging query) of `table` that does not convert; `row` counts
    /// from 1.
    pub fn unconvertible(
        table: &str,
        source_name: &str,
        column: &Column,
        row: Option<u64>,
        value: Unconvertible,
    ) -> Self {
        Self::Unconvertible {
            table: table.to_owned(),
            source_name: source_name.into(),
            column: column.name,
            row,
            reason: value.reason.into(),
            remedy: value
                .mapping
                .map(|expression| example(table, column.name, &expression) + &value.condition)
                .unwrap_or_default()
                .into(),
        }
    }

    /// `column` has a type in `source_name` (a file or a staging query) of `table` that does not convert; a mapping may
    /// read it by the `remedy`.
    pub fn wrong_type(
        table: &str,
        source_name: &str,
        column: &Column,
        found: &DataType,
        remedy: Option<Remedy>,
    ) -> Self {
        let query = |remedy: Remedy| example(table, column.name, &remedy.expression) + &remedy.condition;
        Self::WrongType {
            table: table.to_owned(),
            source_name: source_name.into(),
            column: column.name,
            found: found.to_string().into(),
            expected: column.kind.expectation(),
            remedy: remedy.map(query).unwrap_or_default().into(),
        }
    }
}

fn but_has(similar: &[String]) -> String {
    match similar {
        [] => String::new(),
        names => {
            let quoted: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
            format!(", but there is {}, spelled otherwise", quoted.join(" and "))
        }
    }
}

/// A library's message on one line.
pub fn one_line(error: &impl Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn in_row(row: Option<u64>) -> String {
    row.map(|row| format!(", row {row}")).unwrap_or_default()
}

/// An example of a mapping query that reads one column by an expression and all others unchanged.
fn example(table: &str, column: &str, expression: &str) -> String {
    format!(", for example `select * replace ({expression} as {column}) from {table}`")
}
