//! `COPY … TO STDOUT`: the rows of a table or a query in PostgreSQL's formats of files. Everything else that COPY can do, reading
//! rows and reaching files and programs, is refused by `statement`.
//!
//! `syntax` and `option_syntax` read the statement, and `options` says what it means. A row is that of SELECT, value for value:
//! `binary`, `text` and `csv` only frame it, so no value can differ between the two ways. `out` sends the rows as they are made.

mod binary;
mod csv;
mod option_syntax;
mod options;
mod out;
mod syntax;
mod text;
mod values;

pub use options::CopyForm;
pub use out::{CopyOut, send};
pub use syntax::{is_next, parse};
