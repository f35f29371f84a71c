//! The id of a session: random, in the browser's cookie, and known to the store by its hash alone.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::delivery::tokens::{BYTES, hash_of, random_text};

/// A session's id, as its cookie has it.
pub struct SessionId(String);

impl SessionId {
    /// A new random id.
    pub fn new() -> Self {
        Self(random_text())
    }

    /// Parses the id of a cookie; none where it has not the form of an id.
    pub fn of_cookie(value: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        (bytes.len() == BYTES).then(|| Self(value.to_owned()))
    }

    /// The id itself, for the cookie.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The hash of the id, by which the store identifies the session.
    pub fn hash(&self) -> String {
        hash_of(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_random_and_of_one_form() {
        let (one, other) = (SessionId::new(), SessionId::new());
        assert_ne!(one.reveal(), other.reveal());
        let read = SessionId::of_cookie(one.reveal()).expect("an id");
        assert_eq!(read.hash(), one.hash());
        assert_eq!(one.hash().len(), 64);
        for bad in ["", "a", "AAAA", &format!("{}=", one.reveal()), &"A".repeat(44), "ü"] {
            assert!(SessionId::of_cookie(bad).is_none(), "{bad}");
        }
    }
}
