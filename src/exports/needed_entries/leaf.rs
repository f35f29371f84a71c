//! The pages of a leaf of a map in one row group: the levels of its entries, and its values.
//!
//! What these leaves usually are not, such as texts beside a dictionary that has become too large, gives `None`.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{Array, StringArray, StringBuilder};
use datafusion::parquet::basic::Encoding;
use datafusion::parquet::column::page::Page;
use datafusion::parquet::errors::{ParquetError, Result};
use datafusion::parquet::file::metadata::ColumnChunkMetaData;
use datafusion::parquet::file::reader::{ChunkReader, Length};
use datafusion::parquet::file::serialized_reader::SerializedPageReader;

use super::runs::{append_numbers, append_places_of_zeros};

/// The levels of a leaf, one for each entry, and one for each map without entries.
#[derive(Debug, Default)]
pub struct Levels {
    /// For each row, the place of its first level.
    pub starts: Vec<u32>,
    /// How much of the path to the value there is.
    pub definitions: Vec<u8>,
}

/// Receives the values of a leaf, page by page.
pub trait LeafValues {
    /// The distinct values of the row group, to which ids refer.
    fn dictionary(&mut self, bytes: &[u8], count: usize) -> Option<()>;

    /// The next values that are not NULL.
    fn values(&mut self, encoding: Encoding, bytes: &[u8], count: usize) -> Option<()>;
}

/// Reads the levels of a leaf, and gives its values to `values`. `bytes` are the column chunk that `chunk` describes, of
/// `rows` rows.
pub fn read_leaf(
    chunk: &ColumnChunkMetaData,
    bytes: Bytes,
    rows: usize,
    values: &mut impl LeafValues,
) -> Option<Levels> {
    let all = usize::try_from(chunk.num_values()).ok()?;
    let value_level = u8::try_from(chunk.column_descr().max_def_level()).ok()?;
    let start = chunk.byte_range().0;
    let pages = SerializedPageReader::new(Arc::new(PartOfFile { start, bytes }), chunk, rows, None).ok()?;
    let mut levels = Levels::default();
    for page in pages {
        match page.ok()? {
            Page::DictionaryPage {
                buf,
                num_values,
                encoding: Encoding::PLAIN | Encoding::PLAIN_DICTIONARY,
                ..
            } => values.dictionary(&buf, num_values as usize)?,
            page => {
                let page = DataPage::new(&page)?;
                if page.count > all - levels.definitions.len() {
                    return None;
                }
                let filled = levels.append(&page, value_level)?;
                if filled > 0 {
                    values.values(page.encoding, page.values, filled)?;
                }
            }
        }
    }
    (levels.definitions.len() == all).then_some(levels)
}

impl Levels {
    /// Adds the levels of a page, and returns the number of its values that are not NULL.
    fn append(&mut self, page: &DataPage<'_>, value_level: u8) -> Option<usize> {
        let before = self.definitions.len();
        append_places_of_zeros(
            page.repetitions,
            page.count,
            u32::try_from(before).ok()?,
            &mut self.starts,
        )?;
        let width = u8::BITS - value_level.leading_zeros();
        append_numbers(
            page.definitions,
            width as u8,
            page.count,
            u32::from(value_level) + 1,
            |level| level as u8,
            &mut self.definitions,
        )?;
        let of_page = &self.definitions[before..];
        Some(of_page.iter().filter(|level| **level == value_level).count())
    }
}

/// The parts of a page of data of a leaf in maps.
struct DataPage<'a> {
    /// The number of levels.
    count: usize,
    repetitions: &'a [u8],
    definitions: &'a [u8],
    encoding: Encoding,
    values: &'a [u8],
}

impl<'a> DataPage<'a> {
    fn new(page: &'a Page) -> Option<Self> {
        match page {
            Page::DataPage {
                buf,
                num_values,
                encoding,
                def_level_encoding: Encoding::RLE,
                rep_level_encoding: Encoding::RLE,
                ..
            } => {
                let (repetitions, rest) = with_length(buf)?;
                let (definitions, values) = with_length(rest)?;
                Some(Self {
                    count: *num_values as usize,
                    repetitions,
                    definitions,
                    encoding: *encoding,
                    values,
                })
            }
            Page::DataPageV2 {
                buf,
                num_values,
                encoding,
                def_levels_byte_len,
                rep_levels_byte_len,
                ..
            } => {
                let (repetitions, rest) = buf.split_at_checked(*rep_levels_byte_len as usize)?;
                let (definitions, values) = rest.split_at_checked(*def_levels_byte_len as usize)?;
                Some(Self {
                    count: *num_values as usize,
                    repetitions,
                    definitions,
                    encoding: *encoding,
                    values,
                })
            }
            Page::DataPage { .. } | Page::DictionaryPage { .. } => None,
        }
    }
}

/// Bytes after their length, and what follows them.
fn with_length(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Appends `count` ids of a dictionary of `distinct` values, as `to` makes them.
fn append_ids<T: Copy>(
    bytes: &[u8],
    count: usize,
    distinct: usize,
    to: impl Fn(u32) -> T,
    found: &mut Vec<T>,
) -> Option<()> {
    let (width, ids) = bytes.split_first()?;
    append_numbers(ids, *width, count, u32::try_from(distinct).ok()?, to, found)
}

/// The texts of keys and, for each entry, the place of its text.
#[derive(Default)]
pub struct KeyIds {
    pub texts: Option<StringArray>,
    pub ids: Vec<i32>,
}

impl LeafValues for KeyIds {
    fn dictionary(&mut self, bytes: &[u8], count: usize) -> Option<()> {
        let mut texts = StringBuilder::new();
        let mut rest = bytes;
        for _ in 0..count {
            let (text, after) = with_length(rest)?;
            texts.append_value(std::str::from_utf8(text).ok()?);
            rest = after;
        }
        self.texts = Some(texts.finish());
        Some(())
    }

    fn values(&mut self, encoding: Encoding, bytes: &[u8], count: usize) -> Option<()> {
        if !is_of_dictionary(encoding) {
            return None;
        }
        let distinct = self.texts.as_ref().map_or(0, |texts| texts.len());
        // Ids are below the number of texts, each of which has four bytes at least.
        append_ids(bytes, count, distinct, |id| id as i32, &mut self.ids)
    }
}

/// For each number of four bytes, whether it is the wanted one.
pub struct WantedNumbers {
    wanted: i32,
    of_dictionary: Vec<bool>,
    pub are_wanted: Vec<bool>,
}

impl WantedNumbers {
    pub fn new(wanted: i32) -> Self {
        Self {
            wanted,
            of_dictionary: Vec::new(),
            are_wanted: Vec::new(),
        }
    }

    /// Whether the first `count` numbers are the wanted one; `None` where there are fewer.
    fn are_wanted<'a>(&self, bytes: &'a [u8], count: usize) -> Option<impl Iterator<Item = bool> + use<'a>> {
        let wanted = self.wanted.to_le_bytes();
        let numbers = bytes.as_chunks::<4>().0.get(..count)?;
        Some(numbers.iter().map(move |number| *number == wanted))
    }
}

impl LeafValues for WantedNumbers {
    fn dictionary(&mut self, bytes: &[u8], count: usize) -> Option<()> {
        self.of_dictionary = self.are_wanted(bytes, count)?.collect();
        Some(())
    }

    fn values(&mut self, encoding: Encoding, bytes: &[u8], count: usize) -> Option<()> {
        if encoding == Encoding::PLAIN {
            let are_wanted = self.are_wanted(bytes, count)?;
            self.are_wanted.extend(are_wanted);
            return Some(());
        }
        if !is_of_dictionary(encoding) {
            return None;
        }
        let of_dictionary = &self.of_dictionary;
        let is_wanted = |id: u32| of_dictionary.get(id as usize).copied().unwrap_or_default();
        append_ids(bytes, count, of_dictionary.len(), is_wanted, &mut self.are_wanted)
    }
}

fn is_of_dictionary(encoding: Encoding) -> bool {
    matches!(encoding, Encoding::RLE_DICTIONARY | Encoding::PLAIN_DICTIONARY)
}

/// The bytes of a file from `start` on, of which no others are read.
struct PartOfFile {
    start: u64,
    bytes: Bytes,
}

impl PartOfFile {
    fn place(&self, start: u64) -> Result<u64> {
        let place = start.checked_sub(self.start);
        place.ok_or_else(|| ParquetError::General(format!("byte {start} is before those that were read")))
    }
}

impl Length for PartOfFile {
    fn len(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

impl ChunkReader for PartOfFile {
    type T = <Bytes as ChunkReader>::T;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        self.bytes.get_read(self.place(start)?)
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        self.bytes.get_bytes(self.place(start)?, length)
    }
}
