//! Divides the order of batch ids into sections and parts.
//!
//! A section is a range of batches whose rows are one file of the report mart. A batch is the last of its section where
//! the hash of its id says so, so that a new, changed or removed batch leaves all other sections, and their files, as
//! they were on the day before. A part is a run of whole sections: the unit of work.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::batches::ReportBatch;

/// Average enrolments of a section: so few that, where one batch in twenty changes, most sections stay as they are.
const SECTION_ROWS: u64 = 4_096;
/// About the largest number of sections; more would be many small files.
const MOST_SECTIONS: u64 = 8_192;

/// The bounds of sections and parts, as batch ids in ascending order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds {
    /// The last id of each section but the last.
    sections: Vec<String>,
    /// The number of sections in each part but the last, and in all parts before it.
    part_ends: Vec<usize>,
    /// The last id of each part but the last.
    parts: Vec<String>,
}

impl Bounds {
    /// Sections that end at these ids, and parts that end after so many sections; of each, all but the last.
    pub fn new(sections: Vec<String>, mut part_ends: Vec<usize>) -> Self {
        part_ends.retain(|&end| 0 < end && end <= sections.len());
        let parts = part_ends.iter().map(|&end| sections[end - 1].clone()).collect();
        Self {
            sections,
            part_ends,
            parts,
        }
    }

    /// Divides batches, which are ordered by id and have about `rows` rows in all, into sections, and these into at
    /// most `part_count` parts of about as many batches each.
    pub fn dividing(listed: &[ReportBatch], rows: u64, part_count: usize) -> Self {
        let batches = batches_of_section(listed.len() as u64, rows);
        let all_but_last = listed.split_last().map_or(listed, |(_, before)| before);
        let ends = all_but_last.iter().enumerate();
        let ends = ends.filter(|(_, batch)| is_last_of_section(&batch.batch_id, batches));
        let ends: Vec<usize> = ends.map(|(place, _)| place + 1).collect();
        let mut part_ends: Vec<usize> = Vec::new();
        for part in 1..part_count {
            let wanted = (part * listed.len()).div_ceil(part_count);
            let sections = ends.partition_point(|&end| end < wanted) + 1;
            if sections <= ends.len() && part_ends.last().is_none_or(|&last| last < sections) {
                part_ends.push(sections);
            }
        }
        let sections = ends.iter().map(|&end| listed[end - 1].batch_id.clone()).collect();
        Self::new(sections, part_ends)
    }

    /// The last id of each part but the last.
    pub fn last_ids(&self) -> &[String] {
        &self.parts
    }

    /// The last id of each section but the last.
    pub fn last_ids_of_sections(&self) -> &[String] {
        &self.sections
    }

    /// The number of sections in each part but the last, and in all parts before it.
    #[cfg(feature = "cluster")]
    pub fn part_ends(&self) -> &[usize] {
        &self.part_ends
    }

    /// The number of parts.
    pub fn part_count(&self) -> usize {
        self.parts.len() + 1
    }

    /// The number of sections.
    pub fn section_count(&self) -> usize {
        self.sections.len() + 1
    }

    /// The part of a batch of that id.
    pub fn part_of(&self, id: &str) -> usize {
        self.parts.partition_point(|last| last.as_str() < id)
    }

    /// The numbers of a part's sections.
    pub fn sections_of_part(&self, part: usize) -> Range<usize> {
        let end_of = |part: usize| self.part_ends.get(part).copied();
        let start = part.checked_sub(1).and_then(end_of).unwrap_or(0);
        start..end_of(part).unwrap_or(self.section_count())
    }
}

/// The average number of batches of a section, a power of two: it changes only where batches double or halve in size,
/// and then every other end stays. None where all batches are one section.
fn batches_of_section(batches: u64, rows: u64) -> Option<u64> {
    if rows <= SECTION_ROWS {
        return None;
    }
    let by_rows = (SECTION_ROWS * batches / rows).max(1);
    let by_count = batches.div_ceil(MOST_SECTIONS).next_power_of_two();
    Some((1 << by_rows.ilog2()).max(by_count))
}

fn is_last_of_section(id: &str, batches: Option<u64>) -> bool {
    let hash = Sha256::digest(id);
    let first = hash.iter().take(8).fold(0, |bits, &byte| bits << 8 | u64::from(byte));
    batches.is_some_and(|batches| first % batches == 0)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn listed<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<ReportBatch> {
        let batch = |id: &str| ReportBatch {
            batch_id: id.to_owned(),
            course_id: None,
            tenant_id: None,
        };
        ids.into_iter().map(batch).collect()
    }

    /// Each section's batches.
    fn sections(ids: &BTreeSet<String>, rows_of_batch: u64) -> BTreeSet<Vec<String>> {
        let listed = listed(ids.iter().map(String::as_str));
        let bounds = Bounds::dividing(&listed, 5_000 + rows_of_batch * listed.len() as u64, 3);
        let mut sections = vec![Vec::new(); bounds.section_count()];
        for id in ids {
            let section = bounds.last_ids_of_sections().partition_point(|last| last < id);
            sections[section].push(id.clone());
        }
        sections.into_iter().collect()
    }

    #[test]
    fn small_outputs_are_one_section_and_huge_ones_have_a_bounded_number() {
        assert_eq!(batches_of_section(1_000, 4_096), None);
        assert_eq!(batches_of_section(5_000, 4_976_800), Some(4));
        assert_eq!(batches_of_section(100_000, 5_000_000), Some(64));
        assert_eq!(batches_of_section(10, 5_000_000), Some(1));
        assert_eq!(batches_of_section(1_000_000, 1_000_000_000), Some(128));
        assert_eq!(Bounds::dividing(&[], 1_000_000, 5), Bounds::default());
    }

    proptest! {
        #[test]
        fn a_batch_more_changes_its_own_section_alone(
            ids in prop::collection::btree_set("[a-d]{1,6}", 2..200),
            other in "[a-d]{1,6}",
            rows_of_batch in 400..3_000u64,
        ) {
            // As many batches that the average stays the same.
            prop_assume!(!ids.contains(&other));
            let before = sections(&ids, rows_of_batch);
            let mut more = ids.clone();
            more.insert(other);
            let after = sections(&more, rows_of_batch);
            let size = |ids: &BTreeSet<String>| batches_of_section(ids.len() as u64, 5_000 + rows_of_batch * ids.len() as u64);
            prop_assume!(size(&ids) == size(&more));
            prop_assert!(before.difference(&after).count() <= 1, "{before:?}\n{after:?}");
        }

        #[test]
        fn parts_are_runs_of_sections(
            ids in prop::collection::btree_set("[a-d]{1,6}", 0..200),
            parts in 1..12usize,
            rows in 0..500_000u64,
        ) {
            let listed = listed(ids.iter().map(String::as_str));
            let bounds = Bounds::dividing(&listed, rows, parts);
            prop_assert!(bounds.part_count() <= parts);
            prop_assert!(bounds.last_ids().is_sorted() && bounds.last_ids_of_sections().is_sorted());
            let mut next = 0;
            for part in 0..bounds.part_count() {
                let sections = bounds.sections_of_part(part);
                prop_assert!(sections.start == next && !sections.is_empty(), "{sections:?}");
                next = sections.end;
            }
            prop_assert_eq!(next, bounds.section_count());
            for id in &ids {
                let section = bounds.last_ids_of_sections().partition_point(|last| last < id);
                prop_assert!(bounds.sections_of_part(bounds.part_of(id)).contains(&section));
            }
        }
    }
}
