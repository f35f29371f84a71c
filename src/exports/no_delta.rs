//! The replacement for `delta` in a build without the feature `delta`, so that its callers need no `cfg`.

use object_store::path::Path;

use super::error::ExportsError;
use super::location::Location;
use super::table_format::{DELTA_LOG, TableFormat};
use super::table_log::LogFiles;

/// Always fails: without its log, the current rows of a Delta Lake table are not known.
pub async fn read_log(table: &str, location: &Location, folder: &Path) -> Result<LogFiles, ExportsError> {
    let log = folder.clone().join(DELTA_LOG);
    Err(ExportsError::table_format(
        table,
        TableFormat::Delta,
        location.display(&log),
    ))
}
