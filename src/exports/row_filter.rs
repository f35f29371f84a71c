//! Decides whether the Parquet reader evaluates a filter before it decodes the other columns (late materialisation).
//!
//! That pays where few rows pass, such as those of one batch or one user: texts of other rows are never decoded. It costs
//! time where many pass, such as those of a range of dates: the filter's columns are decoded twice, and the others in many
//! small runs. Row groups and pages are skipped by their statistics in either case.

use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// The size in bytes of a column's dictionary in a row group from which on the column counts as having many distinct
/// values, each in few rows: about a hundred ids.
const MANY_VALUES: i64 = 2 * 1024;

/// The largest batch size of a scan whose filter few rows pass. The reader holds the pages of all rows that it skips
/// until a batch is full: for 8,192 rows of one batch, the pages of more than a row group.
const ROWS_AT_A_TIME: usize = 2 * 1024;

/// The batch size of a scan whose filter few rows pass, in a session with the batch size `wanted`.
pub fn rows_at_a_time(wanted: usize) -> usize {
    wanted.min(ROWS_AT_A_TIME)
}

/// Whether few rows of a file pass all `filters`: one of them compares a column of many distinct values with a few
/// constants.
pub fn leaves_few_rows<'a>(filters: impl IntoIterator<Item = &'a Expr>, footer: &ParquetMetaData) -> bool {
    let mut columns = filters.into_iter().filter_map(compared_column);
    columns.any(|name| has_many_values(name, footer))
}

/// The column that a filter compares with one or a few constants by equality.
fn compared_column(filter: &Expr) -> Option<&str> {
    let column = match filter {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => [left, right].into_iter().find_map(|side| side.try_as_col()),
        Expr::InList(list) if !list.negated => list.expr.try_as_col(),
        _ => None,
    };
    column.map(|column| column.name.as_str())
}

/// Whether a column has many distinct values in each row group of a file.
fn has_many_values(name: &str, footer: &ParquetMetaData) -> bool {
    let is_column = |chunk: &&ColumnChunkMetaData| chunk.column_path().parts() == [name];
    let mut chunks = footer
        .row_groups()
        .iter()
        .filter_map(|group| group.columns().iter().find(is_column));
    chunks.all(|chunk| match chunk.dictionary_page_offset() {
        Some(dictionary) => chunk.data_page_offset() - dictionary >= MANY_VALUES,
        None => true,
    })
}
