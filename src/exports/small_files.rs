//! An in-memory cache of tables that consist of very many small files or row groups.
//!
//! Opening such a file or row group costs more than decoding its few rows, and a run scans a table several times. So the
//! first scan reads the whole table into memory, where plans show it as rows in memory. Memory is counted while rows are
//! decoded; a table that exceeds the limit is not cached. Neither is one with a file or value that cannot be read: the
//! ordinary scan then reports the file and the column.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat_batches};
use datafusion::arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, resources_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use futures::{StreamExt, TryStreamExt};
use object_store::ObjectStore;
use tokio::sync::OnceCell;
use tokio::task::JoinSet;

use super::contract::Table;
use super::inspect::InspectedFile;
use super::panics::without_panic;
use super::pinned::PinnedFile;
use super::rows::{OutputColumn, converted};
use super::table::read_as;
use crate::compact::compacted;
use crate::zone::Zone;

/// The number of row groups from which on a table may be cached.
const FROM_ROW_GROUPS: usize = 64;
/// The average number of rows of a row group up to which a table may be cached: opening the group costs more than they do.
const FEW_ROWS: u64 = 100;
/// Bytes of memory for the cached rows of a table.
const LARGEST_CACHE: usize = 64 * 1024 * 1024;
/// The size in bytes of all files of a cached table, and of each of them. Most bytes of a file of one row are its footer.
const LARGEST_FILES: u64 = 256 * 1024 * 1024;
const LARGEST_FILE: u64 = 32 * 1024 * 1024;
/// The session's memory divided by this is what cached rows may take: operators need the rest.
const SHARE_OF_MEMORY: usize = 8;
/// Rows that are converted together.
const BATCH_ROWS: usize = 8_192;
/// Rows that are decoded at a time, before they are counted.
const DECODED_ROWS: usize = 512;
/// Files that a task fetches concurrently.
const CONCURRENT_FILES: usize = 8;

/// The columns and types that queries see.
#[derive(Debug, Clone)]
pub struct RowsWanted {
    pub schema: SchemaRef,
    /// `None` for a raw table: its values are only cast to the types of `schema`.
    pub contract: Option<Table>,
    /// The zone in which instants become dates.
    pub zone: Zone,
}

/// The cached rows of a table; empty before the first scan.
#[derive(Default)]
pub struct SmallFiles {
    cached: OnceCell<Option<CachedRows>>,
}

/// Rows in memory, with their reservation in the session's memory pool.
struct CachedRows {
    batches: Vec<RecordBatch>,
    _memory: MemoryReservation,
}

impl fmt::Debug for SmallFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmallFiles(read: {})", self.cached.initialized())
    }
}

impl SmallFiles {
    /// Whether a table of `files` should be cached, because each scan of the files would cost more.
    pub fn are<'a>(files: impl IntoIterator<Item = &'a InspectedFile>) -> bool {
        let (mut row_groups, mut rows, mut bytes, mut largest) = (0, 0, 0, 0);
        for file in files {
            row_groups += file.row_groups;
            rows += file.rows;
            bytes += file.object.size;
            largest = file.object.size.max(largest);
        }
        let few_rows = (row_groups as u64).saturating_mul(FEW_ROWS);
        row_groups >= FROM_ROW_GROUPS && rows <= few_rows && bytes <= LARGEST_FILES && largest <= LARGEST_FILE
    }

    /// The rows of `files` in `store`. The first call reads them in `tasks` tasks. `None` where they cannot be cached.
    pub async fn rows(
        &self,
        files: impl IntoIterator<Item = InspectedFile>,
        store: &Arc<dyn ObjectStore>,
        wanted: &RowsWanted,
        pool: &Arc<dyn MemoryPool>,
        tasks: usize,
    ) -> Option<&[RecordBatch]> {
        let read = async || {
            let files: Vec<InspectedFile> = files.into_iter().collect();
            let cached = read_all(files, store, wanted, pool, tasks).await;
            cached
                .inspect_err(|error| tracing::debug!("rows of small files are not cached: {error}"))
                .ok()
        };
        let cached = self.cached.get_or_init(read).await;
        cached.as_ref().map(|cached| cached.batches.as_slice())
    }
}

async fn read_all(
    files: Vec<InspectedFile>,
    store: &Arc<dyn ObjectStore>,
    wanted: &RowsWanted,
    pool: &Arc<dyn MemoryPool>,
    tasks: usize,
) -> Result<CachedRows> {
    let most = match pool.memory_limit() {
        MemoryLimit::Finite(limit) => LARGEST_CACHE.min(limit / SHARE_OF_MEMORY),
        _ => LARGEST_CACHE,
    };
    let memory = MemoryConsumer::new("rows of small files").register(pool);
    memory.try_grow(most)?;
    let budget = Arc::new(AtomicUsize::new(most));
    let mut reading = JoinSet::new();
    for (number, part) in files.chunks(files.len().div_ceil(tasks.max(1)).max(1)).enumerate() {
        let gathered = Gathered::new(wanted.clone(), Arc::clone(&budget));
        let (part, store) = (part.to_vec(), Arc::clone(store));
        reading.spawn(async move { (number, without_panic(read(part, store, gathered)).await) });
    }
    let mut parts = reading.join_all().await;
    parts.sort_by_key(|(number, _)| *number);
    let batches: Result<Vec<Vec<RecordBatch>>> = parts.into_iter().map(|(_, batches)| batches).collect();
    let batches = batches?.concat();
    memory.try_resize(
        batches
            .iter()
            .map(RecordBatch::get_array_memory_size)
            .sum::<usize>()
            .min(most),
    )?;
    Ok(CachedRows {
        batches,
        _memory: memory,
    })
}

/// Reads the rows of some files.
async fn read(
    files: Vec<InspectedFile>,
    store: Arc<dyn ObjectStore>,
    mut gathered: Gathered,
) -> Result<Vec<RecordBatch>> {
    let fetched = files.into_iter().map(|file| {
        let store = Arc::clone(&store);
        async move {
            let bytes = match file.footer.take_whole() {
                Some(bytes) => bytes,
                None => {
                    let object = Arc::new(file.object.clone());
                    PinnedFile { store, object }.whole().await?
                }
            };
            Ok::<_, DataFusionError>((file, bytes))
        }
    });
    let mut fetched = futures::stream::iter(fetched).buffered(CONCURRENT_FILES);
    while let Some((file, bytes)) = fetched.try_next().await? {
        gathered.add(&file, bytes)?;
    }
    gathered.finish()
}

/// Collects rows of files and converts them in batches: converting one row costs as much as converting many.
struct Gathered {
    wanted: RowsWanted,
    /// The rest of the memory budget, which all tasks share.
    budget: Arc<AtomicUsize>,
    /// Rows as decoded, all with the same schema, which are not converted yet.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    converted: Vec<RecordBatch>,
    /// The schema of the last file, and the one that it was decoded with, to be reused for files with the same schema.
    read_as: Option<(SchemaRef, SchemaRef)>,
}

impl Gathered {
    fn new(wanted: RowsWanted, budget: Arc<AtomicUsize>) -> Self {
        Self {
            wanted,
            budget,
            pending: Vec::new(),
            pending_rows: 0,
            converted: Vec::new(),
            read_as: None,
        }
    }

    /// Decodes the wanted columns of a file, and adds those of its folders.
    fn add(&mut self, file: &InspectedFile, bytes: Bytes) -> Result<()> {
        let Some(footer) = file.footer.cached() else {
            return resources_err!("the footers of the table take too much memory");
        };
        let exported = file.schema.fields().len() - file.partitions.len();
        let (exported, of_folders) = file.schema.fields().split_at(exported);
        let is_wanted = |field: &Field| self.wanted.schema.field_with_name(field.name()).is_ok();
        let known = self.read_as.take().filter(|(of, _)| Arc::ptr_eq(of, &file.schema));
        let schema = known.map_or_else(|| schema_to_read(exported, is_wanted), |(_, schema)| schema);
        self.read_as = Some((Arc::clone(&file.schema), Arc::clone(&schema)));
        let options = ArrowReaderOptions::new().with_schema(schema);
        let builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, ArrowReaderMetadata::try_new(footer, options)?);
        let roots = (0..exported.len()).filter(|index| is_wanted(&exported[*index]));
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        for rows in builder.with_projection(mask).with_batch_size(DECODED_ROWS).build()? {
            let rows = rows?;
            let mut fields = rows.schema_ref().fields().to_vec();
            let mut columns = rows.columns().to_vec();
            for (field, partition) in of_folders.iter().zip(&file.partitions) {
                fields.push(Arc::clone(field));
                columns.push(ScalarValue::Utf8(partition.value.clone()).to_array_of_size(rows.num_rows())?);
            }
            self.push(batch(Arc::new(Schema::new(fields)), columns, rows.num_rows())?)?;
        }
        Ok(())
    }

    fn push(&mut self, rows: RecordBatch) -> Result<()> {
        let bytes = rows
            .columns()
            .iter()
            .map(|column| bytes_of_values(column.as_ref()))
            .sum();
        let take = |left: usize| left.checked_sub(bytes);
        if self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .is_err()
        {
            return resources_err!("its rows take more memory than they may");
        }
        let is_alike = self
            .pending
            .last()
            .is_none_or(|last| last.schema_ref() == rows.schema_ref());
        if !is_alike || self.pending_rows >= BATCH_ROWS {
            self.convert()?;
        }
        self.pending_rows += rows.num_rows();
        self.pending.push(rows);
        Ok(())
    }

    fn convert(&mut self) -> Result<()> {
        let Some(first) = self.pending.first() else {
            return Ok(());
        };
        let rows = concat_batches(first.schema_ref(), &self.pending)?;
        let given = rows.schema_ref();
        let columns = OutputColumn::all(&self.wanted.schema, given, self.wanted.contract);
        let rows = match self.wanted.contract {
            Some(_) => rows,
            None => self.wanted.in_its_types(&rows)?,
        };
        let rows = converted(&columns, &self.wanted.schema, &self.wanted.zone, &rows)?;
        self.converted.push(compacted(&rows)?);
        self.pending.clear();
        self.pending_rows = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Vec<RecordBatch>> {
        self.convert()?;
        Ok(self.converted)
    }
}

impl RowsWanted {
    /// Casts rows of a raw table, whose files may differ in the widths and units of a column, to the types of the table.
    fn in_its_types(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        for (field, values) in rows.schema_ref().fields().iter().zip(rows.columns()) {
            let wanted = self.schema.field_with_name(field.name())?;
            fields.push(field.as_ref().clone().with_data_type(wanted.data_type().clone()));
            columns.push(cast_with_options(values, wanted.data_type(), &options)?);
        }
        batch(Arc::new(Schema::new(fields)), columns, rows.num_rows())
    }
}

/// The schema by which a file is decoded; wanted columns have the types that scans read.
fn schema_to_read(exported: &[FieldRef], is_wanted: impl Fn(&Field) -> bool) -> SchemaRef {
    let fields = exported.iter().map(|field| match is_wanted(field) {
        true => field.as_ref().clone().with_data_type(read_as(field.data_type())),
        false => field.as_ref().clone(),
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Bytes that the values of an array take after compaction. Before it, texts may share the buffer of a page with others.
fn bytes_of_values(values: &dyn Array) -> usize {
    let views = values.as_string_view_opt().map(|texts| texts.total_buffer_bytes_used());
    let views = views.or_else(|| values.as_binary_view_opt().map(|bytes| bytes.total_buffer_bytes_used()));
    match views {
        Some(bytes) => bytes + values.len() * size_of::<u128>(),
        None => values.get_array_memory_size(),
    }
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}
