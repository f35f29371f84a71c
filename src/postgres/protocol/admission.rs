//! Limits of connections: of clients that are logged in, and of those that are not yet, in all and from one address. So
//! connections without a login cannot use up the places of others.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The limit of connections without a login.
const MOST_PENDING: usize = 256;
/// The limit for one address. Behind a proxy, all clients have the proxy's address.
const MOST_PENDING_OF_ADDRESS: usize = 128;

/// Counts connections, and refuses those that are too many.
#[derive(Debug)]
pub struct Admission {
    /// Connections without a login, by their addresses.
    pending: Mutex<HashMap<IpAddr, usize>>,
    /// For clients who are logged in.
    places: Arc<Semaphore>,
}

/// A connection without a login; it is counted until this value is dropped.
#[derive(Debug)]
pub struct PendingLogin {
    admission: Arc<Admission>,
    address: IpAddr,
}

impl Admission {
    /// Admits at most `places` logged-in clients.
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            pending: Mutex::default(),
            places: Arc::new(Semaphore::new(places)),
        })
    }

    /// Counts a connection until it is logged in; none where there are too many.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<PendingLogin> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = pending.values().sum();
        let here = pending.get(&address).copied().unwrap_or(0);
        if all >= MOST_PENDING || here >= MOST_PENDING_OF_ADDRESS {
            return None;
        }
        pending.insert(address, here + 1);
        Some(PendingLogin {
            admission: Arc::clone(self),
            address,
        })
    }

    /// Whether one more may log in.
    pub fn has_place(&self) -> bool {
        self.places.available_permits() > 0
    }

    /// A place for a client that logs in; `None` where all are taken.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

impl Drop for PendingLogin {
    fn drop(&mut self) {
        let mut pending = self.admission.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = pending.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                pending.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_connections_of_one_address_leave_room_for_others() {
        let admission = Admission::new(1);
        let [one, other] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let mut silent: Vec<_> = std::iter::from_fn(|| admission.admit(one)).collect();
        assert_eq!(silent.len(), MOST_PENDING_OF_ADDRESS);
        assert!(admission.admit(other).is_some());
        silent.pop();
        assert!(admission.admit(one).is_some());
        drop(silent);
        assert!(admission.pending.lock().expect("unpoisoned").is_empty());
        let place = admission.place();
        assert!(place.is_some() && !admission.has_place() && admission.place().is_none());
    }
}
