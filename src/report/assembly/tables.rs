//! The source of an assembly's tables: the catalog, or on a cluster the exchange that feeds a task.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::logical_expr::utils::conjunction;
use datafusion::prelude::{col, lit};

use super::super::error::ReportError;
use super::Scope;
use crate::catalog::Catalog;
use crate::engine::EngineError;

/// Tables with the names and columns of the contract, and the resources for reading them.
#[async_trait]
pub trait Tables: Send + Sync {
    /// Some columns of the rows in scope, in partitions that can be read at the same time.
    async fn read(
        &self,
        table: &'static str,
        columns: &[&'static str],
        scope: Scope<'_>,
    ) -> Result<Vec<SendableRecordBatchStream>, ReportError>;

    /// The pool that accounts for the memory of directories.
    fn memory_pool(&self) -> Arc<dyn MemoryPool>;

    /// Folder of temporary files.
    fn temp_folder(&self) -> &Path;
}

#[async_trait]
impl Tables for Catalog {
    async fn read(
        &self,
        table: &'static str,
        columns: &[&'static str],
        scope: Scope<'_>,
    ) -> Result<Vec<SendableRecordBatchStream>, ReportError> {
        let failed = || EngineError::running(format!("rows of {table}"));
        let mut rows = self.session.table(table).await.map_err(failed())?;
        let within = match scope {
            Scope::Everything => None,
            Scope::OneBatch(batch) => Some(col("batch_id").eq(lit(batch.as_str()))),
            Scope::Batches(batches) => {
                let ids = batches.iter().map(|batch| lit(batch.as_str())).collect();
                Some(col("batch_id").in_list(ids, false))
            }
            Scope::Range(ids) => conjunction(
                ids.after
                    .iter()
                    .map(|id| col("batch_id").gt(lit(id)))
                    .chain(ids.up_to.iter().map(|id| col("batch_id").lt_eq(lit(id)))),
            ),
        };
        if let Some(within) = within {
            rows = rows.filter(within).map_err(failed())?;
        }
        let column = |&name: &&'static str| match (name, scope) {
            // The scope gives the value, so the column is not read.
            ("batch_id", Scope::OneBatch(batch)) => lit(ScalarValue::Utf8View(Some(batch.to_string()))).alias(name),
            _ => col(name),
        };
        let rows = rows.select(columns.iter().map(column)).map_err(failed())?;
        Ok(rows.execute_stream_partitioned().await.map_err(failed())?)
    }

    fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(&self.session.runtime_env().memory_pool)
    }

    fn temp_folder(&self) -> &Path {
        &self.temp_folder
    }
}
