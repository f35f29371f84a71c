//! Errors of opening a snapshot's tables and views.

use datafusion::error::DataFusionError;

use crate::config::ConfigError;
use crate::engine::EngineError;
use crate::exports::{ExportsError, LocationError};
use crate::ids::SnapshotDate;
use crate::queries::NamedQueryError;

/// A catalog that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum CatalogError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Location(#[from] LocationError),
    #[error(transparent)]
    Exports(#[from] ExportsError),
    #[error(transparent)]
    Query(#[from] NamedQueryError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(
        "configuration: [tables.{0}] is neither a canonical table nor read by a staging query; remove it or check the name"
    )]
    UnusedTable(String),
    #[error(
        "configuration: other_tables.{0} cannot be added: it is the name of a table or view, or not a valid name; choose another"
    )]
    OtherTable(String),
    #[error("configuration: there is no staging mapping '{name}'; known: {known}")]
    UnknownStaging { name: String, known: String },
    #[error(
        "query {file} reads the step {step}, which reads it again; make one query of both, or rename the step if a raw table is meant"
    )]
    StepsInCircle { file: String, step: String },
    #[error(
        "the views {0} cannot be made, since some of them read each other; mend their queries in the folder given with --queries"
    )]
    ViewsInCircle(String),
    #[error("mapping file {file} is invalid: {reason}; docs/mappings.md describes its settings")]
    MappingFile { file: String, reason: String },
    #[error("configuration: the mapping has no setting '{name}' in [staging_settings]; {known}")]
    UnknownSetting { name: String, known: String },
    #[error("configuration: staging_settings.{name} cannot be '{value}'; known: {known}")]
    SettingValue { name: String, value: String, known: String },
    #[error(
        "configuration: staging_settings.{setting} = '{value}' needs the raw table {table}, which the snapshot of {date} does not have; export it, or set {setting} = '{default}'"
    )]
    SettingNeedsTable {
        setting: String,
        value: String,
        table: String,
        date: SnapshotDate,
        default: String,
    },
    #[error(
        "configuration: staging_settings.consent = '{0}' needs a query report_consents beside the mapping's others; docs/mappings.md says what it gives"
    )]
    NoConsentQuery(String),
    #[error(
        "the snapshot of {date} has no table of {holding}: one of the raw tables {tables} is needed; export the one of your release, or give --date"
    )]
    NoAlternative {
        date: SnapshotDate,
        tables: String,
        holding: String,
    },
}

impl CatalogError {
    /// Makes the error for a table or view `name` that could not be registered.
    pub fn registering(name: &str) -> impl FnOnce(DataFusionError) -> Self {
        let what = format!("table {name}");
        move |error| Self::Engine(EngineError::running(what)(error))
    }

    /// Whether the cause is in the options or the configuration, not in the data.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Config(_)
                | Self::Location(LocationError::Malformed { .. })
                | Self::UnusedTable(_)
                | Self::OtherTable(_)
                | Self::UnknownStaging { .. }
                | Self::StepsInCircle { .. }
                | Self::ViewsInCircle(_)
                | Self::MappingFile { .. }
                | Self::UnknownSetting { .. }
                | Self::SettingValue { .. }
                | Self::NoConsentQuery(_)
                | Self::Query(_)
        )
    }
}
