//! Takes connections, as many as are allowed, and ends them in order when the service stops.

use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use pgwire::api::PgWireServerHandlers;
use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::tokio::process_socket;
use rustix::net::sockopt::{set_socket_keepalive, set_tcp_keepidle, set_tcp_user_timeout};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::accounts::Accounts;
use super::audit::AuditLog;
use super::client::{Cancelling, Client, Clients};
use super::handler::Handler;
use super::login::LoggingIn;
use super::metrics::PostgresMetrics;
use super::parse::Parse;
use super::session::Session;
use super::snapshots::Snapshots;
use super::stop::StopReason;
use super::{Endpoint, PostgresError};
use crate::config::Config;
use crate::delivery::source::ReportSource;
use crate::engine::{EngineThreads, QueryLimits, SharedLimits};
use crate::server::identity::{Identity, is_of_this_machine};
use crate::server::{Login, ServerError, tls};

/// The part of the configuration that this is about.
const ROOM: &str = "postgres";
/// The audit log in the data folder.
const AUDIT_FOLDER: &str = "audit";
/// What TLS clients call this protocol.
const PROTOCOL: &[u8] = b"postgresql";
/// The time to log in.
const LOGIN_TIME: Duration = Duration::from_secs(15);
/// The time that a client may take none of the bytes that are sent to it.
const WRITE_TIME: Duration = Duration::from_secs(120);
/// After so long without a word, the network is asked whether the client is still there.
const KEEPALIVE: Duration = Duration::from_secs(60);
/// Connections beyond those allowed that are told so at a time; the rest are closed.
const TOLD: usize = 32;
/// Before the next connection after one could not be taken.
const AFTER_FAILURE: Duration = Duration::from_millis(200);

/// What the endpoint shares with the rest of the service.
pub struct PostgresParts {
    pub source: Arc<ReportSource>,
    pub identity: Arc<Identity>,
    pub login: Login,
    pub metrics: Arc<PostgresMetrics>,
}

/// An endpoint that has its address and waits for [`PostgresServer::run`].
pub struct PostgresServer {
    listener: TcpListener,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    endpoint: Arc<Endpoint>,
    connections: usize,
    grace: Duration,
}

impl PostgresServer {
    /// Checks the settings and takes the address `listen`; with port 0, a free one.
    pub async fn bind(listen: SocketAddr, config: &Config, parts: PostgresParts) -> Result<Self, PostgresError> {
        let settings = &config.postgres;
        let tls = match (settings.tls()?, config.serve.tls()?) {
            (Some((certificate, key)), _) => Some(tls::settings(ROOM, (certificate, key), PROTOCOL)?),
            (None, Some((certificate, key))) => Some(tls::settings("serve", (certificate, key), PROTOCOL)?),
            (None, None) => None,
        };
        if tls.is_none() && !is_of_this_machine(listen) {
            return Err(PostgresError::WithoutTls(listen));
        }
        let believes_everybody = parts.login == Login::Dev;
        parts.identity.check_address(listen)?;
        let accounts = match &settings.users {
            Some(path) => Accounts::read(path)?,
            None => Accounts::default(),
        };
        let audit_folder = match &settings.audit {
            Some(folder) => folder.clone(),
            None => config.serve.data.join(AUDIT_FOLDER),
        };
        let each = QueryLimits {
            memory: settings.query_memory,
            spill: settings.query_spill,
        };
        let endpoint = Endpoint {
            identity: (!believes_everybody).then_some(parts.identity),
            believes_everybody,
            tls_is_required: tls.is_some(),
            seed: rand::random(),
            clients: Arc::new(Clients::default()),
            snapshots: Snapshots::new(parts.source),
            parse: Parse::new(),
            threads: EngineThreads::start(config.threads)?,
            limits: SharedLimits::new(settings.memory_limit, each, config.temp_folder()),
            places: Arc::new(Semaphore::new(settings.queries)),
            query_time: settings.query_time(),
            audit: open_audit(&audit_folder)?,
            metrics: parts.metrics,
            accounts,
        };
        let unavailable = |error: std::io::Error| ServerError::Listen {
            room: ROOM,
            address: listen,
            reason: error.to_string(),
        };
        let listener = TcpListener::bind(listen).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        endpoint.snapshots.check(&endpoint.accounts).await?;
        Ok(Self {
            listener,
            address,
            tls: tls.map(TlsAcceptor::from),
            endpoint: Arc::new(endpoint),
            connections: settings.connections,
            grace: Duration::from_secs(u64::from(config.serve.shutdown_seconds)),
        })
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its figures.
    pub fn metrics(&self) -> Arc<PostgresMetrics> {
        Arc::clone(&self.endpoint.metrics)
    }

    /// Runs until `stopping` turns true; then takes nothing new, and gives queries under way some time to end.
    pub async fn run(self, mut stopping: watch::Receiver<bool>) {
        tracing::info!("PostgreSQL clients connect to {}", self.address);
        let rooms = Rooms {
            free: Arc::new(Semaphore::new(self.connections)),
            told: Arc::new(Semaphore::new(TOLD)),
        };
        let mut connections = JoinSet::new();
        let told_to_stop = stopping.clone();
        let mut stopped = std::pin::pin!(async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        });
        loop {
            tokio::select! {
                () = &mut stopped => break,
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, address)) => {
                        if let Some(connection) = self.connection(stream, address, &rooms, told_to_stop.clone()) {
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

    /// What one connection does; none where there is no room even to tell the client so.
    fn connection(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        rooms: &Rooms,
        mut stopping: watch::Receiver<bool>,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let free = Arc::clone(&rooms.free).try_acquire_owned().ok();
        let has_room = free.is_some();
        let room = match free {
            Some(room) => room,
            None => Arc::clone(&rooms.told).try_acquire_owned().ok()?,
        };
        let prepared = prepare(&stream).and_then(|()| stream.as_fd().try_clone_to_owned());
        let socket = match prepared {
            Ok(socket) => socket,
            Err(error) => {
                tracing::debug!("a PostgreSQL client is gone already: {error}");
                return None;
            }
        };
        let client = Arc::new(Client::new(address, socket));
        let handlers = Handlers {
            startup: Arc::new(LoggingIn::new(Arc::clone(&self.endpoint), Arc::clone(&client), has_room)),
            queries: Arc::new(Handler(Arc::new(Session::new(
                Arc::clone(&self.endpoint),
                Arc::clone(&client),
            )))),
            cancelling: Arc::new(Cancelling(Arc::clone(&self.endpoint.clients))),
        };
        let (tls, metrics) = (self.tls.clone(), Arc::clone(&self.endpoint.metrics));
        Some(async move {
            let _room = room;
            let _counted = Connected::new(metrics);
            let serving = process_socket(stream, tls, handlers);
            let too_slow = async {
                tokio::time::sleep(LOGIN_TIME).await;
                if client.login().is_some() {
                    std::future::pending::<()>().await;
                }
            };
            let idle_at_end = async {
                let _ = stopping.wait_for(|stopping| *stopping).await;
                while client.is_waiting() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::select! {
                served = serving => {
                    if let Err(error) = served {
                        tracing::debug!("a PostgreSQL client's connection ended: {error}");
                    }
                }
                () = too_slow => tracing::debug!("a PostgreSQL client did not log in in time"),
                () = idle_at_end => {}
            }
        })
    }
}

/// How many connections there may be.
struct Rooms {
    free: Arc<Semaphore>,
    /// Those that are told that there are too many.
    told: Arc<Semaphore>,
}

/// Makes the network notice clients that are gone, or take nothing.
fn prepare(stream: &TcpStream) -> std::io::Result<()> {
    let milliseconds = u32::try_from(WRITE_TIME.as_millis()).unwrap_or(u32::MAX);
    set_tcp_user_timeout(stream, milliseconds)?;
    set_socket_keepalive(stream, true)?;
    set_tcp_keepidle(stream, KEEPALIVE)?;
    Ok(())
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

/// Who does what on one connection.
struct Handlers {
    startup: Arc<LoggingIn>,
    queries: Arc<Handler>,
    cancelling: Arc<Cancelling>,
}

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.queries)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::clone(&self.queries)
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.startup)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.cancelling)
    }
}
