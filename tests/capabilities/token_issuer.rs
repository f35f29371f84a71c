//! An issuer of login tokens, as a platform's Keycloak is one: keys of its own, the public halves in a file, signed tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use pragati::config::IdentityConfig;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;
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
        let pair = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
        Self {
            id: id.to_owned(),
            algorithm: Algorithm::ES256,
            private: EncodingKey::from_ec_der(&pair.serialize_der()),
        }
    }

    /// A new key for RS256.
    pub fn rs256(id: &str) -> Self {
        let private = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).expect("a key");
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

    /// The settings that believe this issuer.
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
