//! The tables that the views of a session split. A statement over such a table uses the repeated keys that were found
//! for the view, and a plan that reads all of the table anyway finds them on the way.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::TableProvider;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::SessionConfig;

use super::find_among_rows::FindAmongRowsExec;
use super::kept_keys::KeptKeys;
use super::{Inputs, KeyColumns};

/// The tables that views split, and their repeated keys. The references are weak. Sessions have it among their settings
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
    /// The split tables of the session with these settings.
    pub fn of(config: &SessionConfig) -> Arc<Self> {
        config.get_extension().unwrap_or_default()
    }

    /// The repeated keys of a table by the columns `key`: those of a view that splits it already, or else new ones. New
    /// keys of a view are listed for later callers.
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

    /// A plan that passes on `rows`, all rows of `table` with all of its columns in their order. It finds the repeated
    /// keys by which views split the table, unless they are known.
    pub fn finding_keys(&self, table: &Arc<dyn TableProvider>, rows: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let split = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        split.iter().fold(rows, |rows, known| known.finding_keys(table, rows))
    }
}

impl SplitTable {
    /// The plan of [`SplitTables::finding_keys`], for the keys of this table and these columns.
    fn finding_keys(&self, table: &Arc<dyn TableProvider>, rows: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let repeated = self.keys_of(table, &self.key).map(|kept| kept.keys());
        let places = places_of(&self.key, &table.schema(), &rows.schema());
        match (repeated, places) {
            (Some(repeated), Some(places)) if !repeated.are_found() => {
                let key = KeyColumns {
                    repeated: places,
                    neighbours: None,
                };
                Arc::new(FindAmongRowsExec::new(rows, Arc::clone(&self.key), key, repeated))
            }
            _ => rows,
        }
    }

    /// The repeated keys, where they are those of this table and these columns.
    fn keys_of(&self, table: &Arc<dyn TableProvider>, key: &Arc<[String]>) -> Option<Arc<KeptKeys>> {
        let own = self.table.upgrade()?;
        match Arc::ptr_eq(&own, table) && self.key == *key {
            true => self.repeated.upgrade(),
            false => None,
        }
    }
}

/// The positions of columns of a table in rows that have all of them. `None` where a column has another type there, so
/// that the fingerprints of its values differ.
fn places_of(names: &[String], table: &Schema, rows: &Schema) -> Option<Vec<usize>> {
    let places = names.iter().map(|name| {
        let place = table.index_of(name).ok()?;
        let given = rows.fields().get(place)?;
        (given.data_type() == table.field(place).data_type()).then_some(place)
    });
    places.collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{DataType, Field};
    use datafusion::datasource::MemTable;
    use datafusion::physical_plan::displayable;
    use datafusion::physical_plan::empty::EmptyExec;

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
    fn keys_are_found_among_rows_of_the_same_table_with_the_same_types() {
        let schema = |kind: DataType| {
            let column = |name: &str| Field::new(name, kind.clone(), true);
            Arc::new(Schema::new(vec![column("a"), column("b"), column("c")]))
        };
        let table = || -> Arc<dyn TableProvider> {
            let table = MemTable::try_new(schema(DataType::Utf8View), vec![Vec::new()]);
            Arc::new(table.expect("a table"))
        };
        let (split, table, other) = (SplitTables::default(), table(), table());
        let plan = |table: &Arc<dyn TableProvider>, kind: DataType| {
            let rows = split.finding_keys(table, Arc::new(EmptyExec::new(schema(kind))));
            displayable(rows.as_ref()).one_line().to_string()
        };
        assert!(!plan(&table, DataType::Utf8View).contains("FindAmongRowsExec"));
        let view = split.repeated_keys(&table, &key(["c", "a"]), Inputs::TablesAndViews);
        let found = plan(&table, DataType::Utf8View);
        assert!(found.contains("FindAmongRowsExec: key=[c, a]"), "{found}");
        for (table, kind) in [(&table, DataType::Utf8), (&other, DataType::Utf8View)] {
            assert!(!plan(table, kind).contains("FindAmongRowsExec"));
        }
        drop(view);
        assert!(!plan(&table, DataType::Utf8View).contains("FindAmongRowsExec"));
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
