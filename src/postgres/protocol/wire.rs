//! Clients with their types erased: trait objects of what `pgwire` knows of a connection, and [`WireClient`], which the
//! functions of `pgwire` that send messages take as a client.
//!
//! `pgwire`'s handlers are generic in the client. [`super::adapter`] says why ours are not.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Sink;
use pgwire::api::store::PortalStore;
use pgwire::api::{ClientInfo, ClientPortalStore, PgWireConnectionState, SessionExtensions};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::response::TransactionStatus;
use pgwire::messages::startup::SecretKey;
use pgwire::messages::{PgWireBackendMessage, ProtocolVersion};
use rustls::pki_types::CertificateDer;

use crate::postgres::session::Prepared;

/// A client that messages can be sent to: the methods of [`Sink`], with one type of errors for all.
pub trait Wire: ClientInfo + Unpin + Send + Sync {
    /// As [`Sink::poll_ready`].
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<PgWireResult<()>>;

    /// As [`Sink::start_send`].
    fn start_send(&mut self, message: PgWireBackendMessage) -> PgWireResult<()>;

    /// As [`Sink::poll_flush`].
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<PgWireResult<()>>;

    /// As [`Sink::poll_close`].
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<PgWireResult<()>>;
}

impl<C> Wire for C
where
    C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<PgWireResult<()>> {
        <C as Sink<PgWireBackendMessage>>::poll_ready(Pin::new(self), context).map_err(PgWireError::from)
    }

    fn start_send(&mut self, message: PgWireBackendMessage) -> PgWireResult<()> {
        <C as Sink<PgWireBackendMessage>>::start_send(Pin::new(self), message).map_err(PgWireError::from)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<PgWireResult<()>> {
        <C as Sink<PgWireBackendMessage>>::poll_flush(Pin::new(self), context).map_err(PgWireError::from)
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<PgWireResult<()>> {
        <C as Sink<PgWireBackendMessage>>::poll_close(Pin::new(self), context).map_err(PgWireError::from)
    }
}

/// A client of either protocol, simple or extended: its prepared statements and portals can be removed, whatever their
/// types are.
pub trait SimpleWire: Wire {
    /// Removes a prepared statement, where there is one of that name.
    fn forget_statement(&self, name: &str);

    /// Removes all portals.
    fn forget_portals(&self);
}

impl<C> SimpleWire for C
where
    C: Wire + ClientPortalStore,
    C::PortalStore: PortalStore,
{
    fn forget_statement(&self, name: &str) {
        self.portal_store().rm_statement(name);
    }

    fn forget_portals(&self) {
        self.portal_store().clear_portals();
    }
}

/// A client of the extended protocol.
pub trait ExtendedWire: SimpleWire {
    /// Its prepared statements and portals.
    fn store(&self) -> &dyn PortalStore<Statement = Prepared>;
}

impl<C> ExtendedWire for C
where
    C: SimpleWire + ClientPortalStore,
    C::PortalStore: PortalStore<Statement = Prepared>,
{
    fn store(&self) -> &dyn PortalStore<Statement = Prepared> {
        self.portal_store()
    }
}

/// A client for functions that take one of a type whose size is known.
pub struct WireClient<'a>(pub &'a mut (dyn Wire + 'a));

impl Sink<PgWireBackendMessage> for WireClient<'_> {
    type Error = PgWireError;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<PgWireResult<()>> {
        self.get_mut().0.poll_ready(context)
    }

    fn start_send(self: Pin<&mut Self>, message: PgWireBackendMessage) -> PgWireResult<()> {
        self.get_mut().0.start_send(message)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<PgWireResult<()>> {
        self.get_mut().0.poll_flush(context)
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<PgWireResult<()>> {
        self.get_mut().0.poll_close(context)
    }
}

impl ClientInfo for WireClient<'_> {
    fn socket_addr(&self) -> SocketAddr {
        self.0.socket_addr()
    }

    fn is_secure(&self) -> bool {
        self.0.is_secure()
    }

    fn protocol_version(&self) -> ProtocolVersion {
        self.0.protocol_version()
    }

    fn set_protocol_version(&mut self, version: ProtocolVersion) {
        self.0.set_protocol_version(version);
    }

    fn pid_and_secret_key(&self) -> (i32, SecretKey) {
        self.0.pid_and_secret_key()
    }

    fn set_pid_and_secret_key(&mut self, pid: i32, secret_key: SecretKey) {
        self.0.set_pid_and_secret_key(pid, secret_key);
    }

    fn state(&self) -> PgWireConnectionState {
        self.0.state()
    }

    fn set_state(&mut self, new_state: PgWireConnectionState) {
        self.0.set_state(new_state);
    }

    fn transaction_status(&self) -> TransactionStatus {
        self.0.transaction_status()
    }

    fn set_transaction_status(&mut self, new_status: TransactionStatus) {
        self.0.set_transaction_status(new_status);
    }

    fn metadata(&self) -> &HashMap<String, String> {
        self.0.metadata()
    }

    fn metadata_mut(&mut self) -> &mut HashMap<String, String> {
        self.0.metadata_mut()
    }

    fn session_extensions(&self) -> &SessionExtensions {
        self.0.session_extensions()
    }

    fn sni_server_name(&self) -> Option<&str> {
        self.0.sni_server_name()
    }

    fn client_certificates<'a>(&self) -> Option<&[CertificateDer<'a>]> {
        self.0.client_certificates()
    }
}
