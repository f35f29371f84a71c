//! Finds the keys that stand more than once: all fingerprints sorted, equal ones are neighbours.
//!
//! That takes eight bytes a row, whatever a key's length. Where even these do not fit into memory, the table's keys are
//! read several times, for a share of the fingerprints each time; nothing is spilled.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execution_plan::reset_plan_states};
use foldhash::fast::FixedState;
use futures::StreamExt;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::fingerprint::fingerprints;

/// Fingerprints are gathered by their highest bits, so that each gathering is sorted within the processor's caches, and
/// several at the same time.
const GATHERINGS: usize = 256;
const HIGHEST_BITS: u32 = GATHERINGS.ilog2();
/// The share of a memory limit that fingerprints may take; the query that they are for needs the rest.
const SHARE_PERCENT: usize = 25;
/// Bytes of a fingerprint, with room for growing vectors.
const FINGERPRINT_BYTES: usize = 2 * size_of::<u64>();

/// The keys of one table that stand more than once, found when they are first asked for.
#[derive(Debug, Default)]
pub struct RepeatedKeys {
    found: OnceCell<Arc<FoundKeys>>,
}

/// What was found.
#[derive(Debug)]
pub struct FoundKeys {
    fingerprints: HashSet<u64, FixedState>,
    /// Held as long as the fingerprints.
    _memory: MemoryReservation,
}

/// Where the keys stand.
#[derive(Debug, Clone)]
pub struct KeySource {
    /// Gives rows of nothing but keys.
    pub plan: Arc<dyn ExecutionPlan>,
    /// How many, where known.
    pub expected_rows: Option<usize>,
}

impl RepeatedKeys {
    /// The keys of `source`; it is read by whoever comes first.
    pub async fn find(&self, source: &KeySource, context: &Arc<TaskContext>) -> Result<Arc<FoundKeys>> {
        let found = self.found.get_or_try_init(|| find(source, context)).await?;
        Ok(Arc::clone(found))
    }
}

impl FoundKeys {
    /// Whether no key stands more than once.
    pub fn is_empty(&self) -> bool {
        self.fingerprints.is_empty()
    }

    /// Whether a key of that fingerprint stands more than once.
    pub fn contains(&self, fingerprint: u64) -> bool {
        self.fingerprints.contains(&fingerprint)
    }
}

async fn find(source: &KeySource, context: &Arc<TaskContext>) -> Result<Arc<FoundKeys>> {
    let memory = MemoryConsumer::new("keys that stand more than once").register(context.memory_pool());
    let passes = passes(source, context);
    let mut repeated = HashSet::default();
    for pass in 0..passes {
        let gathered = gather(source, pass, passes, &memory, context).await?;
        for found in repeated_in(gathered).await? {
            memory.try_grow(found.len() * FINGERPRINT_BYTES)?;
            repeated.extend(found);
        }
    }
    tracing::debug!("{} keys stand more than once", repeated.len());
    Ok(Arc::new(FoundKeys {
        fingerprints: repeated,
        _memory: memory,
    }))
}

/// How often the keys must be read.
fn passes(source: &KeySource, context: &TaskContext) -> u64 {
    let MemoryLimit::Finite(limit) = context.memory_pool().memory_limit() else {
        return 1;
    };
    let budget = (limit / 100 * SHARE_PERCENT).max(1);
    let needed = source.expected_rows.unwrap_or(0).saturating_mul(FINGERPRINT_BYTES);
    needed.div_ceil(budget).max(1) as u64
}

/// Some fingerprints, by their highest bits; the memory is given back with them.
struct Gathered {
    fingerprints: Vec<Vec<u64>>,
    memory: MemoryReservation,
}

/// Reads all partitions at the same time and keeps this pass's fingerprints.
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
        readers.spawn(gather_partition(rows, pass, passes, memory.new_empty()));
    }
    let mut all = Vec::new();
    while let Some(gathered) = readers.join_next().await {
        all.push(gathered.map_err(lost)??);
    }
    Ok(all)
}

async fn gather_partition(
    mut rows: SendableRecordBatchStream,
    pass: u64,
    passes: u64,
    memory: MemoryReservation,
) -> Result<Gathered> {
    let key: Vec<usize> = (0..rows.schema().fields().len()).collect();
    let mut gathered = vec![Vec::new(); GATHERINGS];
    while let Some(batch) = rows.next().await {
        let mut count = 0;
        for fingerprint in fingerprints(&batch?, &key)?.into_iter().flatten() {
            if fingerprint % passes == pass {
                gathered[(fingerprint >> (u64::BITS - HIGHEST_BITS)) as usize].push(fingerprint);
                count += 1;
            }
        }
        memory.try_grow(count * FINGERPRINT_BYTES)?;
    }
    Ok(Gathered {
        fingerprints: gathered,
        memory,
    })
}

/// The fingerprints that stand more than once, by their highest bits.
async fn repeated_in(mut gathered: Vec<Gathered>) -> Result<Vec<Vec<u64>>> {
    let mut sorters = JoinSet::new();
    for number in 0..GATHERINGS {
        let parts: Vec<Vec<u64>> = gathered
            .iter_mut()
            .map(|part| std::mem::take(&mut part.fingerprints[number]))
            .collect();
        sorters.spawn(async move { repeated_among(parts) });
    }
    let mut all = Vec::with_capacity(GATHERINGS);
    while let Some(repeated) = sorters.join_next().await {
        all.push(repeated.map_err(lost)?);
    }
    for part in gathered {
        part.memory.free();
    }
    Ok(all)
}

fn repeated_among(parts: Vec<Vec<u64>>) -> Vec<u64> {
    let mut all = parts.concat();
    drop(parts);
    all.sort_unstable();
    let mut repeated: Vec<u64> = all
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
        .collect();
    repeated.dedup();
    repeated
}

fn lost(error: tokio::task::JoinError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, RecordBatch, StringViewArray};
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;

    use super::*;

    #[tokio::test]
    async fn in_little_memory_the_same_keys_are_found_in_more_passes() {
        let texts = StringViewArray::from_iter_values((0..10_000).map(|number| (number % 9_000).to_string()));
        let rows = RecordBatch::try_from_iter([("key", Arc::new(texts) as ArrayRef)]).expect("rows");
        let partitions = [vec![rows.slice(0, 5_000)], vec![rows.slice(5_000, 5_000)]];
        let source = KeySource {
            plan: MemorySourceConfig::try_new_exec(&partitions, rows.schema(), None).expect("a plan"),
            expected_rows: Some(rows.num_rows()),
        };
        let keys = fingerprints(&rows, &[0]).expect("fingerprints");
        for (limit, expected_passes) in [(1 << 30, 1), (64 * 1024, 10)] {
            let runtime = RuntimeEnvBuilder::new().with_memory_limit(limit, 1.0);
            let context = TaskContext::default().with_runtime(runtime.build_arc().expect("a runtime"));
            let context = Arc::new(context);
            assert_eq!(passes(&source, &context), expected_passes);
            let found = RepeatedKeys::default().find(&source, &context).await.expect("keys");
            assert_eq!(found.fingerprints.len(), 1_000);
            assert!(keys[..1_000].iter().flatten().all(|key| found.contains(*key)));
        }
    }

    #[test]
    fn what_stands_more_than_once_is_found_once() {
        let parts = vec![vec![3, 1, 2], vec![], vec![2, 3, 3, 9]];
        assert_eq!(repeated_among(parts), [2, 3]);
        assert!(repeated_among(Vec::new()).is_empty());
    }
}
