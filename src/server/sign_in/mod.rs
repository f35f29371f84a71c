//! Signing in with a browser: OpenID Connect, the authorization code flow with PKCE, at the issuer of `[identity]`.
//!
//! A sign-in is an [`Attempt`], which is in a cookie of the browser that began it; the issuer sends the browser back
//! with a code, which is exchanged for tokens; the ID token proves who signed in, and a session in the store begins.
//! The browser has only the session's id, in a cookie that scripts cannot read. State, nonce, verifier and session id
//! are new for each sign-in, so that a session cannot be fixed beforehand.

mod attempt;
mod cookies;
mod discovery;
mod exchange;
mod fault;
mod session;

use std::path::PathBuf;

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderValue};
use chrono::{DateTime, TimeDelta, Utc};
use url::Url;

use crate::config::{Config, ConfigError, RightsSource, Secret, SignInConfig};
use crate::delivery::links::Links;
use crate::delivery::person::Person;
use crate::delivery::store::{LogoutAtIssuer, NewSession, SessionStart, Store, StoreError};
use crate::delivery::tokens::hash_of;
use crate::identity::{Identity, Reason, Refusal, RefusalLog, SignedIn, SignedInPerson, is_url_of_this_machine};

pub use attempt::{Attempt, CallbackParameters, Target};
pub use fault::SignInFault;

use cookies::CookieStyle;
use discovery::Discovery;
use session::SessionId;

/// The path that the issuer sends browsers back to, below the public address.
const CALLBACK_PATH: &str = "sign-in/callback";
/// The path that the issuer sends browsers to after a logout there, below the public address.
const SIGNED_OUT_PATH: &str = "signed-out";
/// The plain name of the cookie that holds a session's id.
const SESSION_COOKIE: &str = "pragati-session";
const SEC_FETCH_SITE: &str = "sec-fetch-site";

/// Settings of `[sign_in]` with which every sign-in would fail.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum SignInError {
    #[error(
        "sign_in.client_id needs serve.public_url, the address that the issuer sends people back to; set it, such as https://reports.example.org"
    )]
    NoPublicUrl,
    #[error(
        "serve.public_url is {url}; people sign in over https:// alone, or over http:// on this machine: set the address that they use, or leave out sign_in.client_id"
    )]
    Insecure { url: String },
    #[error("sign_in.client_id needs identity.issuer, where people sign in; set it to the issuer's https:// address")]
    NoIssuer,
    #[error("identity.issuer is {issuer}, at which nobody can sign in: {reason}; give the issuer's https:// address")]
    Issuer { issuer: String, reason: String },
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The configured sign-in: the client, its issuer and the public address.
#[derive(Debug)]
pub struct SignIn {
    client_id: String,
    client_secret: Option<Secret>,
    scopes: Vec<String>,
    rights: RightsSource,
    /// Where people reach this service, with a slash at its end.
    public_url: Url,
    discovery: Discovery,
    idle: TimeDelta,
    longest: TimeDelta,
    cookies: CookieStyle,
    faults: fault::FaultLog,
    logout_refusals: RefusalLog,
}

/// Why a logout at the issuer ends no session here.
#[derive(Debug, thiserror::Error)]
pub enum LogoutFault {
    #[error("a logout token is refused: {0}")]
    Token(#[from] Refusal),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The session of a browser's cookie.
#[derive(Debug)]
pub enum SessionState {
    /// There is no cookie of a session.
    None,
    /// There is one, and its session has ended or never was.
    Ended,
    Of(Person),
}

/// A completed sign-in.
pub struct Finished {
    /// Sets the cookie of the session.
    pub cookie: HeaderValue,
    pub target: Target,
}

impl SignIn {
    /// The sign-in as configured; none where browsers are asked for a token.
    ///
    /// # Errors
    /// With these settings, every sign-in would fail.
    pub fn new(config: &Config, identity: &Identity) -> Result<Option<Self>, SignInError> {
        if config.sign_in.client_id.is_some() && identity.is_without_proof() {
            tracing::warn!("--dev-auth lets everybody in without a password, so [sign_in] is not used");
            return Ok(None);
        }
        Self::of_settings(config)
    }

    /// Checks the settings, without requests to the issuer.
    ///
    /// # Errors
    /// With these settings, every sign-in would fail.
    pub fn check_settings(config: &Config) -> Result<(), SignInError> {
        Self::of_settings(config).map(drop)
    }

    fn of_settings(config: &Config) -> Result<Option<Self>, SignInError> {
        let settings: &SignInConfig = &config.sign_in;
        let Some(client_id) = settings.client_id.clone() else {
            return Ok(None);
        };
        let links = Links::new(&config.serve)?;
        let public_url = links.public_url().ok_or(SignInError::NoPublicUrl)?.clone();
        if public_url.scheme() != "https" && !is_url_of_this_machine(&public_url) {
            let url = public_url.to_string();
            return Err(SignInError::Insecure { url });
        }
        let issuer = config.identity.issuer.clone().ok_or(SignInError::NoIssuer)?;
        let ca_file: Option<PathBuf> = config.identity.ca_file.clone();
        let discovery = Discovery::new(issuer.clone(), ca_file);
        let discovery = discovery.map_err(|reason| SignInError::Issuer { issuer, reason })?;
        Ok(Some(Self {
            client_id,
            client_secret: settings.client_secret()?,
            scopes: settings.scopes.clone(),
            rights: settings.rights,
            cookies: CookieStyle::under(&public_url),
            public_url,
            discovery,
            idle: TimeDelta::from_std(settings.idle()).unwrap_or(TimeDelta::MAX),
            longest: TimeDelta::from_std(settings.longest()).unwrap_or(TimeDelta::MAX),
            faults: fault::FaultLog::default(),
            logout_refusals: RefusalLog::of_logouts(),
        }))
    }

    /// The host of the issuer, for people.
    pub fn issuer_host(&self) -> &str {
        self.discovery.host()
    }

    /// An address of this service as people reach it.
    pub fn public(&self, path: &str) -> String {
        // Paths are constants of this module and ids; they are never absolute URLs.
        self.public_url
            .join(path)
            .map_or_else(|_| self.public_url.to_string(), String::from)
    }

    /// Begins a sign-in: where the browser goes, and the cookies to set, of which one is needed for the callback.
    ///
    /// # Errors
    /// The issuer does not say where people sign in.
    pub async fn begin(&self, target: Target, headers: &HeaderMap) -> Result<(Url, Vec<HeaderValue>), SignInFault> {
        let issuer = self.noted(self.discovery.issuer().await)?;
        let attempt = Attempt::new(target);
        let url = exchange::authorization_url(self, &issuer, &attempt);
        let (name, value) = attempt.to_cookie();
        let mut cookies = self.cleared_attempts(headers);
        cookies.push(self.cookies.set(&name, &value, Some(attempt::LONGEST)));
        Ok((url, cookies))
    }

    /// Clears the cookies of earlier attempts where there are many. Another site can make a browser begin sign-ins, and
    /// requests with too many cookies are refused.
    fn cleared_attempts(&self, headers: &HeaderMap) -> Vec<HeaderValue> {
        let names = self.cookies.names_from(headers, attempt::COOKIE);
        if names.len() < attempt::MOST_AT_ONCE {
            return Vec::new();
        }
        names.into_iter().map(|name| self.cookies.clear(name)).collect()
    }

    /// The cookie that clears the attempt of these parameters, whatever its outcome.
    pub fn end_of_attempt(&self, parameters: &CallbackParameters) -> HeaderValue {
        self.cookies.clear(&attempt::cookie_name(&parameters.state))
    }

    /// The attempt of this browser to which these parameters belong.
    ///
    /// # Errors
    /// The browser began no such attempt, or too long ago.
    pub fn attempt(&self, headers: &HeaderMap, parameters: &CallbackParameters) -> Result<Attempt, SignInFault> {
        let value = self.cookies.only(headers, &attempt::cookie_name(&parameters.state));
        let attempt = value.and_then(|value| Attempt::of_cookie(value, &parameters.state));
        self.noted(attempt.ok_or(SignInFault::NotBegunHere))
    }

    /// Completes a sign-in: exchanges the code for tokens, checks them and starts a session. An earlier session of the
    /// browser ends.
    ///
    /// # Errors
    /// Why the sign-in is refused, or cannot be checked now.
    pub async fn finish(
        &self,
        attempt: &Attempt,
        parameters: &CallbackParameters,
        headers: &HeaderMap,
        identity: &Identity,
        store: &Store,
    ) -> Result<Finished, SignInFault> {
        let finished = self.try_finish(attempt, parameters, headers, identity, store).await;
        self.noted(finished)
    }

    async fn try_finish(
        &self,
        attempt: &Attempt,
        parameters: &CallbackParameters,
        headers: &HeaderMap,
        identity: &Identity,
        store: &Store,
    ) -> Result<Finished, SignInFault> {
        let SignedInPerson { person, issuer_session } = self.person_of(attempt, parameters, identity).await?;
        let issuer_session_hash = issuer_session.as_deref().map(hash_of);
        let now = Utc::now();
        if let Some(before) = self.session_id(headers) {
            store.end_session(&before.hash(), now).await?;
        }
        let id = SessionId::new();
        let new = NewSession {
            id_hash: &id.hash(),
            sign_in_hash: &attempt.hash(),
            issuer_session_hash: issuer_session_hash.as_deref(),
            person: &person,
            starts_at: now,
            ends_at: now + self.longest,
        };
        match store.start_session(new).await? {
            SessionStart::Started => (),
            SessionStart::SignInUsed => return Err(SignInFault::UsedBefore),
            SessionStart::EndedAtIssuer => return Err(SignInFault::EndedAtIssuer),
        }
        Ok(Finished {
            cookie: self.cookies.set(SESSION_COOKIE, id.reveal(), None),
            target: attempt.target,
        })
    }

    async fn person_of(
        &self,
        attempt: &Attempt,
        parameters: &CallbackParameters,
        identity: &Identity,
    ) -> Result<SignedInPerson, SignInFault> {
        let issuer = self.discovery.issuer().await?;
        issuer.check_name(parameters.issuer.as_deref())?;
        if let Some(error) = &parameters.error {
            return Err(SignInFault::issuer_says(error));
        }
        let code = parameters.code.as_deref().ok_or(SignInFault::NoCode)?;
        let given = exchange::tokens(self, &issuer, attempt, code).await?;
        let signed_in = SignedIn {
            id_token: &given.id_token,
            access_token: &given.access_token,
            client: &self.client_id,
            nonce: &attempt.nonce,
        };
        Ok(identity.person_signed_in(&signed_in, self.rights).await?)
    }

    /// Looks up the session of the browser's cookie, which extends its idle time.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn session(
        &self,
        headers: &HeaderMap,
        store: &Store,
        now: DateTime<Utc>,
    ) -> Result<SessionState, StoreError> {
        if self.cookies.count(headers, SESSION_COOKIE) == 0 {
            return Ok(SessionState::None);
        }
        let Some(id) = self.session_id(headers) else {
            return Ok(SessionState::Ended);
        };
        let person = store.use_session(&id.hash(), self.idle, now).await?;
        Ok(person.map_or(SessionState::Ended, SessionState::Of))
    }

    /// Ends the browser's session, if it has one; gives the cookie that ends it there too.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn end_session(&self, headers: &HeaderMap, store: &Store) -> Result<HeaderValue, StoreError> {
        if let Some(id) = self.session_id(headers) {
            store.end_session(&id.hash(), Utc::now()).await?;
        }
        Ok(self.cookies.clear(SESSION_COOKIE))
    }

    /// Ends the sessions that a logout token of the issuer's names (OpenID Connect Back-Channel Logout); returns how
    /// many. A token that was refused is logged by its reason.
    ///
    /// # Errors
    /// The token proves no logout, was used before, or cannot be checked now.
    pub async fn end_sessions_by_issuer(
        &self,
        logout_token: &str,
        identity: &Identity,
        store: &Store,
    ) -> Result<u64, LogoutFault> {
        let ended = self.try_end_by_issuer(logout_token, identity, store).await;
        if let Err(LogoutFault::Token(Refusal::BadToken(reason))) = &ended {
            self.logout_refusals.note(*reason);
        }
        ended
    }

    async fn try_end_by_issuer(
        &self,
        logout_token: &str,
        identity: &Identity,
        store: &Store,
    ) -> Result<u64, LogoutFault> {
        let logout = identity.logout(logout_token, &self.client_id).await?;
        let token_hash = hash_of(&logout.token_id);
        let issuer_session_hash = logout.session.as_deref().map(hash_of);
        let ended = store.end_sessions_by_issuer(LogoutAtIssuer {
            token_hash: &token_hash,
            issuer_session_hash: issuer_session_hash.as_deref(),
            user: logout.user.as_ref(),
            at: Utc::now(),
        });
        ended.await?.ok_or(LogoutFault::Token(Reason::UsedBefore.into()))
    }

    /// The issuer's logout address, where it has one (OpenID Connect RP-Initiated Logout). No ID token is kept for
    /// `id_token_hint`, so the issuer asks people for confirmation.
    pub async fn logout_url(&self) -> Option<Url> {
        let issuer = self.discovery.issuer().await.ok()?;
        let mut url = issuer.end_session.clone()?;
        url.query_pairs_mut()
            .append_pair("client_id", &self.client_id)
            .append_pair("post_logout_redirect_uri", &self.public(SIGNED_OUT_PATH));
        Some(url)
    }

    /// Whether a page of this service sent the request, by `Sec-Fetch-Site` or `Origin`: the protection against
    /// cross-site request forgery.
    pub fn is_from_here(&self, headers: &HeaderMap) -> bool {
        let mut sites = headers.get_all(SEC_FETCH_SITE).iter();
        if let Some(site) = sites.next() {
            return site == "same-origin" && sites.next().is_none();
        }
        let mut origins = headers.get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (Some(origin), None) => origin == self.public_url.origin().ascii_serialization().as_str(),
            _ => false,
        }
    }

    fn session_id(&self, headers: &HeaderMap) -> Option<SessionId> {
        self.cookies
            .only(headers, SESSION_COOKIE)
            .and_then(SessionId::of_cookie)
    }

    fn noted<T>(&self, outcome: Result<T, SignInFault>) -> Result<T, SignInFault> {
        if let Err(fault) = &outcome {
            self.faults.note(fault);
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        config.serve.public_url = Some("https://reports.example.org".to_owned());
        config.identity.issuer = Some("https://sso.example.org/realms/learning".to_owned());
        config.sign_in.client_id = Some("pragati".to_owned());
        assert!(SignIn::check_settings(&config).is_ok());
        change(&mut config);
        let message = SignIn::check_settings(&config).expect_err("a mistake").to_string();
        assert!(!message.contains('\n'), "{message}");
        message
    }

    #[test]
    fn settings_that_nobody_could_sign_in_with_are_refused_by_name() {
        assert!(
            SignIn::check_settings(&Config::default()).is_ok(),
            "a site may have no sign-in"
        );
        assert!(
            complaint(|config| config.serve.public_url = None).starts_with("sign_in.client_id needs serve.public_url")
        );
        let insecure = complaint(|config| config.serve.public_url = Some("http://reports.example.org".to_owned()));
        assert!(insecure.starts_with("serve.public_url is http://"), "{insecure}");
        assert!(complaint(|config| config.identity.issuer = None).contains("needs identity.issuer"));
        for issuer in ["sso.example.org", "http://sso.example.org"] {
            let message = complaint(|config| config.identity.issuer = Some(issuer.to_owned()));
            assert!(
                message.starts_with(&format!("identity.issuer is {issuer}, ")),
                "{message}"
            );
        }
        let secret = complaint(|config| config.sign_in.client_secret_file = Some("/no/such/secret".into()));
        assert!(secret.contains("/no/such/secret"), "{secret}");
        let ca_file = complaint(|config| config.identity.ca_file = Some("/no/such/ca.pem".into()));
        assert!(ca_file.contains("/no/such/ca.pem"), "{ca_file}");
    }
}
