//! The names that statements can use: tables, views, their columns, and functions.

use std::sync::{Arc, RwLock};

use datafusion::common::TableReference;
use datafusion::datasource::TableType;
use datafusion::prelude::SessionContext;

use crate::engine::{EngineError, RAW_SCHEMA, TABLE_SCHEMA};

/// The names of one session, in ascending order.
#[derive(Debug, Clone, Default)]
pub struct SqlNames {
    pub tables: Vec<TableName>,
    pub functions: Vec<String>,
}

/// A table or view.
#[derive(Debug, Clone)]
pub struct TableName {
    /// As it is written in SQL.
    pub name: String,
    pub is_view: bool,
    pub columns: Vec<String>,
}

/// Names that the editor reads and the shell updates.
pub type SharedSqlNames = Arc<RwLock<SqlNames>>;

impl SqlNames {
    /// All names of `session`. Every view is planned for its columns.
    pub async fn of(session: &SessionContext) -> Result<Self, EngineError> {
        let state = session.state();
        let mut tables = Vec::new();
        for schema_name in [TABLE_SCHEMA, RAW_SCHEMA] {
            for name in tables_in(session, schema_name) {
                let reference = TableReference::partial(schema_name, name.as_str());
                let table = session.table_provider(reference).await;
                let table = table.map_err(EngineError::running(format!("rows of {name}")))?;
                let columns = table
                    .schema()
                    .fields()
                    .iter()
                    .map(|field| written(field.name()))
                    .collect();
                tables.push(TableName {
                    name: match schema_name {
                        TABLE_SCHEMA => written(&name),
                        other => format!("{other}.{}", written(&name)),
                    },
                    is_view: table.table_type() == TableType::View,
                    columns,
                });
            }
        }
        let mut functions: Vec<String> = state
            .scalar_functions()
            .keys()
            .chain(state.aggregate_functions().keys())
            .chain(state.window_functions().keys())
            .chain(state.table_functions().keys())
            .cloned()
            .collect();
        functions.sort_unstable();
        functions.dedup();
        Ok(Self { tables, functions })
    }

    /// The table or view of that name.
    pub fn table(&self, name: &str) -> Option<&TableName> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }
}

/// The names of the tables and views in a schema of `session`, in ascending order.
pub fn tables_in(session: &SessionContext, schema: &str) -> Vec<String> {
    let catalog = session.catalog(&session.copied_config().options().catalog.default_catalog);
    let schema = catalog.and_then(|catalog| catalog.schema(schema));
    let mut names = schema.map_or_else(Vec::new, |schema| schema.table_names());
    names.sort_unstable();
    names
}

/// A name as SQL needs it: quoted where it is not plain.
fn written(name: &str) -> String {
    let starts_plain = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_plain = name
        .chars()
        .all(|part| part.is_ascii_lowercase() || part.is_ascii_digit() || part == '_');
    if starts_plain && is_plain {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}
