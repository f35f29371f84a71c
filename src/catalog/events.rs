//! The telemetry events that `pragati serve` wrote: its clicks, among the exported `download_events`, and its deliveries.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema};
use datafusion::common::TableReference;
use datafusion::datasource::empty::EmptyTable;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::prelude::JsonReadOptions;
use futures::TryStreamExt;

use super::error::CatalogError;
use super::{Catalog, mapping};
use crate::engine::{EngineError, RAW_SCHEMA};
use crate::exports::{Location, Table};
use crate::ids::SnapshotDate;

/// The raw table of the events that Pragati wrote.
const OWN_EVENTS: &str = "pragati_events";
/// Makes `download_events` of it.
const CLICKS: &str = "staging/telemetry_clicks";
/// What files of events are called.
const ENDING: &str = ".ndjson";

/// Registers the events under the place of that name, and adds their clicks to the table `download_events`.
pub async fn register(catalog: &Catalog, events: Option<&str>) -> Result<(), CatalogError> {
    let name = TableReference::partial(RAW_SCHEMA, OWN_EVENTS);
    let files = match events {
        Some(place) => {
            let location = Location::parse(place)?;
            let files = files_of(&location).await?;
            (!files.is_empty()).then_some((location, files))
        }
        None => None,
    };
    let Some((location, files)) = files else {
        let none = Arc::new(EmptyTable::new(Arc::new(telemetry_schema())));
        catalog
            .session
            .register_table(name, none)
            .map_err(CatalogError::registering(OWN_EVENTS))?;
        return Ok(());
    };
    let failed = || EngineError::running(format!("the click events in {location}"));
    let session = &catalog.session;
    let store = ObjectStoreUrl::parse(&location.root).map_err(failed())?;
    session.register_object_store(&location.root, Arc::clone(&location.store));
    let urls: Vec<String> = files.iter().map(|file| format!("{store}{file}")).collect();
    let schema = telemetry_schema();
    let options = JsonReadOptions::default().schema(&schema).file_extension(ENDING);
    let events = session.read_json(urls, options).await.map_err(failed())?;
    session.register_table(name, events.into_view()).map_err(failed())?;
    let clicks = mapping::canonical(&catalog.queries.get(CLICKS)?, Table::DownloadEvents, session).await?;
    let exported = session.table(Table::DownloadEvents.name()).await.map_err(failed())?;
    let all = exported.union(clicks).map_err(failed())?;
    session
        .deregister_table(Table::DownloadEvents.name())
        .map_err(failed())?;
    mapping::register_view(session, Table::DownloadEvents.name(), all)
}

/// The files of events, by day.
async fn files_of(location: &Location) -> Result<Vec<object_store::path::Path>, CatalogError> {
    let listed: Result<Vec<_>, _> = location.store.list(Some(&location.prefix)).try_collect().await;
    let listed = listed.map_err(|error| EngineError::Query {
        what: format!("the click events in {location}"),
        reason: error.to_string(),
    })?;
    let is_of_a_day = |path: &object_store::path::Path| {
        path.prefix_match(&location.prefix).is_some_and(|mut below| {
            let day = below.next();
            day.is_some_and(|day| SnapshotDate::from_folder_name(day.as_ref()).is_some())
        })
    };
    let mut files: Vec<_> = listed
        .into_iter()
        .map(|object| object.location)
        .filter(|path| path.filename().is_some_and(|name| name.ends_with(ENDING)) && is_of_a_day(path))
        .collect();
    files.sort_unstable();
    Ok(files)
}

/// The parts of a telemetry event that tell of a click; others are passed over.
fn telemetry_schema() -> Schema {
    let text = |name: &str| Field::new(name, DataType::Utf8View, true);
    let object = |name: &str, fields: Vec<Field>| Field::new(name, DataType::Struct(Fields::from(fields)), true);
    let datum = DataType::Struct(Fields::from(vec![text("type"), text("id")]));
    Schema::new(vec![
        text("eid"),
        Field::new("ets", DataType::Int64, true),
        text("mid"),
        object("actor", vec![text("id")]),
        object(
            "context",
            vec![
                text("channel"),
                object("pdata", vec![text("id")]),
                Field::new("cdata", DataType::List(Arc::new(Field::new("item", datum, true))), true),
            ],
        ),
        object("object", vec![text("id")]),
        object("edata", vec![text("id"), text("type"), text("pageid")]),
    ])
}
