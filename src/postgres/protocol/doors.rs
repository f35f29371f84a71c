//! How many clients there may be: those who are logged in, and those who are not yet, also from one address, so that whoever
//! opens connections and says nothing keeps nobody else out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections at a time on which nobody is logged in.
const STRANGERS: usize = 256;
/// Of these, from one address. Behind a proxy, everybody has the same.
const STRANGERS_OF_ADDRESS: usize = 128;

/// Counts connections.
#[derive(Debug)]
pub struct Doors {
    strangers: Mutex<HashMap<IpAddr, usize>>,
    places: Arc<Semaphore>,
}

/// A connection on which nobody is logged in yet.
#[derive(Debug)]
pub struct Stranger {
    doors: Arc<Doors>,
    address: IpAddr,
}

impl Doors {
    /// For so many clients who are logged in.
    pub fn new(places: usize) -> Arc<Self> {
        Arc::new(Self {
            strangers: Mutex::default(),
            places: Arc::new(Semaphore::new(places)),
        })
    }

    /// Counts a connection until it is logged in; none where there are too many.
    pub fn knock(self: &Arc<Self>, address: IpAddr) -> Option<Stranger> {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = strangers.values().sum();
        let here = strangers.get(&address).copied().unwrap_or(0);
        if all >= STRANGERS || here >= STRANGERS_OF_ADDRESS {
            return None;
        }
        strangers.insert(address, here + 1);
        Some(Stranger {
            doors: Arc::clone(self),
            address,
        })
    }

    /// Whether one more may log in.
    pub fn has_place(&self) -> bool {
        self.places.available_permits() > 0
    }

    /// A place for somebody who is logged in.
    pub fn place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        let mut strangers = self.doors.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = strangers.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                strangers.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_connections_of_one_address_leave_room_for_others() {
        let doors = Doors::new(1);
        let [one, other] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        let mut silent: Vec<_> = std::iter::from_fn(|| doors.knock(one)).collect();
        assert_eq!(silent.len(), STRANGERS_OF_ADDRESS);
        assert!(doors.knock(other).is_some());
        silent.pop();
        assert!(doors.knock(one).is_some());
        drop(silent);
        assert!(doors.strangers.lock().expect("unpoisoned").is_empty());
        let place = doors.place();
        assert!(place.is_some() && !doors.has_place() && doors.place().is_none());
    }
}
