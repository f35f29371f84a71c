//! Counts the rows of `enrolments`: all of them, and those that no report shows, by reason.
//!
//! The counts are those of `queries/reports/enrolment_counts.sql`; the query defines them.

use std::ops::AddAssign;

/// Counts of rows of `enrolments`. All but `read` exclude each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EnrolmentCounts {
    /// All rows of `enrolments`.
    pub read: u64,
    /// Rows without a user id.
    pub without_user_id: u64,
    /// Rows with a user id and without a batch id.
    pub without_batch_id: u64,
    /// Rows with both ids that are not active.
    pub not_active: u64,
}

impl EnrolmentCounts {
    /// Counts one row.
    pub fn count(&mut self, has_user_id: bool, has_batch_id: bool, is_active: bool) {
        self.read += 1;
        match (has_user_id, has_batch_id, is_active) {
            (false, _, _) => self.without_user_id += 1,
            (true, false, _) => self.without_batch_id += 1,
            (true, true, false) => self.not_active += 1,
            (true, true, true) => {}
        }
    }
}

impl AddAssign for EnrolmentCounts {
    fn add_assign(&mut self, other: Self) {
        self.read += other.read;
        self.without_user_id += other.without_user_id;
        self.without_batch_id += other.without_batch_id;
        self.not_active += other.not_active;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_counts_for_its_first_reason_alone() {
        let mut counts = EnrolmentCounts::default();
        for (has_user_id, has_batch_id, is_active) in [
            (true, true, true),
            (false, false, false),
            (false, true, true),
            (true, false, false),
            (true, true, false),
        ] {
            counts.count(has_user_id, has_batch_id, is_active);
        }
        let expected = EnrolmentCounts {
            read: 5,
            without_user_id: 2,
            without_batch_id: 1,
            not_active: 1,
        };
        assert_eq!(counts, expected);
        counts += counts;
        assert_eq!((counts.read, counts.without_user_id), (10, 4));
    }
}
