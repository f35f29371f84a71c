//! Reads the footers of a table's files, before any row: are they Parquet, do they have the contract's columns?

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::datasource::physical_plan::parquet::Int96Coercer;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use datafusion::parquet::basic::{ConvertedType, LogicalType, Type};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use tracing::warn;

use super::all_null::{perhaps_all_null, with_nulls};
use super::contract::Table;
use super::error::ExportsError;
use super::footer::Footer;
use super::listing::{DayFile, Partition};
use super::snapshot::TableFiles;

/// Footers read at a time.
const CONCURRENT_FOOTERS: usize = 16;

/// One readable file of a table.
#[derive(Debug, Clone)]
pub struct InspectedFile {
    pub object: ObjectMeta,
    /// The columns as exported, after them those that `partitions` give.
    pub schema: SchemaRef,
    /// The columns that the file lacks and the folders above it give.
    pub partitions: Vec<Partition>,
    pub rows: u64,
    /// Columns of which the footer does not say that they have a value.
    pub perhaps_all_null: BTreeSet<String>,
    /// Uncompressed size of all columns, in bytes.
    pub uncompressed_bytes: u64,
    /// Whether smallest and largest values in the footer may tell which rows are in the file. Old writers ordered text by
    /// signed bytes.
    pub has_sound_statistics: bool,
    /// The footer itself, so that scans need not read it again.
    pub footer: Arc<Footer>,
}

impl InspectedFile {
    /// The column of this name that the file itself has.
    pub fn exported(&self, name: &str) -> Option<&Field> {
        let is_of_folder = self.folder_columns().any(|column| column == name);
        let field = self.schema.field_with_name(name).ok()?;
        (!is_of_folder).then_some(field)
    }

    /// The columns that the folders above the file give.
    pub fn folder_columns(&self) -> impl Iterator<Item = &String> {
        self.partitions.iter().map(|partition| &partition.column)
    }
}

/// Reads every footer of `table`, in file order.
///
/// # Errors
/// Where a file is not Parquet, cannot be read, or contradicts itself.
pub async fn read_footers(table: &TableFiles) -> Result<Vec<InspectedFile>, ExportsError> {
    // Boxed, so that the compiler can tell that a service may move this between threads.
    let footers: Vec<_> = table
        .files
        .iter()
        .map(|file| read_footer(table, file).boxed())
        .collect();
    futures::stream::iter(footers)
        .buffered(CONCURRENT_FOOTERS)
        .try_collect()
        .await
}

async fn read_footer(table: &TableFiles, file: &DayFile) -> Result<InspectedFile, ExportsError> {
    let unreadable = |error: DataFusionError| ExportsError::Unreadable {
        table: table.name.clone(),
        file: table.location.display(&file.object.location),
        reason: error.strip_backtrace(),
    };
    let footer = DFParquetMetadata::new(table.location.store.as_ref(), &file.object)
        .fetch_metadata()
        .await
        .map_err(unreadable)?;
    let rows = row_count(table, file, &footer)?;
    let exported = exported_schema(&footer).map_err(|error| unreadable(error.into()))?;
    let is_lacking = |partition: &&Partition| exported.field_with_name(&partition.column).is_err();
    let partitions: Vec<Partition> = file.partitions.iter().filter(is_lacking).cloned().collect();
    let of_folders = partitions
        .iter()
        .map(|partition| Field::new(&partition.column, DataType::Utf8, true));
    let fields: Vec<Arc<Field>> = exported
        .fields()
        .iter()
        .cloned()
        .chain(of_folders.map(Arc::new))
        .collect();
    Ok(InspectedFile {
        object: file.object.clone(),
        schema: Arc::new(Schema::new(fields)),
        partitions,
        rows,
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
        footer: Arc::new(Footer::new(footer, &file.object)),
    })
}

/// The columns as a scan reads them. Spark's timestamps of 96 bits are microseconds: as nanoseconds, years before 1677 and
/// after 2262 would wrap round to others.
///
/// # Errors
/// Where the footer's schema is none.
pub fn exported_schema(footer: &ParquetMetaData) -> Result<Schema, ParquetError> {
    let file = footer.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())?;
    let coerced = Int96Coercer::new(file.schema_descr(), &schema, &TimeUnit::Microsecond).coerce();
    Ok(coerced.unwrap_or(schema))
}

/// The rows of a file, whose footer and row groups must agree: scans believe the one or the other.
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

/// Whether the smallest and largest value of a column are in the order in which values are compared. The deprecated fields
/// of Parquet's statistics are in signed order, whatever the column holds (PARQUET-251).
fn has_sound_statistics(column: &ColumnChunkMetaData) -> bool {
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

/// Checks every file of a canonical table against the contract.
pub fn check_contract(table: Table, files: &TableFiles, inspected: &[InspectedFile]) -> Result<(), ExportsError> {
    for file in inspected {
        let name = files.location.display(&file.object.location);
        check_columns(table, &name, &with_nulls(&file.schema, &file.perhaps_all_null))?;
    }
    Ok(())
}

/// Checks the columns that `source_name` (a file or a staging query) gives for a canonical table.
pub fn check_columns(table: Table, source_name: &str, found: &SchemaRef) -> Result<(), ExportsError> {
    if let Some(column) = column_twice(found) {
        return Err(ExportsError::ColumnTwice {
            table: table.name().to_owned(),
            source_name: source_name.to_owned(),
            column: column.to_owned(),
        });
    }
    for column in table.columns() {
        match found.field_with_name(column.name) {
            Ok(field) if column.kind.accepts(field) => {}
            Ok(field) => {
                return Err(ExportsError::wrong_type(
                    table.name(),
                    source_name,
                    column,
                    field.data_type(),
                ));
            }
            Err(_) => {
                let similar = similar_names(column.name, found);
                if column.required {
                    return Err(ExportsError::missing(table.name(), source_name, column, similar));
                }
                if let Some(name) = similar.first() {
                    warn!(
                        "table {table}: {source_name} has no column {}, which then is NULL, but a column {name:?}; \
                         rename it in the export if it is meant",
                        column.name
                    );
                }
            }
        }
    }
    Ok(())
}

/// The first name that two columns have.
pub fn column_twice(schema: &Schema) -> Option<&str> {
    let mut names = HashSet::new();
    let mut all = schema.fields().iter().map(|field| field.name().as_str());
    all.find(|name| !names.insert(*name))
}

/// The columns whose names differ from `name` in nothing but case, and signs that are no letters or digits.
fn similar_names(name: &str, found: &Schema) -> Vec<String> {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(|c| c.is_alphanumeric());
        letters.flat_map(char::to_lowercase).collect()
    };
    let wanted = plain(name);
    let names = found.fields().iter().map(|field| field.name());
    names.filter(|found| plain(found) == wanted).cloned().collect()
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
