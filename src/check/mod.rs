//! Checks a snapshot against the contract's rules, each a query of `queries/checks/`.
//!
//! A rule's file begins with `-- must: …` or `-- should: …`, and gives one row for each violation, with the column
//! `example` naming it by ids. A site adds a rule by adding a file to the `checks` folder of its own queries. Rules that
//! filter the same rows read them together (`shared_readings`).

mod shared_readings;

use datafusion::arrow::array::AsArray;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use futures::StreamExt;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::catalog::{Catalog, CatalogError, MappingUsed};
use crate::engine::{EngineError, cluster_of};
use crate::exports::Table;
use shared_readings::SharedReadings;

/// Examples kept of each rule.
const EXAMPLES: usize = 3;
/// Characters of an example that are shown.
const EXAMPLE_LENGTH: usize = 120;
/// How many of a hundred rows are expected to meet a condition within a rule, where statistics do not tell. What finds
/// violations is a join or the last condition of most rules; those before it, such as `active`, hold for nearly all rows.
/// By the engine's usual estimate, a fifth, a join would hold 5 million enrolments in memory instead of 1 million users.
const EXPECTED_PERCENT: u8 = 100;

/// How serious a broken rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The snapshot breaks the contract.
    Must,
    /// Reports are right all the same, but somebody should look.
    Should,
}

/// The findings of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The name of the rule: its file in `queries/checks` without `.sql`.
    pub rule: String,
    /// Whether it makes the check fail.
    pub severity: Severity,
    /// The rule in words.
    pub description: String,
    /// Violations.
    pub rows: u64,
    /// The first few, in order of their text.
    pub examples: Vec<String>,
}

impl Finding {
    /// The findings of a mapping in the snapshot, and its settings; they break no rule.
    pub fn of_mapping(mapping: &MappingUsed) -> Self {
        Self {
            rule: "mapping_used".to_owned(),
            severity: Severity::Should,
            description: mapping.to_string(),
            rows: 0,
            examples: Vec::new(),
        }
    }

    /// True where a must-rule is broken.
    pub fn is_failure(&self) -> bool {
        self.severity == Severity::Must && self.rows > 0
    }
}

/// A check that cannot be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum CheckError {
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("query {0} is not a rule: it must begin with `-- must: …` or `-- should: …` and give a column `example`")]
    NotARule(String),
}

/// A rule that has not run yet.
struct Rule {
    /// The name of its query, `checks/…`.
    query: String,
    severity: Severity,
    description: String,
    /// A row for each violation.
    violations: DataFrame,
}

/// Reads every column of the contract to its end, then runs every rule, in order of their names, must-rules first.
///
/// # Errors
/// Where a file cannot be read, or a rule cannot be run. What this passes, a nightly run can read.
pub async fn check(catalog: &Catalog) -> Result<Vec<Finding>, CheckError> {
    let mut rules = Vec::new();
    for name in catalog.query_names("checks") {
        rules.push(plan_rule(catalog, name).await?);
    }
    let plans: Vec<_> = rules.iter().map(|rule| rule.violations.logical_plan()).collect();
    let shared = match cluster_of(&catalog.session) {
        None => SharedReadings::of_rules(&catalog.session, &plans).await,
        // The kept rows are held in one process.
        Some(_) => Ok(SharedReadings::none()),
    };
    let failed = || EngineError::running("rows of several rules");
    let mut shared = shared.map_err(failed())?;
    read_everything(catalog, &mut shared).await?;
    shared.plan(&catalog.session, None).await.map_err(failed())?;
    let mut findings = vec![unread(catalog)];
    for rule in rules {
        findings.push(run_rule(rule, &shared).await?);
    }
    findings.sort_by_key(|finding| finding.severity != Severity::Must);
    Ok(findings)
}

/// Decodes and converts every column of every table of the contract, and finds the rows that break rules on the way.
async fn read_everything(catalog: &Catalog, shared: &mut SharedReadings) -> Result<(), CheckError> {
    for table in Table::ALL {
        let name = table.name();
        if !catalog.session.table_exist(name).map_err(EngineError::running(name))? {
            continue;
        }
        let failed = || EngineError::running(format!("rows of {name}"));
        shared.plan(&catalog.session, Some(table)).await.map_err(failed())?;
        let rows = match shared.of_table(table) {
            Some(rows) => catalog.session.read_table(rows),
            None => catalog.session.table(name).await,
        };
        let rows = rows.map_err(failed())?;
        let partitions = rows.execute_stream_partitioned().await.map_err(failed())?;
        let mut readers = JoinSet::new();
        for mut partition in partitions {
            readers.spawn(async move {
                while let Some(rows) = partition.next().await {
                    rows?;
                }
                Ok::<_, DataFusionError>(())
            });
        }
        while let Some(read) = readers.join_next().await {
            read.map_err(|_| EngineError::Lost("rows of a table"))?
                .map_err(failed())?;
        }
    }
    Ok(())
}

/// Remarks on what in the exports is not read.
fn unread(catalog: &Catalog) -> Finding {
    let remarks = catalog.remarks();
    Finding {
        rule: "exports_not_read".to_owned(),
        severity: Severity::Should,
        description: "everything that lies in the exports is read, and no day is missing".to_owned(),
        rows: remarks.len() as u64,
        examples: remarks.iter().map(ToString::to_string).collect(),
    }
}

async fn plan_rule(catalog: &Catalog, query: String) -> Result<Rule, CheckError> {
    let header = catalog.query_description(&query)?;
    let first_line = header.lines().next().unwrap_or_default();
    let (severity, description) = match first_line.split_once(": ") {
        Some(("must", text)) => (Severity::Must, text.to_owned()),
        Some(("should", text)) => (Severity::Should, text.to_owned()),
        _ => return Err(CheckError::NotARule(query)),
    };
    let violations = catalog.query(&query, |parameters| parameters).await?;
    Ok(Rule {
        query,
        severity,
        description,
        violations,
    })
}

async fn run_rule(rule: Rule, shared: &SharedReadings) -> Result<Finding, CheckError> {
    let not_a_rule = || CheckError::NotARule(rule.query.clone());
    let failed = || EngineError::running(format!("check {}", rule.query));
    let (mut session, plan) = rule.violations.into_parts();
    session.config_mut().options_mut().optimizer.default_filter_selectivity = EXPECTED_PERCENT;
    let violations = DataFrame::new(session, shared.replace_in(plan).map_err(failed())?);
    let mut violations = violations.execute_stream().await.map_err(failed())?;
    let (mut rows, mut examples) = (0, Vec::new());
    while let Some(batch) = violations.next().await {
        let batch = batch.map_err(failed())?;
        let column = batch.column_by_name("example").ok_or_else(not_a_rule)?;
        let texts = cast(column, &DataType::Utf8View).map_err(|_| not_a_rule())?;
        rows += batch.num_rows() as u64;
        keep_first(
            &mut examples,
            texts.as_string_view().iter().map(|text| text.unwrap_or("NULL")),
        );
    }
    Ok(Finding {
        rule: rule.query.trim_start_matches("checks/").to_owned(),
        severity: rule.severity,
        description: rule.description,
        rows,
        examples,
    })
}

/// Keeps the smallest few texts, so that the examples do not depend on the order in which threads find them.
fn keep_first<'a>(kept: &mut Vec<String>, texts: impl Iterator<Item = &'a str>) {
    for text in texts {
        let shown: String = text.escape_debug().to_string().chars().take(EXAMPLE_LENGTH).collect();
        if kept.len() == EXAMPLES && kept.last().is_some_and(|last| *last <= shown) {
            continue;
        }
        if let Err(place) = kept.binary_search(&shown) {
            kept.insert(place, shown);
            kept.truncate(EXAMPLES);
        }
    }
}
