//! Explains the ratio of one course or tenant: its batches and events, and what is not counted and why. The parts are
//! defined in `queries/metrics/download_ratio_explained.sql`.

use std::fmt;
use std::str::FromStr;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{cast, sum};
use datafusion::arrow::datatypes::{DataType, Int64Type, SchemaRef};
use datafusion::scalar::ScalarValue;

use super::days::Days;
use super::error::RatioError;
use crate::catalog::Catalog;
use crate::engine::EngineError;

const EXPLAINED: &str = "metrics/download_ratio_explained";

/// The course or tenant that a user asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectId {
    /// `course:ID`; `None` for events of no course.
    Course(Option<String>),
    /// `tenant:ID`; `None` for events of no tenant.
    Tenant(Option<String>),
    /// An id of either kind.
    Either(String),
}

/// A course or tenant; `None` for events of none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A course.
    Course(Option<String>),
    /// A tenant.
    Tenant(Option<String>),
}

/// The parts of one ratio and their sums, which equal its row in `download_ratio`.
#[derive(Debug)]
pub struct Explanation {
    /// Whose ratio it is.
    pub subject: Subject,
    /// The columns of `rows`.
    pub schema: SchemaRef,
    /// The parts: one row a batch or event that counts.
    pub rows: Vec<RecordBatch>,
    /// Number of batches.
    pub batches: i64,
    /// Number of downloads.
    pub downloads: i64,
    /// Downloads without double clicks.
    pub requests: i64,
    /// Batches with at least one download.
    pub batches_downloaded: i64,
    /// Events that are not counted.
    pub not_counted: i64,
}

impl FromStr for SubjectId {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let id = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        Ok(match text.split_once(':') {
            Some(("course", course)) => Self::Course(id(course)),
            Some(("tenant", tenant)) => Self::Tenant(id(tenant)),
            _ => Self::Either(text.to_owned()),
        })
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Course(Some(id)) => write!(f, "course {id}"),
            Self::Course(None) => f.write_str("no course"),
            Self::Tenant(Some(id)) => write!(f, "tenant {id}"),
            Self::Tenant(None) => f.write_str("no tenant"),
        }
    }
}

impl Explanation {
    /// downloads / batches; `None` where there are no batches.
    pub fn download_ratio(&self) -> Option<f64> {
        (self.batches > 0).then(|| self.downloads as f64 / self.batches as f64)
    }
}

/// The parts of the ratio over these days.
///
/// # Errors
/// The course or tenant is unknown, the days are none of the snapshot's, or the query fails.
pub async fn explain(catalog: &Catalog, id: &SubjectId, days: &Days) -> Result<Explanation, RatioError> {
    let subject = match id {
        SubjectId::Course(course) => Subject::Course(course.clone()),
        SubjectId::Tenant(tenant) => Subject::Tenant(tenant.clone()),
        SubjectId::Either(id) => find(catalog, id).await?,
    };
    let (level, id) = match &subject {
        Subject::Course(id) => ("course", id),
        Subject::Tenant(id) => ("tenant", id),
    };
    let parts = catalog
        .query(EXPLAINED, |parameters| {
            let id = ScalarValue::Utf8View(id.clone());
            days.bound(parameters).with("level", level).with("id", id)
        })
        .await?;
    let schema = SchemaRef::clone(parts.schema().inner());
    let rows = parts.collect().await.map_err(EngineError::running(EXPLAINED))?;
    if rows.iter().all(|rows| rows.num_rows() == 0) {
        return Err(RatioError::UnknownSubject {
            subject: subject.to_string(),
            as_of: catalog.date,
        });
    }
    let mut explanation = Explanation {
        subject,
        schema,
        rows: Vec::new(),
        batches: 0,
        downloads: 0,
        requests: 0,
        batches_downloaded: 0,
        not_counted: 0,
    };
    for rows in &rows {
        explanation.add(rows)?;
    }
    explanation.rows = rows;
    Ok(explanation)
}

/// Whether the id is a course's or a tenant's.
async fn find(catalog: &Catalog, id: &str) -> Result<Subject, RatioError> {
    const LEVELS: &str = "metrics/levels_of_id";
    let levels = catalog.query(LEVELS, |parameters| parameters.with("id", id)).await?;
    let rows = levels.collect().await.map_err(EngineError::running(LEVELS))?;
    let mut found = Vec::new();
    for rows in &rows {
        let levels = column(LEVELS, rows, "level", &DataType::Utf8View)?;
        found.extend(levels.as_string_view().iter().flatten().map(str::to_owned));
    }
    let id = || Some(id.to_owned());
    match found.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["course"] => Ok(Subject::Course(id())),
        ["tenant"] => Ok(Subject::Tenant(id())),
        [] => Err(RatioError::UnknownSubject {
            subject: format!("a course or tenant '{}'", id().unwrap_or_default()),
            as_of: catalog.date,
        }),
        _ => Err(RatioError::CourseAndTenant {
            id: id().unwrap_or_default(),
        }),
    }
}

impl Explanation {
    fn add(&mut self, rows: &RecordBatch) -> Result<(), RatioError> {
        let numbers = |name| column(EXPLAINED, rows, name, &DataType::Int64);
        let total = |numbers: &ArrayRef| sum(numbers.as_primitive::<Int64Type>()).unwrap_or(0);
        let (batches, downloads) = (numbers("batches")?, numbers("downloads")?);
        self.batches += total(&batches);
        self.downloads += total(&downloads);
        self.requests += total(&numbers("requests")?);
        self.not_counted += total(&numbers("not_counted")?);
        let (batches, downloads) = (
            batches.as_primitive::<Int64Type>(),
            downloads.as_primitive::<Int64Type>(),
        );
        let is_downloaded = |row: &usize| batches.value(*row) > 0 && downloads.value(*row) > 0;
        self.batches_downloaded += (0..batches.len()).filter(is_downloaded).count() as i64;
        Ok(())
    }
}

fn column(
    query: &'static str,
    rows: &RecordBatch,
    column: &'static str,
    data_type: &DataType,
) -> Result<ArrayRef, RatioError> {
    let missing = || RatioError::MissingColumn { query, column };
    let found = rows.column_by_name(column).ok_or_else(missing)?;
    cast(found, data_type).map_err(|_| missing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_may_say_whose_it_is() {
        let id = |text: &str| text.parse::<SubjectId>().expect("any text");
        assert_eq!(id("course:c1"), SubjectId::Course(Some("c1".to_owned())));
        assert_eq!(id("course:tenant:1"), SubjectId::Course(Some("tenant:1".to_owned())));
        assert_eq!(id("tenant:"), SubjectId::Tenant(None));
        assert_eq!(id("do:1"), SubjectId::Either("do:1".to_owned()));
    }
}
