//! Reads very many small files or row groups once, together, and keeps their rows for all scans of a run.
//!
//! Opening a file, or beginning a row group, costs the reader more than the few rows in it, and a run scans a table several
//! times. So the first scan of such a table reads all of it, within a limit of memory, and plans show it as rows in memory.
//! Where a file cannot be read or a value cannot be converted, nothing is kept: the scan of the files says what is to blame.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat_batches};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
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
use super::convert::canonical_array;
use super::inspect::InspectedFile;
use super::panics::without_panic;
use super::pinned::PinnedFile;
use crate::zone::Zone;

/// Row groups from which on a table may be kept.
const FROM_ROW_GROUPS: usize = 64;
/// Rows of a row group, on average, up to which reading it costs more than its rows.
const FEW_ROWS: u64 = 1_000;
/// Bytes, uncompressed, up to which the rows of a table are kept.
const LARGEST_KEPT: u64 = 64 * 1024 * 1024;
/// The share of the session's memory that kept rows may take: operators need the rest.
const SHARE_OF_MEMORY: usize = 8;
/// Rows that are converted together.
const BATCH_ROWS: usize = 8_192;
/// Files that a task fetches ahead.
const CONCURRENT_FILES: usize = 16;

/// What the rows of a table become: the columns that queries see.
#[derive(Debug, Clone)]
pub struct RowsWanted {
    pub schema: SchemaRef,
    /// None: columns are given as the files have them, in the types of `schema`.
    pub contract: Option<Table>,
    /// Turns instants into dates.
    pub zone: Zone,
}

/// The rows of a table of small files, once a scan has read them.
#[derive(Default)]
pub struct SmallFiles {
    kept: OnceCell<Option<KeptRows>>,
}

/// Rows in memory, which the session's limit counts.
struct KeptRows {
    batches: Vec<RecordBatch>,
    _memory: MemoryReservation,
}

impl fmt::Debug for SmallFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SmallFiles(read: {})", self.kept.initialized())
    }
}

impl SmallFiles {
    /// Whether reading files one after another for each scan would cost more than keeping the rows of all.
    pub fn are<'a>(files: impl IntoIterator<Item = &'a InspectedFile>) -> bool {
        let (mut row_groups, mut rows, mut bytes) = (0, 0, 0);
        for file in files {
            row_groups += file.row_groups;
            rows += file.rows;
            bytes += file.uncompressed_bytes;
        }
        let few_rows = u64::try_from(row_groups).unwrap_or(u64::MAX).saturating_mul(FEW_ROWS);
        row_groups >= FROM_ROW_GROUPS && rows <= few_rows && bytes <= LARGEST_KEPT
    }

    /// The rows of `files` of `store`, in `tasks` tasks the first time. None where they cannot be kept.
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
            let kept = keep(files, store, wanted, pool, tasks).await;
            kept.inspect_err(|error| tracing::debug!("rows of small files are not kept: {error}"))
                .ok()
        };
        let kept = self.kept.get_or_init(read).await;
        kept.as_ref().map(|kept| kept.batches.as_slice())
    }
}

async fn keep(
    files: Vec<InspectedFile>,
    store: &Arc<dyn ObjectStore>,
    wanted: &RowsWanted,
    pool: &Arc<dyn MemoryPool>,
    tasks: usize,
) -> Result<KeptRows> {
    let memory = MemoryConsumer::new("rows of small files").register(pool);
    let bytes: u64 = files.iter().map(|file| file.uncompressed_bytes).sum();
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    if let MemoryLimit::Finite(limit) = pool.memory_limit()
        && bytes > limit / SHARE_OF_MEMORY
    {
        return resources_err!("{bytes} bytes are too large a share of the memory limit");
    }
    memory.try_grow(bytes)?;
    let mut reading = JoinSet::new();
    for (number, part) in files.chunks(files.len().div_ceil(tasks.max(1)).max(1)).enumerate() {
        let (part, store, wanted) = (part.to_vec(), Arc::clone(store), wanted.clone());
        reading.spawn(async move { (number, without_panic(read(part, store, wanted)).await) });
    }
    let mut parts = reading.join_all().await;
    parts.sort_by_key(|(number, _)| *number);
    let batches: Result<Vec<Vec<RecordBatch>>> = parts.into_iter().map(|(_, batches)| batches).collect();
    let batches = batches?.concat();
    memory.try_resize(batches.iter().map(RecordBatch::get_array_memory_size).sum())?;
    Ok(KeptRows {
        batches,
        _memory: memory,
    })
}

/// The rows of some files, in batches.
async fn read(files: Vec<InspectedFile>, store: Arc<dyn ObjectStore>, wanted: RowsWanted) -> Result<Vec<RecordBatch>> {
    let mut gathered = Gathered {
        wanted,
        pending: Vec::new(),
        pending_rows: 0,
        converted: Vec::new(),
    };
    let fetched = files.into_iter().map(|file| {
        let store = Arc::clone(&store);
        async move {
            let pinned = PinnedFile {
                store,
                object: Arc::new(file.object.clone()),
            };
            let bytes = pinned.whole().await?;
            Ok::<_, DataFusionError>((file, bytes))
        }
    });
    let mut fetched = futures::stream::iter(fetched).buffered(CONCURRENT_FILES);
    while let Some((file, bytes)) = fetched.try_next().await? {
        gathered.add(&file, bytes)?;
    }
    gathered.finish()
}

/// Rows of files that are converted when there are enough of them: a conversion of one row costs as much as one of many.
struct Gathered {
    wanted: RowsWanted,
    /// As the files have them, with one schema.
    pending: Vec<RecordBatch>,
    pending_rows: usize,
    converted: Vec<RecordBatch>,
}

impl Gathered {
    /// Decodes the columns of a file that are wanted, with those that its folders give.
    fn add(&mut self, file: &InspectedFile, bytes: Bytes) -> Result<()> {
        let Some(footer) = file.footer.kept() else {
            return resources_err!("the footers of the table take too much memory");
        };
        let exported = file.schema.fields().len() - file.partitions.len();
        let (exported, of_folders) = file.schema.fields().split_at(exported);
        let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(exported)));
        let metadata = ArrowReaderMetadata::try_new(footer, options)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(bytes, metadata);
        let is_wanted = |field: &Field| self.wanted.schema.field_with_name(field.name()).is_ok();
        let roots = (0..exported.len()).filter(|index| is_wanted(&exported[*index]));
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        for rows in builder.with_projection(mask).with_batch_size(BATCH_ROWS).build()? {
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
        self.converted.push(self.wanted.of(&rows)?);
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
    /// The columns that queries see, of rows as a file has them.
    fn of(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let columns = self.schema.fields().iter().map(|field| {
            let Ok(index) = rows.schema_ref().index_of(field.name()) else {
                return Ok(new_null_array(field.data_type(), rows.num_rows()));
            };
            let (given, values) = (rows.schema_ref().field(index), rows.column(index));
            match self.contract.and_then(|table| table.column(field.name())) {
                Some(column) => canonical_array(column, given, values, &self.zone)
                    .map_err(|error| DataFusionError::External(Box::new(error))),
                None => as_type_of(field, values),
            }
        });
        batch(
            Arc::clone(&self.schema),
            columns.collect::<Result<Vec<_>>>()?,
            rows.num_rows(),
        )
    }
}

fn as_type_of(field: &Field, values: &ArrayRef) -> Result<ArrayRef> {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    Ok(cast_with_options(values, field.data_type(), &options)?)
}

fn batch(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
}
