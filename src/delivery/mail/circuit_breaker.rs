//! A circuit breaker for a mail server that does not answer: all workers would wait for it, and downloads with them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::smtp::StepFailure;

/// A server that has not answered after this time opens the circuit.
const SLOW_ANSWER: Duration = Duration::from_secs(3);
/// How long the circuit stays open: no mail is offered to the server.
const OPEN_FOR: Duration = Duration::from_secs(15);

/// The state of the circuit breaker.
#[derive(Debug, Default)]
pub(super) struct CircuitBreaker {
    open: Mutex<Option<OpenCircuit>>,
}

/// The state after the server did not answer.
#[derive(Debug)]
struct OpenCircuit {
    until: Instant,
    /// The outcome of the latest attempt.
    words: String,
    /// Half open: the time is over, and one worker probes whether the server answers again.
    is_probed: bool,
}

/// Permission to use the server, until it is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Permit<'a> {
    breaker: &'a CircuitBreaker,
    is_probe: bool,
}

impl CircuitBreaker {
    /// Permission to use the server; the error has the outcome of the latest attempt. Refused while the circuit is
    /// open, and while another worker probes the server after that.
    pub fn permit(&self, now: Instant) -> Result<Permit<'_>, String> {
        let mut open = self.open();
        let is_probe = match open.as_mut() {
            None => false,
            Some(open) if now < open.until || open.is_probed => return Err(open.words.clone()),
            Some(open) => {
                open.is_probed = true;
                true
            }
        };
        Ok(Permit {
            breaker: self,
            is_probe,
        })
    }

    /// Closes the circuit: the server took a mail or answered.
    pub fn close(&self) {
        *self.open() = None;
    }

    /// The server did not accept a mail between `began` and `now`. Returns whether the circuit is open from now on.
    pub fn refused(&self, failure: &StepFailure, began: Instant, now: Instant) -> bool {
        match failure {
            StepFailure::Answered { .. } => {
                self.close();
                false
            }
            StepFailure::Broken(words) => self.not_reached(words, began, now),
            StepFailure::Lacking(_) | StepFailure::Unsendable(_) | StepFailure::TooLarge { .. } => false,
        }
    }

    /// There was no connection or no answer between `began` and `now`. Returns whether the circuit is open from now on.
    pub fn not_reached(&self, words: &str, began: Instant, now: Instant) -> bool {
        if now.duration_since(began) < SLOW_ANSWER {
            return false;
        }
        let mut open = self.open();
        let is_probed = open.as_ref().is_some_and(|open| open.is_probed);
        *open = Some(OpenCircuit {
            until: now + OPEN_FOR,
            words: words.to_owned(),
            is_probed,
        });
        true
    }

    fn open(&self) -> MutexGuard<'_, Option<OpenCircuit>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if !self.is_probe {
            return;
        }
        if let Some(open) = self.breaker.open().as_mut() {
            open.is_probed = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::mail::smtp::Step;

    fn silence() -> StepFailure {
        StepFailure::timed_out(Step::Recipient, Duration::from_secs(4))
    }

    #[test]
    fn a_server_that_does_not_answer_opens_the_circuit_for_a_while() {
        let breaker = CircuitBreaker::default();
        let now = Instant::now();
        let later = now + Duration::from_secs(4);
        drop(breaker.permit(now).expect("a permit"));
        assert!(!breaker.refused(&silence(), now, now + SLOW_ANSWER / 2));
        drop(breaker.permit(now).expect("a permit"));
        assert!(breaker.refused(&silence(), now, later));
        let words = breaker.permit(later).expect_err("an open circuit");
        assert!(words.contains("did not answer"), "{words}");
        assert!(breaker.permit(later + OPEN_FOR / 2).is_err());
        assert!(breaker.permit(later + OPEN_FOR).is_ok());
    }

    #[test]
    fn one_worker_probes_after_the_break() {
        let breaker = CircuitBreaker::default();
        let began = Instant::now();
        let now = began + SLOW_ANSWER;
        assert!(breaker.refused(&silence(), began, now));
        let after = now + OPEN_FOR;
        let first = breaker.permit(after).expect("a permit");
        assert!(breaker.permit(after).is_err());
        // An attempt without an answer starts another break; a cancelled one lets another worker try.
        assert!(breaker.refused(&silence(), after, after + SLOW_ANSWER));
        drop(first);
        let after = after + SLOW_ANSWER + OPEN_FOR;
        drop(breaker.permit(after).expect("a permit"));
        let first = breaker.permit(after).expect("a permit");
        assert!(breaker.permit(after).is_err());
        breaker.close();
        let others = (breaker.permit(after), breaker.permit(after));
        assert!(others.0.is_ok() && others.1.is_ok());
        drop(first);
    }
}
