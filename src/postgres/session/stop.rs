//! Stops a running query, for the first of several reasons: its client, its deadline, a lost connection, or the end of
//! the service. Stopping gives back memory, temporary files and the place among running queries at once,
//! also where no row is being read.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::task::AtomicWaker;
use futures::{Stream, StreamExt};
use tokio::sync::Notify;

use crate::postgres::error::QueryError;

/// Why a query was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The client asked for it.
    Cancelled,
    /// It took longer than it may.
    Deadline,
    /// Its client is gone.
    ClientGone,
    /// The service ends.
    Shutdown,
}

/// Stops one query.
#[derive(Clone, Default)]
pub struct Stop(Arc<Inner>);

#[derive(Default)]
struct Inner {
    reason: OnceLock<StopReason>,
    stopped: Notify,
    waker: AtomicWaker,
    held: Mutex<Option<HeldResources>>,
}

/// What a running query holds until it ends or is stopped.
struct HeldResources {
    rows: SendableRecordBatchStream,
    /// The query's place among those that run.
    _place: Box<dyn Send>,
}

impl Stop {
    /// Stops the query, unless it is stopped already.
    pub fn stop(&self, reason: StopReason) {
        if self.0.reason.set(reason).is_ok() {
            drop(self.0.take());
            self.0.stopped.notify_waiters();
            self.0.waker.wake();
        }
    }

    /// Why the query was stopped, if it was.
    pub fn reason(&self) -> Option<StopReason> {
        self.0.reason.get().copied()
    }

    /// Whether the query has rows to come.
    pub fn is_running(&self) -> bool {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Runs `work`, or returns the stop reason as an error once the query is stopped.
    pub async fn or_stopped<T>(&self, work: impl Future<Output = Result<T, QueryError>>) -> Result<T, QueryError> {
        let mut stopped = std::pin::pin!(self.0.stopped.notified());
        stopped.as_mut().enable();
        if let Some(reason) = self.reason() {
            return Err(QueryError::Stopped(reason));
        }
        tokio::select! {
            result = work => result,
            () = stopped => Err(QueryError::Stopped(self.reason().unwrap_or(StopReason::Cancelled))),
        }
    }

    /// The rows, which end with an error once the query is stopped; `place` is given up with them.
    pub fn guard(&self, rows: SendableRecordBatchStream, place: impl Send + 'static) -> StoppableRows {
        let held = HeldResources {
            rows,
            _place: Box::new(place),
        };
        *self.0.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        if self.reason().is_some() {
            // It was stopped just now.
            drop(self.0.take());
        }
        StoppableRows(self.clone())
    }
}

impl Inner {
    fn take(&self) -> Option<HeldResources> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Rows of a query that can be stopped.
pub struct StoppableRows(Stop);

impl Stream for StoppableRows {
    type Item = Result<RecordBatch, QueryError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let inner = &self.0.0;
        inner.waker.register(context.waker());
        let mut held = inner.held.lock().unwrap_or_else(PoisonError::into_inner);
        match (held.as_mut(), self.0.reason()) {
            (_, Some(reason)) => Poll::Ready(Some(Err(QueryError::Stopped(reason)))),
            (None, None) => Poll::Ready(None),
            (Some(running), None) => {
                let batch = std::task::ready!(running.rows.poll_next_unpin(context));
                if !matches!(batch, Some(Ok(_))) {
                    *held = None;
                }
                Poll::Ready(batch.map(|batch| batch.map_err(QueryError::from)))
            }
        }
    }
}

impl Drop for StoppableRows {
    fn drop(&mut self) {
        drop(self.0.0.take());
    }
}
