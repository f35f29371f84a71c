//! `COPY … TO STDOUT`: the rows of a table or a query in PostgreSQL's formats of files. Everything else that COPY can
//! do, reading rows and reaching files and programs, is refused by `statement`.
//!
//! `syntax` and `option_syntax` read the statement, and `options` says what it means. A row is that of SELECT, value
//! for value: `binary`, `text` and `csv` only frame it, so no value can differ between the two ways; `binary_rows`
//! encodes the values of common types many rows at a time. `out` sends the rows as they are made.

mod binary;
mod binary_rows;
mod csv;
mod option_syntax;
mod options;
mod out;
mod syntax;
mod text;
mod values;

pub use binary_rows::EncodedRows;
pub use options::{CopyForm, Frame};
pub use out::{CopyOut, CopyRows, send};
pub use syntax::{is_next, parse};
