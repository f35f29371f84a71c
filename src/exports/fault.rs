//! Finds the file and column that made a scan fail, by reading the files again one column at a time.
//!
//! Parquet readers report what is wrong, but not where. The second read costs time only in a run that fails anyway.

use std::sync::Arc;

use datafusion::arrow::datatypes::Schema;
use datafusion::common::DataFusionError;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::TaskContext;
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::physical_plan::ExecutionPlan;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};

use super::contract::Column;
use super::convert::{Unconvertible, canonical_array};
use super::error::ExportsError;
use super::inspect::exported_schema;
use super::location::displayed;
use super::panics::without_panic;
use super::pinned::PinnedFile;
use super::rows::OutputColumn;
use crate::zone::Zone;

/// A defect of a column of a file.
enum Fault {
    /// The Parquet reader fails.
    Unreadable { column: String, reason: String },
    /// The value of a row, counted from 1, does not convert to the contract's type.
    Unconvertible {
        column: &'static Column,
        row: usize,
        value: Unconvertible,
    },
}

/// A column that the scan read: its name in the files, and its definition in the contract.
type ReadColumn = (String, Option<&'static Column>);

/// Replaces `error`, from the scan of a table or the conversion of its rows, by one that names the first file and
/// column that cannot be read as `columns`. Where all can be read, the cause is another one, and `error` is returned.
/// So is an error that names the column already.
pub async fn explained(
    error: DataFusionError,
    table: &str,
    columns: &[OutputColumn],
    zone: &Zone,
    scan: &Arc<dyn ExecutionPlan>,
    context: &TaskContext,
) -> DataFusionError {
    if let Some(file) = changed_file(&error)
        && let Some(config) = scan_config(scan)
    {
        let (table, file) = (table.to_owned(), displayed(config.object_store_url.as_str(), &file));
        return DataFusionError::External(Box::new(ExportsError::Replaced { table, file }));
    }
    if cause_of::<object_store::Error>(&error).is_some() || cause_of::<ExportsError>(&error).is_some() {
        return error;
    }
    let fault = find_fault(table, columns, zone, scan, context).await;
    fault.map_or(error, |fault| DataFusionError::External(Box::new(fault)))
}

/// The file that was removed, or written again, since it was listed; `None` for any other error.
pub fn changed_file(error: &DataFusionError) -> Option<Path> {
    use object_store::Error::{NotFound, Precondition};
    match cause_of::<object_store::Error>(error)? {
        NotFound { path, .. } | Precondition { path, .. } => Path::parse(path).ok(),
        _ => None,
    }
}

/// The cause of this kind, where an error has one.
pub fn cause_of<E: std::error::Error + 'static>(error: &DataFusionError) -> Option<&E> {
    let mut causes = std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |cause| {
        cause.source()
    });
    causes.find_map(|cause| cause.downcast_ref::<E>())
}

fn scan_config(scan: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    data_source(scan)?.data_source().downcast_ref::<FileScanConfig>()
}

async fn find_fault(
    table: &str,
    columns: &[OutputColumn],
    zone: &Zone,
    scan: &Arc<dyn ExecutionPlan>,
    context: &TaskContext,
) -> Option<ExportsError> {
    let config = scan_config(scan)?;
    let store = context.runtime_env().object_store(&config.object_store_url).ok()?;
    let read = read_columns(columns, scan, config);
    for file in files_of(config) {
        if let Some((column, value)) = faulty_folder(config, file, &read, zone) {
            let file = displayed(config.object_store_url.as_str(), &file.object_meta.location);
            return Some(ExportsError::unconvertible(table, &file, column, None, value));
        }
        let file = &file.object_meta;
        let looked = async {
            faulty_column(&store, file, &read, zone)
                .await
                .map_err(DataFusionError::from)
        };
        let fault = match without_panic(looked).await {
            Ok(None) => continue,
            Ok(Some(fault)) => fault,
            Err(error) => {
                return Some(ExportsError::Unreadable {
                    table: table.to_owned(),
                    file: displayed(config.object_store_url.as_str(), &file.location),
                    reason: error.strip_backtrace(),
                });
            }
        };
        let file = displayed(config.object_store_url.as_str(), &file.location);
        return Some(match fault {
            Fault::Unreadable { column, reason } => ExportsError::UnreadableColumn {
                table: table.to_owned(),
                file,
                column,
                reason,
            },
            Fault::Unconvertible { column, row, value } => {
                ExportsError::unconvertible(table, &file, column, u64::try_from(row).ok(), value)
            }
        });
    }
    None
}

/// Each file of a scan once: one of several parts stands several times in it.
fn files_of(config: &FileScanConfig) -> Vec<&PartitionedFile> {
    let mut files: Vec<&PartitionedFile> = Vec::new();
    for file in config.file_groups.iter().flat_map(|group| group.iter()) {
        let is_same = |last: &&PartitionedFile| last.object_meta.location == file.object_meta.location;
        if !files.last().is_some_and(is_same) {
            files.push(file);
        }
    }
    files
}

/// The first column of the contract that a folder above `file` gives, and that does not convert.
fn faulty_folder(
    config: &FileScanConfig,
    file: &PartitionedFile,
    read: &[ReadColumn],
    zone: &Zone,
) -> Option<(&'static Column, Unconvertible)> {
    let mut given = config.table_partition_cols().iter().zip(&file.partition_values);
    given.find_map(|(field, value)| {
        let (_, column) = read.iter().find(|(name, _)| name == field.name())?;
        let column = (*column)?;
        let values = value.to_array().ok()?;
        let refused = canonical_array(column, field, &values, zone).err()?;
        Some((column, refused))
    })
}

/// The scan itself, below any nodes that the optimizer has inserted above it.
fn data_source(plan: &Arc<dyn ExecutionPlan>) -> Option<&DataSourceExec> {
    let source = plan.downcast_ref::<DataSourceExec>();
    source.or_else(|| plan.children().into_iter().find_map(data_source))
}

/// The columns of the output, then those that pushed-down filters may have read.
fn read_columns(columns: &[OutputColumn], scan: &Arc<dyn ExecutionPlan>, config: &FileScanConfig) -> Vec<ReadColumn> {
    let given = scan.schema();
    let output = columns.iter().filter_map(|column| {
        let name = given.fields().get(column.input?)?.name();
        Some((name.clone(), column.contract))
    });
    let mut read: Vec<ReadColumn> = output.collect();
    for field in config.file_schema().fields() {
        if read.iter().all(|(name, _)| name != field.name()) {
            read.push((field.name().clone(), None));
        }
    }
    read
}

async fn faulty_column(
    store: &Arc<dyn ObjectStore>,
    file: &ObjectMeta,
    columns: &[ReadColumn],
    zone: &Zone,
) -> ParquetResult<Option<Fault>> {
    let pinned = PinnedFile {
        store: Arc::clone(store),
        object: Arc::new(file.clone()),
    };
    let open = || pinned.clone();
    let footer = ArrowReaderMetadata::load_async(&mut open(), ArrowReaderOptions::new()).await?;
    let schema = Arc::new(exported_schema(footer.metadata())?);
    let options = ArrowReaderOptions::new().with_schema(Arc::clone(&schema));
    let footer = ArrowReaderMetadata::try_new(Arc::clone(footer.metadata()), options)?;
    for (name, contract) in columns {
        if let Ok(index) = schema.index_of(name)
            && let Some(fault) = fault_of(open(), footer.clone(), index, &schema, *contract, zone).await
        {
            return Ok(Some(fault));
        }
    }
    Ok(None)
}

/// Reads one whole column of a file, and converts it where the contract defines it.
async fn fault_of(
    reader: PinnedFile,
    footer: ArrowReaderMetadata,
    index: usize,
    schema: &Schema,
    contract: Option<&'static Column>,
    zone: &Zone,
) -> Option<Fault> {
    let field = schema.field(index);
    let unreadable = |reason: String| Fault::Unreadable {
        column: field.name().clone(),
        reason,
    };
    let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, footer);
    let mask = ProjectionMask::roots(builder.parquet_schema(), [index]);
    let mut rows = match builder.with_projection(mask).build() {
        Ok(rows) => rows,
        Err(error) => return Some(unreadable(error.to_string())),
    };
    let mut before = 0;
    loop {
        let next = async { rows.try_next().await.map_err(DataFusionError::from) };
        let batch = match without_panic(next).await {
            Ok(None) => return None,
            Ok(Some(batch)) => batch,
            Err(error) => return Some(unreadable(error.strip_backtrace())),
        };
        if let (Some(column), Some(values)) = (contract, batch.columns().first())
            && let Err(value) = canonical_array(column, field, values, zone)
        {
            let row = before + value.row + 1;
            return Some(Fault::Unconvertible { column, row, value });
        }
        before += batch.num_rows();
    }
}
