//! The views of a catalog, each planned when it is first read.
//!
//! A statement reads a few of the views, and planning all of them takes longer than many a statement.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::prelude::SessionContext;
use tokio::sync::OnceCell;

use super::view_order::{queries_of_views, view_of};
use super::{Catalog, CatalogError, views};
use crate::engine::{CATALOG, LayeredSchema, TABLE_SCHEMA};

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

/// The schema of the views alone, below that of the tables, which hide views of their names.
#[derive(Debug, Default)]
pub struct SchemaOfViews {
    /// The catalog that the views belong to keeps them alive: it has the session of this schema.
    views: OnceLock<Weak<LazyViews>>,
}

impl SchemaOfViews {
    /// A schema without views, and above it an empty one of tables, in place of that of the canonical tables in `session`.
    ///
    /// # Errors
    /// Where the schema cannot be registered.
    pub fn registered_in(session: &SessionContext) -> Result<Arc<Self>, CatalogError> {
        let views = Arc::new(Self::default());
        let tables = LayeredSchema::over(Arc::clone(&views) as Arc<dyn SchemaProvider>);
        if let Some(schemas) = session.catalog(CATALOG) {
            schemas
                .register_schema(TABLE_SCHEMA, Arc::new(tables))
                .map_err(CatalogError::registering(TABLE_SCHEMA))?;
        }
        Ok(views)
    }

    /// Adds views. Only the first call does.
    pub fn add(&self, views: &Arc<LazyViews>) {
        self.views.get_or_init(|| Arc::downgrade(views));
    }

    fn views(&self) -> Option<Arc<LazyViews>> {
        self.views.get()?.upgrade()
    }
}

#[async_trait]
impl SchemaProvider for SchemaOfViews {
    fn table_names(&self) -> Vec<String> {
        let views = self.views();
        let names = views.iter().flat_map(|views| views.views.keys());
        names.map(|&name| name.to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(views) = self.views() else {
            return Ok(None);
        };
        let view = views.view(name).await;
        view.map_err(|error| DataFusionError::External(Box::new(error)))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.views().is_some_and(|views| views.views.contains_key(name))
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
