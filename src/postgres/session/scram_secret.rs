//! Passwords as the users file holds them: salted and stretched for SCRAM-SHA-256 (RFC 5802), never in the clear.
//!
//! A secret is enough to log in, so the users file is as private as a file of passwords.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pgwire::api::auth::Password;
use pgwire::api::auth::sasl::scram::gen_salted_password;
use sha2::{Digest, Sha256};

const SCHEME: &str = "scram-sha-256";
/// Iterations of the key derivation for new secrets (RFC 7677 requires 4096 at least).
const ITERATIONS: usize = 15_000;
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// The limit of iterations: more would keep a client busy for seconds.
const MOST_ITERATIONS: usize = 1_000_000;

/// A text that is not a secret of this form.
#[derive(Debug, thiserror::Error)]
#[error("the password is not one that `pragati password` wrote ({SCHEME}$…)")]
pub struct MalformedSecret;

/// A salted password.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramSecret {
    iterations: usize,
    salt: Vec<u8>,
    key: Vec<u8>,
}

impl ScramSecret {
    /// The secret of a new password.
    pub fn of_password(password: &str) -> Self {
        Self::salted(password, &rand::random::<[u8; SALT_BYTES]>())
    }

    /// A secret that no password has, for a user who does not exist: the same for every try, so that it cannot be told
    /// from one that does. `seed` is random for each process.
    pub fn of_nobody(user: &str, seed: &[u8; 32]) -> Self {
        let derived = |purpose: &[u8]| {
            let mut digest = Sha256::new();
            digest.update(seed);
            digest.update(purpose);
            digest.update(user.as_bytes());
            digest.finalize().to_vec()
        };
        Self {
            iterations: ITERATIONS,
            salt: derived(b"salt")[..SALT_BYTES].to_vec(),
            key: derived(b"key"),
        }
    }

    fn salted(password: &str, salt: &[u8]) -> Self {
        Self {
            iterations: ITERATIONS,
            salt: salt.to_vec(),
            key: gen_salted_password(password, salt, ITERATIONS),
        }
    }

    /// Iterations of the key derivation that the client has to compute.
    pub fn iterations(&self) -> usize {
        self.iterations
    }

    /// The secret in the form by which the library verifies logins.
    pub fn password(&self) -> Password {
        Password::new(Some(self.salt.clone()), self.key.clone())
    }
}

impl FromStr for ScramSecret {
    type Err = MalformedSecret;

    fn from_str(text: &str) -> Result<Self, MalformedSecret> {
        let mut parts = text.split('$');
        let (scheme, iterations, salted) = (parts.next(), parts.next(), parts.next());
        let (salt, key) = salted
            .and_then(|salted| salted.split_once(':'))
            .ok_or(MalformedSecret)?;
        let decoded = |text: &str| STANDARD.decode(text).map_err(|_| MalformedSecret);
        let secret = Self {
            iterations: iterations
                .and_then(|iterations| iterations.parse().ok())
                .ok_or(MalformedSecret)?,
            salt: decoded(salt)?,
            key: decoded(key)?,
        };
        let is_whole = scheme == Some(SCHEME)
            && parts.next().is_none()
            && !secret.salt.is_empty()
            && secret.key.len() == KEY_BYTES
            && (4096..=MOST_ITERATIONS).contains(&secret.iterations);
        is_whole.then_some(secret).ok_or(MalformedSecret)
    }
}

impl fmt::Display for ScramSecret {
    /// As the users file holds it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (salt, key) = (STANDARD.encode(&self.salt), STANDARD.encode(&self.key));
        write!(f, "{SCHEME}${}${salt}:{key}", self.iterations)
    }
}

impl fmt::Debug for ScramSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScramSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of RFC 7677, section 3, whose proof follows from this key.
    #[test]
    fn the_key_is_that_of_the_standard() {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        let key = gen_salted_password("pencil", &salt, 4096);
        assert_eq!(STANDARD.encode(key), "xKSVEDI6tPlSysH6mUQZOeeOp01r6B3fcJbodRPcYV0=");
    }

    #[test]
    fn a_secret_reads_as_it_was_written() {
        let secret = ScramSecret::of_password("correct horse");
        assert_eq!(secret.to_string().parse::<ScramSecret>().expect("a secret"), secret);
        assert_ne!(secret, ScramSecret::of_password("correct horse"), "salts differ");
        assert!(!format!("{secret:?}").contains('$'));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        let good = ScramSecret::of_password("x").to_string();
        let few = good.replace("15000", "100");
        for bad in [
            "",
            "pencil",
            "md5abc",
            "scram-sha-256$15000$abc",
            &few,
            &format!("{good}$"),
            &good[..good.len() - 8],
        ] {
            assert!(bad.parse::<ScramSecret>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,80}", iterations in any::<u64>()) {
            let _ = text.parse::<ScramSecret>();
            let _ = format!("{SCHEME}${iterations}${text}:{text}").parse::<ScramSecret>();
        }
    }

    #[test]
    fn an_unknown_user_has_the_same_secret_at_every_attempt() {
        let seed = [7; 32];
        assert_eq!(ScramSecret::of_nobody("a", &seed), ScramSecret::of_nobody("a", &seed));
        assert_ne!(ScramSecret::of_nobody("a", &seed), ScramSecret::of_nobody("b", &seed));
    }
}
