//! The tables that each kind of client sees, of the newest snapshot: one session for all who may see the same.
//!
//! A newer snapshot gets sessions of its own; queries under way keep those that they began with.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::prelude::SessionContext;
use tokio::sync::OnceCell;

use super::accounts::Accounts;
use crate::catalog::{Catalog, CatalogError, Visibility};
use crate::delivery::source::{Current, ReportSource};
use crate::engine::{EngineError, dialect};
use crate::postgres::catalog::{bounded_functions, functions, system};
use crate::postgres::error::QueryError;
use crate::postgres::protocol::types;

/// Sessions of the newest snapshot.
pub struct Snapshots {
    source: Arc<ReportSource>,
    newest: Mutex<Arc<Newest>>,
}

/// The newest snapshot, with a session for each visibility that was needed so far.
struct Newest {
    current: Arc<Current>,
    /// All of it, with its history.
    all: OnceCell<Catalog>,
    seen: Mutex<HashMap<Visibility, Arc<OnceCell<Arc<VisibleSnapshot>>>>>,
}

/// A snapshot as users of one visibility see it.
pub struct VisibleSnapshot {
    pub session: SessionContext,
    _current: Arc<Current>,
}

impl Snapshots {
    /// The snapshots of `source`.
    pub fn new(source: Arc<ReportSource>) -> Self {
        let newest = Mutex::new(Arc::new(Newest::new(source.current())));
        Self { source, newest }
    }

    /// The newest snapshot as users of this visibility see it.
    pub async fn seen_with(&self, visibility: &Visibility) -> Result<Arc<VisibleSnapshot>, QueryError> {
        let seen = self.newest().seen_with(visibility).await;
        seen.map_err(|error| QueryError::Snapshot(error.to_string()))
    }

    /// Whether reports show personal details of those alone who consent.
    pub fn requires_consent(&self) -> bool {
        self.source.current().catalog().requires_consent()
    }

    /// Checks that the tables can be made for what each account may see.
    pub async fn check(&self, accounts: &Accounts) -> Result<(), CatalogError> {
        for visibility in accounts.visibilities() {
            self.newest().seen_with(visibility).await?;
        }
        Ok(())
    }

    fn newest(&self) -> Arc<Newest> {
        let current = self.source.current();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if !Arc::ptr_eq(&newest.current, &current) {
            *newest = Arc::new(Newest::new(current));
        }
        Arc::clone(&newest)
    }
}

impl Newest {
    fn new(current: Arc<Current>) -> Self {
        Self {
            current,
            all: OnceCell::new(),
            seen: Mutex::default(),
        }
    }

    async fn seen_with(&self, visibility: &Visibility) -> Result<Arc<VisibleSnapshot>, CatalogError> {
        let cell = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(seen.entry(visibility.clone()).or_default())
        };
        let seen = cell.get_or_try_init(|| self.open(visibility)).await?;
        Ok(Arc::clone(seen))
    }

    async fn open(&self, visibility: &Visibility) -> Result<Arc<VisibleSnapshot>, CatalogError> {
        let all = self.all.get_or_try_init(|| async {
            let all = self.current.catalog().seen_with(&Visibility::FULL).await?;
            all.register_history()?;
            Ok::<_, CatalogError>(all)
        });
        let session = all.await?.seen_with(visibility).await?.session;
        functions::register(&session);
        bounded_functions::register(&session).map_err(EngineError::running("the functions of the endpoint"))?;
        system::set_up(&session)
            .await
            .map_err(EngineError::running("the tables of pg_catalog"))?;
        types::register(&session);
        dialect::add_to(&session).map_err(EngineError::running("the SQL dialect"))?;
        Ok(Arc::new(VisibleSnapshot {
            session,
            _current: Arc::clone(&self.current),
        }))
    }
}
