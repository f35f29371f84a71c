//! Rows on their way: a query planned and run on the engine's threads, in tasks that end when nobody waits for its rows.

use std::sync::Arc;

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::error::EngineError;
use super::stoppable::{Waiting, stoppable};
use super::threads::EngineThreads;

/// Batches that are made ahead of who writes them.
const BATCHES_AHEAD: usize = 2;

/// Rows on their way, made by a task of their own that ends when they are dropped.
pub struct Answer {
    pub rows: SendableRecordBatchStream,
    /// Tells of the progress.
    pub plan: Arc<dyn ExecutionPlan>,
}

impl Answer {
    /// Plans `frame` and starts it, with the memory and temporary space of its session. `what` names it in errors.
    pub async fn start(threads: &EngineThreads, frame: DataFrame, what: &str) -> Result<Self, EngineError> {
        let context = Arc::new(frame.task_ctx());
        let started = Self::start_in(threads, frame, context).await;
        started.map_err(EngineError::running(what))
    }

    /// The same with the memory and temporary space of `context`, and errors as the engine has them.
    pub async fn start_in(
        threads: &EngineThreads,
        frame: DataFrame,
        context: Arc<TaskContext>,
    ) -> Result<Self, DataFusionError> {
        let waiting = Waiting::default();
        let planned = threads.run(async move { frame.create_physical_plan().await }).await;
        let plan = stoppable(planned??, &waiting)?;
        Ok(Self {
            rows: in_a_task(threads, Arc::clone(&plan), context, waiting)?,
            plan,
        })
    }
}

fn in_a_task(
    threads: &EngineThreads,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    waiting: Waiting,
) -> Result<SendableRecordBatchStream, EngineError> {
    let threads = threads.handle().ok_or(EngineError::Lost("answer of a query"))?;
    let schema = plan.schema();
    let mut receiver = RecordBatchReceiverStream::builder(Arc::clone(&schema), BATCHES_AHEAD);
    let sender = receiver.tx();
    let made = async move {
        let mut rows = execute_stream(plan, context)?;
        while let Some(batch) = rows.next().await {
            // The rest is of no use to anybody.
            if sender.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    receiver.spawn_on(made, threads);
    let rows = receiver.build().inspect(move |_batch| {
        // Goes with the rows.
        let _ = &waiting;
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}
