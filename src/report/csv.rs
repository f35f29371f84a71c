//! The report as CSV: RFC 4180 quoting, UTF-8, and cells that no spreadsheet runs as a formula (OWASP, "CSV Injection").

use std::collections::HashMap;

use chrono::NaiveDate;
use datafusion::arrow::array::Array;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};

use super::columns::COLUMNS;
use super::rows::{Cells, ReportRows};
use crate::config::ReportConfig;

const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The bytes that a cell must be quoted for.
const QUOTED: [bool; 256] = {
    let mut quoted = [false; 256];
    quoted[b',' as usize] = true;
    quoted[b'"' as usize] = true;
    quoted[b'\r' as usize] = true;
    quoted[b'\n' as usize] = true;
    quoted
};

/// How CSV files are written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CsvStyle {
    /// Start with a byte-order mark.
    pub bom: bool,
    /// End lines with CR LF.
    pub crlf: bool,
    /// Put an apostrophe before what a spreadsheet would run.
    pub formula_escape: bool,
    /// `strftime` format of dates.
    pub date_format: String,
}

impl From<&ReportConfig> for CsvStyle {
    fn from(config: &ReportConfig) -> Self {
        Self {
            bom: config.bom,
            crlf: config.crlf,
            formula_escape: config.formula_escape,
            date_format: config.date_format.clone(),
        }
    }
}

/// Turns report rows into the bytes of CSV files.
#[derive(Debug)]
pub struct CsvWriter {
    style: CsvStyle,
    /// The cells of dates: they repeat within a report, and formatting one costs more than the rest of its row.
    dates: HashMap<i32, Vec<u8>, FixedState>,
}

impl CsvWriter {
    /// A writer of that style, for any number of files.
    pub fn new(style: CsvStyle) -> Self {
        Self {
            style,
            dates: HashMap::default(),
        }
    }

    /// Appends what a file begins with: the byte-order mark where wanted, and the header line.
    pub fn start(&self, out: &mut Vec<u8>) {
        self.start_with(COLUMNS.iter().map(|column| column.header), out);
    }

    /// As [`start`](Self::start), for a file with other columns.
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
        for row in 0..rows.len() {
            for (index, cells) in rows.columns().iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                self.push_value(out, cells, row);
            }
            self.end_line(out);
        }
    }

    fn push_value(&mut self, out: &mut Vec<u8>, cells: &Cells, row: usize) {
        match cells {
            Cells::Text(texts) if texts.is_valid(row) => self.push_cell(out, texts.value(row)),
            Cells::Date(days) if days.is_valid(row) => {
                let day = days.value(row);
                match self.dates.get(&day) {
                    Some(cell) => out.extend_from_slice(cell),
                    None => {
                        let cell = self.date_cell(day);
                        out.extend_from_slice(&cell);
                        self.dates.insert(day, cell);
                    }
                }
            }
            Cells::Percent(percents) if percents.is_valid(row) => {
                let mut digits = itoa::Buffer::new();
                out.extend_from_slice(digits.format(percents.value(row)).as_bytes());
                out.push(b'%');
            }
            Cells::Text(_) | Cells::Date(_) | Cells::Percent(_) => {}
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

    fn push_cell(&self, out: &mut Vec<u8>, text: &str) {
        let apostrophe: &[u8] = if self.style.formula_escape && is_formula(text) {
            b"'"
        } else {
            b""
        };
        // Without a branch a byte: cells are short, and hardly any is quoted.
        let needs_quotes = text
            .bytes()
            .fold(false, |found, byte| found | QUOTED[usize::from(byte)]);
        if !needs_quotes {
            out.extend_from_slice(apostrophe);
            out.extend_from_slice(text.as_bytes());
            return;
        }
        out.push(b'"');
        out.extend_from_slice(apostrophe);
        for (index, part) in text.split('"').enumerate() {
            if index > 0 {
                out.extend_from_slice(b"\"\"");
            }
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    }

    fn end_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if self.style.crlf { b"\r\n" } else { b"\n" });
    }
}

/// Whether a spreadsheet would run the text. A plain number, such as a phone number with its `+`, is harmless.
pub fn is_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number(text)
}

fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
            ("-", "'-"),
            ("+1.", "'+1."),
            ("अनीता", "अनीता"),
            ("a'b", "a'b"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    proptest! {
        /// An independent CSV reader gets back what was written, apostrophes apart.
        #[test]
        fn cells_read_back(texts in prop::collection::vec(".*", 2..6)) {
            // As files begin; without it, a reader takes a mark in the first cell for the file's.
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
