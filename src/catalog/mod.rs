//! The catalog: the tables and views of one snapshot, as every command and every analyst sees them.
//!
//! Opens the snapshot that the configuration asks for, registers its tables (mapped by staging queries where a site's
//! exports have other shapes) and the views of `queries/`. The SQL defines the meaning of the rows.

mod as_built_in;
mod barrier;
mod consents;
mod details;
mod double_clicks;
mod error;
mod lazy_views;
mod mapping;
mod mappings;
mod mart;
mod names;
mod raw_schema;
mod raw_tables;
mod telemetry;
mod view_order;
mod views;
mod visibility;
mod wider;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::prelude::SessionContext;
use futures::FutureExt;
use futures::future::BoxFuture;

pub use error::CatalogError;

use crate::config::{ClusterOptions, Config};
use crate::engine::{Cluster, EngineError, EngineOptions, new_session, partitioned_session, session_beside};
use crate::exports::{
    ExportNote, Exports, ExportsError, HistoryTable, InspectedFile, JsonColumns, Location, Snapshot, SnapshotTable,
    Table, TableFiles, TableFolder, check_contract, nonblank, read_footers,
};
use crate::ids::SnapshotDate;
use crate::queries::{Parameters, Queries, Query};
use crate::telemetry::TelemetryFile;
use crate::zone::Zone;
use lazy_views::{LazyViews, SchemaOfViews};
pub use mapping::Readings;
use mapping::SharedSteps;
pub use mappings::MappingRules;
use mappings::Mappings;
pub use mart::{MartPart, ReportMart};
pub use names::Names;
pub use raw_tables::MappingUsed;
use raw_tables::{RawTables, with_settings};
pub use telemetry::is_telemetry;
pub use views::EARLIEST_DAY;
pub use visibility::{MASK, Visibility};

/// The tables and views of one snapshot.
#[derive(Clone)]
pub struct Catalog {
    /// Runs SQL over the tables and views.
    pub session: SessionContext,
    /// The day of the snapshot.
    pub date: SnapshotDate,
    /// Every file that the tables are read from.
    pub inputs: Arc<Vec<Input>>,
    /// Remarks on files of the exports that are not read, or that are missing although other days have them.
    notes: Vec<ExportNote>,
    /// The columns of raw tables that hold JSON, with what was found in them so far.
    json: Vec<Arc<JsonColumns>>,
    /// The files of events, of all days.
    pub telemetry: Telemetry,
    /// The mappings' findings in the snapshot and their settings; `None` where no table is mapped.
    pub mapping: Option<MappingUsed>,
    /// The reason why mail cannot be sent to the addresses in `users`, where its mapping declares one.
    pub unusable_addresses: Option<String>,
    /// The rules of the mappings that decide what reports show.
    pub mapping_rules: MappingRules,
    /// The folder of temporary files.
    pub temp_folder: PathBuf,
    exports: Arc<Exports>,
    /// The zone in which instants become dates.
    zone: Zone,
    /// The store of each canonical table that the exports have without a mapping.
    stores: BTreeMap<Table, ObjectStoreUrl>,
    queries: Queries,
    /// The names of the queries that map tables.
    mapped_by: BTreeSet<String>,
    parameters: Parameters,
    /// The table that reads `course_progress_report` from a nightly output, where one fits.
    mart: Option<Arc<dyn TableProvider>>,
    /// The views that are planned when they are read; `None` where all are tables of the session.
    views: Option<Arc<LazyViews>>,
}

/// Files of telemetry events.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// Files of the platform.
    pub platform: Vec<Arc<TelemetryFile>>,
    /// Files that Pragati wrote.
    pub own: Vec<Arc<TelemetryFile>>,
    /// Remarks on files of both that are not read.
    pub notes: Vec<ExportNote>,
}

/// One file of the snapshot.
#[derive(Debug, Clone)]
pub struct Input {
    /// The name of its table.
    pub table: String,
    /// Path or URL.
    pub file: String,
    /// What its footer says.
    pub inspected: InspectedFile,
}

impl Catalog {
    /// Opens the snapshot that `config` asks for, for work that reads a table once: mappings are part of each plan. Every
    /// file's footer is read and checked against the contract first.
    ///
    /// # Errors
    /// The settings are wrong, the exports cannot be listed, no usable snapshot is there, a file breaks the contract, or a
    /// query of a mapping or a view is invalid.
    pub async fn open(config: &Config) -> Result<Self, CatalogError> {
        Self::open_for(config, Readings::Single).await
    }

    /// As [`open`](Self::open), for work that reads tables as often as `readings` says.
    ///
    /// # Errors
    /// As of [`open`](Self::open).
    pub async fn open_for(config: &Config, readings: Readings) -> Result<Self, CatalogError> {
        let root = Location::parse(config.exports()?)?;
        let queries = Queries::new(config.queries.clone());
        let cluster = config.cluster.options()?;
        let cluster = cluster.map(|options| connect(&options)).transpose()?;
        let session = new_session(&EngineOptions {
            threads: config.threads,
            memory_limit: config.memory_limit,
            temp_dir: config.temp_folder(),
            cluster,
        })?;
        let schema = SchemaOfViews::registered_in(&session)?;
        let mappings = Mappings::configured(config, &queries, &session)?;
        let folders = table_folders(config, &root, &mappings)?;
        let telemetry = Telemetry::find(config, &root).await?;
        let exports = Arc::new(Exports::new(root, folders, config.success_marker));
        let snapshot = exports.open(config.date).await?;
        mappings.check(&snapshot)?;
        let mut catalog = Self {
            session,
            date: snapshot.date,
            inputs: Arc::default(),
            notes: snapshot.notes.clone(),
            json: Vec::new(),
            telemetry,
            mapping: mappings.used(),
            unusable_addresses: mappings.unusable_addresses(),
            mapping_rules: mappings.rules(&queries)?,
            temp_folder: config.temp_folder(),
            exports,
            zone: config.timezone.clone(),
            stores: BTreeMap::new(),
            queries,
            mapped_by: mappings.query_names(),
            parameters: views::parameters(config, snapshot.date),
            mart: None,
            views: None,
        };
        for note in snapshot.notes.iter().chain(&catalog.telemetry.notes) {
            tracing::warn!("{note}");
        }
        catalog.register_files(&snapshot, config, &mappings.raw_tables).await?;
        for note in &catalog.notes[snapshot.notes.len()..] {
            tracing::warn!("{note}");
        }
        if let Some(used) = &catalog.mapping {
            used.log_once();
        }
        catalog.register_mapped(&mappings, &snapshot, readings).await?;
        let has_batches = snapshot.has_files(Table::Batches.name()) || mappings.make(Table::Batches);
        catalog.add_views(&schema, has_batches).await?;
        tracing::info!(
            "opened the snapshot of {} ({} files, and {} of telemetry)",
            catalog.date,
            catalog.inputs.len(),
            catalog.telemetry.files().count()
        );
        Ok(catalog)
    }

    /// Whether consent is required, so that reports show personal details only of users who consent.
    pub fn requires_consent(&self) -> bool {
        self.mapping_rules.consent.is_some()
    }

    /// Remarks on the exports: files that are not read, or that are missing although other days have them, and texts
    /// that are no JSON in what was read of the raw tables so far.
    pub fn remarks(&self) -> Vec<ExportNote> {
        let of_json = self.json.iter().flat_map(|columns| columns.notes());
        let of_files = self.notes.iter().chain(&self.telemetry.notes);
        of_files.cloned().chain(of_json).collect()
    }

    /// Adds the tables `users_history`, `enrolments_history`, …: all usable days of the exports, with a `snapshot_date`.
    /// Files are listed only when a query reads one. A table that a mapping makes has no history.
    ///
    /// # Errors
    /// A table cannot be registered under its name.
    pub fn register_history(&self) -> Result<(), CatalogError> {
        for (table, store) in self.stores.iter().filter(|(table, _)| !table.arrives_daily()) {
            if table.may_be_absent() && !self.session.table_exist(table.name()).unwrap_or(false) {
                continue;
            }
            let name = history_name(*table);
            let history = HistoryTable::new(Arc::clone(&self.exports), *table, store.clone(), self.zone.clone());
            mapping::register_table(&self.session, &name, Arc::new(history))?;
        }
        Ok(())
    }

    /// The query `layer/name` over this snapshot, with the configured parameters and `more` bound.
    ///
    /// # Errors
    /// There is no such query, or the engine cannot plan it.
    pub async fn query(
        &self,
        name: &str,
        more: impl FnOnce(Parameters) -> Parameters,
    ) -> Result<DataFrame, CatalogError> {
        self.plan(&self.queries.get(name)?, &more(self.parameters.clone()))
            .await
    }

    /// Plans a query over this snapshot. Where consent is required, it is applied to `enrolment_details` here, so that
    /// the view and all queries over it contain nothing that consent hides.
    ///
    /// # Errors
    /// Where the query cannot be planned.
    pub fn plan<'a>(
        &'a self,
        query: &'a Query,
        parameters: &'a Parameters,
    ) -> BoxFuture<'a, Result<DataFrame, CatalogError>> {
        // Boxed, to keep the futures of all callers small and quick to compile.
        let planning = async move {
            let rows = query.plan(&self.session, parameters).await?;
            if self.requires_consent() && query.name == consents::ENROLMENT_DETAILS {
                return consents::consented(self, rows).await;
            }
            Ok(rows)
        };
        planning.boxed()
    }

    /// The query `layer/name` over a single table. It preserves the table's partitioning and the order of its rows.
    ///
    /// # Errors
    /// There is no such query, or the engine cannot plan it.
    pub async fn query_over(
        &self,
        name: &str,
        table: &str,
        rows: Arc<dyn TableProvider>,
    ) -> Result<DataFrame, CatalogError> {
        let session = partitioned_session(&self.session);
        session
            .register_table(table, rows)
            .map_err(CatalogError::registering(table))?;
        Ok(self.queries.get(name)?.plan(&session, &self.parameters).await?)
    }

    /// The configured parameters, which are bound in views.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The query of the view `name`, where a file defines it.
    pub fn query_of_view(&self, name: &str) -> Option<Query> {
        self.queries.get(views::query_of(name)?).ok()
    }

    /// The query `layer/name` over this snapshot, where some tables or views are replaced or added by name; with the
    /// configured parameters and `more` bound.
    ///
    /// # Errors
    /// There is no such query, or the engine cannot plan it.
    pub async fn query_with_tables(
        &self,
        name: &str,
        tables: &[(&str, Arc<dyn TableProvider>)],
        more: impl FnOnce(Parameters) -> Parameters,
    ) -> Result<DataFrame, CatalogError> {
        let session = session_beside(&self.session)?;
        for (table, rows) in tables {
            session
                .deregister_table(*table)
                .map_err(CatalogError::registering(table))?;
            session
                .register_table(*table, Arc::clone(rows))
                .map_err(CatalogError::registering(table))?;
        }
        let query = self.queries.get(name)?;
        Ok(query.plan(&session, &more(self.parameters.clone())).await?)
    }

    /// Whether all these queries are the built-in ones, not a site's own.
    pub fn are_built_in(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.queries.is_built_in(name))
    }

    /// The names of the queries of one layer, in order.
    pub fn query_names(&self, layer: &str) -> Vec<String> {
        self.queries.names(layer)
    }

    /// The names of the queries of some layers, layer by layer, and of those that map tables, which may lie elsewhere: what
    /// the rows of reports depend on.
    pub fn query_names_with_mappings(&self, layers: &[&str]) -> Vec<String> {
        let mut names: Vec<String> = layers.iter().flat_map(|layer| self.query_names(layer)).collect();
        let elsewhere = self.mapped_by.iter().filter(|name| !names.contains(name));
        let elsewhere: Vec<String> = elsewhere.cloned().collect();
        names.extend(elsewhere);
        names
    }

    /// The SQL of the query `layer/name`.
    ///
    /// # Errors
    /// There is no such query, or its file cannot be read.
    pub fn query_text(&self, name: &str) -> Result<Cow<'static, str>, CatalogError> {
        Ok(self.queries.get(name)?.sql)
    }

    /// The description in the header of the query `layer/name`.
    ///
    /// # Errors
    /// There is no such query, or its file cannot be read.
    pub fn query_description(&self, name: &str) -> Result<String, CatalogError> {
        Ok(self.queries.get(name)?.description())
    }

    /// Counts telemetry lines that are not events, and truncated files. Files that no query has read completely are
    /// read now.
    ///
    /// # Errors
    /// A file cannot be read.
    pub async fn count_malformed_telemetry(&self) -> Result<u64, CatalogError> {
        let is_unread = self.telemetry.files().any(|(_, file)| file.outcome().is_none());
        if is_unread {
            let reading = self
                .query("staging/count_malformed_telemetry", |parameters| parameters)
                .await?;
            let counted = reading.collect().await;
            counted.map_err(EngineError::running("counting malformed telemetry"))?;
        }
        let malformed = self.telemetry.files().filter_map(|(_, file)| file.outcome());
        Ok(malformed.map(|outcome| outcome.malformed).sum())
    }

    /// Adds the views to `schema`, that of the session's views. Those of a site's own queries are planned now, so that their
    /// mistakes are told before any work begins; built-in ones when they are read.
    async fn add_views(&mut self, schema: &SchemaOfViews, has_batches: bool) -> Result<(), CatalogError> {
        if !has_batches {
            views::register_batches(self).await?;
        }
        if !views::are_built_in(&self.queries) {
            return views::register(self).await;
        }
        let views = Arc::new(LazyViews::of(self));
        schema.add(&views);
        self.views = Some(views);
        Ok(())
    }

    /// Registers the tables of the mappings, and telemetry, whose clicks they may read.
    async fn register_mapped(
        &self,
        mappings: &Mappings,
        snapshot: &Snapshot,
        readings: Readings,
    ) -> Result<(), CatalogError> {
        let parameters = with_settings(&self.parameters, &mappings.settings);
        let mut steps = SharedSteps::default();
        for mapping in &mappings.tables {
            let (session, zone) = (&self.session, &self.zone);
            mapping
                .register(session, &parameters, zone, readings, &mut steps)
                .await?;
        }
        telemetry::register(self, &self.zone).await?;
        let requests = mappings.requests.as_ref();
        if let Some(requests) = requests.filter(|requests| requests.has_files(snapshot)) {
            telemetry::add_requests(self, requests, &parameters, &self.zone).await?;
        }
        match &mappings.consents {
            Some(decisions) => consents::register(self, decisions, &parameters, readings, &mut steps).await,
            None => Ok(()),
        }
    }

    async fn register_files(
        &mut self,
        snapshot: &Snapshot,
        config: &Config,
        raw_tables: &RawTables,
    ) -> Result<(), CatalogError> {
        for files in snapshot.tables.values() {
            let store = self.register_store(&files.location)?;
            let inspected = read_footers(files).await?;
            if !config.allow_empty && self.exports.must_have_rows(&files.name) {
                self.check_not_emptied(&files.name, &inspected).await?;
            }
            Arc::make_mut(&mut self.inputs).extend(inspected.iter().map(|file| Input {
                table: files.name.clone(),
                file: files.location.display(&file.object.location),
                inspected: file.clone(),
            }));
            match Table::from_name(&files.name) {
                Some(table) => {
                    self.stores.insert(table, store.clone());
                    self.register_canonical(table, files, inspected, store)?;
                }
                None => {
                    let zone = self.zone.clone();
                    let registering = mapping::register_as_is(&self.session, files, inspected, store, zone, raw_tables);
                    let registered = registering.await?;
                    self.note_missing(files, registered.missing);
                    self.json.extend(registered.json);
                }
            }
        }
        Ok(())
    }

    /// Refuses a table without rows that had rows on an earlier day: its export has failed, and reports of it would be
    /// wrong.
    async fn check_not_emptied(&self, table: &str, inspected: &[InspectedFile]) -> Result<(), CatalogError> {
        if inspected.iter().any(|file| file.rows > 0) {
            return Ok(());
        }
        for (earlier, files) in self.exports.days_before(table, self.date).await? {
            if read_footers(&files).await?.iter().any(|file| file.rows > 0) {
                return Err(CatalogError::Exports(ExportsError::EmptyToday {
                    table: table.to_owned(),
                    date: self.date,
                    earlier,
                }));
            }
        }
        Ok(())
    }

    /// Notes that a raw table, or some of its columns, are missing.
    fn note_missing(&mut self, files: &TableFiles, columns: Vec<String>) {
        let table = mapping::table_of(files);
        match &mut self.mapping {
            Some(used) if files.files.is_empty() => used.missing_tables.push(table.to_owned()),
            Some(used) => {
                let columns = columns.iter().map(|column| format!("{table}.{column}"));
                used.missing_columns.extend(columns);
            }
            None => {}
        }
    }

    fn register_canonical(
        &mut self,
        table: Table,
        files: &TableFiles,
        inspected: Vec<InspectedFile>,
        store: ObjectStoreUrl,
    ) -> Result<(), CatalogError> {
        if files.files.is_empty() && (table == Table::Batches || table.may_be_absent()) {
            return Ok(());
        }
        self.notes.extend(check_contract(table, files, &inspected, &self.zone)?);
        let provider = SnapshotTable::canonical(table, store, inspected, self.zone.clone());
        mapping::register_files(&self.session, &files.name, provider)
    }

    fn register_store(&self, location: &Location) -> Result<ObjectStoreUrl, CatalogError> {
        self.session
            .register_object_store(&location.root, Arc::clone(&location.store));
        ObjectStoreUrl::parse(&location.root).map_err(CatalogError::registering(location.root.as_str()))
    }
}

/// Checks the tables and mappings of a configuration, without reading the exports.
///
/// # Errors
/// Where the location of the exports is invalid, a mapping, one of its settings or a table is unknown, or a query of a
/// mapping is missing or malformed.
pub fn check_settings(config: &Config) -> Result<(), CatalogError> {
    // An option may still set the exports, so any existing folder stands in where the configuration has none.
    let root = Location::parse(config.exports.as_deref().unwrap_or("."))?;
    let mappings = mappings_of(config, &Queries::new(config.queries.clone()))?;
    table_folders(config, &root, &mappings)?;
    Ok(())
}

/// The rules of a configuration's mappings that decide what reports show, without reading the exports.
///
/// # Errors
/// Where a mapping or one of its settings is unknown, or a query is missing or malformed.
pub fn mapping_rules(config: &Config) -> Result<MappingRules, CatalogError> {
    let has_mapping = config.staging.is_some() || config.tables.values().any(|table| table.sql.is_some());
    if !has_mapping && config.staging_settings.is_empty() {
        return Ok(MappingRules::default());
    }
    let queries = Queries::new(config.queries.clone());
    mappings_of(config, &queries)?.rules(&queries)
}

/// The mappings in a configuration, without a snapshot.
fn mappings_of(config: &Config, queries: &Queries) -> Result<Mappings, CatalogError> {
    let session = new_session(&EngineOptions {
        threads: config.threads,
        memory_limit: config.memory_limit,
        temp_dir: config.temp_folder(),
        cluster: None,
    })?;
    Mappings::configured(config, queries, &session)
}

fn connect(options: &ClusterOptions) -> Result<Arc<Cluster>, EngineError> {
    Cluster::connect(options, [nonblank()])
}

/// The name of a table's history.
fn history_name(table: Table) -> String {
    format!("{table}_history")
}

/// The folders of all tables of a snapshot: canonical ones, and the raw ones that mappings read.
fn table_folders(config: &Config, root: &Location, mappings: &Mappings) -> Result<Vec<TableFolder>, CatalogError> {
    let folder = |sql_name: String, export_name: &str, required, arrives_daily| -> Result<TableFolder, CatalogError> {
        let path = config.tables.get(export_name).and_then(|table| table.path.as_deref());
        Ok(TableFolder {
            name: sql_name,
            location: root.resolve(path.unwrap_or(export_name))?,
            required,
            may_be_empty: !required,
            arrives_daily,
        })
    };
    let mut folders = Vec::new();
    for table in Table::ALL {
        if !mappings.make(table) {
            folders.push(folder(
                table.name().to_owned(),
                table.name(),
                table.is_required(),
                table.arrives_daily(),
            )?);
        }
    }
    for raw in mapping::raw_tables(mappings.queries()) {
        let is_exported = config.tables.get(&raw).is_some_and(|table| table.required);
        let required = is_exported || !mappings.raw_tables.may_be_missing(&raw);
        let arrives_daily = mapping::arrives_daily(&mappings.tables, &raw);
        folders.push(folder(mapping::raw_name(&raw), &raw, required, arrives_daily)?);
    }
    for (name, path) in &config.other_tables {
        if Table::from_name(name).is_some() || views::is_taken(name) || name.contains('.') || name.trim().is_empty() {
            return Err(CatalogError::OtherTable(name.clone()));
        }
        folders.push(TableFolder {
            name: name.clone(),
            location: root.resolve(path)?,
            required: true,
            may_be_empty: true,
            arrives_daily: false,
        });
    }
    let is_used = |name: &str| {
        Table::from_name(name).is_some() || folders.iter().any(|folder| folder.name == mapping::raw_name(name))
    };
    match config.tables.keys().find(|name| !is_used(name)) {
        Some(unused) => Err(CatalogError::UnusedTable(unused.clone())),
        None => Ok(folders),
    }
}
