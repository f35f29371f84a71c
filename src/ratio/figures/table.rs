//! Rows in memory, with the operations of requests: filter, sort and page.

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch, StringArray, UInt32Array};
use datafusion::arrow::compute::{
    SortColumn, SortOptions, concat_batches, filter_record_batch, lexsort_to_indices, take,
};
use datafusion::arrow::datatypes::{Date32Type, Int64Type};
use datafusion::arrow::error::ArrowError;

/// A table of ordered rows.
#[derive(Debug, Clone, PartialEq)]
pub struct RowTable(RecordBatch);

impl RowTable {
    /// A table of `rows`, in their order.
    pub fn new(rows: RecordBatch) -> Self {
        Self(rows)
    }

    /// Concatenates `tables`, of which there must be at least one, all with the same columns.
    ///
    /// # Errors
    /// There is no table, or their columns differ.
    pub fn joined(tables: &[&Self]) -> Result<Self, ArrowError> {
        let first = match tables {
            [] => return Err(ArrowError::InvalidArgumentError("no rows to join".to_owned())),
            [only] => return Ok((*only).clone()),
            [first, ..] => first,
        };
        let rows: Vec<&RecordBatch> = tables.iter().map(|table| &table.0).collect();
        Ok(Self(concat_batches(&first.0.schema(), rows)?))
    }

    /// The rows.
    pub fn rows(&self) -> &RecordBatch {
        &self.0
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.0.num_rows()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The texts of a column.
    ///
    /// # Errors
    /// There is no such column of texts.
    pub fn texts(&self, column: &str) -> Result<&StringArray, ArrowError> {
        let texts = self.0.column_by_name(column).and_then(|texts| texts.as_string_opt());
        texts.ok_or_else(|| missing(column))
    }

    /// The numbers of a column.
    ///
    /// # Errors
    /// There is no such column of whole numbers.
    pub fn numbers(&self, column: &str) -> Result<Vec<Option<i64>>, ArrowError> {
        let numbers = self.0.column_by_name(column);
        let numbers = numbers.and_then(|numbers| numbers.as_primitive_opt::<Int64Type>());
        Ok(numbers.ok_or_else(|| missing(column))?.iter().collect())
    }

    /// The days of a column, since 1970-01-01.
    ///
    /// # Errors
    /// There is no such column of dates.
    pub fn days(&self, column: &str) -> Result<Vec<Option<i32>>, ArrowError> {
        let days = self.0.column_by_name(column);
        let days = days.and_then(|days| days.as_primitive_opt::<Date32Type>());
        Ok(days.ok_or_else(|| missing(column))?.iter().collect())
    }

    /// The rows for whose text in a column `is_kept` is true; NULL is `None`.
    ///
    /// # Errors
    /// There is no such column.
    pub fn keep(&self, column: &str, is_kept: impl Fn(Option<&str>) -> bool) -> Result<Self, ArrowError> {
        let kept: BooleanArray = self.texts(column)?.iter().map(|text| Some(is_kept(text))).collect();
        self.filtered(&kept)
    }

    /// The rows where one of the columns contains `text`, ignoring case.
    ///
    /// # Errors
    /// There is no such column.
    pub fn containing(&self, columns: &[&str], text: &str) -> Result<Self, ArrowError> {
        let sought = text.to_lowercase();
        let mut kept = vec![false; self.len()];
        for column in columns {
            for (kept, text) in kept.iter_mut().zip(self.texts(column)?) {
                *kept |= text.is_some_and(|text| text.to_lowercase().contains(&sought));
            }
        }
        self.filtered(&kept.into())
    }

    /// The rows whose day in a column is between two days, both included.
    ///
    /// # Errors
    /// There is no such column.
    pub fn between(&self, column: &str, first: Option<i32>, last: Option<i32>) -> Result<Self, ArrowError> {
        let is_kept = |day: i32| first.is_none_or(|first| day >= first) && last.is_none_or(|last| day <= last);
        let kept: Vec<bool> = self
            .days(column)?
            .into_iter()
            .map(|day| day.is_some_and(is_kept))
            .collect();
        self.filtered(&kept.into())
    }

    /// The rows where `kept` is true.
    ///
    /// # Errors
    /// `keep` has not as many values as there are rows.
    pub fn filtered(&self, kept: &BooleanArray) -> Result<Self, ArrowError> {
        Ok(Self(filter_record_batch(&self.0, kept)?))
    }

    /// The rows in the order of a column, NULLs last; the sort is stable.
    ///
    /// # Errors
    /// There is no such column.
    pub fn sorted(&self, column: &str, descending: bool) -> Result<Self, ArrowError> {
        let sorted = self.0.column_by_name(column).ok_or_else(|| missing(column))?;
        let places: UInt32Array = (0..u32::try_from(self.len()).unwrap_or(u32::MAX)).collect();
        let by = |values, descending| SortColumn {
            values,
            options: Some(SortOptions {
                descending,
                nulls_first: false,
            }),
        };
        let order = lexsort_to_indices(
            &[by(sorted.clone(), descending), by(std::sync::Arc::new(places), false)],
            None,
        )?;
        let columns: Result<Vec<_>, ArrowError> = self
            .0
            .columns()
            .iter()
            .map(|column| take(column, &order, None))
            .collect();
        Ok(Self(RecordBatch::try_new(self.0.schema(), columns?)?))
    }

    /// At most `limit` rows from `offset` on.
    pub fn page(&self, offset: usize, limit: usize) -> Self {
        let offset = offset.min(self.len());
        Self(self.0.slice(offset, limit.min(self.len() - offset)))
    }
}

fn missing(column: &str) -> ArrowError {
    ArrowError::SchemaError(format!("there is no column {column} of the right type"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::ArrayRef;
    use datafusion::arrow::array::{Date32Array, Int64Array};

    use super::*;

    fn table() -> RowTable {
        let ids: ArrayRef = Arc::new(StringArray::from(vec![Some("Ab"), Some("b"), None, Some("C")]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![Some(2), None, Some(3), Some(2)]));
        let days: ArrayRef = Arc::new(Date32Array::from(vec![Some(1), Some(2), Some(3), None]));
        let rows = RecordBatch::try_from_iter([("id", ids), ("n", numbers), ("day", days)]);
        RowTable::new(rows.expect("rows"))
    }

    fn ids(table: Result<RowTable, ArrowError>) -> Vec<String> {
        let table = table.expect("rows");
        let ids = table.texts("id").expect("ids").iter();
        ids.map(|id| id.unwrap_or("-").to_owned()).collect()
    }

    #[test]
    fn rows_are_found_whatever_the_case() {
        assert_eq!(ids(table().containing(&["id"], "B")), ["Ab", "b"]);
        assert_eq!(ids(table().containing(&["id"], "x")), [""; 0]);
        assert_eq!(ids(table().keep("id", |id| id.is_none())), ["-"]);
        assert_eq!(ids(table().between("day", Some(2), None)), ["b", "-"]);
        assert_eq!(ids(table().between("day", None, Some(2))), ["Ab", "b"]);
    }

    #[test]
    fn missing_values_come_last_in_either_order() {
        assert_eq!(ids(table().sorted("n", false)), ["Ab", "C", "-", "b"]);
        assert_eq!(ids(table().sorted("n", true)), ["-", "Ab", "C", "b"]);
        assert_eq!(ids(table().sorted("id", false)), ["Ab", "C", "b", "-"]);
        assert!(table().sorted("other", true).is_err());
    }

    #[test]
    fn a_page_behind_the_end_is_empty() {
        assert_eq!(ids(Ok(table().page(1, 2))), ["b", "-"]);
        assert_eq!(ids(Ok(table().page(3, 2))), ["C"]);
        assert!(table().page(9, 2).is_empty());
        assert!(table().page(usize::MAX, usize::MAX).is_empty());
    }
}
