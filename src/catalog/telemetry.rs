//! Registers telemetry, the platform's and Pragati's own, and adds its clicks to the exported `download_events`.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::common::error::Result as EngineResult;
use datafusion::prelude::col;
use datafusion::scalar::ScalarValue;

use super::error::CatalogError;
use super::mapping::{Mapping, Readings, SharedSteps};
use super::{Catalog, Telemetry, mapping};
use crate::config::{Config, TelemetryConfig};
use crate::engine::{EngineError, RAW_SCHEMA, TABLE_SCHEMA, materialised};
use crate::exports::{Location, Table};
use crate::queries::Parameters;
use crate::telemetry::{FoundFiles, TelemetryFile, events_table, find, malformed_table};
use crate::zone::Zone;

/// The raw table of the platform's events.
const PLATFORM_EVENTS: &str = "telemetry_events";
/// The raw table of the events that Pragati wrote.
const OWN_EVENTS: &str = "pragati_events";
/// The raw table of the exported events, without those of telemetry.
const EXPORTED_EVENTS: &str = "exported_download_events";
/// The raw table of the clicks among all events.
const CLICKS: &str = "telemetry_clicks";
/// The raw tables that are registered here and not exported.
pub const MADE: [&str; 4] = [PLATFORM_EVENTS, OWN_EVENTS, EXPORTED_EVENTS, CLICKS];
/// The table of lines that are not events.
pub const MALFORMED: &str = "malformed_telemetry";

/// Adds the conditions by which an event of the platform is a click; a parameter of NULL accepts any value.
pub fn click_rule(rule: &TelemetryConfig, parameters: Parameters) -> Parameters {
    let list = |values: &[String]| {
        let values: Vec<ScalarValue> = values.iter().map(|value| ScalarValue::from(value.as_str())).collect();
        match values.as_slice() {
            [] => ScalarValue::Null,
            values => ScalarValue::List(ScalarValue::new_list_nullable(values, &values[0].data_type())),
        }
    };
    parameters
        .with("click_events", list(&rule.events))
        .with("click_ids", list(&rule.ids))
        .with("click_types", list(&rule.types))
        .with("click_pages", list(&rule.pages))
}

impl Telemetry {
    /// Finds the files of all days. A folder in `exports` may be missing.
    ///
    /// # Errors
    /// A folder's name is malformed, or a folder cannot be listed.
    pub async fn find(config: &Config, exports: &Location) -> Result<Self, CatalogError> {
        let platform = find(PLATFORM_EVENTS, &exports.resolve(&config.telemetry.path)?).await?;
        let own = match &config.events {
            Some(place) => find(OWN_EVENTS, &Location::parse(place)?).await?,
            None => FoundFiles::default(),
        };
        Ok(Self {
            platform: platform.files,
            own: own.files,
            notes: platform.notes.into_iter().chain(own.notes).collect(),
        })
    }

    /// All files, each with the name of its table.
    pub fn files(&self) -> impl Iterator<Item = (&'static str, &Arc<TelemetryFile>)> {
        let platform = self.platform.iter().map(|file| (PLATFORM_EVENTS, file));
        platform.chain(self.own.iter().map(|file| (OWN_EVENTS, file)))
    }
}

/// Whether a table in a manifest is one of telemetry.
pub fn is_telemetry(table: &str) -> bool {
    [PLATFORM_EVENTS, OWN_EVENTS].contains(&table)
}

/// Adds to `download_events` the requests for reports from a table of the platform that no click corresponds to.
pub async fn add_requests(
    catalog: &Catalog,
    requests: &Mapping,
    parameters: &Parameters,
    zone: &Zone,
) -> Result<(), CatalogError> {
    let failed = || EngineError::running(format!("rows of {}", Table::DownloadEvents));
    let partitions = catalog.session.copied_config().target_partitions();
    let session = &catalog.session;
    let mut steps = SharedSteps::default();
    let requests = requests
        .rows(parameters, session, zone, Readings::Single, &mut steps)
        .await?;
    // Few rows result from a join with all clicks, so they are materialised.
    let requests = materialised(requests, partitions);
    let requests = catalog.session.read_table(requests).map_err(failed())?;
    let name = TableReference::partial(TABLE_SCHEMA, Table::DownloadEvents.name());
    let events = catalog.session.table(name.clone()).await.map_err(failed())?;
    let columns = Table::DownloadEvents.columns().iter().map(|column| col(column.name));
    let events = events
        .select(columns.collect::<Vec<_>>())
        .and_then(|events| events.union(requests))
        .map_err(failed())?;
    catalog.session.deregister_table(name).map_err(failed())?;
    mapping::register_view(&catalog.session, Table::DownloadEvents.name(), events)
}

/// Registers the catalog's telemetry, and adds its clicks to the table `download_events`.
pub async fn register(catalog: &Catalog, zone: &Zone) -> Result<(), CatalogError> {
    let partitions = catalog.session.copied_config().target_partitions();
    let Telemetry { platform, own, .. } = &catalog.telemetry;
    let add = |schema: &str, name: &str, table: EngineResult<Arc<dyn TableProvider>>| {
        let added = table.and_then(|table| {
            let name = TableReference::partial(schema, name);
            catalog.session.register_table(name, table)
        });
        added.map(|_| ()).map_err(CatalogError::registering(name))
    };
    let all: Vec<_> = platform.iter().chain(own).cloned().collect();
    add(RAW_SCHEMA, PLATFORM_EVENTS, events_table(platform, partitions))?;
    add(RAW_SCHEMA, OWN_EVENTS, events_table(own, partitions))?;
    add(TABLE_SCHEMA, MALFORMED, malformed_table(&all, partitions))?;

    let failed = || EngineError::running(format!("rows of {}", Table::DownloadEvents));
    let exported = catalog
        .session
        .table(Table::DownloadEvents.name())
        .await
        .map_err(failed())?;
    add(RAW_SCHEMA, EXPORTED_EVENTS, Ok(exported.clone().into_view()))?;
    let query = catalog.queries.get(&format!("staging/{CLICKS}"))?;
    let clicks = mapping::over_raw_tables(&query, &catalog.parameters, &catalog.session).await?;
    if all.is_empty() {
        return add(RAW_SCHEMA, CLICKS, Ok(clicks.into_view()));
    }
    // Few events are clicks, and queries read them several times, so they are materialised.
    let clicks = materialised(clicks, partitions);
    add(RAW_SCHEMA, CLICKS, Ok(Arc::clone(&clicks)))?;
    let clicks = catalog.session.read_table(clicks).map_err(failed())?;
    let clicks = mapping::canonical(clicks, &query.source, Table::DownloadEvents, zone)?;
    let events = exported.union(clicks).map_err(failed())?;
    catalog
        .session
        .deregister_table(Table::DownloadEvents.name())
        .map_err(failed())?;
    mapping::register_view(&catalog.session, Table::DownloadEvents.name(), events)
}
