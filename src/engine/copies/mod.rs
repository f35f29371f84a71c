//! Tells rows whose key stands once in a table from those that may be copies of each other.
//!
//! Which copy of a row counts is said in SQL, by ranking the copies. Ranking sorts, and sorting a whole table to find the
//! few copies in it costs more than all that is done with it afterwards. So keys are compared first, by fingerprints of
//! eight bytes; rows of keys that stand once need no ranking. It is the same with rows that matter to each other because
//! they are close in time. What the ranking is, is not known here.

mod fingerprint;
mod plan;
mod repeated;
mod set;
mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result};

use repeated::RepeatedKeys;
use table::RowsByCopies;

/// The rows of a table, in two tables of the same columns. Rows with a missing value in their key are in neither.
pub struct SplitTable {
    /// Rows of keys that stand once.
    pub unique: Arc<dyn TableProvider>,
    /// All rows of keys that stand more than once, and perhaps a few others.
    pub repeated: Arc<dyn TableProvider>,
}

/// The rows of a table, in two tables. Rows with a missing value in their key are in neither.
pub struct SplitInTime {
    /// Rows of keys that stand once, without neighbours.
    pub alone: Arc<dyn TableProvider>,
    /// All other rows, and perhaps a few of the same kind, with one more column, [`MAY_BE_COPY`]. All neighbours of these
    /// rows are among them.
    pub others: Arc<dyn TableProvider>,
}

/// Tells rows of keys that stand more than once, and perhaps a few others, from those that have neighbours alone.
pub const MAY_BE_COPY: &str = "may_be_copy";

/// How a row stands among the others of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Its key stands once, and it has no neighbours.
    Alone,
    /// Its key stands once, and it may have neighbours.
    Neighbour,
    /// Its key may stand more than once.
    Copy,
}

/// Rows that are close to each other in time.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours {
    /// Columns of text that are the same in neighbours. A row with a missing value has none.
    pub texts: &'static [&'static str],
    /// The column of the time, a timestamp in microseconds.
    pub time: &'static str,
    /// How far apart they may be.
    pub within_micros: i64,
}

/// Which rows are in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passing {
    /// Those that stand alone.
    Alone,
    /// The others; where they may be neighbours, with whether they may be copies.
    Others,
}

/// What keeps rows together.
#[derive(Debug, Clone, Copy)]
struct Key {
    /// Columns of text that are the same in copies.
    copies: &'static [&'static str],
    neighbours: Option<Neighbours>,
}

/// The places of a key's columns among those of some rows.
#[derive(Debug, Clone)]
struct KeyColumns {
    copies: Vec<usize>,
    neighbours: Option<NeighbourColumns>,
}

#[derive(Debug, Clone)]
struct NeighbourColumns {
    texts: Vec<usize>,
    time: usize,
    within_micros: i64,
}

/// Splits the rows of `table`, which never change, by whether their `key`, columns of text, stands once.
pub fn split_by_copies(table: &Arc<dyn TableProvider>, key: &'static [&'static str]) -> SplitTable {
    let key = Key {
        copies: key,
        neighbours: None,
    };
    let [unique, repeated] = tables(table, key);
    SplitTable { unique, repeated }
}

/// Splits the rows of `table`, which never change, by whether their `key` stands once and whether they have neighbours.
pub fn split_in_time(
    table: &Arc<dyn TableProvider>,
    key: &'static [&'static str],
    neighbours: Neighbours,
) -> SplitInTime {
    let key = Key {
        copies: key,
        neighbours: Some(neighbours),
    };
    let [alone, others] = tables(table, key);
    SplitInTime { alone, others }
}

/// The rows that stand alone and the others; what is found out about the keys is shared.
fn tables(table: &Arc<dyn TableProvider>, key: Key) -> [Arc<dyn TableProvider>; 2] {
    let keys = Arc::new(RepeatedKeys::default());
    [Passing::Alone, Passing::Others].map(|passing| -> Arc<dyn TableProvider> {
        Arc::new(RowsByCopies::new(Arc::clone(table), key, Arc::clone(&keys), passing))
    })
}

impl Key {
    /// The places of its columns.
    fn places(&self, place: impl Fn(&str) -> Result<usize>) -> Result<KeyColumns> {
        let places = |names: &[&str]| names.iter().map(|name| place(name)).collect::<Result<Vec<_>>>();
        let neighbours = self.neighbours.map(|near| {
            Ok::<_, DataFusionError>(NeighbourColumns {
                texts: places(near.texts)?,
                time: place(near.time)?,
                within_micros: near.within_micros,
            })
        });
        Ok(KeyColumns {
            copies: places(self.copies)?,
            neighbours: neighbours.transpose()?,
        })
    }
}

impl KeyColumns {
    /// All places, each once, in order.
    fn all(&self) -> Vec<usize> {
        let near = self.neighbours.iter();
        let near = near.flat_map(|near| near.texts.iter().chain(std::iter::once(&near.time)));
        BTreeSet::from_iter(self.copies.iter().chain(near).copied())
            .into_iter()
            .collect()
    }
}
