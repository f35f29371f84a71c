//! Enrolments and progress with numbers in place of ids, and which of several rows of the same user and batch wins.
//!
//! The rules are those of `queries/staging/distinct_enrolments.sql` and `distinct_course_progress.sql`.

use std::cmp::Ordering;

/// Stands for a missing time. Times are microseconds, shifted left by one bit to make room for a flag.
const NO_TIME: i64 = i64::MIN;
const LATEST: i64 = i64::MAX >> 1;
const EARLIEST: i64 = -LATEST;

/// Bytes of an enrolment, of a row of progress, and of both.
pub const ENROLMENT_BYTES: usize = size_of::<Enrolment>();
pub const PROGRESS_BYTES: usize = size_of::<Progress>();
pub const ROW_BYTES: usize = ENROLMENT_BYTES + PROGRESS_BYTES;

/// The numbers of a batch and a user, the batch in the higher bits, so that keys sort by batch first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(u64);

impl Key {
    pub fn new(batch: u32, user: u32) -> Self {
        Self(u64::from(batch) << 32 | u64::from(user))
    }

    pub fn batch(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub fn user(self) -> u32 {
        (self.0 & u64::from(u32::MAX)) as u32
    }
}

/// A row identified by batch and user, of which the best is kept.
pub trait Keyed: Copy {
    /// How batch and user are identified.
    type Key;
    fn key(&self) -> Self::Key;
    fn with_key(self, key: Self::Key) -> Self;
    /// `Less` for the better of two rows with the same key.
    fn better(&self, other: &Self) -> Ordering;
}

/// One row of `enrolments`.
#[derive(Debug, Clone, Copy)]
pub struct Enrolment<K = Key> {
    key: K,
    /// The time of enrolment, with the active flag in the lowest bit: the greatest value wins.
    time_and_active: i64,
}

impl<K> Enrolment<K> {
    /// `enrolled_at` in microseconds of UTC.
    pub fn new(key: K, enrolled_at: Option<i64>, is_active: bool) -> Self {
        let time = enrolled_at.map_or(NO_TIME, |micros| micros.clamp(EARLIEST, LATEST) << 1);
        Self {
            key,
            time_and_active: time | i64::from(is_active),
        }
    }

    pub fn enrolled_at(&self) -> Option<i64> {
        let has_time = self.time_and_active | 1 != NO_TIME | 1;
        has_time.then_some(self.time_and_active >> 1)
    }

    pub fn is_active(&self) -> bool {
        self.time_and_active & 1 == 1
    }
}

impl<K: Copy> Keyed for Enrolment<K> {
    type Key = K;

    fn key(&self) -> K {
        self.key
    }

    fn with_key(self, key: K) -> Self {
        Self { key, ..self }
    }

    fn better(&self, other: &Self) -> Ordering {
        other.time_and_active.cmp(&self.time_and_active)
    }
}

/// One row of `course_progress`.
#[derive(Debug, Clone, Copy)]
pub struct Progress<K = Key> {
    key: K,
    /// NaN where missing.
    percent: f64,
    /// Microseconds of UTC; the greatest value where missing, so that the earliest time wins.
    completed_at: i64,
}

impl<K> Progress<K> {
    /// `completed_at` in microseconds of UTC.
    pub fn new(key: K, percent: Option<f64>, completed_at: Option<i64>) -> Self {
        Self {
            key,
            percent: percent.unwrap_or(f64::NAN),
            completed_at: completed_at.unwrap_or(i64::MAX),
        }
    }

    /// `progress_percent`.
    pub fn percent(&self) -> Option<f64> {
        (!self.percent.is_nan()).then_some(self.percent)
    }

    /// `completed_at` in microseconds of UTC.
    pub fn completed_at(&self) -> Option<i64> {
        (self.completed_at != i64::MAX).then_some(self.completed_at)
    }

    /// The values alone, where the key is known otherwise.
    pub fn without_key(self) -> Progress<()> {
        Progress {
            key: (),
            percent: self.percent,
            completed_at: self.completed_at,
        }
    }
}

impl<K: Copy> Keyed for Progress<K> {
    type Key = K;

    fn key(&self) -> K {
        self.key
    }

    fn with_key(self, key: K) -> Self {
        Self { key, ..self }
    }

    fn better(&self, other: &Self) -> Ordering {
        let by_percent = match (self.percent(), other.percent()) {
            (Some(mine), Some(theirs)) => theirs.partial_cmp(&mine).unwrap_or(Ordering::Equal),
            (mine, theirs) => theirs.is_some().cmp(&mine.is_some()),
        };
        by_percent.then(self.completed_at.cmp(&other.completed_at))
    }
}

/// Sorts rows by key and keeps the best row of each key.
pub fn sort_and_deduplicate<R: Keyed<Key = Key>>(rows: &mut Vec<R>) {
    // Sorted by the key alone, which is twice as fast: repeated rows are rare, so they are compared afterwards.
    rows.sort_unstable_by_key(Keyed::key);
    rows.dedup_by(|row, kept| {
        let is_copy = row.key() == kept.key();
        if is_copy && row.better(kept).is_lt() {
            *kept = *row;
        }
        is_copy
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key(7);

    fn best<R: Keyed<Key = Key>>(mut rows: Vec<R>) -> R {
        sort_and_deduplicate(&mut rows);
        assert_eq!(rows.len(), 1);
        rows[0]
    }

    #[test]
    fn keys_sort_by_batch_then_user() {
        assert!(Key::new(1, u32::MAX) < Key::new(2, 0));
        assert_eq!((Key::new(3, 4).batch(), Key::new(3, 4).user()), (3, 4));
    }

    #[test]
    fn the_latest_enrolment_wins_then_the_active_one() {
        let winner = best(vec![
            Enrolment::new(KEY, Some(1), true),
            Enrolment::new(KEY, Some(2), false),
            Enrolment::new(KEY, None, true),
        ]);
        assert_eq!((winner.enrolled_at(), winner.is_active()), (Some(2), false));
        let winner = best(vec![
            Enrolment::new(KEY, Some(-5), false),
            Enrolment::new(KEY, Some(-5), true),
        ]);
        assert_eq!((winner.enrolled_at(), winner.is_active()), (Some(-5), true));
        let winner = best(vec![Enrolment::new(KEY, None, false), Enrolment::new(KEY, None, true)]);
        assert_eq!((winner.enrolled_at(), winner.is_active()), (None, true));
    }

    #[test]
    fn the_highest_percent_wins_then_the_earliest_completion() {
        let winner = best(vec![
            Progress::new(KEY, None, Some(1)),
            Progress::new(KEY, Some(80.0), Some(1)),
            Progress::new(KEY, Some(90.5), None),
            Progress::new(KEY, Some(90.5), Some(9)),
            Progress::new(KEY, Some(f64::NAN), Some(0)),
        ]);
        assert_eq!((winner.percent(), winner.completed_at()), (Some(90.5), Some(9)));
    }
}
