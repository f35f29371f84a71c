//! Splits a table into rows whose key is unique and rows whose key may be repeated, so that only the latter are
//! deduplicated.
//!
//! SQL says which of several repeated rows wins, by ranking them. Ranking sorts, and sorting a whole table to find a
//! few repeated rows costs more than everything after it. So the keys are compared first, by fingerprints of eight
//! bytes. Rows of unique keys skip the ranking ([`RankOnlyRepeated`]). The same is done for neighbours: rows that are
//! close in time, such as double clicks. How rows are ranked is said by the SQL alone.

mod find_among_rows;
mod fingerprint;
mod fingerprint_set;
mod kept_keys;
mod plan;
mod repeated_keys;
mod rule;
mod split_tables;
mod table;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{DataFusionError, Result};

use kept_keys::KeptKeys;
pub use rule::{Inputs, RankOnlyRepeated, ranking_only_repeated};
pub use split_tables::SplitTables;
use table::UniqueOrRepeatedRows;

/// A table split in two.
pub struct SplitInTime {
    /// Rows whose key is unique and which have no neighbours.
    pub alone: Arc<dyn TableProvider>,
    /// All other rows, also those with a NULL in their key, and perhaps a few more, with one additional column,
    /// [`MAY_BE_REPEATED`]. Every neighbour of such a row is among them.
    pub others: Arc<dyn TableProvider>,
}

/// The boolean column that is true for rows whose key may be repeated, and false for rows that only have neighbours.
pub const MAY_BE_REPEATED: &str = "may_be_repeated";

/// The relation of a row to the others of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Its key is unique, and it has no neighbours.
    Alone,
    /// Its key is unique, and it may have neighbours.
    Neighbour,
    /// Its key may be repeated, or has a NULL.
    Repeated,
}

/// When two rows are neighbours.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours {
    /// Text columns that are equal in neighbours. A row with a NULL in one of them has no neighbours.
    pub texts: &'static [&'static str],
    /// The column of the time, a timestamp in microseconds.
    pub time: &'static str,
    /// The largest distance in time, in microseconds.
    pub within_micros: i64,
}

/// Which of the two tables a plan reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passing {
    /// Rows that stand alone.
    Alone,
    /// The other rows; where neighbours are looked for, with the column [`MAY_BE_REPEATED`].
    Others,
}

/// The columns by which rows are compared.
#[derive(Debug, Clone)]
struct Key {
    /// Columns that are equal in repeated rows.
    repeated: Arc<[String]>,
    neighbours: Option<Neighbours>,
}

/// The positions of a key's columns in a schema.
#[derive(Debug, Clone)]
struct KeyColumns {
    repeated: Vec<usize>,
    neighbours: Option<NeighbourColumns>,
}

#[derive(Debug, Clone)]
struct NeighbourColumns {
    texts: Vec<usize>,
    time: usize,
    within_micros: i64,
}

/// Splits `table`, whose rows must not change, by whether `key` is unique and whether a row has neighbours.
pub fn split_in_time(
    table: &Arc<dyn TableProvider>,
    key: &'static [&'static str],
    neighbours: Neighbours,
) -> SplitInTime {
    let key = Key {
        repeated: key.iter().map(|&column| column.to_owned()).collect(),
        neighbours: Some(neighbours),
    };
    let repeated = Arc::new(KeptKeys::Always(Arc::default()));
    let [alone, others] = tables(table, &key, &repeated, Inputs::TablesAndViews);
    SplitInTime { alone, others }
}

/// The rows that stand alone and the others. Both tables share the repeated keys.
fn tables(
    table: &Arc<dyn TableProvider>,
    key: &Key,
    repeated: &Arc<KeptKeys>,
    inputs: Inputs,
) -> [Arc<dyn TableProvider>; 2] {
    [Passing::Alone, Passing::Others].map(|passing| -> Arc<dyn TableProvider> {
        let (table, repeated) = (Arc::clone(table), Arc::clone(repeated));
        Arc::new(UniqueOrRepeatedRows::new(table, key.clone(), repeated, passing, inputs))
    })
}

impl Key {
    /// The positions of its columns.
    fn places(&self, place: impl Fn(&str) -> Result<usize>) -> Result<KeyColumns> {
        let places = |names: &[&str]| names.iter().map(|name| place(name)).collect::<Result<Vec<_>>>();
        let repeated = self.repeated.iter().map(|name| place(name));
        let neighbours = self.neighbours.map(|near| {
            Ok::<_, DataFusionError>(NeighbourColumns {
                texts: places(near.texts)?,
                time: place(near.time)?,
                within_micros: near.within_micros,
            })
        });
        Ok(KeyColumns {
            repeated: repeated.collect::<Result<_>>()?,
            neighbours: neighbours.transpose()?,
        })
    }
}

impl KeyColumns {
    /// All positions in ascending order, without repetition.
    fn all(&self) -> Vec<usize> {
        let near = self.neighbours.iter();
        let near = near.flat_map(|near| near.texts.iter().chain(std::iter::once(&near.time)));
        BTreeSet::from_iter(self.repeated.iter().chain(near).copied())
            .into_iter()
            .collect()
    }
}
