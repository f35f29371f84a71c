//! Reads the footers of a table's files, before any row: are they Parquet, do they have the contract's columns?

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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

use super::all_null::{perhaps_all_null, with_nulls};
use super::contract::Table;
use super::error::ExportsError;
use super::footer::Footer;
use super::listing::{DayFile, Partition};
use super::note::{ExportNote, some_of};
use super::panics::{step_without_panic, without_panic};
use super::snapshot::TableFiles;

/// Footers read at a time.
const CONCURRENT_FOOTERS: usize = 16;
/// Bytes at the end of a file that are read at once, which hold most footers. A longer one is read in a second request.
const FOOTER_BYTES: usize = 64 * 1024;

/// Bytes of memory that the kept footers of a table may take. Files beyond have theirs read again.
const KEPT_FOOTERS: usize = 256 * 1024 * 1024;

/// One readable file of a table.
#[derive(Debug, Clone)]
pub struct InspectedFile {
    pub object: ObjectMeta,
    /// The columns as exported, after them those that `partitions` give.
    pub schema: SchemaRef,
    /// The columns that the file lacks and the folders above it give.
    pub partitions: Vec<Partition>,
    pub rows: u64,
    pub row_groups: usize,
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
    let budget = AtomicUsize::new(KEPT_FOOTERS);
    // Boxed, so that the compiler can tell that a service may move this between threads.
    let footers: Vec<_> = table
        .files
        .iter()
        .map(|file| read_footer(table, file, &budget).boxed())
        .collect();
    futures::stream::iter(footers)
        .buffered(CONCURRENT_FOOTERS)
        .try_collect()
        .await
}

async fn read_footer(table: &TableFiles, file: &DayFile, budget: &AtomicUsize) -> Result<InspectedFile, ExportsError> {
    let unreadable = |error: DataFusionError| ExportsError::Unreadable {
        table: table.name.clone(),
        file: table.location.display(&file.object.location),
        reason: error.strip_backtrace(),
    };
    let object = DFParquetMetadata::new(table.location.store.as_ref(), &file.object);
    let object = object.with_metadata_size_hint(Some(FOOTER_BYTES));
    let footer = without_panic(object.fetch_metadata()).await.map_err(unreadable)?;
    let rows = row_count(table, file, &footer)?;
    let exported = step_without_panic(|| exported_schema(&footer)).map_err(unreadable)?;
    let exported = exported.map_err(|error| unreadable(error.into()))?;
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
    let kept = is_within(budget, footer.memory_size()).then(|| Arc::clone(&footer));
    Ok(InspectedFile {
        object: file.object.clone(),
        schema: Arc::new(Schema::new(fields)),
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
        footer: Arc::new(Footer::new(&file.object, kept)),
    })
}

/// Takes `bytes` from what is left of a budget, where there are so many.
fn is_within(budget: &AtomicUsize, bytes: usize) -> bool {
    let take = |left: usize| left.checked_sub(bytes);
    budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
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

/// Checks every file of a canonical table against the contract, and says which columns that need not be there are perhaps
/// only spelled otherwise.
///
/// # Errors
/// Where a column is missing, stands twice, or has a type that the contract does not take.
pub fn check_contract(
    table: Table,
    files: &TableFiles,
    inspected: &[InspectedFile],
) -> Result<Vec<ExportNote>, ExportsError> {
    // The columns, with the files that have them so.
    let mut misspelled: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for file in inspected {
        let name = files.location.display(&file.object.location);
        let schema = with_nulls(&file.schema, &file.perhaps_all_null);
        check_columns(table, &name, &schema)?;
        for column in misspelled_columns(table, &schema) {
            misspelled.entry(column).or_default().push(name.clone());
        }
    }
    let note = |((column, found), names): ((&str, String), Vec<String>)| {
        ExportNote::new(table.name(), misspelling(&some_of(&names), column, &found))
    };
    Ok(misspelled.into_iter().map(note).collect())
}

/// What is said of a column that need not be there, in place of which there is one of nearly its name.
pub fn misspelling(source_name: &str, column: &str, found: &str) -> String {
    format!(
        "{source_name} has no column {column}, which then is NULL, but a column {found:?}; rename it in the export if it is meant"
    )
}

/// The columns of the contract that need not be there and are not, each with one that is there under nearly its name.
pub fn misspelled_columns(table: Table, found: &Schema) -> Vec<(&'static str, String)> {
    let missing = table.columns().iter().filter(|column| {
        let is_there = found.field_with_name(column.name).is_ok();
        !column.required && !is_there
    });
    missing
        .filter_map(|column| Some((column.name, similar_names(column.name, found).into_iter().next()?)))
        .collect()
}

/// Checks the columns that `source_name` (a file or a staging query) gives for a canonical table.
///
/// # Errors
/// Where a column is missing, stands twice, or has a type that the contract does not take.
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
            Err(_) if column.required => {
                let similar = similar_names(column.name, found);
                return Err(ExportsError::missing(table.name(), source_name, column, similar));
            }
            Err(_) => {}
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

#[cfg(test)]
mod count_tests {
    use datafusion::parquet::file::metadata::{FileMetaData, ParquetMetaDataBuilder, RowGroupMetaData};
    use datafusion::parquet::schema::parser::parse_message_type;
    use datafusion::parquet::schema::types::SchemaDescriptor;
    use object_store::path::Path;

    use super::*;
    use crate::exports::Location;

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
        let object = ObjectMeta {
            location: Path::from("users/part-0.parquet"),
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
            location: Location::parse("/").expect("a folder"),
            files: Vec::new(),
        };
        row_count(&table, &file, &footer)
    }

    #[test]
    fn a_footer_that_counts_other_rows_than_its_row_groups_is_refused() {
        assert_eq!(counted(5, &[2, 3]).expect("a count"), 5);
        for (of_footer, of_groups) in [(0, &[2, 3][..]), (5, &[]), (0, &[-1, 1])] {
            let refused = counted(of_footer, of_groups).expect_err("a contradiction").to_string();
            assert!(
                refused.contains("table users: /users/part-0.parquet contradicts itself"),
                "{refused}"
            );
        }
    }
}
