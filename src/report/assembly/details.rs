//! What reports show of each user, one record a user: in memory, or in a temporary file where memory is short.
//!
//! A row of a report needs all of a user's texts. In columns they would be in twenty places all over memory, and waiting
//! for these cost more than writing the row; a record is one place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray, StringViewBuilder};
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;

/// Records are gathered into blocks of this size: in memory to grow without moving, for a file to write them at once.
const BLOCK_BYTES: usize = 1 << 20;
/// Lengths are digits of this many bits, the lowest first; so that a record as a whole is valid UTF-8.
const DIGIT_BITS: u32 = 6;
/// Says that another digit follows.
const MORE: u8 = 1 << DIGIT_BITS;
/// Records fetched at a time: few enough to stay in the processor's nearest cache until they are taken apart.
const FETCHED: usize = 64;
const CACHE_LINE: usize = 64;
/// Bytes of the blocks that a column's texts are copied into.
const COLUMN_BLOCK_BYTES: u32 = 128 * 1024;

/// Records by number. A record is the number of digits, the digits of the lengths of its texts, each one more than it is
/// and 0 for a missing text, and the texts.
pub struct Details {
    columns: usize,
    places: Vec<Place>,
    store: Store,
    /// Held as long as the records.
    memory: Option<MemoryReservation>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// The block above the offset in it; of a file, the offset.
    start: u64,
    length: u32,
}

enum Store {
    Memory(Vec<String>),
    File {
        file: File,
        written: u64,
        /// What is not written yet.
        block: String,
    },
}

impl Details {
    /// So many empty records, for so many texts each; they will be kept in memory.
    pub fn in_memory(records: usize, columns: usize) -> Self {
        Self::new(records, columns, Store::Memory(Vec::new()))
    }

    /// So many empty records, for so many texts each; they will be kept in a file without a name, in `folder`.
    pub fn in_file(records: usize, columns: usize, folder: &Path) -> io::Result<Self> {
        let store = Store::File {
            file: tempfile::tempfile_in(folder)?,
            written: 0,
            block: String::new(),
        };
        Ok(Self::new(records, columns, store))
    }

    fn new(records: usize, columns: usize, store: Store) -> Self {
        Self {
            columns,
            places: vec![Place::default(); records],
            store,
            memory: None,
        }
    }

    /// Memory that is used, in bytes.
    pub fn allocation_size(&self) -> usize {
        let records = match &self.store {
            Store::Memory(blocks) => blocks.iter().map(String::capacity).sum(),
            Store::File { block, .. } => block.capacity(),
        };
        self.places.capacity() * size_of::<Place>() + records
    }

    /// Fills the records of these numbers, one a row; the columns are text.
    pub fn fill(&mut self, numbers: &[Option<u32>], rows: &RecordBatch) -> Result<()> {
        let texts = rows.columns().iter().map(|column| match column.as_string_view_opt() {
            Some(texts) => Ok(texts),
            None => exec_err!("details of users are text, not {}", column.data_type()),
        });
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let (mut lengths, mut record) = (String::new(), String::new());
        for (row, number) in numbers.iter().enumerate() {
            let Some(number) = number else { continue };
            record.clear();
            encode(&texts, row, &mut lengths, &mut record);
            let length = u32::try_from(record.len()).map_err(|_| too_long())?;
            let start = self.store.append(&record)?;
            self.places[*number as usize] = Place { start, length };
        }
        Ok(())
    }

    /// Completes the records, whose memory is accounted for.
    pub fn hold(&mut self, memory: MemoryReservation) -> Result<()> {
        self.memory = Some(memory);
        self.store.finish()
    }

    /// The texts of some records, column by column; those of `None` are missing.
    pub fn take(&self, numbers: &[Option<u32>]) -> Result<Vec<ArrayRef>> {
        let builder = || StringViewBuilder::with_capacity(numbers.len()).with_fixed_block_size(COLUMN_BLOCK_BYTES);
        let mut columns: Vec<StringViewBuilder> = std::iter::repeat_with(builder).take(self.columns).collect();
        let mut fetched = Vec::new();
        let invalid = |error| DataFusionError::External(Box::new(error));
        for numbers in numbers.chunks(FETCHED) {
            let places = numbers
                .iter()
                .map(|number| number.map(|number| self.places[number as usize]));
            match &self.store {
                Store::Memory(blocks) => {
                    let records: Vec<Option<&str>> = places
                        .map(|place| place.map(|place| in_blocks(blocks, place)))
                        .collect();
                    fetch(&records);
                    for record in records {
                        self.decode(record, &mut columns)?;
                    }
                }
                Store::File { file, .. } => {
                    for place in places {
                        let record = match place {
                            None => None,
                            Some(place) => {
                                fetched.resize(place.length as usize, 0);
                                file.read_exact_at(&mut fetched, place.start)?;
                                Some(std::str::from_utf8(&fetched).map_err(invalid)?)
                            }
                        };
                        self.decode(record, &mut columns)?;
                    }
                }
            }
        }
        Ok(columns
            .iter_mut()
            .map(|column| Arc::new(column.finish()) as ArrayRef)
            .collect())
    }

    fn decode(&self, record: Option<&str>, columns: &mut [StringViewBuilder]) -> Result<()> {
        let Some(record) = record.filter(|record| !record.is_empty()) else {
            columns.iter_mut().for_each(StringViewBuilder::append_null);
            return Ok(());
        };
        let mut digits = record.bytes();
        let digit_count = decode_length(&mut digits);
        let mut start = record.len() - digits.len() + digit_count;
        for column in columns {
            match decode_length(&mut digits).checked_sub(1) {
                None => column.append_null(),
                Some(length) => {
                    let end = start + length;
                    column.try_append_value(&record[start..end])?;
                    start = end;
                }
            }
        }
        Ok(())
    }
}

impl Store {
    /// Appends a record and tells where it starts.
    fn append(&mut self, record: &str) -> io::Result<u64> {
        match self {
            Self::Memory(blocks) => {
                let has_room = blocks
                    .last()
                    .is_some_and(|block| block.capacity() - block.len() >= record.len());
                if !has_room {
                    blocks.push(String::with_capacity(BLOCK_BYTES.max(record.len())));
                }
                let number = blocks.len() as u64 - 1;
                let mut start = number << u32::BITS;
                if let Some(block) = blocks.last_mut() {
                    start |= block.len() as u64;
                    block.push_str(record);
                }
                Ok(start)
            }
            Self::File { file, written, block } => {
                let start = *written + block.len() as u64;
                block.push_str(record);
                if block.len() >= BLOCK_BYTES {
                    write_block(file, written, block)?;
                }
                Ok(start)
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        if let Self::File { file, written, block } = self {
            write_block(file, written, block)?;
            *block = String::new();
        }
        Ok(())
    }
}

fn write_block(file: &File, written: &mut u64, block: &mut String) -> io::Result<()> {
    file.write_all_at(block.as_bytes(), *written)?;
    *written += block.len() as u64;
    block.clear();
    Ok(())
}

fn in_blocks(blocks: &[String], place: Place) -> &str {
    if place.length == 0 {
        return "";
    }
    let block = &blocks[(place.start >> u32::BITS) as usize];
    let start = (place.start & u64::from(u32::MAX)) as usize;
    &block[start..start + place.length as usize]
}

/// Touches all records before any is taken apart, so that the processor waits for all at the same time.
fn fetch(records: &[Option<&str>]) {
    let lines = records
        .iter()
        .flatten()
        .flat_map(|record| record.as_bytes().iter().step_by(CACHE_LINE));
    std::hint::black_box(lines.fold(0u8, |touched, byte| touched ^ byte));
}

fn encode(texts: &[&StringViewArray], row: usize, lengths: &mut String, record: &mut String) {
    lengths.clear();
    for texts in texts {
        let is_missing = texts.is_null(row);
        encode_length(if is_missing { 0 } else { texts.value(row).len() + 1 }, lengths);
    }
    encode_length(lengths.len(), record);
    record.push_str(lengths);
    for texts in texts.iter().filter(|texts| texts.is_valid(row)) {
        record.push_str(texts.value(row));
    }
}

fn encode_length(mut length: usize, record: &mut String) {
    loop {
        let digit = (length & usize::from(MORE - 1)) as u8;
        length >>= DIGIT_BITS;
        if length == 0 {
            record.push(char::from(digit));
            return;
        }
        record.push(char::from(digit | MORE));
    }
}

fn decode_length(digits: &mut std::str::Bytes<'_>) -> usize {
    let (mut length, mut shift) = (0, 0);
    for digit in digits {
        length |= usize::from(digit & (MORE - 1)) << shift;
        if digit & MORE == 0 {
            break;
        }
        shift += DIGIT_BITS;
    }
    length
}

fn too_long() -> DataFusionError {
    DataFusionError::Execution("a user's details are longer than 4 GB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> RecordBatch {
        let long = "ज़िला शिक्षा एवं प्रशिक्षण संस्थान".to_owned();
        let texts = |texts: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringViewArray::from_iter(texts)) };
        RecordBatch::try_from_iter([
            ("id", texts([Some("a"), Some("b"), Some("c")])),
            ("name", texts([Some(&long), None, Some("")])),
        ])
        .expect("rows")
    }

    #[test]
    fn lengths_are_valid_text_of_any_size() {
        for length in [0, 1, 63, 64, 4_095, 4_096, 1 << 31] {
            let mut record = String::new();
            encode_length(length, &mut record);
            assert!(record.is_ascii());
            assert_eq!(decode_length(&mut record.bytes()), length);
        }
    }

    #[test]
    fn records_come_back_in_any_order_from_memory_and_file() {
        let folder = tempfile::tempdir().expect("a folder");
        for mut details in [
            Details::in_memory(7, 2),
            Details::in_file(7, 2, folder.path()).expect("a file"),
        ] {
            let rows = rows();
            for numbers in [[Some(0), Some(1), None], [Some(3), None, Some(5)]] {
                details.fill(&numbers, &rows).expect("filled");
            }
            details.store.finish().expect("finished");
            let taken = details
                .take(&[Some(5), None, Some(0), Some(1), Some(6)])
                .expect("taken");
            let texts = |column: usize| taken[column].as_string_view().iter().collect::<Vec<_>>();
            assert_eq!(texts(0), [Some("c"), None, Some("a"), Some("b"), None]);
            let name = rows.column(1).as_string_view();
            assert_eq!(texts(1), [Some(""), None, Some(name.value(0)), None, None]);
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
