//! Where parts are written: a folder, a ZIP archive, or the sheets of a workbook; each with a list of them.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Cursor, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use chrono::{Datelike, NaiveDate};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::super::csv::CsvWriter;
use super::super::error::ReportError;
use super::super::rows::ReportRows;
use super::super::write::file_writer;
use super::super::xlsx::{SheetLine, XlsxReport};
use super::encoding::Encoding;
use super::{MOST_SHEETS, Parts, PartsOptions, PartsWritten};
use crate::names::INDEX;

/// The headers of the list of files.
const INDEX_HEADERS: [&str; 5] = ["File", "Value", "Rows", "Completed", "Average Progress"];
const PRIVATE: u32 = 0o600;

impl Parts {
    /// Writes one file for each part, and `index.csv`, to an existing empty folder. Only the owner can read the files.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn write_folder(mut self, folder: &Path) -> Result<PartsWritten, ReportError> {
        let names = self.file_names();
        for part in self.order() {
            let mut file = private_file(&folder.join(&names[part]))?;
            self.write_part(part, &mut file)?;
            file.flush()?;
        }
        let mut index = private_file(&folder.join(format!("{INDEX}.csv")))?;
        index.write_all(&self.index(&names))?;
        index.flush()?;
        Ok(self.written())
    }

    /// Writes a ZIP archive with one file for each part, and `index.csv`. The same rows give the same bytes.
    ///
    /// # Errors
    /// Where the archive cannot be written.
    pub fn write_zip(mut self, out: &mut (impl Write + Send)) -> Result<PartsWritten, ReportError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(time_in_archive(self.options.date))
            .unix_permissions(PRIVATE);
        std::fs::create_dir_all(&self.options.temp_folder)?;
        // The archive has the size of a file before its content, so the writer seeks back to fill it in.
        let file = tempfile::tempfile_in(&self.options.temp_folder)?;
        let mut archive = ZipWriter::new(BufWriter::new(file));
        let names = self.file_names();
        for part in self.order() {
            let is_large = self.spool.size_of(part) >= zip::ZIP64_BYTES_THR;
            archive
                .start_file(names[part].as_str(), options.large_file(is_large))
                .map_err(io::Error::from)?;
            self.write_part(part, &mut archive)?;
        }
        archive
            .start_file(format!("{INDEX}.csv"), options)
            .map_err(io::Error::from)?;
        archive.write_all(&self.index(&names))?;
        let written = archive.finish().map_err(io::Error::from)?;
        let mut written = written.into_inner().map_err(io::IntoInnerError::into_error)?;
        written.rewind()?;
        io::copy(&mut written, out)?;
        Ok(self.written())
    }

    /// Writes a workbook with one sheet for each part, after a sheet that lists them.
    ///
    /// # Errors
    /// Where there are more than [`MOST_SHEETS`] parts, or the workbook cannot be written.
    pub fn write_workbook(mut self, out: &mut (impl Write + Send)) -> Result<PartsWritten, ReportError> {
        if self.facts.len() > MOST_SHEETS {
            return Err(ReportError::TooManySheets {
                parts: self.facts.len(),
                limit: MOST_SHEETS,
            });
        }
        let names = self.sheet_names();
        let order = self.order();
        let mut workbook = XlsxReport::new(&self.options.temp_folder, self.columns, &self.options.style)?;
        let lines: Vec<SheetLine<'_>> = order
            .iter()
            .map(|&part| SheetLine {
                sheet: &names[part],
                value: self.facts[part].value.as_deref().unwrap_or_default(),
                rows: self.facts[part].rows,
                completed: self.facts[part].completed,
                average_tenths: self.facts[part].average_tenths(),
            })
            .collect();
        workbook.write_index(&lines)?;
        for part in order {
            workbook.begin_sheet(&names[part])?;
            self.fill_sheet(part, &mut workbook)?;
        }
        let mut file = Cursor::new(Vec::new());
        workbook.finish(&mut file)?;
        out.write_all(file.get_ref())?;
        Ok(self.written())
    }

    /// Writes one part as a file of the format.
    fn write_part(&mut self, part: usize, out: &mut (impl Write + Send)) -> Result<(), ReportError> {
        match &self.encoding {
            Encoding::Lines(writer) => {
                let mut start = Vec::new();
                writer.start_columns(self.columns, &mut start);
                out.write_all(&start)?;
                io::copy(&mut self.spool.read(part), out)?;
                Ok(())
            }
            Encoding::Rows(typed) => {
                let PartsOptions {
                    format,
                    style,
                    temp_folder,
                    ..
                } = &self.options;
                let mut file = file_writer(*format, typed.schema(), self.columns, style, temp_folder, out)?;
                typed.read(self.spool.read(part), |rows| file.append(&rows))?;
                file.finish()
            }
        }
    }

    fn fill_sheet(&mut self, part: usize, workbook: &mut XlsxReport) -> Result<(), ReportError> {
        let Encoding::Rows(typed) = &self.encoding else {
            return Err(ReportError::Xlsx("its rows are lines of CSV".to_owned()));
        };
        let columns = self.columns;
        typed.read(self.spool.read(part), |rows| {
            workbook.append(&ReportRows::of_columns(&rows, columns)?)
        })
    }

    /// The list of files, as CSV.
    fn index(&self, names: &[String]) -> Vec<u8> {
        let writer = CsvWriter::new(self.options.style.clone());
        let mut out = Vec::new();
        writer.start_with(INDEX_HEADERS, &mut out);
        for part in self.order() {
            let facts = &self.facts[part];
            let (rows, completed) = (facts.rows.to_string(), facts.completed.to_string());
            let average = facts.average().unwrap_or_default();
            let value = facts.value.as_deref().unwrap_or_default();
            writer.append_line([names[part].as_str(), value, &rows, &completed, &average], &mut out);
        }
        out
    }
}

fn private_file(path: &Path) -> io::Result<BufWriter<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(PRIVATE)
        .open(path)?;
    Ok(BufWriter::new(file))
}

/// The start of the day as a ZIP timestamp, which has no zone and covers 1980 to 2107.
fn time_in_archive(date: NaiveDate) -> DateTime {
    let year = u16::try_from(date.year()).unwrap_or_default();
    // Months and days fit into a byte.
    let (month, day) = (date.month() as u8, date.day() as u8);
    DateTime::from_date_and_time(year, month, day, 0, 0, 0).unwrap_or_default()
}
