//! Tables that are plans: the children of a plan node, or what every task of a cluster reads whole.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::error::DetailsError;
use super::scope::Scope;
use super::tables::Tables;
use crate::engine::EngineError;

/// The plan that reads some columns of a table.
#[derive(Debug, Clone)]
pub struct TablePlan {
    /// The table's name.
    pub name: String,
    /// The columns that are read, in the order of the plan's.
    pub columns: Vec<String>,
    /// The plan of its rows.
    pub rows: Arc<dyn ExecutionPlan>,
}

impl TablePlan {
    /// Whether it reads these columns of that table.
    pub fn reads(&self, table: &str, columns: &[&'static str]) -> bool {
        self.name == table && self.columns == columns
    }

    /// Starts all its partitions.
    ///
    /// # Errors
    /// Where a partition cannot be started.
    pub fn execute(&self, context: &Arc<TaskContext>) -> Result<Vec<SendableRecordBatchStream>, DetailsError> {
        let partitions = 0..self.rows.output_partitioning().partition_count();
        let rows = partitions.map(|partition| self.rows.execute(partition, Arc::clone(context)));
        let rows = rows.collect::<Result<Vec<_>, _>>();
        Ok(rows.map_err(EngineError::running(format!("rows of {}", self.name)))?)
    }
}

/// Tables whose plans give the rows in scope, and no others.
pub struct PlannedTables {
    /// A plan for each table and each selection of its columns.
    pub plans: Vec<TablePlan>,
    /// What the plans run in.
    pub context: Arc<TaskContext>,
    /// The folder of temporary files.
    pub temp_folder: PathBuf,
}

#[async_trait]
impl Tables for PlannedTables {
    async fn read(
        &self,
        table: &'static str,
        columns: &[&'static str],
        _scope: Scope<'_>,
    ) -> Result<Vec<SendableRecordBatchStream>, DetailsError> {
        let plan = self.plans.iter().find(|plan| plan.reads(table, columns));
        plan.ok_or(EngineError::Lost("the plan of a table"))?
            .execute(&self.context)
    }

    fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(self.context.memory_pool())
    }

    fn temp_folder(&self) -> &Path {
        &self.temp_folder
    }
}
