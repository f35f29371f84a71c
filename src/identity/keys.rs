//! The public keys of a JSON Web Key Set (RFC 7517) that may sign login tokens, and which of them a token may be signed
//! with.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::jwk::{self, TokenKey, Unusable};
use crate::config::TokenAlgorithm;

/// How many keys are tried where a token or the set has no ids.
const MOST_TRIED: usize = 16;

/// The usable keys of a set.
#[derive(Debug, Default)]
pub struct KeySet {
    keys: Vec<Arc<TokenKey>>,
    passed_over: Vec<PassedOver>,
}

/// A key of the set that is not used.
#[derive(Debug, thiserror::Error)]
#[error("{} {reason}", named(.id.as_deref()))]
pub struct PassedOver {
    pub id: Option<String>,
    #[source]
    pub reason: Unusable,
}

/// A key set without a usable key.
#[derive(Debug, thiserror::Error)]
pub enum KeySetError {
    #[error("not a JSON Web Key Set: {0}")]
    NotASet(#[source] serde_json::Error),
    #[error("no key is for {algorithms} signatures{}", listed(.passed_over))]
    NoKey {
        algorithms: String,
        passed_over: Vec<PassedOver>,
    },
}

/// The keys that a token may be signed with.
#[derive(Debug)]
pub enum Candidates {
    /// Those of the token's key id, for its algorithm.
    OfId(Vec<Arc<TokenKey>>),
    /// Those for its algorithm, because the token or the set has no ids.
    OfAlgorithm(Vec<Arc<TokenKey>>),
    /// There are keys of the token's key id, but for other algorithms.
    OtherAlgorithm,
    /// There are none.
    None,
}

impl Candidates {
    /// The keys.
    pub fn keys(&self) -> &[Arc<TokenKey>] {
        match self {
            Self::OfId(keys) | Self::OfAlgorithm(keys) => keys,
            Self::OtherAlgorithm | Self::None => &[],
        }
    }

    /// The keys that are not among `tried`, so that no signature is verified twice with one key.
    pub fn beside(&self, tried: &Self) -> impl Iterator<Item = &Arc<TokenKey>> {
        let untried = move |key: &&Arc<TokenKey>| !tried.keys().iter().any(|one| Arc::ptr_eq(one, key));
        self.keys().iter().filter(untried)
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// The keys of a JWKS document for the accepted algorithms; others, such as those for encryption, are passed over.
    ///
    /// # Errors
    ///
    /// Where it is not a JWKS, or no key is usable.
    pub fn parse(document: &[u8], algorithms: &[TokenAlgorithm]) -> Result<Self, KeySetError> {
        let document: Document = serde_json::from_slice(document).map_err(KeySetError::NotASet)?;
        let mut set = Self::default();
        for key in document.keys {
            let id = jwk::id_of(&key);
            match TokenKey::parse(key, algorithms) {
                Ok(key) => set.keys.push(Arc::new(key)),
                Err(reason) => set.passed_over.push(PassedOver { id, reason }),
            }
        }
        if set.keys.is_empty() {
            let names: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
            return Err(KeySetError::NoKey {
                algorithms: names.join(" or "),
                passed_over: set.passed_over,
            });
        }
        Ok(set)
    }

    /// The keys for a token of that key id and algorithm. Several keys may share an id.
    pub fn candidates(&self, id: Option<&str>, algorithm: TokenAlgorithm) -> Candidates {
        let fit = |wanted: &dyn Fn(&TokenKey) -> bool| -> Vec<Arc<TokenKey>> {
            let fitting = self.keys.iter().filter(|key| key.is_for(algorithm) && wanted(key));
            fitting.take(MOST_TRIED).cloned().collect()
        };
        if let Some(id) = id
            && self.keys.iter().any(|key| key.id.as_deref() == Some(id))
        {
            let of_id = fit(&|key| key.id.as_deref() == Some(id));
            return if of_id.is_empty() {
                Candidates::OtherAlgorithm
            } else {
                Candidates::OfId(of_id)
            };
        }
        let of_algorithm = fit(&|key| id.is_none() || key.id.is_none());
        if of_algorithm.is_empty() {
            Candidates::None
        } else {
            Candidates::OfAlgorithm(of_algorithm)
        }
    }

    /// The usable keys.
    pub fn keys(&self) -> &[Arc<TokenKey>] {
        &self.keys
    }

    /// The keys that are not used although the issuer most likely meant them for tokens, each with its reason.
    pub fn faults(&self) -> Vec<String> {
        let faults = self.passed_over.iter().filter(|one| one.reason.is_fault());
        faults.map(ToString::to_string).collect()
    }

    /// Whether there are none, as before the first fetch.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// The longest part of an id that is shown.
const SHOWN: usize = 60;

/// A key in words. Ids come from others: their control characters are escaped.
pub fn named(id: Option<&str>) -> String {
    match id {
        Some(id) => {
            let short: String = id.chars().take(SHOWN).collect();
            format!("key {short:?}")
        }
        None => "a key without id".to_owned(),
    }
}

fn listed(passed_over: &[PassedOver]) -> String {
    const MOST: usize = 5;
    let mut text = String::new();
    for one in passed_over.iter().take(MOST) {
        text.push_str("; ");
        text.push_str(&one.to_string());
    }
    if passed_over.len() > MOST {
        text.push_str(&format!("; and {} more", passed_over.len() - MOST));
    }
    text
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;

    fn rsa(id: Option<&str>, more: Value) -> Value {
        let modulus = URL_SAFE_NO_PAD.encode(vec![0xdb_u8; 256]);
        let mut key = json!({"kty": "RSA", "kid": id, "n": modulus, "e": "AQAB"});
        let fields = more.as_object().expect("fields").clone();
        key.as_object_mut().expect("a key").extend(fields);
        key
    }

    fn ec(id: Option<&str>) -> Value {
        // The generator of P-256 (NIST SP 800-186), a point like any other.
        let x = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY";
        let y = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";
        json!({"kty": "EC", "kid": id, "crv": "P-256", "x": x, "y": y})
    }

    fn set(keys: Value, algorithms: &[TokenAlgorithm]) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({"keys": keys}).to_string().as_bytes(), algorithms)
    }

    /// How the keys were chosen, and how many there are.
    fn chosen(set: &KeySet, id: Option<&str>, algorithm: TokenAlgorithm) -> (&'static str, usize) {
        let candidates = set.candidates(id, algorithm);
        let how = match &candidates {
            Candidates::OfId(_) => "id",
            Candidates::OfAlgorithm(_) => "algorithm",
            Candidates::OtherAlgorithm => "other algorithm",
            Candidates::None => "none",
        };
        (how, candidates.keys().len())
    }

    #[test]
    fn a_key_is_found_by_its_id_and_must_be_for_the_algorithm() {
        let keys = json!([rsa(Some("rsa"), json!({"alg": "RS256"})), ec(Some("ec"))]);
        let set = set(keys, &TokenAlgorithm::ALL).expect("keys");
        assert_eq!(chosen(&set, Some("rsa"), TokenAlgorithm::RS256), ("id", 1));
        assert_eq!(chosen(&set, Some("rsa"), TokenAlgorithm::RS512), ("other algorithm", 0));
        assert_eq!(chosen(&set, Some("ec"), TokenAlgorithm::RS256), ("other algorithm", 0));
        assert_eq!(chosen(&set, Some("made up"), TokenAlgorithm::RS256), ("none", 0));
        // A token without a key id: what fits its algorithm.
        assert_eq!(chosen(&set, None, TokenAlgorithm::ES256), ("algorithm", 1));
        assert_eq!(chosen(&set, None, TokenAlgorithm::EdDSA), ("none", 0));
    }

    #[test]
    fn keys_may_share_an_id_or_have_none() {
        let keys = json!([
            rsa(Some("a"), json!({})),
            ec(Some("a")),
            rsa(Some("a"), json!({})),
            ec(None),
            ec(Some(""))
        ]);
        let set = set(keys, &TokenAlgorithm::ALL).expect("keys");
        assert_eq!(chosen(&set, Some("a"), TokenAlgorithm::PS256), ("id", 2));
        assert_eq!(chosen(&set, Some("a"), TokenAlgorithm::ES256), ("id", 1));
        assert_eq!(chosen(&set, Some("b"), TokenAlgorithm::ES256), ("algorithm", 2));
        assert_eq!(chosen(&set, Some("b"), TokenAlgorithm::RS256), ("none", 0));
        let many: Vec<Value> = (0..100).map(|_| ec(None)).collect();
        let many = super::KeySet::parse(json!({"keys": many}).to_string().as_bytes(), &TokenAlgorithm::ALL);
        let many = many.expect("keys");
        assert_eq!(chosen(&many, None, TokenAlgorithm::ES256), ("algorithm", MOST_TRIED));
    }

    #[test]
    fn a_set_without_usable_keys_is_an_error_that_says_why() {
        let all = TokenAlgorithm::ALL;
        assert!(matches!(KeySet::parse(b"<html>", &all), Err(KeySetError::NotASet(_))));
        assert!(set(json!([]), &all).is_err());
        let keys = json!([
            rsa(Some("p\u{7}"), json!({"n": "AAA="})),
            rsa(None, json!({"use": "enc"})),
        ]);
        let complaint = set(keys, &[TokenAlgorithm::RS256, TokenAlgorithm::ES256]).expect_err("no key");
        assert_eq!(
            complaint.to_string(),
            "no key is for RS256 or ES256 signatures; key \"p\\u{7}\" has an n in padded base64: keys have no '='; \
             a key without id is for something else than signatures (use)"
        );
    }

    #[test]
    fn keys_that_were_tried_are_not_tried_again() {
        let keys = || set(json!([ec(None), ec(Some("second"))]), &TokenAlgorithm::ALL).expect("keys");
        let (known, fetched) = (keys(), keys());
        let tried = known.candidates(None, TokenAlgorithm::ES256);
        let again = known.candidates(None, TokenAlgorithm::ES256);
        assert_eq!(again.beside(&tried).count(), 0);
        let newer = fetched.candidates(None, TokenAlgorithm::ES256);
        assert_eq!(newer.beside(&tried).count(), 2);
        assert_eq!(again.beside(&Candidates::None).count(), 2);
    }

    #[test]
    fn only_faults_are_told() {
        let keys = json!([
            ec(Some("good")),
            rsa(Some("padded"), json!({"n": "AAA="})),
            rsa(None, json!({"use": "enc"}))
        ]);
        let set = set(keys, &TokenAlgorithm::ALL).expect("keys");
        assert_eq!(set.keys().len(), 1);
        assert_eq!(
            set.faults(),
            ["key \"padded\" has an n in padded base64: keys have no '='"]
        );
    }
}
