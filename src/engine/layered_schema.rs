//! A schema over another one, to which tables can be added without the other seeing them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::Result;

/// The tables of `below`, and further ones, each of which hides one of its name.
#[derive(Debug)]
pub struct LayeredSchema {
    own: MemorySchemaProvider,
    below: Arc<dyn SchemaProvider>,
    /// The names of tables of `below` that were deregistered here.
    hidden: Mutex<BTreeSet<String>>,
}

impl LayeredSchema {
    /// A schema over `below`, without further tables.
    pub fn over(below: Arc<dyn SchemaProvider>) -> Self {
        Self {
            own: MemorySchemaProvider::new(),
            below,
            hidden: Mutex::default(),
        }
    }

    fn is_hidden(&self, name: &str) -> bool {
        let hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        hidden.contains(name)
    }
}

#[async_trait]
impl SchemaProvider for LayeredSchema {
    fn table_names(&self) -> Vec<String> {
        let mut names: BTreeSet<String> = self.own.table_names().into_iter().collect();
        let below = self.below.table_names().into_iter();
        names.extend(below.filter(|name| !self.is_hidden(name)));
        names.into_iter().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match self.own.table(name).await? {
            Some(table) => Ok(Some(table)),
            None if self.is_hidden(name) => Ok(None),
            None => self.below.table(name).await,
        }
    }

    fn register_table(&self, name: String, table: Arc<dyn TableProvider>) -> Result<Option<Arc<dyn TableProvider>>> {
        self.own.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if self.own.table_exist(name) {
            return self.own.deregister_table(name);
        }
        if self.below.table_exist(name) {
            let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
            hidden.insert(name.to_owned());
        }
        Ok(None)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.own.table_exist(name) || !self.is_hidden(name) && self.below.table_exist(name)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Schema;
    use datafusion::datasource::empty::EmptyTable;

    use super::*;

    fn table() -> Arc<dyn TableProvider> {
        Arc::new(EmptyTable::new(Arc::new(Schema::empty())))
    }

    #[tokio::test]
    async fn added_tables_hide_those_below_which_does_not_see_them() {
        let below = Arc::new(MemorySchemaProvider::new());
        for name in ["b", "a"] {
            below.register_table(name.to_owned(), table()).expect("registered");
        }
        let layered = LayeredSchema::over(Arc::clone(&below) as Arc<dyn SchemaProvider>);
        let own = table();
        for name in ["c", "a"] {
            layered
                .register_table(name.to_owned(), Arc::clone(&own))
                .expect("registered");
        }
        assert_eq!(layered.table_names(), ["a", "b", "c"]);
        let found = layered.table("a").await.expect("found").expect("a table");
        assert!(Arc::ptr_eq(&found, &own));
        assert!(layered.table("b").await.expect("found").is_some());
        assert!(!below.table_exist("c"));
        // A table that was added later below is seen.
        below.register_table("d".to_owned(), table()).expect("registered");
        assert!(layered.table_exist("d"));
    }

    #[tokio::test]
    async fn a_deregistered_table_is_hidden_here_alone() {
        let below = Arc::new(MemorySchemaProvider::new());
        below.register_table("a".to_owned(), table()).expect("registered");
        let layered = LayeredSchema::over(Arc::clone(&below) as Arc<dyn SchemaProvider>);
        layered.deregister_table("a").expect("deregistered");
        assert!(!layered.table_exist("a"));
        assert!(layered.table("a").await.expect("looked up").is_none());
        assert_eq!(layered.table_names(), Vec::<String>::new());
        assert!(below.table_exist("a"));
        layered.register_table("a".to_owned(), table()).expect("registered");
        assert!(layered.table_exist("a"));
    }
}
