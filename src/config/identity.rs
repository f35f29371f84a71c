//! Settings of who people are: which login tokens are believed, and what their claims mean.

use serde::{Deserialize, Serialize};

/// `[identity]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// The keys that sign tokens: a JWKS file or an https:// URL.
    pub jwks: Option<String>,
    /// The `iss` that tokens must have.
    pub issuer: Option<String>,
    /// The `aud` that tokens must have.
    pub audience: Option<String>,
    /// The signature algorithms that are believed.
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

/// The signature algorithms that tokens may have: with a public key, so that nobody who can check one can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TokenAlgorithm {
    RS256,
    ES256,
}

/// Where a person's mail address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
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
            issuer: None,
            audience: None,
            algorithms: vec![TokenAlgorithm::RS256, TokenAlgorithm::ES256],
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
