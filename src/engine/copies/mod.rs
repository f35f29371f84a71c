//! Tells rows whose key stands once in a table from those that may be copies of each other.
//!
//! Which copy of a row counts is said in SQL, by ranking the copies. Ranking sorts, and sorting a whole table to find the
//! few copies in it costs more than all that is done with it afterwards. So keys are compared first, by fingerprints of
//! eight bytes; rows of keys that stand once need no ranking. What the ranking is, is not known here.

mod fingerprint;
mod plan;
mod repeated;
mod table;

use std::sync::Arc;

use datafusion::catalog::TableProvider;

use plan::Kept;
use repeated::RepeatedKeys;
use table::RowsByCopies;

/// The rows of a table, in two tables of the same columns. Rows with a missing value in their key are in neither.
pub struct SplitTable {
    /// Rows of keys that stand once.
    pub unique: Arc<dyn TableProvider>,
    /// All rows of keys that stand more than once, and perhaps a few others.
    pub repeated: Arc<dyn TableProvider>,
}

/// Splits the rows of `table`, which never change, by whether their `key`, columns of text, stands once.
pub fn split_by_copies(table: &Arc<dyn TableProvider>, key: &'static [&'static str]) -> SplitTable {
    let keys = Arc::new(RepeatedKeys::default());
    let rows = |kept| -> Arc<dyn TableProvider> {
        Arc::new(RowsByCopies::new(Arc::clone(table), key, Arc::clone(&keys), kept))
    };
    SplitTable {
        unique: rows(Kept::Unique),
        repeated: rows(Kept::Repeated),
    }
}
