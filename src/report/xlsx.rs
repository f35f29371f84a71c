//! The report as a spreadsheet: text stays text (ids and phone numbers keep their digits), dates are dates.

use std::fs;
use std::io::{Seek, Write};
use std::path::Path;

use chrono::NaiveDate;
use datafusion::arrow::array::Array;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet, XlsxError};
use unicode_width::UnicodeWidthStr;

use super::columns::COLUMNS;
use super::error::ReportError;
use super::rows::{Cells, ReportRows};

/// Rows of a worksheet, with the header.
const SHEET_ROWS: u32 = 1_048_576;
const DATE_FORMAT: &str = "yyyy-mm-dd";
const PERCENT_FORMAT: &str = "0\"%\"";
/// Bounds of a column's width, in characters. A longer text is cut where the next cell is filled, and wraps nothing.
const NARROWEST: usize = 8;
const WIDEST: usize = 50;
/// Room in a column beside its text: the edges, and in the header the arrow of the filter.
const EDGES: usize = 1;
const ARROW: usize = 3;
/// A date as it is shown.
const DATE_WIDTH: usize = 10;
/// `100%`.
const PERCENT_WIDTH: usize = 4;

/// A workbook with one sheet, filled row by row.
pub struct XlsxReport {
    workbook: Workbook,
    next_row: u32,
    /// The widest text of each column so far, in characters.
    widths: [usize; COLUMNS.len()],
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
        let mut widths = [0; COLUMNS.len()];
        for ((index, column), widest) in (0u16..).zip(&COLUMNS).zip(&mut widths) {
            *widest = column.header.len() + ARROW;
            sheet.write_string_with_format(0, index, column.header, &bold)?;
        }
        Ok(Self {
            workbook,
            next_row: 1,
            widths,
            date: Format::new().set_num_format(DATE_FORMAT),
            percent: Format::new().set_num_format(PERCENT_FORMAT),
        })
    }

    /// Appends rows.
    pub fn append(&mut self, rows: &ReportRows) -> Result<(), ReportError> {
        let (date, percent) = (self.date.clone(), self.percent.clone());
        for (cells, widest) in rows.columns().iter().zip(&mut self.widths) {
            *widest = (*widest).max(width_of(cells, rows.len()));
        }
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
        for (index, widest) in (0u16..).zip(self.widths) {
            let width = (widest + EDGES).clamp(NARROWEST, WIDEST);
            self.sheet()?.set_column_width(index, width as f64)?;
        }
        self.sheet()?.autofilter(0, 0, last_row, last_column)?;
        self.workbook.save_to_writer(out)?;
        Ok(())
    }

    fn sheet(&mut self) -> Result<&mut Worksheet, ReportError> {
        Ok(self.workbook.worksheet_from_index(0)?)
    }
}

/// The widest cell of a column, in characters.
fn width_of(cells: &Cells, rows: usize) -> usize {
    match cells {
        Cells::Text(texts) => {
            let filled = (0..rows).filter(|&row| texts.is_valid(row));
            filled.map(|row| text_width(texts.value(row))).max().unwrap_or(0)
        }
        Cells::Date(_) => DATE_WIDTH,
        Cells::Percent(_) => PERCENT_WIDTH,
    }
}

/// Characters that a text takes beside each other.
fn text_width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

impl From<XlsxError> for ReportError {
    fn from(error: XlsxError) -> Self {
        Self::Xlsx(error.to_string())
    }
}
