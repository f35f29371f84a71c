//! The table `enrolment_details`, and the snapshot's tables as its rows are assembled from them.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::prelude::col;

use super::view_order::queries_down_to;
use super::{Catalog, CatalogError, consents};
use crate::details::{DetailsError, EnrolmentDetails, Scope, Sources, Tables, details_schema};
use crate::engine::{EngineError, cluster_of};

/// The view that [`EnrolmentDetails`] gives the rows of.
pub const ENROLMENT_DETAILS: &str = "enrolment_details";

/// The queries whose rows are assembled without running them: that of `enrolment_details`, and the views that it reads
/// down to the tables of [`Sources`].
static ASSEMBLED: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| queries_down_to(consents::ENROLMENT_DETAILS, &["distinct_batches"]));

/// The queries from all reports down to `enrolment_details`, which a nightly run replaces by code of its own.
static ABOVE_DETAILS: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| queries_down_to("reports/all_reports", &[ENROLMENT_DETAILS]));

impl Catalog {
    /// Whether the rows of `enrolment_details` are those that its built-in query and the views below it give. What consent
    /// lets reports show depends on user and batch together, so the queries decide it.
    async fn has_usual_details(&self) -> bool {
        !self.requires_consent() && self.are_planned_as_built_in(&ASSEMBLED).await
    }

    /// Whether `enrolment_details` is the table that assembles its rows, rather than the view of its query.
    pub async fn assembles_details(&self) -> bool {
        let table = self.session.table_provider(ENROLMENT_DETAILS).await;
        table.is_ok_and(|table| table.is::<EnrolmentDetails>())
    }

    /// Whether all reports are those that the built-in queries give, so that a nightly run assembles their parts itself
    /// instead of running the query of all reports. It does so because it works on what a plan does not give: fingerprints
    /// of batches before their rows are made, sections that are taken over, groups that fit into memory, and parts that
    /// tasks of a cluster make.
    pub async fn has_usual_reports(&self) -> bool {
        self.has_usual_details().await && self.are_planned_as_built_in(&ABOVE_DETAILS).await
    }

    /// About as many rows as all reports have.
    pub fn rows_to_report(&self) -> u64 {
        let rows_of = |table: &str| -> u64 {
            let files = self.inputs.iter().filter(|input| input.table == table);
            files.map(|input| input.inspected.rows).sum()
        };
        let exported = rows_of("enrolments");
        // With a staging mapping, one of the raw tables holds the enrolments.
        if exported > 0 {
            exported
        } else {
            let of_files = self.inputs.iter().map(|input| input.inspected.rows);
            of_files.max().unwrap_or(0)
        }
    }
}

/// The table that assembles `rows`, those of the view's own query. On a cluster, and where the rows are not those of the
/// built-in queries, it is the view.
pub async fn table(catalog: &Catalog, rows: DataFrame) -> Result<Arc<dyn TableProvider>, CatalogError> {
    let failed = || EngineError::running(format!("table {ENROLMENT_DETAILS}"));
    let same_columns = rows.schema().as_arrow() == details_schema().as_ref();
    let is_one_process = cluster_of(&catalog.session).is_none();
    if !same_columns || !is_one_process || !catalog.has_usual_details().await {
        return Ok(rows.into_view());
    }
    let provider = async |name: &str| catalog.session.table_provider(name).await.map_err(failed());
    let sources = Sources {
        enrolments: provider("enrolments").await?,
        course_progress: provider("course_progress").await?,
        batches: provider("distinct_batches").await?,
        users: provider("users").await?,
        distinct_users: provider("distinct_users").await?,
    };
    let (rows_to_report, folder) = (catalog.rows_to_report(), catalog.temp_folder.clone());
    let sizes = catalog.inputs.iter().map(|input| input.inspected.uncompressed_bytes);
    let bytes = sizes.sum();
    let query = rows.into_unoptimized_plan();
    Ok(Arc::new(EnrolmentDetails::new(
        sources,
        query,
        rows_to_report,
        bytes,
        folder,
    )))
}

#[async_trait]
impl Tables for Catalog {
    async fn read(
        &self,
        table: &'static str,
        columns: &[&'static str],
        scope: Scope<'_>,
    ) -> Result<Vec<SendableRecordBatchStream>, DetailsError> {
        let failed = || EngineError::running(format!("rows of {table}"));
        let mut rows = self.session.table(table).await.map_err(failed())?;
        if let Some(within) = scope.condition() {
            rows = rows.filter(within).map_err(failed())?;
        }
        let rows = rows.select(columns.iter().map(|&name| col(name))).map_err(failed())?;
        Ok(rows.execute_stream_partitioned().await.map_err(failed())?)
    }

    fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.session.runtime_env().memory_pool)
    }

    fn temp_folder(&self) -> &Path {
        &self.temp_folder
    }
}
