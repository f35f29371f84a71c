//! Reads the selected rows of one or several batches from the report mart.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};

use super::{Published, PublishedError};
use crate::ids::BatchId;
use crate::nightly::manifest::Content;
use crate::report::{MOST_BATCHES, ReportError, ReportFilter, SelectedBatch};

impl Published {
    /// All batches of a course, ordered by id. The mart does not have their names.
    ///
    /// # Errors
    /// Where the day has no batch of the course, or more than [`MOST_BATCHES`].
    pub fn batches_of_course(&self, course: &str) -> Result<Vec<SelectedBatch>, PublishedError> {
        let mut batches = Vec::new();
        for &place in &self.csv_by_batch {
            let Some(file) = self.manifest.files.get(place as usize) else {
                continue;
            };
            if let Content::ReportCsv {
                batch_id, course_id, ..
            } = &file.content
                && course_id.as_deref() == Some(course)
                && let Ok(batch_id) = batch_id.parse()
            {
                batches.push(SelectedBatch {
                    batch_id,
                    batch_name: None,
                });
            }
        }
        let date = self.manifest.snapshot_date;
        if batches.is_empty() {
            let course = course.to_owned();
            return Err(ReportError::UnknownCourse { course, date }.into());
        }
        if batches.len() > MOST_BATCHES {
            return Err(ReportError::TooManyParts {
                what: "Batch",
                limit: MOST_BATCHES,
            }
            .into());
        }
        Ok(batches)
    }

    /// The selected rows of one or several batches, ordered by batch id and User ID, with the column `batch_id` beside
    /// those of the report. All rows of a single batch are those of [`Self::report_of_batch`].
    ///
    /// # Errors
    /// Where a batch is unknown; an unreadable file is an error of the rows.
    pub async fn report_of_batches(
        self: &Arc<Self>,
        batches: &[BatchId],
        filter: &ReportFilter,
    ) -> Result<SendableRecordBatchStream, PublishedError> {
        let Some((first, others)) = batches.split_first() else {
            return Err(ReportError::NoBatches.into());
        };
        for batch in batches {
            if self.csv_of_batch(batch).is_none() {
                let date = self.manifest.snapshot_date;
                return Err(ReportError::UnknownBatch {
                    batch: batch.clone(),
                    date,
                }
                .into());
            }
        }
        // Opened now, so that an error of the first file is returned before the stream of rows begins.
        let opened = self.report_of_batch(first).await?;
        let schema = with_batch_id(&opened.schema());
        let of_first = named_rows(opened, first, Arc::clone(&schema));
        let published = Arc::clone(self);
        let target = Arc::clone(&schema);
        let others = futures::stream::iter(others.to_vec()).then(move |batch| {
            let (published, target) = (Arc::clone(&published), Arc::clone(&target));
            async move {
                let rows = published.report_of_batch(&batch).await;
                let rows = rows.map_err(|error| DataFusionError::External(Box::new(error)))?;
                Ok::<_, DataFusionError>(named_rows(rows, &batch, target))
            }
        });
        let rows = of_first.chain(others.try_flatten());
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        Ok(filter.of_stream(rows)?)
    }
}

/// The schema with the batch's id before the other columns. All columns are nullable, because files of the mart differ
/// in that.
fn with_batch_id(schema: &SchemaRef) -> SchemaRef {
    let batch_id = Field::new("batch_id", DataType::Utf8View, true);
    let columns = schema.fields().iter();
    let columns = columns.map(|field| field.as_ref().clone().with_nullable(true));
    let fields: Vec<Field> = std::iter::once(batch_id).chain(columns).collect();
    Arc::new(Schema::new(fields))
}

/// The rows with the column of their batch id.
fn named_rows(rows: SendableRecordBatchStream, batch: &BatchId, schema: SchemaRef) -> SendableRecordBatchStream {
    let id = batch.to_string();
    let target = Arc::clone(&schema);
    let named = rows.map(move |batch| {
        let batch = batch?;
        let ids: ArrayRef = Arc::new(StringViewArray::from_iter_values(std::iter::repeat_n(
            &id,
            batch.num_rows(),
        )));
        let columns = std::iter::once(ids).chain(batch.columns().iter().cloned()).collect();
        Ok::<_, DataFusionError>(RecordBatch::try_new(Arc::clone(&target), columns)?)
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, named))
}
