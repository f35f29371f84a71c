//! A circuit breaker for a mail server that does not answer: all workers would wait for it, and downloads with them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::smtp::Trouble;

/// A server that has not answered after this time is left alone for [`REST`].
const LONG_WAIT: Duration = Duration::from_secs(3);
const REST: Duration = Duration::from_secs(15);

/// The state of the circuit breaker.
#[derive(Debug, Default)]
pub(super) struct Rests {
    rest: Mutex<Option<Rest>>,
}

#[derive(Debug)]
struct Rest {
    until: Instant,
    /// The outcome of the latest attempt.
    words: String,
    /// After a rest (half open), one worker tries whether the server answers again.
    is_asked: bool,
}

/// Permission to use the server, until it is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Leave<'a> {
    rests: &'a Rests,
    is_first: bool,
}

impl Rests {
    /// Permission to use the server. None while the circuit breaker is open, or another worker is trying the server
    /// after that.
    pub fn leave(&self, now: Instant) -> Result<Leave<'_>, String> {
        let mut rest = self.rest();
        let is_first = match rest.as_mut() {
            None => false,
            Some(rest) if now < rest.until || rest.is_asked => return Err(rest.words.clone()),
            Some(rest) => {
                rest.is_asked = true;
                true
            }
        };
        Ok(Leave { rests: self, is_first })
    }

    /// The server took a mail.
    pub fn end(&self) {
        *self.rest() = None;
    }

    /// The server did not accept a mail between `began` and `now`. Returns whether it is left alone from now on.
    pub fn refused(&self, trouble: &Trouble, began: Instant, now: Instant) -> bool {
        match trouble {
            Trouble::Answered { .. } => {
                self.end();
                false
            }
            Trouble::Broken(words) => self.not_reached(words, began, now),
            Trouble::Lacking(_) | Trouble::Unsendable(_) | Trouble::TooLarge { .. } => false,
        }
    }

    /// There was no connection or no answer between `began` and `now`. Returns whether the server is left alone from
    /// now on.
    pub fn not_reached(&self, words: &str, began: Instant, now: Instant) -> bool {
        if now.duration_since(began) < LONG_WAIT {
            return false;
        }
        let mut rest = self.rest();
        let is_asked = rest.as_ref().is_some_and(|rest| rest.is_asked);
        *rest = Some(Rest {
            until: now + REST,
            words: words.to_owned(),
            is_asked,
        });
        true
    }

    fn rest(&self) -> MutexGuard<'_, Option<Rest>> {
        self.rest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if !self.is_first {
            return;
        }
        if let Some(rest) = self.rests.rest().as_mut() {
            rest.is_asked = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::mail::smtp::Step;

    fn silence() -> Trouble {
        Trouble::timed_out(Step::Recipient, Duration::from_secs(4))
    }

    #[test]
    fn a_server_that_does_not_answer_is_left_alone_for_a_while() {
        let rests = Rests::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(4);
        drop(rests.leave(now).expect("leave"));
        assert!(!rests.refused(&silence(), now, now + LONG_WAIT / 2));
        drop(rests.leave(now).expect("leave"));
        assert!(rests.refused(&silence(), now, later));
        let words = rests.leave(later).expect_err("it rests");
        assert!(words.contains("did not answer"), "{words}");
        assert!(rests.leave(later + REST / 2).is_err());
        assert!(rests.leave(later + REST).is_ok());
    }

    #[test]
    fn one_asks_after_a_rest() {
        let rests = Rests::default();
        let began = Instant::now();
        let now = began + LONG_WAIT;
        assert!(rests.refused(&silence(), began, now));
        let after = now + REST;
        let first = rests.leave(after).expect("leave");
        assert!(rests.leave(after).is_err());
        // An attempt without an answer starts another rest; a cancelled one lets another worker try.
        assert!(rests.refused(&silence(), after, after + LONG_WAIT));
        drop(first);
        let after = after + LONG_WAIT + REST;
        drop(rests.leave(after).expect("leave"));
        let first = rests.leave(after).expect("leave");
        assert!(rests.leave(after).is_err());
        rests.end();
        let others = (rests.leave(after), rests.leave(after));
        assert!(others.0.is_ok() && others.1.is_ok());
        drop(first);
    }
}
