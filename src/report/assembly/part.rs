//! One part: sorts, deduplicates and merges its enrolments and progress, and looks details up as its rows are read.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, TimestampMicrosecondArray, UInt32Array,
};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;

use super::batches::RankedBatches;
use super::pieces::Pieces;
use super::rows::{Enrolment, Key, Keyed, Progress, sort_and_deduplicate};
use super::users::{RankedUsers, detail_columns};
use crate::exports::Kind;

/// Rows whose details are looked up at a time.
const CHUNK_ROWS: usize = 8_192;

/// The directories that all parts share.
pub struct Shared {
    users: RankedUsers,
    batches: RankedBatches,
    schema: SchemaRef,
}

impl Shared {
    pub fn new(users: RankedUsers, batches: RankedBatches) -> Self {
        Self {
            users,
            batches,
            schema: details_schema(),
        }
    }
}

/// The columns of `queries/reports/enrolment_details.sql`.
pub fn details_schema() -> SchemaRef {
    let column = |name: &str, kind: Kind| Field::new(name, kind.data_type(), true);
    let mut fields = vec![
        column("batch_id", Kind::Text),
        column("course_id", Kind::Text),
        column("tenant_id", Kind::Text),
        column("user_id", Kind::Text),
        column("enrolled_at", Kind::Timestamp),
        column("has_progress", Kind::Boolean).with_nullable(false),
        column("progress_percent", Kind::Percent),
        column("completed_at", Kind::Timestamp),
        column("known_user", Kind::Boolean).with_nullable(false),
    ];
    // The batch has a `tenant_id` too.
    let name_here = |name| if name == "tenant_id" { "user_tenant_id" } else { name };
    fields.extend(detail_columns().map(|(name, _)| column(name_here(name), Kind::Text)));
    Arc::new(Schema::new(fields))
}

/// A range of batches. It can be read once.
pub struct Part {
    shared: Arc<Shared>,
    rows: Mutex<Option<(Pieces<Enrolment>, Pieces<Progress>)>>,
}

impl Part {
    pub fn new(shared: Arc<Shared>, enrolments: Pieces<Enrolment>, progress: Pieces<Progress>) -> Self {
        Self {
            shared,
            rows: Mutex::new(Some((enrolments, progress))),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Part")
    }
}

impl PartitionStream for Part {
    fn schema(&self) -> &SchemaRef {
        &self.shared.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (enrolments, progress) = rows.unwrap_or_default();
        let shared = Arc::clone(&self.shared);
        let chunks = std::iter::once_with(move || PartRows::new(shared, enrolments, progress)).flatten();
        let stream = futures::stream::iter(chunks);
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.shared.schema), stream))
    }
}

/// The rows of a part in order, a chunk at a time.
struct PartRows {
    shared: Arc<Shared>,
    enrolments: Vec<Enrolment>,
    progress: Vec<Progress>,
    next_enrolment: usize,
    next_progress: usize,
}

impl PartRows {
    fn new(shared: Arc<Shared>, enrolments: Pieces<Enrolment>, progress: Pieces<Progress>) -> Self {
        let mut enrolments = by_rank(&shared, enrolments);
        enrolments.retain(Enrolment::is_active);
        let progress = by_rank(&shared, progress);
        Self {
            shared,
            enrolments,
            progress,
            next_enrolment: 0,
            next_progress: 0,
        }
    }

    /// The progress of each enrolment. Both lists are sorted by key.
    fn progress_of(&mut self, enrolments: std::ops::Range<usize>) -> Vec<Option<Progress>> {
        let mut found = Vec::with_capacity(enrolments.len());
        for enrolment in &self.enrolments[enrolments] {
            while self
                .progress
                .get(self.next_progress)
                .is_some_and(|progress| progress.key() < enrolment.key())
            {
                self.next_progress += 1;
            }
            let candidate = self.progress.get(self.next_progress).copied();
            found.push(candidate.filter(|progress| progress.key() == enrolment.key()));
        }
        found
    }

    fn chunk(&self, enrolments: &[Enrolment], progress: &[Option<Progress>]) -> Result<RecordBatch> {
        let (users, batches) = (&self.shared.users, &self.shared.batches);
        let numbers: Vec<u32> = enrolments.iter().map(|row| users.at_rank(row.key().user())).collect();
        let places: UInt32Array = enrolments.iter().map(|row| Some(row.key().batch())).collect();
        let listed: Vec<Option<u32>> = numbers
            .iter()
            .map(|&user| users.is_listed(user).then_some(user))
            .collect();
        let mut columns: Vec<ArrayRef> = vec![
            take(&batches.ids, &places, None)?,
            take(&batches.course_ids, &places, None)?,
            take(&batches.tenant_ids, &places, None)?,
            users.ids(&numbers),
            timestamps(enrolments.iter().map(Enrolment::enrolled_at)),
            Arc::new(progress.iter().map(|row| Some(row.is_some())).collect::<BooleanArray>()),
            Arc::new(
                progress
                    .iter()
                    .map(|row| row.and_then(|row| row.percent()))
                    .collect::<Float64Array>(),
            ),
            timestamps(progress.iter().map(|row| row.and_then(|row| row.completed_at()))),
            Arc::new(
                numbers
                    .iter()
                    .map(|&user| Some(users.is_listed(user)))
                    .collect::<BooleanArray>(),
            ),
        ];
        columns.extend(users.details(&listed)?);
        Ok(RecordBatch::try_new(Arc::clone(&self.shared.schema), columns)?)
    }
}

impl Iterator for PartRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.next_enrolment;
        let end = self.enrolments.len().min(start + CHUNK_ROWS);
        if start == end {
            return None;
        }
        self.next_enrolment = end;
        let progress = self.progress_of(start..end);
        Some(self.chunk(&self.enrolments[start..end], &progress))
    }
}

/// The best row of each key, in the order of batch and user ids: numbers become ranks.
fn by_rank<R: Keyed>(shared: &Shared, pieces: Pieces<R>) -> Vec<R> {
    let (users, batches) = (&shared.users, &shared.batches);
    let mut rows: Vec<R> = Vec::with_capacity(pieces.len());
    for row in pieces {
        let key = row.key();
        rows.push(row.with_key(Key::new(batches.rank_of(key.batch()), users.rank_of(key.user()))));
    }
    sort_and_deduplicate(&mut rows);
    rows
}

fn timestamps(micros: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(micros.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
}
