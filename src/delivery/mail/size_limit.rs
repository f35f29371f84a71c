//! The size limit of the mail server, announced or learned from refusals, so that larger mails are not offered.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a learned limit holds: an operator may raise the server's limit.
const REMEMBERED: Duration = Duration::from_secs(60 * 60);

/// Limits in bytes of a mail as it is sent: with headers, encoded.
#[derive(Debug, Default)]
pub(super) struct SizeLimit {
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The number after SIZE, as the server last gave it.
    announced: Option<u64>,
    /// The smallest mail that was refused for its size, and when.
    refused: Option<(u64, Instant)>,
}

impl SizeLimit {
    /// Bytes of the largest mail that may be taken; `None` where nothing is known.
    pub fn at(&self, now: Instant) -> Option<u64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = known.refused.filter(|(_, at)| now.duration_since(*at) < REMEMBERED);
        let learned = refused.map(|(bytes, _)| bytes.saturating_sub(1));
        match (known.announced, learned) {
            (Some(announced), Some(learned)) => Some(announced.min(learned)),
            (announced, learned) => announced.or(learned),
        }
    }

    /// Notes the limit that the server announced; `None` where it announced none.
    pub fn announced(&self, bytes: Option<u64>) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).announced = bytes;
    }

    /// Notes that the server refused a mail of this size.
    pub fn refused(&self, bytes: u64, now: Instant) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.refused.filter(|(_, at)| now.duration_since(*at) < REMEMBERED);
        let smallest = before.map_or(bytes, |(before, _)| before.min(bytes));
        known.refused = Some((smallest, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_of_what_is_known_counts() {
        let limit = SizeLimit::default();
        let now = Instant::now();
        assert_eq!(limit.at(now), None);
        limit.announced(Some(1000));
        assert_eq!(limit.at(now), Some(1000));
        limit.refused(600, now);
        limit.refused(800, now);
        assert_eq!(limit.at(now), Some(599));
        limit.announced(Some(500));
        assert_eq!(limit.at(now), Some(500));
        limit.announced(None);
        assert_eq!(limit.at(now), Some(599));
    }

    #[test]
    fn a_refusal_is_forgotten_after_a_while() {
        let limit = SizeLimit::default();
        let now = Instant::now();
        limit.refused(600, now);
        assert_eq!(limit.at(now + REMEMBERED / 2), Some(599));
        assert_eq!(limit.at(now + REMEMBERED), None);
        limit.refused(900, now + REMEMBERED);
        assert_eq!(limit.at(now + REMEMBERED), Some(899));
    }
}
