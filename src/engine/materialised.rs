//! A lazily materialised intermediate result: rows that are computed when they are first read, and then stay in spill
//! files.
//!
//! It is worth its cost where a query reads much and gives few rows, which a plan reads several times.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemoryCatalogProviderList, TableProvider};
use datafusion::common::runtime::JoinSet;
use datafusion::common::{DataFusionError, Result};
use datafusion::dataframe::DataFrame;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use tokio::sync::OnceCell;

use super::compacted_stream::compacted_stream;
use super::materialised_when_read::MaterialisedWhenRead;
use super::spilled_rows::{ColumnFiles, SpilledRows};

/// A table of the rows of `rows`, in `partitions` partitions. The sources of `rows` must not change: it runs once.
pub fn materialised(rows: DataFrame, partitions: usize) -> Arc<dyn TableProvider> {
    let rows = MaterialisedRows::new(rows, Density::Sparse);
    Arc::new(MaterialisedWhenRead::new(rows, partitions))
}

/// How densely the rows of a query fill its batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Density {
    /// A batch has few of the rows that were read, so batches are compacted before they are written.
    Sparse,
    /// A batch has most of the rows that were read.
    Dense,
}

/// The rows of a query that runs once.
pub struct MaterialisedRows {
    /// The query, in a session without tables (see `without_tables`).
    rows: DataFrame,
    density: Density,
    schema: SchemaRef,
    /// The spill files of each partition of the query that has rows. They are removed with this value.
    files: OnceCell<Vec<SpilledRows>>,
}

impl fmt::Debug for MaterialisedRows {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let plan = self.rows.logical_plan();
        f.debug_struct("MaterialisedRows")
            .field("plan", plan)
            .finish_non_exhaustive()
    }
}

impl MaterialisedRows {
    /// The rows of `rows`, which has not run yet.
    pub fn new(rows: DataFrame, density: Density) -> Self {
        let schema = Arc::new(rows.schema().as_arrow().clone());
        Self {
            rows: without_tables(rows),
            density,
            schema,
            files: OnceCell::new(),
        }
    }

    /// The schema of the rows.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The settings and the memory of the session that the query was planned in.
    pub fn own_context(&self) -> Arc<TaskContext> {
        Arc::new(self.rows.task_ctx())
    }

    /// The files, if the query has run.
    pub fn known_files(&self) -> Option<&[SpilledRows]> {
        self.files.get().map(Vec::as_slice)
    }

    /// The files. The first caller runs the query; others wait.
    ///
    /// # Errors
    /// Where the query fails, or a file cannot be written.
    pub async fn files(&self, context: &Arc<TaskContext>) -> Result<&[SpilledRows]> {
        let files = self.files.get_or_try_init(|| self.run(context)).await?;
        Ok(files)
    }

    async fn run(&self, context: &Arc<TaskContext>) -> Result<Vec<SpilledRows>> {
        let plan = self.rows.clone().create_physical_plan().await?;
        let partitions = plan.output_partitioning().partition_count();
        let layout = ColumnFiles::new(&self.schema, partitions);
        let mut writers = JoinSet::new();
        for partition in 0..partitions {
            let mut rows = plan.execute(partition, Arc::clone(context))?;
            if self.density == Density::Sparse {
                rows = compacted_stream(rows, context.session_config().batch_size(), Time::new());
            }
            let rows = of_schema(rows, &self.schema);
            writers.spawn(layout.clone().write(rows, context.runtime_env()));
        }
        let mut files = Vec::new();
        while let Some(written) = writers.join_next().await {
            let written = written.map_err(|error| DataFusionError::External(error.into()))?;
            files.extend(written?);
        }
        Ok(files)
    }
}

/// The same query in a session without tables; its plan has the tables that it reads. Otherwise a table of these rows,
/// registered in the session, and the session would own each other and never be freed.
fn without_tables(rows: DataFrame) -> DataFrame {
    let (mut session, plan) = rows.into_parts();
    session.register_catalog_list(Arc::new(MemoryCatalogProviderList::new()));
    DataFrame::new(session, plan)
}

/// The rows cast to the types of `schema`, which the headers of the files state. A physical plan may give other types
/// than the logical plan says: `coalesce` of a text and a text view is a text before optimisation and a text view after
/// it, or the reverse.
fn of_schema(rows: SendableRecordBatchStream, schema: &SchemaRef) -> SendableRecordBatchStream {
    let given = Arc::clone(schema);
    let batches = rows.map(move |batch| {
        let batch = batch?;
        let columns = batch.columns().iter().zip(given.fields());
        let columns: Result<Vec<_>, _> = columns.map(|(column, field)| cast(column, field.data_type())).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&given), columns?, &options)?;
        Ok::<_, DataFusionError>(batch)
    });
    Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), batches))
}
