//! Reads the footers of a table's files, before any row: checks that they are Parquet, and finds their columns.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::datasource::physical_plan::parquet::Int96Coercer;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::basic::{ConvertedType, LogicalType, Type};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataReader};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::all_null::perhaps_all_null;
use super::error::ExportsError;
use super::fault::{cause_of, changed_file};
use super::footer::Footer;
use super::listing::{DayFile, Partition};
use super::panics::{step_without_panic, without_panic};
use super::pinned::PinnedFile;
use super::snapshot::TableFiles;

/// Footers that are read concurrently.
const CONCURRENT_FOOTERS: usize = 16;
/// Bytes at the end of a file that are read in the first request. Most footers fit; a longer one takes a second request.
const FOOTER_BYTES: usize = 64 * 1024;

/// The size of the shortest possible Parquet file: the magic bytes at both ends, and the length of the footer.
const SHORTEST_FILE: u64 = 12;
/// The least number of footers for which a task is started.
const FOOTERS_OF_TASK: usize = 64;
/// Bytes of memory for the cached footers of a table. Further footers are read again by each scan.
const CACHED_FOOTERS: usize = 256 * 1024 * 1024;
/// Bytes of small files that are cached until their rows are read. Further files are read again.
const CACHED_FILES: usize = 64 * 1024 * 1024;

/// One readable file of a table.
#[derive(Debug, Clone)]
pub struct InspectedFile {
    /// The file as listed: path, size and time of the last change.
    pub object: ObjectMeta,
    /// The columns of the file, then those of `partitions`.
    pub schema: SchemaRef,
    /// The columns that come from the names of the folders above the file.
    pub partitions: Vec<Partition>,
    /// Number of rows, by the footer.
    pub rows: u64,
    /// Number of row groups.
    pub row_groups: usize,
    /// Columns that may hold only NULL, by the statistics in the footer.
    pub perhaps_all_null: BTreeSet<String>,
    /// Uncompressed size of all columns, in bytes.
    pub uncompressed_bytes: u64,
    /// Whether the minimum and maximum statistics in the footer are reliable. Old writers compared text as signed bytes.
    pub has_sound_statistics: bool,
    /// The cached footer, so that scans need not read it again.
    pub footer: Arc<Footer>,
}

impl InspectedFile {
    /// The column of this name in the file itself.
    pub fn exported(&self, name: &str) -> Option<&Field> {
        let is_of_folder = self.folder_columns().any(|column| column == name);
        let field = self.schema.field_with_name(name).ok()?;
        (!is_of_folder).then_some(field)
    }

    /// The names of the columns that come from the folders above the file.
    pub fn folder_columns(&self) -> impl Iterator<Item = &String> {
        self.partitions.iter().map(|partition| &partition.column)
    }
}

/// Reads every footer of `table`, in file order.
///
/// # Errors
/// Where a file is not Parquet, cannot be read, or is inconsistent.
pub async fn read_footers(table: &TableFiles) -> Result<Vec<InspectedFile>, ExportsError> {
    let table = Arc::new(table.clone());
    let budgets = Arc::new(Budgets::new());
    // Decoding many footers is CPU-bound, so it is spread over all cores.
    let tasks = Handle::current().metrics().num_workers();
    let part = table.files.len().div_ceil(tasks).max(FOOTERS_OF_TASK);
    let mut reading = JoinSet::new();
    for start in (0..table.files.len()).step_by(part) {
        let files = start..table.files.len().min(start + part);
        let (table, budgets) = (Arc::clone(&table), Arc::clone(&budgets));
        reading.spawn(async move { (start, read_some(&table, files, &budgets).await) });
    }
    let mut parts = reading.join_all().await;
    parts.sort_by_key(|(start, _)| *start);
    let files: Result<Vec<_>, _> = parts.into_iter().map(|(_, files)| files).collect();
    Ok(files?.into_iter().flatten().collect())
}

/// What is left of the memory budgets for the footers and the small files of a table.
struct Budgets {
    footers: AtomicUsize,
    files: AtomicUsize,
}

impl Budgets {
    fn new() -> Self {
        Self {
            footers: AtomicUsize::new(CACHED_FOOTERS),
            files: AtomicUsize::new(CACHED_FILES),
        }
    }
}

async fn read_some(
    table: &TableFiles,
    files: Range<usize>,
    budgets: &Budgets,
) -> Result<Vec<InspectedFile>, ExportsError> {
    let schemas = SchemaOfLast::default();
    // Boxed, so that the compiler can prove that the future is `Send`.
    let footers: Vec<_> = table.files[files]
        .iter()
        .map(|file| read_footer(table, file, budgets, &schemas).boxed())
        .collect();
    futures::stream::iter(footers)
        .buffered(CONCURRENT_FOOTERS)
        .try_collect()
        .await
}

async fn read_footer(
    table: &TableFiles,
    file: &DayFile,
    budgets: &Budgets,
    schemas: &SchemaOfLast,
) -> Result<InspectedFile, ExportsError> {
    let unreadable = |error: DataFusionError| unreadable(table, file, &error);
    let (footer, whole) = without_panic(fetch(table, file)).await.map_err(unreadable)?;
    let rows = row_count(table, file, &footer)?;
    let exported = step_without_panic(|| schemas.exported(&footer)).map_err(unreadable)?;
    let exported = exported.map_err(|error| unreadable(error.into()))?;
    let is_lacking = |partition: &&Partition| exported.field_with_name(&partition.column).is_err();
    let partitions: Vec<Partition> = file.partitions.iter().filter(is_lacking).cloned().collect();
    let cached = is_within(&budgets.footers, footer.memory_size()).then(|| Arc::clone(&footer));
    let whole = whole.filter(|bytes| is_within(&budgets.files, bytes.len()));
    Ok(InspectedFile {
        object: file.object.clone(),
        schema: with_folders(&exported, &partitions),
        partitions,
        rows,
        row_groups: footer.num_row_groups(),
        perhaps_all_null: perhaps_all_null(&footer),
        uncompressed_bytes: footer
            .row_groups()
            .iter()
            .map(|group| count(group.total_byte_size()))
            .sum(),
        has_sound_statistics: footer
            .row_groups()
            .iter()
            .flat_map(|group| group.columns())
            .all(has_sound_statistics),
        footer: Arc::new(Footer::new(&file.object, cached, whole)),
    })
}

/// The error for a file whose footer cannot be read. What the store refuses is no fault of the file.
fn unreadable(table: &TableFiles, file: &DayFile, error: &DataFusionError) -> ExportsError {
    let is_changed = changed_file(error).is_some();
    let (table, file) = (table.name.clone(), table.location.display(&file.object.location));
    let reason = error.strip_backtrace();
    match cause_of::<object_store::Error>(error) {
        Some(_) if is_changed => ExportsError::Replaced { table, file },
        Some(_) => ExportsError::Unreachable { table, file, reason },
        None => ExportsError::Unreadable { table, file, reason },
    }
}

/// Fetches the footer of a file, and all bytes of a file that is small enough for one request.
async fn fetch(table: &TableFiles, file: &DayFile) -> Result<(Arc<ParquetMetaData>, Option<Bytes>), DataFusionError> {
    let (store, size) = (&table.location.store, file.object.size);
    if !(SHORTEST_FILE..=FOOTER_BYTES as u64).contains(&size) {
        let object = DFParquetMetadata::new(store.as_ref(), &file.object);
        let object = object.with_metadata_size_hint(Some(FOOTER_BYTES));
        return Ok((object.fetch_metadata().await?, None));
    }
    let pinned = PinnedFile {
        store: Arc::clone(store),
        object: Arc::new(file.object.clone()),
    };
    let whole = pinned.whole().await?;
    let footer = ParquetMetaDataReader::new().parse_and_finish(&whole)?;
    Ok((Arc::new(footer), Some(whole)))
}

/// The columns of a file, then those of its folders.
fn with_folders(exported: &SchemaRef, partitions: &[Partition]) -> SchemaRef {
    if partitions.is_empty() {
        return Arc::clone(exported);
    }
    let of_folders = partitions
        .iter()
        .map(|partition| Arc::new(Field::new(&partition.column, DataType::Utf8, true)));
    let fields: Vec<Arc<Field>> = exported.fields().iter().cloned().chain(of_folders).collect();
    Arc::new(Schema::new(fields))
}

/// The schema of the last file whose footer was read, which the files of one writer share.
#[derive(Default)]
struct SchemaOfLast(Mutex<Option<(Arc<ParquetMetaData>, SchemaRef)>>);

impl SchemaOfLast {
    /// See [`exported_schema`].
    fn exported(&self, footer: &Arc<ParquetMetaData>) -> Result<SchemaRef, ParquetError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, schema)) = &*last
            && has_schema_of(footer.file_metadata(), of.file_metadata())
        {
            return Ok(Arc::clone(schema));
        }
        let schema = Arc::new(exported_schema(footer)?);
        *last = Some((Arc::clone(footer), Arc::clone(&schema)));
        Ok(schema)
    }
}

/// Whether two footers have the same columns and the same metadata of Arrow types.
fn has_schema_of(file: &FileMetaData, other: &FileMetaData) -> bool {
    file.key_value_metadata() == other.key_value_metadata() && file.schema_descr() == other.schema_descr()
}

/// Takes `bytes` from a budget. Returns false, and takes nothing, where less is left.
fn is_within(budget: &AtomicUsize, bytes: usize) -> bool {
    let take = |left: usize| left.checked_sub(bytes);
    budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
}

/// The columns as a scan reads them. Spark's 96-bit timestamps are read as microseconds: as nanoseconds, years before 1677
/// and after 2262 would overflow.
///
/// # Errors
/// Where the footer's schema is invalid.
pub fn exported_schema(footer: &ParquetMetaData) -> Result<Schema, ParquetError> {
    let file = footer.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    let coerced = Int96Coercer::new(file.schema_descr(), &schema, &TimeUnit::Microsecond).coerce();
    Ok(coerced.unwrap_or(schema))
}

/// The number of rows of a file. The footer and the row groups must agree, because scans rely on either.
fn row_count(table: &TableFiles, file: &DayFile, footer: &ParquetMetaData) -> Result<u64, ExportsError> {
    let groups = footer.row_groups();
    let row_groups: i64 = groups.iter().map(|group| group.num_rows()).sum();
    let counted = footer.file_metadata().num_rows();
    if counted != row_groups || groups.iter().any(|group| group.num_rows() < 0) {
        return Err(ExportsError::RowCounts {
            table: table.name.clone(),
            file: table.location.display(&file.object.location),
            footer: counted,
            row_groups,
        });
    }
    Ok(count(row_groups))
}

/// Whether the minimum and maximum of a column follow the order in which the engine compares values. The deprecated fields
/// of Parquet's statistics use signed order for all types (PARQUET-251).
pub fn has_sound_statistics(column: &ColumnChunkMetaData) -> bool {
    let is_deprecated = column
        .statistics()
        .is_some_and(|statistics| statistics.is_min_max_deprecated());
    !is_deprecated || is_signed(column)
}

fn is_signed(column: &ColumnChunkMetaData) -> bool {
    let is_number = matches!(
        column.column_type(),
        Type::BOOLEAN | Type::INT32 | Type::INT64 | Type::FLOAT | Type::DOUBLE
    );
    let descriptor = column.column_descr();
    let is_unsigned = match descriptor.logical_type_ref() {
        Some(LogicalType::Integer(integer)) => !integer.is_signed,
        _ => matches!(
            descriptor.converted_type(),
            ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64
        ),
    };
    is_number && !is_unsigned
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A table of users and its only file.
#[cfg(test)]
fn one_file() -> (TableFiles, DayFile) {
    let object = ObjectMeta {
        location: object_store::path::Path::from("users/part-0.parquet"),
        last_modified: chrono::DateTime::UNIX_EPOCH,
        size: 100,
        e_tag: None,
        version: None,
    };
    let file = DayFile {
        object,
        partitions: Vec::new(),
    };
    let table = TableFiles {
        name: "users".to_owned(),
        location: crate::exports::Location::parse("/").expect("a folder"),
        files: Vec::new(),
    };
    (table, file)
}

#[cfg(test)]
mod count_tests {
    use datafusion::parquet::file::metadata::{FileMetaData, ParquetMetaDataBuilder, RowGroupMetaData};
    use datafusion::parquet::schema::parser::parse_message_type;
    use datafusion::parquet::schema::types::SchemaDescriptor;

    use super::*;

    fn counted(of_footer: i64, of_groups: &[i64]) -> Result<u64, ExportsError> {
        let columns = parse_message_type("message users { optional binary user_id (UTF8); }").expect("a schema");
        let schema = Arc::new(SchemaDescriptor::new(Arc::new(columns)));
        let groups = of_groups.iter().map(|&rows| {
            let column = ColumnChunkMetaData::builder(schema.column(0))
                .build()
                .expect("a column");
            let group = RowGroupMetaData::builder(Arc::clone(&schema)).set_num_rows(rows);
            group.set_column_metadata(vec![column]).build().expect("a row group")
        });
        let file = FileMetaData::new(2, of_footer, None, None, Arc::clone(&schema), None);
        let footer = ParquetMetaDataBuilder::new(file)
            .set_row_groups(groups.collect())
            .build();
        let (table, file) = one_file();
        row_count(&table, &file, &footer)
    }

    #[test]
    fn a_footer_that_counts_other_rows_than_its_row_groups_is_refused() {
        assert_eq!(counted(5, &[2, 3]).expect("a count"), 5);
        for (of_footer, of_groups) in [(0, &[2, 3][..]), (5, &[]), (0, &[-1, 1])] {
            let refused = counted(of_footer, of_groups).expect_err("a contradiction").to_string();
            assert!(
                refused.contains("table users: /users/part-0.parquet is inconsistent"),
                "{refused}"
            );
        }
    }
}

#[cfg(test)]
mod refusal_tests {
    use object_store::Error;

    use super::*;

    fn message(error: impl Into<DataFusionError>) -> String {
        let (table, file) = one_file();
        unreadable(&table, &file, &error.into()).to_string()
    }

    #[test]
    fn what_the_store_refuses_is_no_fault_of_the_file() {
        let of_store = |error: fn(String, Box<dyn std::error::Error + Send + Sync>) -> Error| {
            let refused = error("users/part-0.parquet".to_owned(), "refused".into());
            message(ParquetError::External(Box::new(refused)))
        };
        let denied = of_store(|path, source| Error::PermissionDenied { path, source });
        assert!(
            denied.starts_with("table users: /users/part-0.parquet cannot be read: "),
            "{denied}"
        );
        assert!(denied.ends_with("check the permissions and the connection"), "{denied}");
        for changed in [
            of_store(|path, source| Error::NotFound { path, source }),
            of_store(|path, source| Error::Precondition { path, source }),
        ] {
            assert!(
                changed.contains("was removed, or written again, while it was read"),
                "{changed}"
            );
        }
        let damaged = message(ParquetError::General("corrupt footer".to_owned()));
        assert!(damaged.contains("is not a readable Parquet file"), "{damaged}");
    }
}

#[cfg(test)]
mod whole_file_tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::parquet::arrow::ArrowWriter;
    use object_store::{ObjectStoreExt, PutPayload};

    use super::*;
    use crate::exports::Location;

    /// A file of `numbers` numbers of eight bytes.
    fn file_of(numbers: i64) -> Vec<u8> {
        let column: ArrayRef = Arc::new(Int64Array::from_iter_values(
            (0..numbers).map(|n| n.wrapping_mul(i64::MAX / 7)),
        ));
        let rows = RecordBatch::try_from_iter([("number", column)]).expect("rows");
        let mut writer = ArrowWriter::try_new(Vec::new(), rows.schema(), None).expect("a writer");
        writer.write(&rows).expect("written");
        writer.into_inner().expect("a file")
    }

    #[tokio::test]
    async fn a_small_file_is_fetched_with_its_footer_and_cached_until_it_is_taken() {
        let folder = tempfile::tempdir().expect("a folder");
        let location = Location::parse(folder.path().to_str().expect("a path")).expect("a location");
        let written = [file_of(3), file_of(3), file_of(100_000)];
        let mut files = Vec::new();
        for (number, bytes) in written.iter().enumerate() {
            let path = location.prefix.clone().join(format!("part-{number}.parquet"));
            let put = location.store.put(&path, PutPayload::from(bytes.clone())).await;
            put.expect("written");
            let object = location.store.head(&path).await.expect("it is there");
            files.push(DayFile {
                object,
                partitions: Vec::new(),
            });
        }
        let table = TableFiles {
            name: "numbers".to_owned(),
            location,
            files,
        };
        let inspected = read_footers(&table).await.expect("footers");
        assert!(Arc::ptr_eq(&inspected[0].schema, &inspected[1].schema));
        let taken = |file: usize| inspected[file].footer.take_whole().map(|bytes| bytes.to_vec());
        assert_eq!(taken(0), Some(written[0].clone()));
        assert_eq!(taken(0), None, "it is the caller's now");
        assert_eq!(taken(1), Some(written[1].clone()));
        assert_eq!(taken(2), None, "it is larger than a footer's request");
    }
}
