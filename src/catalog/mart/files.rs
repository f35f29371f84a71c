//! Opens the files of a mart: each must be as the manifest lists it, and is pinned to the version that was opened.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::file::metadata::{PageIndexPolicy, ParquetMetaData};
use futures::{FutureExt, StreamExt, TryStreamExt};
use object_store::{ObjectMeta, ObjectStoreExt};

use super::error::MartError;
use super::{MartPart, ReportMart};
use crate::exports::PinnedFile;

/// Files that are opened at the same time.
const CONCURRENT_FILES: usize = 16;

/// A file whose footer was read.
#[derive(Debug)]
pub struct OpenPart {
    pub listed: MartPart,
    pub object: ObjectMeta,
    pub footer: Arc<Footer>,
}

/// The footer of a file, by which scans read it.
#[derive(Debug)]
pub struct Footer(pub Arc<ParquetMetaData>);

impl ReportMart {
    /// Opens all files, in their order.
    ///
    /// # Errors
    /// Where one cannot be read, or has other rows or columns than listed.
    pub async fn open(&self, schema: &Schema) -> Result<Vec<OpenPart>, MartError> {
        // Boxed, so that the compiler can prove that the future is `Send`.
        let opening: Vec<_> = self
            .parts
            .iter()
            .map(|part| self.open_part(part, schema).boxed())
            .collect();
        futures::stream::iter(opening)
            .buffered(CONCURRENT_FILES)
            .try_collect()
            .await
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

    async fn open_part(&self, part: &MartPart, schema: &Schema) -> Result<OpenPart, MartError> {
        let name = self.reports.display(&part.path);
        let object = self.reports.store.head(&part.path).await;
        let object = object.map_err(|error| MartError::unreadable(&name, error))?;
        let not_as_listed = |what, expected, found| MartError::NotAsListed {
            file: name.clone(),
            what,
            expected,
            found,
        };
        if object.size != part.bytes {
            return Err(not_as_listed("bytes", part.bytes, object.size));
        }
        let mut file = PinnedFile {
            store: Arc::clone(&self.reports.store),
            object: Arc::new(object.clone()),
        };
        let options = ArrowReaderOptions::new().with_page_index_policy(PageIndexPolicy::Skip);
        let opened = ArrowReaderMetadata::load_async(&mut file, options).await;
        let opened = opened.map_err(|error| MartError::unreadable(&name, error))?;
        let rows = u64::try_from(opened.metadata().file_metadata().num_rows()).unwrap_or_default();
        if rows != part.rows {
            return Err(not_as_listed("rows", part.rows, rows));
        }
        check_columns(&name, opened.schema(), schema)?;
        Ok(OpenPart {
            listed: part.clone(),
            object,
            footer: Arc::new(Footer(Arc::clone(opened.metadata()))),
        })
    }
}

/// Whether two looks at an object found the same version of it.
fn is_same_version(found: &ObjectMeta, other: &ObjectMeta) -> bool {
    let is_same_tag = match (&found.e_tag, &other.e_tag) {
        (Some(found), Some(other)) => found == other,
        _ => found.last_modified == other.last_modified,
    };
    is_same_tag && found.size == other.size
}

/// Checks that a file has every column of `wanted` with its type; text may be of any string type.
fn check_columns(file: &str, written: &Schema, wanted: &Schema) -> Result<(), MartError> {
    let is_same = |one: &DataType, other: &DataType| one == other || (one.is_string() && other.is_string());
    for column in wanted.fields() {
        let found = written.field_with_name(column.name());
        if !found.is_ok_and(|found| is_same(found.data_type(), column.data_type())) {
            return Err(MartError::OtherColumn {
                file: file.to_owned(),
                column: column.name().clone(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};
    use datafusion::arrow::datatypes::Field;
    use object_store::path::Path;

    use super::*;

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

    #[test]
    fn columns_may_come_in_any_order_but_none_may_lack() {
        let schema = |columns: &[(&str, DataType)]| {
            let fields = columns.iter().map(|(name, kind)| Field::new(*name, kind.clone(), true));
            Schema::new(fields.collect::<Vec<_>>())
        };
        let wanted = schema(&[("batch_id", DataType::Utf8View), ("course_progress", DataType::Int32)]);
        let other_order = schema(&[("course_progress", DataType::Int32), ("batch_id", DataType::Utf8)]);
        check_columns("part", &other_order, &wanted).expect("the same columns");
        let other_type = schema(&[("batch_id", DataType::Utf8View), ("course_progress", DataType::Int64)]);
        for written in [other_type, schema(&[("batch_id", DataType::Utf8View)])] {
            let message = check_columns("part", &written, &wanted)
                .expect_err("a difference")
                .to_string();
            assert_eq!(
                message,
                "part does not have the column course_progress as the report query gives it"
            );
        }
    }
}
