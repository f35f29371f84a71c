//! The options of a request beside format and delivery: batches, filter and parts.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::{Problem, ProblemKind};
use super::views::NewReport;
use crate::delivery::access::BatchFacts;
use crate::delivery::directory::BatchDirectory;
use crate::delivery::options::RequestOptions;
use crate::delivery::person::Person;
use crate::delivery::request::FurtherBatch;
use crate::ids::SnapshotDate;
use crate::report::{MOST_SHEETS, ProgressRange, ReportFilter};

/// Batches of one request at most: each may be a sheet of a workbook.
pub const MOST_BATCHES: usize = MOST_SHEETS;

/// Yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    Yes,
    No,
}

/// Which rows of the report are wanted: those that meet all conditions. Values are compared exactly with those of the
/// report; an empty text stands for rows without one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"block": ["Block 1", "Block 2"], "completed": "no", "progress": "0..50"}))]
pub struct FilterView {
    /// Block Name is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 500)]
    pub block: Vec<String>,
    /// District Name is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 500)]
    pub district: Vec<String>,
    /// School Name is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 500)]
    pub school: Vec<String>,
    /// Organization Name is one of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 500)]
    pub organisation: Vec<String>,
    /// Whether there is a Completion Date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Answer>,
    /// Course Progress is within these whole percents, both included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = r"^(\d{1,3}\.\.\d{0,3}|\.\.\d{1,3})$", example = "0..50")]
    pub progress: Option<String>,
    /// Enrollment Date is this day or later, by the site's calendar.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub enrolled_since: Option<SnapshotDate>,
    /// Enrollment Date is this day or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub enrolled_until: Option<SnapshotDate>,
    /// Completion Date is this day or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub completed_since: Option<SnapshotDate>,
    /// Completion Date is this day or earlier.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub completed_until: Option<SnapshotDate>,
}

impl FilterView {
    /// The filter, checked.
    fn filter(&self) -> Result<ReportFilter, Problem> {
        let values = |values: &[String]| -> BTreeSet<String> { values.iter().cloned().collect() };
        let day = |date: Option<SnapshotDate>| date.map(SnapshotDate::day);
        let progress = self.progress.as_deref().map(str::parse::<ProgressRange>).transpose();
        let filter = progress.and_then(|progress| {
            let filter = ReportFilter {
                block: values(&self.block),
                district: values(&self.district),
                school: values(&self.school),
                organisation: values(&self.organisation),
                completed: self.completed.map(|answer| answer == Answer::Yes),
                progress,
                enrolled_since: day(self.enrolled_since),
                enrolled_until: day(self.enrolled_until),
                completed_since: day(self.completed_since),
                completed_until: day(self.completed_until),
            };
            filter.checked()
        });
        filter.map_err(|error| Problem::new(ProblemKind::Invalid, format!("filter: {error}.")))
    }

    /// What the API shows of a filter; none where every row is wanted.
    pub fn of(filter: &ReportFilter) -> Option<Self> {
        let values = |values: &BTreeSet<String>| values.iter().cloned().collect();
        (!filter.is_empty()).then(|| Self {
            block: values(&filter.block),
            district: values(&filter.district),
            school: values(&filter.school),
            organisation: values(&filter.organisation),
            completed: filter
                .completed
                .map(|completed| if completed { Answer::Yes } else { Answer::No }),
            progress: filter.progress.map(String::from),
            enrolled_since: filter.enrolled_since.map(SnapshotDate::from),
            enrolled_until: filter.enrolled_until.map(SnapshotDate::from),
            completed_since: filter.completed_since.map(SnapshotDate::from),
            completed_until: filter.completed_until.map(SnapshotDate::from),
        })
    }
}

/// The first of the requested batches, the others, ordered by id, and the options. A batch that does not exist and one
/// that the person may not have are the same problem.
pub fn wanted<'a>(
    new: &NewReport,
    directory: &'a BatchDirectory,
    person: &Person,
) -> Result<(&'a BatchFacts, Vec<FurtherBatch>, RequestOptions), Problem> {
    let batches = wanted_batches(new, directory, person)?;
    let (&first, others) = batches.split_first().ok_or_else(unknown_batch)?;
    let is_of_several = new.batch_id.is_none();
    if new.files.is_some() && !is_of_several {
        return Err(invalid("`files` is for several batches. Leave it out."));
    }
    let filter = new.filter.as_ref().map(FilterView::filter).transpose()?;
    let ids = batches
        .iter()
        .filter(|_| is_of_several)
        .map(|batch| batch.batch_id.clone());
    let asked = RequestOptions {
        batches: ids.collect(),
        course: new.course_id.clone(),
        files: new.files.unwrap_or_default(),
        split_by: new.split_by,
        filter: filter.unwrap_or_default(),
    };
    let further = others.iter().map(|batch| FurtherBatch {
        batch_id: batch.batch_id.clone(),
        course_id: batch.course_id.clone(),
        tenant_id: batch.tenant_id.clone(),
    });
    Ok((first, further.collect(), asked))
}

/// The batches that are asked for, ordered by id; none where one does not exist or is not the person's.
fn wanted_batches<'a>(
    new: &NewReport,
    directory: &'a BatchDirectory,
    person: &Person,
) -> Result<Vec<&'a BatchFacts>, Problem> {
    let batches: Vec<&BatchFacts> = match (&new.batch_id, new.batch_ids.as_slice(), &new.course_id) {
        (Some(id), [], None) => directory
            .get(id)
            .filter(|batch| batch.is_open_to(person))
            .into_iter()
            .collect(),
        (None, ids @ [_, ..], None) => {
            let ids: BTreeSet<_> = ids.iter().collect();
            let found = ids
                .iter()
                .map(|id| directory.get(id).filter(|batch| batch.is_open_to(person)));
            found.collect::<Option<_>>().unwrap_or_default()
        }
        (None, [], Some(course)) => {
            let open = directory.open_to(person).into_iter();
            open.filter(|batch| batch.course_id.as_ref() == Some(course)).collect()
        }
        _ => {
            return Err(invalid(
                "Name what the report is of by one of `batch_id`, `batch_ids` and `course_id`.",
            ));
        }
    };
    if batches.len() > MOST_BATCHES {
        return Err(invalid(&format!(
            "These are {} batches, and {MOST_BATCHES} are the most of one request. Name fewer.",
            batches.len()
        )));
    }
    Ok(batches)
}

fn invalid(words: &str) -> Problem {
    Problem::new(ProblemKind::Invalid, words)
}

/// The problem for a batch that does not exist or is not the caller's: the same, so that ids cannot be probed.
fn unknown_batch() -> Problem {
    Problem::new(
        ProblemKind::UnknownBatch,
        "The latest snapshot has no such batch whose report you may have. GET /api/v1/batches lists yours.",
    )
}
