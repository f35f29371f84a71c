//! Bearer tokens: random texts that authorise their holder, and the hashes under which they are stored.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Random bytes of a token: 256 bits, which cannot be guessed.
pub const BYTES: usize = 32;

/// The SHA-256 of a text, hexadecimal.
pub fn hash_of(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

/// A new random text of [`BYTES`] bytes, in base64 for URLs.
pub fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; BYTES]>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_distinct_and_hashes_are_sha_256() {
        let (one, other) = (random_text(), random_text());
        assert_ne!(one, other);
        assert_eq!(one.len(), 43);
        assert!(
            one.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        );
        // As `printf abc | sha256sum` says.
        assert_eq!(
            hash_of("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
