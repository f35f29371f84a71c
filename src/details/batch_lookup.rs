//! Looks up the listed batches that the rows of a record batch name, without hashing the text of each row.
//!
//! Where the Parquet reader decodes a dictionary, rows with the same id have the same view: its length, and where its
//! text lies; a short text lies in the view itself. So the views that were looked up last are remembered, each with its
//! batch.

use datafusion::arrow::array::StringViewArray;

use super::batches::{Batches, NumberedBatch};

/// Views that are remembered, in bits: few enough to stay within the processor's caches.
const SLOT_BITS: u32 = 12;
/// A multiplier that spreads views over the slots.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// The view of an empty text, which is no id.
const EMPTY: u128 = 0;

/// The batches of the ids in one column.
pub struct BatchLookup<'a> {
    batches: &'a Batches,
    ids: &'a StringViewArray,
    /// The view that was looked up last of those that share a slot.
    views: Vec<u128>,
    found: Vec<NumberedBatch>,
}

impl<'a> BatchLookup<'a> {
    /// A lookup of `ids` with an empty cache.
    pub fn new(batches: &'a Batches, ids: &'a StringViewArray) -> Self {
        Self {
            batches,
            ids,
            views: vec![EMPTY; 1 << SLOT_BITS],
            found: vec![NumberedBatch::default(); 1 << SLOT_BITS],
        }
    }

    /// The batch of a row, whose id must not be NULL; `None` where the table `batches` does not list it.
    pub fn listed(&mut self, row: usize) -> Option<NumberedBatch> {
        let view = self.ids.views()[row];
        let folded = (view as u64) ^ (view >> u64::BITS) as u64;
        let slot = (folded.wrapping_mul(SPREAD) >> (u64::BITS - SLOT_BITS)) as usize;
        if view != EMPTY && self.views[slot] == view {
            return Some(self.found[slot]);
        }
        let batch = self.batches.find_listed(self.ids.value(row))?;
        (self.views[slot], self.found[slot]) = (view, batch);
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::batches::ReportBatch;
    use super::*;

    #[test]
    fn each_row_has_its_own_batch_however_often_it_is_named() {
        // Short ids lie in the view, long ones beside it; more of them than slots.
        let id = |number: usize| match number % 2 {
            0 => format!("{number:06}"),
            _ => format!("{number:06} of a long name"),
        };
        let batch = |number| ReportBatch {
            batch_id: id(number),
            course_id: None,
            tenant_id: None,
        };
        let batches = Batches::within((0..9_000).map(batch).collect(), Arc::default());
        let numbers = (0..40_000).map(|row| row * 7 % 9_100).collect::<Vec<usize>>();
        let mut ids = datafusion::arrow::array::StringViewBuilder::new().with_deduplicate_strings();
        numbers.iter().for_each(|&number| ids.append_value(id(number)));
        let ids = ids.finish();
        let mut lookup = BatchLookup::new(&batches, &ids);
        for (row, &number) in numbers.iter().enumerate() {
            let found = lookup.listed(row).map(|batch| batch.number as usize);
            assert_eq!(found, (number < 9_000).then_some(number), "row {row}");
        }
    }
}
