//! Lists of officers, as admins upload them: a value of the report and the address that its rows go to, line by line.
//!
//! A list is taken whole or not at all; the message names the first line that cannot be taken.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::mail::usable_address;
use super::SubscriptionRules;
use crate::ids::{BatchId, TenantId};
use crate::names::is_invisible;
use crate::report::SplitColumn;

/// Characters of a value.
const LONGEST_VALUE: usize = 300;
/// What the second column may be called.
const ADDRESS_HEADERS: [&str; 2] = ["address", "email"];

/// What a list of officers is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfficerScope {
    /// All batches of a tenant.
    Tenant(TenantId),
    /// All batches of a course.
    Course(String),
    /// One batch.
    Batch(BatchId),
}

impl OfficerScope {
    /// The word for its kind, in the database.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Tenant(_) => "tenant",
            Self::Course(_) => "course",
            Self::Batch(_) => "batch",
        }
    }

    /// The id of the tenant, the course or the batch.
    pub fn id(&self) -> &str {
        match self {
            Self::Tenant(id) => id.as_str(),
            Self::Course(id) => id,
            Self::Batch(id) => id.as_str(),
        }
    }
}

impl fmt::Display for OfficerScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.word(), self.id())
    }
}

/// An officer who may get the rows of one value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Officer {
    /// As the report has it.
    pub value: String,
    /// The mail address.
    pub address: String,
}

/// Why a list is not taken. No message holds an address.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum ListError {
    #[error("the list is not UTF-8; save it as CSV in UTF-8")]
    NotUtf8,
    #[error("the list is empty; its first line is `{column},address`")]
    Empty { column: SplitColumn },
    #[error("line 1: the columns must be `{column},address`, in this order")]
    Header { column: SplitColumn },
    #[error("line {line}: {reason}")]
    Line { line: usize, reason: &'static str },
    #[error("line {line}: a list may have {most} officers; upload fewer")]
    TooMany { line: usize, most: u32 },
}

/// The officers of a list in CSV: a header, `block,address`, then one officer a line. The same line twice is one officer.
///
/// # Errors
/// The first line that cannot be taken, and why.
pub fn officers_of_csv(
    csv: &[u8],
    column: SplitColumn,
    rules: &SubscriptionRules,
) -> Result<BTreeSet<Officer>, ListError> {
    let text = std::str::from_utf8(csv).map_err(|_| ListError::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = records(text)?.into_iter();
    let header = records.next().ok_or(ListError::Empty { column })?;
    if !is_header(&header.cells, column) {
        return Err(ListError::Header { column });
    }
    let most = rules.config.officers_per_list;
    let mut officers = BTreeSet::new();
    for record in records {
        let line = record.line;
        if officers.len() >= most as usize {
            return Err(ListError::TooMany { line, most });
        }
        let officer = officer(&record.cells, rules).map_err(|reason| ListError::Line { line, reason })?;
        officers.insert(officer);
    }
    Ok(officers)
}

fn is_header(cells: &[String], column: SplitColumn) -> bool {
    let [first, second] = cells else { return false };
    let is = |cell: &str, name: &str| cell.trim().eq_ignore_ascii_case(name);
    (is(first, column.word()) || is(first, column.header())) && ADDRESS_HEADERS.iter().any(|name| is(second, name))
}

fn officer(cells: &[String], rules: &SubscriptionRules) -> Result<Officer, &'static str> {
    let [value, address] = cells else {
        return Err("it must have two columns, a value and an address");
    };
    let value = value.trim();
    if value.is_empty() {
        return Err("it has no value");
    }
    if value.chars().count() > LONGEST_VALUE || value.chars().any(is_invisible) {
        return Err("its value is too long, or has characters that show nothing");
    }
    let address = usable_address(address).ok_or("its address is none that mails can be sent to")?;
    if !rules.is_allowed(&address) {
        return Err("its address is of a domain that this site does not allow (subscriptions.officer_domains)");
    }
    Ok(Officer {
        value: value.to_owned(),
        address,
    })
}

/// One record of a CSV file, and the line that it begins at.
struct Record {
    line: usize,
    cells: Vec<String>,
}

/// The records of a CSV text (RFC 4180), without blank lines.
fn records(text: &str) -> Result<Vec<Record>, ListError> {
    let mut chars = text.chars().peekable();
    let (mut records, mut line) = (Vec::new(), 1);
    while chars.peek().is_some() {
        let start = line;
        let mut cells = Vec::new();
        loop {
            let mut cell = String::new();
            if chars.next_if_eq(&'"').is_some() {
                loop {
                    match chars.next() {
                        None => {
                            return Err(ListError::Line {
                                line: start,
                                reason: "a quotation mark is not closed",
                            });
                        }
                        Some('"') if chars.next_if_eq(&'"').is_none() => break,
                        Some(char) => {
                            line += usize::from(char == '\n');
                            cell.push(char);
                        }
                    }
                }
            }
            let is_last = loop {
                match chars.next() {
                    None => break true,
                    Some(',') => break false,
                    Some('\n') => {
                        line += 1;
                        break true;
                    }
                    Some('\r') if chars.peek() == Some(&'\n') => {}
                    Some(char) => cell.push(char),
                }
            };
            cells.push(cell);
            if is_last {
                break;
            }
        }
        if cells.iter().any(|cell| !cell.trim().is_empty()) {
            records.push(Record { line: start, cells });
        }
    }
    Ok(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn rules() -> SubscriptionRules {
        let mut config = Config::default();
        config.subscriptions.officer_domains = vec!["example.org".to_owned()];
        config.subscriptions.officers_per_list = 3;
        SubscriptionRules::new(&config).expect("rules")
    }

    fn read(csv: &str) -> Result<Vec<(String, String)>, String> {
        let officers = officers_of_csv(csv.as_bytes(), SplitColumn::Block, &rules());
        let officers = officers.map_err(|error| error.to_string())?;
        Ok(officers
            .into_iter()
            .map(|officer| (officer.value, officer.address))
            .collect())
    }

    #[test]
    fn a_list_is_read_as_spreadsheets_write_it() {
        let officers = read(
            "\u{feff}Block Name,Email\r\n\"Block \"\"1\"\", North\",one@example.org\r\n\r\nप्रखंड २, two@example.org \r\n\
             प्रखंड २,two@example.org",
        );
        let expected = [("Block \"1\", North", "one@example.org"), ("प्रखंड २", "two@example.org")];
        let expected = expected.map(|(value, address)| (value.to_owned(), address.to_owned()));
        assert_eq!(officers, Ok(expected.to_vec()));
        assert_eq!(read("block,address\n"), Ok(Vec::new()));
    }

    #[test]
    fn the_first_line_that_cannot_be_taken_is_named() {
        for (lines, expected) in [
            ("", "the list is empty"),
            ("district,address\n", "line 1: "),
            ("address,block\n", "line 1: "),
            (
                "block,address\nB1,one@example.org,x\n",
                "line 2: it must have two columns",
            ),
            ("block,address\n\n,one@example.org\n", "line 3: it has no value"),
            ("block,address\nB1,one\n", "line 2: its address is none"),
            ("block,address\nB1,o***@example.org\n", "line 2: its address is none"),
            (
                "block,address\nB1,one@example.com\n",
                "line 2: its address is of a domain",
            ),
            (
                "block,address\nB1,\"one@example.org\r\nBcc: x@example.org\"\n",
                "line 2: its address is none",
            ),
            (
                "block,address\nB1,one@example.org\n\"B2,x\n",
                "line 3: a quotation mark",
            ),
            (
                "block,address\nB1,a@example.org\nB2,a@example.org\nB3,a@example.org\nB4,a@example.org\n",
                "line 5: a list may have 3",
            ),
        ] {
            let message = read(lines).expect_err(lines);
            assert!(message.starts_with(expected), "{lines:?}: {message}");
            assert!(!message.contains("example.org"), "{message}");
        }
        let message = officers_of_csv(&[0xff], SplitColumn::Block, &rules()).expect_err("not UTF-8");
        assert_eq!(message, ListError::NotUtf8);
    }
}
