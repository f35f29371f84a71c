//! The raw tables as the queries of mappings read them: with the declarations of `mapping.toml` about keys of maps and
//! JSON.
//!
//! All other queries, such as an analyst's of `raw.user_enrolments`, read the tables as they were exported.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;

use crate::engine::RAW_SCHEMA;
use crate::exports::SnapshotTable;

/// The schemas of a session, of which [`RAW_SCHEMA`] holds the raw tables for mappings.
#[derive(Debug)]
pub struct RawCatalog(Arc<dyn CatalogProvider>);

impl RawCatalog {
    /// The schemas of `tables`; tables that are registered later are added to them.
    pub fn new(tables: Arc<dyn CatalogProvider>) -> Self {
        Self(tables)
    }
}

impl CatalogProvider for RawCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.0.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let schema = self.0.schema(name)?;
        let schema: Arc<dyn SchemaProvider> = match name {
            RAW_SCHEMA => Arc::new(RawSchema(schema)),
            _ => schema,
        };
        Some(schema)
    }
}

/// The raw tables for mappings.
#[derive(Debug)]
struct RawSchema(Arc<dyn SchemaProvider>);

#[async_trait]
impl SchemaProvider for RawSchema {
    fn table_names(&self) -> Vec<String> {
        self.0.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(table) = self.0.table(name).await? else {
            return Ok(None);
        };
        let exported = table.downcast_ref::<SnapshotTable>();
        let for_mappings = exported.and_then(SnapshotTable::for_mappings).map(Arc::clone);
        let table: Arc<dyn TableProvider> = match for_mappings {
            Some(for_mappings) => for_mappings,
            None => table,
        };
        Ok(Some(table))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.table_exist(name)
    }
}
