//! Maps that writers may write, read with the needed entries alone.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Builder, Int64Array, MapBuilder, RecordBatch, StringBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::Compression;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, ParquetMetaDataReader};
use datafusion::parquet::file::properties::{WriterProperties, WriterVersion};
use proptest::collection::vec;
use proptest::prelude::*;

use super::entries::{MapEntries, leaves_of};
use crate::exports::dictionary_keys::with_dictionary_keys;

/// The value of the needed entries.
const WANTED: i32 = 2;

/// The entries of a map, whose keys are numbers of contents; and whether none of them are needed.
type Row = (Option<Vec<(u8, Option<i32>)>>, bool);

fn row() -> impl Strategy<Value = Row> {
    let value = prop_oneof![8 => Just(Some(WANTED)), 3 => (0..5_i32).prop_map(Some), 1 => Just(None)];
    let entries = prop_oneof![4 => vec((0..40_u8, value.clone()), 0..12), 1 => vec((0..40_u8, value), 60..200)];
    (prop::option::weighted(0.9, entries), any::<bool>())
}

/// How a file is written.
#[derive(Debug, Clone)]
struct Layout {
    is_version_2: bool,
    is_compressed: bool,
    has_dictionaries: bool,
    /// Bytes from which on a dictionary is left for plain values.
    dictionary: usize,
    /// Rows that are written at once, and values of a page.
    rows: usize,
    values: usize,
}

fn layout() -> impl Strategy<Value = Layout> {
    let flags = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.9));
    let dictionary = prop_oneof![4 => Just(1024 * 1024), 1 => Just(40_usize)];
    (flags, dictionary, 1..40_usize, 1..400_usize).prop_map(|(flags, dictionary, rows, values)| {
        let (is_version_2, is_compressed, has_dictionaries) = flags;
        Layout {
            is_version_2,
            is_compressed,
            has_dictionaries,
            dictionary,
            rows,
            values,
        }
    })
}

fn maps(rows: &[Row]) -> RecordBatch {
    let mut maps = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    for (entries, _) in rows {
        for (key, value) in entries.iter().flatten() {
            maps.keys().append_value(format!("content {key}"));
            maps.values().append_option(*value);
        }
        maps.append(entries.is_some()).expect("a map");
    }
    let maps: ArrayRef = Arc::new(maps.finish());
    RecordBatch::try_from_iter_with_nullable([("states", maps, true)]).expect("rows")
}

fn written(rows: &[Row], layout: &Layout) -> Bytes {
    let version = match layout.is_version_2 {
        true => WriterVersion::PARQUET_2_0,
        false => WriterVersion::PARQUET_1_0,
    };
    let compression = match layout.is_compressed {
        true => Compression::SNAPPY,
        false => Compression::UNCOMPRESSED,
    };
    let properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_compression(compression)
        .set_dictionary_enabled(layout.has_dictionaries)
        .set_dictionary_page_size_limit(layout.dictionary)
        .set_write_batch_size(layout.values)
        .set_data_page_row_count_limit(layout.rows)
        .build();
    let mut file = Vec::new();
    let all = maps(rows);
    let mut writer = ArrowWriter::try_new(&mut file, all.schema(), Some(properties)).expect("a writer");
    for start in (0..all.num_rows()).step_by(layout.rows) {
        let length = layout.rows.min(all.num_rows() - start);
        writer.write(&all.slice(start, length)).expect("written");
    }
    writer.close().expect("closed");
    Bytes::from(file)
}

fn footer_of(file: &Bytes) -> ParquetMetaData {
    ParquetMetaDataReader::new().parse_and_finish(file).expect("a footer")
}

fn bytes_of(chunk: &ColumnChunkMetaData, file: &Bytes) -> Bytes {
    let (start, length) = chunk.byte_range();
    file.slice(start as usize..(start + length) as usize)
}

fn decoded(file: &Bytes, rows: usize) -> Option<MapEntries> {
    let footer = footer_of(file);
    let leaves = leaves_of(footer.file_metadata().schema_descr(), "states").expect("a map");
    assert_eq!(leaves, [0, 1]);
    let group = footer.row_group(0);
    let chunks = leaves.map(|leaf| {
        let chunk = group.column(leaf);
        (chunk, bytes_of(chunk, file))
    });
    MapEntries::decoded(chunks, rows, WANTED)
}

fn kind() -> DataType {
    let plain = maps(&[]);
    with_dictionary_keys(plain.column(0).data_type()).expect("a map of texts")
}

/// The keys of each map, all of whose values are the wanted one.
fn keys_of(maps: &ArrayRef) -> Vec<Option<Vec<String>>> {
    let maps = maps.as_map();
    assert!(
        maps.values()
            .as_primitive::<Int32Type>()
            .iter()
            .all(|value| value == Some(WANTED))
    );
    let texts = cast(maps.keys(), &DataType::Utf8).expect("texts");
    let texts = texts.as_string::<i32>();
    let rows = (0..maps.len()).map(|row| {
        let (start, end) = (maps.value_offsets()[row], maps.value_offsets()[row + 1]);
        let keys = (start..end).map(|entry| texts.value(entry as usize).to_owned());
        maps.is_valid(row).then(|| keys.collect())
    });
    rows.collect()
}

fn expected(row: &Row) -> Option<Vec<String>> {
    let (entries, is_unneeded) = row;
    let wanted = entries.as_ref()?.iter().filter(|(_, value)| *value == Some(WANTED));
    Some(match is_unneeded {
        true => Vec::new(),
        false => wanted.map(|(key, _)| format!("content {key}")).collect(),
    })
}

proptest! {
    #[test]
    fn needed_entries_are_those_of_the_maps_however_they_were_written(
        rows in vec(row(), 1..120),
        layout in layout(),
        at_once in 1..50_usize,
    ) {
        let Some(mut entries) = decoded(&written(&rows, &layout), rows.len()) else {
            prop_assert!(!layout.has_dictionaries || layout.dictionary < 1024, "dictionaries are as usual");
            return Ok(());
        };
        let kind = kind();
        for rows in rows.chunks(at_once) {
            let unless: Int64Array = rows.iter().map(|(_, is_unneeded)| is_unneeded.then_some(7_i64)).collect();
            let maps = entries.next_maps(rows.len(), Some(&unless), &kind).expect("maps");
            prop_assert_eq!(maps.data_type(), &kind);
            let expected: Vec<Option<Vec<String>>> = rows.iter().map(expected).collect();
            prop_assert_eq!(keys_of(&maps), expected);
        }
        prop_assert!(entries.next_maps(1, None, &kind).is_err());
    }

    #[test]
    fn keys_and_values_of_different_maps_are_refused(
        rows in vec(row(), 1..30),
        others in vec(row(), 1..30),
        layout in layout(),
    ) {
        let shape = |rows: &[Row]| -> Vec<Option<usize>> {
            let lengths = rows.iter().map(|(entries, _)| entries.as_ref().map(Vec::len));
            lengths.collect()
        };
        let files = [written(&rows, &layout), written(&others, &layout)];
        let footers = files.each_ref().map(footer_of);
        let chunks = [0, 1].map(|leaf| {
            let chunk = footers[leaf].row_group(0).column(leaf);
            (chunk, bytes_of(chunk, &files[leaf]))
        });
        if MapEntries::decoded(chunks, rows.len(), WANTED).is_some() {
            prop_assert_eq!(shape(&rows), shape(&others));
        }
    }
}

#[test]
fn other_columns_are_no_maps_of_texts_to_numbers() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let rows = RecordBatch::try_from_iter([("number", numbers)]).expect("rows");
    let mut file = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut file, rows.schema(), None).expect("a writer");
    writer.write(&rows).expect("written");
    writer.close().expect("closed");
    let footer = footer_of(&Bytes::from(file));
    let schema = footer.file_metadata().schema_descr();
    assert_eq!(leaves_of(schema, "number"), None);
    assert_eq!(leaves_of(schema, "states"), None);
}
