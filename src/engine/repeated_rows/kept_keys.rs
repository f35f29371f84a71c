//! The lifetime of the repeated keys of a table, which the plans of both of its parts share.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::repeated_keys::RepeatedKeys;

/// The repeated keys of a whole table.
#[derive(Debug)]
pub enum KeptKeys {
    /// Kept as long as the table, for all plans that read it: the keys of views.
    Always(Arc<RepeatedKeys>),
    /// Kept as long as a plan reads them: the keys of statements, whose logical plans may be kept after they have run.
    WhileRead(Mutex<Weak<RepeatedKeys>>),
}

impl KeptKeys {
    /// The keys, for one physical plan. They are computed at first use.
    pub fn keys(&self) -> Arc<RepeatedKeys> {
        match self {
            Self::Always(keys) => Arc::clone(keys),
            Self::WhileRead(read) => {
                let mut read = read.lock().unwrap_or_else(PoisonError::into_inner);
                let keys = read.upgrade().unwrap_or_default();
                *read = Arc::downgrade(&keys);
                keys
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_a_statement_end_with_the_last_plan_that_reads_them() {
        let kept = KeptKeys::WhileRead(Mutex::default());
        let (one, other) = (kept.keys(), kept.keys());
        assert!(Arc::ptr_eq(&one, &other));
        let ended = Arc::downgrade(&one);
        drop((one, other));
        assert!(ended.upgrade().is_none());
        let next = kept.keys();
        assert!(Arc::ptr_eq(&next, &kept.keys()));
    }

    #[test]
    fn keys_of_a_view_stay() {
        let kept = KeptKeys::Always(Arc::default());
        let first = Arc::as_ptr(&kept.keys());
        assert_eq!(Arc::as_ptr(&kept.keys()), first);
    }
}
