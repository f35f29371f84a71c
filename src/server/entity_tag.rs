//! Entity tags: digests that identify contents, for conditional requests (RFC 9110, section 8.8.3).

use axum::http::HeaderMap;
use axum::http::header::IF_NONE_MATCH;
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// The first `bytes` of the SHA-256 of some parts, each with its length, in hexadecimal.
pub fn digest_of<'a>(parts: impl IntoIterator<Item = &'a [u8]>, bytes: usize) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update(part.len().to_le_bytes());
        digest.update(part);
    }
    hex(&digest.finalize()[..bytes])
}

/// The tags of contents that the client has, as it wrote them.
pub fn known_tags(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// Whether a client's tag is the content's, strong or weak.
pub fn is_tag_of(tag: &str, etag: &str) -> bool {
    tag.strip_prefix("W/").unwrap_or(tag) == etag
}
