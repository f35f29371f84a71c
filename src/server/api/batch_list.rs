//! A list of batches with their figures, searched and ordered.

use std::cmp::Ordering;

use super::batch_views::{BatchChange, BatchView};
use crate::delivery::access::BatchFacts;
use crate::nightly::changes::ChangedBatch;
use crate::server::batch_figures::BatchProgress;
use crate::server::figures::Downloads;

/// A batch with the figures that the caller may see.
#[derive(Debug, Clone, Copy)]
pub struct ListedBatch<'a> {
    pub facts: &'a BatchFacts,
    pub course_name: Option<&'a str>,
    pub tenant_name: Option<&'a str>,
    /// None until it is counted.
    pub progress: Option<BatchProgress>,
    pub change: Option<&'a ChangedBatch>,
    /// `None` for callers who are not its admin.
    pub downloads: Option<Downloads>,
}

/// What batches can be ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchColumn {
    BatchId,
    BatchName,
    CourseId,
    CourseName,
    TenantId,
    Learners,
    Completed,
    AverageProgress,
    Change,
    Downloads,
}

/// An order of batches. Those without a value come last, and equal ones are in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOrder {
    column: BatchColumn,
    is_descending: bool,
}

/// A value to order by; those of one column are of one kind.
enum SortKey {
    Text(String),
    Number(f64),
}

impl BatchOrder {
    /// The names of columns in the parameter `sort`.
    pub const NAMES: &'static str = "batch_id, batch_name, course_id, course_name, tenant_id, learners, completed, average_progress, change, downloads";

    /// The order of a parameter `sort`: a column, downwards with `-` before it; `None` where there is no such column.
    pub fn named(text: &str) -> Option<Self> {
        let (name, is_descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let column = match name {
            "batch_id" => BatchColumn::BatchId,
            "batch_name" => BatchColumn::BatchName,
            "course_id" => BatchColumn::CourseId,
            "course_name" => BatchColumn::CourseName,
            "tenant_id" => BatchColumn::TenantId,
            "learners" => BatchColumn::Learners,
            "completed" => BatchColumn::Completed,
            "average_progress" => BatchColumn::AverageProgress,
            "change" => BatchColumn::Change,
            "downloads" => BatchColumn::Downloads,
            _ => return None,
        };
        Some(Self { column, is_descending })
    }

    /// Orders batches that are in the order of their ids.
    pub fn sort(self, batches: Vec<ListedBatch<'_>>) -> Vec<ListedBatch<'_>> {
        let mut keyed: Vec<_> = batches
            .into_iter()
            .map(|batch| (batch.key(self.column), batch))
            .collect();
        keyed.sort_by(|(a, _), (b, _)| match (a, b) {
            (Some(a), Some(b)) if self.is_descending => b.compare(a),
            (Some(a), Some(b)) => a.compare(b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => Ordering::Equal,
        });
        keyed.into_iter().map(|(_, batch)| batch).collect()
    }
}

impl SortKey {
    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.total_cmp(b),
            (Self::Text(_), Self::Number(_)) => Ordering::Less,
            (Self::Number(_), Self::Text(_)) => Ordering::Greater,
        }
    }
}

impl ListedBatch<'_> {
    /// Whether a text, in lower case, is in a name or an id of the batch or its course.
    pub fn contains(&self, sought: &str) -> bool {
        let texts = [
            Some(self.facts.batch_id.as_str()),
            self.facts.batch_name.as_deref(),
            self.facts.course_id.as_deref(),
            self.course_name,
        ];
        texts
            .into_iter()
            .flatten()
            .any(|text| text.to_lowercase().contains(sought))
    }

    /// The key to order by. A batch or course without a name has its id in its place, as people see it.
    fn key(&self, column: BatchColumn) -> Option<SortKey> {
        let facts = self.facts;
        let text = |text: &str| SortKey::Text(text.to_lowercase());
        let number = |number: u64| SortKey::Number(number as f64);
        let course_id = facts.course_id.as_deref();
        match column {
            BatchColumn::BatchId => Some(SortKey::Text(facts.batch_id.to_string())),
            BatchColumn::BatchName => {
                let name = facts.batch_name.as_deref();
                Some(text(name.unwrap_or(facts.batch_id.as_str())))
            }
            BatchColumn::CourseId => course_id.map(|id| SortKey::Text(id.to_owned())),
            BatchColumn::CourseName => self.course_name.or(course_id).map(text),
            BatchColumn::TenantId => facts.tenant_id.as_ref().map(|id| SortKey::Text(id.to_string())),
            BatchColumn::Learners => self.progress.map(|progress| number(progress.learners)),
            BatchColumn::Completed => self.progress.map(|progress| number(progress.completed)),
            BatchColumn::AverageProgress => self.progress?.average.map(SortKey::Number),
            BatchColumn::Change => {
                let people = self.change?.people.unwrap_or_default();
                Some(number(people.added + people.removed + people.completed))
            }
            BatchColumn::Downloads => self.downloads.map(|downloads| SortKey::Number(downloads.times as f64)),
        }
    }

    /// What the API shows of it.
    pub fn view(&self) -> BatchView {
        let facts = self.facts;
        BatchView {
            batch_id: facts.batch_id.to_string(),
            batch_name: facts.batch_name.clone(),
            course_id: facts.course_id.clone(),
            course_name: self.course_name.map(str::to_owned),
            tenant_id: facts.tenant_id.as_ref().map(ToString::to_string),
            tenant_name: self.tenant_name.map(str::to_owned),
            rows: facts.rows,
            learners: self.progress.map(|progress| progress.learners),
            completed: self.progress.map(|progress| progress.completed),
            average_progress: self.progress.and_then(|progress| progress.average),
            change: self.change.map(|change| BatchChange {
                rows_before: change.rows_before,
                added: change.people.map(|people| people.added),
                removed: change.people.map(|people| people.removed),
                completed: change.people.map(|people| people.completed),
            }),
            downloads: self
                .downloads
                .map(|downloads| u64::try_from(downloads.times).unwrap_or_default()),
            last_download: self.downloads.and_then(|downloads| downloads.last),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn facts(id: &str, name: Option<&str>) -> BatchFacts {
        BatchFacts {
            batch_id: id.parse().expect("an id"),
            course_id: Some(format!("course of {id}")),
            batch_name: name.map(str::to_owned),
            tenant_id: None,
            created_by: None,
            mentors: BTreeSet::new(),
            rows: None,
        }
    }

    fn listed<'a>(facts: &'a [BatchFacts], averages: &[Option<f64>]) -> Vec<ListedBatch<'a>> {
        let batches = facts.iter().zip(averages);
        batches
            .map(|(facts, &average)| ListedBatch {
                facts,
                course_name: (facts.batch_id.as_str() == "3").then_some("गणित Maths"),
                tenant_name: None,
                progress: Some(BatchProgress {
                    learners: 7,
                    completed: 0,
                    average,
                }),
                change: None,
                downloads: None,
            })
            .collect()
    }

    fn order(sort: &str, batches: &[ListedBatch<'_>]) -> String {
        let order = BatchOrder::named(sort).expect("an order");
        let sorted = order.sort(batches.to_vec());
        sorted.iter().map(|batch| batch.facts.batch_id.as_str()).collect()
    }

    #[test]
    fn missing_values_come_last_in_both_directions() {
        let facts = [
            facts("1", Some("beta")),
            facts("2", None),
            facts("3", Some("Alpha")),
            facts("4", None),
        ];
        let batches = listed(&facts, &[Some(9.5), None, Some(10.0), None]);
        for (sort, expected) in [
            ("average_progress", "1324"),
            ("-average_progress", "3124"),
            // All are equal, and stay in the order of their ids.
            ("learners", "1234"),
            ("-learners", "1234"),
            // A batch without a name is found at its id; the case of letters does not matter.
            ("batch_name", "2431"),
            ("-batch_name", "1342"),
            ("-batch_id", "4321"),
            ("-change", "1234"),
            ("downloads", "1234"),
        ] {
            assert_eq!(order(sort, &batches), expected, "{sort}");
        }
        for name in BatchOrder::NAMES.split(", ") {
            assert!(BatchOrder::named(name).is_some(), "{name}");
        }
        for unknown in ["", "-", "rows", "--learners", "Learners"] {
            assert_eq!(BatchOrder::named(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn names_and_ids_of_batch_and_course_are_searched() {
        let facts = [facts("1", Some("Beta")), facts("3", None)];
        let batches = listed(&facts, &[None, None]);
        let found = |text: &str| {
            let found = batches.iter().filter(|batch| batch.contains(text));
            found.map(|batch| batch.facts.batch_id.as_str()).collect::<String>()
        };
        assert_eq!(found("bet"), "1");
        assert_eq!(found("maths"), "3");
        assert_eq!(found("गणित"), "3");
        assert_eq!(found("course of"), "13");
        assert_eq!(found("nothing"), "");
    }
}
