//! Opens the files of a mart: each must be as the manifest lists it, and is pinned to the version that was opened.
//!
//! A mart has thousands of small files, so each is opened by one request, which gives both its version and its footer.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::runtime::SpawnedTask;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::{GetOptions, ObjectMeta, ObjectStoreExt};

use super::error::MartError;
use super::layout::Layouts;
use super::{MartPart, ReportMart};
use crate::exports::{Location, PinnedFile};

/// Files that a task opens at the same time.
const CONCURRENT_FILES: usize = 16;
/// Bytes at the end of a file that are read first. A footer has about 3 kB for each row group, and most files have one.
const END_BYTES: u64 = 8 * 1024;

/// A file whose footer was read.
#[derive(Debug)]
pub struct OpenPart {
    pub listed: MartPart,
    pub object: ObjectMeta,
    pub footer: Arc<Footer>,
    /// The columns that the file has, in the types that scans read; files of the same layout share it.
    pub schema: SchemaRef,
}

/// The footer of a file, by which scans read it.
#[derive(Debug)]
pub struct Footer(pub Arc<ParquetMetaData>);

impl ReportMart {
    /// Opens the files `parts`, in their order, with `tasks` concurrent tasks.
    ///
    /// # Errors
    /// Where one cannot be read, or has other rows or columns than listed.
    pub async fn open(
        &self,
        parts: Vec<MartPart>,
        schema: &SchemaRef,
        tasks: usize,
    ) -> Result<Vec<OpenPart>, MartError> {
        let opener = Arc::new(Opener {
            reports: self.reports.clone(),
            layouts: Layouts::new(Arc::clone(schema)),
        });
        let parts_of_task = parts.len().div_ceil(tasks.max(1)).max(1);
        let of_tasks = parts.chunks(parts_of_task).map(|parts| {
            let (opener, parts) = (Arc::clone(&opener), parts.to_vec());
            SpawnedTask::spawn(async move { opener.open_all(parts).await })
        });
        let opening: Vec<_> = of_tasks.collect();
        let mut open = Vec::with_capacity(parts.len());
        for task in opening {
            let opened = task.join().await;
            // A footer that makes the parser panic is damaged as well.
            let opened = opened.map_err(|error| MartError::unreadable(&self.reports.to_string(), error))?;
            open.extend(opened?);
        }
        Ok(open)
    }

    /// Checks that no later run has replaced the output.
    ///
    /// # Errors
    /// The manifest is gone, cannot be reached, or is another version.
    pub async fn check_current(&self) -> Result<(), MartError> {
        let place = &self.manifest.location;
        match self.reports.store.head(place).await {
            Ok(found) if is_same_version(&found, &self.manifest) => Ok(()),
            _ => Err(MartError::OtherManifest {
                manifest: self.reports.display(place),
            }),
        }
    }
}

/// Opens files in a task.
struct Opener {
    reports: Location,
    layouts: Layouts,
}

impl Opener {
    async fn open_all(&self, parts: Vec<MartPart>) -> Result<Vec<OpenPart>, MartError> {
        // Boxed, so that the compiler can prove that the future is `Send`.
        let opening: Vec<_> = parts.into_iter().map(|part| self.open_part(part).boxed()).collect();
        futures::stream::iter(opening)
            .buffered(CONCURRENT_FILES)
            .try_collect()
            .await
    }

    async fn open_part(&self, part: MartPart) -> Result<OpenPart, MartError> {
        let name = self.reports.display(&part.path);
        let not_as_listed = |what, expected, found| MartError::NotAsListed {
            file: name.clone(),
            what,
            expected,
            found,
        };
        // Azure has no requests for the last bytes of an object, so the range has its start.
        let options = GetOptions {
            range: Some((part.bytes.saturating_sub(END_BYTES)..part.bytes).into()),
            ..GetOptions::default()
        };
        let read = self.reports.store.get_opts(&part.path, options).await;
        let read = read.map_err(|error| MartError::unreadable(&name, error))?;
        let object = read.meta.clone();
        if object.size != part.bytes {
            return Err(not_as_listed("bytes", part.bytes, object.size));
        }
        let end = read.bytes().await;
        let end = end.map_err(|error| MartError::unreadable(&name, error))?;
        let footer = self.footer_of(&object, end).await;
        let footer = footer.map_err(|error| MartError::unreadable(&name, error))?;
        let rows = u64::try_from(footer.file_metadata().num_rows()).unwrap_or_default();
        if rows != part.rows {
            return Err(not_as_listed("rows", part.rows, rows));
        }
        Ok(OpenPart {
            schema: self.layouts.schema_of(&name, footer.file_metadata())?,
            listed: part,
            object,
            footer: Arc::new(Footer(Arc::new(footer))),
        })
    }

    /// The footer of `object`, of which `end` are the last bytes, without its page index.
    async fn footer_of(&self, object: &ObjectMeta, end: Bytes) -> ParquetResult<ParquetMetaData> {
        let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Skip);
        match reader.try_parse_sized(&end, object.size) {
            Err(ParquetError::NeedMoreData(length)) => {
                let mut file = PinnedFile {
                    store: Arc::clone(&self.reports.store),
                    object: Arc::new(object.clone()),
                };
                let longer = file
                    .get_bytes(object.size.saturating_sub(length as u64)..object.size)
                    .await?;
                reader.try_parse_sized(&longer, object.size)?;
            }
            parsed => parsed?,
        }
        reader.finish()
    }
}

/// Whether two requests found the same version of an object.
fn is_same_version(found: &ObjectMeta, other: &ObjectMeta) -> bool {
    let is_same_tag = match (&found.e_tag, &other.e_tag) {
        (Some(found), Some(other)) => found == other,
        _ => found.last_modified == other.last_modified,
    };
    is_same_tag && found.size == other.size
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use datafusion::arrow::array::{ArrayRef, Int32Array, RecordBatch};
    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use object_store::path::Path;

    use super::super::test_mart::mart_in_memory;
    use super::*;

    /// A mart of a file for each number of `columns`: it has that many columns, and one row of ones.
    async fn mart(columns: &[usize]) -> (ReportMart, SchemaRef) {
        let one = || Arc::new(Int32Array::from(vec![1])) as ArrayRef;
        let rows_of = |columns: usize| {
            let named = (0..columns).map(|column| (format!("c{column}"), one(), true));
            RecordBatch::try_from_iter_with_nullable(named).expect("a row")
        };
        let names: Vec<String> = (0..columns.len()).map(|number| format!("part-{number}")).collect();
        let files = names.iter().zip(columns);
        let files: Vec<_> = files
            .map(|(name, &columns)| (name.as_str(), rows_of(columns)))
            .collect();
        let schema = Schema::new(vec![Field::new("c0", DataType::Int32, true)]);
        (mart_in_memory(&files).await, Arc::new(schema))
    }

    #[tokio::test]
    async fn files_are_opened_in_their_order_whatever_the_length_of_their_footers() {
        // The footer of the third file is longer than the bytes that are read first.
        let (mart, schema) = mart(&[1, 2, 300, 1, 1]).await;
        for tasks in [1, 2, 3, 9] {
            let open = mart.open(mart.parts.clone(), &schema, tasks).await.expect("files");
            let paths: Vec<&str> = open.iter().map(|part| part.object.location.as_ref()).collect();
            assert_eq!(paths, ["part-0", "part-1", "part-2", "part-3", "part-4"]);
            let columns: Vec<usize> = open.iter().map(|part| part.schema.fields().len()).collect();
            assert_eq!(columns, [1, 2, 300, 1, 1]);
            let rows = open.iter().map(|part| part.footer.0.file_metadata().num_rows());
            assert_eq!(rows.sum::<i64>(), 5);
            assert!(open.iter().all(|part| part.object.size == part.listed.bytes));
        }
        assert!(mart.parts[1].bytes < END_BYTES && mart.parts[2].bytes > 2 * END_BYTES);
    }

    /// Why a mart does not open after a `change` of the list.
    async fn complaint(change: impl Fn(&mut MartPart)) -> String {
        let (mut mart, schema) = mart(&[1, 1]).await;
        change(&mut mart.parts[1]);
        let opened = mart.open(mart.parts.clone(), &schema, 2).await;
        opened.expect_err("a difference").to_string()
    }

    #[tokio::test]
    async fn a_file_that_is_not_as_listed_is_not_opened() {
        let bytes = complaint(|part| part.bytes -= 1).await;
        assert!(
            bytes.contains("memory:///part-1 has") && bytes.contains("bytes and its manifest says"),
            "{bytes}"
        );
        let rows = complaint(|part| part.rows = 2).await;
        assert_eq!(rows, "memory:///part-1 has 1 rows and its manifest says 2");
        let gone = complaint(|part| part.path = Path::from("part-9")).await;
        assert!(gone.starts_with("memory:///part-9 cannot be read"), "{gone}");
    }

    #[test]
    fn a_version_is_told_by_its_tag_or_else_by_its_time() {
        let first = ObjectMeta {
            location: Path::from("manifest.json"),
            last_modified: DateTime::UNIX_EPOCH,
            size: 10,
            e_tag: Some("a".to_owned()),
            version: None,
        };
        let with = |change: &dyn Fn(&mut ObjectMeta)| {
            let mut other = first.clone();
            change(&mut other);
            other
        };
        assert!(is_same_version(&first, &first));
        assert!(!is_same_version(
            &first,
            &with(&|meta| meta.e_tag = Some("b".to_owned()))
        ));
        assert!(!is_same_version(&first, &with(&|meta| meta.size = 11)));
        let untagged = with(&|meta| meta.e_tag = None);
        assert!(is_same_version(&first, &untagged));
        let later = with(&|meta| {
            meta.e_tag = None;
            meta.last_modified += TimeDelta::seconds(1);
        });
        assert!(!is_same_version(&first, &later));
    }
}
