//! Settings of signing in with a browser, and of the links in mails.

use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ConfigError, Secret};

/// `[sign_in]`: people sign in at the issuer of `[identity]` (OpenID Connect) and need no token of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SignInConfig {
    /// The client that this service is at the issuer; without it, browsers are asked for an access token.
    pub client_id: Option<String>,
    /// The client's secret, where it has one; better in `PRAGATI_SIGN_IN__CLIENT_SECRET`, or in a file.
    pub client_secret: Option<Secret>,
    /// A file that holds the client's secret.
    pub client_secret_file: Option<PathBuf>,
    /// What the issuer is asked for; `openid` must be there.
    pub scopes: Vec<String>,
    /// The token whose claims say what a person may see.
    pub rights: RightsSource,
    /// Minutes without a request after which a session ends.
    pub idle_minutes: u32,
    /// Minutes after which a session ends in any case, and with it the rights that the issuer granted.
    pub session_minutes: u32,
}

/// The token whose claims say what a person may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RightsSource {
    /// The access token, checked in every way as one that is sent with a request.
    AccessToken,
    /// The ID token, for issuers whose access tokens are no JWT.
    IdToken,
}

/// The target of the link in a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// To the file, after a login.
    Login,
    /// To the file, for everybody who has the link; it is signed, expires, and can be revoked.
    Signed,
}

impl Default for SignInConfig {
    fn default() -> Self {
        Self {
            client_id: None,
            client_secret: None,
            client_secret_file: None,
            scopes: ["openid", "email"].map(str::to_owned).to_vec(),
            rights: RightsSource::AccessToken,
            idle_minutes: 30,
            session_minutes: 120,
        }
    }
}

/// A session of a week is longer than rights may go unchecked.
const LONGEST_SESSION_MINUTES: u32 = 7 * 24 * 60;

impl SignInConfig {
    /// Refuses settings with which nobody could sign in.
    ///
    /// # Errors
    /// Names the setting.
    pub fn check(&self) -> Result<(), ConfigError> {
        let invalid = |words: String| Err(ConfigError::Invalid(format!("sign_in.{words}")));
        if self.client_id.as_ref().is_some_and(|id| id.trim().is_empty()) {
            return invalid("client_id is empty; leave it out, or give the client's id at the issuer".to_owned());
        }
        if !self.scopes.iter().any(|scope| scope == "openid") {
            return invalid("scopes lacks \"openid\", without which there is no ID token; add it".to_owned());
        }
        for (name, minutes) in [
            ("idle_minutes", self.idle_minutes),
            ("session_minutes", self.session_minutes),
        ] {
            if !(1..=LONGEST_SESSION_MINUTES).contains(&minutes) {
                return invalid(format!(
                    "{name} must be a number from 1 up to {LONGEST_SESSION_MINUTES}"
                ));
            }
        }
        Ok(())
    }

    /// The client's secret.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub fn client_secret(&self) -> Result<Option<Secret>, ConfigError> {
        Secret::given(self.client_secret.as_ref(), self.client_secret_file.as_deref())
    }

    /// The time without a request after which a session ends.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(u64::from(self.idle_minutes) * 60)
    }

    /// The time after which a session ends in any case.
    pub fn longest(&self) -> Duration {
        Duration::from_secs(u64::from(self.session_minutes) * 60)
    }
}
