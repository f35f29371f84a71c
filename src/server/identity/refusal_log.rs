//! The log of refused tokens: a line for the first of each reason, then one a minute with a count, so that nobody can
//! fill the log with made-up tokens.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::refusal::Reason;

/// The least time between two lines of one reason.
const QUIET: Duration = Duration::from_secs(60);

/// Counts refusals by their reasons.
#[derive(Debug, Default)]
pub struct RefusalLog(Mutex<HashMap<Reason, Refused>>);

#[derive(Debug)]
struct Refused {
    /// When the last line was written.
    last_line: Instant,
    /// Those since then.
    more: u64,
}

impl RefusalLog {
    /// Takes note of a refused token, and writes a line where it is time for one.
    pub fn note(&self, reason: Reason) {
        if let Some(line) = self.line(reason, Instant::now()) {
            tracing::warn!("{line}");
        }
    }

    fn line(&self, reason: Reason, now: Instant) -> Option<String> {
        let mut refused = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = refused.get_mut(&reason) else {
            let first = Refused {
                last_line: now,
                more: 0,
            };
            refused.insert(reason, first);
            return Some(format!(
                "a login token was refused: {reason}; `pragati token explain` shows the checks of one"
            ));
        };
        let silent = now.saturating_duration_since(known.last_line);
        if silent < QUIET {
            known.more += 1;
            return None;
        }
        let more = std::mem::take(&mut known.more);
        known.last_line = now;
        Some(match more {
            0 => format!("a login token was refused: {reason}"),
            more => format!(
                "a login token was refused: {reason}; {more} more like it in the {} seconds before",
                silent.as_secs()
            ),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_tokens_is_a_line_a_minute_for_each_reason() {
        let log = RefusalLog::default();
        let start = Instant::now();
        let lines_of = |reason: Reason| {
            let times = (0..600).map(|tenth| start + Duration::from_millis(100 * tenth));
            times.filter_map(|now| log.line(reason, now)).count()
        };
        assert_eq!(lines_of(Reason::Signature), 1);
        assert_eq!(lines_of(Reason::Expired), 1);
        let next = log.line(Reason::Signature, start + QUIET).expect("a line");
        assert_eq!(
            next,
            "a login token was refused: its signature is wrong; 599 more like it in the 60 seconds before"
        );
        let later = log.line(Reason::Signature, start + QUIET * 3).expect("a line");
        assert_eq!(later, "a login token was refused: its signature is wrong");
    }
}
