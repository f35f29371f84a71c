//! Limits of memory and spill space for each query, inside the limits that all queries share.

use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{
    FairSpillPool, GreedyMemoryPool, MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation,
};
use datafusion::execution::runtime_env::RuntimeEnv;

use super::error::EngineError;
use super::session::within_memory;
use super::temp_files::TempFiles;

/// The limits of one query.
#[derive(Debug, Clone, Copy)]
pub struct QueryLimits {
    /// Bytes of memory that the query may reserve.
    pub memory: ByteSize,
    /// Bytes of spill files that the query may fill.
    pub spill: ByteSize,
}

/// The memory that all queries share, and the limits of each.
#[derive(Debug)]
pub struct SharedLimits {
    memory: Arc<GreedyMemoryPool>,
    temp_folder: PathBuf,
    each: QueryLimits,
}

impl SharedLimits {
    /// All queries together may reserve `memory`, each within the limits `each`; spill files go to `temp_folder`.
    pub fn new(memory: ByteSize, each: QueryLimits, temp_folder: PathBuf) -> Self {
        Self {
            memory: Arc::new(GreedyMemoryPool::new(in_memory(memory))),
            temp_folder,
            each,
        }
    }

    /// The same task context with the limits of one query.
    ///
    /// # Errors
    /// The space for spill files cannot be set up.
    pub fn limited(&self, context: TaskContext) -> Result<Arc<TaskContext>, EngineError> {
        let runtime = context.runtime_env();
        let disk = DiskManagerBuilder::default()
            .with_temp_file_factory(Arc::new(TempFiles::within(
                self.temp_folder.clone(),
                self.each.spill.as_u64(),
            )))
            .build()
            .map_err(EngineError::running("temporary space of a query"))?;
        let pool = QueryPool {
            own: FairSpillPool::new(in_memory(self.each.memory)),
            all: Arc::clone(&self.memory),
        };
        let limited = RuntimeEnv {
            memory_pool: Arc::new(pool),
            disk_manager: Arc::new(disk),
            ..runtime.as_ref().clone()
        };
        let config = within_memory(context.session_config().clone(), in_memory(self.each.memory));
        let context = context.with_session_config(config).with_runtime(Arc::new(limited));
        Ok(Arc::new(context))
    }
}

fn in_memory(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

/// The memory pool of one query, which also reserves from the shared pool.
#[derive(Debug)]
struct QueryPool {
    own: FairSpillPool,
    all: Arc<GreedyMemoryPool>,
}

impl std::fmt::Display for QueryPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "QueryPool({})", self.own)
    }
}

impl MemoryPool for QueryPool {
    fn name(&self) -> &str {
        "query"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.own.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.own.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.own.grow(reservation, additional);
        self.all.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.own.shrink(reservation, shrink);
        self.all.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        self.own.try_grow(reservation, additional)?;
        self.all
            .try_grow(reservation, additional)
            .inspect_err(|_| self.own.shrink(reservation, additional))
    }

    fn reserved(&self) -> usize {
        self.own.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.own.memory_limit()
    }
}
