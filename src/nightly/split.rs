//! Splits the one ordered stream of all reports into batches, and hands each piece to the writers.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::partition;
use tokio::sync::mpsc::Sender;

use super::csv_files::Piece;
use super::error::NightlyError;
use crate::report::{ReportBatch, ReportError};

/// Knows which batch the stream has come to.
pub struct Splitter {
    batches: Arc<Vec<ReportBatch>>,
    /// The batch whose pieces are being sent; those before it are complete.
    current: usize,
    /// One for each writer; a batch belongs to the writer of its place modulo their number.
    writers: Vec<Sender<Piece>>,
}

impl Splitter {
    /// Splits reports of `batches`, which must be in the stream's order.
    pub fn new(batches: Arc<Vec<ReportBatch>>, writers: Vec<Sender<Piece>>) -> Self {
        Self {
            batches,
            current: 0,
            writers,
        }
    }

    /// Hands on the next rows of the stream.
    pub async fn push(&mut self, rows: &RecordBatch) -> Result<(), NightlyError> {
        let ids = rows
            .column_by_name("batch_id")
            .ok_or(ReportError::MissingColumn("batch_id"))?;
        let runs = partition(std::slice::from_ref(ids)).map_err(ReportError::from)?.ranges();
        let ids = ids.as_string_view_opt().ok_or(ReportError::MissingColumn("batch_id"))?;
        for run in runs {
            self.advance_to(ids.value(run.start)).await?;
            let piece = rows.slice(run.start, run.len());
            self.send(self.current, Some(piece)).await?;
        }
        Ok(())
    }

    /// Completes the batches that are left.
    pub async fn finish(mut self) -> Result<(), NightlyError> {
        while self.current < self.batches.len() {
            self.complete_current().await?;
        }
        Ok(())
    }

    async fn advance_to(&mut self, id: &str) -> Result<(), NightlyError> {
        loop {
            let Some(current) = self.batches.get(self.current) else {
                return Err(self.out_of_place(id));
            };
            match current.batch_id.as_str().cmp(id) {
                Ordering::Equal => return Ok(()),
                Ordering::Less => self.complete_current().await?,
                Ordering::Greater => return Err(self.out_of_place(id)),
            }
        }
    }

    fn out_of_place(&self, id: &str) -> NightlyError {
        let is_listed = self.batches.binary_search_by(|batch| batch.batch_id.as_str().cmp(id)).is_ok();
        if is_listed {
            NightlyError::NotInOrder(id.to_owned())
        } else {
            NightlyError::UnlistedBatch(id.to_owned())
        }
    }

    async fn complete_current(&mut self) -> Result<(), NightlyError> {
        self.send(self.current, None).await?;
        self.current += 1;
        Ok(())
    }

    async fn send(&self, batch: usize, rows: Option<RecordBatch>) -> Result<(), NightlyError> {
        let writer = &self.writers[batch % self.writers.len()];
        // A writer that stopped has an error to tell, which the caller hears when it joins the writer.
        writer.send(Piece { batch, rows }).await.map_err(|_| NightlyError::WriterLost)
    }
}
