//! Rows of which no column is about the user: assembled without the table `users`, and in no order.
//!
//! Sums over enrolments need only the identity of users, and none of their columns. So their ids are compared as they
//! are ([`UserKey`]) instead of being looked up in a directory, and rows are not sorted. They are divided by a hash of
//! their key into buckets that stay within the processor's caches; in each, a hash table finds the repeated rows of an
//! enrolment and its progress (a partitioned hash join).

use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{Float64Type, SchemaRef, TimestampMicrosecondType};
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use foldhash::fast::FixedState;
use futures::TryStreamExt;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::batch_lookup::BatchLookup;
use super::batches::{Batches, RankedBatches};
use super::chunk::{CHUNK_ROWS, Chunk, record_batch};
use super::columns::{Column, Wanted};
use super::error::DetailsError;
use super::load::{self, column, columns_of, read_partitions, texts};
use super::row_list::RowList;
use super::rows::{Enrolment, Keyed, Progress};
use super::scope::Scope;
use super::tables::Tables;
use super::tenants::TenantCondition;
use super::user_keys::{UserKey, UserKeys};
use crate::engine::EngineError;

/// Average enrolments of a bucket: few enough that they, their progress and the hash table stay within the processor's
/// caches.
const BUCKET_ROWS: u64 = 32_768;
/// The largest number of buckets: each is a place that readers write to.
const MOST_BUCKETS: u64 = 1_024;

/// Bytes of an enrolment and a row of progress.
pub const ROW_BYTES: usize = size_of::<Enrolment<RowKey>>() + size_of::<Progress<RowKey>>();
/// Bytes that joining takes for each enrolment of a bucket, beside the rows: the kept one, its progress, and its place
/// in the hash table.
const JOINING_BYTES: usize = size_of::<Enrolment<RowKey>>() + size_of::<Option<Progress<()>>>() + 2 * size_of::<u64>();

/// A user in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RowKey {
    user: UserKey,
    /// The number of the batch.
    batch: u32,
}

/// The number of buckets for `rows` rows, a power of two.
pub fn bucket_count(rows: u64) -> usize {
    let buckets = (rows / BUCKET_ROWS).clamp(1, MOST_BUCKETS);
    usize::try_from(buckets.next_power_of_two()).unwrap_or(1)
}

/// The columns that are read of a table for the wanted ones; what no wanted column needs is left out.
pub fn columns_for(table: &str, wanted: &Wanted) -> Vec<&'static str> {
    let is_read = |column: &&'static str| match (table, *column) {
        ("enrolments", "course_id") => wanted.has(Column::CourseId),
        // The percent decides which of several rows counts, then the time.
        ("course_progress", "progress_percent") => {
            wanted.has(Column::ProgressPercent) || wanted.has(Column::CompletedAt)
        }
        ("course_progress", "completed_at") => wanted.has(Column::CompletedAt),
        _ => true,
    };
    columns_of(table).iter().copied().filter(is_read).collect()
}

/// Reads enrolments and progress of these tenants, and divides them into `buckets` buckets, which give the wanted columns.
///
/// # Errors
/// Where a table cannot be read, or the memory does not suffice.
pub async fn assemble_buckets(
    tables: &dyn Tables,
    wanted: &Wanted,
    tenants: Option<&TenantCondition>,
    buckets: usize,
) -> Result<Vec<Arc<dyn PartitionStream>>, DetailsError> {
    let scope = Scope::Everything;
    let batches = Batches::within(load::batches(tables, scope).await?, Arc::default()).of_tenants(tenants)?;
    let memory = MemoryConsumer::new("rows of enrolment_details").register(&tables.memory_pool());
    let reader = Arc::new(Reader {
        batches,
        users: UserKeys::new(memory.new_empty()),
        hasher: FixedState::default(),
        memory,
    });
    let rows = tables
        .read("enrolments", &columns_for("enrolments", wanted), scope)
        .await?;
    let reading = Arc::clone(&reader);
    let enrolments = read_partitions(rows, "table enrolments", buckets, move |rows, buckets| {
        reading.add_enrolments(rows, buckets)
    });
    let enrolments = enrolments.await?;
    let rows = match wanted.has_progress() {
        true => {
            let columns = columns_for("course_progress", wanted);
            tables.read("course_progress", &columns, scope).await?
        }
        false => Vec::new(),
    };
    let reading = Arc::clone(&reader);
    let progress = read_partitions(rows, "table course_progress", buckets, move |rows, buckets| {
        reading.add_progress(rows, buckets)
    });
    let progress = progress.await?;
    let Reader { batches, memory, .. } = Arc::into_inner(reader).ok_or(EngineError::Lost("batches"))?;
    let (batches, _) = batches.ranked();
    let shared = Arc::new(Shared {
        batches,
        wanted: wanted.clone(),
        schema: wanted.schema(),
        memory,
    });
    let bucket = |(enrolments, progress)| -> Arc<dyn PartitionStream> {
        Arc::new(Bucket {
            shared: Arc::clone(&shared),
            rows: Mutex::new(Some(BucketRows { enrolments, progress })),
        })
    };
    Ok(enrolments.into_iter().zip(progress).map(bucket).collect())
}

/// Reads record batches of the tables into buckets.
struct Reader {
    batches: Batches,
    users: UserKeys,
    hasher: FixedState,
    /// Accounts for the rows.
    memory: MemoryReservation,
}

impl Reader {
    fn add_enrolments(
        &self,
        rows: &RecordBatch,
        buckets: &mut [RowList<Enrolment<RowKey>>],
    ) -> Result<(), DetailsError> {
        self.reserve::<Enrolment<RowKey>>(rows)?;
        let (user_ids, batch_ids) = (texts(rows, "user_id")?, texts(rows, "batch_id")?);
        let course_ids = match rows.column_by_name("course_id") {
            Some(_) => Some(texts(rows, "course_id")?),
            None => None,
        };
        let times = column(rows, "enrolled_at", |array| {
            array.as_primitive_opt::<TimestampMicrosecondType>()
        })?;
        let active = column(rows, "active", |array| array.as_boolean_opt())?;
        let mut named = BatchLookup::new(&self.batches, batch_ids);
        for row in 0..rows.num_rows() {
            if user_ids.is_null(row) || batch_ids.is_null(row) {
                continue;
            }
            let listed = named.listed(row);
            if !self.batches.has_rows_of(listed) {
                continue;
            }
            let course_id = course_ids.filter(|ids| ids.is_valid(row)).map(|ids| ids.value(row));
            let batch = match listed {
                Some(batch) => batch,
                None => self.batches.find_or_add(batch_ids.value(row), course_id)?,
            };
            let key = self.key(batch.number, user_ids.value(row))?;
            let is_active = active.is_valid(row) && active.value(row);
            let enrolled_at = times.is_valid(row).then(|| times.value(row));
            let bucket = self.bucket_of(&key, buckets.len());
            buckets[bucket].push(Enrolment::new(key, enrolled_at, is_active));
        }
        Ok(())
    }

    fn add_progress(&self, rows: &RecordBatch, buckets: &mut [RowList<Progress<RowKey>>]) -> Result<(), DetailsError> {
        self.reserve::<Progress<RowKey>>(rows)?;
        let (user_ids, batch_ids) = (texts(rows, "user_id")?, texts(rows, "batch_id")?);
        let has_column = |name: &str| rows.column_by_name(name).is_some();
        let percents = match has_column("progress_percent") {
            true => Some(column(rows, "progress_percent", |array| {
                array.as_primitive_opt::<Float64Type>()
            })?),
            false => None,
        };
        let times = match has_column("completed_at") {
            true => Some(column(rows, "completed_at", |array| {
                array.as_primitive_opt::<TimestampMicrosecondType>()
            })?),
            false => None,
        };
        let mut named = BatchLookup::new(&self.batches, batch_ids);
        for row in 0..rows.num_rows() {
            if user_ids.is_null(row) || batch_ids.is_null(row) {
                continue;
            }
            let listed = named.listed(row);
            if !self.batches.has_rows_of(listed) {
                continue;
            }
            let batch = listed.or_else(|| self.batches.find(batch_ids.value(row)));
            let Some(batch) = batch else { continue };
            let key = self.key(batch.number, user_ids.value(row))?;
            let percent = percents.filter(|all| all.is_valid(row)).map(|all| all.value(row));
            let completed_at = times.filter(|all| all.is_valid(row)).map(|all| all.value(row));
            let bucket = self.bucket_of(&key, buckets.len());
            buckets[bucket].push(Progress::new(key, percent, completed_at));
        }
        Ok(())
    }

    fn key(&self, batch: u32, user_id: &str) -> Result<RowKey, DetailsError> {
        let user = self.users.key_of(user_id);
        // The error is made where there is one, not for every row.
        let user = user.map_err(|error| EngineError::running("ids of users")(error))?;
        Ok(RowKey { user, batch })
    }

    /// The bucket of a key, one of a power of two; from other bits of the hash than those that hash tables begin with.
    fn bucket_of(&self, key: &RowKey, buckets: usize) -> usize {
        (self.hasher.hash_one(key) >> 32) as usize & (buckets - 1)
    }

    fn reserve<R>(&self, rows: &RecordBatch) -> Result<(), DetailsError> {
        let reserved = self.memory.try_grow(rows.num_rows() * size_of::<R>());
        Ok(reserved.map_err(EngineError::running("the rows of enrolment_details"))?)
    }
}

/// The state that all buckets share.
struct Shared {
    batches: RankedBatches,
    wanted: Wanted,
    schema: SchemaRef,
    /// Accounts for the rows of all buckets, as long as one of them lives.
    memory: MemoryReservation,
}

/// The rows whose keys have a hash of some bits. They can be read once.
struct Bucket {
    shared: Arc<Shared>,
    rows: Mutex<Option<BucketRows>>,
}

struct BucketRows {
    enrolments: RowList<Enrolment<RowKey>>,
    progress: RowList<Progress<RowKey>>,
}

impl fmt::Debug for Bucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bucket")
    }
}

impl PartitionStream for Bucket {
    fn schema(&self) -> &SchemaRef {
        &self.shared.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        let shared = Arc::clone(&self.shared);
        let chunks = futures::stream::once(async move {
            let Some(rows) = rows else {
                return internal_err!("the rows of a bucket are read once");
            };
            Ok(futures::stream::iter(JoinedRows::new(shared, rows)?))
        });
        let schema = Arc::clone(&self.shared.schema);
        Box::pin(RecordBatchStreamAdapter::new(schema, chunks.try_flatten()))
    }
}

/// The active enrolments of a bucket with their progress, a chunk at a time.
struct JoinedRows {
    shared: Arc<Shared>,
    enrolments: Vec<Enrolment<RowKey>>,
    progress: Vec<Option<Progress<()>>>,
    /// The enrolments that were given.
    given: usize,
    /// Reserved as long as the rows exist.
    _memory: MemoryReservation,
}

impl JoinedRows {
    fn new(shared: Arc<Shared>, rows: BucketRows) -> Result<Self> {
        let memory = shared.memory.new_empty();
        memory.try_grow(rows.enrolments.len() * JOINING_BYTES)?;
        let (enrolments, progress) = joined(rows);
        Ok(Self {
            shared,
            enrolments,
            progress,
            given: 0,
            _memory: memory,
        })
    }

    fn chunk(&self, rows: std::ops::Range<usize>) -> Result<RecordBatch> {
        let Shared {
            batches,
            wanted,
            schema,
            ..
        } = self.shared.as_ref();
        let enrolments = &self.enrolments[rows.clone()];
        let rank = |row: &Enrolment<RowKey>| Some(batches.rank_of(row.key().batch));
        let chunk = Chunk {
            batches,
            ranks: enrolments.iter().map(rank).collect(),
            enrolments,
            progress: &self.progress[rows],
        };
        let columns = wanted.columns().iter().map(|&column| match chunk.column(column)? {
            Some(values) => Ok(values),
            None => internal_err!("a column of users is wanted of rows without users"),
        });
        record_batch(schema, columns.collect::<Result<_>>()?, enrolments.len())
    }
}

impl Iterator for JoinedRows {
    type Item = Result<RecordBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.given;
        self.given = self.enrolments.len().min(start + CHUNK_ROWS);
        (start < self.given).then(|| self.chunk(start..self.given))
    }
}

/// The best enrolment of each key, where it is active, with the best progress of the key.
fn joined(rows: BucketRows) -> (Vec<Enrolment<RowKey>>, Vec<Option<Progress<()>>>) {
    let hasher = FixedState::default();
    let mut enrolments: Vec<Enrolment<RowKey>> = Vec::with_capacity(rows.enrolments.len());
    let mut places: HashTable<u32> = HashTable::with_capacity(rows.enrolments.len());
    for row in rows.enrolments {
        let is_same = |&place: &u32| enrolments[place as usize].key() == row.key();
        let hash = |&place: &u32| hasher.hash_one(enrolments[place as usize].key());
        match places.entry(hasher.hash_one(row.key()), is_same, hash) {
            Entry::Occupied(place) => {
                let kept = &mut enrolments[*place.get() as usize];
                if row.better(kept).is_lt() {
                    *kept = row;
                }
            }
            Entry::Vacant(place) => {
                place.insert(enrolments.len() as u32);
                enrolments.push(row);
            }
        }
    }
    let mut progress: Vec<Option<Progress<()>>> = vec![None; enrolments.len()];
    for row in rows.progress {
        let is_same = |&place: &u32| enrolments[place as usize].key() == row.key();
        let Some(&place) = places.find(hasher.hash_one(row.key()), is_same) else {
            continue;
        };
        let (kept, row) = (&mut progress[place as usize], row.without_key());
        if kept.is_none_or(|kept| row.better(&kept).is_lt()) {
            *kept = Some(row);
        }
    }
    let both = enrolments.into_iter().zip(progress);
    both.filter(|(enrolment, _)| enrolment.is_active()).unzip()
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::{MemoryPool, UnboundedMemoryPool};

    use super::*;

    #[test]
    fn the_best_repeated_row_wins_whatever_the_order_of_rows() {
        let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
        let users = UserKeys::new(MemoryConsumer::new("users").register(&pool));
        let key = |batch, user| RowKey {
            user: users.key_of(user).expect("a key"),
            batch,
        };
        let mut enrolments = [
            Enrolment::new(key(1, "a"), Some(1), true),
            Enrolment::new(key(1, "a"), Some(9), true),
            Enrolment::new(key(1, "a"), None, false),
            // The latest one of b is not active.
            Enrolment::new(key(1, "b"), Some(5), false),
            Enrolment::new(key(1, "b"), Some(4), true),
            Enrolment::new(key(2, "a"), None, true),
        ];
        let mut progress = [
            Progress::new(key(1, "a"), Some(80.0), Some(3)),
            Progress::new(key(1, "a"), Some(80.0), Some(2)),
            Progress::new(key(1, "a"), None, Some(1)),
            Progress::new(key(1, "b"), Some(10.0), None),
            Progress::new(key(3, "a"), Some(10.0), None),
        ];
        for _ in 0..enrolments.len() {
            enrolments.rotate_left(1);
            progress.rotate_left(1);
            let mut rows = BucketRows {
                enrolments: RowList::default(),
                progress: RowList::default(),
            };
            enrolments.iter().for_each(|&row| rows.enrolments.push(row));
            progress.iter().for_each(|&row| rows.progress.push(row));
            let (enrolments, progress) = joined(rows);
            let found = enrolments.iter().zip(&progress).map(|(enrolment, progress)| {
                let progress = progress.map(|row| (row.percent(), row.completed_at()));
                (enrolment.key().batch, enrolment.enrolled_at(), progress)
            });
            let mut found: Vec<_> = found.collect();
            found.sort_unstable_by_key(|(batch, ..)| *batch);
            let expected = [(1, Some(9), Some((Some(80.0), Some(2)))), (2, None, None)];
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_number_of_buckets_is_a_power_of_two_within_bounds() {
        let counts = [0, 1, 40_000, 5_000_000, 50_000_000, u64::MAX].map(bucket_count);
        assert_eq!(counts, [1, 1, 1, 256, 1_024, 1_024]);
    }

    #[test]
    fn columns_that_are_not_needed_are_not_read() {
        let of = |positions: &[usize]| Wanted::at(Some(positions));
        // batch_id; course_id; has_progress; progress_percent; completed_at.
        assert_eq!(
            columns_for("enrolments", &of(&[0])),
            ["user_id", "batch_id", "enrolled_at", "active"]
        );
        assert!(columns_for("enrolments", &of(&[1])).contains(&"course_id"));
        assert_eq!(columns_for("course_progress", &of(&[5])), ["user_id", "batch_id"]);
        assert_eq!(
            columns_for("course_progress", &of(&[6])),
            ["user_id", "batch_id", "progress_percent"]
        );
        assert_eq!(columns_for("course_progress", &of(&[7])), columns_of("course_progress"));
        assert_eq!(
            columns_for("distinct_batches", &of(&[0])),
            ["batch_id", "course_id", "tenant_id"]
        );
    }
}
