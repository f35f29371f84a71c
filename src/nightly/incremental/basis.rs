//! The basis of an output: a digest of everything except the rows that its bytes depend on.

use std::collections::BTreeMap;

use datafusion::parquet::file::properties::DEFAULT_CREATED_BY;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::super::error::NightlyError;
use crate::catalog::Catalog;
use crate::config::{Config, ReportConfig, TableConfig};
use crate::hex::hex;
use crate::zone::Zone;

/// The version of the format of reports and of the mart, and of the fingerprints.
const FORMAT: u32 = 2;
/// The layers whose queries make an output.
const LAYERS: [&str; 3] = ["staging", "reports", "metrics"];

#[derive(Serialize)]
struct Basis<'a> {
    format: u32,
    /// The program: its version and commit, its engine, and its time zones.
    program: [&'a str; 4],
    timezone: &'a str,
    report: &'a ReportConfig,
    staging: Option<&'a str>,
    staging_settings: &'a BTreeMap<String, String>,
    /// Includes the defaults of settings that are not set.
    mapping_settings: &'a BTreeMap<String, String>,
    consent_rules: Option<&'a str>,
    tables: &'a BTreeMap<String, TableConfig>,
    has_zip_password: bool,
    /// A digest of the texts of all queries, also of those that map tables.
    queries: String,
}

/// Computes the basis of the files of reports and of the mart. Files are taken over only from an output on the same basis.
///
/// # Errors
/// Where a query of the site cannot be read.
pub fn basis(catalog: &Catalog, config: &Config) -> Result<String, NightlyError> {
    let basis = Basis {
        format: FORMAT,
        program: [
            concat!(env!("CARGO_PKG_VERSION"), " ", env!("BUILT_FROM")),
            datafusion::DATAFUSION_VERSION,
            DEFAULT_CREATED_BY,
            Zone::database_version(),
        ],
        timezone: config.timezone.name(),
        report: &config.report,
        staging: config.staging.as_deref(),
        staging_settings: &config.staging_settings,
        mapping_settings: &catalog.mapping_rules.settings,
        consent_rules: catalog.mapping_rules.consent.as_deref(),
        tables: &config.tables,
        has_zip_password: config.mail.zip_password.is_some() || config.mail.zip_password_file.is_some(),
        queries: digest_of_queries(catalog)?,
    };
    let text = serde_json::to_vec(&basis).map_err(|error| NightlyError::Basis(error.to_string()))?;
    Ok(hex(&Sha256::digest(text)))
}

fn digest_of_queries(catalog: &Catalog) -> Result<String, NightlyError> {
    let mut hash = Sha256::new();
    for name in catalog.query_names_with_mappings(&LAYERS) {
        let text = catalog.query_text(&name)?;
        for text in [name.as_str(), text.as_ref()] {
            hash.update(text.len().to_le_bytes());
            hash.update(text);
        }
    }
    Ok(hex(&hash.finalize()))
}
