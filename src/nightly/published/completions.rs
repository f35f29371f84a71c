//! Reads the people in a file of the mart, with their completion dates, for all of its batches.
//!
//! Reading a small file whole takes one request to a store, which is faster than several for parts of it.

use std::io::Cursor;

use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::async_reader::{
    AsyncFileReader, ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder,
};
use datafusion::parquet::errors::ParquetError;
use object_store::path::Path;

use super::error::{PublishedError, reading};
use super::listed_file::ListedFile;
use crate::exports::Location;

/// The columns by which people of a batch and their completions are counted.
const COLUMNS: [&str; 3] = ["batch_id", "user_id", "completion_date"];
/// The largest file that is read whole; of a larger one, the columns are read, one row group after the other.
const MOST_BYTES_AT_ONCE: u64 = 1024 * 1024;
/// Rows that are decoded at a time: a multiple of the rows of a page, so that no page is decoded twice.
const ROWS_AT_A_TIME: usize = 16_384;

/// The columns `batch_id`, `user_id` and `completion_date` of all rows of a file of the mart, in order.
pub type Completions = ParquetRecordBatchStream<Box<dyn AsyncFileReader>>;

/// Opens the file, which must have `bytes` bytes.
///
/// # Errors
/// The file is gone, has another size, or is no Parquet file.
pub async fn open(reports: &Location, path: &Path, bytes: u64) -> Result<Completions, PublishedError> {
    let ListedFile { name, pinned } = ListedFile::open(reports, path, bytes).await?;
    let file: Box<dyn AsyncFileReader> = match bytes <= MOST_BYTES_AT_ONCE {
        true => {
            let whole = pinned.whole().await;
            let whole = whole.map_err(|error| reading(&name)(ParquetError::External(Box::new(error))))?;
            Box::new(Cursor::new(whole))
        }
        false => Box::new(pinned),
    };
    let rows = ParquetRecordBatchStreamBuilder::new(file)
        .await
        .map_err(reading(&name))?;
    let columns = ProjectionMask::columns(rows.parquet_schema(), COLUMNS);
    rows.with_projection(columns)
        .with_batch_size(ROWS_AT_A_TIME)
        .build()
        .map_err(reading(&name))
}
