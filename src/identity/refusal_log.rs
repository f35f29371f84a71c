//! A rate-limited log of refused tokens: a line for the first of each reason, then one a minute with a count, so that
//! forged tokens cannot flood the log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::refusal::Reason;

/// The least time between two lines of one reason.
const QUIET: Duration = Duration::from_secs(60);

/// Counts refusals by their reasons.
#[derive(Debug)]
pub struct RefusalLog {
    /// What kind of token it is about, in words.
    token: &'static str,
    /// What the first line of a reason ends with.
    hint: &'static str,
    refused: Mutex<HashMap<Reason, Refused>>,
}

#[derive(Debug)]
struct Refused {
    /// When the last line was written.
    last_line: Instant,
    /// The refusals since then.
    more: u64,
}

impl RefusalLog {
    /// A log of refused tokens that people log in with.
    pub fn of_logins() -> Self {
        Self::new("a login token", "; `pragati token explain` shows the checks of one")
    }

    /// A log of refused tokens by which the issuer says that somebody has signed out there.
    pub fn of_logouts() -> Self {
        Self::new("a logout token", "")
    }

    fn new(token: &'static str, hint: &'static str) -> Self {
        Self {
            token,
            hint,
            refused: Mutex::default(),
        }
    }

    /// Takes note of a refused token, and writes a line where it is time for one.
    pub fn note(&self, reason: Reason) {
        if let Some(line) = self.line(reason, Instant::now()) {
            tracing::warn!("{line}");
        }
    }

    fn line(&self, reason: Reason, now: Instant) -> Option<String> {
        let Self { token, hint, .. } = self;
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = refused.get_mut(&reason) else {
            let first = Refused {
                last_line: now,
                more: 0,
            };
            refused.insert(reason, first);
            return Some(format!("{token} was refused: {reason}{hint}"));
        };
        let silent = now.saturating_duration_since(known.last_line);
        if silent < QUIET {
            known.more += 1;
            return None;
        }
        let more = std::mem::take(&mut known.more);
        known.last_line = now;
        Some(match more {
            0 => format!("{token} was refused: {reason}"),
            more => format!(
                "{token} was refused: {reason}; {more} more like it in the {} seconds before",
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
        let log = RefusalLog::of_logins();
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
        let logouts = RefusalLog::of_logouts();
        assert_eq!(
            logouts.line(Reason::UsedBefore, start).as_deref(),
            Some("a logout token was refused: it was used before (jti)")
        );
    }
}
