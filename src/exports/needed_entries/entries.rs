//! The needed entries of the maps of one row group, decoded from the pages of keys and values.
//!
//! The reader of nested columns makes two levels of two bytes, a key and a value of each entry before it makes maps of them.
//! Here a level is a byte or a bit, a value is compared by the number of its distinct value, and a map is made of what is
//! needed alone.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, DictionaryArray, Int32Array, MapArray, StringArray, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, internal_err};
use datafusion::parquet::basic::Type;
use datafusion::parquet::file::metadata::ColumnChunkMetaData;
use datafusion::parquet::schema::types::{ColumnDescPtr, SchemaDescriptor};

use super::leaf::{KeyIds, Levels, WantedNumbers, read_leaf};

/// The most levels of a row group that are decoded together.
pub const MOST_LEVELS: usize = 1 << 24;
/// Bytes of a level: two definitions, the number of the key, and whether the value is wanted.
const BYTES_A_LEVEL: usize = 7;
/// Bytes of a row: the place of its first level among those of keys, and of values.
const BYTES_A_ROW: usize = 8;

/// The memory in bytes for a row group of so many levels, which are as many as the rows at least.
pub fn memory_of(levels: usize, rows: usize) -> usize {
    levels
        .saturating_mul(BYTES_A_LEVEL)
        .saturating_add(rows.min(levels).saturating_mul(BYTES_A_ROW))
}

/// The leaves of a map in the schema of a file: keys, then values. `None` where they are not texts and numbers of four
/// bytes in a map that is no part of another type.
pub fn leaves_of(schema: &SchemaDescriptor, column: &str) -> Option<[usize; 2]> {
    let is_of_column = |(_, leaf): &(usize, &ColumnDescPtr)| {
        let root = leaf.path().parts().first();
        root.is_some_and(|root| root == column)
    };
    let leaves: Vec<(usize, &ColumnDescPtr)> = schema.columns().iter().enumerate().filter(is_of_column).collect();
    let [(key, key_leaf), (value, value_leaf)] = leaves.as_slice() else {
        return None;
    };
    let entry_level = key_leaf.max_def_level();
    let is_map = [key_leaf, value_leaf]
        .iter()
        .all(|leaf| leaf.path().parts().len() == 3 && leaf.max_rep_level() == 1);
    let are_levels_known = matches!(entry_level, 1 | 2)
        && !key_leaf.self_type().is_optional()
        && value_leaf.max_def_level() == entry_level + i16::from(value_leaf.self_type().is_optional());
    let are_types_known = (key_leaf.physical_type(), value_leaf.physical_type()) == (Type::BYTE_ARRAY, Type::INT32);
    (is_map && are_levels_known && are_types_known).then_some([*key, *value])
}

/// The entries of the maps of a row group, of which the next ones are given on demand.
pub struct MapEntries {
    wanted: i32,
    /// The levels of the values, with the end of the last row.
    levels: Levels,
    /// The level from which on there is an entry, and that of a value that is not NULL.
    entry_level: u8,
    value_level: u8,
    texts: Arc<StringArray>,
    /// For each entry, the number of its text.
    keys: Vec<i32>,
    /// For each value that is not NULL, whether it is the wanted one.
    are_wanted: Vec<bool>,
    /// The number of rows, entries and values that were given.
    given: Given,
}

#[derive(Default)]
struct Given {
    rows: usize,
    entries: usize,
    values: usize,
}

impl MapEntries {
    /// Decodes the column chunks of keys and values, of `rows` rows. `None` where they are not as usual: then the usual
    /// reader reads them, and says what is wrong where that is so.
    pub fn decoded(chunks: [(&ColumnChunkMetaData, Bytes); 2], rows: usize, wanted: i32) -> Option<Self> {
        let [(key_chunk, key_bytes), (value_chunk, value_bytes)] = chunks;
        let entry_level = u8::try_from(key_chunk.column_descr().max_def_level()).ok()?;
        let value_level = u8::try_from(value_chunk.column_descr().max_def_level()).ok()?;
        let (mut keys, mut numbers) = (KeyIds::default(), WantedNumbers::new(wanted));
        let of_keys = read_leaf(key_chunk, key_bytes, rows, &mut keys)?;
        let mut levels = read_leaf(value_chunk, value_bytes, rows, &mut numbers)?;
        let mut definitions = of_keys.definitions.iter().zip(&levels.definitions);
        let are_of_one_map = of_keys.starts == levels.starts
            && of_keys.definitions.len() == levels.definitions.len()
            && definitions.all(|(key, value)| *key == (*value).min(entry_level));
        if !are_of_one_map || levels.starts.len() != rows || levels.starts.first() != Some(&0) {
            return None;
        }
        levels.starts.push(u32::try_from(levels.definitions.len()).ok()?);
        let found = Self {
            wanted,
            levels,
            entry_level,
            value_level,
            texts: Arc::new(keys.texts.unwrap_or_else(|| StringArray::from(Vec::<&str>::new()))),
            keys: keys.ids,
            are_wanted: numbers.are_wanted,
            given: Given::default(),
        };
        let are_rows_sound = (0..rows).all(|row| {
            let levels = &found.levels.definitions[found.levels_of(row)];
            levels.len() == 1 || levels.iter().all(|level| *level >= entry_level)
        });
        are_rows_sound.then_some(found)
    }

    fn levels_of(&self, row: usize) -> Range<usize> {
        // Places are below `MOST_LEVELS`.
        self.levels.starts[row] as usize..self.levels.starts[row + 1] as usize
    }

    /// The maps of the next rows, as `kind`, with the entries of the wanted value alone, and without any where
    /// `unless` has a value.
    ///
    /// # Errors
    /// Where there are fewer rows, or `kind` is not a map of dictionaries of texts to numbers of four bytes.
    pub fn next_maps(&mut self, rows: usize, unless: Option<&dyn Array>, kind: &DataType) -> Result<ArrayRef> {
        let DataType::Map(field, is_sorted) = kind else {
            return internal_err!("entries of a map are read as {kind}");
        };
        let DataType::Struct(fields) = field.data_type() else {
            return internal_err!("entries of a map are read as {kind}");
        };
        if self.given.rows + rows >= self.levels.starts.len() {
            return internal_err!("a row group has fewer maps than rows");
        }
        let (mut offsets, mut are_there) = (Vec::with_capacity(rows + 1), Vec::with_capacity(rows));
        let mut keys = Vec::new();
        offsets.push(0);
        for row in 0..rows {
            let is_needed = unless.is_none_or(|unless| unless.is_null(row));
            are_there.push(self.append_row(is_needed, &mut keys));
            // There are fewer than `MOST_LEVELS`.
            offsets.push(keys.len() as i32);
        }
        let values = Int32Array::from(vec![self.wanted; keys.len()]);
        let texts: ArrayRef = Arc::clone(&self.texts) as ArrayRef;
        let keys = DictionaryArray::<Int32Type>::try_new(Int32Array::from(keys), texts)?;
        let entries = StructArray::try_new(fields.clone(), vec![Arc::new(keys), Arc::new(values)], None)?;
        let nulls = NullBuffer::from(are_there);
        let offsets = OffsetBuffer::new(offsets.into());
        let maps = MapArray::try_new(Arc::clone(field), offsets, entries, Some(nulls), *is_sorted)?;
        Ok(Arc::new(maps))
    }

    /// Appends the keys of the wanted entries of the next row, where they are needed; returns whether there is a map.
    fn append_row(&mut self, is_needed: bool, keys: &mut Vec<i32>) -> bool {
        let levels = &self.levels.definitions[self.levels_of(self.given.rows)];
        self.given.rows += 1;
        let first = levels.first().copied().unwrap_or_default();
        if first < self.entry_level {
            // A map that is there and empty has all levels but that of an entry.
            return first + 1 == self.entry_level;
        }
        let are_filled = levels.iter().map(|level| *level == self.value_level);
        if is_needed {
            let mut values = self.are_wanted[self.given.values..].iter();
            for (key, is_filled) in self.keys[self.given.entries..].iter().zip(are_filled.clone()) {
                if is_filled && values.next().copied().unwrap_or_default() {
                    keys.push(*key);
                }
            }
        }
        self.given.entries += levels.len();
        self.given.values += are_filled.filter(|is_filled| *is_filled).count();
        true
    }
}
