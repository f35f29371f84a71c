//! Remarks on the exports: files that are not read, or that are missing although other days have them.
//!
//! A remark does not stop a run. It is logged as a warning, listed by `pragati check`, and stored in the manifest.

use std::fmt;

/// A remark on a table's exports: what was found, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportNote {
    /// The table's name in SQL.
    pub table: String,
    /// The finding in words, for people.
    pub text: String,
}

impl ExportNote {
    /// A remark on `table`.
    pub fn new(table: &str, text: String) -> Self {
        Self {
            table: table.to_owned(),
            text,
        }
    }
}

impl fmt::Display for ExportNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table {}: {}", self.table, self.text)
    }
}

/// The first names for a message, and the number of the others.
pub fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
