//! Settings of logins: which tokens are accepted, and what their claims mean.

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `[identity]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// The keys that sign tokens: a JWKS file or an https:// URL.
    pub jwks: Option<String>,
    /// A PEM file with certificate authorities to trust beside the system's, where `jwks` is a URL.
    pub ca_file: Option<PathBuf>,
    /// The `iss` that tokens must have.
    pub issuer: Option<String>,
    /// The `aud` that tokens must have.
    pub audience: Option<String>,
    /// The clients that tokens may have been made for (`azp` or `client_id`); none means any.
    pub clients: Vec<String>,
    /// Refuse tokens that do not say that they are access tokens (`typ`). Those that say they are something else, such
    /// as ID tokens, are always refused.
    pub require_access_token: bool,
    /// The signature algorithms that are accepted.
    pub algorithms: Vec<TokenAlgorithm>,
    /// Seconds that clocks may differ by.
    pub leeway_seconds: u32,
    /// Seconds after which the keys are fetched again; an unknown key is looked for sooner.
    pub jwks_refresh_seconds: u32,
    /// The claim that lists a person's roles, with dots between the names of nested objects.
    pub roles_claim: String,
    /// The role of somebody who may have every report.
    pub platform_admin_role: String,
    /// What the role of a tenant's admin begins with; the tenant's id follows.
    pub tenant_admin_prefix: String,
    /// Where a person's mail address comes from.
    pub address: AddressSource,
    /// Take the `email` claim only where `email_verified` is true.
    pub require_verified_email: bool,
}

/// The signature algorithms that tokens may have (RFC 7518, RFC 8037): all with a public key, so that whoever can
/// verify a token cannot make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub enum TokenAlgorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    PS384,
    PS512,
    ES256,
    ES384,
    /// With Ed25519, which newer issuers also call it (RFC 9864).
    #[serde(alias = "Ed25519")]
    EdDSA,
}

impl TokenAlgorithm {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::RS256,
        Self::RS384,
        Self::RS512,
        Self::PS256,
        Self::PS384,
        Self::PS512,
        Self::ES256,
        Self::ES384,
        Self::EdDSA,
    ];

    /// Its name in tokens and keys (`alg`).
    pub fn name(self) -> &'static str {
        match self {
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::EdDSA => "EdDSA",
        }
    }

    /// The algorithm of that `alg`.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "Ed25519" => Some(Self::EdDSA),
            name => Self::ALL.into_iter().find(|algorithm| algorithm.name() == name),
        }
    }
}

impl fmt::Display for TokenAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a person's mail address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AddressSource {
    /// The token's `email` claim.
    Claim,
    /// The `users` export.
    Users,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            jwks: None,
            ca_file: None,
            issuer: None,
            audience: None,
            clients: Vec::new(),
            require_access_token: false,
            algorithms: TokenAlgorithm::ALL.to_vec(),
            leeway_seconds: 30,
            jwks_refresh_seconds: 300,
            roles_claim: "realm_access.roles".to_owned(),
            platform_admin_role: "pragati-admin".to_owned(),
            tenant_admin_prefix: "pragati-tenant-admin:".to_owned(),
            address: AddressSource::Claim,
            require_verified_email: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_known_by_their_names() {
        for algorithm in TokenAlgorithm::ALL {
            assert_eq!(TokenAlgorithm::of_name(algorithm.name()), Some(algorithm));
            let written = serde_json::to_value(algorithm).expect("JSON");
            assert_eq!(written, algorithm.name());
        }
        assert_eq!(TokenAlgorithm::of_name("Ed25519"), Some(TokenAlgorithm::EdDSA));
        for unsafe_one in ["none", "HS256", "rs256", ""] {
            assert_eq!(TokenAlgorithm::of_name(unsafe_one), None, "{unsafe_one}");
        }
    }
}
