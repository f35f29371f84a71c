//! Divides the order of batch ids into sections and parts.
//!
//! A section is a range of batches whose rows are one file of the report mart. A batch is the last of its section where
//! no batch near it has an id with a smaller hash. So a changed batch leaves all other sections, and their files, as they
//! were on the day before, and one that comes or goes all but its neighbours. Sections are of about the same length: if
//! each id decided for itself, a few long ones would hold most batches, and most batches would lie beside a changed one.
//! A part is a run of whole sections: the unit of work.

use std::ops::Range;

use sha2::{Digest, Sha256};

use super::batches::ReportBatch;

/// Enrolments of a short section: so few that, where one batch in twenty changes, most sections stay as they are.
const SECTION_ROWS: u64 = 2_048;
/// At most this many enrolments are one section.
const ONE_SECTION_ROWS: u64 = 4_096;
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
    /// Bounds from the last id of each section and the number of sections before each part's end; of each, all but the
    /// last.
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
        let ends = match batches_of_section(listed.len() as u64, rows) {
            None => Vec::new(),
            Some(batches) => section_ends(listed, batches),
        };
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

/// About the number of batches of a section, a power of two: it changes only where batches double or halve in size, and
/// then the ends of the longer sections stay. None where all batches are one section.
fn batches_of_section(batches: u64, rows: u64) -> Option<u64> {
    if rows <= ONE_SECTION_ROWS {
        return None;
    }
    let by_rows = (SECTION_ROWS * batches / rows).max(1);
    let by_count = batches.div_ceil(MOST_SECTIONS).next_power_of_two();
    Some((1 << by_rows.ilog2()).max(by_count))
}

/// For each section but the last, the number of batches in it and in all sections before it: the batch before has the
/// smallest hash among half of `batches` on each side of it, so that `batches + 1` are the average, or 1.
fn section_ends(listed: &[ReportBatch], batches: u64) -> Vec<usize> {
    let hashes: Vec<u64> = listed.iter().map(|batch| hash_of(&batch.batch_id)).collect();
    let near = usize::try_from(batches / 2).unwrap_or(usize::MAX);
    let is_smallest = |place: usize| {
        let mut within = place.saturating_sub(near)..place.saturating_add(near).saturating_add(1).min(hashes.len());
        // Of equal hashes, the first one counts.
        let is_after = |other: usize| (hashes[other], other) >= (hashes[place], place);
        within.all(is_after)
    };
    let all_but_last = 0..listed.len().saturating_sub(1);
    all_but_last
        .filter(|&place| is_smallest(place))
        .map(|place| place + 1)
        .collect()
}

fn hash_of(id: &str) -> u64 {
    let hash = Sha256::digest(id);
    hash.iter().take(8).fold(0, |bits, &byte| bits << 8 | u64::from(byte))
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
        assert_eq!(batches_of_section(5_000, 4_976_800), Some(2));
        assert_eq!(batches_of_section(100_000, 5_000_000), Some(32));
        assert_eq!(batches_of_section(10, 5_000_000), Some(1));
        assert_eq!(batches_of_section(1_000_000, 1_000_000_000), Some(128));
        assert_eq!(Bounds::dividing(&[], 1_000_000, 5), Bounds::default());
    }

    /// The lengths of the sections of `count` batches, without the last one.
    fn lengths(count: usize, batches: u64) -> Vec<usize> {
        let ids: Vec<String> = (0..count).map(|number| format!("{number:06}")).collect();
        let ends = section_ends(&listed(ids.iter().map(String::as_str)), batches);
        let starts = std::iter::once(&0).chain(&ends);
        starts.zip(&ends).map(|(start, end)| end - start).collect()
    }

    #[test]
    fn sections_are_of_about_the_same_length() {
        assert_eq!(lengths(100, 1), [1; 99]);
        for (batches, average) in [(2, 3), (4, 5), (32, 33)] {
            let lengths = lengths(20_000, batches);
            let least = batches as usize / 2 + 1;
            assert!(lengths[1..].iter().all(|&length| length >= least), "{batches}");
            let sum: usize = lengths.iter().sum();
            let squares: usize = lengths.iter().map(|length| length * length).sum();
            assert!(
                sum.abs_diff(average * lengths.len()) * 20 < sum,
                "{batches}: {sum} of {}",
                lengths.len()
            );
            // The section of a batch has as many others as there are on average, and hardly more.
            assert!(squares * 4 < sum * average * 5, "{batches}: {squares} / {sum}");
        }
    }

    proptest! {
        #[test]
        fn ends_of_longer_sections_are_ends_of_shorter_ones_too(
            ids in prop::collection::btree_set("[a-d]{1,6}", 2..200),
            power in 0..5u32,
        ) {
            let listed = listed(ids.iter().map(String::as_str));
            let (shorter, longer) = (section_ends(&listed, 1 << power), section_ends(&listed, 2 << power));
            prop_assert!(longer.iter().all(|end| shorter.contains(end)), "{longer:?} {shorter:?}");
        }

        #[test]
        fn a_batch_more_changes_its_own_section_and_its_neighbours_alone(
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
            prop_assert!(before.difference(&after).count() <= 3, "{before:?}\n{after:?}");
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
