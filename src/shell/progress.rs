//! Shows the progress of a long query on standard error: rows read, rows of the result, and how to cancel it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use datafusion::physical_plan::ExecutionPlan;
use futures::{Stream, StreamExt};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::engine::RunningQuery;

/// Queries that take less than this show no progress.
const LONG: Duration = Duration::from_secs(1);
const TICK: Duration = Duration::from_millis(200);

/// A progress line, shown on terminals only, and never where `is_wanted` is false.
pub fn line(is_wanted: bool) -> ProgressBar {
    let target = if is_wanted {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    ProgressBar::with_draw_target(None, target)
        .with_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()))
}

/// Passes the rows of `query` on, and updates `line` while they are waited for.
pub fn watched(query: RunningQuery, line: ProgressBar) -> SendableRecordBatchStream {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    Box::pin(Watched {
        rows: query.rows,
        plan: query.plan,
        line,
        ticks,
        started: Instant::now(),
        returned: 0,
    })
}

struct Watched {
    rows: SendableRecordBatchStream,
    plan: Arc<dyn ExecutionPlan>,
    line: ProgressBar,
    ticks: Interval,
    started: Instant,
    returned: u64,
}

impl Watched {
    fn say(&self) {
        let elapsed = self.started.elapsed();
        // To count the rows read, a scan adds up the metrics of all its files, so nothing is counted for nobody.
        if elapsed < LONG || self.line.is_finished() || self.line.is_hidden() {
            return;
        }
        self.line.set_message(format!(
            "{} s: {} rows read, {} rows of the result; Ctrl-C stops the query",
            elapsed.as_secs(),
            HumanCount(rows_read(self.plan.as_ref())),
            HumanCount(self.returned),
        ));
        self.line.tick();
    }
}

impl Stream for Watched {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.ticks.poll_tick(context).is_ready() {
            self.say();
        }
        let next = self.rows.poll_next_unpin(context);
        if let Poll::Ready(Some(Ok(batch))) = &next {
            self.returned += batch.num_rows() as u64;
        }
        next
    }
}

impl RecordBatchStream for Watched {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.line.finish_and_clear();
    }
}

/// The rows that the plan's sources have read so far.
fn rows_read(plan: &dyn ExecutionPlan) -> u64 {
    let inputs = plan.children();
    if inputs.is_empty() {
        let rows = plan.metrics().and_then(|metrics| metrics.output_rows());
        return rows.unwrap_or(0) as u64;
    }
    inputs.into_iter().map(|input| rows_read(input.as_ref())).sum()
}
