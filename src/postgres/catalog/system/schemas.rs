//! Registers `pg_catalog` and `information_schema` in a session.
//!
//! They describe the session's own catalog, and only the schemas in it that its users may read.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemorySchemaProvider, SchemaProvider, TableProvider,
};
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::datasource::{TableType, ViewTable};
use datafusion::error::DataFusionError;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion_pg_catalog::pg_catalog::catalog_info::CatalogInfo;
use datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_pg_catalog::pg_catalog::{PgCatalogSchemaProvider, PgCatalogStaticTables};
use datafusion_pg_catalog::setup_pg_catalog;

use super::described_schema::describe;
use super::functions;
use super::views::{self, HIDDEN};
use crate::engine::{CATALOG, TABLE_SCHEMA, register_table_functions};

/// The schemas that are visible to clients.
const SHOWN: [&str; 3] = [TABLE_SCHEMA, "pg_catalog", "information_schema"];

/// Registers the schemas in `session`, whose tables have to be there already.
pub async fn set_up(session: &SessionContext) -> Result<()> {
    setup_pg_catalog(session, CATALOG, EmptyContextProvider).map_err(|error| *error)?;
    // `setup_pg_catalog` registers a `generate_series` of bigint alone; the engine's replaces it.
    register_table_functions(session);
    functions::register(session);
    let catalog = session
        .catalog(CATALOG)
        .ok_or_else(|| exec_datafusion_err!("the session has no catalog {CATALOG}"))?;
    let tables = catalog
        .schema(TABLE_SCHEMA)
        .ok_or_else(|| exec_datafusion_err!("the session has no schema {TABLE_SCHEMA}"))?;
    let shown = Shown(Arc::downgrade(session.state().catalog_list()));
    let library: Arc<dyn SchemaProvider> = Arc::new(PgCatalogSchemaProvider::try_new(
        shown,
        library_tables()?,
        EmptyContextProvider,
    )?);
    let maker = Maker::new(Arc::clone(&library), tables.as_ref()).await?;

    let mut laid_over: HashMap<String, Arc<dyn TableProvider>> = HashMap::new();
    for (name, sql) in views::pg_catalog() {
        laid_over.insert(name.to_owned(), maker.view(sql).await?);
    }
    catalog.register_schema("pg_catalog", Arc::new(PgCatalog { library, laid_over }))?;

    let information = MemorySchemaProvider::new();
    for (name, sql) in views::information_schema() {
        information.register_table(name.to_owned(), maker.view(sql).await?)?;
    }
    catalog.register_schema("information_schema", Arc::new(information))?;
    // The engine's own `information_schema` would hide this one.
    let state = session.state_ref();
    state.write().config_mut().options_mut().catalog.information_schema = false;
    Ok(())
}

/// The library's static tables, shared by all sessions because they are large.
fn library_tables() -> Result<Arc<PgCatalogStaticTables>> {
    static TABLES: OnceLock<Arc<PgCatalogStaticTables>> = OnceLock::new();
    if let Some(tables) = TABLES.get() {
        return Ok(Arc::clone(tables));
    }
    let tables = Arc::new(PgCatalogStaticTables::try_new()?);
    Ok(Arc::clone(TABLES.get_or_init(|| tables)))
}

/// Plans the views, in an internal session that is not visible to clients.
struct Maker(SessionContext);

impl Maker {
    async fn new(library: Arc<dyn SchemaProvider>, tables: &dyn SchemaProvider) -> Result<Self> {
        let session =
            SessionContext::new_with_config(SessionConfig::new().with_default_catalog_and_schema(CATALOG, "library"));
        let described = describe(tables).await?;
        let rows = MemorySchemaProvider::new();
        rows.register_table("tables".to_owned(), described.tables)?;
        rows.register_table("columns".to_owned(), described.columns)?;
        rows.register_table("settings".to_owned(), described.settings)?;
        let catalog = MemoryCatalogProvider::new();
        catalog.register_schema("library", library)?;
        catalog.register_schema("described", Arc::new(rows))?;
        session.register_catalog(CATALOG, Arc::new(catalog));
        Ok(Self(session))
    }

    async fn view(&self, sql: &str) -> Result<Arc<dyn TableProvider>> {
        let plan = self.0.sql(sql).await?.into_unoptimized_plan();
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

/// The library's `pg_catalog` with views over it.
#[derive(Debug)]
struct PgCatalog {
    library: Arc<dyn SchemaProvider>,
    laid_over: HashMap<String, Arc<dyn TableProvider>>,
}

#[async_trait]
impl SchemaProvider for PgCatalog {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.library.table_names();
        names.retain(|name| !HIDDEN.contains(&name.as_str()));
        names.extend(self.laid_over.keys().cloned());
        names.sort();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.laid_over.get(name) {
            Some(view) => Ok(Some(Arc::clone(view))),
            None if HIDDEN.contains(&name) => Ok(None),
            None => self.library.table(name).await,
        }
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::Base))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.laid_over.contains_key(name) || !HIDDEN.contains(&name) && self.library.table_exist(name)
    }
}

/// The catalogs that the library's tables describe. The reference is weak, because the session's catalogs own this
/// value and a strong one would be a cycle.
#[derive(Debug, Clone)]
struct Shown(Weak<dyn CatalogProviderList>);

impl Shown {
    fn schema(&self, catalog: &str, schema: &str) -> Option<Arc<dyn SchemaProvider>> {
        let is_shown = catalog == CATALOG && SHOWN.contains(&schema);
        is_shown
            .then(|| self.0.upgrade()?.catalog(catalog)?.schema(schema))
            .flatten()
    }
}

#[async_trait]
impl CatalogInfo for Shown {
    async fn catalog_names(&self) -> Result<Vec<String>, DataFusionError> {
        Ok(vec![CATALOG.to_owned()])
    }

    async fn schema_names(&self, catalog: &str) -> Result<Option<Vec<String>>, DataFusionError> {
        Ok((catalog == CATALOG).then(|| SHOWN.map(str::to_owned).to_vec()))
    }

    async fn table_names(&self, catalog: &str, schema: &str) -> Result<Option<Vec<String>>, DataFusionError> {
        Ok(self.schema(catalog, schema).map(|schema| schema.table_names()))
    }

    async fn table_schema(
        &self,
        catalog: &str,
        schema: &str,
        table: &str,
    ) -> Result<Option<SchemaRef>, DataFusionError> {
        match self.schema(catalog, schema) {
            Some(schema) => Ok(schema.table(table).await?.map(|table| table.schema())),
            None => Ok(None),
        }
    }

    async fn table_type(&self, catalog: &str, schema: &str, table: &str) -> Result<Option<TableType>, DataFusionError> {
        match self.schema(catalog, schema) {
            Some(schema) => schema.table_type(table).await,
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::catalog::MemorySchemaProvider;

    use super::*;

    async fn session() -> SessionContext {
        let config = SessionConfig::new()
            .with_default_catalog_and_schema(CATALOG, TABLE_SCHEMA)
            .with_information_schema(true);
        let session = SessionContext::new_with_config(config);
        for sql in [
            "create table users (user_id text not null, score double, enrolled_at timestamp, born date, \
             tags text[], amount decimal(10, 2), n bigint, small int, active boolean)",
            "create view names as select user_id from users",
        ] {
            session.sql(sql).await.expect(sql).collect().await.expect(sql);
        }
        let catalog = session.catalog(CATALOG).expect("catalog");
        let raw = MemorySchemaProvider::new();
        let secret = session.table("users").await.expect("users").into_view();
        raw.register_table("pragati_events".to_owned(), secret)
            .expect("registered");
        catalog.register_schema("raw", Arc::new(raw)).expect("registered");
        set_up(&session).await.expect("set up");
        session
    }

    async fn rows(session: &SessionContext, sql: &str) -> Vec<String> {
        let batches = session.sql(sql).await.expect(sql).collect().await.expect(sql);
        let table = pretty_format_batches(&batches).expect(sql).to_string();
        let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
        lines
            .map(|line| {
                let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
                cells.join(" ")
            })
            .collect()
    }

    #[tokio::test]
    async fn columns_have_postgresql_types() {
        let sql = "select column_name, data_type, udt_name, is_nullable, ordinal_position from information_schema.columns \
                   where table_catalog = 'pragati' and table_schema = 'public' and table_name = 'users' order by 5";
        assert_eq!(
            rows(&session().await, sql).await,
            [
                "user_id text text NO 1",
                "score double precision float8 YES 2",
                "enrolled_at timestamp without time zone timestamp YES 3",
                "born date date YES 4",
                "tags ARRAY _text YES 5",
                "amount numeric numeric YES 6",
                "n bigint int8 YES 7",
                "small integer int4 YES 8",
                "active boolean bool YES 9",
            ]
        );
    }

    #[tokio::test]
    async fn only_visible_tables_are_described() {
        let session = session().await;
        assert_eq!(
            rows(
                &session,
                "select table_name, table_type from information_schema.tables order by 1"
            )
            .await,
            ["names VIEW", "users BASE TABLE"]
        );
        let none: Vec<String> = Vec::new();
        for sql in [
            "select relname from pg_catalog.pg_class where relname = 'pragati_events'",
            "select nspname from pg_catalog.pg_namespace where nspname = 'raw'",
            "select conname from pg_catalog.pg_constraint where 1 = any(conkey)",
        ] {
            let sql = sql.replace("1 = any(conkey)", "array_has(conkey, 1)");
            assert_eq!(rows(&session, &sql).await, none, "{sql}");
        }
        for table in [
            "pg_catalog.pg_authid",
            "pg_catalog.pg_shadow",
            "library.pg_class",
            "described.tables",
        ] {
            assert!(session.sql(&format!("select * from {table}")).await.is_err(), "{table}");
        }
        assert_eq!(
            rows(&session, "select datname from pg_catalog.pg_database").await,
            ["pragati"]
        );
    }

    #[tokio::test]
    async fn every_table_can_be_read() {
        let session = session().await;
        for schema in SHOWN {
            let schema_provider = session
                .catalog(CATALOG)
                .and_then(|catalog| catalog.schema(schema))
                .expect(schema);
            for table in schema_provider.table_names() {
                let sql = format!("select * from {schema}.{table} limit 1");
                session.sql(&sql).await.expect(&sql).collect().await.expect(&sql);
            }
        }
    }

    #[tokio::test]
    async fn a_dropped_session_is_freed() {
        let session = session().await;
        let catalogs = Arc::downgrade(session.state().catalog_list());
        drop(session);
        assert!(catalogs.upgrade().is_none());
    }
}
