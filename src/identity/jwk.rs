//! One key of a JSON Web Key Set (RFC 7517, 7518, 8037): whether tokens may be signed with it, and by which algorithms.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

use super::key_numbers::{bits, is_ed25519, is_exponent, is_on_p256, is_on_p384};
use crate::config::TokenAlgorithm;

/// Bits of the smallest RSA key that is accepted.
const LEAST_RSA_BITS: usize = 2048;
/// Bits of the largest RSA key that the library checks signatures with.
const MOST_RSA_BITS: usize = 4096;

/// A public key that signs tokens.
#[derive(Debug)]
pub struct TokenKey {
    pub id: Option<String>,
    /// What it is, in words.
    pub what: String,
    /// The algorithms that it is for, whatever a token says.
    algorithms: Vec<TokenAlgorithm>,
    key: DecodingKey,
}

/// Why a key is not used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    #[error("is no JSON Web Key: {0}")]
    NotAKey(#[source] serde_json::Error),
    #[error("is of a type that signs no login tokens ({0})")]
    Kind(String),
    #[error("is for something else than signatures ({0})")]
    Purpose(&'static str),
    #[error("is for {0}, which is not accepted or not of its type")]
    Algorithm(String),
    #[error("is for none of the algorithms that are accepted")]
    NotAccepted,
    #[error("lacks {0}")]
    Lacks(&'static str),
    #[error("has an {0} in padded base64: keys have no '='")]
    Padded(&'static str),
    #[error("has an {0} that is not base64 of the URL-safe alphabet")]
    NotBase64(&'static str),
    #[error("has an {0} of a wrong length")]
    Length(&'static str),
    #[error("is an RSA key of {0} bits; those of {LEAST_RSA_BITS} to {MOST_RSA_BITS} are accepted")]
    Bits(usize),
    #[error("has an e that is no odd number from 3 to 2^33 - 1")]
    Exponent,
    #[error("is no point that a key of its curve can be")]
    Point,
}

impl Unusable {
    /// Whether the key was probably meant for signing tokens, so that operators are told that it is not used.
    pub fn is_fault(&self) -> bool {
        !matches!(
            self,
            Self::Kind(_) | Self::Purpose(_) | Self::Algorithm(_) | Self::NotAccepted
        )
    }
}

#[derive(Debug, Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// The id (`kid`) of a key of a set, whatever else the key is.
pub fn id_of(key: &Value) -> Option<String> {
    let id = key.get("kid").and_then(Value::as_str);
    id.filter(|id| !id.is_empty()).map(str::to_owned)
}

impl TokenKey {
    /// The key, where it may sign tokens by one of the `accepted` algorithms.
    ///
    /// # Errors
    ///
    /// Why it is passed over.
    pub fn parse(key: Value, accepted: &[TokenAlgorithm]) -> Result<Self, Unusable> {
        let id = id_of(&key);
        let jwk: Jwk = serde_json::from_value(key).map_err(Unusable::NotAKey)?;
        if jwk.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return Err(Unusable::Purpose("use"));
        }
        if jwk
            .key_ops
            .as_ref()
            .is_some_and(|all| !all.iter().any(|one| one == "verify"))
        {
            return Err(Unusable::Purpose("key_ops"));
        }
        let kind = Kind::of(&jwk)?;
        let algorithms: Vec<TokenAlgorithm> = match jwk.alg.as_deref() {
            None => kind
                .algorithms()
                .iter()
                .copied()
                .filter(|one| accepted.contains(one))
                .collect(),
            Some(name) => {
                let named = TokenAlgorithm::of_name(name)
                    .filter(|one| kind.algorithms().contains(one) && accepted.contains(one));
                vec![named.ok_or_else(|| Unusable::Algorithm(name.to_owned()))?]
            }
        };
        if algorithms.is_empty() {
            return Err(Unusable::NotAccepted);
        }
        let (key, what) = kind.key(&jwk)?;
        Ok(Self {
            id,
            what,
            algorithms,
            key,
        })
    }

    /// Whether it is for that algorithm.
    pub fn is_for(&self, algorithm: TokenAlgorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }

    /// The names of its algorithms.
    pub fn algorithm_names(&self) -> String {
        let names: Vec<&str> = self.algorithms.iter().map(|one| one.name()).collect();
        names.join(", ")
    }

    /// Whether `signature`, in base64, is this key's over `signed` by that algorithm.
    pub fn signed(&self, signed: &str, signature: &str, algorithm: TokenAlgorithm) -> bool {
        self.is_for(algorithm)
            && jsonwebtoken::crypto::verify(signature, signed.as_bytes(), &self.key, library_name(algorithm))
                .unwrap_or(false)
    }
}

/// The types of keys that can sign tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

impl Kind {
    fn of(jwk: &Jwk) -> Result<Self, Unusable> {
        match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Ok(Self::Rsa),
            ("EC", Some("P-256")) => Ok(Self::P256),
            ("EC", Some("P-384")) => Ok(Self::P384),
            ("OKP", Some("Ed25519")) => Ok(Self::Ed25519),
            (kty, Some(curve)) => Err(Unusable::Kind(format!("{kty}, {curve}"))),
            (kty, None) => Err(Unusable::Kind(kty.to_owned())),
        }
    }

    fn algorithms(self) -> &'static [TokenAlgorithm] {
        match self {
            Self::Rsa => &[
                TokenAlgorithm::RS256,
                TokenAlgorithm::RS384,
                TokenAlgorithm::RS512,
                TokenAlgorithm::PS256,
                TokenAlgorithm::PS384,
                TokenAlgorithm::PS512,
            ],
            Self::P256 => &[TokenAlgorithm::ES256],
            Self::P384 => &[TokenAlgorithm::ES384],
            Self::Ed25519 => &[TokenAlgorithm::EdDSA],
        }
    }

    fn key(self, jwk: &Jwk) -> Result<(DecodingKey, String), Unusable> {
        match self {
            Self::Rsa => {
                let n = number("n", jwk.n.as_deref())?;
                let e = number("e", jwk.e.as_deref())?;
                let bits = bits(&n);
                if !(LEAST_RSA_BITS..=MOST_RSA_BITS).contains(&bits) {
                    return Err(Unusable::Bits(bits));
                }
                if !is_exponent(&e) {
                    return Err(Unusable::Exponent);
                }
                let key = DecodingKey::from_rsa_raw_components(&n, &e);
                Ok((key, format!("an RSA key of {bits} bits")))
            }
            Self::P256 => Ok((point(jwk, 32, is_on_p256)?, "an EC key of P-256".to_owned())),
            Self::P384 => Ok((point(jwk, 48, is_on_p384)?, "an EC key of P-384".to_owned())),
            Self::Ed25519 => {
                let x = number("x", jwk.x.as_deref())?;
                // The library takes the first 32 bytes of whatever is given.
                let point: &[u8; 32] = x.as_slice().try_into().map_err(|_| Unusable::Length("x"))?;
                if !is_ed25519(point) {
                    return Err(Unusable::Point);
                }
                Ok((DecodingKey::from_ed_der(&x), "an Ed25519 key".to_owned()))
            }
        }
    }
}

/// A point of a curve whose coordinates have `bytes` bytes each.
fn point(jwk: &Jwk, bytes: usize, is_on_curve: fn(&[u8]) -> bool) -> Result<DecodingKey, Unusable> {
    let mut point = vec![4]; // uncompressed (SEC 1)
    for (name, coordinate) in [("x", &jwk.x), ("y", &jwk.y)] {
        let coordinate = number(name, coordinate.as_deref())?;
        if coordinate.len() != bytes {
            return Err(Unusable::Length(name));
        }
        point.extend(coordinate);
    }
    if !is_on_curve(&point) {
        return Err(Unusable::Point);
    }
    Ok(DecodingKey::from_ec_der(&point))
}

fn number(name: &'static str, text: Option<&str>) -> Result<Vec<u8>, Unusable> {
    let text = text.filter(|text| !text.is_empty()).ok_or(Unusable::Lacks(name))?;
    if text.contains('=') {
        return Err(Unusable::Padded(name));
    }
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Unusable::NotBase64(name))
}

fn library_name(algorithm: TokenAlgorithm) -> Algorithm {
    match algorithm {
        TokenAlgorithm::RS256 => Algorithm::RS256,
        TokenAlgorithm::RS384 => Algorithm::RS384,
        TokenAlgorithm::RS512 => Algorithm::RS512,
        TokenAlgorithm::PS256 => Algorithm::PS256,
        TokenAlgorithm::PS384 => Algorithm::PS384,
        TokenAlgorithm::PS512 => Algorithm::PS512,
        TokenAlgorithm::ES256 => Algorithm::ES256,
        TokenAlgorithm::ES384 => Algorithm::ES384,
        TokenAlgorithm::EdDSA => Algorithm::EdDSA,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rsa(bytes: usize) -> Value {
        let modulus = URL_SAFE_NO_PAD.encode(vec![0xdb_u8; bytes]);
        json!({"kty": "RSA", "n": modulus, "e": "AQAB"})
    }

    /// The generators of the curves (NIST SP 800-186), points like any other, and the key of RFC 8037.
    const P256: [&str; 2] = [
        "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
        "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU",
    ];
    const P384: [&str; 2] = [
        "qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3",
        "NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f",
    ];
    const ED25519: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn ec(curve: &str, [x, y]: [&str; 2]) -> Value {
        json!({"kty": "EC", "crv": curve, "x": x, "y": y})
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    /// The key's algorithms, or why it is passed over.
    fn parsed(key: Value) -> String {
        match TokenKey::parse(key, &TokenAlgorithm::ALL) {
            Ok(key) => format!("{}: {}", key.what, key.algorithm_names()),
            Err(reason) => reason.to_string(),
        }
    }

    #[test]
    fn a_key_is_for_its_algorithm_or_those_of_its_type() {
        let all = "an RSA key of 2048 bits: RS256, RS384, RS512, PS256, PS384, PS512";
        assert_eq!(parsed(rsa(256)), all);
        assert_eq!(
            parsed(with(rsa(512), "alg", json!("PS384"))),
            "an RSA key of 4096 bits: PS384"
        );
        assert_eq!(parsed(ec("P-256", P256)), "an EC key of P-256: ES256");
        assert_eq!(parsed(ec("P-384", P384)), "an EC key of P-384: ES384");
        let ed = json!({"kty": "OKP", "crv": "Ed25519", "x": ED25519, "alg": "Ed25519", "use": "sig"});
        assert_eq!(parsed(ed), "an Ed25519 key: EdDSA");
        assert_eq!(parsed(with(rsa(256), "key_ops", json!(["verify"]))), all);
    }

    #[test]
    fn what_is_not_for_tokens_is_passed_over_with_a_reason() {
        let ed = |bytes: usize| {
            let x = URL_SAFE_NO_PAD.encode(vec![1_u8; bytes]);
            json!({"kty": "OKP", "crv": "Ed25519", "x": x})
        };
        for (key, reason) in [
            (
                with(rsa(256), "use", json!("enc")),
                "is for something else than signatures (use)",
            ),
            (
                with(rsa(256), "key_ops", json!(["encrypt"])),
                "is for something else than signatures (key_ops)",
            ),
            (
                with(rsa(256), "alg", json!("RSA-OAEP")),
                "is for RSA-OAEP, which is not accepted or not of its type",
            ),
            (
                with(ed(32), "alg", json!("RS256")),
                "is for RS256, which is not accepted or not of its type",
            ),
            (
                rsa(128),
                "is an RSA key of 1024 bits; those of 2048 to 4096 are accepted",
            ),
            (
                rsa(1024),
                "is an RSA key of 8192 bits; those of 2048 to 4096 are accepted",
            ),
            (
                with(rsa(256), "n", json!("AAA=")),
                "has an n in padded base64: keys have no '='",
            ),
            (
                with(rsa(256), "n", json!("a+b/")),
                "has an n that is not base64 of the URL-safe alphabet",
            ),
            (with(rsa(256), "e", Value::Null), "lacks e"),
            (ed(31), "has an x of a wrong length"),
            (
                json!({"kty": "oct", "k": "AAAA", "alg": "HS256"}),
                "is of a type that signs no login tokens (oct)",
            ),
            (
                json!({"kty": "OKP", "crv": "X448", "x": "AAAA"}),
                "is of a type that signs no login tokens (OKP, X448)",
            ),
            (
                json!({"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"}),
                "has an x of a wrong length",
            ),
        ] {
            assert_eq!(parsed(key), reason);
        }
        assert!(parsed(json!(7)).starts_with("is no JSON Web Key"));
        let ec_alone = [TokenAlgorithm::ES256];
        assert!(matches!(
            TokenKey::parse(rsa(256), &ec_alone),
            Err(Unusable::NotAccepted)
        ));
    }

    #[test]
    fn keys_with_weak_or_invalid_parameters_are_passed_over() {
        for exponent in ["AQ", "AAE", "Ag", "AQAA", "AgAAAAE"] {
            let reason = parsed(with(rsa(256), "e", json!(exponent)));
            assert_eq!(
                reason, "has an e that is no odd number from 3 to 2^33 - 1",
                "{exponent}"
            );
        }
        let ed = |x: &[u8]| json!({"kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(x)});
        for key in [
            with(ec("P-256", P256), "y", json!(P256[0])),
            with(ec("P-384", P384), "y", json!(P384[0])),
            ed(&[0; 32]),
            ed(&[7; 32]),
        ] {
            assert_eq!(
                parsed(key.clone()),
                "is no point that a key of its curve can be",
                "{key}"
            );
            let reason = TokenKey::parse(key, &TokenAlgorithm::ALL).expect_err("no key");
            assert!(reason.is_fault(), "the log names it");
        }
    }
}
