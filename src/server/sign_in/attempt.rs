//! A sign-in under way: its state, nonce and PKCE verifier. They are in a cookie of the browser that began it, with a
//! name of its own so that several tabs can sign in. A callback in another browser, or with another `state`, is
//! refused.
//!
//! The cookie need not be signed: by changing it, a browser only breaks its own sign-in.

use std::time::Duration;

use url::form_urlencoded;

use crate::delivery::request::RequestId;
use crate::delivery::tokens::{hash_of, random_text};

/// The time that people have for signing in at the issuer.
pub const LONGEST: Duration = Duration::from_secs(10 * 60);
/// The limit of sign-ins under way in one browser; beginning another one ends them.
pub const MOST_AT_ONCE: usize = 5;
/// What the plain names of all attempts' cookies begin with.
pub const COOKIE: &str = "pragati-sign-in";
/// Characters of the `state` in the cookie's name.
const NAMED_BY: usize = 16;
/// The target "the page", as the cookie has it.
const PAGE: &str = "page";
/// The longest parameter that is accepted, in bytes. Codes are short; those of some issuers have a kB.
const LONGEST_PARAMETER: usize = 8 * 1024;

/// Where the browser goes after the sign-in. A closed set, so that there is no open redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The page of the download ratio.
    Page,
    /// The file of a request.
    Download(RequestId),
}

/// A sign-in under way.
#[derive(Clone)]
pub struct Attempt {
    /// The `state`, which the issuer repeats in the callback's address.
    pub state: String,
    /// What the issuer repeats in the ID token.
    pub nonce: String,
    /// The PKCE verifier, of which the issuer gets the hash.
    pub verifier: String,
    pub target: Target,
}

/// The parameters of the callback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallbackParameters {
    pub state: String,
    pub code: Option<String>,
    pub error: Option<String>,
    /// `iss` (RFC 9207).
    pub issuer: Option<String>,
}

impl Target {
    /// Its path below the public address.
    pub fn path(self) -> String {
        match self {
            Self::Page => String::new(),
            Self::Download(id) => format!("download/{id}"),
        }
    }

    fn word(self) -> String {
        match self {
            Self::Page => PAGE.to_owned(),
            Self::Download(id) => id.compact(),
        }
    }

    fn of_word(word: &str) -> Option<Self> {
        match word {
            PAGE => Some(Self::Page),
            id => id.parse().ok().map(Self::Download),
        }
    }
}

impl Attempt {
    /// A new attempt, with random values.
    pub fn new(target: Target) -> Self {
        Self {
            state: random_text(),
            nonce: random_text(),
            // Of the length and the letters that RFC 7636 asks for.
            verifier: random_text(),
            target,
        }
    }

    /// Name and value of its cookie.
    pub fn to_cookie(&self) -> (String, String) {
        let Self {
            state,
            nonce,
            verifier,
            target,
        } = self;
        (
            cookie_name(state),
            format!("{state}.{nonce}.{verifier}.{}", target.word()),
        )
    }

    /// Parses a cookie; none where its `state` is another one.
    pub fn of_cookie(value: &str, state: &str) -> Option<Self> {
        let mut parts = value.split('.');
        let mut next = || parts.next().filter(|part| !part.is_empty()).map(str::to_owned);
        let attempt = Self {
            state: next()?,
            nonce: next()?,
            verifier: next()?,
            target: Target::of_word(&next()?)?,
        };
        (parts.next().is_none() && attempt.state == state).then_some(attempt)
    }

    /// The hash of the `state`, by which the store identifies the sign-in.
    pub fn hash(&self) -> String {
        hash_of(&self.state)
    }
}

/// The plain name of the cookie of the attempt with that `state`, which may be anything.
pub fn cookie_name(state: &str) -> String {
    let start: String = state
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
        .take(NAMED_BY)
        .collect();
    format!("{COOKIE}-{start}")
}

impl CallbackParameters {
    /// Parses the query; none where `state` is missing, or a parameter is repeated or too long.
    pub fn of_query(query: &str) -> Option<Self> {
        let (mut state, mut code, mut error, mut issuer) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let place = match name.as_ref() {
                "state" => &mut state,
                "code" => &mut code,
                "error" => &mut error,
                "iss" => &mut issuer,
                // Issuers add others, such as `session_state`.
                _ => continue,
            };
            if value.len() > LONGEST_PARAMETER || place.replace(value.into_owned()).is_some() {
                return None;
            }
        }
        Some(Self {
            state: state?,
            code,
            error,
            issuer,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_is_read_as_it_was_written() {
        for target in [Target::Page, Target::Download(RequestId::new())] {
            let attempt = Attempt::new(target);
            let (name, value) = attempt.to_cookie();
            assert_eq!(name, cookie_name(&attempt.state));
            let fit = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
            assert!(name.chars().chain(value.chars()).all(fit), "{value}");
            let read = Attempt::of_cookie(&value, &attempt.state).expect("the attempt");
            assert_eq!(
                (&read.nonce, &read.verifier, read.target),
                (&attempt.nonce, &attempt.verifier, target)
            );
            let other = Attempt::new(target);
            assert!(Attempt::of_cookie(&value, &other.state).is_none(), "another state");
            assert_ne!((&other.nonce, &other.verifier), (&attempt.nonce, &attempt.verifier));
        }
        for bad in [
            "",
            "a.b.c",
            "a.b.c.page.e",
            "a..c.page",
            "a.b.c.https://evil.example",
            "a.b.c.",
        ] {
            assert!(Attempt::of_cookie(bad, "a").is_none(), "{bad}");
        }
        assert!(Attempt::of_cookie("a.b.c.page", "a").is_some());
    }

    #[test]
    fn parameters_are_there_once() {
        let good =
            CallbackParameters::of_query("code=a%2Fb&state=s&session_state=x&iss=https%3A%2F%2Fi").expect("good");
        assert_eq!(good.code.as_deref(), Some("a/b"));
        assert_eq!(good.issuer.as_deref(), Some("https://i"));
        for bad in [
            "",
            "code=a",
            "code=a&state=s&state=t",
            "code=a&code=b&state=s",
            "state=s&iss=a&iss=a",
        ] {
            assert_eq!(CallbackParameters::of_query(bad), None, "{bad}");
        }
        let long = format!("state=s&code={}", "a".repeat(LONGEST_PARAMETER + 1));
        assert_eq!(CallbackParameters::of_query(&long), None);
    }

    proptest::proptest! {
        #[test]
        fn any_state_gives_a_valid_cookie_name(state in ".*") {
            let name = cookie_name(&state);
            proptest::prop_assert!(name.len() <= COOKIE.len() + 1 + NAMED_BY);
            proptest::prop_assert!(name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_".contains(letter)));
        }

        #[test]
        fn no_cookie_and_no_query_makes_the_parsers_panic(text in ".*") {
            let _ = Attempt::of_cookie(&text, "s");
            let _ = CallbackParameters::of_query(&text);
        }
    }
}
