//! Logging in: with the password of an account (SCRAM-SHA-256), or with a login token as the password.
//!
//! Inside TLS, SCRAM can be bound to the server's certificate (SCRAM-SHA-256-PLUS), so that a man in the middle cannot
//! relay a login.
//!
//! Where tokens are accepted too, SCRAM is used for names of accounts alone; a token travels as it is, so it needs TLS,
//! or a client on this machine. Where TLS is set up, it is required.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::SinkExt;
use futures::future::BoxFuture;
use pgwire::api::auth::sasl::SASLAuthStartupHandler;
use pgwire::api::auth::sasl::scram::ScramAuth;
use pgwire::api::auth::{
    AuthSource, LoginInfo, Password, ServerParameterProvider, StartupHandler, finish_authentication,
    protocol_negotiation,
};
use pgwire::api::{
    ClientInfo, METADATA_APPLICATION_NAME, METADATA_DATABASE, METADATA_USER, PgWireConnectionState,
    PidSecretKeyGenerator,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::startup::Authentication;
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use rustls::pki_types::CertificateDer;
use tokio::sync::OnceCell;

use super::accounts::Account;
use super::audit::Actor;
use super::client::{Client, LoggedIn, Registration};
use super::scram_secret::ScramSecret;
use super::variables;
use crate::catalog::Visibility;
use crate::delivery::person::Person;
use crate::engine::CATALOG;
use crate::postgres::Endpoint;
use crate::postgres::error::fatal;
use crate::postgres::protocol::wire::{Wire, WireClient};

/// The parameters of a client that the login keeps beside its variables.
const OF_CLIENT: [&str; 2] = [METADATA_USER, METADATA_DATABASE];
/// The outcome of a failed login in the metrics.
const REFUSED: &str = "refused";
const FULL: &str = "too_many_connections";
/// The pause before the answer to a failed login, which slows down guessing of passwords.
const AFTER_REFUSAL: Duration = Duration::from_millis(500);

/// Logs one connection in.
pub struct LoggingIn {
    endpoint: Arc<Endpoint>,
    client: Arc<Client>,
    registration: Arc<Registration>,
    /// The server's certificate on this connection, where it may have TLS.
    certificate: Option<CertificateDer<'static>>,
    method: OnceCell<Method>,
}

/// How this client proves who it is.
enum Method {
    Scram(Box<SASLAuthStartupHandler<StartParameters>>, Account),
    Token,
    /// By its name alone, on a developer's own machine.
    WithoutPassword,
}

/// The result of an authentication: the user, and what that user may see.
struct AuthenticatedUser {
    user: String,
    visibility: Visibility,
    account: Option<Account>,
}

impl AuthenticatedUser {
    fn without_account(user: String, visibility: Visibility) -> Self {
        Self {
            user,
            visibility,
            account: None,
        }
    }
}

/// The parameters that the server reports when a client connects.
pub struct StartParameters;

impl ServerParameterProvider for StartParameters {
    fn server_parameters<C: ClientInfo>(&self, client: &C) -> Option<HashMap<String, String>> {
        let user = client.metadata().get(METADATA_USER).map_or("", String::as_str);
        Some(variables::at_start(user, client.metadata()))
    }
}

#[derive(Debug)]
struct Secret(ScramSecret);

#[async_trait]
impl AuthSource for Secret {
    async fn get_password(&self, _login: &LoginInfo) -> PgWireResult<Password> {
        Ok(self.0.password())
    }
}

impl LoggingIn {
    /// The login of `client`. `certificate` is the server's on this connection, where it has TLS.
    pub fn new(endpoint: Arc<Endpoint>, client: Arc<Client>, certificate: Option<CertificateDer<'static>>) -> Self {
        let registration = Registration::new(Arc::clone(&endpoint.clients), Arc::clone(&client));
        Self {
            endpoint,
            client,
            registration: Arc::new(registration),
            certificate,
            method: OnceCell::new(),
        }
    }

    fn actor(&self, info: &dyn ClientInfo, user: &str) -> Actor {
        Actor {
            user: user.to_owned(),
            address: self.client.address,
            application: info.metadata().get(METADATA_APPLICATION_NAME).cloned(),
        }
    }

    /// Whether this connection may try to log in. If not: the outcome for the metrics, and the error for the client.
    fn check(&self, info: &dyn ClientInfo) -> Result<(), (&'static str, PgWireError)> {
        if !self.endpoint.admission.has_place() {
            return Err((FULL, full()));
        }
        if self.endpoint.tls_is_required && !info.is_secure() {
            let reason = "this server takes TLS connections alone; use sslmode=require or better";
            return Err((REFUSED, fatal("28000", reason)));
        }
        let database = info.metadata().get(METADATA_DATABASE).map_or(CATALOG, String::as_str);
        if database != CATALOG {
            let reason = format!("database \"{database}\" does not exist; the only one is {CATALOG}");
            return Err((REFUSED, fatal("3D000", &reason)));
        }
        Ok(())
    }

    fn method_of(&self, user: &str, is_secure: bool) -> Method {
        if self.endpoint.accepts_everybody {
            return Method::WithoutPassword;
        }
        let scram = |account: Account| {
            let mut scram = ScramAuth::new(Arc::new(Secret(account.secret.clone())));
            scram.set_iterations(account.secret.iterations());
            if let Some(certificate) = self.certificate.as_ref().filter(|_| is_secure)
                && let Err(error) = scram.configure_certificate(pem(certificate).as_bytes())
            {
                tracing::debug!("logins cannot be bound to the certificate: {error}");
            }
            let handler = SASLAuthStartupHandler::new(Arc::new(StartParameters))
                .with_scram(scram)
                .with_pid_secret_key_generator(Arc::clone(&self.registration) as Arc<dyn PidSecretKeyGenerator>);
            Method::Scram(Box::new(handler), account)
        };
        match self.endpoint.accounts.current().get(user) {
            Some(account) => scram(account.clone()),
            None if self.endpoint.identity.is_some() => Method::Token,
            None => scram(Account {
                secret: ScramSecret::of_nobody(user, &self.endpoint.seed),
                visibility: Visibility::FULL,
            }),
        }
    }

    async fn person(&self, token: &str) -> Option<Person> {
        let identity = self.endpoint.identity.as_ref()?;
        // Why a token was refused is in the log.
        identity.person_of_token(token).await.ok()
    }

    fn accepted(&self, actor: Actor, known: AuthenticatedUser) -> PgWireResult<()> {
        let Some(place) = self.endpoint.admission.place() else {
            self.refused(&actor, FULL);
            return Err(full());
        };
        let login = LoggedIn {
            actor,
            visibility: known.visibility,
            account: known.account,
            _place: place,
        };
        self.endpoint
            .audit
            .login(&login.actor, "accepted")
            .map_err(|error| fatal("58030", &format!("the audit log cannot be written: {error}")))?;
        self.endpoint.metrics.login("accepted");
        tracing::debug!("a client logged in from {}", login.actor.address);
        self.client.logged_in(login);
        Ok(())
    }

    fn refused(&self, actor: &Actor, outcome: &'static str) {
        self.endpoint.metrics.login(outcome);
        if let Err(error) = self.endpoint.audit.login(actor, REFUSED) {
            tracing::error!("the audit log cannot be written: {error}");
        }
    }

    /// The error for a client whose login failed, after a pause that slows down guessing of passwords.
    async fn refused_after_pause(&self, actor: &Actor, error: PgWireError) -> PgWireError {
        self.refused(actor, REFUSED);
        tokio::time::sleep(AFTER_REFUSAL).await;
        match error {
            PgWireError::UserError(_) | PgWireError::IoError(_) => error,
            // The same message for every reason, so that an attacker cannot tell whether the user exists.
            _ => wrong_password(&actor.user),
        }
    }
}

impl StartupHandler for LoggingIn {
    /// Erases the client's type and forwards, as `protocol::adapter` does.
    fn on_startup<'handler, 'client, 'answer, C>(
        &'handler self,
        info: &'client mut C,
        message: PgWireFrontendMessage,
    ) -> BoxFuture<'answer, PgWireResult<()>>
    where
        'handler: 'answer,
        'client: 'answer,
        C: Wire + 'answer,
    {
        self.proceed(info, message)
    }
}

impl LoggingIn {
    /// Takes one message of a client that logs in.
    fn proceed<'a>(
        &'a self,
        info: &'a mut dyn Wire,
        message: PgWireFrontendMessage,
    ) -> BoxFuture<'a, PgWireResult<()>> {
        Box::pin(async move {
            let given = match &message {
                PgWireFrontendMessage::Startup(startup) => {
                    keep(info, &startup.parameters);
                    if let Err((outcome, error)) = self.check(info) {
                        let user = info.metadata().get(METADATA_USER).cloned().unwrap_or_default();
                        self.refused(&self.actor(info, &user), outcome);
                        return Err(error);
                    }
                    Some(startup.parameters.clone())
                }
                _ => None,
            };
            let user = info
                .metadata()
                .get(METADATA_USER)
                .filter(|user| !user.is_empty())
                .cloned()
                .ok_or_else(|| fatal("28000", "no user is given"))?;
            let is_secure = info.is_secure();
            let method = self.method.get_or_init(async || self.method_of(&user, is_secure)).await;
            let result = match method {
                Method::Scram(handler, account) => {
                    let result = handler.on_startup(&mut WireClient(info), message).await;
                    if let Some(given) = &given {
                        // The library's handler kept all parameters that the client gave.
                        keep(info, given);
                    }
                    result.map(|()| AuthenticatedUser {
                        user: user.clone(),
                        visibility: account.visibility.clone(),
                        account: Some(account.clone()),
                    })
                }
                Method::Token => self.on_token(info, message).await,
                Method::WithoutPassword => self
                    .without_password(info, message)
                    .await
                    .map(|()| AuthenticatedUser::without_account(user.clone(), Visibility::FULL)),
            };
            match result {
                Ok(known) if matches!(info.state(), PgWireConnectionState::ReadyForQuery) => {
                    self.accepted(self.actor(info, &known.user), known)
                }
                Ok(_) => Ok(()),
                Err(error) => Err(self.refused_after_pause(&self.actor(info, &user), error).await),
            }
        })
    }

    /// Requests a token as the password and verifies it. Returns the person, with what they may see.
    async fn on_token(&self, info: &mut dyn Wire, message: PgWireFrontendMessage) -> PgWireResult<AuthenticatedUser> {
        let nobody = || AuthenticatedUser::without_account(String::new(), Visibility::FULL);
        match message {
            PgWireFrontendMessage::Startup(startup) => {
                protocol_negotiation(&mut WireClient(info), &startup).await?;
                info.set_state(PgWireConnectionState::AuthenticationInProgress);
                WireClient(info)
                    .send(PgWireBackendMessage::Authentication(Authentication::CleartextPassword))
                    .await?;
                Ok(nobody())
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                let user = info.metadata().get(METADATA_USER).cloned().unwrap_or_default();
                let token = message.into_password()?.password;
                let person = self.person(&token).await.ok_or_else(|| wrong_password(&user))?;
                let visibility = visibility_of(&person, self.shows_personal_to_tokens()).ok_or_else(|| {
                    fatal(
                        "28000",
                        "this token's roles allow no tenant; ask for one of a tenant's admin",
                    )
                })?;
                self.finish(info).await?;
                Ok(AuthenticatedUser::without_account(
                    person.user_id.to_string(),
                    visibility,
                ))
            }
            _ => Ok(nobody()),
        }
    }

    /// Whether those who log in with a token see personal columns. The table `users` has the columns of people who do
    /// not consent too, so where consent is required, the site has to allow it.
    fn shows_personal_to_tokens(&self) -> bool {
        let endpoint = &self.endpoint;
        endpoint
            .token_personal
            .unwrap_or_else(|| !endpoint.snapshots.requires_consent())
    }

    /// Accepts the user name without a password.
    async fn without_password(&self, info: &mut dyn Wire, message: PgWireFrontendMessage) -> PgWireResult<()> {
        let PgWireFrontendMessage::Startup(startup) = message else {
            return Ok(());
        };
        protocol_negotiation(&mut WireClient(info), &startup).await?;
        self.finish(info).await
    }

    async fn finish(&self, info: &mut dyn Wire) -> PgWireResult<()> {
        let (number, key) = self.registration.generate(info);
        info.set_pid_and_secret_key(number, key);
        finish_authentication(&mut WireClient(info), &StartParameters).await
    }
}

/// What the admins of tenants see: the rows of these tenants, with personal columns where `personal` says so.
fn visibility_of(person: &Person, personal: bool) -> Option<Visibility> {
    let roles = &person.roles;
    let tenants = match (roles.platform_admin, roles.tenant_admin_of.is_empty()) {
        (true, _) => None,
        (false, false) => Some(roles.tenant_admin_of.clone()),
        (false, true) => return None,
    };
    Some(Visibility { tenants, personal })
}

/// A certificate as its file has it.
fn pem(certificate: &CertificateDer) -> String {
    let encoded = STANDARD.encode(certificate.as_ref());
    let lines = encoded.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let lines: Vec<_> = lines.collect();
    format!(
        "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n",
        lines.join("\n")
    )
}

fn full() -> PgWireError {
    fatal("53300", "there are too many connections; try again later")
}

fn wrong_password(user: &str) -> PgWireError {
    fatal("28P01", &format!("password authentication failed for user \"{user}\""))
}

/// Keeps the names of user and database, and the session variables that clients may set; the rest is ignored.
fn keep(info: &mut dyn ClientInfo, given: &BTreeMap<String, String>) {
    let kept = info.metadata_mut();
    kept.clear();
    for (name, value) in given {
        match name.as_str() {
            name if OF_CLIENT.contains(&name) => {
                kept.insert(name.to_owned(), value.clone());
            }
            "options" => {
                for (name, value) in variables::of_options(value) {
                    let _ = variables::set(kept, &name.to_lowercase(), value);
                }
            }
            name => {
                let _ = variables::set(kept, &name.to_lowercase(), value);
            }
        }
    }
}
