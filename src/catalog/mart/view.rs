//! The view `course_progress_report` as it is without a mart: the tables over a mart run its query where they cannot
//! read the rows there.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::ExecutionPlan;

use super::QUERY;
use crate::catalog::{Catalog, CatalogError};
use crate::engine::scan_of_view;

/// The columns of the view, and its query over the tables of a catalog.
#[derive(Debug)]
pub struct ReportView {
    pub schema: SchemaRef,
    query: LogicalPlan,
}

impl ReportView {
    /// A view with the columns `schema`, which `query` gives.
    pub fn new(schema: SchemaRef, query: LogicalPlan) -> Self {
        Self { schema, query }
    }

    /// The view over the rows of `catalog`.
    ///
    /// # Errors
    /// Where the view's query cannot be planned.
    pub async fn of(catalog: &Catalog) -> Result<Self, CatalogError> {
        let view = catalog.query(QUERY, |parameters| parameters).await?;
        let schema = Arc::new(view.schema().as_arrow().clone());
        Ok(Self::new(schema, view.into_unoptimized_plan()))
    }

    /// The plan of a scan that runs the view's query.
    ///
    /// # Errors
    /// Where the query cannot be planned.
    pub async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        scan_of_view(session, &self.query, &self.schema, projection, filters).await
    }
}
