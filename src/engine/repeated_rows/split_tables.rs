//! Which tables the views of a session split, so that a statement over such a table does not find its repeated keys anew.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use datafusion::catalog::TableProvider;
use datafusion::prelude::SessionConfig;

use super::Inputs;
use super::kept_keys::KeptKeys;

/// The tables that views split, and their repeated keys. It keeps neither alive. Sessions have it among their settings
/// ([`SplitTables::of`]), and share it with sessions that are made from them.
#[derive(Debug, Default)]
pub struct SplitTables(Mutex<Vec<SplitTable>>);

/// A table that a view splits.
#[derive(Debug)]
struct SplitTable {
    table: Weak<dyn TableProvider>,
    /// The columns of its key, in their order.
    key: Arc<[String]>,
    repeated: Weak<KeptKeys>,
}

impl SplitTables {
    /// Those of the session with these settings.
    pub fn of(config: &SessionConfig) -> Arc<Self> {
        config.get_extension().unwrap_or_default()
    }

    /// The repeated keys of a table by the columns `key`: those of a view that splits it already, or else new ones. What
    /// is new and of a view is found by the next caller.
    pub(super) fn repeated_keys(
        &self,
        table: &Arc<dyn TableProvider>,
        key: &Arc<[String]>,
        inputs: Inputs,
    ) -> Arc<KeptKeys> {
        let mut split = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        split.retain(|known| known.repeated.strong_count() > 0);
        if let Some(repeated) = split.iter().find_map(|known| known.keys_of(table, key)) {
            return repeated;
        }
        match inputs {
            Inputs::Tables => Arc::new(KeptKeys::WhileRead(Mutex::default())),
            Inputs::TablesAndViews => {
                let repeated = Arc::new(KeptKeys::Always(Arc::default()));
                split.push(SplitTable {
                    table: Arc::downgrade(table),
                    key: Arc::clone(key),
                    repeated: Arc::downgrade(&repeated),
                });
                repeated
            }
        }
    }
}

impl SplitTable {
    /// The repeated keys, where they are those of this table and these columns.
    fn keys_of(&self, table: &Arc<dyn TableProvider>, key: &Arc<[String]>) -> Option<Arc<KeptKeys>> {
        let own = self.table.upgrade()?;
        match Arc::ptr_eq(&own, table) && self.key == *key {
            true => self.repeated.upgrade(),
            false => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Schema;
    use datafusion::datasource::MemTable;

    use super::*;

    fn table() -> Arc<dyn TableProvider> {
        let table = MemTable::try_new(Arc::new(Schema::empty()), vec![Vec::new()]);
        Arc::new(table.expect("a table"))
    }

    fn key(columns: [&str; 2]) -> Arc<[String]> {
        columns.iter().map(|&column| column.to_owned()).collect()
    }

    #[test]
    fn statements_share_the_keys_of_a_view_of_the_same_table_by_the_same_columns() {
        let (split, table, other) = (SplitTables::default(), table(), table());
        let by = key(["a", "b"]);
        let view = split.repeated_keys(&table, &by, Inputs::TablesAndViews);
        for inputs in [Inputs::Tables, Inputs::TablesAndViews] {
            assert!(Arc::ptr_eq(&view, &split.repeated_keys(&table, &by, inputs)));
        }
        for (table, key) in [(&other, &by), (&table, &key(["b", "a"]))] {
            assert!(!Arc::ptr_eq(&view, &split.repeated_keys(table, key, Inputs::Tables)));
        }
    }

    #[test]
    fn keys_of_statements_are_not_shared_and_those_of_a_view_end_with_it() {
        let (split, table, by) = (SplitTables::default(), table(), key(["a", "b"]));
        let statement = split.repeated_keys(&table, &by, Inputs::Tables);
        let view = split.repeated_keys(&table, &by, Inputs::TablesAndViews);
        assert!(!Arc::ptr_eq(&statement, &view));
        let ended = Arc::downgrade(&view);
        drop(view);
        assert!(ended.upgrade().is_none());
        let keys = split.repeated_keys(&table, &by, Inputs::Tables);
        assert!(matches!(*keys, KeptKeys::WhileRead(_)));
    }
}
