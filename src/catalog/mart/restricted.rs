//! `course_progress_report` for users who do not see everything: columns without details of learners come from the
//! mart; where a query names another column, its rows are assembled from the rows that the user sees.
//!
//! The mart has the details as users without restrictions see them. Which details are blank or masked for another user
//! depends on columns that the mart lacks: the learner's tenant, first and last name.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use super::support;
use super::view::ReportView;

/// The columns that have the same value for every user who sees the row.
const WITHOUT_DETAILS: [&str; 8] = [
    "batch_id",
    "course_id",
    "tenant_id",
    "user_id",
    "enrollment_date",
    "course_progress",
    "completion_date",
    "known_user",
];

/// `course_progress_report` of a user who does not see everything.
#[derive(Debug)]
pub struct RestrictedReports {
    /// The visible rows of the mart, with all columns.
    mart: Arc<dyn TableProvider>,
    /// The view over what the user sees.
    view: ReportView,
}

impl RestrictedReports {
    /// The rows of `view`, of which `mart` has the columns without details.
    pub fn new(mart: Arc<dyn TableProvider>, view: ReportView) -> Self {
        Self { mart, view }
    }

    /// Whether neither the columns that are asked for nor those of conditions have details. Both tables must have their
    /// columns at the same places.
    fn is_without_details(&self, projection: Option<&Vec<usize>>, filters: &[Expr]) -> bool {
        let Some(projection) = projection else { return false };
        let is_shown = |name: &str| WITHOUT_DETAILS.contains(&name);
        let of_filters = filters.iter().flat_map(|filter| filter.column_refs());
        let schema = &self.view.schema;
        self.mart.schema().fields() == schema.fields()
            && projection.iter().all(|&place| is_shown(schema.field(place).name()))
            && of_filters.into_iter().all(|column| is_shown(column.name()))
    }
}

impl RestrictedReports {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.is_without_details(projection, filters) {
            return self.mart.scan(session, projection, filters, limit).await;
        }
        self.view.scan(session, projection, filters).await
    }
}

impl TableProvider for RestrictedReports {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.view.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    crate::scans::scan_in_own_future!(RestrictedReports);

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| support(filter)).collect())
    }
}
