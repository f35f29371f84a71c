//! Columns of raw tables that hold JSON as text: how many texts are no JSON, counted while a mapping reads them.
//!
//! The JSON functions give NULL for such a text, as for a value that is missing. So each scan counts what it reads; the
//! scan that has read every row of the table makes the count final, and later scans do not count. Scans that read a
//! part of the rows, because of a condition or a limit, report what they found there.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::{DataFusionError, Result};
use serde::de::IgnoredAny;

use super::blank::is_blank;
use super::error::ExportsError;
use super::note::ExportNote;

/// What to do about texts that are no JSON, where a mapping does not say it.
const REMEDY: &str = "export them as the platform has them, without escapes of the exporting tool";
/// Characters of an id that are shown.
const ID_LENGTH: usize = 120;

/// The JSON columns of one raw table, as a mapping declares them, and what was found in them so far.
#[derive(Debug)]
pub struct JsonColumns {
    /// The name of the table in messages.
    table: String,
    /// The rows of all files of the table.
    rows: u64,
    /// The column whose value names a row in messages.
    id: Option<String>,
    remedy: String,
    columns: Vec<JsonColumn>,
}

/// A column of JSON texts.
#[derive(Debug)]
struct JsonColumn {
    name: String,
    /// Whether a column without any JSON is an error.
    is_needed: bool,
    found: Mutex<Option<Found>>,
}

/// What scans found in a column.
#[derive(Debug, Clone)]
struct Found {
    tally: Tally,
    /// Whether every row of the table was read.
    is_complete: bool,
}

/// The counts of some rows of a column.
#[derive(Debug, Clone, Default)]
struct Tally {
    rows: u64,
    /// Texts that are not blank.
    texts: u64,
    /// Texts that are not JSON.
    broken: u64,
    /// The smallest id of a row with such a text.
    example: Option<String>,
}

impl JsonColumns {
    /// Columns of the table `table`, which has `rows` rows. `id` is the column that names a row in messages, and
    /// `remedy` says what to do about texts that are no JSON.
    pub fn new(table: &str, rows: u64, id: Option<&str>, remedy: Option<&str>) -> Self {
        Self {
            table: table.to_owned(),
            rows,
            id: id.map(str::to_owned),
            remedy: remedy.unwrap_or(REMEDY).to_owned(),
            columns: Vec::new(),
        }
    }

    /// The same with a further column. Where it `is_needed` and none of its texts is JSON, it cannot be read.
    pub fn with_column(mut self, name: &str, is_needed: bool) -> Self {
        match self.columns.iter_mut().find(|column| column.name == name) {
            Some(column) => column.is_needed |= is_needed,
            None => self.columns.push(JsonColumn {
                name: name.to_owned(),
                is_needed,
                found: Mutex::default(),
            }),
        }
        self
    }

    /// The names of the columns.
    pub fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// A remark on each column in which texts that are no JSON were found so far.
    pub fn notes(&self) -> Vec<ExportNote> {
        let found = self
            .columns
            .iter()
            .filter_map(|column| Some((column, locked(&column.found).clone()?)));
        let broken = found.filter(|(_, found)| found.tally.broken > 0);
        broken.map(|(column, found)| self.note(column, &found)).collect()
    }

    /// The check of a scan that gives the columns `output`; `None` where there is nothing left to count.
    ///
    /// # Errors
    /// Where one of the columns is known to be unreadable.
    pub fn of_scan(self: &Arc<Self>, output: &Schema) -> Result<Option<Arc<JsonScan>>> {
        let mut tallies = Vec::new();
        for (place, column) in self.columns.iter().enumerate() {
            if output.index_of(&column.name).is_err() {
                continue;
            }
            let known = locked(&column.found).clone().filter(|found| found.is_complete);
            match known {
                Some(found) => self.check_readable(column, &found)?,
                None => tallies.push((place, Tally::default())),
            }
        }
        Ok((!tallies.is_empty()).then(|| {
            Arc::new(JsonScan {
                columns: Arc::clone(self),
                tallies: Mutex::new(tallies),
                begun: Mutex::default(),
            })
        }))
    }

    /// Keeps what a scan found, and logs texts that are no JSON.
    fn settle(&self, place: usize, tally: &Tally) -> Result<()> {
        let column = &self.columns[place];
        let found = Found {
            tally: tally.clone(),
            is_complete: tally.rows == self.rows,
        };
        {
            let mut known = locked(&column.found);
            let is_news = match known.as_ref() {
                None => true,
                Some(known) => !known.is_complete && (found.is_complete || known.tally.broken < tally.broken),
            };
            if !is_news {
                return Ok(());
            }
            *known = Some(found.clone());
        }
        if tally.broken > 0 {
            tracing::warn!("{}", self.note(column, &found));
        }
        self.check_readable(column, &found)
    }

    fn note(&self, column: &JsonColumn, found: &Found) -> ExportNote {
        let Tally { texts, broken, .. } = found.tally;
        let of_which = if found.is_complete { "" } else { " that were read" };
        let (name, example, remedy) = (&column.name, self.example(&found.tally), &self.remedy);
        let text = format!("column {name}: {broken} of {texts} texts{of_which} are no JSON{example}; {remedy}");
        ExportNote::new(&self.table, text)
    }

    /// The error names no row, because the reader of a view over the table may not be allowed to see the row.
    fn check_readable(&self, column: &JsonColumn, found: &Found) -> Result<()> {
        let Tally { texts, broken, .. } = found.tally;
        if !column.is_needed || !found.is_complete || broken == 0 || broken < texts {
            return Ok(());
        }
        Err(DataFusionError::External(Box::new(ExportsError::NoJson {
            table: self.table.clone(),
            column: column.name.clone(),
            texts,
            remedy: self.remedy.clone(),
        })))
    }

    /// The row of a text that is no JSON, in words.
    fn example(&self, tally: &Tally) -> String {
        match (&self.id, &tally.example) {
            (Some(column), Some(id)) => format!(", such as that of {column} {id}"),
            _ => String::new(),
        }
    }
}

/// The count of one scan, shared by its partitions.
#[derive(Debug)]
pub struct JsonScan {
    columns: Arc<JsonColumns>,
    /// By the places of the columns.
    tallies: Mutex<Vec<(usize, Tally)>>,
    /// The partitions that were read, each with the number of the plan that reads it.
    begun: Mutex<BTreeSet<(usize, usize)>>,
}

impl JsonScan {
    /// The column that names rows in messages.
    pub fn id(&self) -> Option<&str> {
        self.columns.id.as_deref()
    }

    /// Whether the partition of the plan of this number is read for the first time. A plan may run again, as in a recursive
    /// query; its rows count once.
    pub fn is_first_reading(&self, plan: usize, partition: usize) -> bool {
        locked(&self.begun).insert((plan, partition))
    }

    /// Counts the texts of some rows, which have the columns of the scan.
    ///
    /// # Errors
    /// Where these are the last rows of the table, and none of the texts of a needed column is JSON.
    pub fn count(&self, rows: &RecordBatch) -> Result<()> {
        let places: Vec<usize> = locked(&self.tallies).iter().map(|(place, _)| *place).collect();
        let mut counted = Vec::with_capacity(places.len());
        for place in places {
            let column = &self.columns.columns[place];
            // Another scan may have been first to read all rows.
            let is_settled = locked(&column.found).as_ref().is_some_and(|found| found.is_complete);
            counted.push(match is_settled {
                true => Tally::default(),
                false => self.tally(&column.name, rows)?,
            });
        }
        let mut tallies = locked(&self.tallies);
        for ((place, tally), counted) in tallies.iter_mut().zip(counted) {
            tally.add(counted);
            if tally.rows == self.columns.rows {
                self.columns.settle(*place, tally)?;
            }
        }
        Ok(())
    }

    fn tally(&self, column: &str, rows: &RecordBatch) -> Result<Tally> {
        let mut tally = Tally {
            rows: rows.num_rows() as u64,
            ..Tally::default()
        };
        let Some(texts) = rows.column_by_name(column).filter(|texts| is_text(texts.data_type())) else {
            return Ok(tally);
        };
        let texts = cast(texts, &DataType::Utf8View)?;
        let mut broken = Vec::new();
        for (row, text) in texts.as_string_view().iter().enumerate() {
            let Some(text) = text.filter(|text| !is_blank(text)) else {
                continue;
            };
            tally.texts += 1;
            if !is_json(text) {
                broken.push(row);
            }
        }
        tally.broken = broken.len() as u64;
        let ids = self.id().and_then(|id| rows.column_by_name(id));
        if let Some(ids) = ids.filter(|_| !broken.is_empty()) {
            let ids = cast(ids, &DataType::Utf8View)?;
            let ids = ids.as_string_view();
            let of_broken = broken.into_iter().filter(|row| ids.is_valid(*row));
            tally.example = of_broken.map(|row| ids.value(row)).min().map(shown);
        }
        Ok(tally)
    }
}

impl Drop for JsonScan {
    /// Reports what a scan found that did not read every row.
    fn drop(&mut self) {
        for (place, tally) in locked(&self.tallies).iter() {
            if tally.broken > 0 && tally.rows < self.columns.rows {
                // Rows that were not read may be JSON, so this is no error.
                let _ = self.columns.settle(*place, tally);
            }
        }
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.texts += other.texts;
        self.broken += other.broken;
        self.example = match (self.example.take(), other.example) {
            (Some(mine), Some(other)) => Some(mine.min(other)),
            (mine, other) => mine.or(other),
        };
    }
}

/// Whether a text is one JSON value; it is parsed without building the value.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether JSON may be in a column of this type.
fn is_text(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => is_text(values),
        _ => false,
    }
}

/// An id for a message of one line.
fn shown(id: &str) -> String {
    id.escape_debug().take(ID_LENGTH).collect()
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, StringArray};

    use super::*;

    /// Rows of the columns `id` and `places`.
    fn rows(rows: &[(&str, Option<&str>)]) -> RecordBatch {
        let ids: ArrayRef = Arc::new(rows.iter().map(|(id, _)| Some(*id)).collect::<StringArray>());
        let places: ArrayRef = Arc::new(rows.iter().map(|(_, places)| *places).collect::<StringArray>());
        RecordBatch::try_from_iter_with_nullable([("id", ids, true), ("places", places, true)]).expect("rows")
    }

    fn columns(rows: u64, is_needed: bool) -> Arc<JsonColumns> {
        let columns = JsonColumns::new("people", rows, Some("id"), Some("export again"));
        Arc::new(columns.with_column("places", is_needed))
    }

    fn scan(columns: &Arc<JsonColumns>, of: &RecordBatch) -> Arc<JsonScan> {
        columns.of_scan(of.schema_ref()).expect("readable").expect("a scan")
    }

    fn notes(columns: &JsonColumns) -> Vec<String> {
        columns.notes().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn texts_that_are_no_json_are_counted_once_with_the_smallest_id() {
        let (first, second) = (
            rows(&[("b", Some(r"[{\type\:1}]")), ("c", Some("[1]")), ("d", None)]),
            rows(&[("a", Some(r#"[{\"type\": 1}]"#)), ("e", Some("  "))]),
        );
        let columns = columns(5, true);
        let counting = scan(&columns, &first);
        counting.count(&first).expect("readable");
        assert_eq!(notes(&columns), [""; 0]);
        counting.count(&second).expect("readable");
        let expected = "table people: column places: 2 of 3 texts are no JSON, such as that of id a; export again";
        assert_eq!(notes(&columns), [expected]);
        assert!(columns.of_scan(first.schema_ref()).expect("readable").is_none());
    }

    #[test]
    fn a_needed_column_without_any_json_is_an_error_at_every_reading() {
        let given = rows(&[("a", Some("{id")), ("b", Some("")), ("c", Some("{'id': 1}"))]);
        let needed = columns(3, true);
        let error = scan(&needed, &given).count(&given).expect_err("no JSON").to_string();
        let expected = "table people: column places: none of 2 texts is JSON; export again";
        assert!(error.ends_with(expected), "{error}");
        assert!(needed.of_scan(given.schema_ref()).is_err());
        // A query that does not read the column does not count its texts.
        let ids = given.project(&[0]).expect("a column");
        assert!(needed.of_scan(ids.schema_ref()).expect("readable").is_none());

        let optional = columns(3, false);
        scan(&optional, &given).count(&given).expect("a remark alone");
        assert_eq!(notes(&optional).len(), 1);
    }

    #[test]
    fn a_part_of_the_rows_is_no_error() {
        let given = rows(&[("a", Some("{id"))]);
        let columns = columns(2, true);
        let counting = scan(&columns, &given);
        counting.count(&given).expect("a part");
        drop(counting);
        let expected =
            "table people: column places: 1 of 1 texts that were read are no JSON, such as that of id a; export again";
        assert_eq!(notes(&columns), [expected]);
        // A scan of all rows makes the count final.
        let all = rows(&[("a", Some("{id")), ("b", Some("{}"))]);
        scan(&columns, &all).count(&all).expect("readable");
        let note = notes(&columns).remove(0);
        assert!(note.contains("1 of 2 texts are no JSON"), "{note}");
    }

    #[test]
    fn a_plan_that_runs_again_is_not_counted_again() {
        let given = rows(&[("a", Some("{id"))]);
        let counting = scan(&columns(2, true), &given);
        let readings =
            [(0, 0), (0, 1), (1, 0), (0, 0)].map(|(plan, partition)| counting.is_first_reading(plan, partition));
        assert_eq!(readings, [true, true, true, false]);
    }

    #[test]
    fn blank_columns_and_any_json_value_are_sound() {
        let given = rows(&[("a", None), ("b", Some("")), ("c", Some(" 7 "))]);
        let columns = columns(3, true);
        scan(&columns, &given).count(&given).expect("readable");
        assert_eq!(notes(&columns), [""; 0]);
    }
}
