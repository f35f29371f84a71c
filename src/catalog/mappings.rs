//! All queries over raw tables that a configuration switches on, and what their mappings' files say.

use std::collections::BTreeMap;

use datafusion::prelude::SessionContext;

use super::error::CatalogError;
use super::mapping::{self, MappedQuery, Mapping};
use super::raw_tables::{MappingUsed, RawTables};
use super::{consents, telemetry};
use crate::config::Config;
use crate::exports::{Snapshot, Table};
use crate::queries::Queries;

/// The mappings of a configuration.
pub struct Mappings {
    /// Those that make canonical tables.
    pub tables: Vec<Mapping>,
    /// Makes further requests for reports.
    pub requests: Option<Mapping>,
    /// Decides what reports may show of whom, where consent is required.
    pub consents: Option<MappedQuery>,
    pub raw_tables: RawTables,
    /// By name: the site's choice, or the default.
    pub settings: BTreeMap<String, String>,
}

impl Mappings {
    /// The mappings that `config` switches on.
    ///
    /// # Errors
    /// Where a query or a mapping's file is not as it must be, or a setting is none of the mapping.
    pub fn configured(config: &Config, queries: &Queries, session: &SessionContext) -> Result<Self, CatalogError> {
        let tables = mapping::configured(config, queries, session)?;
        let requests = mapping::of_requests(config, queries, session, &telemetry::MADE)?;
        let consents = mapping::of_platform(consents::DECISIONS, config, queries, session)?;
        let mut mappings = Self {
            tables,
            requests,
            consents,
            raw_tables: RawTables::default(),
            settings: BTreeMap::new(),
        };
        mappings.raw_tables = mapping::declared(mappings.queries(), queries)?;
        mappings.settings = mappings.raw_tables.settings(&config.staging_settings)?;
        // Where it is not, a site need not have the raw tables that decide.
        if !consents::is_required(mappings.consents.is_some(), &mappings.settings)? {
            mappings.consents = None;
        }
        Ok(mappings)
    }

    /// Every query, with what it reads.
    pub fn queries(&self) -> impl Iterator<Item = &MappedQuery> {
        let tables = self.tables.iter().chain(&self.requests);
        tables.map(|mapping| &mapping.made_by).chain(&self.consents)
    }

    /// Checks that a snapshot has what the mappings and their settings need.
    ///
    /// # Errors
    /// Names the raw table that is lacking.
    pub fn check(&self, snapshot: &Snapshot) -> Result<(), CatalogError> {
        self.raw_tables.check_alternatives(snapshot, mapping::raw_name)?;
        self.raw_tables.check_needs(&self.settings, snapshot, mapping::raw_name)
    }

    /// What is said of the mappings before the snapshot is read; none where there are none.
    pub fn used(&self) -> Option<MappingUsed> {
        let is_mapped = self.queries().next().is_some() || !self.settings.is_empty();
        is_mapped.then(|| MappingUsed {
            name: self.raw_tables.names(),
            settings: self.settings.clone(),
            ..MappingUsed::default()
        })
    }

    /// Whether a mapping makes the table.
    pub fn make(&self, table: Table) -> bool {
        self.tables.iter().any(|mapping| mapping.table == table)
    }

    /// Why the mail addresses of `users` cannot be written to, where its mapping says so.
    pub fn unusable_addresses(&self) -> Option<String> {
        let users = self.tables.iter().find(|mapping| mapping.table == Table::Users)?;
        self.raw_tables
            .unusable_addresses(users.query_name())
            .map(str::to_owned)
    }
}
