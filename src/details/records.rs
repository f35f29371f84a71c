//! What reports show of each user, as one record a user: in memory, or in a temporary file where memory is limited.
//!
//! A report row needs all of a user's texts. Stored by column, these would be in twenty places in memory, and the cache
//! misses would cost more than writing the row; a record is contiguous. For texts that many users share, such as names
//! of districts, a record holds the number of the text.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder, UInt32Builder};
use datafusion::arrow::compute::take;
use datafusion::common::{DataFusionError, Result, exec_err};
use datafusion::execution::memory_pool::MemoryReservation;

use super::fingerprint::Fingerprint;
use super::fingerprints::UserFingerprints;
use super::shared_texts::SharedTexts;
use super::users::Sharing;

/// Bytes of a block of records: in memory, blocks grow without moving records; in a file, a block is one write.
const BLOCK_BYTES: usize = 1 << OFFSET_BITS;
/// Bits of an offset in a block. A longer record gets a block of its own.
const OFFSET_BITS: u32 = 20;
/// Bits of a digit. Numbers are written as digits, the lowest first, so that a whole record is valid UTF-8.
const DIGIT_BITS: u32 = 6;
/// The bit of a digit that says that another one follows.
const MORE: u8 = 1 << DIGIT_BITS;
/// Records that are fetched at a time: few enough to stay in the first-level cache until they are decoded.
const FETCHED: usize = 64;
const CACHE_LINE: usize = 64;
/// Bytes of the blocks that a column of texts is copied into.
const COLUMN_BLOCK_BYTES: u32 = 128 * 1024;

/// Collects records by number, in any order.
pub struct DetailsBuilder {
    columns: Vec<ColumnBuilder>,
    places: Vec<Place>,
    store: Store,
    fingerprints: Option<UserFingerprints>,
}

/// Records by number. A record is the number of its digits, the digits of a number for each column, and the texts of
/// unshared columns. A column's number is 0 for a missing text; otherwise it is one more than the length of the text,
/// or than the number of a shared text.
pub struct Details {
    columns: Vec<Column>,
    places: Vec<Place>,
    store: Store,
    fingerprints: Option<UserFingerprints>,
    /// Reserved as long as the records exist.
    _memory: MemoryReservation,
}

enum ColumnBuilder {
    Own,
    Shared(Box<SharedTexts>),
}

enum Column {
    Own,
    Shared(StringViewArray),
}

/// Where a record starts, with its length in the lowest bits. The start is an offset in the file; in memory, the number
/// of the block above the offset in the block.
#[derive(Debug, Clone, Copy, Default)]
struct Place(u64);

const LENGTH_BITS: u32 = 24;

impl Place {
    fn new(start: u64, length: usize) -> Result<Self> {
        let fits = start >> (u64::BITS - LENGTH_BITS) == 0 && length >> LENGTH_BITS == 0;
        if !fits {
            return exec_err!("the details of a user are longer than 16 MiB, or those of all than a tebibyte");
        }
        Ok(Self(start << LENGTH_BITS | length as u64))
    }

    fn start(self) -> u64 {
        self.0 >> LENGTH_BITS
    }

    fn length(self) -> usize {
        (self.0 & ((1 << LENGTH_BITS) - 1)) as usize
    }
}

enum Store {
    Memory(Vec<String>),
    File {
        file: File,
        written: u64,
        /// Bytes that are not written to the file yet.
        block: String,
    },
}

impl DetailsBuilder {
    /// A builder of `records` records with these columns, in memory.
    pub fn in_memory(records: usize, columns: impl Iterator<Item = Sharing>) -> Self {
        Self::new(records, columns, Store::Memory(Vec::new()))
    }

    /// A builder of `records` records with these columns, in an unnamed file in `folder`. Shared texts stay in memory.
    pub fn in_file(records: usize, columns: impl Iterator<Item = Sharing>, folder: &Path) -> io::Result<Self> {
        let store = Store::File {
            file: tempfile::tempfile_in(folder)?,
            written: 0,
            block: String::new(),
        };
        Ok(Self::new(records, columns, store))
    }

    fn new(records: usize, columns: impl Iterator<Item = Sharing>, store: Store) -> Self {
        let builder = |sharing| match sharing {
            Sharing::Own => ColumnBuilder::Own,
            Sharing::Shared => ColumnBuilder::Shared(Box::new(SharedTexts::new())),
        };
        Self {
            columns: columns.map(builder).collect(),
            places: vec![Place::default(); records],
            store,
            fingerprints: None,
        }
    }

    /// The same, which keeps the fingerprint of each record too.
    pub fn with_fingerprints(self) -> Self {
        let fingerprints = Some(UserFingerprints::to_fill(self.places.len()));
        Self { fingerprints, ..self }
    }

    /// Bytes of memory in use.
    pub fn allocation_size(&self) -> usize {
        let records = match &self.store {
            Store::Memory(blocks) => blocks.iter().map(String::capacity).sum(),
            Store::File { block, .. } => block.capacity(),
        };
        let shared = self.columns.iter().map(|column| match column {
            ColumnBuilder::Own => 0,
            ColumnBuilder::Shared(texts) => texts.allocation_size(),
        });
        let fingerprints = self.fingerprints.as_ref().map_or(0, UserFingerprints::allocation_size);
        self.places.capacity() * size_of::<Place>() + records + shared.sum::<usize>() + fingerprints
    }

    /// Whether it keeps the fingerprints of records.
    pub fn takes_fingerprints(&self) -> bool {
        self.fingerprints.is_some()
    }

    /// Sets the fingerprints of the records of these numbers, where they are kept.
    pub fn set_fingerprints(&mut self, numbers: &[Option<u32>], fingerprints: &[Fingerprint]) {
        if let Some(kept) = &mut self.fingerprints {
            kept.set(numbers, fingerprints);
        }
    }

    /// Fills the records of these numbers, one a row, from text columns.
    pub fn fill(&mut self, numbers: &[Option<u32>], columns: &[ArrayRef]) -> Result<()> {
        let cells = self.columns.iter_mut().zip(columns).map(|(column, texts)| {
            let Some(texts) = texts.as_string_view_opt() else {
                return exec_err!("details of users are text, not {}", texts.data_type());
            };
            Ok(match column {
                ColumnBuilder::Own => Cells::Own(texts),
                ColumnBuilder::Shared(shared) => Cells::Shared(shared_numbers(shared, texts)?),
            })
        });
        let cells = cells.collect::<Result<Vec<_>>>()?;
        let (mut digits, mut record) = (String::new(), String::new());
        for (row, number) in numbers.iter().enumerate() {
            let Some(number) = number else { continue };
            record.clear();
            encode(&cells, row, &mut digits, &mut record);
            let start = self.store.append(&record)?;
            self.places[*number as usize] = Place::new(start, record.len())?;
        }
        Ok(())
    }

    /// The same without the numbers for which `is_kept` is false, which must have no records; the others move up. No
    /// fingerprints are kept.
    pub fn only(mut self, is_kept: &[bool]) -> Self {
        let mut is_kept = is_kept.iter();
        self.places.retain(|_| is_kept.next().is_some_and(|&is_kept| is_kept));
        self.fingerprints = None;
        self
    }

    /// Completes the records; `memory` accounts for them.
    pub fn finish(mut self, memory: MemoryReservation) -> Result<Details> {
        self.store.finish()?;
        let finished = |column| match column {
            ColumnBuilder::Own => Column::Own,
            ColumnBuilder::Shared(texts) => Column::Shared(texts.finish()),
        };
        Ok(Details {
            columns: self.columns.into_iter().map(finished).collect(),
            places: self.places,
            store: self.store,
            fingerprints: self.fingerprints,
            _memory: memory,
        })
    }
}

/// One more than the dictionary number of each text; 0 where it is missing.
fn shared_numbers(shared: &mut SharedTexts, texts: &StringViewArray) -> Result<Vec<usize>> {
    let number = |text: Option<&str>| match text {
        None => Ok(0),
        Some(text) => Ok(shared.find_or_add(text)? as usize + 1),
    };
    texts.iter().map(number).collect()
}

/// What the rows of a column add to records.
enum Cells<'a> {
    Own(&'a StringViewArray),
    Shared(Vec<usize>),
}

impl Cells<'_> {
    /// The number that a record holds for the column.
    fn number(&self, row: usize) -> usize {
        match self {
            Self::Own(texts) if texts.is_null(row) => 0,
            Self::Own(texts) => texts.value(row).len() + 1,
            Self::Shared(numbers) => numbers[row],
        }
    }
}

/// A column in the making, while records are decoded.
enum Taken<'a> {
    Own(StringViewBuilder),
    Shared(&'a StringViewArray, UInt32Builder),
}

impl Taken<'_> {
    fn append_null(&mut self) {
        match self {
            Self::Own(texts) => texts.append_null(),
            Self::Shared(_, numbers) => numbers.append_null(),
        }
    }

    fn finish(self) -> Result<ArrayRef> {
        match self {
            Self::Own(mut texts) => Ok(Arc::new(texts.finish())),
            Self::Shared(texts, mut numbers) => Ok(take(texts, &numbers.finish(), None)?),
        }
    }
}

impl Details {
    /// The fingerprint of a record; none where there is no such record, or none were wanted.
    pub fn fingerprint_of(&self, number: u32) -> Option<Fingerprint> {
        self.fingerprints.as_ref()?.find(number)
    }

    /// The texts of some records as columns; NULLs for `None`.
    pub fn take(&self, numbers: &[Option<u32>]) -> Result<Vec<ArrayRef>> {
        if self.columns.is_empty() {
            return Ok(Vec::new());
        }
        let mut columns: Vec<Taken> = self.columns.iter().map(|column| empty(column, numbers.len())).collect();
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
                        decode(record, &mut columns)?;
                    }
                }
                Store::File { file, .. } => {
                    for place in places {
                        let record = match place {
                            None => None,
                            Some(place) => {
                                fetched.resize(place.length(), 0);
                                file.read_exact_at(&mut fetched, place.start())?;
                                Some(std::str::from_utf8(&fetched).map_err(invalid)?)
                            }
                        };
                        decode(record, &mut columns)?;
                    }
                }
            }
        }
        columns.into_iter().map(Taken::finish).collect()
    }
}

fn empty(column: &Column, rows: usize) -> Taken<'_> {
    match column {
        Column::Own => {
            let texts = StringViewBuilder::with_capacity(rows);
            Taken::Own(texts.with_fixed_block_size(COLUMN_BLOCK_BYTES))
        }
        Column::Shared(texts) => Taken::Shared(texts, UInt32Builder::with_capacity(rows)),
    }
}

fn decode(record: Option<&str>, columns: &mut [Taken]) -> Result<()> {
    let Some(record) = record.filter(|record| !record.is_empty()) else {
        columns.iter_mut().for_each(Taken::append_null);
        return Ok(());
    };
    let mut digits = record.bytes();
    let digit_count = decode_number(&mut digits);
    let mut start = record.len() - digits.len() + digit_count;
    for column in columns {
        match (decode_number(&mut digits).checked_sub(1), column) {
            (None, column) => column.append_null(),
            (Some(length), Taken::Own(texts)) => {
                let end = start + length;
                texts.try_append_value(&record[start..end])?;
                start = end;
            }
            (Some(number), Taken::Shared(_, numbers)) => numbers.append_value(number as u32),
        }
    }
    Ok(())
}

impl Store {
    /// Appends a record and returns where it starts.
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
                let mut start = number << OFFSET_BITS;
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
    if place.length() == 0 {
        return "";
    }
    let block = &blocks[(place.start() >> OFFSET_BITS) as usize];
    let start = place.start() as usize % BLOCK_BYTES;
    &block[start..start + place.length()]
}

/// Touches all records before any is decoded, so that the processor waits for all memory accesses at the same time.
fn fetch(records: &[Option<&str>]) {
    let lines = records
        .iter()
        .flatten()
        .flat_map(|record| record.as_bytes().iter().step_by(CACHE_LINE));
    std::hint::black_box(lines.fold(0u8, |touched, byte| touched ^ byte));
}

fn encode(cells: &[Cells], row: usize, digits: &mut String, record: &mut String) {
    digits.clear();
    for cells in cells {
        encode_number(cells.number(row), digits);
    }
    encode_number(digits.len(), record);
    record.push_str(digits);
    for cells in cells {
        if let Cells::Own(texts) = cells
            && texts.is_valid(row)
        {
            record.push_str(texts.value(row));
        }
    }
}

fn encode_number(mut number: usize, record: &mut String) {
    loop {
        let digit = (number & usize::from(MORE - 1)) as u8;
        number >>= DIGIT_BITS;
        if number == 0 {
            record.push(char::from(digit));
            return;
        }
        record.push(char::from(digit | MORE));
    }
}

fn decode_number(digits: &mut std::str::Bytes<'_>) -> usize {
    let (mut number, mut shift) = (0, 0);
    for digit in digits {
        number |= usize::from(digit & (MORE - 1)) << shift;
        if digit & MORE == 0 {
            break;
        }
        shift += DIGIT_BITS;
    }
    number
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, UnboundedMemoryPool};

    use super::*;

    const COLUMNS: [Sharing; 3] = [Sharing::Own, Sharing::Shared, Sharing::Own];

    fn rows() -> [ArrayRef; 3] {
        let long = "ज़िला शिक्षा एवं प्रशिक्षण संस्थान".to_owned();
        let texts = |texts: [Option<&str>; 3]| -> ArrayRef { Arc::new(StringViewArray::from_iter(texts)) };
        [
            texts([Some("a"), Some("b"), Some("c")]),
            texts([Some(&long), None, Some(&long)]),
            texts([Some(&long), None, Some("")]),
        ]
    }

    fn memory() -> MemoryReservation {
        MemoryConsumer::new("records").register(&(Arc::new(UnboundedMemoryPool::default()) as Arc<dyn MemoryPool>))
    }

    #[test]
    fn numbers_are_valid_text_of_any_size() {
        for number in [0, 1, 63, 64, 4_095, 4_096, 1 << 31] {
            let mut record = String::new();
            encode_number(number, &mut record);
            assert!(record.is_ascii());
            assert_eq!(decode_number(&mut record.bytes()), number);
        }
    }

    #[test]
    fn records_come_back_in_any_order_from_memory_and_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let columns = || COLUMNS.into_iter();
        for mut builder in [
            DetailsBuilder::in_memory(7, columns()),
            DetailsBuilder::in_file(7, columns(), folder.path()).expect("a file"),
        ] {
            let rows = rows();
            for numbers in [[Some(0), Some(1), None], [Some(3), None, Some(5)]] {
                builder.fill(&numbers, &rows).expect("filled");
            }
            let details = builder.finish(memory()).expect("finished");
            let taken = details
                .take(&[Some(5), None, Some(0), Some(1), Some(6)])
                .expect("taken");
            let texts = |column: usize| taken[column].as_string_view().iter().collect::<Vec<_>>();
            let long = Some(rows[1].as_string_view().value(0));
            assert_eq!(texts(0), [Some("c"), None, Some("a"), Some("b"), None]);
            assert_eq!(texts(1), [long, None, long, None, None]);
            assert_eq!(texts(2), [Some(""), None, long, None, None]);
        }
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }

    #[test]
    fn numbers_without_records_are_left_out() {
        let mut builder = DetailsBuilder::in_memory(4, COLUMNS.into_iter());
        builder.fill(&[Some(1), None, Some(3)], &rows()).expect("filled");
        let builder = builder.only(&[false, true, false, true]);
        let details = builder.finish(memory()).expect("finished");
        let taken = details.take(&[Some(1), Some(0)]).expect("taken");
        let first: Vec<_> = taken[0].as_string_view().iter().collect();
        assert_eq!(first, [Some("c"), Some("a")]);
    }

    #[test]
    fn records_lie_in_many_blocks_also_longer_ones_than_a_block() {
        let long = "x".repeat(BLOCK_BYTES + 1);
        let half = "y".repeat(BLOCK_BYTES / 2);
        let rows: [ArrayRef; 1] = [Arc::new(StringViewArray::from_iter_values([
            &half, &long, &half, &half,
        ]))];
        let mut builder = DetailsBuilder::in_memory(4, std::iter::once(Sharing::Own));
        builder
            .fill(&[Some(3), Some(2), Some(1), Some(0)], &rows)
            .expect("filled");
        let details = builder.finish(memory()).expect("finished");
        let taken = details.take(&[Some(0), Some(1), Some(2), Some(3)]).expect("taken");
        let lengths: Vec<usize> = taken[0].as_string_view().iter().flatten().map(str::len).collect();
        assert_eq!(lengths, [half.len(), half.len(), long.len(), half.len()]);
    }

    #[test]
    fn a_record_that_is_too_long_is_an_error() {
        assert!(Place::new(1 << 39, (1 << 24) - 1).is_ok());
        assert!(Place::new(1 << 40, 1).is_err());
        assert!(Place::new(0, 1 << 24).is_err());
    }
}
