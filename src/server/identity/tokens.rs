//! Checks login tokens: signature, issuer, audience and times.

use jsonwebtoken::Validation;
use jsonwebtoken::errors::ErrorKind;

use super::claims::{self, Claims};
use super::key_source::KeySource;
use super::{IdentityError, Refusal};
use crate::config::IdentityConfig;
use crate::delivery::person::Person;

/// The longest token that is looked at, in bytes.
const LONGEST_TOKEN: usize = 16 * 1024;
/// The most that clocks may differ by, in seconds.
const MOST_LEEWAY: u32 = 300;

/// Checks tokens against the issuer's keys.
#[derive(Debug)]
pub struct Tokens {
    keys: KeySource,
    config: IdentityConfig,
    issuer: String,
    audience: String,
}

impl Tokens {
    /// Checks the settings and looks for the keys.
    pub async fn new(config: &IdentityConfig) -> Result<Self, IdentityError> {
        let Needed { jwks, issuer, audience } = Needed::of(config)?;
        Ok(Self {
            keys: KeySource::open(&jwks, config).await?,
            config: config.clone(),
            issuer,
            audience,
        })
    }

    /// Checks the settings, and the keys where they are in a file.
    ///
    /// # Errors
    /// Names the first setting with which no token could be checked.
    pub async fn check(config: &IdentityConfig) -> Result<(), IdentityError> {
        KeySource::check(&Needed::of(config)?.jwks, config).await
    }

    /// The person whom the token proves.
    pub async fn person(&self, token: &str) -> Result<Person, Refusal> {
        if token.len() > LONGEST_TOKEN {
            return Err(Refusal::BadToken("it is too long"));
        }
        let header =
            jsonwebtoken::decode_header(token).map_err(|_| Refusal::BadToken("it is not a token with a signature"))?;
        if header.crit.is_some() {
            return Err(Refusal::BadToken("it asks for extensions"));
        }
        let id = header.kid.ok_or(Refusal::BadToken("it names no key"))?;
        let key = self
            .keys
            .find(&id)
            .await?
            .ok_or(Refusal::BadToken("its key is unknown"))?;
        // The key says which algorithm is right; a token that names another one is refused.
        let mut validation = Validation::new(key.algorithm);
        validation.leeway = u64::from(self.config.leeway_seconds);
        validation.validate_nbf = true;
        validation.set_issuer(&[&self.issuer]);
        validation.set_audience(&[&self.audience]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let checked = jsonwebtoken::decode::<Claims>(token, &key.key, &validation)
            .map_err(|error| Refusal::BadToken(reason(error.kind())))?;
        claims::person(&checked.claims, &self.config)
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
        let needed = |setting, value: &Option<String>| match value {
            None => Err(IdentityError::Missing { setting }),
            Some(text) if text.trim().is_empty() => Err(IdentityError::Empty { setting }),
            Some(text) => Ok(text.clone()),
        };
        let jwks = needed("jwks", &config.jwks)?;
        let issuer = needed("issuer", &config.issuer)?;
        let audience = needed("audience", &config.audience)?;
        // An empty prefix would make every role one of a tenant's admin.
        for (setting, is_empty) in [
            ("algorithms", config.algorithms.is_empty()),
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

/// Why a token is not believed, without anything of its content.
fn reason(error: &ErrorKind) -> &'static str {
    match error {
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it is not valid yet",
        ErrorKind::InvalidIssuer => "another issuer made it",
        ErrorKind::InvalidAudience => "it is for another service",
        ErrorKind::InvalidSignature => "its signature is wrong",
        ErrorKind::InvalidAlgorithm => "its algorithm is not its key's",
        ErrorKind::MissingRequiredClaim(_) => "it lacks a claim (exp, iss, aud and sub are needed)",
        ErrorKind::InvalidClaimFormat(_) => "a claim has a wrong form",
        _ => "it cannot be read",
    }
}
