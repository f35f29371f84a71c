//! Report rows as the writers read them: twelve typed arrays, whatever types the query returned.

use std::ops::Range;

use datafusion::arrow::array::{AsArray, Date32Array, Int32Array, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, Int32Type};

use super::columns::{COLUMNS, CellKind, ReportColumn};
use super::error::ReportError;

/// A typed column.
#[derive(Debug, Clone)]
pub enum Cells {
    /// Texts, as they are.
    Text(StringViewArray),
    /// Local dates.
    Date(Date32Array),
    /// Whole percents, 0 to 100.
    Percent(Int32Array),
}

/// Rows of the report, column by column in the order of the file.
#[derive(Debug, Clone)]
pub struct ReportRows {
    cells: Vec<Cells>,
    rows: usize,
}

impl ReportRows {
    /// Takes the twelve columns out of a batch of the report query's rows.
    ///
    /// # Errors
    /// A column is missing or has another type.
    pub fn try_new(batch: &RecordBatch) -> Result<Self, ReportError> {
        Self::of_columns(batch, &COLUMNS)
    }

    /// Takes these columns out of a batch of the report query's rows.
    ///
    /// # Errors
    /// A column is missing or has another type.
    pub fn of_columns(batch: &RecordBatch, columns: &[ReportColumn]) -> Result<Self, ReportError> {
        let cells = columns.iter().map(|column| {
            let array = batch
                .column_by_name(column.name)
                .ok_or(ReportError::MissingColumn(column.name))?;
            let wanted = match column.kind {
                CellKind::Text => DataType::Utf8View,
                CellKind::Date => DataType::Date32,
                CellKind::Percent => DataType::Int32,
            };
            let array = cast(array, &wanted).map_err(|error| ReportError::WrongColumn {
                column: column.name,
                reason: error.to_string(),
            })?;
            Ok(match column.kind {
                CellKind::Text => Cells::Text(array.as_string_view().clone()),
                CellKind::Date => Cells::Date(array.as_primitive::<Date32Type>().clone()),
                CellKind::Percent => Cells::Percent(array.as_primitive::<Int32Type>().clone()),
            })
        });
        Ok(Self {
            cells: cells.collect::<Result<_, ReportError>>()?,
            rows: batch.num_rows(),
        })
    }

    /// The columns, in the order of the file.
    pub fn columns(&self) -> &[Cells] {
        &self.cells
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

/// How many rows in a range of the report query's rows have a user that is not in the export.
///
/// # Errors
/// There is no column `known_user`.
pub fn unknown_users(rows: &RecordBatch, range: Range<usize>) -> Result<u64, ReportError> {
    let known = rows
        .column_by_name("known_user")
        .and_then(|column| column.as_boolean_opt())
        .ok_or(ReportError::MissingColumn("known_user"))?;
    let known_count = known.slice(range.start, range.len()).true_count();
    Ok((range.len() - known_count) as u64)
}
