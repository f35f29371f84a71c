//! Reads rows of users, with the users' numbers and fingerprints: several partitions at the same time, in any order.
//!
//! Records are written by one task. To leave it less work, what depends on rows alone is computed by the tasks that read
//! them.

use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::execution::SendableRecordBatchStream;
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::error::DetailsError;
use super::fingerprint::Fingerprint;
use super::fingerprints::of_users;
use super::load::{DETAILS, texts};
use super::users::Users;
use super::uuid_sieve::UuidSieve;
use crate::engine::EngineError;

/// Record batches that are buffered for each partition.
const BATCHES_AHEAD: usize = 2;

/// Rows of a table of users.
pub struct UserRows {
    /// Their columns; the first one holds the ids.
    pub rows: RecordBatch,
    /// The numbers of the users.
    pub numbers: Vec<Option<u32>>,
    /// The fingerprints of the users, where they are wanted.
    pub fingerprints: Option<Vec<Fingerprint>>,
}

/// Reads all partitions of a table of users.
pub struct UserReader {
    rows: mpsc::Receiver<Result<UserRows, DetailsError>>,
    tasks: JoinSet<()>,
}

impl UserReader {
    /// Begins to read the rows of `users`, with their fingerprints where `takes_fingerprints` says so.
    pub fn begin(partitions: Vec<SendableRecordBatchStream>, users: &Arc<Users>, takes_fingerprints: bool) -> Self {
        let users = Arc::clone(users);
        let read = move |rows: RecordBatch| UserRows::of(rows, &users, takes_fingerprints);
        Self::reading(partitions, DETAILS, read)
    }

    /// Begins to read the rows of those users whom `users` has, without fingerprints.
    pub fn of_known(partitions: Vec<SendableRecordBatchStream>, users: &Arc<Users>) -> Self {
        let (users, sieve) = (Arc::clone(users), Arc::new(users.sieve()));
        let read = move |rows: RecordBatch| UserRows::of_known(&rows, &users, &sieve);
        Self::reading(partitions, "table users", read)
    }

    /// Has each partition of `what` read by a task of its own, which makes rows by `read`.
    fn reading(
        partitions: Vec<SendableRecordBatchStream>,
        what: &'static str,
        read: impl Fn(RecordBatch) -> Result<UserRows, DetailsError> + Clone + Send + 'static,
    ) -> Self {
        let (sender, rows) = mpsc::channel((BATCHES_AHEAD * partitions.len()).max(1));
        let mut tasks = JoinSet::new();
        for partition in partitions {
            tasks.spawn(read_partition(partition, what, read.clone(), sender.clone()));
        }
        Self { rows, tasks }
    }

    /// The next rows; `None` after the last ones.
    ///
    /// # Errors
    /// Where the table cannot be read, or a task that reads it was lost.
    pub async fn next(&mut self) -> Result<Option<UserRows>, DetailsError> {
        if let Some(rows) = self.rows.recv().await {
            return rows.map(Some);
        }
        // All tasks have ended; one that was lost has not read all of its rows.
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|_| EngineError::Lost("rows of table users"))?;
        }
        Ok(None)
    }
}

async fn read_partition(
    mut partition: SendableRecordBatchStream,
    what: &'static str,
    read: impl Fn(RecordBatch) -> Result<UserRows, DetailsError>,
    sender: mpsc::Sender<Result<UserRows, DetailsError>>,
) {
    while let Some(batch) = partition.next().await {
        let rows = match batch {
            Ok(batch) => read(batch),
            Err(error) => Err(EngineError::running(what)(error).into()),
        };
        let is_last = rows.is_err();
        if sender.send(rows).await.is_err() || is_last {
            break;
        }
    }
}

impl UserRows {
    fn of(rows: RecordBatch, users: &Users, takes_fingerprints: bool) -> Result<Self, DetailsError> {
        let numbers = users.find(texts(&rows, "user_id")?);
        let fingerprints = match takes_fingerprints {
            true => Some(of_users(rows.columns()).map_err(EngineError::running(DETAILS))?),
            false => None,
        };
        Ok(Self {
            rows,
            numbers,
            fingerprints,
        })
    }

    /// The rows of those users whom `users` has, whose `sieve` it is.
    fn of_known(rows: &RecordBatch, users: &Users, sieve: &UuidSieve) -> Result<Self, DetailsError> {
        let numbers = users.find_few(texts(rows, "user_id")?, sieve);
        let is_known: BooleanArray = numbers.iter().map(|number| Some(number.is_some())).collect();
        Ok(Self {
            rows: filter_record_batch(rows, &is_known)?,
            numbers: numbers.into_iter().filter(Option::is_some).collect(),
            fingerprints: None,
        })
    }
}
