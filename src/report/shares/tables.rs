//! The tables of one task: the exchanged ones of its partition, and those that it reads whole.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use datafusion::execution::memory_pool::MemoryPool;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::ExecutionPlan;

use super::super::error::ReportError;
use super::{EXCHANGED, Recipe};
use crate::details::{DetailsError, Scope, TablePlan, Tables};
use crate::engine::EngineError;

pub struct TaskTables<'a> {
    whole: &'a [TablePlan],
    /// Each stream can be read once.
    exchanged: Mutex<HashMap<&'static str, SendableRecordBatchStream>>,
    context: Arc<TaskContext>,
    folder: PathBuf,
}

impl<'a> TaskTables<'a> {
    pub fn new(
        recipe: &'a Recipe,
        exchanged: &[Arc<dyn ExecutionPlan>; 3],
        partition: usize,
        context: &Arc<TaskContext>,
        folder: PathBuf,
    ) -> Result<Self, ReportError> {
        let streams = EXCHANGED.into_iter().zip(exchanged).map(|(table, rows)| {
            let rows = rows.execute(partition, Arc::clone(context));
            let rows = rows.map_err(EngineError::running(format!("rows of {table}")))?;
            Ok::<_, ReportError>((table, rows))
        });
        Ok(Self {
            whole: &recipe.tables,
            exchanged: Mutex::new(streams.collect::<Result<_, _>>()?),
            context: Arc::clone(context),
            folder,
        })
    }
}

#[async_trait]
impl Tables for TaskTables<'_> {
    async fn read(
        &self,
        table: &'static str,
        columns: &[&'static str],
        _scope: Scope<'_>,
    ) -> Result<Vec<SendableRecordBatchStream>, DetailsError> {
        if let Some(plan) = self.whole.iter().find(|plan| plan.reads(table, columns)) {
            return plan.execute(&self.context);
        }
        let mut exchanged = self.exchanged.lock().unwrap_or_else(PoisonError::into_inner);
        let rows = exchanged
            .remove(table)
            .ok_or(EngineError::Lost("rows of an exchange"))?;
        Ok(vec![rows])
    }

    fn memory_pool(&self) -> Arc<dyn MemoryPool> {
        Arc::clone(self.context.memory_pool())
    }

    fn temp_folder(&self) -> &Path {
        &self.folder
    }
}
