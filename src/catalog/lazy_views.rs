//! The views of a catalog, each planned when it is first read.
//!
//! A statement reads a few of the views, and planning all of them takes longer than many a statement.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use tokio::sync::OnceCell;

use super::view_order::{queries_of_views, view_of};
use super::{Catalog, CatalogError, views};
use crate::engine::{CATALOG, TABLE_SCHEMA};

/// The views of one catalog.
pub struct LazyViews {
    /// Plans the views, and has none of its own: it would keep itself alive.
    catalog: Catalog,
    views: BTreeMap<&'static str, LazyView>,
}

/// One view, by its query.
struct LazyView {
    query: &'static str,
    table: OnceCell<Arc<dyn TableProvider>>,
}

impl fmt::Debug for LazyViews {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("LazyViews").finish_non_exhaustive()
    }
}

impl LazyViews {
    /// All views whose names `catalog` has no table of yet.
    pub fn of(catalog: &Catalog) -> Self {
        let views = queries_of_views().filter_map(|query| {
            let name = view_of(query);
            let is_registered = catalog.session.table_exist(name).unwrap_or(false);
            let table = OnceCell::new();
            (!is_registered).then_some((name, LazyView { query, table }))
        });
        Self {
            views: views.collect(),
            catalog: Catalog {
                views: None,
                ..catalog.clone()
            },
        }
    }

    /// The view `name`, planned at the first call; `None` where there is no such view.
    ///
    /// # Errors
    /// Where its query, or one of a view that it reads, cannot be planned.
    async fn view(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, CatalogError> {
        let Some(view) = self.views.get(name) else {
            return Ok(None);
        };
        let planned = view.table.get_or_try_init(|| views::planned(&self.catalog, view.query));
        planned.await.cloned().map(Some)
    }
}

/// A schema with tables, and with views that are planned when they are read. A table hides a view of its name.
#[derive(Debug, Default)]
pub struct SchemaWithViews {
    tables: MemorySchemaProvider,
    /// The catalog that the views belong to keeps them alive: it has the session of this schema.
    views: OnceLock<Weak<LazyViews>>,
    /// The names of views that were deregistered.
    deregistered: Mutex<BTreeSet<String>>,
}

impl SchemaWithViews {
    /// An empty schema, in place of that of the canonical tables in `session`.
    ///
    /// # Errors
    /// Where the schema cannot be registered.
    pub fn registered_in(session: &SessionContext) -> Result<Arc<Self>, CatalogError> {
        let schema = Arc::new(Self::default());
        if let Some(schemas) = session.catalog(CATALOG) {
            schemas
                .register_schema(TABLE_SCHEMA, Arc::clone(&schema) as Arc<dyn SchemaProvider>)
                .map_err(CatalogError::registering(TABLE_SCHEMA))?;
        }
        Ok(schema)
    }

    /// Adds views. Only the first call does.
    pub fn add(&self, views: &Arc<LazyViews>) {
        self.views.get_or_init(|| Arc::downgrade(views));
    }

    fn views(&self) -> Option<Arc<LazyViews>> {
        self.views.get()?.upgrade()
    }

    fn is_deregistered(&self, view: &str) -> bool {
        let names = self.deregistered.lock().unwrap_or_else(PoisonError::into_inner);
        names.contains(view)
    }

    fn has_view(&self, name: &str) -> bool {
        let is_known = self.views().is_some_and(|views| views.views.contains_key(name));
        is_known && !self.is_deregistered(name)
    }
}

#[async_trait]
impl SchemaProvider for SchemaWithViews {
    fn table_names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.tables.table_names().into_iter().collect();
        if let Some(views) = self.views() {
            let of_views = views.views.keys().filter(|name| !self.is_deregistered(name));
            names.extend(of_views.map(|&name| name.to_owned()));
        }
        names.into_iter().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(table) = self.tables.table(name).await? {
            return Ok(Some(table));
        }
        match self.views() {
            Some(views) if !self.is_deregistered(name) => {
                let view = views.view(name).await;
                view.map_err(|error| DataFusionError::External(Box::new(error)))
            }
            _ => Ok(None),
        }
    }

    fn register_table(&self, name: String, table: Arc<dyn TableProvider>) -> Result<Option<Arc<dyn TableProvider>>> {
        self.tables.register_table(name, table)
    }

    /// A view that was not planned is removed without planning it, so it is not returned.
    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.tables.table_exist(name) {
            return self.tables.deregister_table(name);
        }
        if self.has_view(name) {
            let mut names = self.deregistered.lock().unwrap_or_else(PoisonError::into_inner);
            names.insert(name.to_owned());
        }
        Ok(None)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.tables.table_exist(name) || self.has_view(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    async fn sample() -> Catalog {
        let config = Config {
            exports: Some(concat!(env!("CARGO_MANIFEST_DIR"), "/sample_data").to_owned()),
            ..Config::default()
        };
        Catalog::open(&config).await.expect("a catalog")
    }

    /// The names of the views that were planned.
    fn planned(catalog: &Catalog) -> Vec<&'static str> {
        let views = catalog.views.as_ref().expect("lazy views");
        let planned = views.views.iter().filter(|(_, view)| view.table.initialized());
        planned.map(|(name, _)| *name).collect()
    }

    #[tokio::test]
    async fn a_statement_plans_the_views_that_it_reads_and_those_that_they_read() {
        let catalog = sample().await;
        assert_eq!(planned(&catalog), Vec::<&str>::new());
        assert!(catalog.session.table_exist("distinct_users").expect("looked up"));
        for _ in 0..2 {
            let rows = catalog.session.sql("select count(*) from report_batches").await;
            rows.expect("planned");
            assert_eq!(planned(&catalog), ["distinct_batches", "report_batches"]);
        }
    }

    #[tokio::test]
    async fn views_are_listed_without_planning_them() {
        let catalog = sample().await;
        let schema = catalog
            .session
            .catalog(CATALOG)
            .and_then(|all| all.schema(TABLE_SCHEMA));
        let names = schema.expect("the schema").table_names();
        for view in queries_of_views().map(view_of) {
            assert!(names.iter().any(|name| name == view), "{view} is not in {names:?}");
        }
        assert!(names.is_sorted(), "{names:?}");
        assert_eq!(planned(&catalog), Vec::<&str>::new());
    }

    #[tokio::test]
    async fn a_table_takes_the_place_of_a_view() {
        let catalog = sample().await;
        catalog
            .session
            .deregister_table("report_batches")
            .expect("deregistered");
        assert!(!catalog.session.table_exist("report_batches").expect("looked up"));
        assert!(catalog.session.table("report_batches").await.is_err());
        let users = catalog.session.table_provider("users").await.expect("users");
        catalog
            .session
            .register_table("report_batches", Arc::clone(&users))
            .expect("registered");
        let found = catalog.session.table_provider("report_batches").await.expect("a table");
        assert!(Arc::ptr_eq(&found, &users));
        assert_eq!(planned(&catalog), Vec::<&str>::new());
    }

    #[tokio::test]
    async fn views_do_not_keep_their_catalog_alive() {
        let catalog = sample().await;
        for view in queries_of_views().map(view_of) {
            catalog.session.table_provider(view).await.expect("a view");
        }
        let state = catalog.session.state_weak_ref();
        drop(catalog);
        assert!(state.upgrade().is_none());
    }
}
