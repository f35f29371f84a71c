//! The least and the greatest value of a column of numbers in a file, by the statistics in its footer.

use datafusion::arrow::datatypes::DataType;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use datafusion::parquet::file::statistics::Statistics;

use super::convert::Range;
use super::inspect::has_sound_statistics;

/// The range of the whole numbers of a column that is read as `found`, also where the file has them as floats. `None`
/// where the footer does not tell it for all of the column.
pub fn value_range(footer: &ParquetMetaData, column: &str, found: &DataType) -> Option<Range> {
    // Statistics of decimals are unscaled: they leave out the point.
    if !(found.is_integer() || found.is_floating()) {
        return None;
    }
    let mut range: Option<Range> = None;
    for group in footer.row_groups() {
        let of_column = |chunk: &&ColumnChunkMetaData| chunk.column_path().parts() == [column];
        let chunk = group.columns().iter().find(of_column)?;
        if !has_values(chunk) {
            continue;
        }
        let (lower, upper) = range_of(chunk)?;
        range = Some(match range {
            None => (lower, upper),
            Some((least, greatest)) => (least.min(lower), greatest.max(upper)),
        });
    }
    range
}

/// Whether a column of a row group has values other than NULL, or may have some.
fn has_values(chunk: &ColumnChunkMetaData) -> bool {
    let nulls = chunk.statistics().and_then(Statistics::null_count_opt);
    let count = u64::try_from(chunk.num_values()).unwrap_or(0);
    nulls.is_none_or(|nulls| nulls < count)
}

fn range_of(chunk: &ColumnChunkMetaData) -> Option<Range> {
    if !has_sound_statistics(chunk) {
        return None;
    }
    let (least, greatest) = match chunk.statistics()? {
        Statistics::Int32(values) => (i64::from(*values.min_opt()?), i64::from(*values.max_opt()?)),
        Statistics::Int64(values) => (*values.min_opt()?, *values.max_opt()?),
        Statistics::Float(values) => (whole((*values.min_opt()?).into())?, whole((*values.max_opt()?).into())?),
        Statistics::Double(values) => (whole(*values.min_opt()?)?, whole(*values.max_opt()?)?),
        _ => return None,
    };
    (least <= greatest).then_some((least, greatest))
}

/// The nearest whole number.
fn whole(number: f64) -> Option<i64> {
    format!("{number:.0}").parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use datafusion::arrow::array::{Array, ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch};
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::file::metadata::ParquetMetaDataReader;
    use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties};

    use super::*;

    /// The range of a column whose row groups have two rows.
    fn range(values: impl Array + 'static, statistics: EnabledStatistics) -> Option<Range> {
        let found = values.data_type().clone();
        let column: ArrayRef = Arc::new(values);
        let rows = RecordBatch::try_from_iter([("other", Arc::clone(&column)), ("number", column)]).expect("rows");
        let properties = WriterProperties::builder()
            .set_statistics_enabled(statistics)
            .set_max_row_group_row_count(Some(2))
            .build();
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), Some(properties)).expect("a writer");
        writer.write(&rows).expect("written");
        let file = Bytes::from(writer.into_inner().expect("a file"));
        let footer = ParquetMetaDataReader::new().parse_and_finish(&file).expect("a footer");
        value_range(&footer, "number", &found)
    }

    #[test]
    fn all_row_groups_count_and_nulls_do_not() {
        let values = vec![Some(7), Some(9), None, None, Some(-3), None];
        assert_eq!(
            range(Int64Array::from(values.clone()), EnabledStatistics::Chunk),
            Some((-3, 9))
        );
        let narrow = values.iter().map(|value| value.map(|_| 5_i32));
        assert_eq!(
            range(narrow.collect::<Int32Array>(), EnabledStatistics::Chunk),
            Some((5, 5))
        );
        let floats = Float64Array::from(vec![Some(1_795_322_700.0), None, Some(1.4)]);
        assert_eq!(range(floats, EnabledStatistics::Chunk), Some((1, 1_795_322_700)));
        assert_eq!(
            range(Int64Array::from(vec![None::<i64>; 3]), EnabledStatistics::Chunk),
            None
        );
        assert_eq!(range(Int64Array::from(values), EnabledStatistics::None), None);
    }
}
