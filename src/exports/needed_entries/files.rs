//! Reads the files of a scan with the needed entries of a map alone.
//!
//! A row group whose map is not as usual is read by the usual reader, with all entries: they are not needed, and do no harm.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};
use datafusion::parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};

use super::NeededEntries;
use super::entries::{MOST_LEVELS, MapEntries, leaves_of, memory_of};

/// Reads the files of one partition of a scan.
pub struct FilesOfPartition {
    pub factory: Arc<dyn ParquetFileReaderFactory>,
    pub partition: usize,
    pub metrics: ExecutionPlanMetricsSet,
    pub memory: Arc<dyn MemoryPool>,
    /// The columns of the scan.
    pub schema: SchemaRef,
    pub needed: Arc<NeededEntries>,
    pub rows_a_batch: usize,
    /// The row groups that were read with the needed entries alone, and the others.
    pub read_by_need: Count,
    pub read_whole: Count,
}

/// The entries of a row group, and the memory that is reserved for them.
struct ReservedEntries {
    entries: MapEntries,
    _memory: MemoryReservation,
}

impl FilesOfPartition {
    /// The rows of the files, one after the other.
    pub fn rows(self, files: Vec<PartitionedFile>) -> BoxStream<'static, Result<RecordBatch>> {
        let reading = Arc::new(self);
        let files = futures::stream::iter(files).then(move |file| Arc::clone(&reading).file(file));
        files.try_flatten().boxed()
    }

    async fn file(self: Arc<Self>, file: PartitionedFile) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let footer = self.open(&file)?.get_metadata(None).await?;
        let in_range = |group: &RowGroupMetaData| {
            // As the engine's scan divides a file: by the beginning of the first column.
            let first = group.column(0);
            let start = first.dictionary_page_offset().unwrap_or(first.data_page_offset());
            file.range.as_ref().is_none_or(|range| range.contains(start))
        };
        let groups = footer.row_groups().iter().enumerate();
        let groups = groups.filter(|(_, group)| in_range(group)).map(|(number, _)| number);
        let groups: Vec<usize> = groups.collect();
        let metadata = self.in_types_of_scan(footer)?;
        let groups = futures::stream::iter(groups)
            .then(move |group| Arc::clone(&self).row_group(file.clone(), metadata.clone(), group));
        Ok(groups.try_flatten().boxed())
    }

    async fn row_group(
        self: Arc<Self>,
        file: PartitionedFile,
        metadata: ArrowReaderMetadata,
        group: usize,
    ) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        let mut entries = self.entries(&file, &metadata, group).await?;
        match entries.is_some() {
            true => self.read_by_need.add(1),
            false => self.read_whole.add(1),
        }
        let is_read = |name: &str| {
            let is_decoded = entries.is_some() && name == self.needed.column;
            self.schema.index_of(name).is_ok() && !is_decoded
        };
        let fields = metadata.schema().fields().iter().enumerate();
        let roots = fields.filter(|(_, field)| is_read(field.name())).map(|(root, _)| root);
        let mask = ProjectionMask::roots(metadata.parquet_schema(), roots);
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(self.open(&file)?, metadata);
        let rows = builder
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_batch_size(self.rows_a_batch)
            .build()?;
        Ok(rows
            .map(move |rows| self.with_entries(&rows?, entries.as_mut()))
            .boxed())
    }

    fn open(&self, file: &PartitionedFile) -> Result<Box<dyn AsyncFileReader>> {
        let (factory, file) = (&self.factory, file.clone());
        let reader: Box<dyn AsyncFileReader> = factory.create_reader(self.partition, file, None, &self.metrics)?;
        Ok(reader)
    }

    /// The footer, by which columns are read in the types of the scan.
    fn in_types_of_scan(&self, footer: Arc<ParquetMetaData>) -> Result<ArrowReaderMetadata> {
        let found = ArrowReaderMetadata::try_new(Arc::clone(&footer), ArrowReaderOptions::new())?;
        let fields = found.schema().fields().iter().map(|field| {
            let of_scan = self.schema.field_with_name(field.name());
            let wanted = of_scan.map_or(field.data_type(), |of_scan| of_scan.data_type());
            field.as_ref().clone().with_data_type(wanted.clone())
        });
        let schema = Schema::new(fields.collect::<Vec<_>>());
        if schema.fields() == found.schema().fields() {
            return Ok(found);
        }
        let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
        Ok(ArrowReaderMetadata::try_new(footer, options)?)
    }

    /// The needed entries of a row group; `None` where the usual reader has to read them, or they would need more memory
    /// than there is.
    async fn entries(
        &self,
        file: &PartitionedFile,
        metadata: &ArrowReaderMetadata,
        group: usize,
    ) -> Result<Option<ReservedEntries>> {
        let Some(leaves) = leaves_of(metadata.parquet_schema(), &self.needed.column) else {
            return Ok(None);
        };
        let group = metadata.metadata().row_group(group);
        let [keys, values] = leaves.map(|leaf| group.column(leaf));
        let levels = usize::try_from(values.num_values()).unwrap_or(usize::MAX);
        let rows = usize::try_from(group.num_rows()).unwrap_or_default();
        if levels > MOST_LEVELS || keys.num_values() != values.num_values() {
            return Ok(None);
        }
        let memory = MemoryConsumer::new("entries of maps").register(&self.memory);
        if memory.try_grow(memory_of(levels, rows)).is_err() {
            return Ok(None);
        }
        let ranges = [keys, values].map(|chunk| {
            let (start, length) = chunk.byte_range();
            start..start.saturating_add(length)
        });
        let bytes = self.open(file)?.get_byte_ranges(ranges.to_vec()).await?;
        let Ok([of_keys, of_values]) = <[Bytes; 2]>::try_from(bytes) else {
            return Ok(None);
        };
        let chunks = [(keys, of_keys), (values, of_values)];
        let entries = MapEntries::decoded(chunks, rows, self.needed.value);
        Ok(entries.map(|entries| ReservedEntries {
            entries,
            _memory: memory,
        }))
    }

    /// The columns of the scan, of the next rows of a row group; a column that the file lacks is NULL.
    fn with_entries(&self, rows: &RecordBatch, entries: Option<&mut ReservedEntries>) -> Result<RecordBatch> {
        let mut maps = match entries {
            Some(reserved) => {
                let kind = self.schema.field_with_name(&self.needed.column)?.data_type();
                let unless = self.unless(rows)?;
                let maps = reserved.entries.next_maps(rows.num_rows(), unless.as_deref(), kind)?;
                Some(maps)
            }
            None => None,
        };
        let columns = self.schema.fields().iter().map(|field| {
            let decoded = maps.take_if(|_| *field.name() == self.needed.column);
            let read = decoded.or_else(|| rows.column_by_name(field.name()).cloned());
            read.unwrap_or_else(|| new_null_array(field.data_type(), rows.num_rows()))
        });
        let columns: Vec<ArrayRef> = columns.collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.num_rows()));
        let schema = Arc::clone(&self.schema);
        Ok(RecordBatch::try_new_with_options(schema, columns, &options)?)
    }

    /// The column whose values make entries unneeded, as the instants that `utc_time` gives: a time that is none of them
    /// is NULL.
    fn unless(&self, rows: &RecordBatch) -> Result<Option<ArrayRef>> {
        let Some(name) = &self.needed.unless else {
            return Ok(None);
        };
        let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let column = rows.column_by_name(name);
        Ok(Some(match column {
            Some(column) => cast(column, &instant)?,
            None => new_null_array(&instant, rows.num_rows()),
        }))
    }
}
