//! The table of changed batches: its columns, and batches as rows.

use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};

use crate::ids::SnapshotDate;
use crate::report::ReportError;

/// A batch whose report differs from that of an earlier output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedBatch {
    /// The batch's id.
    pub batch_id: String,
    /// The batch's course, where it is known.
    pub course_id: Option<String>,
    /// The batch's tenant, where it is known.
    pub tenant_id: Option<String>,
    /// Rows of the earlier report; `None` for a new batch.
    pub rows_before: Option<u64>,
    /// Rows of the report; `None` for a batch that has been removed.
    pub rows_after: Option<u64>,
    /// `None` where a file of the mart could not be read.
    pub people: Option<People>,
}

/// Counts of people in the two reports of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct People {
    /// People in the report and not in the earlier one.
    pub added: u64,
    /// People in the earlier report and not in this one.
    pub removed: u64,
    /// People with a completion date that they did not have in the earlier report.
    pub completed: u64,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let texts = ["batch_id", "course_id", "tenant_id"].map(|name| Field::new(name, DataType::Utf8View, true));
    let counts = ["rows_before", "rows_after", "added", "removed", "completed"];
    let counts = counts.map(|name| Field::new(name, DataType::Int64, true));
    let days = ["since", "as_of"].map(|name| Field::new(name, DataType::Date32, true));
    Arc::new(Schema::new([texts.to_vec(), counts.to_vec(), days.to_vec()].concat()))
});

/// The columns: the batch, its course and tenant; rows of the report before and after; people added, removed, and
/// completed since; the day of the earlier output, and that of the output.
pub fn schema() -> SchemaRef {
    Arc::clone(&SCHEMA)
}

/// Converts batches to rows.
pub fn rows(
    changed: &[ChangedBatch],
    since: Option<SnapshotDate>,
    as_of: SnapshotDate,
) -> Result<RecordBatch, ReportError> {
    let texts = |text: fn(&ChangedBatch) -> Option<&str>| -> ArrayRef {
        Arc::new(changed.iter().map(text).collect::<StringViewArray>())
    };
    let counts = |count: fn(&ChangedBatch) -> Option<u64>| -> ArrayRef {
        let counts = changed
            .iter()
            .map(|batch| count(batch).map(|count| i64::try_from(count).unwrap_or(i64::MAX)));
        Arc::new(counts.collect::<Int64Array>())
    };
    let day = |day: Option<SnapshotDate>| -> ArrayRef {
        let day = day.map(|day| day.day().to_epoch_days());
        Arc::new(changed.iter().map(|_| day).collect::<Date32Array>())
    };
    let columns = vec![
        texts(|batch| Some(&batch.batch_id)),
        texts(|batch| batch.course_id.as_deref()),
        texts(|batch| batch.tenant_id.as_deref()),
        counts(|batch| batch.rows_before),
        counts(|batch| batch.rows_after),
        counts(|batch| Some(batch.people?.added)),
        counts(|batch| Some(batch.people?.removed)),
        counts(|batch| Some(batch.people?.completed)),
        day(since),
        day(Some(as_of)),
    ];
    Ok(RecordBatch::try_new(schema(), columns)?)
}

/// Converts rows to batches.
pub fn batches(rows: &RecordBatch) -> Result<Vec<ChangedBatch>, ReportError> {
    let column = |name: &'static str| rows.column_by_name(name).ok_or(ReportError::MissingColumn(name));
    let texts = |name| Ok::<_, ReportError>(cast(column(name)?, &DataType::Utf8View)?);
    let (ids, courses, tenants) = (texts("batch_id")?, texts("course_id")?, texts("tenant_id")?);
    let counts = |name| Ok::<_, ReportError>(cast(column(name)?, &DataType::Int64)?);
    let (before, after) = (counts("rows_before")?, counts("rows_after")?);
    let (added, removed, completed) = (counts("added")?, counts("removed")?, counts("completed")?);
    let text = |texts: &ArrayRef, row: usize| {
        let texts = texts.as_string_view();
        texts.is_valid(row).then(|| texts.value(row).to_owned())
    };
    let count = |counts: &ArrayRef, row: usize| {
        let counts = counts.as_primitive::<Int64Type>();
        let count = counts.is_valid(row).then(|| counts.value(row))?;
        u64::try_from(count).ok()
    };
    let batch = |row| ChangedBatch {
        batch_id: text(&ids, row).unwrap_or_default(),
        course_id: text(&courses, row),
        tenant_id: text(&tenants, row),
        rows_before: count(&before, row),
        rows_after: count(&after, row),
        people: count(&added, row).map(|added| People {
            added,
            removed: count(&removed, row).unwrap_or_default(),
            completed: count(&completed, row).unwrap_or_default(),
        }),
    };
    Ok((0..rows.num_rows()).map(batch).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_become_rows_and_come_back() {
        let people = People {
            added: 3,
            removed: 1,
            completed: 2,
        };
        let changed = |id: &str, before, after, people| ChangedBatch {
            batch_id: id.to_owned(),
            course_id: None,
            tenant_id: Some("राज्य".to_owned()),
            rows_before: before,
            rows_after: after,
            people,
        };
        let all = [
            changed("a", Some(1), Some(3), Some(people)),
            changed("b, \"c\"", None, Some(0), None),
            changed("d", Some(2), None, Some(People::default())),
        ];
        let day: SnapshotDate = "2026-11-22".parse().expect("a day");
        let rows = rows(&all, None, day).expect("rows");
        assert_eq!(batches(&rows).expect("batches"), all);
    }
}
