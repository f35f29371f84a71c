//! Validates the claims of an ID token (OpenID Connect Core, 3.1.3.7) whose signature has been verified. It proves that
//! somebody has signed in, for the one browser that asked; it is never taken in the place of an access token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::checks::{Checked, expiry, issued_at, issuer, not_before};
use super::claims::claim;
use super::refusal::Reason;
use crate::config::TokenAlgorithm;

/// How an ID token was asked for.
pub struct AskedIdToken<'a> {
    /// The client that asked.
    pub client: &'a str,
    /// The nonce that it must repeat, so that a token of another sign-in cannot be injected.
    pub nonce: &'a str,
    /// The access token that came with it.
    pub access_token: &'a str,
}

/// Whether the ID token is the one that was asked for.
///
/// # Errors
///
/// Why it is not.
pub fn check(token: Checked, asked: &AskedIdToken<'_>) -> Result<(), Reason> {
    kind(token)?;
    issuer(token)?;
    audience(token, asked.client)?;
    expiry(token)?;
    not_before(token)?;
    issued_at(token)?;
    if claim(token.claims, "nonce").ok_or(Reason::Lacks("nonce"))? != asked.nonce {
        return Err(Reason::Nonce);
    }
    access_token_hash(token, asked.access_token)
}

/// Refuses a token that says it is something else: an access token (RFC 9068), another one of Keycloak's, or a logout
/// token.
fn kind(token: Checked) -> Result<(), Reason> {
    let media_type = token.header.kind.as_deref().unwrap_or("JWT");
    let is_other = match claim(token.claims, "typ") {
        None => false,
        Some(kind) => kind != "ID",
    };
    if is_other || !media_type.eq_ignore_ascii_case("JWT") || claim(token.claims, "events").is_some() {
        return Err(Reason::NotIdToken);
    }
    Ok(())
}

/// Checks that it is for our client; where it is for others too, that it was made for our client.
fn audience(token: Checked, client: &str) -> Result<(), Reason> {
    let (is_for_us, is_for_others) = match claim(token.claims, "aud").ok_or(Reason::Lacks("aud"))? {
        Value::String(one) => (one == client, false),
        Value::Array(all) => (all.iter().any(|one| one == client), all.len() > 1),
        _ => return Err(Reason::Malformed("aud")),
    };
    if !is_for_us {
        return Err(Reason::Audience);
    }
    match claim(token.claims, "azp") {
        Some(party) if party != client => Err(Reason::AuthorizedParty),
        None if is_for_others => Err(Reason::AuthorizedParty),
        _ => Ok(()),
    }
}

/// Checks `at_hash`, where it is there: the left half of the access token's hash, by the hash function of the signature's
/// algorithm.
fn access_token_hash(token: Checked, access_token: &str) -> Result<(), Reason> {
    let Some(given) = claim(token.claims, "at_hash") else {
        return Ok(());
    };
    let bytes = access_token.as_bytes();
    let algorithm = TokenAlgorithm::of_name(&token.header.algorithm).ok_or(Reason::Algorithm)?;
    let hash = match algorithm {
        TokenAlgorithm::RS256 | TokenAlgorithm::PS256 | TokenAlgorithm::ES256 => Sha256::digest(bytes).to_vec(),
        TokenAlgorithm::RS384 | TokenAlgorithm::PS384 | TokenAlgorithm::ES384 => Sha384::digest(bytes).to_vec(),
        TokenAlgorithm::RS512 | TokenAlgorithm::PS512 | TokenAlgorithm::EdDSA => Sha512::digest(bytes).to_vec(),
    };
    let half = URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2]);
    if given != half.as_str() {
        return Err(Reason::AccessTokenHash);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::checks::tried::{rules, with_token};
    use super::*;

    const ASKED: AskedIdToken<'static> = AskedIdToken {
        client: "pragati",
        nonce: "n-0S6_WzA2Mj",
        // From the examples of OpenID Connect Core, A.3.
        access_token: "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
    };

    fn good() -> Value {
        json!({
            "iss": "https://login.example.org", "aud": "pragati", "sub": "asha", "nonce": "n-0S6_WzA2Mj",
            "exp": 1_800_000_060, "iat": 1_800_000_000, "at_hash": "77QmUPtjPfzWtF2AnpK9RQ",
        })
    }

    /// The reason against the token.
    fn refused(algorithm: &str, typ: Option<&str>, claims: &Value) -> Option<Reason> {
        with_token(&rules(|_| ()), algorithm, typ, claims, |token| {
            check(token, &ASKED).err()
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = good();
        claims[name] = value;
        claims
    }

    #[test]
    fn an_id_token_is_for_one_sign_in_at_one_client() {
        assert_eq!(refused("RS256", Some("JWT"), &good()), None);
        for (claims, reason) in [
            (with("iss", json!("https://evil.example.org")), Some(Reason::Issuer)),
            (with("aud", json!(["pragati"])), None),
            (with("aud", json!("reports")), Some(Reason::Audience)),
            (with("aud", Value::Null), Some(Reason::Lacks("aud"))),
            (with("aud", json!(["pragati", "other"])), Some(Reason::AuthorizedParty)),
            (with("azp", json!("other")), Some(Reason::AuthorizedParty)),
            (with("azp", json!("pragati")), None),
            (with("nonce", json!("another")), Some(Reason::Nonce)),
            (with("nonce", json!(["n-0S6_WzA2Mj"])), Some(Reason::Nonce)),
            (with("nonce", Value::Null), Some(Reason::Lacks("nonce"))),
            (with("at_hash", json!("AAAA")), Some(Reason::AccessTokenHash)),
            (with("at_hash", json!(7)), Some(Reason::AccessTokenHash)),
            (with("at_hash", Value::Null), None),
            (with("typ", json!("ID")), None),
            (with("typ", json!("Bearer")), Some(Reason::NotIdToken)),
            (with("events", json!({})), Some(Reason::NotIdToken)),
        ] {
            assert_eq!(refused("RS256", None, &claims), reason, "{claims}");
        }
        let mut both = with("aud", json!(["pragati", "other"]));
        both["azp"] = json!("pragati");
        assert_eq!(refused("RS256", None, &both), None);
        assert_eq!(refused("RS256", Some("at+jwt"), &good()), Some(Reason::NotIdToken));
        assert_eq!(refused("RS512", None, &good()), Some(Reason::AccessTokenHash));
    }

    #[test]
    fn clocks_may_differ_a_little() {
        for (claims, reason) in [
            (with("exp", json!(1_800_000_000 - 29)), None),
            (with("exp", json!(1_800_000_000 - 30)), Some(Reason::Expired)),
            (with("iat", json!(1_800_000_030)), None),
            (with("iat", json!(1_800_000_031)), Some(Reason::IssuedLater)),
            (with("iat", Value::Null), Some(Reason::Lacks("iat"))),
            (with("iat", json!("now")), Some(Reason::Malformed("iat"))),
            (with("nbf", json!(1_800_000_030)), None),
            (with("nbf", json!(1_800_000_031)), Some(Reason::NotYet)),
        ] {
            assert_eq!(refused("RS256", None, &claims), reason, "{claims}");
        }
    }
}
