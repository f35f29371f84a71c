//! Writes the rows of one or several batches as one file, or as parts in an archive or a workbook.

use std::io::Write;
use std::path::PathBuf;

use chrono::NaiveDate;
use datafusion::execution::SendableRecordBatchStream;

use super::batches::SelectedBatch;
use super::columns::{SplitColumn, columns_of};
use super::csv::CsvStyle;
use super::error::ReportError;
use super::format::{Container, ReportFormat};
use super::parts::{PartsBy, PartsOptions, collect_parts};
use super::write::write_columns;

/// How rows are written.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The batches that the rows are of, ordered by id; empty where one batch alone was asked for.
    pub several: Vec<SelectedBatch>,
    /// Divides the rows by the values of a column. Without, the parts are the batches.
    pub split_by: Option<SplitColumn>,
    /// What the parts are put into.
    pub container: Container,
    /// The format of the file or of each part.
    pub format: ReportFormat,
    /// How CSV is written.
    pub style: CsvStyle,
    /// The folder of temporary files, which hold rows until they are written.
    pub temp_folder: PathBuf,
    /// The day of the data.
    pub date: NaiveDate,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelectionWritten {
    /// Rows of all parts.
    pub rows: u64,
    /// Files or sheets, without the list of them; none for one file.
    pub parts: Option<usize>,
}

impl Selection {
    /// How the rows are divided; none for one file.
    pub fn parts(&self) -> Option<PartsOptions> {
        let is_of_several = !self.several.is_empty();
        let (by, has_batch_column) = match self.split_by {
            Some(column) => (PartsBy::Column(column), is_of_several),
            None if is_of_several && self.container != Container::File => {
                (PartsBy::Batches(self.several.clone()), false)
            }
            None => return None,
        };
        Some(PartsOptions {
            by,
            has_batch_column,
            format: self.format,
            style: self.style.clone(),
            temp_folder: self.temp_folder.clone(),
            date: self.date,
        })
    }

    /// Writes the rows. Rows of several batches need the column `batch_id` beside the report's.
    ///
    /// # Errors
    /// Where the rows cannot be read or written, or there are too many parts.
    pub async fn write(
        self,
        rows: SendableRecordBatchStream,
        out: &mut (impl Write + Send),
    ) -> Result<SelectionWritten, ReportError> {
        let Some(options) = self.parts() else {
            let columns = columns_of(!self.several.is_empty());
            let rows = write_columns(rows, columns, self.format, self.style, &self.temp_folder, out).await?;
            return Ok(SelectionWritten { rows, parts: None });
        };
        let parts = collect_parts(rows, options).await?;
        let written = match self.container {
            Container::Workbook => parts.write_workbook(out)?,
            Container::Zip | Container::File => parts.write_zip(out)?,
        };
        Ok(SelectionWritten {
            rows: written.rows,
            parts: Some(written.parts),
        })
    }
}
