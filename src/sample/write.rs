//! Writes one table of one day: `OUT/<table>/date=YYYY-MM-DD/part-00000.parquet`, more parts as it grows, and
//! `_SUCCESS` when it is complete.
//!
//! A part is renamed to its final name when it is complete, so a killed run leaves nothing that looks like an export.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;

use super::SampleError;

/// Rows that are drawn and written at a time.
pub(super) const CHUNK_ROWS: usize = 250_000;
const PART_ROWS: usize = 8 * CHUNK_ROWS;

/// The folder of one table and day.
pub(super) fn day_folder(out: &Path, table: &str, date: NaiveDate) -> PathBuf {
    out.join(table).join(format!("date={date}"))
}

/// Writes the record batches of one table of one day.
pub(super) struct TableWriter {
    folder: PathBuf,
    schema: SchemaRef,
    parts: usize,
    rows: u64,
    part: Option<Part>,
}

/// The part that is being written.
struct Part {
    writer: ArrowWriter<File>,
    unfinished: PathBuf,
    finished: PathBuf,
    rows: usize,
}

impl TableWriter {
    /// Makes the folder and opens the first part: a table without rows still has a file that names its columns.
    pub fn create(out: &Path, table: &str, date: NaiveDate, schema: SchemaRef) -> Result<TableWriter, SampleError> {
        let folder = day_folder(out, table, date);
        refuse_existing(&folder)?;
        fs::create_dir_all(&folder).map_err(|reason| SampleError::io(&folder, reason))?;
        let mut table = TableWriter {
            folder,
            schema,
            parts: 0,
            rows: 0,
            part: None,
        };
        table.part = Some(table.open_part()?);
        Ok(table)
    }

    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), SampleError> {
        let mut part = match self.part.take() {
            Some(part) if part.rows + batch.num_rows() > PART_ROWS => {
                part.finish()?;
                self.open_part()?
            }
            Some(part) => part,
            None => self.open_part()?,
        };
        let written = part.writer.write(batch);
        written.map_err(|reason| SampleError::parquet(&part.unfinished, reason))?;
        part.rows += batch.num_rows();
        self.rows += batch.num_rows() as u64;
        self.part = Some(part);
        Ok(())
    }

    /// Completes the last part, marks the day as complete and returns the rows written.
    pub fn finish(mut self) -> Result<u64, SampleError> {
        if let Some(part) = self.part.take() {
            part.finish()?;
        }
        let marker = self.folder.join("_SUCCESS");
        File::create(&marker).map_err(|reason| SampleError::io(&marker, reason))?;
        Ok(self.rows)
    }

    fn open_part(&mut self) -> Result<Part, SampleError> {
        let name = format!("part-{:05}.parquet", self.parts);
        self.parts += 1;
        Part::open(&self.folder, &name, self.schema.clone())
    }
}

impl Part {
    fn open(folder: &Path, name: &str, schema: SchemaRef) -> Result<Part, SampleError> {
        let unfinished = folder.join(format!(".{name}.tmp"));
        let file = File::create(&unfinished).map_err(|reason| SampleError::io(&unfinished, reason))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(CHUNK_ROWS))
            .build();
        let writer = ArrowWriter::try_new(file, schema, Some(properties))
            .map_err(|reason| SampleError::parquet(&unfinished, reason))?;
        Ok(Part {
            writer,
            unfinished,
            finished: folder.join(name),
            rows: 0,
        })
    }

    fn finish(self) -> Result<(), SampleError> {
        self.writer
            .close()
            .map_err(|reason| SampleError::parquet(&self.unfinished, reason))?;
        fs::rename(&self.unfinished, &self.finished).map_err(|reason| SampleError::io(&self.finished, reason))
    }
}

/// Refuses to mix a new export with an existing one.
pub(super) fn refuse_existing(folder: &Path) -> Result<(), SampleError> {
    if folder.exists() {
        return Err(SampleError::Exists {
            path: folder.to_path_buf(),
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int32Array};

    use super::*;

    fn batch(rows: usize) -> RecordBatch {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![1; rows]));
        RecordBatch::try_from_iter([("n", numbers)]).unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_large_table_has_several_parts_and_no_leftovers() {
        let out = tempfile::tempdir().unwrap();
        let date = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        let rows = batch(CHUNK_ROWS);
        let mut table = TableWriter::create(out.path(), "numbers", date, rows.schema()).unwrap();
        for _ in 0..9 {
            table.write(&rows).unwrap();
        }
        assert_eq!(table.finish().unwrap(), 9 * CHUNK_ROWS as u64);
        let folder = out.path().join("numbers/date=2026-01-01");
        assert_eq!(names(&folder), ["_SUCCESS", "part-00000.parquet", "part-00001.parquet"]);
    }

    #[test]
    fn an_unfinished_table_has_no_parquet_file_and_no_marker() {
        let out = tempfile::tempdir().unwrap();
        let date = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        let mut table = TableWriter::create(out.path(), "numbers", date, batch(1).schema()).unwrap();
        table.write(&batch(1)).unwrap();
        drop(table);
        assert_eq!(
            names(&day_folder(out.path(), "numbers", date)),
            [".part-00000.parquet.tmp"]
        );
    }
}
