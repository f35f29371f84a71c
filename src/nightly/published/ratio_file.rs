//! Reads a ratio table, whole or the rows of one level, course or tenant. Row groups that cannot have such rows are
//! skipped.

use std::sync::Arc;

use datafusion::arrow::array::{BooleanArray, RecordBatch, Scalar, StringViewArray, new_null_array};
use datafusion::arrow::compute::{and, cast, filter_record_batch, kernels::cmp::eq};
use datafusion::arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::arrow::async_reader::ParquetRecordBatchStreamBuilder;
use datafusion::parquet::file::metadata::RowGroupMetaData;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;
use object_store::path::Path;

use super::error::{PublishedError, reading, values};
use super::listed_file::ListedFile;
use crate::exports::Location;
use crate::nightly::ratio_table::RatioTable;
use crate::ratio::{Level, SENT_BY_SUBSCRIPTION};

/// Selects rows of a ratio table. `None` selects any value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RatioFilter {
    /// Only rows of this level.
    pub level: Option<Level>,
    /// Only rows of this course.
    pub course_id: Option<String>,
    /// Only rows of this tenant.
    pub tenant_id: Option<String>,
}

/// An open file of a ratio table, whose footer was read.
#[derive(Debug)]
pub struct RatioFile {
    file: ListedFile,
    metadata: ArrowReaderMetadata,
    /// The positions of the table's columns in the file; `None` for one that came after the file was written.
    columns: Vec<Option<usize>>,
}

impl RatioFilter {
    /// The columns that are filtered, with the wanted values.
    fn wanted(&self) -> Vec<(&'static str, &str)> {
        let wanted = [
            ("level", self.level.map(Level::name)),
            ("course_id", self.course_id.as_deref()),
            ("tenant_id", self.tenant_id.as_deref()),
        ];
        wanted
            .into_iter()
            .filter_map(|(column, value)| Some((column, value?)))
            .collect()
    }
}

impl RatioFile {
    /// Opens the file, which must have `bytes` bytes and the table's columns, but for the one that earlier versions did
    /// not write.
    pub async fn open(reports: &Location, path: &Path, bytes: u64) -> Result<Self, PublishedError> {
        let mut file = ListedFile::open(reports, path, bytes).await?;
        let metadata = ArrowReaderMetadata::load_async(&mut file.pinned, ArrowReaderOptions::new())
            .await
            .map_err(reading(&file.name))?;
        let schema = RatioTable::schema();
        let places = schema.fields().iter().map(|field| {
            let missing = || PublishedError::OlderTable {
                file: file.name.clone(),
                column: field.name().clone(),
            };
            match metadata.schema().index_of(field.name()) {
                Ok(place) => Ok(Some(place)),
                Err(_) if field.name() == SENT_BY_SUBSCRIPTION => Ok(None),
                Err(_) => Err(missing()),
            }
        });
        let columns = places.collect::<Result<_, _>>()?;
        Ok(Self {
            file,
            metadata,
            columns,
        })
    }

    /// The rows that pass the filter, in the table's order, with the columns of [`RatioTable::schema`].
    pub fn rows(&self, filter: &RatioFilter) -> Result<SendableRecordBatchStream, PublishedError> {
        let name = self.file.name.clone();
        let wanted: Vec<(&str, String)> = filter
            .wanted()
            .into_iter()
            .map(|(column, id)| (column, id.to_owned()))
            .collect();
        let groups = self.metadata.metadata().row_groups().iter().enumerate();
        let groups = groups.filter(|(_, group)| wanted.iter().all(|(column, id)| self.may_hold(group, column, id)));
        let rows = ParquetRecordBatchStreamBuilder::new_with_metadata(self.file.pinned.clone(), self.metadata.clone())
            .with_row_groups(groups.map(|(number, _)| number).collect())
            .build()
            .map_err(reading(&name))?;
        let columns = self.columns.clone();
        let rows = rows.map_err({
            let name = name.clone();
            move |error| DataFusionError::from(reading(&name)(error))
        });
        let rows = rows.and_then(move |rows| {
            let rows = matching(&rows, &columns, &wanted).map_err(|error| values(&name)(error).into());
            std::future::ready(rows)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(RatioTable::schema(), rows)))
    }

    /// Whether a row group can have rows with that id, according to its statistics.
    fn may_hold(&self, group: &RowGroupMetaData, column: &str, id: &str) -> bool {
        let Ok(place) = RatioTable::schema().index_of(column) else {
            return true;
        };
        let Some(statistics) = self.columns[place].and_then(|place| group.column(place).statistics()) else {
            return true;
        };
        if statistics.null_count_opt() == u64::try_from(group.num_rows()).ok() {
            return false;
        }
        // Statistics may be truncated, but a truncated minimum is smaller and a truncated maximum greater than the real
        // one.
        let is_after = statistics.min_bytes_opt().is_some_and(|min| id.as_bytes() < min);
        let is_before = statistics.max_bytes_opt().is_some_and(|max| id.as_bytes() > max);
        !is_after && !is_before
    }
}

/// The rows with these values, with the columns of the table. A column that the file does not have is NULL.
fn matching(
    rows: &RecordBatch,
    columns: &[Option<usize>],
    wanted: &[(&str, String)],
) -> Result<RecordBatch, ArrowError> {
    let schema = RatioTable::schema();
    let fields = schema.fields().iter().zip(columns);
    let typed = fields.map(|(field, place)| match place {
        Some(place) => cast(rows.column(*place), field.data_type()),
        None => Ok(new_null_array(field.data_type(), rows.num_rows())),
    });
    let rows = RecordBatch::try_new(Arc::clone(&schema), typed.collect::<Result<_, _>>()?)?;
    let mut passing: Option<BooleanArray> = None;
    for (column, id) in wanted {
        let id = Scalar::new(StringViewArray::from_iter_values([id.as_str()]));
        let has_id = eq(rows.column(schema.index_of(column)?), &id)?;
        passing = Some(match passing {
            Some(passing) => and(&passing, &has_id)?,
            None => has_id,
        });
    }
    match passing {
        Some(passing) => filter_record_batch(&rows, &passing),
        None => Ok(rows),
    }
}
