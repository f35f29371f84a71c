//! One connected client: who it is, what it is doing, and the list of all clients, through which one connection can
//! cancel the query of another.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pgwire::api::cancel::CancelHandler;
use pgwire::api::{ClientInfo, PidSecretKeyGenerator};
use pgwire::messages::ProtocolVersion;
use pgwire::messages::cancel::CancelRequest;
use pgwire::messages::startup::SecretKey;
use rustix::event::{PollFd, PollFlags, poll};
use tokio::sync::OwnedSemaphorePermit;

use super::accounts::Account;
use super::audit::Actor;
use super::stop::{Stop, StopReason};
use crate::catalog::Visibility;
use crate::postgres::protocol::admission::PendingLogin;

/// The interval of checks whether a client is still connected.
const LOOK: Duration = Duration::from_millis(500);

/// A successful login.
#[derive(Debug)]
pub struct LoggedIn {
    pub actor: Actor,
    pub visibility: Visibility,
    /// The entry in the users file at the time of the login; `None` for logins by token and without a password.
    pub account: Option<Account>,
    /// The place among the clients that may be logged in at a time; it is given back when this value is dropped.
    pub _place: OwnedSemaphorePermit,
}

/// One connection.
pub struct Client {
    pub address: SocketAddr,
    /// The socket, to look whether it was closed at the other end.
    socket: OwnedFd,
    login: OnceLock<LoggedIn>,
    /// The place among connections without a login, until there is one.
    pending: Mutex<Option<PendingLogin>>,
    /// The statement that it waits for.
    current: Mutex<Option<Stop>>,
}

impl Client {
    /// A connection without a login.
    pub fn new(address: SocketAddr, socket: OwnedFd, pending: PendingLogin) -> Self {
        Self {
            address,
            socket,
            login: OnceLock::new(),
            pending: Mutex::new(Some(pending)),
            current: Mutex::default(),
        }
    }

    /// The login, once there is one.
    pub fn login(&self) -> Option<&LoggedIn> {
        self.login.get()
    }

    /// Sets the login, which stays for the rest of the connection.
    pub fn logged_in(&self, login: LoggedIn) {
        let _ = self.login.set(login);
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Sets the statement that the client waits for; `None` between statements.
    pub fn waits_for(&self, stop: Option<Stop>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = stop;
    }

    /// Whether it waits for a statement that runs.
    pub fn is_waiting(&self) -> bool {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        current.as_ref().is_some_and(Stop::is_running)
    }

    /// Stops the statement that it waits for.
    pub fn stop(&self, reason: StopReason) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(stop) = current {
            stop.stop(reason);
        }
    }

    /// Ends when the other end has closed the connection.
    pub async fn gone(&self) {
        loop {
            tokio::time::sleep(LOOK).await;
            let mut sockets = [PollFd::new(&self.socket, PollFlags::RDHUP)];
            let is_looked = poll(&mut sockets, Some(&rustix::event::Timespec::default())).is_ok();
            let closed = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
            if is_looked && sockets[0].revents().intersects(closed) {
                return;
            }
        }
    }
}

/// All connections, by the number that a request to cancel names.
#[derive(Default)]
pub struct Clients {
    next: AtomicI32,
    connected: Mutex<HashMap<i32, (SecretKey, Arc<Client>)>>,
}

impl Clients {
    /// Stops the statements of all clients, with the same reason for each.
    pub fn stop_all(&self, reason: StopReason) {
        let clients: Vec<_> = self.lock().values().map(|(_, client)| Arc::clone(client)).collect();
        for client in clients {
            client.stop(reason);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i32, (SecretKey, Arc<Client>)>> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Gives one connection its number and key, and takes it off the list when it ends.
pub struct Registration {
    clients: Arc<Clients>,
    client: Arc<Client>,
    number: OnceLock<i32>,
}

impl Registration {
    /// A registration for `client`, which gets its number when it logs in.
    pub fn new(clients: Arc<Clients>, client: Arc<Client>) -> Self {
        Self {
            clients,
            client,
            number: OnceLock::new(),
        }
    }
}

impl PidSecretKeyGenerator for Registration {
    fn generate(&self, info: &dyn ClientInfo) -> (i32, SecretKey) {
        let number = self.clients.next.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let key = match info.protocol_version() {
            ProtocolVersion::PROTOCOL3_0 => SecretKey::I32(rand::random()),
            _ => SecretKey::Bytes(rand::random::<[u8; 32]>().to_vec().into()),
        };
        self.clients
            .lock()
            .insert(number, (key.clone(), Arc::clone(&self.client)));
        let _ = self.number.set(number);
        (number, key)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        if let Some(number) = self.number.get() {
            self.clients.lock().remove(number);
        }
    }
}

/// Takes requests to cancel, which come on connections of their own.
pub struct Cancelling(pub Arc<Clients>);

#[async_trait]
impl CancelHandler for Cancelling {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let client = match self.0.lock().get(&request.pid) {
            Some((key, client)) if key.eq_value(&request.secret_key) => Some(Arc::clone(client)),
            _ => None,
        };
        if let Some(client) = client {
            client.stop(StopReason::Cancelled);
        }
    }
}
