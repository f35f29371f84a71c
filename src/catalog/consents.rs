//! Consent: where it is required, reports show personal details only of users who consent.
//!
//! The rules are SQL. `report_consents.sql` of the mapping decides about each user in each batch, the view
//! `distinct_consents` has one row of each, and `reports/consented_details` applies them to `enrolment_details`, from
//! which all reports come. This file decides whether they apply, and registers the view.

use std::collections::BTreeMap;

use datafusion::common::TableReference;
use datafusion::dataframe::DataFrame;
use sha2::{Digest, Sha256};

use super::Catalog;
use super::error::CatalogError;
use super::mapping::{self, MappedQuery, Readings, SharedSteps};
use crate::engine::RAW_SCHEMA;
use crate::hex::hex;
use crate::queries::{Parameters, Queries};

/// The query of a mapping that makes the decisions, and the raw table with its rows.
pub const DECISIONS: &str = "report_consents";
/// The query of the view with one decision for each user and batch.
pub const QUERY: &str = "staging/distinct_consents";
/// The name of that view, which exists where consent is required.
pub const DISTINCT_CONSENTS: &str = "distinct_consents";
/// The query whose rows consent is applied to.
pub const ENROLMENT_DETAILS: &str = "reports/enrolment_details";
/// The query that applies consent to the rows of [`ENROLMENT_DETAILS`].
const CONSENTED_DETAILS: &str = "reports/consented_details";
/// The queries from the decisions to the rows of reports.
const APPLIED: [&str; 4] = [
    QUERY,
    ENROLMENT_DETAILS,
    CONSENTED_DETAILS,
    "reports/course_progress_report",
];
/// The setting of a mapping, and its value where consent is not required.
const SETTING: &str = "consent";
const OFF: &str = "off";

/// Whether consent is required: by the setting, or because a mapping without the setting has a query of decisions.
///
/// # Errors
/// Where the setting requires consent and there is no such query.
pub fn is_required(has_query: bool, settings: &BTreeMap<String, String>) -> Result<bool, CatalogError> {
    match settings.get(SETTING) {
        None => Ok(has_query),
        Some(value) if value == OFF => Ok(false),
        Some(_) if has_query => Ok(true),
        Some(value) => Err(CatalogError::NoConsentQuery(value.clone())),
    }
}

/// A digest of the rules, in hexadecimal: the texts of the queries that make and apply the decisions, and the settings of
/// the mapping. Reports that were made under different digests may differ.
///
/// # Errors
/// Where one of the queries cannot be read.
pub fn digest(
    decisions: &MappedQuery,
    settings: &BTreeMap<String, String>,
    queries: &Queries,
) -> Result<String, CatalogError> {
    let mut made = Sha256::new();
    // Each text is preceded by its length, so that different lists of texts have different digests.
    let mut add = |text: &str| {
        made.update(text.len().to_string());
        made.update(":");
        made.update(text);
    };
    for query in decisions.queries() {
        add(&query.name);
        add(&query.sql);
    }
    for name in APPLIED {
        add(name);
        add(&queries.get(name)?.sql);
    }
    for (name, value) in settings {
        add(name);
        add(value);
    }
    Ok(hex(&made.finalize()))
}

/// Registers the rows of the query `decisions`, and the view over them.
///
/// # Errors
/// Where the query cannot be planned, or lacks a column that the view reads.
pub async fn register(
    catalog: &Catalog,
    decisions: &MappedQuery,
    parameters: &Parameters,
    readings: Readings,
    steps: &mut SharedSteps,
) -> Result<(), CatalogError> {
    let rows = decisions.rows(parameters, &catalog.session, readings, steps).await?;
    let rows = mapping::mapped_table(DECISIONS, rows, readings, &catalog.session);
    catalog
        .session
        .register_table(TableReference::partial(RAW_SCHEMA, DECISIONS), rows)
        .map_err(CatalogError::registering(DECISIONS))?;
    let distinct = catalog.query(QUERY, |parameters| parameters).await?;
    mapping::register_view(&catalog.session, DISTINCT_CONSENTS, distinct)
}

/// The rows of [`ENROLMENT_DETAILS`] after consent is applied: some are removed, others have blank details.
///
/// # Errors
/// Where `details` lacks a column of the view.
pub async fn consented(catalog: &Catalog, details: DataFrame) -> Result<DataFrame, CatalogError> {
    let details = [("enrolment_details", details.into_view())];
    catalog
        .query_with_tables(CONSENTED_DETAILS, &details, |parameters| parameters)
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(chosen: &[(&str, &str)]) -> BTreeMap<String, String> {
        let owned = chosen
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owned.collect()
    }

    #[test]
    fn consent_is_required_where_the_setting_or_a_mapping_without_it_says_so() {
        let required = |has_query, chosen: &[(&str, &str)]| {
            let answer = is_required(has_query, &settings(chosen));
            answer.expect("an answer")
        };
        assert!(!required(true, &[("consent", "off")]));
        assert!(required(true, &[("consent", "required")]));
        assert!(required(true, &[("percent", "down")]));
        assert!(!required(false, &[]));
        assert!(!required(false, &[("consent", "off")]));
    }

    #[test]
    fn a_setting_without_rules_is_refused() {
        let refused = is_required(false, &settings(&[("consent", "required")])).expect_err("no query");
        assert!(refused.is_usage());
        insta::assert_snapshot!(refused.to_string(), @"configuration: staging_settings.consent = 'required' needs a query report_consents beside the mapping's others; docs/mappings.md says what it gives");
    }
}
