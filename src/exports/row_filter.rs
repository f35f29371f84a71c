//! Decides whether the Parquet reader tests a condition row by row, before it decodes the other columns.
//!
//! That pays where few rows are left, as of one batch or one user: texts of all others are never decoded. It costs where many
//! are left, as of a range of dates: the columns of the condition are decoded twice, and the others in many small pieces.
//! Row groups and pages are skipped by their statistics in either case.

use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// Bytes of a column's dictionary in a row group from which on the column has many values, so that one of them stands in
/// few rows: about a hundred ids.
const MANY_VALUES: i64 = 2 * 1024;

/// Whether one of `filters`, all of which must hold, leaves few rows of a file: a column of many values equals one of a few.
pub fn leaves_few_rows<'a>(filters: impl IntoIterator<Item = &'a Expr>, footer: &ParquetMetaData) -> bool {
    let mut columns = filters.into_iter().filter_map(compared_column);
    columns.any(|name| has_many_values(name, footer))
}

/// The column that a filter compares with one value, or a few.
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

/// Whether a column has many values in each row group of a file.
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
