//! An issuer of login tokens, as a platform's Keycloak is one: keys of its own, the public halves in a file, signed tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pragati::config::IdentityConfig;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, SignatureAlgorithm};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
use rsa::rand_core::{OsRng, RngCore};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const ISSUER: &str = "https://login.example.org/realms/learning";
pub const AUDIENCE: &str = "reports";

/// A key that signs tokens.
pub struct SigningKey {
    pub id: String,
    pub algorithm: Algorithm,
    pub private: EncodingKey,
}

impl SigningKey {
    /// A new key for ES256.
    pub fn es256(id: &str) -> Self {
        Self::of_curve(id, Algorithm::ES256, &PKCS_ECDSA_P256_SHA256)
    }

    /// A new key for ES384.
    pub fn es384(id: &str) -> Self {
        Self::of_curve(id, Algorithm::ES384, &PKCS_ECDSA_P384_SHA384)
    }

    fn of_curve(id: &str, algorithm: Algorithm, curve: &'static SignatureAlgorithm) -> Self {
        let pair = KeyPair::generate_for(curve).expect("a key");
        Self {
            id: id.to_owned(),
            algorithm,
            private: EncodingKey::from_ec_der(&pair.serialize_der()),
        }
    }

    /// A new key for EdDSA, with Ed25519.
    pub fn eddsa(id: &str) -> Self {
        // PKCS #8 of version 1 (RFC 8410), the form that the library takes; what follows is the key itself.
        let mut der = vec![
            0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ];
        let mut secret = [0; 32];
        OsRng.fill_bytes(&mut secret);
        der.extend(secret);
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::EdDSA,
            private: EncodingKey::from_ed_der(&der),
        }
    }

    /// The same key under another id, for another algorithm of its type.
    pub fn also(&self, id: &str, algorithm: Algorithm) -> Self {
        Self {
            id: id.to_owned(),
            algorithm,
            private: self.private.clone(),
        }
    }

    /// A new key for RS256.
    pub fn rs256(id: &str) -> Self {
        let private = RsaPrivateKey::new(&mut OsRng, 2048).expect("a key");
        let der = private.to_pkcs1_der().expect("DER");
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::RS256,
            private: EncodingKey::from_rsa_der(der.as_bytes()),
        }
    }

    /// The public half, as a JWKS has it.
    pub fn public(&self) -> Value {
        let mut key = Jwk::from_encoding_key(&self.private, self.algorithm).expect("a public key");
        key.common.key_id = Some(self.id.clone());
        key.common.public_key_use = Some(PublicKeyUse::Signature);
        serde_json::to_value(key).expect("JSON")
    }

    /// A token of these claims, with this key's id and algorithm in its header.
    pub fn sign(&self, claims: &Value) -> String {
        self.sign_as(&self.header(), claims)
    }

    /// A token under any header.
    pub fn sign_as(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.private).expect("a token")
    }

    pub fn header(&self) -> Header {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.id.clone());
        header
    }
}

/// An issuer and the file of its public keys.
pub struct TokenIssuer {
    pub key: SigningKey,
    folder: TempDir,
}

impl TokenIssuer {
    /// An issuer with one key for ES256.
    pub fn new() -> Self {
        let issuer = Self {
            key: SigningKey::es256("first"),
            folder: tempfile::tempdir().expect("a folder"),
        };
        issuer.publish(&[&issuer.key]);
        issuer
    }

    /// Replaces the published keys.
    pub fn publish(&self, keys: &[&SigningKey]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
        self.publish_text(&json!({ "keys": keys }).to_string());
    }

    /// Replaces the file, as careful issuers do: at once.
    pub fn publish_text(&self, text: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, text).expect("a file");
        fs::rename(new, self.file()).expect("the keys");
    }

    pub fn file(&self) -> PathBuf {
        Path::new(self.folder.path()).join("jwks.json")
    }

    /// The settings that trust this issuer.
    pub fn settings(&self) -> IdentityConfig {
        IdentityConfig {
            jwks: Some(self.file().display().to_string()),
            issuer: Some(ISSUER.to_owned()),
            audience: Some(AUDIENCE.to_owned()),
            ..IdentityConfig::default()
        }
    }

    /// A good token of a person with these roles.
    pub fn token(&self, user: &str, roles: &[&str]) -> String {
        self.key.sign(&claims(user, roles))
    }
}

/// The claims of a good token, valid for five minutes.
pub fn claims(user: &str, roles: &[&str]) -> Value {
    json!({
        "iss": ISSUER,
        "aud": [AUDIENCE, "account"],
        "sub": format!("f:5a8a3f2b-3409-42e0-9001-f913bc0fde31:{user}"),
        "exp": now() + 300,
        "nbf": now() - 5,
        "iat": now() - 5,
        "email": format!("{user}@example.org"),
        "email_verified": true,
        "realm_access": {"roles": roles},
    })
}

/// Seconds since 1970.
pub fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    since.as_secs()
}
