//! All mapping queries of a configuration, with the declarations in their mappings' files.

use std::collections::{BTreeMap, BTreeSet};

use datafusion::prelude::SessionContext;

use super::error::CatalogError;
use super::mapping::{self, MappedQuery, Mapping};
use super::raw_tables::{MappingUsed, RawTables};
use super::{consents, telemetry};
use crate::config::Config;
use crate::exports::{Snapshot, Table};
use crate::queries::Queries;

/// The rules of the mappings that decide what reports show, as far as the configuration and the queries define them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MappingRules {
    /// Values of the settings by name: the site's choice, or the default.
    pub settings: BTreeMap<String, String>,
    /// The digest of the consent rules; `None` where consent is not required.
    pub consent: Option<String>,
}

/// The mappings of a configuration.
pub struct Mappings {
    /// The mappings of canonical tables.
    pub tables: Vec<Mapping>,
    /// The mapping of the platform's own requests for reports.
    pub requests: Option<Mapping>,
    /// The query of consent decisions, where consent is required.
    pub consents: Option<MappedQuery>,
    pub raw_tables: RawTables,
    /// Values of the settings by name: the site's choice, or the default.
    pub settings: BTreeMap<String, String>,
}

impl Mappings {
    /// The mappings in `config`.
    ///
    /// # Errors
    /// Where a query or a mapping's file is invalid, or a setting is not one of the mapping.
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
        // Without it, a site need not export the raw tables of the decisions.
        if !consents::is_required(mappings.consents.is_some(), &mappings.settings)? {
            mappings.consents = None;
        }
        Ok(mappings)
    }

    /// The rules that decide what reports show.
    ///
    /// # Errors
    /// Where a query of the consent rules cannot be read.
    pub fn rules(&self, queries: &Queries) -> Result<MappingRules, CatalogError> {
        let digest = |decisions| consents::digest(decisions, &self.settings, queries);
        Ok(MappingRules {
            settings: self.settings.clone(),
            consent: self.consents.as_ref().map(digest).transpose()?,
        })
    }

    /// All queries, with the tables that they read.
    pub fn queries(&self) -> impl Iterator<Item = &MappedQuery> {
        let tables = self.tables.iter().chain(&self.requests);
        tables.map(|mapping| &mapping.made_by).chain(&self.consents)
    }

    /// The names of the queries and of their steps, in order.
    pub fn query_names(&self) -> BTreeSet<String> {
        let queries = self.queries().flat_map(MappedQuery::queries);
        queries.map(|query| query.name.clone()).collect()
    }

    /// Checks that a snapshot has the raw tables that the mappings and their settings need.
    ///
    /// # Errors
    /// Names the missing raw table.
    pub fn check(&self, snapshot: &Snapshot) -> Result<(), CatalogError> {
        self.raw_tables.check_alternatives(snapshot, mapping::raw_name)?;
        self.raw_tables.check_needs(&self.settings, snapshot, mapping::raw_name)
    }

    /// The description of the mappings before the snapshot is read; `None` where there are none.
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

    /// The reason why mail cannot be sent to the addresses in `users`, where its mapping declares one.
    pub fn unusable_addresses(&self) -> Option<String> {
        let users = self.tables.iter().find(|mapping| mapping.table == Table::Users)?;
        self.raw_tables
            .unusable_addresses(users.query_name())
            .map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::catalog::mapping_rules;

    const MAPPING: &str = "[settings.consent]\nvalues = ['required', 'off']\n\
        [settings.percent]\nvalues = ['down', 'nearest']\n";
    const DECIDES: &str = "select batch_id, user_id, true as is_listed, is_given as shows_personal from agreed";

    fn write(folder: &Path, name: &str, text: &str) {
        let file = folder.join(name);
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        fs::write(file, text).expect("a file");
    }

    /// A site's mapping whose query reads a step.
    fn mine() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        write(folder.path(), "staging/mine/mapping.toml", MAPPING);
        write(folder.path(), "staging/mine/report_consents.sql", DECIDES);
        write(folder.path(), "staging/mine/agreed.sql", "select * from agreements");
        folder
    }

    fn rules(folder: &Path, chosen: &[(&str, &str)]) -> MappingRules {
        let chosen = chosen
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let config = Config {
            queries: Some(folder.to_owned()),
            staging: Some("mine".to_owned()),
            staging_settings: chosen.collect(),
            ..Config::default()
        };
        mapping_rules(&config).expect("rules")
    }

    #[test]
    fn rules_of_consent_have_another_digest_when_a_query_or_a_setting_is_another() {
        let folder = mine();
        let digest = |chosen: &[(&str, &str)]| rules(folder.path(), chosen).consent.expect("a digest");
        let first = digest(&[]);
        assert_eq!(first.len(), 64);
        assert_eq!(first, digest(&[("percent", "down"), ("consent", "required")]));
        let mut all = BTreeSet::from([first, digest(&[("percent", "nearest")])]);
        for file in [
            "staging/mine/report_consents.sql",
            "staging/mine/agreed.sql",
            "staging/distinct_consents.sql",
            "reports/enrolment_details.sql",
            "reports/consented_details.sql",
            "reports/course_progress_report.sql",
        ] {
            write(folder.path(), file, &format!("{DECIDES} where '{file}' <> ''"));
            assert!(all.insert(digest(&[])), "{file}");
        }
        // A query that nothing reads does not change the digest.
        let last = digest(&[]);
        write(folder.path(), "staging/mine/other.sql", "select 1");
        assert_eq!(digest(&[]), last);
    }

    #[test]
    fn there_are_no_rules_of_consent_where_it_is_not_required() {
        let folder = mine();
        let off = rules(folder.path(), &[("consent", "off")]);
        assert_eq!(off.consent, None);
        assert_eq!(
            (off.settings["consent"].as_str(), off.settings["percent"].as_str()),
            ("off", "down")
        );
        assert_eq!(
            mapping_rules(&Config::default()).expect("none"),
            MappingRules::default()
        );
    }
}
