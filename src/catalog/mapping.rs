//! Staging mappings: SQL that makes canonical tables from a platform's raw tables.
//!
//! Which raw tables a snapshot must have is read from the SQL itself. Raw tables live in a schema of their own, `raw`,
//! so that a raw table may have the name of a canonical one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{CatalogProviderList, MemoryCatalogProviderList, TableProvider};
use datafusion::common::{DataFusionError, TableReference};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::{Expr, cast, col, lit};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;
use datafusion::sql::resolve::resolve_table_references;
use futures::TryStreamExt;

use super::error::CatalogError;
use super::raw_schema::RawCatalog;
use super::raw_tables::RawTables;
use super::wider::{plain, wider};
use crate::config::Config;
use crate::engine::{EngineError, RAW_SCHEMA, TABLE_SCHEMA, cluster_of, materialised_table, partitioned_session};
use crate::exports::{
    Column, ExportsError, InspectedFile, JsonColumns, Kind, Snapshot, SnapshotTable, Table, TableFiles, canonical_call,
    check_columns, column_twice, misspelled_columns, misspelling, nonblank,
};
use crate::queries::{Parameters, Queries, Query};
use crate::zone::Zone;

/// The query of a platform's mapping that reads requests for reports from a table of the platform.
const REQUESTS: &str = "report_requests";

/// The name of a raw table among the snapshot's tables, which differs from all names of canonical tables.
pub fn raw_name(table: &str) -> String {
    format!("{RAW_SCHEMA}.{table}")
}

/// Splits a name, perhaps one of [`raw_name`], into schema and table.
fn schema_and_table(name: &str) -> (&str, &str) {
    name.split_once('.').unwrap_or((TABLE_SCHEMA, name))
}

/// How often the rows of a mapping are expected to be read, which decides how they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readings {
    /// The mapping's query is part of each plan: it reads the raw columns that the plan needs, every time.
    Single,
    /// The mapping's query runs at the first reading, and all readings read its rows from temporary files.
    Several,
}

/// The rows of the steps that the mapping queries of a catalog read, by the names of their queries. Several queries may
/// read the same step, which is computed once for all of them where it is materialised.
#[derive(Default)]
pub struct SharedSteps(BTreeMap<String, Arc<dyn TableProvider>>);

impl SharedSteps {
    /// The rows of `step`, which is planned at the first call.
    async fn rows(
        &mut self,
        step: &Query,
        parameters: &Parameters,
        session: &SessionContext,
        readings: Readings,
    ) -> Result<Arc<dyn TableProvider>, CatalogError> {
        if let Some(known) = self.0.get(&step.name) {
            return Ok(Arc::clone(known));
        }
        let rows = over_raw_tables(step, parameters, session).await?;
        let rows = mapped_table(&step.name, rows, readings, session);
        self.0.insert(step.name.clone(), Arc::clone(&rows));
        Ok(rows)
    }
}

/// A query of a mapping, with the tables and steps that it reads.
#[derive(Debug)]
pub struct MappedQuery {
    query: Query,
    raw_tables: BTreeSet<String>,
    /// Further queries of the mapping that it reads like raw tables, in topological order.
    steps: Vec<Query>,
}

/// A canonical table made by a staging query.
#[derive(Debug)]
pub struct Mapping {
    pub table: Table,
    pub made_by: MappedQuery,
}

/// The mappings in the configuration: those of `staging`, and single ones of `[tables.NAME] sql`.
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
        let made_by = MappedQuery::read(queries.get(&query_name)?, queries, session)?;
        mappings.push(Mapping { table, made_by });
    }
    Ok(mappings)
}

/// The mapping of requests for reports from a table of the platform, where `staging` has one; its rows are added to
/// `download_events`. Tables in `made`, which the query may read too, are not raw tables of the exports.
pub fn of_requests(
    config: &Config,
    queries: &Queries,
    session: &SessionContext,
    made: &[&str],
) -> Result<Option<Mapping>, CatalogError> {
    let Some(mut made_by) = of_platform(REQUESTS, config, queries, session)? else {
        return Ok(None);
    };
    made_by.raw_tables.retain(|table| !made.contains(&table.as_str()));
    Ok(Some(Mapping {
        table: Table::DownloadEvents,
        made_by,
    }))
}

/// The query `name` in the folder of `staging`, where there is one.
///
/// # Errors
/// Where the query, or one that it reads, cannot be read or parsed.
pub fn of_platform(
    name: &str,
    config: &Config,
    queries: &Queries,
    session: &SessionContext,
) -> Result<Option<MappedQuery>, CatalogError> {
    let Some(staging) = &config.staging else {
        return Ok(None);
    };
    let folder = format!("staging/{staging}");
    let name = format!("{folder}/{name}");
    if !queries.names(&folder).contains(&name) {
        return Ok(None);
    }
    MappedQuery::read(queries.get(&name)?, queries, session).map(Some)
}

/// All raw tables that the queries read.
pub fn raw_tables<'a>(mapped: impl IntoIterator<Item = &'a MappedQuery>) -> BTreeSet<String> {
    let mapped = mapped.into_iter();
    mapped.flat_map(|query| query.raw_tables.iter().cloned()).collect()
}

/// The declarations in the mappings' files about the raw tables.
pub fn declared<'a>(
    mapped: impl IntoIterator<Item = &'a MappedQuery>,
    queries: &Queries,
) -> Result<RawTables, CatalogError> {
    let mut tables = RawTables::default();
    for query in mapped {
        tables.add(&query.query.name, &query.raw_tables, queries)?;
        if !query.queries().all(|part| queries.is_built_in(&part.name)) {
            tables.note_own_queries(&query.raw_tables);
        }
    }
    Ok(tables)
}

/// The name of the raw table of these files.
pub fn table_of(files: &TableFiles) -> &str {
    schema_and_table(&files.name).1
}

/// Whether a raw table consists of the files of all days: it is read only for canonical tables that arrive day by day. A
/// table of requests is exported whole each day.
pub fn arrives_daily(mappings: &[Mapping], raw: &str) -> bool {
    let readers = mappings
        .iter()
        .filter(|mapping| mapping.made_by.raw_tables.contains(raw));
    let mut arriving = readers.map(|mapping| mapping.table.arrives_daily()).peekable();
    arriving.peek().is_some() && arriving.all(|arrives| arrives)
}

/// A table that was registered without conversion.
#[derive(Default)]
pub struct RegisteredAsIs {
    /// The optional columns that are missing, and were added as NULL.
    pub missing: Vec<String>,
    /// The columns that mappings say hold JSON.
    pub json: Option<Arc<JsonColumns>>,
}

/// Registers a raw table, or one that is not in the contract, without conversion. Files of one table may differ in the
/// width and the unit of a column.
///
/// # Errors
/// Where the files have other types of a column, a cluster cannot read a column of JSON, or the table cannot be registered.
pub async fn register_as_is(
    session: &SessionContext,
    files: &TableFiles,
    inspected: Vec<InspectedFile>,
    store: ObjectStoreUrl,
    zone: Zone,
    raw_tables: &RawTables,
) -> Result<RegisteredAsIs, CatalogError> {
    let merged = merged_schema(files, &inspected)?;
    let (RAW_SCHEMA, table) = schema_and_table(&files.name) else {
        let table = schema_and_table(&files.name).1;
        let provider = SnapshotTable::raw(table, store, merged, inspected, zone);
        register_files(session, &files.name, provider)?;
        return Ok(RegisteredAsIs::default());
    };
    let (schema, missing) = raw_tables.completed(table, merged);
    let rows: u64 = inspected.iter().map(|file| file.rows).sum();
    let json = raw_tables.json_columns(table, &files.name, rows).map(Arc::new);
    let as_mapped = |schema: SchemaRef| {
        let provider = SnapshotTable::raw(table, store.clone(), schema, inspected.clone(), zone.clone());
        provider.checking_json(json.clone())
    };
    let mut for_mappings = None;
    if cluster_of(session).is_none() {
        let numbered = raw_tables.with_repeated_keys(table, &schema);
        if json.is_some() || numbered != schema {
            let provider = as_mapped(numbered).needing_entries(raw_tables.needed_entries(table));
            for_mappings = Some(Arc::new(provider.caching_small_files()));
        }
    } else if let Some(json) = &json {
        // Executors open files themselves: they read keys of maps as texts, and their counts of JSON stay with them.
        let provider = Arc::new(as_mapped(Arc::clone(&schema)));
        read_in_this_process(session, provider, &json.names()).await?;
    }
    let provider = SnapshotTable::raw(table, store, schema, inspected, zone);
    register_files(session, &files.name, provider.with_table_for_mappings(for_mappings))?;
    Ok(RegisteredAsIs { missing, json })
}

/// Reads those of the `columns` to their end that the table has, in this process.
async fn read_in_this_process(
    session: &SessionContext,
    table: Arc<SnapshotTable>,
    columns: &[&str],
) -> Result<(), CatalogError> {
    let schema = table.schema();
    let columns: Vec<Expr> = columns
        .iter()
        .filter(|column| schema.index_of(column).is_ok())
        .map(|column| col(format!("\"{column}\"")))
        .collect();
    if columns.is_empty() {
        return Ok(());
    }
    let read = async {
        let rows = partitioned_session(session).read_table(table)?.select(columns)?;
        let mut rows = rows.execute_stream().await?;
        while rows.try_next().await?.is_some() {}
        Ok::<_, DataFusionError>(())
    };
    read.await.map_err(EngineError::running("columns of JSON"))?;
    Ok(())
}

/// Registers the table of some files under `name`, a name of [`TableFiles`]. In one process, the rows of many small
/// files are cached in memory; a cluster's executors read files themselves.
///
/// # Errors
/// Where the table cannot be registered.
pub fn register_files(session: &SessionContext, name: &str, mut provider: SnapshotTable) -> Result<(), CatalogError> {
    match cluster_of(session) {
        None => provider = provider.caching_small_files(),
        Some(_) => provider.release_bytes(),
    }
    let (schema, table) = schema_and_table(name);
    session
        .register_table(TableReference::partial(schema, table), Arc::new(provider))
        .map_err(CatalogError::registering(name))?;
    Ok(())
}

impl MappedQuery {
    fn read(query: Query, queries: &Queries, session: &SessionContext) -> Result<Self, CatalogError> {
        let mut sources = Sources::default();
        sources.add(&query, queries, session)?;
        Ok(Self {
            query,
            raw_tables: sources.raw_tables,
            steps: sources.steps,
        })
    }

    /// The query, and its steps.
    pub fn queries(&self) -> impl Iterator<Item = &Query> {
        std::iter::once(&self.query).chain(&self.steps)
    }

    /// The rows of the query, without conversion. Its steps are registered as tables only while it is planned, because a
    /// query of another folder may have steps of the same names. Steps are read as often as `readings` says, which is the
    /// same for all queries that share `steps`.
    ///
    /// # Errors
    /// Where the query, or a step, cannot be planned over the raw tables.
    pub async fn rows(
        &self,
        parameters: &Parameters,
        session: &SessionContext,
        readings: Readings,
        steps: &mut SharedSteps,
    ) -> Result<DataFrame, CatalogError> {
        let mut hidden = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let rows = steps.rows(step, parameters, session, readings).await?;
            let former = replace_raw_table(session, &step.name, Some(rows))?;
            hidden.push((&step.name, former));
        }
        let rows = over_raw_tables(&self.query, parameters, session).await?;
        for (name, former) in hidden {
            replace_raw_table(session, name, former)?;
        }
        Ok(rows)
    }
}

impl Mapping {
    /// Registers the canonical table over the raw ones, converted and normalised like an exported table. The query may
    /// use the parameters of views, such as `$timezone` and `$as_of`.
    ///
    /// # Errors
    /// Where the query cannot be planned, or lacks a column of the table.
    pub async fn register(
        &self,
        session: &SessionContext,
        parameters: &Parameters,
        zone: &Zone,
        readings: Readings,
        steps: &mut SharedSteps,
    ) -> Result<(), CatalogError> {
        let name = self.table.name();
        let rows = self.rows(parameters, session, zone, readings, steps).await?;
        register_table(session, name, mapped_table(name, rows, readings, session))
    }

    /// The name of the mapping's query.
    pub fn query_name(&self) -> &str {
        &self.made_by.query.name
    }

    /// Whether any of the query's raw tables has files in the snapshot.
    pub fn has_files(&self, snapshot: &Snapshot) -> bool {
        let mut tables = self.made_by.raw_tables.iter();
        tables.any(|table| snapshot.has_files(&raw_name(table)))
    }

    /// The rows of the query, converted and normalised.
    pub async fn rows(
        &self,
        parameters: &Parameters,
        session: &SessionContext,
        zone: &Zone,
        readings: Readings,
        steps: &mut SharedSteps,
    ) -> Result<DataFrame, CatalogError> {
        let rows = self.made_by.rows(parameters, session, readings, steps).await?;
        canonical(rows, &self.made_by.query.source, self.table, zone)
    }
}

/// The rows of `query` over the raw tables.
pub async fn over_raw_tables(
    query: &Query,
    parameters: &Parameters,
    session: &SessionContext,
) -> Result<DataFrame, CatalogError> {
    Ok(query.plan(&raw_session(session), parameters).await?)
}

/// Converts and normalises the rows of the query `source` like an exported table of a site in `zone`.
pub fn canonical(rows: DataFrame, source: &str, table: Table, zone: &Zone) -> Result<DataFrame, CatalogError> {
    let schema: SchemaRef = Arc::new(rows.schema().as_arrow().clone());
    check_columns(table, source, &schema, zone)?;
    for (column, found) in misspelled_columns(table, &schema) {
        tracing::warn!("table {table}: {}", misspelling(source, column, &found));
    }
    let columns = table
        .columns()
        .iter()
        .map(|column| normalised(table, column, &schema, zone));
    let canonical = rows.select(columns.collect::<Vec<_>>());
    Ok(canonical.map_err(EngineError::running(format!("query {source}")))?)
}

/// The table `name` of rows that a mapping's query gives. Executors of a cluster cannot read files of this process, so the
/// query is part of every plan there.
pub fn mapped_table(
    name: &str,
    rows: DataFrame,
    readings: Readings,
    session: &SessionContext,
) -> Arc<dyn TableProvider> {
    match readings {
        Readings::Several if cluster_of(session).is_none() => materialised_table(name, rows),
        _ => rows.into_view(),
    }
}

/// Registers `frame` as the view `name` for everyone.
pub fn register_view(session: &SessionContext, name: &str, frame: DataFrame) -> Result<(), CatalogError> {
    register_table(session, name, frame.into_view())
}

/// Registers `table` for everyone.
pub fn register_table(session: &SessionContext, name: &str, table: Arc<dyn TableProvider>) -> Result<(), CatalogError> {
    session
        .register_table(TableReference::partial(TABLE_SCHEMA, name), table)
        .map_err(CatalogError::registering(name))?;
    Ok(())
}

/// The raw tables and steps that a query reads.
#[derive(Default)]
struct Sources {
    raw_tables: BTreeSet<String>,
    steps: Vec<Query>,
    /// The names of the queries that are being added, each read by the one before.
    reading: Vec<String>,
}

impl Sources {
    /// Adds what `query` reads. A name that a query of the same folder has, and that is no canonical table, is a step;
    /// all other names are raw tables.
    fn add(&mut self, query: &Query, queries: &Queries, session: &SessionContext) -> Result<(), CatalogError> {
        let folder = query.name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let beside = queries.names(folder);
        self.reading.push(query.name.clone());
        for table in tables_read_by(query, session)? {
            let name = format!("{folder}/{table}");
            if name == query.name || Table::from_name(&table).is_some() || !beside.contains(&name) {
                self.raw_tables.insert(table);
            } else if self.reading.contains(&name) {
                return Err(CatalogError::StepsInCircle {
                    file: query.source.clone(),
                    step: table,
                });
            } else if !self.steps.iter().any(|step| step.name == name) {
                let step = queries.get(&name)?;
                self.add(&step, queries, session)?;
                self.steps.push(step);
            }
        }
        self.reading.pop();
        Ok(())
    }
}

/// Registers `table` as the raw table with the last part of the name `folder/…/name`, and returns the table that it
/// replaces.
fn replace_raw_table(
    session: &SessionContext,
    name: &str,
    table: Option<Arc<dyn TableProvider>>,
) -> Result<Option<Arc<dyn TableProvider>>, CatalogError> {
    let place = || TableReference::partial(RAW_SCHEMA, name.rsplit('/').next().unwrap_or(name));
    let former = session
        .deregister_table(place())
        .map_err(CatalogError::registering(name))?;
    if let Some(table) = table {
        session
            .register_table(place(), table)
            .map_err(CatalogError::registering(name))?;
    }
    Ok(former)
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

/// A session with the same tables and functions, in which unqualified names are raw tables, as mappings read them.
fn raw_session(session: &SessionContext) -> SessionContext {
    let state = session.state();
    let catalog = state.config_options().catalog.default_catalog.clone();
    let catalogs = MemoryCatalogProviderList::new();
    if let Some(tables) = state.catalog_list().catalog(&catalog) {
        catalogs.register_catalog(catalog.clone(), Arc::new(RawCatalog::new(tables)));
    }
    let config = state
        .config()
        .clone()
        .with_create_default_catalog_and_schema(false)
        .with_default_catalog_and_schema(catalog, RAW_SCHEMA);
    SessionContext::new_with_state(
        SessionStateBuilder::new_from_existing(state)
            .with_config(config)
            .with_catalog_list(Arc::new(catalogs))
            .build(),
    )
}

fn normalised(table: Table, column: &Column, schema: &SchemaRef, zone: &Zone) -> Expr {
    let target = column.kind.data_type();
    let value = col(format!("\"{}\"", column.name));
    let value = match schema.field_with_name(column.name) {
        Ok(field) if field.data_type() != &target => canonical_call(value, table, column, zone),
        // Not every value of these types is one: times have the years 1 to 9999, and percents are finite.
        Ok(_) if matches!(column.kind, Kind::Timestamp | Kind::Percent) => canonical_call(value, table, column, zone),
        Ok(_) if column.kind == Kind::Text => nonblank().call(vec![value]),
        Ok(_) => value,
        Err(_) => cast(lit(ScalarValue::Null), target),
    };
    value.alias(column.name)
}

/// The union of the files' columns, each with a type that holds the values of all files.
fn merged_schema(files: &TableFiles, inspected: &[InspectedFile]) -> Result<SchemaRef, CatalogError> {
    let table = schema_and_table(&files.name).1;
    let file_name = |number: usize| files.location.display(&inspected[number].object.location);
    // Each field with the number of the file that first had its type.
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
            // Dictionaries differ between files, and the key type of one may be too small for all values.
            let field = &field.as_ref().clone().with_data_type(plain(field.data_type()).clone());
            let Some((known, first)) = merged.iter_mut().find(|(known, _)| known.name() == field.name()) else {
                merged.push((field.clone().with_nullable(true), number));
                continue;
            };
            if known.data_type() == field.data_type() {
                continue;
            }
            match wider(known.data_type(), field.data_type()) {
                Some(both) if both == *known.data_type() => {}
                Some(both) => {
                    *known = field.clone().with_data_type(both).with_nullable(true);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_read_in_order_and_must_not_read_each_other() {
        let folder = tempfile::tempdir().expect("a folder");
        let mine = folder.path().join("staging/mine");
        std::fs::create_dir_all(&mine).expect("a folder");
        for (name, sql) in [
            ("users", "select * from members join schools using (id)"),
            ("members", "select * from schools join members using (id)"),
            ("schools", "select * from places"),
            ("batches", "select * from terms"),
            ("terms", "select * from years"),
            ("years", "select * from terms"),
        ] {
            std::fs::write(mine.join(format!("{name}.sql")), sql).expect("a query");
        }
        let queries = Queries::new(Some(folder.path().to_owned()));
        let read = |name: &str| {
            let query = queries.get(&format!("staging/mine/{name}")).expect("a query");
            MappedQuery::read(query, &queries, &SessionContext::new())
        };
        let users = read("users").expect("steps");
        let names: Vec<&str> = users.queries().map(|query| query.name.as_str()).collect();
        assert_eq!(
            names,
            ["staging/mine/users", "staging/mine/schools", "staging/mine/members"]
        );
        // The step `members` cleans a raw table of its own name.
        assert!(users.raw_tables.iter().eq(["members", "places"]));
        let message = read("batches").expect_err("a circle").to_string();
        assert!(
            message.contains("years.sql reads the step terms, which reads it again"),
            "{message}"
        );
    }
}
