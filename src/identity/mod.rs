//! Authentication: by a login token that a trusted issuer signed, or, on a developer's own machine, by a name without
//! proof.
//!
//! Authorization is not decided here: see `delivery::access` and `catalog::visibility`.

mod checks;
mod claims;
mod dev;
mod explain;
mod fetch;
mod id_token;
mod jwk;
mod key_numbers;
mod key_source;
mod keys;
mod logout_token;
mod refusal;
mod refusal_log;
mod token;
mod tokens;

use std::net::SocketAddr;
use std::path::PathBuf;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use crate::config::{AddressSource, IdentityConfig, RightsSource, without_secrets};
use crate::delivery::person::Person;
use id_token::AskedIdToken;
use tokens::Tokens;

pub use explain::{ExplainedCheck, Explanation, Outcome};
pub use fetch::IssuerUrlError;
pub(crate) use fetch::{IssuerUrl, is_of_this_machine as is_url_of_this_machine};
pub use key_source::KeyTrouble;
pub use logout_token::IssuerLogout;
pub use refusal::{Reason, Refusal};
pub(crate) use refusal_log::RefusalLog;

/// Invalid settings of `[identity]`, with which every login would fail or wrong ones would succeed.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum IdentityError {
    #[error(
        "identity.{setting} is not set, and login tokens cannot be checked without it; set it (or try things with --dev-auth)"
    )]
    Missing { setting: &'static str },
    #[error("identity.{setting} is empty; leave it out, or give a value")]
    Empty { setting: &'static str },
    #[error("identity.leeway_seconds is {seconds}; clocks may differ by 300 seconds at most")]
    Leeway { seconds: u32 },
    #[error(transparent)]
    IssuerUrl(#[from] IssuerUrlError),
    #[error("the keys in {} cannot be used: {source}; check identity.jwks", without_secrets(&path.to_string_lossy()))]
    Keys { path: PathBuf, source: KeyTrouble },
    #[error(
        "--dev-auth lets everybody in without a password, so it needs an address of this machine alone; {listen} can be reached from elsewhere: listen on 127.0.0.1"
    )]
    DevAuthInPublic { listen: SocketAddr },
}

/// How people are authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// By signed tokens.
    Tokens,
    /// Without proof, on a developer's own machine.
    Dev,
}

/// The tokens of a sign-in, and what they were requested with.
pub struct SignedIn<'a> {
    /// The ID token, which proves who has signed in.
    pub id_token: &'a str,
    /// The access token.
    pub access_token: &'a str,
    /// The client that asked for it.
    pub client: &'a str,
    /// The `nonce` that it was asked for with.
    pub nonce: &'a str,
}

/// Who has signed in at the issuer.
pub struct SignedInPerson {
    /// The person, with the roles that the tokens give.
    pub person: Person,
    /// The issuer's session (`sid`), where it names one.
    pub issuer_session: Option<String>,
}

/// Authenticates requests.
#[derive(Debug)]
pub struct Identity {
    config: IdentityConfig,
    proof: Proof,
    refusals: RefusalLog,
}

#[derive(Debug)]
enum Proof {
    Tokens(Box<Tokens>),
    Dev,
    /// No token proves anything: tokens are not set up.
    Nothing,
}

impl Identity {
    /// Accepts tokens that the configured keys have signed. A file of keys must exist; keys at a URL may become
    /// available later.
    ///
    /// # Errors
    ///
    /// Where a setting is missing or of no use, or the keys of a file cannot be used.
    pub async fn by_tokens(config: &IdentityConfig) -> Result<Self, IdentityError> {
        Ok(Self {
            config: config.clone(),
            proof: Proof::Tokens(Box::new(Tokens::new(config).await?)),
            refusals: RefusalLog::of_logins(),
        })
    }

    /// Refuses every token: for services where `[identity]` is not set and people log in with passwords alone.
    pub fn of_nobody(config: &IdentityConfig) -> Self {
        Self {
            config: config.clone(),
            proof: Proof::Nothing,
            refusals: RefusalLog::of_logins(),
        }
    }

    /// Whether login tokens are accepted.
    pub fn accepts_tokens(&self) -> bool {
        !matches!(self.proof, Proof::Nothing)
    }

    /// Checks the settings of tokens without fetching keys. Where all are the defaults, nobody is to log in by
    /// tokens.
    ///
    /// # Errors
    /// Where tokens could not be checked with these settings.
    pub async fn check_settings(config: &IdentityConfig) -> Result<(), IdentityError> {
        if *config == IdentityConfig::default() {
            return Ok(());
        }
        Tokens::check(config).await
    }

    /// Accepts everybody without proof: `Authorization: Bearer dev:<user id>[,<mail address>[,<role>]…]`. Refused where
    /// `listen` can be reached from another machine.
    ///
    /// # Errors
    ///
    /// Where it can.
    pub fn without_proof(config: &IdentityConfig, listen: SocketAddr) -> Result<Self, IdentityError> {
        let identity = Self {
            config: config.clone(),
            proof: Proof::Dev,
            refusals: RefusalLog::of_logins(),
        };
        identity.check_address(listen)?;
        tracing::warn!("--dev-auth: EVERYBODY ON THIS MACHINE CAN BE ANYBODY; never use it with real data");
        Ok(identity)
    }

    /// Checks that authentication without proof is used on a loopback address alone.
    ///
    /// # Errors
    ///
    /// Where `listen` can be reached from another machine and people are authenticated without proof.
    pub fn check_address(&self, listen: SocketAddr) -> Result<(), IdentityError> {
        match self.proof {
            Proof::Dev if !is_of_this_machine(listen) => Err(IdentityError::DevAuthInPublic { listen }),
            _ => Ok(()),
        }
    }

    /// Where mail addresses come from.
    pub fn address_source(&self) -> AddressSource {
        self.config.address
    }

    /// Authenticates the sender of a request by its headers.
    ///
    /// # Errors
    ///
    /// Why authentication failed. A token that was refused is logged by its reason.
    pub async fn person(&self, headers: &HeaderMap) -> Result<Person, Refusal> {
        match bearer_token(headers) {
            Ok(token) => self.person_of_token(token).await,
            Err(refusal) => Err(self.noted(refusal)),
        }
    }

    /// The person whom the token authenticates.
    ///
    /// # Errors
    ///
    /// Why authentication failed. A token that was refused is logged by its reason.
    pub async fn person_of_token(&self, token: &str) -> Result<Person, Refusal> {
        let person = match &self.proof {
            Proof::Tokens(tokens) => tokens.person(token).await,
            Proof::Dev => dev::person(token, &self.config).map_err(Refusal::from),
            Proof::Nothing => Err(Refusal::from(Reason::NotSetUp)),
        };
        let person = person.map_err(|refusal| self.noted(refusal))?;
        Ok(self.with_usable_address(person))
    }

    /// Who has signed in, by the tokens that the issuer gave for it. The ID token proves it; what the person may see is
    /// said by `rights`.
    ///
    /// # Errors
    ///
    /// Why the tokens do not prove it. It is logged by its reason.
    pub async fn person_signed_in(
        &self,
        given: &SignedIn<'_>,
        rights: RightsSource,
    ) -> Result<SignedInPerson, Refusal> {
        let Proof::Tokens(tokens) = &self.proof else {
            return Err(Refusal::NoToken);
        };
        let asked = AskedIdToken {
            client: given.client,
            nonce: given.nonce,
            access_token: given.access_token,
        };
        let by_id_token = tokens.person_of_id_token(given.id_token, &asked).await;
        let (by_id_token, issuer_session) = by_id_token.map_err(|refusal| self.noted(refusal))?;
        let person = match rights {
            RightsSource::IdToken => self.with_usable_address(by_id_token),
            RightsSource::AccessToken => {
                let person = self.person_of_token(given.access_token).await?;
                if person.user_id != by_id_token.user_id {
                    return Err(self.noted(Reason::TwoPeople.into()));
                }
                person
            }
        };
        Ok(SignedInPerson { person, issuer_session })
    }

    /// What the issuer says has ended, by a logout token for this client. Whether the token was used before is not
    /// known here.
    ///
    /// # Errors
    ///
    /// Why the token does not prove it.
    pub async fn logout(&self, token: &str, client: &str) -> Result<IssuerLogout, Refusal> {
        match &self.proof {
            Proof::Tokens(tokens) => tokens.logout(token, client).await,
            Proof::Dev | Proof::Nothing => Err(Reason::NotSetUp.into()),
        }
    }

    /// Whether everybody is accepted without proof, as with `--dev-auth`.
    pub fn is_without_proof(&self) -> bool {
        matches!(self.proof, Proof::Dev)
    }

    /// Removes the address where the settings take addresses from elsewhere than tokens.
    fn with_usable_address(&self, mut person: Person) -> Person {
        if self.config.address == AddressSource::Users {
            person.email = None;
        }
        person
    }

    fn noted(&self, refusal: Refusal) -> Refusal {
        if let Refusal::BadToken(reason) = refusal {
            self.refusals.note(reason);
        }
        refusal
    }
}

/// Runs every check that [`Identity::by_tokens`] makes of a token, and reports the outcome of each.
///
/// # Errors
///
/// Where the settings are such that no token can be checked.
pub async fn explain_token(config: &IdentityConfig, token: &str) -> Result<Explanation, IdentityError> {
    Ok(Tokens::new(config).await?.explain(token).await)
}

/// Whether only this machine reaches `address`.
pub fn is_of_this_machine(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::NoToken)?;
    if values.next().is_some() {
        return Err(Reason::SeveralHeaders.into());
    }
    let text = value.to_str().map_err(|_| Reason::HeaderIsNoText)?;
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(token.trim()),
        _ => Err(Reason::NotBearer.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dev_auth_is_for_this_machine_alone() {
        let config = IdentityConfig::default();
        for loopback in ["127.0.0.1:0", "127.8.8.8:80", "[::1]:8480", "[::ffff:127.0.0.1]:1"] {
            Identity::without_proof(&config, loopback.parse().expect("an address")).expect(loopback);
        }
        for public in ["0.0.0.0:8480", "[::]:8480", "10.0.0.1:80", "[::ffff:10.0.0.1]:1"] {
            let refused = Identity::without_proof(&config, public.parse().expect("an address"));
            assert!(
                matches!(refused, Err(IdentityError::DevAuthInPublic { .. })),
                "{public}"
            );
        }
    }

    /// What the check of the changed settings says.
    async fn checked(change: fn(&mut IdentityConfig)) -> Result<(), String> {
        let mut config = IdentityConfig::default();
        change(&mut config);
        let checked = Identity::check_settings(&config).await;
        checked.map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn settings_are_checked_where_one_is_not_the_default() {
        assert_eq!(checked(|_| ()).await, Ok(()));
        let changes: [fn(&mut IdentityConfig); 4] = [
            |config| config.clients = vec!["portal".to_owned()],
            |config| config.leeway_seconds = 31,
            |config| config.ca_file = Some("ca.pem".into()),
            |config| config.issuer = Some("https://login.example.org".to_owned()),
        ];
        for change in changes {
            let message = checked(change).await.expect_err("a mistake");
            assert!(message.starts_with("identity.jwks is not set"), "{message}");
        }
        // A scheme with a mistake makes a file of it.
        let message = checked(|config| {
            config.jwks = Some("htps://asha:geheim@login.example.org/keys?token=geheim".to_owned());
            config.issuer = Some("https://login.example.org".to_owned());
            config.audience = Some("reports".to_owned());
        });
        let message = message.await.expect_err("a mistake");
        assert!(
            message.contains("htps://asha:***@login.example.org/keys?***"),
            "{message}"
        );
        assert!(!message.contains("geheim"), "{message}");
    }

    #[tokio::test]
    async fn without_settings_no_token_is_accepted() {
        let identity = Identity::of_nobody(&IdentityConfig::default());
        assert!(!identity.accepts_tokens());
        let refused = identity.person_of_token("dev:asha").await;
        assert_eq!(refused.err(), Some(Refusal::BadToken(Reason::NotSetUp)));
    }

    #[test]
    fn only_one_bearer_token_is_taken() {
        let token = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().expect("a header"));
            }
            bearer_token(&headers).map(str::to_owned)
        };
        assert_eq!(token(&["bearer  abc "]), Ok("abc".to_owned()));
        assert_eq!(token(&[]), Err(Refusal::NoToken));
        for bad in [&["Basic abc"][..], &["abc"], &["Bearer a", "Bearer b"]] {
            assert!(matches!(token(bad), Err(Refusal::BadToken(_))), "{bad:?}");
        }
    }
}
