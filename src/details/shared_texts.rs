//! A string dictionary: texts that many users share, such as names of districts, are stored once and referred to by
//! number.

use std::hash::BuildHasher;

use datafusion::arrow::array::{StringViewArray, StringViewBuilder};
use datafusion::common::{DataFusionError, Result};
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// Bytes of the blocks that the texts are stored in.
const BLOCK_BYTES: u32 = 1 << 20;

/// Texts by number, in the order of their arrival.
pub struct SharedTexts {
    texts: StringViewBuilder,
    count: u32,
    numbers: HashTable<u32>,
    hasher: FixedState,
}

impl SharedTexts {
    /// An empty dictionary.
    pub fn new() -> Self {
        Self {
            texts: StringViewBuilder::new().with_fixed_block_size(BLOCK_BYTES),
            count: 0,
            numbers: HashTable::new(),
            hasher: FixedState::default(),
        }
    }

    /// The number of a text, which is added where needed.
    pub fn find_or_add(&mut self, text: &str) -> Result<u32> {
        let Self {
            texts, numbers, hasher, ..
        } = self;
        let is_same = |&number: &u32| texts.get_value(number as usize) == text.as_bytes();
        let hash = |&number: &u32| hasher.hash_one(texts.get_value(number as usize));
        match numbers.entry(hasher.hash_one(text.as_bytes()), is_same, hash) {
            Entry::Occupied(number) => Ok(*number.get()),
            Entry::Vacant(place) => {
                let number = self.count;
                self.count = number.checked_add(1).ok_or_else(too_many)?;
                place.insert(number);
                texts.try_append_value(text)?;
                Ok(number)
            }
        }
    }

    /// Bytes of memory in use.
    pub fn allocation_size(&self) -> usize {
        self.texts.allocated_size() + self.numbers.allocation_size()
    }

    /// The texts by number. No more can be added.
    pub fn finish(mut self) -> StringViewArray {
        self.texts.finish()
    }
}

fn too_many() -> DataFusionError {
    DataFusionError::Execution("a column of users has more than 4 billion texts".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_kept_once() {
        let mut shared = SharedTexts::new();
        let texts = [
            "ज़िला शिक्षा एवं प्रशिक्षण संस्थान",
            "short",
            "",
            "short",
            "ज़िला शिक्षा एवं प्रशिक्षण संस्थान",
        ];
        let numbers: Vec<u32> = texts
            .iter()
            .map(|text| shared.find_or_add(text).expect("a number"))
            .collect();
        assert_eq!(numbers, [0, 1, 2, 1, 0]);
        let kept = shared.finish();
        assert_eq!(kept.iter().flatten().collect::<Vec<_>>(), texts[..3]);
    }
}
