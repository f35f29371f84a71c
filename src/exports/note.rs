//! Remarks on what lies in the exports and is not read, or is not there although other days have it.
//!
//! None of them stops a run. Each is logged as a warning, listed by `pragati check`, and kept in the manifest.

use std::fmt;

/// One remark on a table's exports: what was seen, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExportNote {
    /// The table's name in SQL.
    pub table: String,
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

/// Some names for a message, and how many more there are.
pub fn some_of(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
