//! Fingerprints: short digests by which the content of two nights is compared without the content.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::hex::hex;

/// Bytes that are collected before they are hashed: small pieces would each pass through the hash's own buffer.
const HASHED_AT_ONCE: usize = 16 * 1024;
/// Stands for the length of a text that is missing.
const NO_TEXT: u32 = u32::MAX;

/// The first 128 bits of a SHA-256. Equal fingerprints mean equal content: to find other content with the fingerprint
/// of a given one takes 2¹²⁸ tries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// Its bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

/// Written as 32 hexadecimal digits, as in the manifest.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// Takes a fingerprint of values in their order, without ambiguity: a text is hashed with its length.
#[derive(Debug, Default)]
pub struct FingerprintBuilder {
    hash: Sha256,
    bytes: Vec<u8>,
}

impl FingerprintBuilder {
    /// Adds a text, or that it is missing.
    pub fn text(&mut self, text: Option<&str>) {
        match text {
            None => self.bytes.extend_from_slice(&NO_TEXT.to_le_bytes()),
            Some(text) => {
                let length = u32::try_from(text.len()).unwrap_or(NO_TEXT - 1);
                self.bytes.extend_from_slice(&length.to_le_bytes());
                self.bytes.extend_from_slice(text.as_bytes());
            }
        }
        self.hash_if_many();
    }

    /// Adds any bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        self.hash_if_many();
    }

    /// Adds values whose number of bytes is always the same.
    pub fn fixed<const BYTES: usize>(&mut self, values: &[u8; BYTES]) {
        self.bytes.extend_from_slice(values);
        self.hash_if_many();
    }

    /// The fingerprint of all that was added. The builder can be used again.
    pub fn finish(&mut self) -> Fingerprint {
        self.hash.update(&self.bytes);
        self.bytes.clear();
        let digest = self.hash.finalize_reset();
        let mut first = [0; 16];
        first.copy_from_slice(&digest[..16]);
        Fingerprint(first)
    }

    fn hash_if_many(&mut self) {
        if self.bytes.len() >= HASHED_AT_ONCE {
            self.hash.update(&self.bytes);
            self.bytes.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(texts: &[Option<&str>]) -> Fingerprint {
        let mut builder = FingerprintBuilder::default();
        texts.iter().for_each(|text| builder.text(*text));
        builder.finish()
    }

    #[test]
    fn texts_that_only_look_alike_when_joined_differ() {
        let all = [
            of(&[Some("ab"), Some("c")]),
            of(&[Some("a"), Some("bc")]),
            of(&[Some("abc")]),
            of(&[Some("abc"), None]),
            of(&[Some("abc"), Some("")]),
            of(&[None, Some("abc")]),
        ];
        for (place, print) in all.iter().enumerate() {
            assert!(!all[..place].contains(print), "{place}");
        }
    }

    #[test]
    fn a_builder_starts_anew_and_large_content_is_hashed_as_small() {
        let mut builder = FingerprintBuilder::default();
        let long = "अ".repeat(HASHED_AT_ONCE);
        builder.text(Some(&long));
        builder.fixed(&[1, 2]);
        let first = builder.finish();
        builder.text(Some(&long));
        builder.fixed(&[1, 2]);
        assert_eq!(builder.finish(), first);
        let mut whole = Vec::from((long.len() as u32).to_le_bytes());
        whole.extend_from_slice(long.as_bytes());
        whole.extend_from_slice(&[1, 2]);
        assert_eq!(first.to_string(), hex(&Sha256::digest(&whole)[..16]));
    }
}
