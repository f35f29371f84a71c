//! Which rows of a report are wanted (`docs/design.md`, "Filters, parts and several batches").
//!
//! A filter looks at the report's own columns, after everything that hides or omits a value: it finds the rows that a
//! reader of the whole report would find.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use chrono::NaiveDate;
use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{Expr, SessionContext, col, lit};
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::columns::SplitColumn;
use super::error::ReportError;
use crate::engine::EngineError;

/// The most values of one condition.
pub const MOST_VALUES: usize = 500;

/// Conditions, all of which a row must meet. An empty filter lets every row pass.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReportFilter {
    /// Block Name is one of these; an empty text is a row without one.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub block: BTreeSet<String>,
    /// District Name is one of these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub district: BTreeSet<String>,
    /// School Name is one of these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub school: BTreeSet<String>,
    /// Organization Name is one of these.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub organisation: BTreeSet<String>,
    /// Whether there is a Completion Date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<bool>,
    /// Course Progress is within these, both included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressRange>,
    /// Enrollment Date is this day or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolled_since: Option<NaiveDate>,
    /// Enrollment Date is this day or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enrolled_until: Option<NaiveDate>,
    /// Completion Date is this day or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_since: Option<NaiveDate>,
    /// Completion Date is this day or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_until: Option<NaiveDate>,
}

/// A filter that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the message of each variant says what it means")]
pub enum FilterError {
    #[error(
        "'{0}' is not a range of progress; write two whole percents from 0 to 100, the smaller first, such as 0..50; one of them may be left out"
    )]
    Progress(String),
    #[error("{name} has {count} values; {MOST_VALUES} are the most")]
    TooManyValues { name: &'static str, count: usize },
    #[error("{since} {from} is after {until} {to}; no row can be in between")]
    Days {
        since: &'static str,
        from: NaiveDate,
        until: &'static str,
        to: NaiveDate,
    },
    #[error("completed is 'no' and days of completion are given; no row can have both")]
    NotCompleted,
}

/// Whole percents, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProgressRange {
    /// The lowest percent, 0 to 100.
    pub from: u8,
    /// The highest percent, `from` to 100.
    pub to: u8,
}

impl FromStr for ProgressRange {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let malformed = || FilterError::Progress(text.to_owned());
        let (from, to) = text.split_once("..").ok_or_else(malformed)?;
        let percent = |bound: &str, missing: u8| -> Option<u8> {
            if bound.is_empty() {
                return Some(missing);
            }
            let is_digits = bound.bytes().all(|byte| byte.is_ascii_digit());
            bound.parse().ok().filter(|&percent| is_digits && percent <= 100)
        };
        match (percent(from, 0), percent(to, 100)) {
            (Some(from), Some(to)) if from <= to && text != ".." => Ok(Self { from, to }),
            _ => Err(malformed()),
        }
    }
}

impl TryFrom<String> for ProgressRange {
    type Error = FilterError;

    fn try_from(text: String) -> Result<Self, FilterError> {
        text.parse()
    }
}

impl From<ProgressRange> for String {
    fn from(range: ProgressRange) -> String {
        range.to_string()
    }
}

impl fmt::Display for ProgressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.from, self.to)
    }
}

/// One condition, for describing the filter in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The report's column.
    pub column: &'static str,
    /// What its cells must be.
    pub wanted: Wanted,
}

/// What is wanted of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One of these values; the empty value stands for rows without one.
    Values(Vec<String>),
    /// Whether the cell must be filled or empty.
    Filled(bool),
    /// A percent within the range.
    Percents(ProgressRange),
    /// A day between these, both included; at least one of them is given.
    Days {
        /// The first day.
        since: Option<NaiveDate>,
        /// The last day.
        until: Option<NaiveDate>,
    },
}

impl ReportFilter {
    /// Whether every row is wanted.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The columns that must have one of several values, with these values.
    fn chosen(&self) -> [(SplitColumn, &BTreeSet<String>); 4] {
        [
            (SplitColumn::Block, &self.block),
            (SplitColumn::District, &self.district),
            (SplitColumn::School, &self.school),
            (SplitColumn::Organisation, &self.organisation),
        ]
    }

    /// Checks the conditions together. A value of white space alone becomes the empty value.
    ///
    /// # Errors
    /// Where no row could ever pass, or there are too many values.
    pub fn checked(mut self) -> Result<Self, FilterError> {
        for (column, values) in self.chosen() {
            if values.len() > MOST_VALUES {
                return Err(FilterError::TooManyValues {
                    name: column.word(),
                    count: values.len(),
                });
            }
        }
        for values in [
            &mut self.block,
            &mut self.district,
            &mut self.school,
            &mut self.organisation,
        ] {
            let tidy = |value: String| if is_blank(&value) { String::new() } else { value };
            *values = std::mem::take(values).into_iter().map(tidy).collect();
        }
        in_order(
            ("enrolled_since", self.enrolled_since),
            ("enrolled_until", self.enrolled_until),
        )?;
        in_order(
            ("completed_since", self.completed_since),
            ("completed_until", self.completed_until),
        )?;
        if self.completed == Some(false) && (self.completed_since.is_some() || self.completed_until.is_some()) {
            return Err(FilterError::NotCompleted);
        }
        Ok(self)
    }

    /// The conditions one by one.
    pub fn conditions(&self) -> Vec<Condition> {
        let mut conditions = Vec::new();
        let mut add = |column, wanted| conditions.push(Condition { column, wanted });
        for (column, values) in self.chosen() {
            if !values.is_empty() {
                add(column.header(), Wanted::Values(values.iter().cloned().collect()));
            }
        }
        if let Some(completed) = self.completed {
            add("Completion Date", Wanted::Filled(completed));
        }
        if let Some(progress) = self.progress {
            add("Course Progress", Wanted::Percents(progress));
        }
        for (column, since, until) in [
            ("Enrollment Date", self.enrolled_since, self.enrolled_until),
            ("Completion Date", self.completed_since, self.completed_until),
        ] {
            if since.is_some() || until.is_some() {
                add(column, Wanted::Days { since, until });
            }
        }
        conditions
    }

    /// The filter as a condition on the columns of `queries/reports/course_progress_report.sql`; none where every row is
    /// wanted. Values are literals of the plan, never text of a statement.
    pub fn predicate(&self) -> Option<Expr> {
        let mut all = Vec::new();
        for (column, values) in self.chosen() {
            all.extend(is_one_of(column.name(), values));
        }
        all.extend(self.completed.map(|completed| match completed {
            true => col("completion_date").is_not_null(),
            false => col("completion_date").is_null(),
        }));
        if let Some(ProgressRange { from, to }) = self.progress {
            let percent = |percent: u8| lit(i64::from(percent));
            all.push(col("course_progress").between(percent(from), percent(to)));
        }
        let bounds = [
            ("enrollment_date", self.enrolled_since, self.enrolled_until),
            ("completion_date", self.completed_since, self.completed_until),
        ];
        for (column, since, until) in bounds {
            all.extend(since.map(|day| col(column).gt_eq(day_literal(day))));
            all.extend(until.map(|day| col(column).lt_eq(day_literal(day))));
        }
        conjunction(all)
    }

    /// Filters a stream of rows that does not come from a query plan.
    ///
    /// # Errors
    /// Where a column is missing or of another type.
    pub fn of_stream(&self, rows: SendableRecordBatchStream) -> Result<SendableRecordBatchStream, ReportError> {
        let Some(predicate) = self.predicate() else {
            return Ok(rows);
        };
        let failed = || EngineError::running("the filter of a report");
        let schema = rows.schema();
        let columns = DFSchema::try_from(Arc::clone(&schema)).map_err(failed())?;
        let wanted = SessionContext::new()
            .create_physical_expr(predicate, &columns)
            .map_err(failed())?;
        let filtered = rows.and_then(move |batch: RecordBatch| std::future::ready(kept(&*wanted, &batch)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, filtered)))
    }
}

/// The rows of a record batch for which a condition is true.
fn kept(wanted: &dyn PhysicalExpr, batch: &RecordBatch) -> Result<RecordBatch, DataFusionError> {
    let is_wanted = wanted.evaluate(batch)?.into_array(batch.num_rows())?;
    let is_wanted = is_wanted
        .as_boolean_opt()
        .ok_or_else(|| DataFusionError::Internal("a filter is true or false".to_owned()))?;
    Ok(filter_record_batch(batch, is_wanted)?)
}

fn in_order(
    (since, from): (&'static str, Option<NaiveDate>),
    (until, to): (&'static str, Option<NaiveDate>),
) -> Result<(), FilterError> {
    match (from, to) {
        (Some(from), Some(to)) if from > to => Err(FilterError::Days { since, from, until, to }),
        _ => Ok(()),
    }
}

/// Whether the column holds one of the values; none where there are none.
fn is_one_of(column: &'static str, values: &BTreeSet<String>) -> Option<Expr> {
    let text = |value: &String| lit(ScalarValue::Utf8View(Some(value.clone())));
    let filled: Vec<Expr> = values.iter().filter(|value| !value.is_empty()).map(text).collect();
    let is_filled = (!filled.is_empty()).then(|| col(column).in_list(filled, false));
    let is_missing = values
        .contains("")
        .then(|| col(column).is_null().or(col(column).eq(lit(""))));
    is_filled.into_iter().chain(is_missing).reduce(Expr::or)
}

fn day_literal(day: NaiveDate) -> Expr {
    lit(ScalarValue::Date32(Some(day.to_epoch_days())))
}

/// Whether a value of a filter stands for rows without one.
fn is_blank(value: &str) -> bool {
    value.trim().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_progress_are_whole_percents_in_order() {
        let range = |text: &str| text.parse::<ProgressRange>().map(|range| (range.from, range.to));
        assert_eq!(range("0..50"), Ok((0, 50)));
        assert_eq!(range("50.."), Ok((50, 100)));
        assert_eq!(range("..7"), Ok((0, 7)));
        assert_eq!(range("100..100"), Ok((100, 100)));
        for bad in [
            "",
            "..",
            "50",
            "50..0",
            "0..101",
            "-1..5",
            "+1..5",
            "0...5",
            "0..5%",
            "0.5..1",
            " 0..5",
            "a..b",
            "999..1000",
        ] {
            assert!(range(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn filters_are_read_and_written_as_one_text() {
        let filter = ReportFilter {
            block: ["Block 1", "", "'; drop"].map(str::to_owned).into(),
            completed: Some(false),
            progress: Some(ProgressRange { from: 0, to: 50 }),
            enrolled_since: NaiveDate::from_ymd_opt(2026, 10, 1),
            ..ReportFilter::default()
        };
        let text = serde_json::to_string(&filter).expect("JSON");
        insta::assert_snapshot!(text, @r#"{"block":["","'; drop","Block 1"],"completed":false,"progress":"0..50","enrolled_since":"2026-10-01"}"#);
        assert_eq!(serde_json::from_str::<ReportFilter>(&text).expect("a filter"), filter);
        assert_eq!(serde_json::to_string(&ReportFilter::default()).expect("JSON"), "{}");
    }

    #[test]
    fn what_no_row_can_meet_is_refused() {
        let day = |day| NaiveDate::from_ymd_opt(2026, 10, day);
        let backwards = ReportFilter {
            enrolled_since: day(2),
            enrolled_until: day(1),
            ..ReportFilter::default()
        };
        insta::assert_snapshot!(
            backwards.checked().expect_err("refused"),
            @"enrolled_since 2026-10-02 is after enrolled_until 2026-10-01; no row can be in between"
        );
        let both = ReportFilter {
            completed: Some(false),
            completed_until: day(1),
            ..ReportFilter::default()
        };
        assert_eq!(both.checked(), Err(FilterError::NotCompleted));
        let blank = ReportFilter {
            school: [" \t".to_owned(), "a ".to_owned()].into(),
            ..ReportFilter::default()
        };
        let values = blank.checked().expect("a filter").school;
        assert_eq!(values, [String::new(), "a ".to_owned()].into());
    }

    #[test]
    fn conditions_are_told_one_by_one() {
        let filter: ReportFilter = serde_json::from_str(
            r#"{"block": ["बी", ""], "organisation": ["SCERT"], "completed": true, "progress": "10..20",
                "enrolled_until": "2026-10-02", "completed_since": "2026-10-01", "completed_until": "2026-10-03"}"#,
        )
        .expect("a filter");
        let day = |day| NaiveDate::from_ymd_opt(2026, 10, day);
        let values = |values: &[&str]| Wanted::Values(values.iter().map(|value| (*value).to_owned()).collect());
        let days = |since, until| Wanted::Days { since, until };
        let expected = [
            ("Block Name", values(&["", "बी"])),
            ("Organization Name", values(&["SCERT"])),
            ("Completion Date", Wanted::Filled(true)),
            ("Course Progress", Wanted::Percents(ProgressRange { from: 10, to: 20 })),
            ("Enrollment Date", days(None, day(2))),
            ("Completion Date", days(day(1), day(3))),
        ];
        let expected = expected.map(|(column, wanted)| Condition { column, wanted });
        assert_eq!(filter.conditions(), expected);
        assert!(ReportFilter::default().conditions().is_empty());
    }
}
