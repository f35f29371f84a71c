//! The report as CSV: RFC 4180 quoting, UTF-8, and cells that no spreadsheet runs as a formula (OWASP, "CSV Injection").

use std::collections::HashMap;
use std::ops::Range;

use chrono::NaiveDate;
use datafusion::arrow::array::Array;
use foldhash::fast::FixedState;
use memchr::{memchr_iter, memchr3};
use serde::{Deserialize, Serialize};

use super::columns::{COLUMNS, ReportColumn};
use super::rows::{Cells, ReportRows};
use crate::config::{Headers, ReportConfig};

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// How CSV files are written; of XLSX files, the headers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvStyle {
    /// Start with a byte-order mark.
    pub bom: bool,
    /// End lines with CR LF.
    pub crlf: bool,
    /// Put an apostrophe before cells that a spreadsheet would run as a formula.
    pub formula_escape: bool,
    /// `strftime` format of dates.
    pub date_format: String,
    /// What the columns are called.
    pub headers: Headers,
}

impl CsvStyle {
    /// What these columns are called, in their order.
    pub fn headers_of<'a>(&'a self, columns: &'a [ReportColumn]) -> impl Iterator<Item = &'a str> {
        columns.iter().map(move |column| self.headers.of(column.header))
    }
}

impl From<&ReportConfig> for CsvStyle {
    fn from(config: &ReportConfig) -> Self {
        Self {
            bom: config.bom,
            crlf: config.crlf,
            formula_escape: config.formula_escape,
            date_format: config.date_format.clone(),
            headers: config.headers.clone(),
        }
    }
}

/// Encodes report rows as CSV.
#[derive(Debug)]
pub struct CsvWriter {
    style: CsvStyle,
    /// Formatted dates: they repeat within a report, and formatting one costs more than the rest of its row.
    dates: HashMap<i32, Vec<u8>, FixedState>,
}

impl CsvWriter {
    /// A writer with that style, for any number of files.
    pub fn new(style: CsvStyle) -> Self {
        Self {
            style,
            dates: HashMap::default(),
        }
    }

    /// Appends the start of a file: the byte-order mark, where wanted, and the header line.
    pub fn start(&self, out: &mut Vec<u8>) {
        self.start_columns(&COLUMNS, out);
    }

    /// As [`start`](Self::start), for a file with these columns of reports.
    pub fn start_columns(&self, columns: &[ReportColumn], out: &mut Vec<u8>) {
        self.start_with(self.style.headers_of(columns), out);
    }

    /// As [`start`](Self::start), for a file that is no report.
    pub fn start_with<'a>(&self, headers: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) {
        if self.style.bom {
            out.extend_from_slice(BYTE_ORDER_MARK);
        }
        self.append_line(headers, out);
    }

    /// Appends a line of these cells.
    pub fn append_line<'a>(&self, cells: impl IntoIterator<Item = &'a str>, out: &mut Vec<u8>) {
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            self.push_cell(out, cell);
        }
        self.end_line(out);
    }

    /// Appends a line for each row.
    pub fn append(&mut self, rows: &ReportRows, out: &mut Vec<u8>) {
        self.append_some(rows, 0..rows.len(), out);
    }

    /// Appends a line for each row in a range.
    pub fn append_some(&mut self, rows: &ReportRows, range: Range<usize>, out: &mut Vec<u8>) {
        let separators = rows.columns().len().saturating_sub(1);
        for row in range {
            let start = out.len();
            self.append_row(rows, row, Self::push_bare_cell, out);
            // Few lines have a cell that needs quotes, and checking a line is faster than checking each cell.
            if !is_plain(&out[start..], separators) {
                out.truncate(start);
                self.append_row(rows, row, Self::push_cell, out);
            }
            self.end_line(out);
        }
    }

    /// Appends the cells of a row, each by `push_cell`.
    fn append_row(
        &mut self,
        rows: &ReportRows,
        row: usize,
        push_cell: impl Fn(&Self, &mut Vec<u8>, &str),
        out: &mut Vec<u8>,
    ) {
        for (index, cells) in rows.columns().iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            match cells {
                Cells::Text(texts) if texts.is_valid(row) => push_cell(self, out, texts.value(row)),
                Cells::Date(days) if days.is_valid(row) => self.push_date(out, days.value(row)),
                Cells::Percent(percents) if percents.is_valid(row) => {
                    let mut digits = itoa::Buffer::new();
                    out.extend_from_slice(digits.format(percents.value(row)).as_bytes());
                    out.push(b'%');
                }
                Cells::Text(_) | Cells::Date(_) | Cells::Percent(_) => {}
            }
        }
    }

    fn push_date(&mut self, out: &mut Vec<u8>, day: i32) {
        match self.dates.get(&day) {
            Some(cell) => out.extend_from_slice(cell),
            None => {
                let cell = self.date_cell(day);
                out.extend_from_slice(&cell);
                self.dates.insert(day, cell);
            }
        }
    }

    fn date_cell(&self, day: i32) -> Vec<u8> {
        let text = NaiveDate::from_epoch_days(day)
            .map(|date| date.format(&self.style.date_format).to_string())
            .unwrap_or_default();
        let mut cell = Vec::with_capacity(text.len());
        self.push_cell(&mut cell, &text);
        cell
    }

    /// Appends a cell, with quotes where it needs them.
    fn push_cell(&self, out: &mut Vec<u8>, text: &str) {
        let needs_quotes = text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\r' | b'\n'));
        if !needs_quotes {
            return self.push_bare_cell(out, text);
        }
        out.push(b'"');
        out.extend_from_slice(self.prefix(text));
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    }

    /// Appends a cell without quotes.
    fn push_bare_cell(&self, out: &mut Vec<u8>, text: &str) {
        out.extend_from_slice(self.prefix(text));
        out.extend_from_slice(text.as_bytes());
    }

    /// The prefix of a text: an apostrophe or nothing.
    fn prefix(&self, text: &str) -> &'static [u8] {
        if self.style.formula_escape && is_formula(text) {
            b"'"
        } else {
            b""
        }
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.style.crlf { b"\r\n" } else { b"\n" });
    }
}

/// Whether no cell of a line that was written without quotes needs them: its only commas are the separators.
fn is_plain(line: &[u8], separators: usize) -> bool {
    memchr3(b'"', b'\r', b'\n', line).is_none() && memchr_iter(b',', line).count() == separators
}

/// Whether a spreadsheet would run the text as a formula. A pure number, such as a phone number with its `+`, is
/// harmless, and so is a hyphen alone, which people write for "nothing".
pub fn is_formula(text: &str) -> bool {
    let begins_like_one = matches!(text.as_bytes().first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r'));
    begins_like_one && text != "-" && !is_number(text)
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Date32Array, RecordBatch, StringViewArray, new_null_array};
    use datafusion::arrow::datatypes::DataType;
    use proptest::prelude::*;

    use super::super::columns::CellKind;
    use super::*;

    fn style() -> CsvStyle {
        CsvStyle::from(&ReportConfig::default())
    }

    fn cell(text: &str) -> String {
        let mut out = Vec::new();
        CsvWriter::new(style()).push_cell(&mut out, text);
        String::from_utf8(out).expect("UTF-8")
    }

    #[test]
    fn the_header_is_the_contract_s() {
        let mut out = Vec::new();
        CsvWriter::new(style()).start(&mut out);
        insta::assert_snapshot!(String::from_utf8(out).expect("UTF-8").trim_start_matches('\u{feff}'), @r"
        External ID,User ID,User Name,Email ID,Mobile Number,Organization Name,District Name,School Name,Block Name,Enrollment Date,Course Progress,Completion Date
        ");
    }

    #[test]
    fn a_site_s_headers_stand_in_their_place() {
        let headers = Headers::Own([("User ID".to_owned(), "=id, here".to_owned())].into());
        let mut out = Vec::new();
        CsvWriter::new(CsvStyle { headers, ..style() }).start(&mut out);
        let line = String::from_utf8(out).expect("UTF-8");
        assert!(line.contains("External ID,\"'=id, here\",User Name,"), "{line}");
    }

    #[test]
    fn formulas_get_an_apostrophe_and_numbers_do_not() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("@handle", "'@handle"),
            ("-cmd", "'-cmd"),
            ("+91 98", "'+91 98"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("=a,\"b\"", "\"'=a,\"\"b\"\"\""),
            ("+919812345678", "+919812345678"),
            ("-5", "-5"),
            ("-5.25", "-5.25"),
            ("-", "-"),
            ("--", "'--"),
            ("- ", "'- "),
            ("+", "'+"),
            ("+1.", "'+1."),
            ("अनीता", "अनीता"),
            ("a'b", "a'b"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    /// Rows with these texts in all columns of text, the number of the row as a day, and no percent.
    fn rows(texts: &[Option<String>]) -> ReportRows {
        let columns = COLUMNS.iter().map(|column| {
            let cells: ArrayRef = match column.kind {
                CellKind::Text => Arc::new(StringViewArray::from_iter(texts)),
                CellKind::Date => Arc::new(Date32Array::from_iter_values(0..texts.len() as i32)),
                CellKind::Percent => new_null_array(&DataType::Int32, texts.len()),
            };
            (column.name, cells)
        });
        ReportRows::try_new(&RecordBatch::try_from_iter(columns).expect("a batch")).expect("report rows")
    }

    proptest! {
        /// A line is the same as when each cell is checked for quotes.
        #[test]
        fn lines_are_those_of_their_cells(
            texts in prop::collection::vec(prop::option::of("[a,\"\r\n=+अ]{0,4}|.*"), 0..6),
            skipped in 0..3usize,
            date_format in prop::sample::select(vec!["%Y-%m-%d", "%d, %m", "\"%d\""]),
        ) {
            let range = skipped.min(texts.len())..texts.len();
            let style = CsvStyle { date_format: date_format.to_owned(), ..style() };
            let mut writer = CsvWriter::new(style);
            let (mut written, mut expected) = (Vec::new(), Vec::new());
            writer.append_some(&rows(&texts), range.clone(), &mut written);
            for row in range {
                let day = NaiveDate::from_epoch_days(row as i32).expect("a day").format(date_format).to_string();
                let cell = |kind| match kind {
                    CellKind::Text => texts[row].as_deref().unwrap_or_default(),
                    CellKind::Date => day.as_str(),
                    CellKind::Percent => "",
                };
                writer.append_line(COLUMNS.iter().map(|column| cell(column.kind)), &mut expected);
            }
            prop_assert_eq!(String::from_utf8(written), String::from_utf8(expected));
        }

        /// An independent CSV reader reads what was written, except for added apostrophes.
        #[test]
        fn cells_read_back(texts in prop::collection::vec(".*", 2..6)) {
            // Files begin with a byte-order mark. Without it, the reader would take one in the first cell for the
            // file's own.
            let mut out = BYTE_ORDER_MARK.to_vec();
            let writer = CsvWriter::new(style());
            for (index, text) in texts.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                writer.push_cell(&mut out, text);
            }
            writer.end_line(&mut out);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(out.as_slice());
            let record = reader.records().next().expect("a line").expect("valid CSV");
            let expected: Vec<String> = texts
                .iter()
                .map(|text| if is_formula(text) { format!("'{text}") } else { text.clone() })
                .collect();
            prop_assert_eq!(record.iter().collect::<Vec<_>>(), expected);
        }
    }
}
