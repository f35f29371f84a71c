//! Maps of texts whose keys are read as dictionaries: a number for each key, and each distinct key once.
//!
//! Where the same few keys repeat from row to row, such as the contents of courses, copying the text of each takes about as
//! long as reading all else of the map. The Parquet reader gives dictionaries where the Arrow schema in a footer has them.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::parquet::arrow::{ARROW_SCHEMA_META_KEY, encode_arrow_schema, parquet_to_arrow_schema};
use datafusion::parquet::errors::Result;
use datafusion::parquet::file::metadata::{FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataBuilder};

/// The type of a map of texts with dictionaries as keys; `None` for any other type.
pub fn with_dictionary_keys(map: &DataType) -> Option<DataType> {
    let DataType::Map(entries, is_sorted) = map else {
        return None;
    };
    let DataType::Struct(fields) = entries.data_type() else {
        return None;
    };
    let (key, value) = (fields.first()?, fields.get(1)?);
    if !matches!(key.data_type(), DataType::Utf8 | DataType::LargeUtf8) {
        return None;
    }
    let texts = Box::new(key.data_type().clone());
    let numbered = DataType::Dictionary(Box::new(DataType::Int32), texts);
    let key = Arc::new(key.as_ref().clone().with_data_type(numbered));
    let fields = DataType::Struct(vec![key, Arc::clone(value)].into());
    let entries = entries.as_ref().clone().with_data_type(fields);
    Some(DataType::Map(Arc::new(entries), *is_sorted))
}

/// Whether the type is a map with dictionaries as keys.
pub fn has_dictionary_keys(map: &DataType) -> bool {
    let DataType::Map(entries, _) = map else {
        return false;
    };
    match entries.data_type() {
        DataType::Struct(fields) => fields
            .first()
            .is_some_and(|key| matches!(key.data_type(), DataType::Dictionary(_, _))),
        _ => false,
    }
}

/// The same footer with an Arrow schema in which the maps `columns` have dictionaries as keys.
///
/// # Errors
/// Where the footer's schema is invalid.
pub fn reading_dictionary_keys(footer: &ParquetMetaData, columns: &[String]) -> Result<ParquetMetaData> {
    let file = footer.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    let fields = schema.fields().iter().map(|field| -> Field {
        let field = field.as_ref().clone();
        let is_meant = columns.contains(field.name());
        match with_dictionary_keys(field.data_type()).filter(|_| is_meant) {
            Some(map) => field.with_data_type(map),
            None => field,
        }
    });
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let others = file.key_value_metadata().into_iter().flatten();
    let mut metadata: Vec<KeyValue> = others
        .filter(|entry| entry.key != ARROW_SCHEMA_META_KEY)
        .cloned()
        .collect();
    let key = ARROW_SCHEMA_META_KEY.to_owned();
    metadata.push(KeyValue::new(key, encode_arrow_schema(&schema)));
    let changed = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(str::to_owned),
        Some(metadata),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    Ok(ParquetMetaDataBuilder::new(changed)
        .set_row_groups(footer.row_groups().to_vec())
        .set_column_index(footer.column_index().cloned())
        .set_offset_index(footer.offset_index().cloned())
        .build())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use datafusion::arrow::array::{
        Array, ArrayRef, AsArray, Int32Builder, Int64Array, MapBuilder, RecordBatch, StringBuilder,
    };
    use datafusion::arrow::compute::cast;
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
    use datafusion::parquet::file::metadata::ParquetMetaDataReader;

    use super::*;

    /// Three rows of the column `states`, of which the second is NULL, and of a column of numbers.
    fn rows() -> RecordBatch {
        let mut states = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for (key, value) in [("c1", 2), ("c2", 1)] {
            states.keys().append_value(key);
            states.values().append_value(value);
        }
        states.append(true).expect("a map");
        states.append(false).expect("no map");
        states.keys().append_value("c1");
        states.values().append_value(1);
        states.append(true).expect("a map");
        let states: ArrayRef = Arc::new(states.finish());
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7, 8, 9]));
        RecordBatch::try_from_iter_with_nullable([("states", states, true), ("number", numbers, true)]).expect("rows")
    }

    #[test]
    fn keys_are_read_as_dictionaries_and_are_the_same_texts() {
        let rows = rows();
        let mut file = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), None).expect("a writer");
        writer.write(&rows).expect("written");
        writer.close().expect("closed");
        let bytes = Bytes::from(file);
        let footer = ParquetMetaDataReader::new().parse_and_finish(&bytes).expect("a footer");
        let changed = reading_dictionary_keys(&footer, &["states".to_owned()]).expect("a footer");
        let metadata = ArrowReaderMetadata::try_new(Arc::new(changed), Default::default()).expect("a schema");
        let plain = parquet_to_arrow_schema(
            footer.file_metadata().schema_descr(),
            footer.file_metadata().key_value_metadata(),
        )
        .expect("a schema");
        let expected = with_dictionary_keys(plain.field(0).data_type()).expect("a map");
        assert_eq!(metadata.schema().field(0).data_type(), &expected);
        assert_eq!(metadata.schema().field(1), plain.field(1));
        assert!(has_dictionary_keys(&expected) && !has_dictionary_keys(plain.field(0).data_type()));

        let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata).build();
        let read = reader.expect("a reader").next().expect("rows").expect("rows");
        let (maps, given) = (read.column(0).as_map(), rows.column(0).as_map());
        assert!(matches!(maps.keys().data_type(), DataType::Dictionary(_, _)));
        let keys = cast(maps.keys(), &DataType::Utf8).expect("texts");
        assert_eq!(&keys, given.keys());
        assert_eq!(maps.values(), given.values());
        assert_eq!(maps.value_offsets(), given.value_offsets());
        assert_eq!((maps.is_null(1), maps.is_null(2)), (true, false));
    }

    #[test]
    fn other_types_are_left_alone() {
        assert_eq!(with_dictionary_keys(&DataType::Utf8), None);
        let key = Arc::new(Field::new("key", DataType::Int64, false));
        let value = Arc::new(Field::new("value", DataType::Utf8, true));
        let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
        assert_eq!(with_dictionary_keys(&DataType::Map(Arc::new(entries), false)), None);
    }
}
