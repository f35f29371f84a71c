//! Staging mappings: SQL that makes canonical tables from a platform's raw tables.
//!
//! Which raw tables a snapshot must have is read from the SQL itself. Raw tables live in a schema of their own, `raw`,
//! so that a raw table may have the name of a canonical one.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, cast, col, lit};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use datafusion::sql::resolve::resolve_table_references;

use super::error::CatalogError;
use super::wider::wider;
use crate::config::Config;
use crate::engine::{EngineError, RAW_SCHEMA, TABLE_SCHEMA};
use crate::exports::{
    Column, ExportsError, InspectedFile, Kind, SnapshotTable, Table, TableFiles, canonical_call, check_columns,
    column_twice, nonblank,
};
use crate::queries::{Parameters, Queries, Query};
use crate::zone::Zone;

/// The name of a raw table among the snapshot's tables, where it never meets a canonical one.
pub fn raw_name(table: &str) -> String {
    format!("{RAW_SCHEMA}.{table}")
}

/// The schema and the table of a name, which [`raw_name`] may have made.
fn schema_and_table(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((TABLE_SCHEMA, name))
}

/// A canonical table made by a staging query.
#[derive(Debug)]
pub struct Mapping {
    pub table: Table,
    query: Query,
    raw_tables: BTreeSet<String>,
}

/// The mappings that the configuration switches on: those of `staging`, and single ones of `[tables.NAME] sql`.
pub fn configured(config: &Config, queries: &Queries, session: &SessionContext) -> Result<Vec<Mapping>, CatalogError> {
    let staged = match &config.staging {
        Some(name) => staged_tables(name, queries)?,
        None => BTreeSet::new(),
    };
    let mut mappings = Vec::new();
    for table in Table::ALL {
        let own_sql = config.tables.get(table.name()).and_then(|table| table.sql.as_deref());
        let query_name = match (own_sql, &config.staging) {
            (Some(file), _) => file.trim_start_matches("queries/").trim_end_matches(".sql").to_owned(),
            (None, Some(name)) if staged.contains(table.name()) => format!("staging/{name}/{table}"),
            (None, _) => continue,
        };
        let query = queries.get(&query_name)?;
        let raw_tables = tables_read_by(&query, session)?;
        mappings.push(Mapping {
            table,
            query,
            raw_tables,
        });
    }
    Ok(mappings)
}

/// Every raw table that some mapping reads.
pub fn raw_tables(mappings: &[Mapping]) -> BTreeSet<String> {
    mappings
        .iter()
        .flat_map(|mapping| mapping.raw_tables.iter().cloned())
        .collect()
}

/// Whether all days up to the snapshot's belong to a raw table: it is read for tables alone that arrive day by day.
pub fn arrives_daily(mappings: &[Mapping], raw: &str) -> bool {
    let mut readers = mappings.iter().filter(|mapping| mapping.raw_tables.contains(raw));
    readers.all(|mapping| mapping.table.arrives_daily())
}

/// Registers a raw table, or one beside the contract, as it is. Files of one table may differ in the width and the unit of a
/// column.
pub fn register_as_is(
    session: &SessionContext,
    files: &TableFiles,
    inspected: Vec<InspectedFile>,
    store: ObjectStoreUrl,
    zone: Zone,
) -> Result<(), CatalogError> {
    let merged = merged_schema(files, &inspected)?;
    let (schema, table) = schema_and_table(&files.name);
    let provider = SnapshotTable::raw(table, store, merged, inspected, zone);
    session
        .register_table(TableReference::partial(schema, table), Arc::new(provider))
        .map_err(CatalogError::registering(&files.name))?;
    Ok(())
}

impl Mapping {
    /// Registers the canonical table as a view over the raw ones, typed and normalised like an exported table. The query may
    /// use the parameters of views, such as `$timezone` and `$as_of`.
    pub async fn register(
        &self,
        session: &SessionContext,
        parameters: &Parameters,
        zone: &Zone,
    ) -> Result<(), CatalogError> {
        let rows = over_raw_tables(&self.query, parameters, session).await?;
        let rows = canonical(rows, &self.query.source, self.table, zone)?;
        register_view(session, self.table.name(), rows)
    }
}

/// What `query` makes from raw tables.
pub async fn over_raw_tables(
    query: &Query,
    parameters: &Parameters,
    session: &SessionContext,
) -> Result<DataFrame, CatalogError> {
    Ok(query.plan(&raw_session(session), parameters).await?)
}

/// What the query of `source` made, typed and normalised like the exported table of a site in `zone`.
pub fn canonical(rows: DataFrame, source: &str, table: Table, zone: &Zone) -> Result<DataFrame, CatalogError> {
    let schema: SchemaRef = Arc::new(rows.schema().as_arrow().clone());
    check_columns(table, source, &schema)?;
    let columns = table
        .columns()
        .iter()
        .map(|column| normalised(table, column, &schema, zone));
    let canonical = rows.select(columns.collect::<Vec<_>>());
    Ok(canonical.map_err(EngineError::running(format!("query {source}")))?)
}

/// Registers `frame` as the view `name` for everyone.
pub fn register_view(session: &SessionContext, name: &str, frame: DataFrame) -> Result<(), CatalogError> {
    session
        .register_table(TableReference::partial(TABLE_SCHEMA, name), frame.into_view())
        .map_err(CatalogError::registering(name))?;
    Ok(())
}

fn staged_tables(name: &str, queries: &Queries) -> Result<BTreeSet<String>, CatalogError> {
    let layer = format!("staging/{name}");
    let names = queries.names(&layer);
    if names.is_empty() {
        let all = queries.names("staging");
        let known: BTreeSet<&str> = all.iter().filter_map(|query| query.split('/').rev().nth(1)).collect();
        let known = known
            .into_iter()
            .filter(|folder| *folder != "staging")
            .collect::<Vec<_>>()
            .join(", ");
        return Err(CatalogError::UnknownStaging {
            name: name.to_owned(),
            known,
        });
    }
    Ok(names
        .iter()
        .filter_map(|query| Some(query.rsplit_once('/')?.1.to_owned()))
        .collect())
}

fn tables_read_by(query: &Query, session: &SessionContext) -> Result<BTreeSet<String>, CatalogError> {
    let failed = || EngineError::running(format!("query {}", query.source));
    let state = session.state();
    let statement = state
        .sql_to_statement(&query.sql, &state.config_options().sql_parser.dialect)
        .map_err(failed())?;
    let normalise = state.config_options().sql_parser.enable_ident_normalization;
    let (tables, _common_table_expressions) = resolve_table_references(&statement, normalise).map_err(failed())?;
    Ok(tables.iter().map(|table| table.table().to_owned()).collect())
}

/// The same tables and functions, with unqualified names meaning raw tables.
fn raw_session(session: &SessionContext) -> SessionContext {
    let state = session.state();
    let catalog = state.config_options().catalog.default_catalog.clone();
    let config = state
        .config()
        .clone()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(catalog, RAW_SCHEMA);
    SessionContext::new_with_state(
        SessionStateBuilder::new_from_existing(state)
            .with_config(config)
            .build(),
    )
}

fn normalised(table: Table, column: &Column, schema: &SchemaRef, zone: &Zone) -> Expr {
    let target = column.kind.data_type();
    let value = col(format!("\"{}\"", column.name));
    let value = match schema.field_with_name(column.name) {
        Ok(field) if field.data_type() != &target => canonical_call(value, table, column, zone),
        Ok(_) if column.kind == Kind::Text => nonblank().call(vec![value]),
        Ok(_) => value,
        Err(_) => cast(lit(ScalarValue::Null), target),
    };
    value.alias(column.name)
}

/// The columns of all files, each of the type that holds those of all.
fn merged_schema(files: &TableFiles, inspected: &[InspectedFile]) -> Result<SchemaRef, CatalogError> {
    let table = schema_and_table(&files.name).1;
    let file_name = |number: usize| files.location.display(&inspected[number].object.location);
    // Each with the number of the file that first gave it that type.
    let mut merged: Vec<(Field, usize)> = Vec::new();
    for (number, file) in inspected.iter().enumerate() {
        if let Some(column) = column_twice(&file.schema) {
            return Err(CatalogError::Exports(ExportsError::ColumnTwice {
                table: table.to_owned(),
                source_name: file_name(number),
                column: column.to_owned(),
            }));
        }
        for field in file.schema.fields() {
            let Some((known, first)) = merged.iter_mut().find(|(known, _)| known.name() == field.name()) else {
                merged.push((field.as_ref().clone().with_nullable(true), number));
                continue;
            };
            if known.data_type() == field.data_type() {
                continue;
            }
            match wider(known.data_type(), field.data_type()) {
                Some(both) if both == *known.data_type() => {}
                Some(both) => {
                    *known = field.as_ref().clone().with_data_type(both).with_nullable(true);
                    *first = number;
                }
                None => {
                    let found = |data_type: &DataType, number| format!("{data_type} in {}", file_name(number));
                    return Err(CatalogError::Exports(ExportsError::Inconsistent {
                        table: table.to_owned(),
                        column: field.name().clone(),
                        first: found(known.data_type(), *first),
                        second: found(field.data_type(), number),
                    }));
                }
            }
        }
    }
    let fields: Vec<_> = merged.into_iter().map(|(field, _)| field).collect();
    Ok(Arc::new(Schema::new(fields)))
}
