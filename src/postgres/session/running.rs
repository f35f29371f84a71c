//! A query from its start to its last row: its slot among those that run, its limits, and the line of the audit log
//! that says how it ended.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use arrow_pg::datatypes::encode_recordbatch;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::runtime::SpawnedTask;
use datafusion::dataframe::DataFrame;
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use pgwire::api::results::FieldInfo;
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::data::DataRow;
use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::audit::{Actor, End};
use super::client::Client;
use super::snapshots::VisibleSnapshot;
use super::stop::{Stop, StopReason, StoppableRows};
use crate::engine::RunningQuery;
use crate::postgres::Endpoint;
use crate::postgres::error::QueryError;
use crate::postgres::protocol::copy::EncodedRows;
use crate::postgres::protocol::result_columns::BatchColumns;

/// The slots of concurrent queries, of which one user may have all but one.
#[derive(Debug)]
pub struct QuerySlots {
    slots: Arc<Semaphore>,
    of_user: usize,
    users: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// A query's slot among those that run.
#[derive(Debug)]
pub struct QuerySlot {
    _of_user: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl QuerySlots {
    /// Allows `slots` concurrent queries; one user may run all but one of them.
    pub fn new(slots: usize) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            of_user: slots.saturating_sub(1).max(1),
            users: Mutex::default(),
        }
    }

    /// Waits for a slot.
    async fn slot(&self, user: &str) -> Result<QuerySlot, QueryError> {
        let of_user = {
            let mut users = self.users.lock().unwrap_or_else(PoisonError::into_inner);
            // Users without running or waiting queries are removed from the map.
            users.retain(|_, slots| Arc::strong_count(slots) > 1 || slots.available_permits() < self.of_user);
            let slots = users.entry(user.to_owned());
            Arc::clone(slots.or_insert_with(|| Arc::new(Semaphore::new(self.of_user))))
        };
        let closed = |_| QueryError::Stopped(StopReason::Shutdown);
        Ok(QuerySlot {
            _of_user: of_user.acquire_owned().await.map_err(closed)?,
            _of_all: Arc::clone(&self.slots).acquire_owned().await.map_err(closed)?,
        })
    }
}

/// The plan of a client's statement, with the values of its parameters.
pub enum PlanToRun {
    Planned(LogicalPlan),
    /// A plan that was analysed and optimised before.
    Optimised(LogicalPlan),
}

/// A query that runs.
pub struct Running {
    rows: StoppableRows,
    /// The rows of a batch that a cursor has not fetched yet.
    rest: Option<RecordBatch>,
    query_audit: QueryAudit,
}

impl Running {
    /// Starts a plan, in the client's time zone. `query_audit` was opened for it.
    pub async fn start(
        mut query_audit: QueryAudit,
        seen: &Arc<VisibleSnapshot>,
        asked: PlanToRun,
        zone: &str,
    ) -> Result<Self, QueryError> {
        let endpoint = Arc::clone(&query_audit.endpoint);
        let stop = query_audit.stop.clone();
        let started = stop.or_stopped(async {
            let slot = endpoint.queries.slot(&query_audit.actor.user).await?;
            let state = state_in(&seen.session, zone);
            Ok((answer(&endpoint, state, asked).await?, slot))
        });
        match started.await {
            Ok((answer, slot)) => {
                let counted = Counted::new(&endpoint);
                Ok(Self {
                    rows: stop.guard(answer.rows, (slot, counted)),
                    rest: None,
                    query_audit,
                })
            }
            Err(error) => {
                query_audit.failed(&error);
                Err(error)
            }
        }
    }

    /// The handle that stops the query.
    pub fn stop(&self) -> &Stop {
        &self.query_audit.stop
    }

    /// All rows, as the client wants them.
    pub fn encoded(self, columns: Arc<Vec<FieldInfo>>) -> impl Stream<Item = PgWireResult<DataRow>> + Send + 'static {
        let Self { rows, query_audit, .. } = self;
        Encoded {
            rows: encoded(rows, columns),
            query_audit,
            count: |_| 1,
        }
    }

    /// All rows, as COPY's binary format has them.
    pub fn copied(
        self,
        columns: Arc<Vec<FieldInfo>>,
    ) -> impl Stream<Item = PgWireResult<EncodedRows>> + Send + 'static {
        let Self { rows, query_audit, .. } = self;
        let mut columns = BatchColumns::new(columns);
        let rows = rows.map(move |batch| {
            let (columns, batch) = columns.prepared(batch?).map_err(QueryError::from)?;
            EncodedRows::of(&columns, batch)
        });
        Encoded {
            rows: rows.boxed(),
            query_audit,
            count: EncodedRows::count,
        }
    }

    /// The next batch, of at most `most` rows.
    async fn next(&mut self, most: usize) -> Option<Result<RecordBatch, QueryError>> {
        let rest = self.rest.take().filter(|_| self.query_audit.stop.reason().is_none());
        let batch = match rest {
            Some(rest) => rest,
            None => loop {
                match self.rows.next().await {
                    Some(Ok(batch)) if batch.num_rows() == 0 => {}
                    Some(Ok(batch)) => break batch,
                    Some(Err(error)) => {
                        self.query_audit.failed(&error);
                        return Some(Err(error));
                    }
                    None => {
                        self.query_audit.ended("answered", None);
                        return None;
                    }
                }
            },
        };
        let taken = batch.num_rows().min(most);
        if taken < batch.num_rows() {
            self.rest = Some(batch.slice(taken, batch.num_rows() - taken));
        }
        self.query_audit.rows += taken as u64;
        Some(Ok(batch.slice(0, taken)))
    }
}

/// The next rows of a cursor, at most `most`, as the client wants them.
pub fn fetched(
    cursor: OwnedMutexGuard<Running>,
    most: Option<usize>,
    columns: Arc<Vec<FieldInfo>>,
) -> impl Stream<Item = PgWireResult<DataRow>> + Send + 'static {
    encoded(next_batches(cursor, most), columns)
}

/// Skips the next rows of a cursor, at most `most`, and returns their number.
pub async fn passed(cursor: OwnedMutexGuard<Running>, most: Option<usize>) -> Result<usize, QueryError> {
    let rows = next_batches(cursor, most).map_ok(|batch| batch.num_rows());
    rows.try_fold(0, |sum, rows| async move { Ok(sum + rows) }).await
}

fn next_batches(
    cursor: OwnedMutexGuard<Running>,
    most: Option<usize>,
) -> impl Stream<Item = Result<RecordBatch, QueryError>> + Send + 'static {
    let left = most.unwrap_or(usize::MAX);
    futures::stream::unfold((cursor, left), |(mut cursor, left)| async move {
        if left == 0 {
            return None;
        }
        let batch = cursor.next(left).await?;
        let left = match &batch {
            Ok(batch) => left - batch.num_rows(),
            Err(_) => 0,
        };
        Some((batch, (cursor, left)))
    })
}

/// A state of the session for one statement that starts now, in a time zone.
pub fn state_in(session: &SessionContext, zone: &str) -> SessionState {
    let mut state = session.state();
    state.config_mut().options_mut().execution.time_zone = Some(zone.to_owned());
    state.mark_start_execution();
    state
}

async fn answer(endpoint: &Endpoint, state: SessionState, asked: PlanToRun) -> Result<RunningQuery, QueryError> {
    let context = endpoint.limits.limited(TaskContext::from(&state))?;
    let threads = &endpoint.threads;
    Ok(match asked {
        PlanToRun::Planned(plan) => RunningQuery::start_in(threads, DataFrame::new(state, plan), context).await?,
        PlanToRun::Optimised(plan) => RunningQuery::start_optimised(threads, state, plan, context).await?,
    })
}

fn encoded(
    batches: impl Stream<Item = Result<RecordBatch, QueryError>> + Send + 'static,
    columns: Arc<Vec<FieldInfo>>,
) -> BoxStream<'static, PgWireResult<DataRow>> {
    let mut columns = BatchColumns::new(columns);
    let rows = batches.flat_map(move |batch| match batch {
        Ok(batch) => match columns.prepared(batch).map_err(QueryError::from) {
            Ok((columns, batch)) => futures::stream::iter(encode_recordbatch(columns, batch)).left_stream(),
            Err(error) => futures::stream::iter([Err(PgWireError::from(error))]).right_stream(),
        },
        Err(error) => futures::stream::iter([Err(PgWireError::from(error))]).right_stream(),
    });
    rows.boxed()
}

/// Encoded rows that are counted.
struct Encoded<T> {
    rows: BoxStream<'static, PgWireResult<T>>,
    query_audit: QueryAudit,
    /// The number of rows in an item of `rows`.
    count: fn(&T) -> usize,
}

impl<T> Stream for Encoded<T> {
    type Item = PgWireResult<T>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let row = ready!(self.rows.poll_next_unpin(context));
        match &row {
            Some(Ok(rows)) => {
                let count = (self.count)(rows);
                self.query_audit.rows += count as u64;
            }
            Some(Err(PgWireError::UserError(info))) => {
                let code = info.code.clone();
                self.query_audit.ended("failed", Some(&code));
            }
            Some(Err(_)) => self.query_audit.ended("failed", None),
            None => self.query_audit.ended("answered", None),
        }
        Poll::Ready(row)
    }
}

/// Counts a query among those that run.
struct Counted(Arc<Endpoint>);

impl Counted {
    fn new(endpoint: &Arc<Endpoint>) -> Self {
        endpoint.metrics.running.inc();
        Self(Arc::clone(endpoint))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metrics.running.dec();
    }
}

/// The audited lifetime of a query: notes its start and its end, and stops it when its time is over or its client is
/// gone.
pub struct QueryAudit {
    endpoint: Arc<Endpoint>,
    actor: Actor,
    id: Uuid,
    begun: Instant,
    rows: u64,
    has_ended: bool,
    stop: Stop,
    _watch: SpawnedTask<()>,
}

impl QueryAudit {
    /// Notes the start of `sql` of `client`, which may take `time`.
    pub fn open(
        endpoint: &Arc<Endpoint>,
        client: &Arc<Client>,
        actor: &Actor,
        sql: &str,
        time: Duration,
    ) -> Result<Self, QueryError> {
        let id = Uuid::now_v7();
        endpoint
            .audit
            .query(id, actor, sql)
            .map_err(|error| QueryError::Audit(error.to_string()))?;
        let stop = Stop::default();
        client.waits_for(Some(stop.clone()));
        let watched = (stop.clone(), Arc::clone(client));
        let watch = SpawnedTask::spawn(async move {
            let (stop, client) = watched;
            tokio::select! {
                () = tokio::time::sleep(time) => stop.stop(StopReason::Deadline),
                () = client.gone() => stop.stop(StopReason::ClientGone),
            }
        });
        Ok(Self {
            endpoint: Arc::clone(endpoint),
            actor: actor.clone(),
            id,
            begun: Instant::now(),
            rows: 0,
            has_ended: false,
            stop,
            _watch: watch,
        })
    }

    /// The handle that stops the query.
    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Notes that the query failed before its first row, or at one of a cursor.
    pub fn failed(&mut self, error: &QueryError) {
        let outcome = match error {
            QueryError::NotAllowed(_) => "refused",
            _ => "failed",
        };
        self.ended(outcome, Some(error.code()));
    }

    /// Notes that the query failed with this code before it was started.
    pub fn failed_with(&mut self, code: &str) {
        self.ended("failed", Some(code));
    }

    fn ended(&mut self, outcome: &'static str, code: Option<&str>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let outcome = match self.stop.reason() {
            None => outcome,
            Some(StopReason::Deadline) => "timed_out",
            Some(_) => "cancelled",
        };
        let took = self.begun.elapsed();
        self.endpoint.metrics.query(outcome, self.rows, took);
        let end = End {
            outcome,
            code,
            rows: self.rows,
        };
        self.endpoint.audit.end(self.id, &self.actor, end, took);
    }
}

impl Drop for QueryAudit {
    /// A query that has not ended otherwise was answered: the client wanted no more rows.
    fn drop(&mut self) {
        self.ended("answered", None);
    }
}
