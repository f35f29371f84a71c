//! Checks login tokens: form, algorithm, key and signature first, then what the claims say.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::IdentityError;
use super::checks::{CLAIM_CHECKS, Checked, Rules};
use super::claims::{self, Claims};
use super::id_token::{self, AskedIdToken};
use super::jwk::TokenKey;
use super::key_source::KeySource;
use super::keys::Candidates;
use super::logout_token::{self, IssuerLogout};
use super::refusal::{Reason, Refusal};
use super::token::{TokenHeader, TokenParts};
use crate::config::{IdentityConfig, TokenAlgorithm};
use crate::delivery::person::Person;

/// The most that clocks may differ by, in seconds.
const MOST_LEEWAY: u32 = 300;
/// The audience that Keycloak gives the tokens of every client of a realm.
const AUDIENCE_OF_ALL_CLIENTS: &str = "account";

/// Checks tokens against the issuer's keys.
#[derive(Debug)]
pub struct Tokens {
    pub(super) keys: KeySource,
    pub(super) rules: Rules,
}

impl Tokens {
    /// Checks the settings and looks for the keys.
    ///
    /// # Errors
    ///
    /// Where a setting is missing or of no use, or the keys of a file cannot be used.
    pub async fn new(config: &IdentityConfig) -> Result<Self, IdentityError> {
        let Needed { jwks, issuer, audience } = Needed::of(config)?;
        if audience == AUDIENCE_OF_ALL_CLIENTS && config.clients.is_empty() {
            tracing::warn!(
                "identity.audience is \"{AUDIENCE_OF_ALL_CLIENTS}\", which Keycloak writes into tokens of every client; \
                 list those whose tokens are accepted in identity.clients"
            );
        }
        Ok(Self {
            keys: KeySource::open(&jwks, config).await?,
            rules: Rules {
                issuer,
                audience,
                config: config.clone(),
            },
        })
    }

    /// Checks the settings, and the keys where they are in a file.
    ///
    /// # Errors
    /// Names the first setting with which no token could be checked.
    pub async fn check(config: &IdentityConfig) -> Result<(), IdentityError> {
        KeySource::check(&Needed::of(config)?.jwks, config).await
    }

    /// The person whom the token authenticates.
    ///
    /// # Errors
    ///
    /// The token is not valid, or no keys were fetched yet.
    pub async fn person(&self, token: &str) -> Result<Person, Refusal> {
        let (header, claims) = self.signed_by_issuer(token).await?;
        let checked = self.checked(&header, &claims);
        for one in &CLAIM_CHECKS {
            (one.check)(checked)?;
        }
        Ok(claims::person(&claims, &self.rules.config)?)
    }

    /// The person whom an ID token authenticates, which was requested as `asked` says, and the issuer's session (`sid`)
    /// where it names one.
    ///
    /// # Errors
    ///
    /// Where it proves nothing, or no keys were fetched yet.
    pub async fn person_of_id_token(
        &self,
        token: &str,
        asked: &AskedIdToken<'_>,
    ) -> Result<(Person, Option<String>), Refusal> {
        let (header, claims) = self.signed_by_issuer(token).await?;
        id_token::check(self.checked(&header, &claims), asked)?;
        let person = claims::person(&claims, &self.rules.config)?;
        Ok((person, claims::issuer_session(&claims)?))
    }

    /// What a logout token for this client says has ended.
    ///
    /// # Errors
    ///
    /// Where it proves nothing, or no keys were fetched yet.
    pub async fn logout(&self, token: &str, client: &str) -> Result<IssuerLogout, Refusal> {
        let (header, claims) = self.signed_by_issuer(token).await?;
        Ok(logout_token::check(self.checked(&header, &claims), client)?)
    }

    /// A token that is checked now, by the rules of the settings.
    pub(super) fn checked<'a>(&'a self, header: &'a TokenHeader, claims: &'a Claims) -> Checked<'a> {
        Checked {
            rules: &self.rules,
            header,
            claims,
            now: now(),
        }
    }

    /// Header and claims of a token whose signature is verified; the claims are not validated yet.
    async fn signed_by_issuer(&self, token: &str) -> Result<(TokenHeader, Claims), Refusal> {
        let parts = TokenParts::of(token)?;
        parts.check_form()?;
        let header = parts.header()?;
        let algorithm = self.algorithm(&header)?;
        let candidates = self.candidates(&header, algorithm).await?;
        self.signer(&parts, &header, algorithm, candidates).await?;
        let claims = parts.claims()?;
        Ok((header, claims))
    }

    /// The algorithm that the header names.
    ///
    /// # Errors
    ///
    /// Where it is not accepted, or the token asks for extensions.
    pub(super) fn algorithm(&self, header: &TokenHeader) -> Result<TokenAlgorithm, Reason> {
        if header.extensions.is_some() {
            return Err(Reason::Extensions);
        }
        TokenAlgorithm::of_name(&header.algorithm)
            .filter(|algorithm| self.rules.config.algorithms.contains(algorithm))
            .ok_or(Reason::Algorithm)
    }

    /// The keys that the token may be signed with: one at least.
    ///
    /// # Errors
    ///
    /// Where there is none, or no keys were fetched yet.
    pub(super) async fn candidates(
        &self,
        header: &TokenHeader,
        algorithm: TokenAlgorithm,
    ) -> Result<Candidates, Refusal> {
        let id = header.key_id.as_deref();
        match self.keys.find(id, algorithm).await? {
            Candidates::OtherAlgorithm => Err(Reason::AlgorithmOfOtherKey.into()),
            Candidates::None if id.is_some() => Err(Reason::UnknownKey.into()),
            Candidates::None => Err(Reason::NoKeyFits.into()),
            found => Ok(found),
        }
    }

    /// The key that signed the token.
    ///
    /// # Errors
    ///
    /// Where none did.
    pub(super) async fn signer(
        &self,
        parts: &TokenParts<'_>,
        header: &TokenHeader,
        algorithm: TokenAlgorithm,
        candidates: Candidates,
    ) -> Result<Arc<TokenKey>, Reason> {
        let has_signed = |key: &Arc<TokenKey>| key.signed(parts.signed, parts.signature, algorithm);
        if let Some(key) = candidates.keys().iter().find(|key| has_signed(key)) {
            return Ok(Arc::clone(key));
        }
        // Without a key id, a key rotation shows only in a signature that no known key verifies.
        if let Candidates::OfAlgorithm(_) = candidates {
            let newer = self.keys.look_again().await;
            let newer = newer.candidates(header.key_id.as_deref(), algorithm);
            if let Some(key) = newer.beside(&candidates).find(|key| has_signed(key)) {
                return Ok(Arc::clone(key));
            }
        }
        Err(Reason::Signature)
    }
}

/// The settings without which no token can be checked.
struct Needed {
    jwks: String,
    issuer: String,
    audience: String,
}

impl Needed {
    fn of(config: &IdentityConfig) -> Result<Self, IdentityError> {
        let jwks = needed("jwks", config.jwks.as_ref())?;
        let issuer = needed("issuer", config.issuer.as_ref())?;
        let audience = needed("audience", config.audience.as_ref())?;
        // An empty prefix would make every role one of a tenant's admin.
        for (setting, is_empty) in [
            ("algorithms", config.algorithms.is_empty()),
            ("clients", config.clients.iter().any(|client| client.trim().is_empty())),
            ("platform_admin_role", config.platform_admin_role.trim().is_empty()),
            ("tenant_admin_prefix", config.tenant_admin_prefix.trim().is_empty()),
        ] {
            if is_empty {
                return Err(IdentityError::Empty { setting });
            }
        }
        if config.leeway_seconds > MOST_LEEWAY {
            let seconds = config.leeway_seconds;
            return Err(IdentityError::Leeway { seconds });
        }
        Ok(Self { jwks, issuer, audience })
    }
}

fn needed(setting: &'static str, value: Option<&String>) -> Result<String, IdentityError> {
    match value {
        None => Err(IdentityError::Missing { setting }),
        Some(text) if text.trim().is_empty() => Err(IdentityError::Empty { setting }),
        Some(text) => Ok(text.clone()),
    }
}

/// Seconds since 1970.
pub(super) fn now() -> f64 {
    // With a clock before 1970, every token counts as expired.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(f64::INFINITY, |since| since.as_secs_f64())
}
