//! The public keys of a JSON Web Key Set that may sign login tokens. Each is for one algorithm, whatever a token says.

use std::collections::HashMap;
use std::sync::Arc;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;
use serde_json::Value;

use crate::config::TokenAlgorithm;

/// Bytes of the modulus of the smallest RSA key that is believed: 2048 bits.
const SMALLEST_RSA_MODULUS: usize = 256;

/// A key and the one algorithm that it is for.
#[derive(Debug)]
pub struct TokenKey {
    pub algorithm: Algorithm,
    pub key: DecodingKey,
}

/// The usable keys by their ids.
#[derive(Debug, Default)]
pub struct KeySet(HashMap<String, Arc<TokenKey>>);

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    /// The keys of a JWKS document for the believed algorithms; other keys, such as those for encryption, are passed over.
    pub fn parse(document: &[u8], algorithms: &[TokenAlgorithm]) -> Result<Self, String> {
        let document: Document =
            serde_json::from_slice(document).map_err(|error| format!("not a JSON Web Key Set: {error}"))?;
        let mut keys = HashMap::new();
        for (id, key) in document.keys.into_iter().filter_map(|key| usable_key(key, algorithms)) {
            keys.entry(id).or_insert_with(|| Arc::new(key));
        }
        if keys.is_empty() {
            let wanted: Vec<String> = algorithms.iter().map(|algorithm| format!("{algorithm:?}")).collect();
            let wanted = wanted.join(" or ");
            return Err(format!(
                "no key has an id (kid) and is for {wanted} signatures (RSA: of 2048 bits or more)"
            ));
        }
        Ok(Self(keys))
    }

    /// The key of that id.
    pub fn get(&self, id: &str) -> Option<Arc<TokenKey>> {
        self.0.get(id).cloned()
    }

    /// Whether there are none, as before the first look.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn usable_key(key: Value, algorithms: &[TokenAlgorithm]) -> Option<(String, TokenKey)> {
    let key: Jwk = serde_json::from_value(key).ok()?;
    let id = key.common.key_id.clone().filter(|id| !id.is_empty())?;
    let is_for_signatures = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    let (kind, named, algorithm) = match &key.algorithm {
        AlgorithmParameters::RSA(_) => (TokenAlgorithm::RS256, KeyAlgorithm::RS256, Algorithm::RS256),
        AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
            (TokenAlgorithm::ES256, KeyAlgorithm::ES256, Algorithm::ES256)
        }
        _ => return None,
    };
    let is_believed = algorithms.contains(&kind) && key.common.key_algorithm.is_none_or(|name| name == named);
    if !is_for_signatures || !is_believed {
        return None;
    }
    let key = DecodingKey::from_jwk(&key).ok()?;
    is_strong(&key).then_some((id, TokenKey { algorithm, key }))
}

fn is_strong(key: &DecodingKey) -> bool {
    match key.kind() {
        DecodingKeyKind::RsaModulusExponent { n, .. } => {
            n.iter().skip_while(|byte| **byte == 0).count() >= SMALLEST_RSA_MODULUS
        }
        DecodingKeyKind::SecretOrDer(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ALL: &[TokenAlgorithm] = &[TokenAlgorithm::RS256, TokenAlgorithm::ES256];

    fn rsa(id: &str, modulus_bytes: usize, more: Value) -> Value {
        // Base64 of bytes 0xdb…; four letters are three bytes.
        let modulus = "29vb".repeat(modulus_bytes.div_ceil(3));
        let mut key = json!({"kty": "RSA", "kid": id, "n": modulus, "e": "AQAB"});
        let fields = more.as_object().expect("fields").clone();
        key.as_object_mut().expect("a key").extend(fields);
        key
    }

    fn ids(keys: Value, algorithms: &[TokenAlgorithm]) -> Result<Vec<String>, String> {
        let set = KeySet::parse(json!({"keys": keys}).to_string().as_bytes(), algorithms)?;
        let mut ids: Vec<String> = set.0.into_keys().collect();
        ids.sort();
        Ok(ids)
    }

    #[test]
    fn only_strong_signature_keys_of_the_believed_algorithms_are_taken() {
        let curve = json!({"kty": "EC", "kid": "ec", "crv": "P-256", "x": "AAAA", "y": "AAAA"});
        let keys = json!([
            rsa("rsa", 256, json!({"alg": "RS256", "use": "sig"})),
            rsa("plain", 512, json!({})),
            rsa("encryption", 256, json!({"use": "enc", "alg": "RSA-OAEP"})),
            rsa("rs512", 256, json!({"alg": "RS512"})),
            rsa("weak", 128, json!({"alg": "RS256"})),
            rsa("", 256, json!({})),
            {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
            curve,
            {"kty": "EC", "kid": "p384", "crv": "P-384", "x": "AAAA", "y": "AAAA"},
            {"kty": "oct", "kid": "secret", "k": "AAAA", "alg": "HS256"},
            {"kty": "OKP", "kid": "ed", "crv": "X448", "x": "AAAA"},
            7
        ]);
        assert_eq!(ids(keys.clone(), ALL).expect("keys"), ["ec", "plain", "rsa"]);
        assert_eq!(ids(keys, &[TokenAlgorithm::ES256]).expect("keys"), ["ec"]);
    }

    #[test]
    fn a_set_without_usable_keys_is_an_error() {
        assert!(ids(json!([]), ALL).is_err());
        assert!(KeySet::parse(b"<html>", ALL).is_err());
        let complaint = ids(json!([{"kty": "oct", "kid": "s", "k": "AAAA"}]), ALL).expect_err("no key");
        assert!(complaint.contains("RS256 or ES256"), "{complaint}");
    }
}
