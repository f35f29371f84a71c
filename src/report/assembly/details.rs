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

/// Records are gathered into blocks of this size: in memory to grow without moving, for a file to write them at once.
const BLOCK_BYTES: usize = 1 << 20;
/// The length of a text that is missing.
const MISSING: u32 = u32::MAX;
/// Records fetched at a time: few enough to stay in the processor's nearest cache until they are taken apart.
const FETCHED: usize = 64;
const CACHE_LINE: usize = 64;
/// Bytes of the blocks that a column's texts are copied into.
const COLUMN_BLOCK_BYTES: u32 = 128 * 1024;

/// Records by number. A record is the lengths of its texts, then the texts.
pub struct Details {
    columns: usize,
    places: Vec<Place>,
    store: Store,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    /// The block above the offset in it; of a file, the offset.
    start: u64,
    length: u32,
}

enum Store {
    Memory(Vec<Vec<u8>>),
    File {
        file: File,
        written: u64,
        /// What is not written yet.
        block: Vec<u8>,
    },
}

impl Details {
    /// No records, of so many texts each; they will be kept in memory.
    pub fn in_memory(columns: usize) -> Self {
        Self::new(columns, Store::Memory(Vec::new()))
    }

    /// No records, of so many texts each; they will be kept in a file without a name, in `folder`.
    pub fn in_file(columns: usize, folder: &Path) -> io::Result<Self> {
        let store = Store::File {
            file: tempfile::tempfile_in(folder)?,
            written: 0,
            block: Vec::new(),
        };
        Ok(Self::new(columns, store))
    }

    fn new(columns: usize, store: Store) -> Self {
        Self {
            columns,
            places: Vec::new(),
            store,
        }
    }

    /// Memory that is used, in bytes.
    pub fn allocation_size(&self) -> usize {
        let records = match &self.store {
            Store::Memory(blocks) => blocks.iter().map(Vec::capacity).sum(),
            Store::File { block, .. } => block.capacity(),
        };
        self.places.capacity() * size_of::<Place>() + records
    }

    /// Appends a record for each row; the columns are text.
    pub fn append(&mut self, rows: &RecordBatch) -> Result<()> {
        let texts = rows.columns().iter().map(|column| match column.as_string_view_opt() {
            Some(texts) => Ok(texts),
            None => exec_err!("details of users are text, not {}", column.data_type()),
        });
        let texts = texts.collect::<Result<Vec<_>>>()?;
        let mut record = Vec::new();
        for row in 0..rows.num_rows() {
            record.clear();
            encode(&texts, row, &mut record)?;
            let length = u32::try_from(record.len()).map_err(|_| too_long())?;
            let start = self.store.append(&record)?;
            self.places.push(Place { start, length });
        }
        Ok(())
    }

    /// Completes the records.
    pub fn finish(&mut self) -> Result<()> {
        self.places.shrink_to_fit();
        self.store.finish()
    }

    /// The texts of some records, column by column; those of `None` are missing.
    pub fn take(&self, numbers: &[Option<u32>]) -> Result<Vec<ArrayRef>> {
        let builder = || {
            StringViewBuilder::with_capacity(numbers.len()).with_fixed_block_size(COLUMN_BLOCK_BYTES)
        };
        let mut columns: Vec<StringViewBuilder> = std::iter::repeat_with(builder).take(self.columns).collect();
        let mut fetched = Vec::new();
        for numbers in numbers.chunks(FETCHED) {
            let places = numbers.iter().map(|number| number.map(|number| self.places[number as usize]));
            match &self.store {
                Store::Memory(blocks) => {
                    let records: Vec<Option<&[u8]>> = places.map(|place| place.map(|place| in_blocks(blocks, place))).collect();
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
                                Some(fetched.as_slice())
                            }
                        };
                        self.decode(record, &mut columns)?;
                    }
                }
            }
        }
        Ok(columns.iter_mut().map(|column| Arc::new(column.finish()) as ArrayRef).collect())
    }

    fn decode(&self, record: Option<&[u8]>, columns: &mut [StringViewBuilder]) -> Result<()> {
        let Some(record) = record else {
            columns.iter_mut().for_each(StringViewBuilder::append_null);
            return Ok(());
        };
        let (lengths, texts) = record.split_at(self.columns * size_of::<u32>());
        let texts = std::str::from_utf8(texts).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let mut start = 0;
        for (column, length) in columns.iter_mut().zip(lengths.as_chunks().0) {
            match u32::from_le_bytes(*length) {
                MISSING => column.append_null(),
                length => {
                    let end = start + length as usize;
                    column.append_value(&texts[start..end]);
                    start = end;
                }
            }
        }
        Ok(())
    }
}

impl Store {
    /// Appends a record and tells where it starts.
    fn append(&mut self, record: &[u8]) -> io::Result<u64> {
        match self {
            Self::Memory(blocks) => {
                let has_room = blocks
                    .last()
                    .is_some_and(|block| block.capacity() - block.len() >= record.len());
                if !has_room {
                    blocks.push(Vec::with_capacity(BLOCK_BYTES.max(record.len())));
                }
                let number = blocks.len() as u64 - 1;
                let mut start = number << u32::BITS;
                if let Some(block) = blocks.last_mut() {
                    start |= block.len() as u64;
                    block.extend_from_slice(record);
                }
                Ok(start)
            }
            Self::File { file, written, block } => {
                let start = *written + block.len() as u64;
                block.extend_from_slice(record);
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
            *block = Vec::new();
        }
        Ok(())
    }
}

fn write_block(file: &File, written: &mut u64, block: &mut Vec<u8>) -> io::Result<()> {
    file.write_all_at(block, *written)?;
    *written += block.len() as u64;
    block.clear();
    Ok(())
}

fn in_blocks(blocks: &[Vec<u8>], place: Place) -> &[u8] {
    let block = &blocks[(place.start >> u32::BITS) as usize];
    let start = (place.start & u64::from(u32::MAX)) as usize;
    &block[start..start + place.length as usize]
}

/// Touches all records before any is taken apart, so that the processor waits for all at the same time.
fn fetch(records: &[Option<&[u8]>]) {
    let lines = records.iter().flatten().flat_map(|record| record.iter().step_by(CACHE_LINE));
    std::hint::black_box(lines.fold(0u8, |touched, byte| touched ^ byte));
}

fn encode(texts: &[&StringViewArray], row: usize, record: &mut Vec<u8>) -> Result<()> {
    for texts in texts {
        let length = if texts.is_null(row) {
            MISSING
        } else {
            let length = u32::try_from(texts.value(row).len()).ok().filter(|length| *length != MISSING);
            length.ok_or_else(too_long)?
        };
        record.extend_from_slice(&length.to_le_bytes());
    }
    for texts in texts.iter().filter(|texts| texts.is_valid(row)) {
        record.extend_from_slice(texts.value(row).as_bytes());
    }
    Ok(())
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
    fn records_come_back_in_any_order_from_memory_and_file() {
        let folder = tempfile::tempdir().expect("a folder");
        for mut details in [
            Details::in_memory(2),
            Details::in_file(2, folder.path()).expect("a file"),
        ] {
            let rows = rows();
            for _ in 0..2 {
                details.append(&rows).expect("appended");
            }
            details.finish().expect("finished");
            assert_eq!(details.places.len(), 6);
            let taken = details.take(&[Some(5), None, Some(0), Some(1)]).expect("taken");
            let texts = |column: usize| taken[column].as_string_view().iter().collect::<Vec<_>>();
            assert_eq!(texts(0), [Some("c"), None, Some("a"), Some("b")]);
            let name = rows.column(1).as_string_view();
            assert_eq!(texts(1), [Some(""), None, Some(name.value(0)), None]);
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
