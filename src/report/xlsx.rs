//! The report as a spreadsheet: text stays text (ids and phone numbers keep their digits), dates are dates.

use std::fs;
use std::io::{Seek, Write};
use std::path::Path;

use chrono::NaiveDate;
use datafusion::arrow::array::Array;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};

use super::columns::COLUMNS;
use super::error::ReportError;
use super::rows::{Cells, ReportRows};

/// Rows of a worksheet, with the header.
const SHEET_ROWS: u32 = 1_048_576;
const DATE_FORMAT: &str = "yyyy-mm-dd";
const PERCENT_FORMAT: &str = "0\"%\"";
/// Width of a column in characters: wide enough for a name or a date, without measuring every cell.
const COLUMN_WIDTH: f64 = 20.0;

/// A workbook with one sheet, filled row by row.
pub struct XlsxReport {
    workbook: Workbook,
    next_row: u32,
    date: Format,
    percent: Format,
}

impl XlsxReport {
    /// A workbook whose header row is frozen and has a filter; its rows are kept in an unnamed file in `temp_folder`.
    pub fn new(temp_folder: &Path) -> Result<Self, ReportError> {
        fs::create_dir_all(temp_folder)?;
        let mut workbook = Workbook::new();
        workbook.set_tempdir(temp_folder)?;
        // A fixed time: the time of writing would make two files of the same snapshot differ.
        let created = ExcelDateTime::from_ymd(2000, 1, 1)?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
        let sheet = workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name("Course Progress Report")?;
        sheet.set_freeze_panes(1, 0)?;
        let bold = Format::new().set_bold();
        for (index, column) in (0u16..).zip(&COLUMNS) {
            sheet.set_column_width(index, COLUMN_WIDTH)?;
            sheet.write_string_with_format(0, index, column.header, &bold)?;
        }
        Ok(Self {
            workbook,
            next_row: 1,
            date: Format::new().set_num_format(DATE_FORMAT),
            percent: Format::new().set_num_format(PERCENT_FORMAT),
        })
    }

    /// Appends rows.
    pub fn append(&mut self, rows: &ReportRows) -> Result<(), ReportError> {
        let (date, percent) = (self.date.clone(), self.percent.clone());
        let first = self.next_row;
        let too_many = || ReportError::TooManyRows { limit: SHEET_ROWS - 1 };
        let count = u32::try_from(rows.len()).map_err(|_| too_many())?;
        if count > SHEET_ROWS - first {
            return Err(too_many());
        }
        let sheet = self.sheet()?;
        for (sheet_row, row) in (first..).zip(0..rows.len()) {
            for (index, cells) in (0u16..).zip(rows.columns()) {
                match cells {
                    Cells::Text(texts) if texts.is_valid(row) => {
                        sheet.write_string(sheet_row, index, texts.value(row))?;
                    }
                    Cells::Date(days) if days.is_valid(row) => {
                        if let Some(day) = NaiveDate::from_epoch_days(days.value(row)) {
                            sheet.write_datetime_with_format(sheet_row, index, day, &date)?;
                        }
                    }
                    Cells::Percent(percents) if percents.is_valid(row) => {
                        sheet.write_number_with_format(sheet_row, index, percents.value(row), &percent)?;
                    }
                    Cells::Text(_) | Cells::Date(_) | Cells::Percent(_) => {}
                }
            }
        }
        self.next_row += count;
        Ok(())
    }

    /// Completes the workbook and writes it to `out`.
    pub fn finish(mut self, out: impl Write + Seek + Send) -> Result<(), ReportError> {
        let last_row = self.next_row - 1;
        // There are twelve columns.
        let last_column = COLUMNS.len() as u16 - 1;
        self.sheet()?.autofilter(0, 0, last_row, last_column)?;
        self.workbook.save_to_writer(out)?;
        Ok(())
    }

    fn sheet(&mut self) -> Result<&mut Worksheet, ReportError> {
        Ok(self.workbook.worksheet_from_index(0)?)
    }
}

impl From<XlsxError> for ReportError {
    fn from(error: XlsxError) -> Self {
        Self::Xlsx(error.to_string())
    }
}
