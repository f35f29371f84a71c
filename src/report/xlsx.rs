//! The report as a spreadsheet: text stays text (ids and phone numbers keep their digits), dates are dates.

use std::fs;
use std::io::{Seek, Write};
use std::path::Path;

use chrono::NaiveDate;
use datafusion::arrow::array::Array;
use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, XlsxError};
use unicode_width::UnicodeWidthStr;

use super::columns::ReportColumn;
use super::csv::CsvStyle;
use super::error::ReportError;
use super::rows::{Cells, ReportRows};

/// Rows of a worksheet, with the header.
const SHEET_ROWS: u32 = 1_048_576;
const DATE_FORMAT: &str = "yyyy-mm-dd";
const PERCENT_FORMAT: &str = "0\"%\"";
const AVERAGE_FORMAT: &str = "0.0\"%\"";
/// The name of the only sheet of a report.
const SHEET_NAME: &str = "Course Progress Report";
/// The sheet that lists the others.
const INDEX_SHEET: &str = "Index";
/// The bounds of a column's width, in characters. A longer text is not wrapped; spreadsheets cut it off at a filled
/// cell.
const NARROWEST: usize = 8;
const WIDEST: usize = 50;
/// Extra width of a column: its edges, and the filter's arrow in the header.
const EDGES: usize = 1;
const ARROW: usize = 3;
/// A date as it is shown.
const DATE_WIDTH: usize = 10;
/// `100%`.
const PERCENT_WIDTH: usize = 4;

/// A workbook that is filled row by row, one sheet after the other.
pub struct XlsxReport {
    workbook: Workbook,
    /// What the columns are called.
    headers: Vec<String>,
    /// The sheet that is written, with its rows so far; none before the first.
    sheet: Option<Sheet>,
    sheets: usize,
    date: Format,
    percent: Format,
    bold: Format,
}

struct Sheet {
    place: usize,
    next_row: u32,
    /// The widest text of each column so far, in characters.
    widths: Vec<usize>,
}

/// One line of the list of sheets.
#[derive(Debug, Clone, Copy)]
pub struct SheetLine<'a> {
    pub sheet: &'a str,
    pub value: &'a str,
    pub rows: u64,
    pub completed: u64,
    /// In tenths of a percent; none where no row has a percent.
    pub average_tenths: Option<u64>,
}

impl XlsxReport {
    /// A workbook without sheets, for these columns, which are called as `style` says; its rows are kept in unnamed
    /// files in `temp_folder`, one a sheet.
    pub fn new(temp_folder: &Path, columns: &'static [ReportColumn], style: &CsvStyle) -> Result<Self, ReportError> {
        fs::create_dir_all(temp_folder)?;
        let mut workbook = Workbook::new();
        workbook.set_tempdir(temp_folder)?;
        // A fixed time: the time of writing would make two files of the same snapshot differ.
        let created = ExcelDateTime::from_ymd(2000, 1, 1)?;
        workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
        Ok(Self {
            workbook,
            headers: style.headers_of(columns).map(str::to_owned).collect(),
            sheet: None,
            sheets: 0,
            date: Format::new().set_num_format(DATE_FORMAT),
            percent: Format::new().set_num_format(PERCENT_FORMAT),
            bold: Format::new().set_bold(),
        })
    }

    /// A workbook with one sheet, as a report by itself has it.
    pub fn of_one_sheet(
        temp_folder: &Path,
        columns: &'static [ReportColumn],
        style: &CsvStyle,
    ) -> Result<Self, ReportError> {
        let mut workbook = Self::new(temp_folder, columns, style)?;
        workbook.begin_sheet(SHEET_NAME)?;
        Ok(workbook)
    }

    /// Completes the current sheet and begins one of this name, with a frozen header row that has a filter.
    pub fn begin_sheet(&mut self, name: &str) -> Result<(), ReportError> {
        let headers = self.headers.clone();
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        self.begin(name, &headers)
    }

    fn begin(&mut self, name: &str, headers: &[&str]) -> Result<(), ReportError> {
        self.end_sheet()?;
        let sheet = self.workbook.add_worksheet_with_constant_memory()?;
        sheet.set_name(name)?;
        sheet.set_freeze_panes(1, 0)?;
        let mut widths = Vec::with_capacity(headers.len());
        for (index, header) in (0u16..).zip(headers) {
            widths.push(text_width(header) + ARROW);
            sheet.write_string_with_format(0, index, *header, &self.bold)?;
        }
        self.sheet = Some(Sheet {
            place: self.sheets,
            next_row: 1,
            widths,
        });
        self.sheets += 1;
        Ok(())
    }

    /// A sheet that lists the others.
    pub fn write_index(&mut self, lines: &[SheetLine<'_>]) -> Result<(), ReportError> {
        self.begin(
            INDEX_SHEET,
            &["Sheet", "Value", "Rows", "Completed", "Average Progress"],
        )?;
        let percent = Format::new().set_num_format(AVERAGE_FORMAT);
        let Some(open) = &mut self.sheet else { return Ok(()) };
        let sheet = self.workbook.worksheet_from_index(open.place)?;
        for (row, line) in (1u32..).zip(lines) {
            for (index, text) in [(0u16, line.sheet), (1, line.value)] {
                let widest = &mut open.widths[usize::from(index)];
                *widest = (*widest).max(text_width(text));
                if !text.is_empty() {
                    sheet.write_string(row, index, text)?;
                }
            }
            // Row counts are far below the largest whole number that Excel represents exactly.
            sheet.write_number(row, 2, line.rows as f64)?;
            sheet.write_number(row, 3, line.completed as f64)?;
            if let Some(tenths) = line.average_tenths {
                sheet.write_number_with_format(row, 4, tenths as f64 / 10.0, &percent)?;
            }
            open.next_row = row + 1;
        }
        Ok(())
    }

    /// Appends rows to the sheet.
    pub fn append(&mut self, rows: &ReportRows) -> Result<(), ReportError> {
        let Some(open) = &mut self.sheet else { return Ok(()) };
        for (cells, widest) in rows.columns().iter().zip(&mut open.widths) {
            *widest = (*widest).max(width_of(cells, rows.len()));
        }
        let first = open.next_row;
        let too_many = || ReportError::TooManyRows { limit: SHEET_ROWS - 1 };
        let count = u32::try_from(rows.len()).map_err(|_| too_many())?;
        if count > SHEET_ROWS - first {
            return Err(too_many());
        }
        let sheet = self.workbook.worksheet_from_index(open.place)?;
        for (sheet_row, row) in (first..).zip(0..rows.len()) {
            for (index, cells) in (0u16..).zip(rows.columns()) {
                match cells {
                    Cells::Text(texts) if texts.is_valid(row) => {
                        sheet.write_string(sheet_row, index, texts.value(row))?;
                    }
                    Cells::Date(days) if days.is_valid(row) => {
                        if let Some(day) = NaiveDate::from_epoch_days(days.value(row)) {
                            sheet.write_datetime_with_format(sheet_row, index, day, &self.date)?;
                        }
                    }
                    Cells::Percent(percents) if percents.is_valid(row) => {
                        sheet.write_number_with_format(sheet_row, index, percents.value(row), &self.percent)?;
                    }
                    Cells::Text(_) | Cells::Date(_) | Cells::Percent(_) => {}
                }
            }
        }
        open.next_row += count;
        Ok(())
    }

    /// Completes the workbook and writes it to `out`.
    pub fn finish(mut self, out: impl Write + Seek + Send) -> Result<(), ReportError> {
        self.end_sheet()?;
        self.workbook.save_to_writer(out)?;
        Ok(())
    }

    /// Sets the properties that depend on all rows of the sheet.
    fn end_sheet(&mut self) -> Result<(), ReportError> {
        let Some(open) = self.sheet.take() else { return Ok(()) };
        let sheet = self.workbook.worksheet_from_index(open.place)?;
        for (index, widest) in (0u16..).zip(&open.widths) {
            let width = (widest + EDGES).clamp(NARROWEST, WIDEST);
            sheet.set_column_width(index, width as f64)?;
        }
        // There are a dozen columns.
        let last_column = open.widths.len().saturating_sub(1) as u16;
        sheet.autofilter(0, 0, open.next_row - 1, last_column)?;
        Ok(())
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

/// The display width of a text, in characters.
fn text_width(text: &str) -> usize {
    if text.is_ascii() { text.len() } else { text.width() }
}

impl From<XlsxError> for ReportError {
    fn from(error: XlsxError) -> Self {
        Self::Xlsx(error.to_string())
    }
}
