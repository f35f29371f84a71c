//! The issuer's metadata (OpenID Connect Discovery): the endpoints for signing in and out and for exchanging codes. It
//! is fetched at the first sign-in and cached for an hour.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::fault::SignInFault;
use crate::identity::{IssuerUrl, is_url_of_this_machine};

const WELL_KNOWN: &str = ".well-known/openid-configuration";
const SETTING: &str = "identity.issuer";
/// How long the metadata is cached.
const FRESH: Duration = Duration::from_secs(60 * 60);
/// The least time between two fetches, so that sign-ins cannot flood the issuer with requests.
const LEAST_INTERVAL: Duration = Duration::from_secs(5);
/// The way of PKCE that is used.
pub const PKCE_METHOD: &str = "S256";

/// A cache of the issuer's metadata.
#[derive(Debug)]
pub struct Discovery {
    /// The issuer's identifier, as configured; compared byte for byte.
    name: String,
    host: String,
    document: IssuerUrl,
    ca_file: Option<PathBuf>,
    known: RwLock<Option<(Instant, Arc<Issuer>)>>,
    /// When the metadata was last fetched, and the error of that; held during a fetch.
    last: Mutex<Option<(Instant, Option<SignInFault>)>>,
}

/// The issuer's metadata, checked.
#[derive(Debug)]
pub struct Issuer {
    name: String,
    pub authorization: Url,
    pub token: IssuerUrl,
    pub end_session: Option<Url>,
    /// The client secret is sent in the form (`client_secret_post`), because the issuer does not support the header
    /// (`client_secret_basic`).
    pub takes_secret_in_form: bool,
    /// Whether every callback has its identifier in `iss` (RFC 9207).
    always_sends_iss: bool,
}

/// The parts of the document that are read.
#[derive(Debug, Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    end_session_endpoint: Option<String>,
    code_challenge_methods_supported: Option<Vec<String>>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    authorization_response_iss_parameter_supported: Option<bool>,
}

impl Discovery {
    /// A cache of the metadata of the issuer `name`. Nothing is fetched yet.
    ///
    /// # Errors
    /// The name is no URL that metadata may be fetched from.
    pub fn new(name: String, ca_file: Option<PathBuf>) -> Result<Self, String> {
        let slash = if name.ends_with('/') { "" } else { "/" };
        let url = Url::parse(&format!("{name}{slash}{WELL_KNOWN}")).map_err(|error| error.to_string())?;
        let host = url.host_str().ok_or("it has no host")?.to_owned();
        let document = IssuerUrl::new(SETTING, url, ca_file.as_deref()).map_err(|error| error.to_string())?;
        Ok(Self {
            name,
            host,
            document,
            ca_file,
            known: RwLock::default(),
            last: Mutex::default(),
        })
    }

    /// The issuer's host, for people.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The issuer's metadata, fetched where the cached copy is missing or stale.
    ///
    /// # Errors
    /// The metadata cannot be fetched or is invalid, and there is no earlier copy.
    pub async fn issuer(&self) -> Result<Arc<Issuer>, SignInFault> {
        if let Some(issuer) = self.fresh() {
            return Ok(issuer);
        }
        let mut last = self.last.lock().await;
        if let Some(issuer) = self.fresh() {
            return Ok(issuer);
        }
        if last.as_ref().is_none_or(|(at, _)| at.elapsed() >= LEAST_INTERVAL) {
            let asked = self.fetch().await;
            let now = Instant::now();
            match asked {
                Ok(issuer) => {
                    *last = Some((now, None));
                    let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                    *known = Some((now, Arc::new(issuer)));
                }
                Err(fault) => *last = Some((now, Some(fault))),
            }
        }
        let fault = last.as_ref().and_then(|(_, fault)| fault.clone());
        // The last good metadata is used while fetching fails.
        self.known().ok_or(fault.unwrap_or(SignInFault::NoIssuer))
    }

    fn known(&self) -> Option<Arc<Issuer>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.as_ref().map(|(_, issuer)| Arc::clone(issuer))
    }

    fn fresh(&self) -> Option<Arc<Issuer>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let fresh = known.as_ref().filter(|(at, _)| at.elapsed() < FRESH);
        fresh.map(|(_, issuer)| Arc::clone(issuer))
    }

    async fn fetch(&self) -> Result<Issuer, SignInFault> {
        let document = self.document.fetch().await.map_err(|error| SignInFault::Unreachable {
            url: self.document.shown(),
            reason: error.to_string(),
        })?;
        let unusable = |reason: String| SignInFault::Unusable {
            url: self.document.shown(),
            reason,
        };
        let document: Document = serde_json::from_slice(&document).map_err(|error| unusable(error.to_string()))?;
        self.checked(document).map_err(unusable)
    }

    fn checked(&self, document: Document) -> Result<Issuer, String> {
        if document.issuer != self.name {
            return Err(format!(
                "it says that its issuer is {:?}, not {SETTING}",
                document.issuer
            ));
        }
        let lacks = |list: &Option<Vec<String>>, word: &str| {
            list.as_ref().is_some_and(|list| !list.iter().any(|one| one == word))
        };
        if lacks(&document.code_challenge_methods_supported, PKCE_METHOD) {
            return Err(format!("it does not support PKCE with {PKCE_METHOD}"));
        }
        let ways = &document.token_endpoint_auth_methods_supported;
        let token = url_of(&document.token_endpoint)?;
        let token = IssuerUrl::new("its token_endpoint", token, self.ca_file.as_deref());
        Ok(Issuer {
            name: document.issuer,
            authorization: url_of(&document.authorization_endpoint)?,
            token: token.map_err(|error| error.to_string())?,
            end_session: document.end_session_endpoint.as_deref().map(url_of).transpose()?,
            takes_secret_in_form: lacks(ways, "client_secret_basic") && !lacks(ways, "client_secret_post"),
            always_sends_iss: document.authorization_response_iss_parameter_supported == Some(true),
        })
    }
}

/// An endpoint that browsers are redirected to or codes are sent to: `https://`, or `http://` on this machine.
fn url_of(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("{text:?} is no address: {error}"))?;
    if url.scheme() == "https" || (url.scheme() == "http" && is_url_of_this_machine(&url)) {
        return Ok(url);
    }
    Err(format!("{text:?} is no https:// address"))
}

impl Issuer {
    /// Checks the `iss` of the callback (RFC 9207), against mix-up attacks.
    ///
    /// # Errors
    /// `iss` is another issuer's, or is missing although this issuer always sends it.
    pub fn check_name(&self, iss: Option<&str>) -> Result<(), SignInFault> {
        match iss {
            Some(name) if name != self.name => Err(SignInFault::OtherIssuer),
            None if self.always_sends_iss => Err(SignInFault::OtherIssuer),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NAME: &str = "https://sso.example.org/realms/learning";

    fn checked(change: impl FnOnce(&mut Value)) -> Result<Issuer, String> {
        let mut document = json!({
            "issuer": NAME,
            "authorization_endpoint": "https://sso.example.org/auth?x=1",
            "token_endpoint": "https://sso.example.org/token",
            "end_session_endpoint": "https://sso.example.org/logout",
            "code_challenge_methods_supported": ["plain", "S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "authorization_response_iss_parameter_supported": true,
        });
        change(&mut document);
        let document = serde_json::from_value(document).map_err(|error| error.to_string())?;
        Discovery::new(NAME.to_owned(), None)
            .expect("an issuer")
            .checked(document)
    }

    #[test]
    fn an_issuer_that_is_not_the_configured_one_is_not_used() {
        let issuer = checked(|_| ()).expect("an issuer");
        assert!(!issuer.takes_secret_in_form);
        for (name, value) in [
            ("issuer", json!("https://sso.example.org/realms/learning/")),
            ("issuer", json!("https://evil.example.org")),
            ("authorization_endpoint", json!("http://sso.example.org/auth")),
            ("authorization_endpoint", json!("javascript:alert(1)")),
            ("authorization_endpoint", Value::Null),
            ("token_endpoint", json!("http://sso.example.org/token")),
            ("end_session_endpoint", json!("http://sso.example.org/logout")),
            ("code_challenge_methods_supported", json!(["plain"])),
        ] {
            let error = checked(|document| document[name] = value.clone()).expect_err(name);
            assert!(!error.contains('\n'), "{error}");
        }
        let post =
            checked(|document| document["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]));
        assert!(post.expect("an issuer").takes_secret_in_form);
        let bare = checked(|document| {
            for name in [
                "end_session_endpoint",
                "code_challenge_methods_supported",
                "token_endpoint_auth_methods_supported",
                "authorization_response_iss_parameter_supported",
            ] {
                document.as_object_mut().expect("a document").remove(name);
            }
        });
        let bare = bare.expect("an issuer");
        assert!(bare.end_session.is_none() && !bare.takes_secret_in_form);
        assert!(bare.check_name(None).is_ok() && bare.check_name(Some(NAME)).is_ok());
        assert!(bare.check_name(Some("https://evil.example.org")).is_err());
        assert!(issuer.check_name(None).is_err() && issuer.check_name(Some(NAME)).is_ok());
    }

    #[test]
    fn an_issuer_is_asked_over_https() {
        for bad in ["sso.example.org", "http://sso.example.org", "file:///etc", ""] {
            let error = Discovery::new(bad.to_owned(), None).expect_err(bad);
            assert!(!error.contains('\n'), "{error}");
        }
        assert_eq!(
            Discovery::new(NAME.to_owned(), None).expect("an issuer").host(),
            "sso.example.org"
        );
    }
}
