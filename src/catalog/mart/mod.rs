//! The report mart of a nightly run as the table `course_progress_report`: its rows are read instead of assembled.
//!
//! The caller has checked that the mart was made from this snapshot, with the same settings and queries
//! (`nightly::Published::mart_of`). Where the mart's files are replaced or damaged later, the rows are assembled as
//! without a mart. `enrolment_details` has columns that the mart does not have, so it stays assembled.

mod error;
mod files;
mod layout;
mod node;
mod pruned;
mod reader;
mod restricted;
mod table;
#[cfg(test)]
mod test_mart;
mod view;

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::{Result, TableReference};
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use object_store::ObjectMeta;
use object_store::path::Path;

use super::barrier::behind_barrier;
use super::{Catalog, CatalogError, mapping};
use crate::engine::{EngineError, TABLE_SCHEMA, cluster_of};
use crate::exports::{Location, pushdown};
use crate::ids::SnapshotDate;
use restricted::RestrictedReports;
use table::ReportTable;
use view::ReportView;

/// The view whose rows a mart has, and its query.
const COURSE_PROGRESS_REPORT: &str = "course_progress_report";
const QUERY: &str = "reports/course_progress_report";

/// The queries from the tables to the reports.
const REPORT_QUERIES: [&str; 11] = [
    "staging/batches_from_enrolments",
    "staging/distinct_users",
    "staging/distinct_enrolments",
    "staging/numeric_course_progress",
    "staging/distinct_course_progress",
    "staging/distinct_batches",
    "staging/distinct_consents",
    "reports/report_batches",
    "reports/enrolment_details",
    "reports/consented_details",
    QUERY,
];

/// The report mart of one day.
#[derive(Debug)]
pub struct ReportMart {
    /// The snapshot's day.
    pub day: SnapshotDate,
    /// The folder of all days.
    pub reports: Location,
    /// The manifest that lists the files, in the version that was read.
    pub manifest: ObjectMeta,
    /// The files with rows, ordered by batch; all rows of a batch are in one file, ordered by user.
    pub parts: Vec<MartPart>,
}

/// One file of a mart, as its manifest lists it.
#[derive(Debug, Clone)]
pub struct MartPart {
    /// Where it lies in the store.
    pub path: Path,
    /// Its size.
    pub bytes: u64,
    /// How many rows it has.
    pub rows: u64,
    /// The batch of its first row: the smallest one.
    pub first_batch_id: String,
    /// The batch of its last row: the greatest one.
    pub last_batch_id: String,
    /// The tenants of its batches; `None` stands for batches of an unknown one.
    pub tenants: BTreeSet<Option<String>>,
}

impl Catalog {
    /// Whether a site replaces a query that reports are made by. Such a query may depend on more than the files of the
    /// snapshot, such as the time of day, so that the rows of a nightly run may differ from those of a query.
    pub fn has_own_report_queries(&self) -> bool {
        !self.are_built_in(&REPORT_QUERIES)
    }

    /// Reads `course_progress_report` from `mart`, which must have been made from this snapshot in the configured way.
    /// On a cluster it stays the view.
    ///
    /// # Errors
    /// Where the view's query cannot be planned, or the table cannot be registered.
    pub async fn read_reports_from(&mut self, mart: ReportMart) -> Result<(), CatalogError> {
        if cluster_of(&self.session).is_some() {
            tracing::debug!("{COURSE_PROGRESS_REPORT} is not read from a mart on a cluster");
            return Ok(());
        }
        let store = self.store_of(&mart.reports)?;
        tracing::debug!("{COURSE_PROGRESS_REPORT} is read from the mart of {}", mart.day);
        let view = ReportView::of(self).await?;
        let table: Arc<dyn TableProvider> = Arc::new(ReportTable::new(mart, store, view));
        self.replace_view(Arc::clone(&table))?;
        self.mart = Some(table);
        Ok(())
    }

    /// For the catalog of a user who sees the rows of `all` that meet `visible`: reads the columns of
    /// `course_progress_report` without details of learners from the mart of `all`, where it has one. The other columns
    /// are assembled from the rows that the user sees.
    ///
    /// # Errors
    /// Where the view's query cannot be planned, or the table cannot be registered.
    pub(super) async fn read_visible_reports_of(&self, all: &Self, visible: Option<Expr>) -> Result<(), CatalogError> {
        let Some(mart) = &all.mart else { return Ok(()) };
        let failed = || EngineError::running(format!("rows of {COURSE_PROGRESS_REPORT}"));
        let rows = match visible {
            None => Arc::clone(mart),
            Some(condition) => {
                let rows = self.session.read_table(Arc::clone(mart));
                behind_barrier(rows.and_then(|rows| rows.filter(condition)).map_err(failed())?)
            }
        };
        let view = ReportView::of(self).await?;
        self.replace_view(Arc::new(RestrictedReports::new(rows, view)))
    }

    fn replace_view(&self, table: Arc<dyn TableProvider>) -> Result<(), CatalogError> {
        self.session
            .deregister_table(TableReference::partial(TABLE_SCHEMA, COURSE_PROGRESS_REPORT))
            .map_err(CatalogError::registering(COURSE_PROGRESS_REPORT))?;
        mapping::register_table(&self.session, COURSE_PROGRESS_REPORT, table)
    }

    /// The store of a location, which may also be that of the exports.
    fn store_of(&self, location: &Location) -> Result<ObjectStoreUrl, CatalogError> {
        let known = ObjectStoreUrl::parse(&location.root).map_err(CatalogError::registering(location.root.as_str()))?;
        match self.session.runtime_env().object_store(&known) {
            Ok(_) => Ok(known),
            Err(_) => self.register_store(location),
        }
    }
}

/// Whether a condition compares columns with constants, so that it cannot fail and files can be skipped by it.
fn is_comparison(filter: &Expr) -> bool {
    match filter {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::And | Operator::Or,
            right,
        }) => is_comparison(left) && is_comparison(right),
        other => !matches!(pushdown(other), TableProviderFilterPushDown::Unsupported),
    }
}

/// How far a condition is pushed down to the table: inexactly, as rows that do not meet it may be read too.
fn support(filter: &Expr) -> TableProviderFilterPushDown {
    match is_comparison(filter) {
        true => TableProviderFilterPushDown::Inexact,
        false => TableProviderFilterPushDown::Unsupported,
    }
}
