//! Records in the store that the content of a mail is about to be sent.

use chrono::Utc;

use super::super::mail::Handover;
use super::super::store::{Held, Lease, StoreError};
use super::WorkerResources;

/// Records it for the request of a lease. Where that cannot be stored, nothing is sent.
pub struct Noted<'a> {
    pub resources: &'a WorkerResources,
    pub lease: &'a Lease,
}

impl Noted<'_> {
    fn is_stored(&self, stored: Result<Held, StoreError>) -> bool {
        match stored {
            Ok(held) => held == Held::Yes,
            Err(error) => {
                tracing::error!("request {} was not handed over: {error}", self.lease.request.id);
                false
            }
        }
    }
}

impl Handover for Noted<'_> {
    async fn begin(&self) -> bool {
        let stored = self.resources.store.start_handover(&self.lease.token, Utc::now()).await;
        self.is_stored(stored)
    }

    async fn take_back(&self) -> bool {
        let stored = self
            .resources
            .store
            .take_back_handover(&self.lease.token, Utc::now())
            .await;
        self.is_stored(stored)
    }
}
