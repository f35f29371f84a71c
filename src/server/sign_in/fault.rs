//! Faults of sign-ins, in words for operators, and a rate-limited log of them, which a flood of forged callbacks does
//! not fill.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::delivery::store::StoreError;
use crate::identity::Refusal;

/// The least time between two lines of one kind.
const QUIET: Duration = Duration::from_secs(60);
/// The longest word of an issuer that is repeated.
const LONGEST_WORD: usize = 40;

/// Why a sign-in failed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SignInFault {
    #[error("it did not begin in that browser, or more than ten minutes ago")]
    NotBegunHere,
    #[error("the same sign-in was used before")]
    UsedBefore,
    #[error("the issuer said meanwhile that its session has ended")]
    EndedAtIssuer,
    #[error("another issuer sent the browser back (iss)")]
    OtherIssuer,
    #[error("the issuer sent the browser back without a code")]
    NoCode,
    /// A word of OAuth, such as `access_denied`.
    #[error("the issuer says {0}")]
    IssuerSays(String),
    #[error("the issuer does not accept this service (invalid_client): check sign_in.client_id and its secret")]
    ClientRefused,
    #[error("{url} cannot be asked: {reason}")]
    Unreachable { url: String, reason: String },
    #[error("{url} cannot be used: {reason}")]
    Unusable { url: String, reason: String },
    #[error("the issuer could not be asked a moment ago")]
    NoIssuer,
    #[error("a token that the issuer gave is refused: {0}")]
    Token(#[from] Refusal),
    /// The database failed, in its words.
    #[error("{0}")]
    Store(String),
}

impl From<StoreError> for SignInFault {
    fn from(error: StoreError) -> Self {
        Self::Store(error.to_string())
    }
}

impl SignInFault {
    /// The error code of the issuer. It comes through the browser, where it can be forged, so it is checked before it
    /// is logged.
    pub fn issuer_says(word: &str) -> Self {
        let is_word = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        if word.is_empty() || word.len() > LONGEST_WORD || !word.chars().all(is_word) {
            return Self::IssuerSays("something that is no word of OAuth".to_owned());
        }
        Self::IssuerSays(word.to_owned())
    }

    /// Whether the fault is temporary: the issuer or the database is unavailable.
    pub fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Unusable { .. }
                | Self::NoIssuer
                | Self::Store(_)
                | Self::Token(Refusal::NoKeys)
        )
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::NotBegunHere => "not begun here",
            Self::UsedBefore => "used before",
            Self::EndedAtIssuer => "ended at issuer",
            Self::OtherIssuer => "other issuer",
            Self::NoCode => "no code",
            Self::IssuerSays(_) => "issuer says",
            Self::ClientRefused => "client refused",
            Self::Unreachable { .. } | Self::NoIssuer => "unreachable",
            Self::Unusable { .. } => "unusable",
            Self::Token(_) => "token",
            Self::Store(_) => "store",
        }
    }
}

/// Writes a line for the first fault of each kind, then one a minute with a count.
#[derive(Debug, Default)]
pub struct FaultLog(Mutex<HashMap<&'static str, Noted>>);

#[derive(Debug)]
struct Noted {
    last_line: Instant,
    /// The faults since then.
    more: u64,
}

impl FaultLog {
    /// Takes note of a fault, and writes a line where it is time for one.
    pub fn note(&self, fault: &SignInFault) {
        if let Some(line) = self.line(fault, Instant::now()) {
            tracing::warn!("{line}");
        }
    }

    fn line(&self, fault: &SignInFault, now: Instant) -> Option<String> {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let first = Noted {
            last_line: now,
            more: 0,
        };
        let Some(before) = noted.get_mut(fault.kind()) else {
            noted.insert(fault.kind(), first);
            return Some(format!("somebody could not sign in: {fault}"));
        };
        if now.saturating_duration_since(before.last_line) < QUIET {
            before.more += 1;
            return None;
        }
        let Noted { more, .. } = std::mem::replace(before, first);
        Some(match more {
            0 => format!("somebody could not sign in: {fault}"),
            more => format!("somebody could not sign in: {fault}; {more} more like it since the last line"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_sign_ins_is_a_line_a_minute_for_each_kind() {
        let log = FaultLog::default();
        let start = Instant::now();
        let lines = (0..600).filter_map(|tenth| {
            let now = start + Duration::from_millis(100 * tenth);
            log.line(&SignInFault::issuer_says(&format!("word_{tenth}")), now)
        });
        assert_eq!(lines.count(), 1);
        assert!(log.line(&SignInFault::NotBegunHere, start).is_some(), "another kind");
        let next = log.line(&SignInFault::issuer_says("access_denied"), start + QUIET);
        assert_eq!(
            next.as_deref(),
            Some("somebody could not sign in: the issuer says access_denied; 599 more like it since the last line")
        );
    }

    #[test]
    fn words_from_an_address_cannot_write_the_log() {
        assert_eq!(
            SignInFault::issuer_says("login_required").to_string(),
            "the issuer says login_required"
        );
        for bad in ["", "a\nERROR forged", "<script>", &"a".repeat(41), "asha@example.org"] {
            let words = SignInFault::issuer_says(bad).to_string();
            assert_eq!(words, "the issuer says something that is no word of OAuth");
        }
    }
}
