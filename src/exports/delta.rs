//! Reads the log of a Delta Lake table with Delta's own library, to find the data files of its newest version.
//!
//! Table features that a plain scan of those files would ignore are errors: deletion vectors, column mapping, and files
//! outside the folders of their partitions.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::DataFusionError;
use delta_kernel::scan::state::ScanFile;
use delta_kernel::table_features::ColumnMappingMode;
use delta_kernel::{KernelError, Snapshot};
use delta_kernel_default_engine::DefaultEngineBuilder;
use delta_kernel_default_engine::executor::tokio::TokioMultiThreadExecutor;
use object_store::path::Path;
use tokio::runtime::Handle;
use url::Url;

use super::error::{ExportsError, one_line};
use super::listing::partition_of;
use super::location::Location;
use super::panics::step_without_panic;
use super::table_format::{DELTA_LOG, TableFormat};
use super::table_log::LogFiles;

/// Why a scan of the files in a log would not give the table's rows.
#[derive(Debug, thiserror::Error)]
enum LogError {
    #[error("{0}")]
    Kernel(#[from] KernelError),
    #[error("{0}")]
    Path(#[from] object_store::path::Error),
    #[error("its folder has no address")]
    NoAddress,
    #[error("it maps its columns to other names (delta.columnMapping.mode)")]
    RenamedColumns,
    #[error("rows of {0} are deleted by a deletion vector; purge them (REORG TABLE … APPLY (PURGE))")]
    DeletionVector(String),
    #[error("it names {0}, which lies outside of the table's folder (a shallow clone)")]
    Outside(String),
    #[error("it names {0}, whose folders are not those of its partitions")]
    OtherFolders(String),
    #[error("{}", .0.strip_backtrace())]
    Panic(DataFusionError),
    #[error("reading it was cancelled")]
    GivenUp,
}

/// The data files of the newest version of the Delta Lake table in `folder`, whose log lies in its `_delta_log`.
///
/// # Errors
/// Where the log cannot be read, or a scan of its files would not give the table's rows.
pub async fn read_log(table: &str, location: &Location, folder: &Path) -> Result<LogFiles, ExportsError> {
    let files = newest_files(location, folder).await;
    files.map_err(|error| ExportsError::TableLog {
        table: table.to_owned(),
        format: TableFormat::Delta.name(),
        log: location.display(&folder.clone().join(DELTA_LOG)),
        reason: one_line(&error),
        remedy: TableFormat::Delta.remedy(),
    })
}

async fn newest_files(location: &Location, folder: &Path) -> Result<LogFiles, LogError> {
    let root = table_url(&location.root, folder)?;
    let store = Arc::clone(&location.store);
    let executor = Arc::new(TokioMultiThreadExecutor::new(Handle::current()));
    // The library blocks on the store while it reads.
    let read = move || {
        let engine = DefaultEngineBuilder::new(store).with_task_executor(executor).build();
        let snapshot = Snapshot::builder_for(root).build(&engine)?;
        let mapping = snapshot.table_properties().column_mapping_mode;
        if mapping.is_some_and(|mode| mode != ColumnMappingMode::None) {
            return Err(LogError::RenamedColumns);
        }
        let scan = snapshot.scan_builder().build()?;
        let mut files = Vec::new();
        for part in scan.scan_metadata(&engine)? {
            files = part?.visit_scan_files(files, |files: &mut Vec<ScanFile>, file| files.push(file))?;
        }
        Ok(files)
    };
    let read = tokio::task::spawn_blocking(|| step_without_panic(read)).await;
    let files: Vec<ScanFile> = read.map_err(|_| LogError::GivenUp)?.map_err(LogError::Panic)??;
    files.into_iter().map(|file| path_of(folder, file)).collect()
}

/// The URL of a table's folder, in the form that the library expects.
fn table_url(root: &Url, folder: &Path) -> Result<String, LogError> {
    let mut url = root.clone();
    let mut parts = url.path_segments_mut().map_err(|()| LogError::NoAddress)?;
    parts
        .pop_if_empty()
        .extend(folder.parts().map(|part| part.as_ref().to_owned()))
        .push("");
    drop(parts);
    Ok(url.into())
}

/// The path of a data file of the table in `folder`.
fn path_of(folder: &Path, file: ScanFile) -> Result<Path, LogError> {
    if file.dv_info.has_vector() {
        return Err(LogError::DeletionVector(file.path));
    }
    if Url::parse(&file.path).is_ok() || file.path.starts_with('/') {
        return Err(LogError::Outside(file.path));
    }
    let below = Path::from_url_path(&file.path)?;
    if !lies_in_its_partitions(&below, &file.partition_values) {
        return Err(LogError::OtherFolders(file.path));
    }
    Ok(folder.parts().chain(below.parts()).collect())
}

/// Whether the partition values in the path of a file, which scans read, equal those in the log.
fn lies_in_its_partitions(file: &Path, logged: &HashMap<String, String>) -> bool {
    let mut parts: Vec<String> = file.parts().map(|part| part.as_ref().to_owned()).collect();
    parts.pop();
    let folders: Option<Vec<_>> = parts.iter().map(|folder| partition_of(folder)).collect();
    folders.is_some_and(|folders| {
        let agree = folders.iter().all(|folder| match &folder.value {
            Some(value) => logged.get(&folder.column) == Some(value),
            None => logged.get(&folder.column).is_none_or(String::is_empty),
        });
        let has_folder = |column: &String| folders.iter().any(|folder| folder.column == *column);
        agree && logged.keys().all(has_folder)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_lies_in_the_folders_of_its_partitions() {
        let lies = |path: &str, logged: &[(&str, &str)]| {
            let logged = logged
                .iter()
                .map(|(column, value)| (column.to_string(), value.to_string()));
            lies_in_its_partitions(&Path::parse(path).expect("a path"), &logged.collect())
        };
        assert!(lies("part-0.parquet", &[]));
        assert!(lies("date=2026-11-22/part-0.parquet", &[("date", "2026-11-22")]));
        assert!(lies(
            "date=2026-11-22 00%3A00%3A00/a",
            &[("date", "2026-11-22 00:00:00")]
        ));
        assert!(lies(
            "date=2026-11-22/state=__HIVE_DEFAULT_PARTITION__/a",
            &[("date", "2026-11-22")]
        ));
        assert!(!lies("date=2026-11-22/a", &[("date", "2026-11-21")]));
        assert!(!lies("part-0.parquet", &[("date", "2026-11-22")]));
        assert!(!lies("x1/part-0.parquet", &[("date", "2026-11-22")]));
        assert!(!lies("date=2026-11-22/a", &[]));
    }

    #[test]
    fn a_folder_has_an_address() {
        let root = Url::parse("s3://exports/").expect("a URL");
        let url = table_url(&root, &Path::from("a b/enrolments")).expect("an address");
        assert_eq!(url, "s3://exports/a%20b/enrolments/");
        let root = Url::parse("file:///").expect("a URL");
        assert_eq!(
            table_url(&root, &Path::from("x/y")).expect("an address"),
            "file:///x/y/"
        );
    }
}
