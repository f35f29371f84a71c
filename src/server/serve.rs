//! Listens, with a graceful shutdown: no new connections, and some time for requests under way.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::accept::DefaultAcceptor;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use rustls::ServerConfig;
use tokio::net::TcpListener;

use super::connection::ConnectionLimiter;
use super::{ServerError, ServerParts, api};
use crate::config::ServeConfig;
use crate::delivery::links::Links;
use crate::identity::is_of_this_machine;
use crate::network::{NetworkError, tls};

/// The section of the configuration, for error messages.
const ROOM: &str = "serve";

/// Limits on the resources that clients may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at a time; more are closed at once.
    pub connections: usize,
    /// The time limit for the head of a request, and between two requests of a connection.
    pub head_time: Duration,
    /// The time limit for the body of a request.
    pub body_time: Duration,
    /// The timeout until an answer begins.
    pub answer_time: Duration,
    /// The time limit for the client to take some of an answer's bytes.
    pub write_time: Duration,
    /// The most bytes of the head of a request.
    pub head_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 512,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(10),
            answer_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
            head_bytes: 64 * 1024,
        }
    }
}

/// A service that has its address and waits for [`HttpServer::run`].
pub struct HttpServer {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    tls: Option<RustlsConfig>,
    limits: Limits,
    grace: Duration,
}

impl HttpServer {
    /// Checks the settings and takes the configured address; with port 0, a free one.
    ///
    /// # Errors
    /// The settings contradict each other, the TLS files cannot be read, or the address cannot be listened on.
    pub async fn bind(parts: ServerParts, limits: Limits) -> Result<Self, ServerError> {
        let config = &parts.config;
        let tls = tls_settings(config)?.map(RustlsConfig::from_config);
        parts.identity.check_address(config.listen)?;
        let links = Links::new(config)?;
        let unavailable = |error: std::io::Error| NetworkError::Listen {
            room: ROOM,
            address: config.listen,
            reason: error.to_string(),
        };
        let listener = TcpListener::bind(config.listen).await.map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        if tls.is_none() && !is_of_this_machine(address) {
            tracing::warn!(
                "{address} can be reached from other machines without TLS: a proxy in front must do TLS, or tokens and \
                 reports can be read on the way (or set serve.tls_certificate and serve.tls_key)"
            );
        }
        let grace = Duration::from_secs(u64::from(config.shutdown_seconds));
        Ok(Self {
            listener,
            address,
            tls,
            limits,
            grace,
            router: api::router(parts, links, limits),
        })
    }

    /// Checks the settings alone.
    ///
    /// # Errors
    /// Where the certificate or its key cannot be used.
    pub fn check_settings(config: &ServeConfig) -> Result<(), ServerError> {
        tls_settings(config).map(drop)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://…` or `https://…` of its address.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Answers requests until `shutdown` ends, then finishes those under way within `serve.shutdown_seconds`.
    ///
    /// # Errors
    /// The listening socket fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let (address, grace, limits) = (self.address, self.grace, self.limits);
        let url = self.url();
        let handle = Handle::new();
        let limiter = ConnectionLimiter::new(limits.connections, limits.write_time);
        let mut server: Server<SocketAddr, DefaultAcceptor> = Server::from_listener(self.listener)
            .handle(handle.clone())
            .http1_only()
            .first_request_timeout(limits.head_time)
            .accept_error_handler(|_, error| tracing::debug!("a connection was not taken: {error}"));
        server
            .http_builder()
            .http1()
            .header_read_timeout(limits.head_time)
            .max_buf_size(limits.head_bytes);
        let service = self.router.into_make_service();
        let running = async {
            match self.tls {
                Some(tls) => {
                    let acceptor = RustlsAcceptor::new(tls)
                        .handshake_timeout(limits.head_time)
                        .acceptor(limiter);
                    server.acceptor(acceptor).serve(service).await
                }
                None => server.acceptor(limiter).serve(service).await,
            }
        };
        tracing::info!("listening on {url}");
        let mut running = std::pin::pin!(running);
        let result = tokio::select! {
            result = &mut running => result,
            () = shutdown => {
                tracing::info!("stopping; requests under way have {} seconds", grace.as_secs());
                handle.graceful_shutdown(Some(grace));
                running.await
            }
        };
        result.map_err(|error| ServerError::Ended {
            address,
            reason: error.to_string(),
        })
    }
}

/// The service's own certificate, where it does TLS itself.
fn tls_settings(config: &ServeConfig) -> Result<Option<Arc<ServerConfig>>, ServerError> {
    let files = config.tls()?;
    files
        .map(|(certificate, key)| tls::settings(ROOM, (certificate, key), b"http/1.1").map_err(ServerError::from))
        .transpose()
}
