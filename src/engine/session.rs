//! Creates the DataFusion session that every command runs its SQL in.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use bytesize::ByteSize;
use datafusion::catalog::MemorySchemaProvider;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::DiskManagerBuilder;
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::Cluster;
#[cfg(feature = "cluster")]
use super::cluster::ClusterPlanner;
use super::compact_before_sort::CompactBeforeSort;
use super::dialect::{self, forms};
use super::early_semi_joins::EarlySemiJoins;
use super::error::EngineError;
use super::layered_schema::LayeredSchema;
use super::ordered_schema::OrderedSchema;
use super::repeated_rows::{RankOnlyRepeated, SplitTables};
use super::temp_files::TempFiles;
use super::{constraints, counts_of_values, functions};

/// The schema of the canonical tables and views.
pub const TABLE_SCHEMA: &str = "public";
/// The schema of the raw tables that staging queries read.
pub const RAW_SCHEMA: &str = "raw";
/// The name of the catalog; PostgreSQL clients see it as the database.
pub const CATALOG: &str = "pragati";

/// How many of the largest memory consumers an out-of-memory error names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::new(3).unwrap();

/// Each sort reserves this fraction (1/N) of a partition's memory for merging its spilled runs. The engine's default, a
/// fixed size, would exceed a small limit that many sorts share.
const SHARE_OF_MERGE: usize = 32;

/// Bytes of memory that a partition of a plan should have. With less, the operators of many partitions starve each
/// other (apache/datafusion #23447), so a small limit means fewer partitions.
const MEMORY_PER_PARTITION: u64 = 64 * 1024 * 1024;

/// Bytes of a partition's memory for each row of a batch. Operators hold a few batches each and share their partition's
/// memory, so a small limit means smaller batches.
const MEMORY_PER_ROW: usize = 32 * 1024;
/// Below this number of rows, the cost of handling batches exceeds that of the rows.
const LEAST_ROWS: usize = 1024;

/// Resources of a session.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// `None`: one a core.
    pub threads: Option<NonZeroUsize>,
    /// `None`: no limit.
    pub memory_limit: Option<ByteSize>,
    /// Folder of spill files; created where it is missing.
    pub temp_dir: PathBuf,
    /// `None`: plans run in this process.
    pub cluster: Option<Arc<Cluster>>,
}

impl EngineOptions {
    /// Partitions of a plan: one a thread, or fewer where memory is short.
    fn partitions(&self) -> usize {
        let cores = std::thread::available_parallelism().ok();
        let threads = self.threads.or(cores).map_or(1, NonZeroUsize::get);
        match self.memory_limit {
            None => threads,
            Some(limit) => {
                let that_fit = usize::try_from(limit.as_u64() / MEMORY_PER_PARTITION).unwrap_or(usize::MAX);
                threads.min(that_fit.max(1))
            }
        }
    }
}

/// Adapts settings to `memory` bytes: sorts reserve less for merging and batches hold fewer rows, where the usual
/// values would be a large share of the memory.
pub fn within_memory(mut config: SessionConfig, memory: usize) -> SessionConfig {
    let of_partition = memory / config.target_partitions().max(1);
    let reserved = &mut config.options_mut().execution.sort_spill_reservation_bytes;
    *reserved = (*reserved).min(of_partition / SHARE_OF_MERGE);
    let rows = (of_partition / MEMORY_PER_ROW).max(LEAST_ROWS).min(config.batch_size());
    config.with_batch_size(rows)
}

/// Creates a session without tables.
///
/// # Errors
/// The options cannot be used: the folder of temporary files, the number of threads, or the time zone.
pub fn new_session(options: &EngineOptions) -> Result<SessionContext, EngineError> {
    let mut config = SessionConfig::new()
        .with_target_partitions(options.partitions())
        .with_information_schema(true)
        .with_default_catalog_and_schema(CATALOG, TABLE_SCHEMA);
    let parquet = &mut config.options_mut().execution.parquet;
    // Each scan of exports decides whether filters are pushed down to rows (`exports::row_filter`).
    parquet.reorder_filters = true;
    // Spark's 96-bit timestamps: as nanoseconds, years before 1677 and after 2262 would overflow.
    parquet.coerce_int96 = Some("us".to_owned());
    // Executors read footers themselves, and a page index that cannot be parsed would fail there.
    parquet.enable_page_index = options.cluster.is_none();

    #[cfg(feature = "cluster")]
    if let Some(cluster) = &options.cluster {
        config = Arc::clone(cluster).configure(config);
    }

    let start_failed = |reason: String| EngineError::Start { reason };
    let mut runtime = RuntimeEnvBuilder::new();
    if let Some(limit) = options.memory_limit {
        let bytes = usize::try_from(limit.as_u64()).map_err(|error| start_failed(error.to_string()))?;
        config = within_memory(config, bytes);
        let pool = TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED_CONSUMERS);
        runtime = runtime.with_memory_pool(Arc::new(pool));
    }
    let folder = &options.temp_dir;
    std::fs::create_dir_all(folder)
        .map_err(|error| start_failed(format!("temporary folder {}: {error}", folder.display())))?;
    let disk = DiskManagerBuilder::default().with_temp_file_factory(Arc::new(TempFiles::new(folder.clone())));
    runtime = runtime.with_disk_manager_builder(disk);
    let runtime = runtime
        .build_arc()
        .map_err(|error| start_failed(error.strip_backtrace()))?;
    let session = session_with(config, runtime);
    if let Some(catalog) = session.catalog(CATALOG) {
        catalog
            .register_schema(RAW_SCHEMA, Arc::new(MemorySchemaProvider::new()))
            .map_err(|error| start_failed(error.strip_backtrace()))?;
    }
    Ok(session)
}

/// The cluster that a session's plans run on; `None` where they run in this process.
pub fn cluster_of(session: &SessionContext) -> Option<Arc<Cluster>> {
    session.state_ref().read().config().get_extension::<Cluster>()
}

/// A session without tables that shares the memory, spill files and functions of `other`, and whose plans keep the
/// partitioning of their source: one partition in, one partition out. They run in this process.
pub fn partitioned_session(other: &SessionContext) -> SessionContext {
    let config = SessionConfig::new()
        .with_target_partitions(1)
        .with_round_robin_repartition(false);
    session_with(config, other.runtime_env())
}

/// The same rows, planned without exchanges that do nothing but spread rows over threads. Where an ordered table gives
/// one partition, such an exchange only has to be merged again. Scans are divided as usual.
pub fn without_spreading(rows: DataFrame) -> DataFrame {
    let (mut state, plan) = rows.into_parts();
    let optimizer = &mut state.config_mut().options_mut().optimizer;
    optimizer.enable_round_robin_repartition = false;
    DataFrame::new(state, plan)
}

/// A session with the tables of `other`, to which tables can be added without `other` seeing them. An added table hides
/// one of the same name.
///
/// # Errors
/// The session's schemas cannot be made.
pub fn session_beside(other: &SessionContext) -> Result<SessionContext, EngineError> {
    let failed = || EngineError::running("a session beside another");
    let session = session_with(other.copied_config(), other.runtime_env());
    if let (Some(below), Some(own)) = (other.catalog(CATALOG), session.catalog(CATALOG)) {
        for name in [TABLE_SCHEMA, RAW_SCHEMA] {
            if let Some(schema) = below.schema(name) {
                own.register_schema(name, Arc::new(LayeredSchema::over(schema)))
                    .map_err(failed())?;
            }
        }
    }
    Ok(session)
}

/// Registers the tables of a schema of `from` in `to`, which must not have tables of these names.
///
/// # Errors
/// A table cannot be read or registered.
pub async fn share_tables(from: &SessionContext, to: &SessionContext, schema: &str) -> Result<(), EngineError> {
    let failed = || EngineError::running("a session beside another");
    let schema_of = |session: &SessionContext| session.catalog(CATALOG).and_then(|catalog| catalog.schema(schema));
    let (Some(from), Some(to)) = (schema_of(from), schema_of(to)) else {
        return Ok(());
    };
    for name in from.table_names() {
        if let Some(table) = from.table(&name).await.map_err(failed())? {
            to.register_table(name, table).map_err(failed())?;
        }
    }
    Ok(())
}

/// A session that shares the settings, memory, spill files and functions of `other`, with empty schemas, which list
/// tables by name.
///
/// # Errors
/// The session's state cannot be made.
pub fn empty_beside(other: &SessionContext) -> Result<SessionContext, EngineError> {
    let failed = || EngineError::running("a session beside another");
    let session = session_with(other.copied_config(), other.runtime_env());
    if let Some(catalog) = session.catalog(CATALOG) {
        catalog
            .register_schema(TABLE_SCHEMA, Arc::new(OrderedSchema::default()))
            .map_err(failed())?;
        catalog
            .register_schema(RAW_SCHEMA, Arc::new(OrderedSchema::default()))
            .map_err(failed())?;
    }
    Ok(session)
}

/// A session with Pragati's functions and optimizer rules.
fn session_with(config: SessionConfig, runtime: Arc<RuntimeEnv>) -> SessionContext {
    let rules = constraints::added_to(counts_of_values::checked(PhysicalOptimizer::new().rules));
    // Repeated keys are found and held in one process, so this does not work on a cluster.
    let is_one_process = config.get_extension::<Cluster>().is_none();
    // Sessions beside another have its settings, and often its tables: they share what is known of these.
    let split = SplitTables::of(&config);
    let config = config.with_extension(Arc::clone(&split));
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_optimizer_rule(Arc::new(EarlySemiJoins))
        .with_physical_optimizer_rules(rules)
        .with_physical_optimizer_rule(Arc::new(CompactBeforeSort));
    let mut state = dialect::time::register(forms::planned(on_cluster(state)));
    if is_one_process {
        state = state.with_analyzer_rule(Arc::new(RankOnlyRepeated::new(split)));
    }
    let session = SessionContext::new_with_state(state.build());
    for function in functions::all() {
        session.register_udf(function);
    }
    register_table_functions(&session);
    session
}

/// Gives a session our table functions in place of others of their names.
pub fn register_table_functions(session: &SessionContext) {
    for (name, function) in functions::tables() {
        session.register_udtf(name, function);
    }
}

/// The session state whose plans run on the cluster in its settings, if there is one.
#[cfg(feature = "cluster")]
fn on_cluster(mut state: SessionStateBuilder) -> SessionStateBuilder {
    match state
        .config()
        .as_ref()
        .and_then(SessionConfig::get_extension::<Cluster>)
    {
        None => state,
        Some(cluster) => state
            .with_optimizer_rules(ballista_core::optimizer::ballista_default_optimizer_rules())
            .with_query_planner(Arc::new(ClusterPlanner::new(cluster))),
    }
}

#[cfg(not(feature = "cluster"))]
fn on_cluster(state: SessionStateBuilder) -> SessionStateBuilder {
    state
}
