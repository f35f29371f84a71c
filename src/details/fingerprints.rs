//! Fingerprints of users and of batches' rows, from the numbers and texts in memory, before any row is written.
//!
//! A user's fingerprint is taken once, when the details are read; a batch's is made of those of its users and of the
//! numbers of its enrolments and progress. Both hold every value that the report query is given, so equal fingerprints
//! give equal rows under the same settings.

use std::iter::Peekable;
use std::ops::Range;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::common::{Result, exec_err};

use super::fingerprint::{Fingerprint, FingerprintBuilder};
use super::part::{Shared, SortedRows};
use super::rows::{Enrolment, Keyed, Progress};

/// Fingerprints of the users of the export, by their numbers.
#[derive(Debug)]
pub struct UserFingerprints {
    of: Vec<Fingerprint>,
}

impl UserFingerprints {
    /// Empty fingerprints for `users` users; texts are added later.
    pub fn to_fill(users: usize) -> Self {
        Self {
            of: vec![Fingerprint::default(); users],
        }
    }

    /// Sets the fingerprints of the users of these numbers.
    pub fn set(&mut self, numbers: &[Option<u32>], fingerprints: &[Fingerprint]) {
        for (number, fingerprint) in numbers.iter().zip(fingerprints) {
            if let Some(number) = number {
                self.of[*number as usize] = *fingerprint;
            }
        }
    }

    /// That of the user of a number; none of a user who is not in the export.
    pub fn find(&self, number: u32) -> Option<Fingerprint> {
        self.of.get(number as usize).copied()
    }

    /// Bytes of memory in use.
    pub fn allocation_size(&self) -> usize {
        self.of.capacity() * size_of::<Fingerprint>()
    }
}

/// The fingerprints of users, one a row, from all their columns: the id and the details.
pub fn of_users(columns: &[ArrayRef]) -> Result<Vec<Fingerprint>> {
    let texts = columns.iter().map(|column| match column.as_string_view_opt() {
        Some(texts) => Ok(texts),
        None => exec_err!("details of users are text, not {}", column.data_type()),
    });
    let texts = texts.collect::<Result<Vec<_>>>()?;
    let mut builder = FingerprintBuilder::default();
    let of_row = |row: usize| {
        for texts in &texts {
            builder.text(texts.is_valid(row).then(|| texts.value(row)));
        }
        builder.finish()
    };
    let rows = columns.first().map_or(0, |column| column.len());
    Ok((0..rows).map(of_row).collect())
}

/// The fingerprints of a range of batches, by rank, whose sorted rows these are.
pub fn of_batches(shared: &Shared, rows: &SortedRows, batches: Range<u32>) -> Vec<Fingerprint> {
    let mut builder = FingerprintBuilder::default();
    let mut enrolments = rows.enrolments.iter().peekable();
    let mut progress = rows.progress.iter().peekable();
    let of_batch = |batch: u32| {
        let place = batch as usize;
        for texts in [
            &shared.batches.ids,
            &shared.batches.course_ids,
            &shared.batches.tenant_ids,
        ] {
            builder.text(texts.is_valid(place).then(|| texts.value(place)));
        }
        while let Some(enrolment) = enrolments.next_if(|row| row.key().batch() == batch) {
            let number = shared.users.at_rank(enrolment.key().user());
            let user = shared.users.fingerprint_of(number);
            builder.fixed(&row_bytes(user, enrolment, progress_of(&mut progress, enrolment)));
        }
        builder.finish()
    };
    batches.map(of_batch).collect()
}

/// The progress of an enrolment; both lists are sorted by key.
fn progress_of<'a>(
    progress: &mut Peekable<impl Iterator<Item = &'a Progress>>,
    enrolment: &Enrolment,
) -> Option<&'a Progress> {
    while progress.next_if(|row| row.key() < enrolment.key()).is_some() {}
    progress.peek().copied().filter(|row| row.key() == enrolment.key())
}

const USER: Range<usize> = 0..16;
const ENROLLED: Range<usize> = 16..24;
const PERCENT: Range<usize> = 24..32;
const COMPLETED: Range<usize> = 32..40;
const PRESENT: usize = 40;

/// The values of a row apart from the batch's, as bytes. The bits of the last byte say which values are not missing.
fn row_bytes(user: Fingerprint, enrolment: &Enrolment, progress: Option<&Progress>) -> [u8; PRESENT + 1] {
    let mut bytes = [0; PRESENT + 1];
    bytes[USER].copy_from_slice(user.bytes());
    let mut add = |range: Range<usize>, bit: u8, value: Option<[u8; 8]>| {
        if let Some(value) = value {
            bytes[range].copy_from_slice(&value);
            bytes[PRESENT] |= bit;
        }
    };
    add(ENROLLED, 1, enrolment.enrolled_at().map(i64::to_le_bytes));
    let percent = progress.and_then(Progress::percent);
    add(PERCENT, 2, percent.map(|percent| percent.to_bits().to_le_bytes()));
    let completed_at = progress.and_then(Progress::completed_at);
    add(COMPLETED, 4, completed_at.map(i64::to_le_bytes));
    bytes[PRESENT] |= if progress.is_some() { 8 } else { 0 };
    bytes
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::StringViewArray;

    use super::super::rows::Key;
    use super::*;

    #[test]
    fn users_with_any_other_text_differ_and_are_found_by_number() {
        let texts = |texts: [Option<&str>; 4]| -> ArrayRef { Arc::new(StringViewArray::from_iter(texts)) };
        let columns = [
            texts([Some("a"), Some("b"), Some("a"), Some("a")]),
            texts([Some("x"), Some("x"), None, Some("x")]),
        ];
        let of_rows = of_users(&columns).expect("texts");
        assert_eq!(of_rows[0], of_rows[3]);
        assert!(of_rows[0] != of_rows[1] && of_rows[0] != of_rows[2] && of_rows[1] != of_rows[2]);
        let mut kept = UserFingerprints::to_fill(3);
        kept.set(&[Some(2), None, Some(0), Some(2)], &of_rows);
        let nobody = Some(Fingerprint::default());
        assert_eq!(
            [0, 1, 2].map(|number| kept.find(number)),
            [Some(of_rows[2]), nobody, Some(of_rows[0])]
        );
        assert_eq!(kept.find(3), None);
    }

    #[test]
    fn rows_with_any_other_value_differ() {
        let key = Key::new(1, 2);
        let user = Fingerprint::default();
        let mut builder = FingerprintBuilder::default();
        builder.text(Some("another"));
        let other = builder.finish();
        let enrolled = |at| Enrolment::new(key, at, true);
        let progress = |percent, completed| Progress::new(key, percent, completed);
        let rows = [
            row_bytes(user, &enrolled(None), None),
            row_bytes(other, &enrolled(None), None),
            row_bytes(user, &enrolled(Some(0)), None),
            row_bytes(user, &enrolled(Some(1)), None),
            row_bytes(user, &enrolled(None), Some(&progress(None, None))),
            row_bytes(user, &enrolled(None), Some(&progress(Some(0.0), None))),
            row_bytes(user, &enrolled(None), Some(&progress(Some(0.5), None))),
            row_bytes(user, &enrolled(None), Some(&progress(None, Some(0)))),
            row_bytes(user, &enrolled(None), Some(&progress(Some(0.0), Some(0)))),
        ];
        for (place, row) in rows.iter().enumerate() {
            assert!(!rows[..place].contains(row), "{place}");
        }
    }
}
