//! The source of an assembly's tables: the catalog, the children of a plan node, or on a cluster the exchange that
//! feeds a task.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryPool;

use super::error::DetailsError;
use super::scope::Scope;

/// Tables with the names and columns of the contract, and the resources for reading them.
#[async_trait]
pub trait Tables: Send + Sync {
    /// Some columns of the rows in scope, in partitions that can be read at the same time.
    async fn read(
        &self,
        table: &'static str,
        columns: &[&'static str],
        scope: Scope<'_>,
    ) -> Result<Vec<SendableRecordBatchStream>, DetailsError>;

    /// The pool that accounts for the memory of directories.
    fn memory_pool(&self) -> Arc<dyn MemoryPool>;

    /// Folder of temporary files.
    fn temp_folder(&self) -> &Path;
}
