//! Estimates of how many values whole-number, date and time columns have, from the footers of their files.
//!
//! With them, the engine estimates how many rows a join gives, and builds its hash table from the smaller side. A column
//! cannot have more values than there are between its least and its greatest one.
//!
//! The least and the greatest value are not given to the engine. Its filters compute with them while a plan is made, and
//! fail where a cast does, such as that of the last day of the year 9999 to nanoseconds, although no such row may be
//! read; and they make estimates exact where a condition leaves one value.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::ColumnStatistics;
use datafusion::common::stats::Precision;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use datafusion::parquet::file::statistics::Statistics;

use super::inspect::has_sound_statistics;

/// What is known of the columns `fields` of files with these footers, all of it inexact: distinct values, where there are
/// fewer than rows, and NULLs. Nothing is known where a footer is not cached.
pub fn estimates(
    fields: &[FieldRef],
    footers: impl IntoIterator<Item = Option<Arc<ParquetMetaData>>>,
) -> Vec<ColumnStatistics> {
    let mut known = vec![ColumnStatistics::new_unknown(); fields.len()];
    let mut columns: HashMap<&str, (usize, Values)> = fields
        .iter()
        .enumerate()
        .filter(|(_, field)| is_counted(field.data_type()))
        .map(|(place, field)| (field.name().as_str(), (place, Values::default())))
        .collect();
    if columns.is_empty() {
        return known;
    }
    let mut rows = 0;
    for footer in footers {
        let Some(footer) = footer else {
            return known;
        };
        for group in footer.row_groups() {
            rows += u64::try_from(group.num_rows()).unwrap_or(0);
            for chunk in group.columns() {
                if let [name] = chunk.column_path().parts()
                    && let Some((_, values)) = columns.get_mut(name.as_str())
                {
                    values.add(chunk);
                }
            }
        }
    }
    for (place, values) in columns.into_values() {
        known[place] = values.estimated(rows);
    }
    known
}

/// Whether each value of the type is stored as another whole number, so that a range limits how many values there are.
fn is_counted(data_type: &DataType) -> bool {
    data_type.is_signed_integer() || matches!(data_type, DataType::Date32 | DataType::Timestamp(_, _))
}

/// What the footers say of the values of a column.
#[derive(Debug, Default)]
struct Values {
    /// The least and the greatest value.
    range: Option<(i64, i64)>,
    /// Values, also NULL, of the files that have the column.
    count: u64,
    nulls: u64,
    /// Whether a part of the column has no statistics, or none that can be relied on.
    is_unknown: bool,
}

impl Values {
    fn add(&mut self, chunk: &ColumnChunkMetaData) {
        let count = u64::try_from(chunk.num_values()).unwrap_or(0);
        self.count += count;
        let Some(nulls) = chunk.statistics().and_then(Statistics::null_count_opt) else {
            self.is_unknown |= count > 0;
            return;
        };
        self.nulls += nulls;
        if nulls >= count {
            return;
        }
        match (self.range, range_of(chunk)) {
            (_, None) => self.is_unknown = true,
            (None, range) => self.range = range,
            (Some((least, greatest)), Some((lower, upper))) => {
                self.range = Some((least.min(lower), greatest.max(upper)));
            }
        }
    }

    /// The statistics of the column in `rows` rows of files.
    fn estimated(&self, rows: u64) -> ColumnStatistics {
        let mut known = ColumnStatistics::new_unknown();
        if self.is_unknown {
            return known;
        }
        // The column is NULL in the rows of files that lack it.
        let nulls = self.nulls.saturating_add(rows.saturating_sub(self.count));
        known.null_count = inexact(nulls);
        if let Some((least, greatest)) = self.range {
            let most = greatest.abs_diff(least).saturating_add(1);
            // A wider range says nothing: the engine knows that there are at most as many values as rows.
            if most <= rows.saturating_sub(nulls) {
                known.distinct_count = inexact(most);
            }
        }
        known
    }
}

/// The least and the greatest whole number of a column in a row group.
fn range_of(chunk: &ColumnChunkMetaData) -> Option<(i64, i64)> {
    if !has_sound_statistics(chunk) {
        return None;
    }
    let (least, greatest) = match chunk.statistics()? {
        Statistics::Int32(values) => (i64::from(*values.min_opt()?), i64::from(*values.max_opt()?)),
        Statistics::Int64(values) => (*values.min_opt()?, *values.max_opt()?),
        _ => return None,
    };
    (least <= greatest).then_some((least, greatest))
}

fn inexact(count: u64) -> Precision<usize> {
    Precision::Inexact(usize::try_from(count).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use datafusion::arrow::array::{ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray};
    use datafusion::arrow::datatypes::Field;
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::metadata::ParquetMetaDataReader;
    use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};

    use super::*;

    fn footer_of(columns: &[(&str, ArrayRef)], statistics: EnabledStatistics) -> Option<Arc<ParquetMetaData>> {
        let rows = RecordBatch::try_from_iter(columns.iter().map(|(name, column)| (*name, Arc::clone(column))));
        let rows = rows.expect("rows");
        let properties = WriterProperties::builder()
            .set_statistics_enabled(statistics)
            .set_max_row_group_row_count(Some(3))
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).expect("a writer");
        writer.write(&rows).expect("written");
        let file = Bytes::from(writer.into_inner().expect("a file"));
        let footer = ParquetMetaDataReader::new().parse_and_finish(&file);
        Some(Arc::new(footer.expect("a footer")))
    }

    fn numbers(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    fn fields() -> Vec<FieldRef> {
        let field = |name: &str, data_type| Arc::new(Field::new(name, data_type, true));
        vec![
            field("number", DataType::Int64),
            field("day", DataType::Date32),
            field("text", DataType::Utf8View),
            field("missing", DataType::Int32),
        ]
    }

    /// Distinct values and NULLs of each column.
    fn estimated(footers: Vec<Option<Arc<ParquetMetaData>>>) -> Vec<[Precision<usize>; 2]> {
        let known = estimates(&fields(), footers);
        for column in &known {
            assert_eq!(
                (&column.min_value, &column.max_value),
                (&Precision::Absent, &Precision::Absent)
            );
        }
        let counts = known.iter().map(|column| [column.distinct_count, column.null_count]);
        counts.collect()
    }

    const UNKNOWN: [Precision<usize>; 2] = [Precision::Absent, Precision::Absent];

    #[test]
    fn a_column_has_at_most_the_values_of_its_range() {
        let number = numbers(&[Some(7), None, Some(9), Some(8), Some(8)]);
        let day: ArrayRef = Arc::new(Date32Array::from(vec![20_000, 20_001, 30_000, 20_000, 20_000]));
        let text: ArrayRef = Arc::new(StringArray::from(vec!["a"; 5]));
        let columns = [("number", number), ("day", day), ("text", text)];
        let first = footer_of(&columns, EnabledStatistics::Chunk);
        let second = footer_of(
            &[("number", numbers(&[None, None, None, Some(10)]))],
            EnabledStatistics::Chunk,
        );
        let [of_range, nulls] = [4, 4].map(Precision::Inexact);
        // 7 to 10 in five rows, days of a range that is wider than the rows, and a column that no file has.
        assert_eq!(
            estimated(vec![first, second]),
            [
                [of_range, nulls],
                [Precision::Absent, Precision::Inexact(4)],
                UNKNOWN,
                [Precision::Absent, Precision::Inexact(9)],
            ]
        );
    }

    #[test]
    fn what_a_footer_does_not_say_is_unknown() {
        let column = [("number", numbers(&[Some(1), Some(1)]))];
        let with = || footer_of(&column, EnabledStatistics::Chunk);
        let of_number = |footers| estimated(footers)[0];
        assert_eq!(of_number(vec![with()]), [Precision::Inexact(1), Precision::Inexact(0)]);
        let without = footer_of(&column, EnabledStatistics::None);
        assert_eq!(of_number(vec![with(), without]), UNKNOWN);
        assert_eq!(of_number(vec![with(), None]), UNKNOWN);
    }
}
