//! Runs a query on the engine's threads and streams its rows. Dropping the stream cancels the query.

use std::sync::Arc;

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::stream::{RecordBatchReceiverStream, RecordBatchStreamAdapter};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;

use super::error::EngineError;
use super::stoppable::{CancelOnDrop, stoppable};
use super::threads::EngineThreads;

/// Record batches that are buffered before the query waits for its reader.
const BATCHES_AHEAD: usize = 2;

/// A running query. Dropping `rows` cancels it.
pub struct RunningQuery {
    /// The rows; dropping them cancels the query.
    pub rows: SendableRecordBatchStream,
    /// The running plan, whose metrics tell the progress.
    pub plan: Arc<dyn ExecutionPlan>,
}

impl RunningQuery {
    /// Plans `frame` and starts it, with the memory and spill limits of its session. Errors name the query by `what`.
    ///
    /// # Errors
    /// The query cannot be planned; errors of its execution come with the rows.
    pub async fn start(threads: &EngineThreads, frame: DataFrame, what: &str) -> Result<Self, EngineError> {
        let context = Arc::new(frame.task_ctx());
        let started = Self::start_in(threads, frame, context).await;
        started.map_err(EngineError::running(what))
    }

    /// The same as [`start`](Self::start), with the memory and spill limits of `context`, and with the engine's own
    /// errors.
    ///
    /// # Errors
    /// The query cannot be planned; errors of its execution come with the rows.
    pub async fn start_in(
        threads: &EngineThreads,
        frame: DataFrame,
        context: Arc<TaskContext>,
    ) -> Result<Self, DataFusionError> {
        let planned = threads.run(async move { frame.create_physical_plan().await }).await;
        Self::started(threads, planned??, context)
    }

    /// As [`start_in`](Self::start_in), of a plan that is optimised already.
    ///
    /// # Errors
    /// No physical plan can be made; errors of its execution come with the rows.
    pub async fn start_optimised(
        threads: &EngineThreads,
        state: SessionState,
        plan: LogicalPlan,
        context: Arc<TaskContext>,
    ) -> Result<Self, DataFusionError> {
        let planned = threads.run(async move { state.query_planner().create_physical_plan(&plan, &state).await });
        Self::started(threads, planned.await??, context)
    }

    fn started(
        threads: &EngineThreads,
        plan: Arc<dyn ExecutionPlan>,
        context: Arc<TaskContext>,
    ) -> Result<Self, DataFusionError> {
        let cancel = CancelOnDrop::default();
        let plan = stoppable(plan, &cancel)?;
        Ok(Self {
            rows: in_a_task(threads, Arc::clone(&plan), context, cancel)?,
            plan,
        })
    }
}

fn in_a_task(
    threads: &EngineThreads,
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    cancel: CancelOnDrop,
) -> Result<SendableRecordBatchStream, EngineError> {
    let threads = threads.handle().ok_or(EngineError::Lost("answer of a query"))?;
    let schema = plan.schema();
    let mut receiver = RecordBatchReceiverStream::builder(Arc::clone(&schema), BATCHES_AHEAD);
    let sender = receiver.tx();
    let running = async move {
        let mut rows = execute_stream(plan, context)?;
        while let Some(batch) = rows.next().await {
            // The receiver was dropped: nobody reads the rows.
            if sender.send(batch).await.is_err() {
                break;
            }
        }
        Ok(())
    };
    receiver.spawn_on(running, threads);
    let rows = receiver.build().inspect(move |_batch| {
        // Dropped with the stream, which cancels the query.
        let _ = &cancel;
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, rows)))
}
