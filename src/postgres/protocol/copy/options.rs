//! What the options of COPY TO mean, and which fit together: PostgreSQL's rules, with its messages.

use datafusion::sql::sqlparser::ast::{CopyOption, Ident};
use pgwire::api::portal::Format;

use super::csv::CsvForm;
use super::option_syntax::EVERY_COLUMN;
use super::text::TextForm;
use crate::postgres::error::QueryError;
use crate::postgres::syntax::kept;

/// Letters that cannot be delimiters of the text format, because they have a meaning after a backslash.
const NO_DELIMITERS_OF_TEXT: &str = "\\.abcdefghijklmnopqrstuvwxyz0123456789";
/// The names of the one encoding that texts have here.
const UTF8: [&str; 3] = ["utf8", "utf-8", "unicode"];

/// The format of a statement's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyForm {
    pub frame: Frame,
    /// Whether the names of the columns come first.
    pub has_header: bool,
    /// Columns whose values are always quoted.
    pub forced: Forced,
}

/// PostgreSQL's formats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Text(TextForm),
    Csv(CsvForm),
    Binary,
}

/// The columns of FORCE_QUOTE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forced {
    Columns(Vec<String>),
    All,
}

/// The options as they were given, each once at most.
#[derive(Default)]
struct Given {
    format: Option<String>,
    delimiter: Option<char>,
    null: Option<String>,
    has_header: Option<bool>,
    quote: Option<char>,
    escape: Option<char>,
    forced: Option<Vec<Ident>>,
}

impl CopyForm {
    /// The format that the options define.
    pub fn of(options: &[CopyOption]) -> Result<Self, QueryError> {
        let given = Given::of(options)?;
        let frame = match given.format.as_deref() {
            None | Some("text") => Frame::Text(given.text()?),
            Some("csv") => Frame::Csv(given.csv()?),
            Some("binary") => {
                given.check_binary()?;
                Frame::Binary
            }
            Some(other) => return Err(QueryError::Option(format!("COPY format \"{other}\" not recognized"))),
        };
        let forced = match given.forced.as_deref() {
            Some([every]) if every.quote_style.is_none() && every.value == EVERY_COLUMN => Forced::All,
            Some(columns) => Forced::Columns(columns.iter().map(kept).collect()),
            None => Forced::Columns(Vec::new()),
        };
        Ok(Self {
            frame,
            has_header: given.has_header.unwrap_or(false),
            forced,
        })
    }

    /// How the values of a row have to be encoded.
    pub fn value_format(&self) -> Format {
        match self.frame {
            Frame::Binary => Format::UnifiedBinary,
            Frame::Text(_) | Frame::Csv(_) => Format::UnifiedText,
        }
    }
}

impl Given {
    fn of(options: &[CopyOption]) -> Result<Self, QueryError> {
        let mut given = Self::default();
        let mut encoding = None;
        for option in options {
            match option {
                CopyOption::Format(name) => once(&mut given.format, kept(name))?,
                CopyOption::Delimiter(letter) => once(&mut given.delimiter, *letter)?,
                CopyOption::Null(text) => once(&mut given.null, text.clone())?,
                CopyOption::Header(has_header) => once(&mut given.has_header, *has_header)?,
                CopyOption::Quote(letter) => once(&mut given.quote, *letter)?,
                CopyOption::Escape(letter) => once(&mut given.escape, *letter)?,
                CopyOption::ForceQuote(columns) => once(&mut given.forced, columns.clone())?,
                CopyOption::Encoding(name) => once(&mut encoding, name.clone())?,
                CopyOption::Freeze(_) | CopyOption::ForceNotNull(_) | CopyOption::ForceNull(_) => {
                    return Err(unfit("this option can only be used with COPY FROM"));
                }
            }
        }
        match encoding {
            Some(name) if !UTF8.contains(&name.to_lowercase().as_str()) => Err(QueryError::Option(format!(
                "encoding \"{name}\" is not supported; texts are UTF8"
            ))),
            _ => Ok(given),
        }
    }

    fn text(&self) -> Result<TextForm, QueryError> {
        self.check_csv_alone()?;
        let form = TextForm {
            delimiter: single("delimiter", self.delimiter.unwrap_or('\t'))?,
            null: self.null.clone().unwrap_or_else(|| "\\N".to_owned()),
        };
        if NO_DELIMITERS_OF_TEXT.contains(char::from(form.delimiter)) {
            let delimiter = char::from(form.delimiter);
            return Err(unfit(&format!("COPY delimiter cannot be \"{delimiter}\"")));
        }
        check_null(&form.null, form.delimiter)?;
        Ok(form)
    }

    fn csv(&self) -> Result<CsvForm, QueryError> {
        let quote = self.quote.unwrap_or('"');
        let form = CsvForm {
            delimiter: single("delimiter", self.delimiter.unwrap_or(','))?,
            null: self.null.clone().unwrap_or_default(),
            quote: single("quote", quote)?,
            escape: single("escape", self.escape.unwrap_or(quote))?,
        };
        check_null(&form.null, form.delimiter)?;
        if form.quote == form.delimiter {
            return Err(unfit("COPY delimiter and quote must be different"));
        }
        if form.null.contains(char::from(form.quote)) {
            return Err(unfit("CSV quote character must not appear in the NULL specification"));
        }
        Ok(form)
    }

    fn check_csv_alone(&self) -> Result<(), QueryError> {
        let of_csv = [
            ("quote", self.quote.is_some()),
            ("escape", self.escape.is_some()),
            ("force quote", self.forced.is_some()),
        ];
        match of_csv.iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(unfit(&format!("COPY {name} available only in CSV mode"))),
            None => Ok(()),
        }
    }

    fn check_binary(&self) -> Result<(), QueryError> {
        self.check_csv_alone()?;
        let of_text = [
            ("DELIMITER", self.delimiter.is_some()),
            ("NULL", self.null.is_some()),
            ("HEADER", self.has_header == Some(true)),
        ];
        match of_text.iter().find(|(_, is_given)| *is_given) {
            Some((name, _)) => Err(unfit(&format!("cannot specify {name} in BINARY mode"))),
            None => Ok(()),
        }
    }
}

fn once<T>(place: &mut Option<T>, value: T) -> Result<(), QueryError> {
    match place.replace(value) {
        Some(_) => Err(unfit("conflicting or redundant options")),
        None => Ok(()),
    }
}

fn single(what: &str, letter: char) -> Result<u8, QueryError> {
    let byte = u8::try_from(letter).ok().filter(u8::is_ascii);
    match byte {
        Some(b'\n' | b'\r') if what == "delimiter" => Err(unfit("COPY delimiter cannot be newline or carriage return")),
        Some(byte) => Ok(byte),
        None => Err(unfit(&format!("COPY {what} must be a single one-byte character"))),
    }
}

fn check_null(null: &str, delimiter: u8) -> Result<(), QueryError> {
    if null.contains(['\n', '\r']) {
        return Err(unfit("COPY null representation cannot use newline or carriage return"));
    }
    match null.contains(char::from(delimiter)) {
        true => Err(unfit(
            "COPY delimiter character must not appear in the NULL specification",
        )),
        false => Ok(()),
    }
}

fn unfit(reason: &str) -> QueryError {
    QueryError::Option(reason.to_owned())
}
