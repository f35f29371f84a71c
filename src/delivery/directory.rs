//! The batches of a snapshot with those who may have their reports, held in memory for quick answers.

use std::collections::{BTreeSet, HashMap};

use datafusion::arrow::array::{Array, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use super::access::BatchFacts;
use super::person::Person;
use crate::catalog::{Catalog, Names};
use crate::engine::EngineError;
use crate::ids::{BatchId, SnapshotDate, TenantId, UserId};
use crate::nightly::Published;
use crate::report::ReportError;

const DIRECTORY: &str = "reports/batch_directory";

/// The batches of one snapshot.
#[derive(Debug)]
pub struct BatchDirectory {
    date: SnapshotDate,
    /// Ordered by id.
    batches: Vec<BatchFacts>,
    /// Ascending indexes into `batches`.
    of_person: HashMap<UserId, Vec<usize>>,
    of_tenant: HashMap<TenantId, Vec<usize>>,
    names: Names,
}

impl BatchDirectory {
    /// Reads the directory of the snapshot; row counts come from `published`, where it was made from the same one.
    ///
    /// # Errors
    /// The query fails, or a row has not its columns.
    pub async fn read(catalog: &Catalog, published: Option<&Published>) -> Result<Self, ReportError> {
        let frame = catalog.query(DIRECTORY, |parameters| parameters).await?;
        let rows = frame
            .collect()
            .await
            .map_err(EngineError::running("the directory of batches"))?;
        let mut batches = Vec::new();
        for rows in &rows {
            append(rows, &mut batches)?;
        }
        if let Some(published) = published {
            for batch in &mut batches {
                batch.rows = published.csv_of_batch(&batch.batch_id).map(|file| file.rows);
            }
        }
        let names = Names::read(catalog).await?;
        Ok(Self {
            names,
            ..Self::new(catalog.date, batches)
        })
    }

    /// A directory of `batches`, in any order, without names of courses and tenants.
    pub fn new(date: SnapshotDate, mut batches: Vec<BatchFacts>) -> Self {
        batches.sort_by(|a, b| a.batch_id.cmp(&b.batch_id));
        let mut of_person: HashMap<UserId, Vec<usize>> = HashMap::new();
        let mut of_tenant: HashMap<TenantId, Vec<usize>> = HashMap::new();
        for (place, batch) in batches.iter().enumerate() {
            let people: BTreeSet<&UserId> = batch.created_by.iter().chain(&batch.mentors).collect();
            for person in people {
                of_person.entry(person.clone()).or_default().push(place);
            }
            if let Some(tenant) = &batch.tenant_id {
                of_tenant.entry(tenant.clone()).or_default().push(place);
            }
        }
        Self {
            date,
            batches,
            of_person,
            of_tenant,
            names: Names::default(),
        }
    }

    /// The day of the snapshot.
    pub fn date(&self) -> SnapshotDate {
        self.date
    }

    /// What courses and tenants are called.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The batch of that id.
    pub fn get(&self, id: &BatchId) -> Option<&BatchFacts> {
        let place = self.batches.binary_search_by(|batch| batch.batch_id.cmp(id)).ok()?;
        self.batches.get(place)
    }

    /// Whether `person` may have the reports of all these batches.
    pub fn are_open_to(&self, ids: &[BatchId], person: &Person) -> bool {
        let mut found = ids.iter().map(|id| self.get(id));
        found.all(|batch| batch.is_some_and(|batch| batch.is_open_to(person)))
    }

    /// The batches whose reports `person` may have, ordered by id.
    pub fn open_to(&self, person: &Person) -> Vec<&BatchFacts> {
        if person.roles.platform_admin {
            return self.batches.iter().collect();
        }
        let own = self.of_person.get(&person.user_id).into_iter();
        let tenants = person.roles.tenant_admin_of.iter();
        let places: BTreeSet<usize> = own
            .chain(tenants.filter_map(|tenant| self.of_tenant.get(tenant)))
            .flatten()
            .copied()
            .collect();
        places.into_iter().filter_map(|place| self.batches.get(place)).collect()
    }
}

fn append(rows: &RecordBatch, batches: &mut Vec<BatchFacts>) -> Result<(), ReportError> {
    let texts = |name: &'static str| texts(rows, name);
    let (ids, courses) = (texts("batch_id")?, texts("course_id")?);
    let (names, tenants) = (texts("batch_name")?, texts("tenant_id")?);
    let creators = texts("created_by")?;
    let mentors = rows.column_by_name("mentors").ok_or(missing("mentors"))?;
    let mentors = mentors.as_list_opt::<i32>().ok_or(missing("mentors"))?;
    for row in 0..rows.num_rows() {
        let text = |texts: &StringViewArray| texts.is_valid(row).then(|| texts.value(row).to_owned());
        // A blank id was read as NULL, and a batch without an id is in no table.
        let Some(batch_id) = text(&ids).and_then(|id| BatchId::try_from(id).ok()) else {
            continue;
        };
        let mentor_ids = if mentors.is_valid(row) {
            user_ids(&mentors.value(row))?
        } else {
            BTreeSet::new()
        };
        batches.push(BatchFacts {
            batch_id,
            course_id: text(&courses),
            batch_name: text(&names),
            tenant_id: text(&tenants).and_then(|id| TenantId::try_from(id).ok()),
            created_by: text(&creators).and_then(|id| UserId::try_from(id).ok()),
            mentors: mentor_ids,
            rows: None,
        });
    }
    Ok(())
}

fn user_ids(list: &dyn Array) -> Result<BTreeSet<UserId>, ReportError> {
    let texts = cast(list, &DataType::Utf8View)?;
    let ids = texts.as_string_view().iter().flatten();
    Ok(ids.filter_map(|id| UserId::try_from(id.to_owned()).ok()).collect())
}

fn texts(rows: &RecordBatch, name: &'static str) -> Result<StringViewArray, ReportError> {
    let column = rows.column_by_name(name).ok_or(missing(name))?;
    Ok(cast(column, &DataType::Utf8View)?.as_string_view().clone())
}

fn missing(column: &'static str) -> ReportError {
    EngineError::Query {
        what: format!("query {DIRECTORY}"),
        reason: format!("it gives no column {column} of the right type"),
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::super::person::Roles;
    use super::*;

    fn batch(id: &str, tenant: &str, creator: &str, mentors: &[&str]) -> BatchFacts {
        let user = |id: &str| id.parse().expect("an id");
        BatchFacts {
            batch_id: id.parse().expect("an id"),
            course_id: None,
            batch_name: None,
            tenant_id: tenant.parse().ok(),
            created_by: creator.parse().ok(),
            mentors: mentors.iter().copied().map(user).collect(),
            rows: None,
        }
    }

    fn person(id: &str, tenants: &[&str], platform_admin: bool) -> Person {
        Person {
            user_id: id.parse().expect("an id"),
            email: None,
            roles: Roles {
                platform_admin,
                tenant_admin_of: tenants.iter().map(|id| id.parse().expect("an id")).collect(),
            },
            language: None,
        }
    }

    #[test]
    fn the_list_holds_what_access_allows() {
        let batches = vec![
            batch("3", "t1", "maker", &["mentor"]),
            batch("1", "t2", "mentor", &["mentor"]),
            batch("2", "", "", &[]),
            batch("4", "t1", "", &["other"]),
        ];
        let directory = BatchDirectory::new("2026-11-22".parse().expect("a date"), batches.clone());
        for (person, expected) in [
            (person("mentor", &[], false), &["1", "3"][..]),
            (person("maker", &["t1"], false), &["3", "4"]),
            (person("nobody", &[], false), &[]),
            (person("nobody", &["t1", "t2", "t3"], false), &["1", "3", "4"]),
            (person("admin", &[], true), &["1", "2", "3", "4"]),
        ] {
            let open: Vec<&str> = directory
                .open_to(&person)
                .iter()
                .map(|batch| batch.batch_id.as_str())
                .collect();
            assert_eq!(open, expected, "{person:?}");
            for batch in &batches {
                assert_eq!(batch.is_open_to(&person), expected.contains(&batch.batch_id.as_str()));
            }
        }
        assert!(directory.get(&"2".parse().expect("an id")).is_some());
        assert!(directory.get(&"5".parse().expect("an id")).is_none());
    }
}
