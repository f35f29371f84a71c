//! Reads the exports: finds usable days, checks files against the contract, and provides them as tables.
//!
//! This room knows files and columns, but no reports or ratios. Mapping tables of other shapes with SQL is done in
//! `catalog`.

mod all_null;
mod blank;
mod columns;
mod contract;
mod convert;
mod day_folder;
#[cfg(feature = "delta")]
mod delta;
mod dictionary_keys;
mod error;
mod estimates;
mod fault;
mod footer;
mod history;
mod inspect;
mod joined_ranges;
mod json_columns;
mod left_out;
mod listing;
mod location;
mod near_names;
mod needed_entries;
#[cfg(not(feature = "delta"))]
mod no_delta;
mod note;
mod panics;
mod pinned;
mod retried_lists;
mod row_filter;
mod rows;
mod small_files;
mod snapshot;
mod store;
mod table;
mod table_format;
mod table_log;
mod value_range;

#[cfg(feature = "delta")]
use delta::read_log;
#[cfg(not(feature = "delta"))]
use no_delta::read_log;

pub use blank::{is_blank, nonblank};
pub use columns::{check_columns, check_contract, column_twice, misspelled_columns, misspelling};
pub use contract::{Column, Kind, Table};
pub use convert::{Unconvertible, canonical, canonical_array, canonical_call, ids_as_text};
pub use day_folder::DayName;
pub use dictionary_keys::with_dictionary_keys;
pub use error::ExportsError;
pub use history::HistoryTable;
pub use inspect::{InspectedFile, read_footers};
pub use json_columns::JsonColumns;
pub use left_out::{Depth, left_out};
pub use listing::{DayFile, Partition, refuse};
pub use location::{Location, LocationError, displayed, store_root};
pub use needed_entries::NeededEntries;
pub use note::{ExportNote, some_of};
pub use pinned::PinnedFile;
pub use retried_lists::read_whole;
#[cfg(feature = "cluster")]
pub(crate) use rows::{ExportedRowsExec, OutputColumn};
pub use snapshot::{Exports, SUCCESS_MARKER, Snapshot, TableFiles, TableFolder};
pub use store::open_store;
pub use table::{SnapshotTable, pushdown};
