//! The exports: where they are, which days are usable, whether they keep the contract, and how they become tables.
//!
//! Knows files and columns; knows nothing of reports or ratios. Mapping other shapes with SQL is left to `catalog`.

mod all_null;
mod blank;
mod contract;
mod convert;
mod error;
mod history;
mod inspect;
mod location;
mod pinned;
mod snapshot;
mod steady;
mod store;
mod table;

pub use blank::{is_blank, nonblank};
pub use contract::{Column, Kind, Table};
pub use convert::{Unconvertible, canonical, canonical_array, canonical_call, expression_for};
pub use error::ExportsError;
pub use history::HistoryTable;
pub use inspect::{InspectedFile, check_columns, check_contract, column_twice, read_footers};
pub use location::{Location, LocationError, store_root};
pub use pinned::PinnedFile;
pub use snapshot::{Exports, SUCCESS_MARKER, Snapshot, TableFiles, TableFolder};
pub use store::open_store;
pub use table::{Blanks, SnapshotTable, pushdown};
