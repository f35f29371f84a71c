//! Takes connections up to the limits, and ends them: after their running statements when the service stops, at once
//! when the client's entry in the users file changes.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_user_timeout};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

use super::admission::Admission;
use super::connection::{Handlers, serve};
use super::handler::Handler;
use super::parse::Parse;
use crate::config::Config;
use crate::delivery::source::ReportSource;
use crate::engine::{EngineThreads, QueryLimits, SharedLimits};
use crate::identity::{Identity, Login, is_of_this_machine};
use crate::network::NetworkError;
use crate::network::tls::PerConnection;
use crate::postgres::metrics::PostgresMetrics;
use crate::postgres::session::Session;
use crate::postgres::session::accounts::AccountsFile;
use crate::postgres::session::audit::AuditLog;
use crate::postgres::session::client::{Cancelling, Client, Clients, LoggedIn};
use crate::postgres::session::login::LoggingIn;
use crate::postgres::session::running::QuerySlots;
use crate::postgres::session::snapshots::Snapshots;
use crate::postgres::session::stop::StopReason;
use crate::postgres::{Endpoint, PostgresError};

/// The section of the configuration, for error messages.
const ROOM: &str = "postgres";
/// The audit log in the data folder.
const AUDIT_FOLDER: &str = "audit";
/// The name of this protocol in TLS (ALPN).
const PROTOCOL: &[u8] = b"postgresql";
/// The time limit for logging in.
const LOGIN_TIME: Duration = Duration::from_secs(15);
/// The time limit for a client that reads none of the bytes that are sent to it (TCP_USER_TIMEOUT).
const WRITE_TIME: Duration = Duration::from_secs(120);
/// The idle time after which TCP keep-alive probes check whether the client is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// The delay before the next connection is accepted after accepting one failed.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// What the endpoint shares with the rest of the service.
pub struct PostgresParts {
    /// The newest snapshot, and the newest output of a nightly run.
    pub source: Arc<ReportSource>,
    /// Verifies login tokens that are sent as passwords.
    pub identity: Arc<Identity>,
    /// How people log in.
    pub login: Login,
    /// The counters of the endpoint.
    pub metrics: Arc<PostgresMetrics>,
}

/// An endpoint that has its address and waits for [`PostgresServer::run`].
pub struct PostgresServer {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<PerConnection>,
    endpoint: Arc<Endpoint>,
    refresh: Duration,
    grace: Duration,
}

impl PostgresServer {
    /// Checks the settings and takes the address `listen`; with port 0, a free one.
    ///
    /// # Errors
    /// The settings allow no safe login, the address is taken, a file of the settings cannot be used, or no catalog can
    /// be made for an account.
    pub async fn bind(listen: SocketAddr, config: &Config, parts: PostgresParts) -> Result<Self, PostgresError> {
        let settings = &config.postgres;
        let tls = tls_at(listen, config)?;
        let accepts_everybody = parts.login == Login::Dev;
        parts.identity.check_address(listen)?;
        let audit_folder = match &settings.audit {
            Some(folder) => folder.clone(),
            None => config.serve.data.join(AUDIT_FOLDER),
        };
        let each = QueryLimits {
            memory: settings.query_memory,
            spill: settings.query_spill,
        };
        let endpoint = Endpoint {
            identity: (!accepts_everybody && parts.identity.accepts_tokens()).then_some(parts.identity),
            accepts_everybody,
            token_personal: settings.token_personal,
            tls_is_required: tls.is_some(),
            seed: rand::random(),
            clients: Arc::new(Clients::default()),
            snapshots: Snapshots::new(parts.source),
            parse: Parse::new(),
            threads: EngineThreads::start(config.threads)?,
            limits: SharedLimits::new(settings.memory_limit, each, config.temp_folder()),
            queries: QuerySlots::new(settings.queries),
            query_time: settings.query_time(),
            audit: open_audit(&audit_folder)?,
            metrics: parts.metrics,
            accounts: AccountsFile::open(settings.users.as_deref())?,
            admission: Admission::new(settings.connections),
        };
        let unavailable = |error: std::io::Error| NetworkError::Listen {
            room: ROOM,
            address: listen,
            reason: error.to_string(),
        };
        let listener = TcpListener::bind(listen).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        endpoint.snapshots.check(&endpoint.accounts.current()).await?;
        Ok(Self {
            listener,
            address,
            tls,
            endpoint: Arc::new(endpoint),
            refresh: Duration::from_secs(u64::from(config.serve.refresh_seconds)),
            grace: Duration::from_secs(u64::from(config.serve.shutdown_seconds)),
        })
    }

    /// Checks the settings alone.
    ///
    /// # Errors
    /// Where TLS is needed and not set, or a file of the settings cannot be used.
    pub fn check_settings(config: &Config) -> Result<(), PostgresError> {
        if let Some(listen) = config.postgres.listen {
            tls_at(listen, config)?;
        }
        AccountsFile::open(config.postgres.users.as_deref())?;
        Ok(())
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The counters of the endpoint.
    pub fn metrics(&self) -> Arc<PostgresMetrics> {
        Arc::clone(&self.endpoint.metrics)
    }

    /// Runs until `stopping` turns true; then accepts no connection, and gives running queries some time to end.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        tracing::info!("PostgreSQL clients connect to {}", self.address);
        // The users file was read a moment ago.
        let mut refresh = tokio::time::interval_at(Instant::now() + self.refresh, self.refresh);
        let mut connections = JoinSet::new();
        let told_to_stop = stopping.clone();
        let mut stopped = std::pin::pin!(async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        });
        loop {
            tokio::select! {
                () = &mut stopped => break,
                Some(_) = connections.join_next() => {}
                _ = refresh.tick() => {
                    if let Err(error) = self.endpoint.accounts.refresh() {
                        tracing::error!("{error}; the users that were read before stay");
                    }
                }
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, address)) => {
                        if let Some(connection) = self.connection(stream, address, told_to_stop.clone()) {
                            connections.spawn(connection);
                        }
                    }
                    Err(error) => {
                        tracing::warn!("a PostgreSQL client cannot be taken: {error}");
                        tokio::time::sleep(AFTER_FAILURE).await;
                    }
                },
            }
        }
        drop(self.listener);
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(self.grace, all).await.is_err() {
            self.endpoint.clients.stop_all(StopReason::Shutdown);
            connections.shutdown().await;
        }
    }

    /// The future that serves one connection; none where too many are waiting to log in.
    fn connection(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        stopping: watch::Receiver<bool>,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let pending = self.endpoint.admission.admit(address.ip())?;
        let prepared = prepare(&stream).and_then(|()| stream.as_fd().try_clone_to_owned());
        let socket = match prepared {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!("a PostgreSQL client is gone already: {error}");
                return None;
            }
        };
        let client = Arc::new(Client::new(address, socket, pending));
        let (tls, certificate) = self.tls.as_ref().map(PerConnection::begin).unzip();
        let tls = tls.map(TlsAcceptor::from);
        let login = LoggingIn::new(Arc::clone(&self.endpoint), Arc::clone(&client), certificate.flatten());
        let handlers = Handlers {
            startup: Arc::new(login),
            queries: Arc::new(Handler(Arc::new(Session::new(
                Arc::clone(&self.endpoint),
                Arc::clone(&client),
            )))),
            cancelling: Arc::new(Cancelling(Arc::clone(&self.endpoint.clients))),
        };
        let metrics = Arc::clone(&self.endpoint.metrics);
        let (endpoint, changes) = (Arc::clone(&self.endpoint), self.endpoint.accounts.changes());
        Some(async move {
            let _counted = Connected::new(metrics);
            tokio::select! {
                served = serve(stream, tls, &handlers, &client) => {
                    if let Err(error) = served {
                        tracing::debug!("a PostgreSQL client's connection ended: {error}");
                    }
                }
                () = login_takes_too_long(&client) => tracing::debug!("a PostgreSQL client did not log in in time"),
                () = account_changes(&client, &endpoint, changes) => {
                    tracing::info!("a PostgreSQL client's account has changed, so its connection ends");
                }
                () = stops_while_idle(&client, stopping) => {}
            }
        })
    }
}

/// Ends where the client has not logged in within the time for it; never where it has.
async fn login_takes_too_long(client: &Client) {
    tokio::time::sleep(LOGIN_TIME).await;
    if client.login().is_some() {
        std::future::pending::<()>().await;
    }
}

/// Ends when the client's entry in the users file differs from that at its login.
async fn account_changes(client: &Client, endpoint: &Endpoint, mut changes: watch::Receiver<()>) {
    while changes.changed().await.is_ok() {
        if client.login().is_some_and(|login| !endpoint.still_knows(login)) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// Ends when the service stops, once the client has no statement that it waits for.
async fn stops_while_idle(client: &Client, mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stopping| *stopping).await;
    while client.is_waiting() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

impl Endpoint {
    /// Whether the user's entry in the users file is that of the login.
    fn still_knows(&self, login: &LoggedIn) -> bool {
        let accounts = self.accounts.current();
        login
            .account
            .as_ref()
            .is_none_or(|account| accounts.get(&login.actor.user) == Some(account))
    }
}

/// Sets the socket's time-outs, by which lost clients, and clients that do not read, are detected.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    let milliseconds = u32::try_from(WRITE_TIME.as_millis()).unwrap_or(u32::MAX);
    set_tcp_user_timeout(stream, milliseconds)?;
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, KEEPALIVE)?;
    Ok(())
}

/// The certificate of the endpoint at `listen`: its own, or that of the service.
fn tls_at(listen: SocketAddr, config: &Config) -> Result<Option<PerConnection>, PostgresError> {
    let tls = match (config.postgres.tls()?, config.serve.tls()?) {
        (Some((certificate, key)), _) => Some(PerConnection::open(ROOM, (certificate, key), PROTOCOL)?),
        (None, Some((certificate, key))) => Some(PerConnection::open("serve", (certificate, key), PROTOCOL)?),
        (None, None) => None,
    };
    if tls.is_none() && !is_of_this_machine(listen) {
        return Err(PostgresError::WithoutTls(listen));
    }
    Ok(tls)
}

fn open_audit(folder: &Path) -> Result<AuditLog, PostgresError> {
    AuditLog::open(folder).map_err(|error| PostgresError::Audit {
        path: folder.to_owned(),
        reason: error.to_string(),
    })
}

/// Counts a connection while it lasts.
struct Connected(Arc<PostgresMetrics>);

impl Connected {
    fn new(metrics: Arc<PostgresMetrics>) -> Self {
        metrics.connections.inc();
        Self(metrics)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}
