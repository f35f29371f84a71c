//! Reads the footers of a table's files, before any row: are they Parquet, do they have the contract's columns?

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::DataFusionError;
use datafusion::parquet::arrow::parquet_to_arrow_schema;
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::ObjectMeta;
use tracing::warn;

use super::all_null::{perhaps_all_null, with_nulls};
use super::contract::Table;
use super::error::ExportsError;
use super::snapshot::TableFiles;

/// Footers read at a time.
const CONCURRENT_FOOTERS: usize = 16;

/// One readable file of a table.
#[derive(Debug, Clone)]
pub struct InspectedFile {
    pub object: ObjectMeta,
    /// The columns as exported.
    pub schema: SchemaRef,
    pub rows: u64,
    /// Columns of which the footer does not say that they have a value.
    pub perhaps_all_null: BTreeSet<String>,
    /// Uncompressed size of all columns, in bytes.
    pub uncompressed_bytes: u64,
}

/// Reads every footer of `table`, in file order.
pub async fn read_footers(table: &TableFiles) -> Result<Vec<InspectedFile>, ExportsError> {
    // Boxed, so that the compiler can tell that a service may move this between threads.
    let footers: Vec<_> = table
        .files
        .iter()
        .map(|object| read_footer(table, object).boxed())
        .collect();
    futures::stream::iter(footers)
        .buffered(CONCURRENT_FOOTERS)
        .try_collect()
        .await
}

async fn read_footer(table: &TableFiles, object: &ObjectMeta) -> Result<InspectedFile, ExportsError> {
    let unreadable = |error: DataFusionError| ExportsError::Unreadable {
        table: table.name.clone(),
        file: table.location.display(&object.location),
        reason: error.strip_backtrace(),
    };
    let metadata = DFParquetMetadata::new(table.location.store.as_ref(), object)
        .fetch_metadata()
        .await
        .map_err(unreadable)?;
    let file = metadata.file_metadata();
    let schema = parquet_to_arrow_schema(file.schema_descr(), file.key_value_metadata())
        .map_err(|error| unreadable(error.into()))?;
    let row_groups = metadata.row_groups();
    Ok(InspectedFile {
        object: object.clone(),
        perhaps_all_null: perhaps_all_null(&metadata),
        schema: Arc::new(schema),
        rows: row_groups.iter().map(|group| count(group.num_rows())).sum(),
        uncompressed_bytes: row_groups.iter().map(|group| count(group.total_byte_size())).sum(),
    })
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
