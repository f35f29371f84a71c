//! Finds repeated keys by sorting all fingerprints, so that equal ones are adjacent; and neighbours in the same way,
//! whose fingerprints differ by at most one.
//!
//! This takes eight bytes a row, whatever a key's length. Where that does not fit into memory, the keys are read in
//! several passes, each for a share of the fingerprints; nothing is spilled.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execution_plan::reset_plan_states};
use foldhash::fast::FixedState;
use futures::StreamExt;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::fingerprint::{fingerprints, fingerprints_in_time};
use super::fingerprint_set::FingerprintSet;
use super::{KeyColumns, Standing};

/// Fingerprints are partitioned by their highest bits, so that each partition is sorted within the processor's caches,
/// and several at the same time.
const RADIX_PARTITIONS: usize = 256;
const HIGHEST_BITS: u32 = RADIX_PARTITIONS.ilog2();
/// Fingerprints with a time are equal above this many bits where the texts are equal.
const SHARED_BITS: u32 = 32;
/// The share of a memory limit that fingerprints may take; the query itself needs the rest.
const SHARE_PERCENT: usize = 25;
/// The share of a memory limit that the repeated keys of a statement may take.
const KEPT_PERCENT: usize = 50;
/// Bytes of a fingerprint, with room for growing vectors.
const FINGERPRINT_BYTES: usize = 2 * size_of::<u64>();

/// The repeated keys and neighbours of one table, computed at first use.
#[derive(Debug, Default)]
pub struct RepeatedKeys {
    found: OnceCell<Arc<FoundKeys>>,
}

/// The result of comparing all keys.
#[derive(Debug)]
pub struct FoundKeys {
    /// Fingerprints of repeated keys.
    repeated: FingerprintSet,
    /// Fingerprints with a time of rows that have a neighbour.
    neighbours: FingerprintSet,
    /// Whether a key has a NULL. Such keys have no fingerprint, so any of them may be repeated.
    has_missing: bool,
    /// Reserved as long as the fingerprints exist.
    _memory: MemoryReservation,
}

/// Where keys are read from.
#[derive(Debug, Clone)]
pub struct KeySource {
    /// A plan that gives the key columns alone.
    pub plan: Arc<dyn ExecutionPlan>,
    pub columns: KeyColumns,
    /// The expected number of rows, where known.
    pub expected_rows: Option<usize>,
}

impl RepeatedKeys {
    /// The repeated keys of `source`. The first caller reads it; others wait.
    pub async fn find(&self, source: &KeySource, context: &Arc<TaskContext>) -> Result<Arc<FoundKeys>> {
        let found = self.found.get_or_try_init(|| find(source, context)).await?;
        Ok(Arc::clone(found))
    }

    /// Whether the repeated keys are known.
    pub fn are_found(&self) -> bool {
        self.found.initialized()
    }

    /// Finds the repeated keys among the fingerprints of all rows, given by partition, unless they are known.
    pub async fn find_among(&self, parts: Vec<Gathered>) -> Result<()> {
        let Some(memory) = parts.first().map(|part| part.memory.new_empty()) else {
            return Ok(());
        };
        let found = self.found.get_or_try_init(|| async move {
            let mut compared = Compared::new(memory);
            compared.add(parts).await?;
            Ok::<_, DataFusionError>(Arc::new(compared.found()))
        });
        found.await?;
        Ok(())
    }
}

impl KeySource {
    /// Whether the repeated keys would take too much of the memory limit if all keys were repeated once. Keys are not
    /// spilled, while rows that are ranked are.
    pub fn may_not_fit(&self, context: &TaskContext) -> bool {
        let most_keys = self.expected_rows.unwrap_or(0) / 2;
        let most_bytes = share_of_limit(context, KEPT_PERCENT);
        most_bytes.is_some_and(|most| most_keys.saturating_mul(FINGERPRINT_BYTES) > most)
    }
}

impl FoundKeys {
    /// Whether no key may be repeated and no row has neighbours.
    pub fn is_empty(&self) -> bool {
        self.repeated.is_empty() && self.neighbours.is_empty() && !self.has_missing
    }

    /// The number of fingerprints of repeated keys.
    pub fn repeated_keys(&self) -> usize {
        self.repeated.len()
    }

    /// The standing of each row.
    pub fn standings(&self, rows: &RecordBatch, key: &KeyColumns) -> Result<Vec<Standing>> {
        let standing = |key: Option<u64>| match key.is_none_or(|key| self.repeated.contains(key)) {
            true => Standing::Repeated,
            false => Standing::Alone,
        };
        let repeated = fingerprints(rows, &key.repeated)?.into_iter();
        let mut standings: Vec<Standing> = repeated.map(standing).collect();
        if !self.neighbours.is_empty() {
            for (standing, place) in standings.iter_mut().zip(key.in_time(rows)?) {
                let is_close = place.is_some_and(|place| self.neighbours.contains(place));
                if is_close && *standing == Standing::Alone {
                    *standing = Standing::Neighbour;
                }
            }
        }
        Ok(standings)
    }
}

impl KeyColumns {
    /// Fingerprints with a time; empty where neighbours are not looked for.
    fn in_time(&self, rows: &RecordBatch) -> Result<Vec<Option<u64>>> {
        match &self.neighbours {
            Some(near) => fingerprints_in_time(rows, &near.texts, near.time, near.within_micros),
            None => Ok(Vec::new()),
        }
    }

    /// Fingerprints for each row.
    fn per_row(&self) -> usize {
        1 + usize::from(self.neighbours.is_some())
    }
}

/// The distance of fingerprints of repeated keys, and of neighbours.
const REPEATED_APART: u64 = 0;
const NEIGHBOURS_APART: u64 = 1;

async fn find(source: &KeySource, context: &Arc<TaskContext>) -> Result<Arc<FoundKeys>> {
    let passes = passes(source, context);
    let mut compared = Compared::new(reservation(context));
    for pass in 0..passes {
        let parts = gather(source, pass, passes, &compared.memory, context).await?;
        compared.add(parts).await?;
    }
    Ok(Arc::new(compared.found()))
}

/// An empty reservation for fingerprints.
fn reservation(context: &TaskContext) -> MemoryReservation {
    MemoryConsumer::new("repeated keys").register(context.memory_pool())
}

/// What was found among the fingerprints of some passes.
struct Compared {
    repeated: HashSet<u64, FixedState>,
    neighbours: HashSet<u64, FixedState>,
    has_missing: bool,
    memory: MemoryReservation,
}

impl Compared {
    fn new(memory: MemoryReservation) -> Self {
        Self {
            repeated: HashSet::default(),
            neighbours: HashSet::default(),
            has_missing: false,
            memory,
        }
    }

    /// Adds the fingerprints of a pass, those of all partitions.
    async fn add(&mut self, mut gathered: Vec<Gathered>) -> Result<()> {
        self.has_missing |= gathered.iter().any(|part| part.has_missing);
        let in_time: Vec<_> = gathered
            .iter_mut()
            .map(|part| std::mem::take(&mut part.in_time))
            .collect();
        let exact: Vec<_> = gathered
            .iter_mut()
            .map(|part| std::mem::take(&mut part.exact))
            .collect();
        for (found, parts, apart) in [
            (&mut self.repeated, exact, REPEATED_APART),
            (&mut self.neighbours, in_time, NEIGHBOURS_APART),
        ] {
            for repeated in repeated_in(parts, apart).await? {
                self.memory.try_grow(repeated.len() * FINGERPRINT_BYTES)?;
                found.extend(repeated);
            }
        }
        Ok(())
    }

    fn found(self) -> FoundKeys {
        tracing::debug!(
            "{} keys are repeated, {} are close to another",
            self.repeated.len(),
            self.neighbours.len()
        );
        FoundKeys {
            repeated: FingerprintSet::new(self.repeated),
            neighbours: FingerprintSet::new(self.neighbours),
            has_missing: self.has_missing,
            _memory: self.memory,
        }
    }
}

/// `percent` percent of the memory limit, in bytes; `None` where there is no limit.
fn share_of_limit(context: &TaskContext, percent: usize) -> Option<usize> {
    match context.memory_pool().memory_limit() {
        MemoryLimit::Finite(limit) => Some((limit / 100 * percent).max(1)),
        _ => None,
    }
}

/// How many passes over the keys fit into the memory limit.
fn passes(source: &KeySource, context: &TaskContext) -> u64 {
    let Some(budget) = share_of_limit(context, SHARE_PERCENT) else {
        return 1;
    };
    let fingerprints = source
        .expected_rows
        .unwrap_or(0)
        .saturating_mul(source.columns.per_row());
    let needed = fingerprints.saturating_mul(FINGERPRINT_BYTES);
    needed.div_ceil(budget).max(1) as u64
}

/// Fingerprints, partitioned by their highest bits.
type PartitionedFingerprints = Vec<Vec<u64>>;

/// The fingerprints of one input partition; dropping them frees the reservation.
#[derive(Debug)]
pub struct Gathered {
    exact: PartitionedFingerprints,
    in_time: PartitionedFingerprints,
    has_missing: bool,
    memory: MemoryReservation,
}

impl Gathered {
    fn new(memory: MemoryReservation) -> Self {
        Self {
            exact: vec![Vec::new(); RADIX_PARTITIONS],
            in_time: vec![Vec::new(); RADIX_PARTITIONS],
            has_missing: false,
            memory,
        }
    }

    /// No fingerprints yet, for a single pass over the rows.
    pub fn of_one_pass(context: &TaskContext) -> Self {
        Self::new(reservation(context))
    }

    /// Adds the fingerprints of all `rows`. Returns whether all partitions together keep within their share of the
    /// memory limit, if each has as many fingerprints as this one.
    pub fn add_all(
        &mut self,
        rows: &RecordBatch,
        columns: &KeyColumns,
        partitions: usize,
        context: &TaskContext,
    ) -> Result<bool> {
        self.add(rows, columns, 0, 1)?;
        let most = share_of_limit(context, SHARE_PERCENT);
        Ok(most.is_none_or(|most| self.memory.size().saturating_mul(partitions) <= most))
    }

    /// Adds the fingerprints of a pass.
    fn add(&mut self, rows: &RecordBatch, columns: &KeyColumns, pass: u64, passes: u64) -> Result<()> {
        let mut count = 0;
        let exact = fingerprints(rows, &columns.repeated)?;
        self.has_missing |= exact.iter().any(Option::is_none);
        for (gatherings, found) in [(&mut self.exact, exact), (&mut self.in_time, columns.in_time(rows)?)] {
            for fingerprint in found.into_iter().flatten() {
                // Chosen by the bits that neighbours share.
                if (fingerprint >> SHARED_BITS) % passes == pass {
                    gatherings[(fingerprint >> (u64::BITS - HIGHEST_BITS)) as usize].push(fingerprint);
                    count += 1;
                }
            }
        }
        self.memory.try_grow(count * FINGERPRINT_BYTES)
    }
}

/// Reads all input partitions at the same time and keeps the fingerprints of this pass.
async fn gather(
    source: &KeySource,
    pass: u64,
    passes: u64,
    memory: &MemoryReservation,
    context: &Arc<TaskContext>,
) -> Result<Vec<Gathered>> {
    let plan = reset_plan_states(Arc::clone(&source.plan))?;
    let mut readers = JoinSet::new();
    for partition in 0..plan.output_partitioning().partition_count() {
        let rows = plan.execute(partition, Arc::clone(context))?;
        let columns = source.columns.clone();
        readers.spawn(gather_partition(rows, columns, pass, passes, memory.new_empty()));
    }
    let mut all = Vec::new();
    while let Some(gathered) = readers.join_next().await {
        all.push(gathered.map_err(lost)??);
    }
    Ok(all)
}

async fn gather_partition(
    mut rows: SendableRecordBatchStream,
    columns: KeyColumns,
    pass: u64,
    passes: u64,
    memory: MemoryReservation,
) -> Result<Gathered> {
    let mut gathered = Gathered::new(memory);
    while let Some(batch) = rows.next().await {
        gathered.add(&batch?, &columns, pass, passes)?;
    }
    Ok(gathered)
}

/// The fingerprints that have another within the distance `apart`, partitioned by their highest bits.
async fn repeated_in(mut parts: Vec<PartitionedFingerprints>, apart: u64) -> Result<Vec<Vec<u64>>> {
    let mut sorters = JoinSet::new();
    for number in 0..RADIX_PARTITIONS {
        let parts: Vec<Vec<u64>> = parts.iter_mut().map(|part| std::mem::take(&mut part[number])).collect();
        sorters.spawn(async move { repeated_among(parts, apart) });
    }
    let mut all = Vec::with_capacity(RADIX_PARTITIONS);
    while let Some(repeated) = sorters.join_next().await {
        all.push(repeated.map_err(lost)?);
    }
    Ok(all)
}

fn repeated_among(parts: Vec<Vec<u64>>, apart: u64) -> Vec<u64> {
    let mut all = parts.concat();
    drop(parts);
    all.sort_unstable();
    let mut repeated = Vec::new();
    for pair in all.windows(2) {
        if pair[1] - pair[0] <= apart {
            repeated.extend_from_slice(pair);
        }
    }
    repeated.dedup();
    repeated
}

fn lost(error: tokio::task::JoinError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, StringViewArray, TimestampMicrosecondArray};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    use super::*;
    use crate::engine::repeated_rows::NeighbourColumns;

    #[tokio::test]
    async fn in_little_memory_the_same_keys_are_found_in_more_passes() {
        let texts = StringViewArray::from_iter_values((0..10_000).map(|number| (number % 9_000).to_string()));
        let rows = RecordBatch::try_from_iter([("key", Arc::new(texts) as ArrayRef)]).expect("rows");
        let partitions = [vec![rows.slice(0, 5_000)], vec![rows.slice(5_000, 5_000)]];
        let source = KeySource {
            plan: MemorySourceConfig::try_new_exec(&partitions, rows.schema(), None).expect("a plan"),
            columns: KeyColumns {
                repeated: vec![0],
                neighbours: None,
            },
            expected_rows: Some(rows.num_rows()),
        };
        for (limit, expected_passes) in [(1 << 30, 1), (64 * 1024, 10)] {
            let runtime = RuntimeEnvBuilder::new().with_memory_limit(limit, 1.0);
            let context = TaskContext::default().with_runtime(runtime.build_arc().expect("a runtime"));
            let context = Arc::new(context);
            assert_eq!(passes(&source, &context), expected_passes);
            let found = RepeatedKeys::default().find(&source, &context).await.expect("keys");
            assert!(!found.repeated.is_empty());
            let found = found.standings(&rows, &source.columns).expect("text");
            let expected = [vec![Standing::Repeated; 1_000], vec![Standing::Alone]].concat();
            assert_eq!(found[..1_001], expected);
        }
    }

    #[tokio::test]
    async fn rows_close_in_time_are_found_whatever_the_memory() {
        const MINUTE: i64 = 60_000_000;
        // The mids differ; of each user, two clicks a minute apart and one later.
        let number = |row: i64| (row / 3, [0, MINUTE, 3 * MINUTE][(row % 3) as usize]);
        let rows = RecordBatch::try_from_iter([
            (
                "mid",
                Arc::new(StringViewArray::from_iter_values((0..9_000).map(|row| row.to_string()))) as ArrayRef,
            ),
            (
                "user",
                Arc::new(StringViewArray::from_iter_values(
                    (0..9_000).map(|row| number(row).0.to_string()),
                )) as ArrayRef,
            ),
            (
                "time",
                Arc::new(TimestampMicrosecondArray::from_iter_values(
                    (0..9_000).map(|row| number(row).1),
                )) as ArrayRef,
            ),
        ])
        .expect("rows");
        let partitions = [vec![rows.slice(0, 4_000)], vec![rows.slice(4_000, 5_000)]];
        let source = KeySource {
            plan: MemorySourceConfig::try_new_exec(&partitions, rows.schema(), None).expect("a plan"),
            columns: KeyColumns {
                repeated: vec![0],
                neighbours: Some(NeighbourColumns {
                    texts: vec![1],
                    time: 2,
                    within_micros: MINUTE,
                }),
            },
            expected_rows: Some(rows.num_rows()),
        };
        for limit in [1 << 30, 256 * 1024] {
            let runtime = RuntimeEnvBuilder::new().with_memory_limit(limit, 1.0);
            let context = TaskContext::default().with_runtime(runtime.build_arc().expect("a runtime"));
            let found = RepeatedKeys::default().find(&source, &Arc::new(context)).await;
            let found = found
                .expect("keys")
                .standings(&rows, &source.columns)
                .expect("text and times");
            let expected = [Standing::Neighbour, Standing::Neighbour, Standing::Alone];
            assert_eq!(
                found,
                expected.into_iter().cycle().take(9_000).collect::<Vec<_>>(),
                "{limit}"
            );
        }
    }

    #[test]
    fn each_repeated_fingerprint_is_found_once() {
        let parts = || vec![vec![3, 1, 2], vec![], vec![2, 3, 3, 9]];
        assert_eq!(repeated_among(parts(), REPEATED_APART), [2, 3]);
        assert_eq!(repeated_among(parts(), NEIGHBOURS_APART), [1, 2, 3]);
        assert!(repeated_among(Vec::new(), NEIGHBOURS_APART).is_empty());
    }
}
