//! The names of courses and tenants, where the exports or a mapping have the tables `courses` and `tenants`. People see
//! names beside ids; ids remain the keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use sha2::{Digest, Sha256};

use super::{Catalog, CatalogError};
use crate::engine::EngineError;
use crate::exports::Table;
use crate::hex::hex;

const COURSE_NAMES: &str = include_str!("course_names.sql");
const TENANT_NAMES: &str = include_str!("tenant_names.sql");

/// Names by ids.
type ById = BTreeMap<String, String>;

/// The names of one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// `None` where there is no such table.
    courses: Option<ById>,
    tenants: Option<ById>,
}

impl Names {
    /// The names of a snapshot.
    ///
    /// # Errors
    /// Where a table of names cannot be read.
    pub async fn read(catalog: &Catalog) -> Result<Self, CatalogError> {
        Ok(Self {
            courses: names_of(catalog, Table::Courses, COURSE_NAMES).await?,
            tenants: names_of(catalog, Table::Tenants, TENANT_NAMES).await?,
        })
    }

    /// Whether the snapshot has no table of names.
    pub fn are_none(&self) -> bool {
        self.courses.is_none() && self.tenants.is_none()
    }

    /// The name of a course, where it is known.
    pub fn of_course(&self, id: &str) -> Option<&str> {
        self.courses.as_ref()?.get(id).map(String::as_str)
    }

    /// The name of a tenant, where it is known.
    pub fn of_tenant(&self, id: &str) -> Option<&str> {
        self.tenants.as_ref()?.get(id).map(String::as_str)
    }

    /// A digest of all names, in hexadecimal.
    pub fn digest(&self) -> String {
        let mut made = Sha256::new();
        for names in [&self.courses, &self.tenants] {
            made.update([u8::from(names.is_some())]);
            // Each text is preceded by its length, so that texts cannot run together.
            for text in names.iter().flatten().flat_map(|(id, name)| [id, name]) {
                made.update(text.len().to_be_bytes());
                made.update(text);
            }
        }
        hex(&made.finalize())
    }

    /// The columns of [`beside`](Self::beside).
    pub fn schema_beside(&self, schema: &SchemaRef) -> SchemaRef {
        let mut fields = schema.fields().to_vec();
        for (_, name, _) in self.columns(schema) {
            fields.push(Arc::new(Field::new(name, DataType::Utf8, true)));
        }
        Arc::new(Schema::new(fields))
    }

    /// The rows with `course_name` and `tenant_name` as their last columns: each where the snapshot has the table, and the
    /// rows have the id.
    ///
    /// # Errors
    /// Where an id is no text.
    pub fn beside(&self, rows: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = rows.schema();
        let mut columns = rows.columns().to_vec();
        for (place, _, known) in self.columns(&schema) {
            let ids = cast(rows.column(place), &DataType::Utf8)?;
            let ids = ids.as_string::<i32>();
            let names: StringArray = ids.iter().map(|id| known.get(id?).map(String::as_str)).collect();
            columns.push(Arc::new(names) as ArrayRef);
        }
        RecordBatch::try_new(self.schema_beside(&schema), columns)
    }

    /// The columns that are added to rows: the place of the id, the name of the column, and the names by ids.
    fn columns(&self, schema: &SchemaRef) -> Vec<(usize, &'static str, &ById)> {
        let all = [
            ("course_id", "course_name", &self.courses),
            ("tenant_id", "tenant_name", &self.tenants),
        ];
        let present = all
            .into_iter()
            .filter_map(|(id, name, known)| Some((schema.index_of(id).ok()?, name, known.as_ref()?)));
        present.collect()
    }
}

async fn names_of(catalog: &Catalog, table: Table, sql: &str) -> Result<Option<ById>, CatalogError> {
    let failed = || EngineError::running(format!("names of {table}"));
    if !catalog.session.table_exist(table.name()).map_err(failed())? {
        return Ok(None);
    }
    let frame = catalog.session.sql(sql).await.map_err(failed())?;
    let mut names = ById::new();
    for rows in frame.collect().await.map_err(failed())? {
        let texts = |place| cast(rows.column(place), &DataType::Utf8);
        let (ids, found) = (texts(0).map_err(not_text(table))?, texts(1).map_err(not_text(table))?);
        let pairs = ids.as_string::<i32>().iter().zip(found.as_string::<i32>());
        names.extend(pairs.filter_map(|(id, name)| Some((id?.to_owned(), name?.to_owned()))));
    }
    Ok(Some(names))
}

fn not_text(table: Table) -> impl FnOnce(ArrowError) -> EngineError {
    move |error| EngineError::Query {
        what: format!("names of {table}"),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;

    use super::*;

    fn names(courses: &[(&str, &str)]) -> Names {
        let owned = courses.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned()));
        Names {
            courses: Some(owned.collect()),
            tenants: None,
        }
    }

    fn rows() -> RecordBatch {
        let courses: ArrayRef = Arc::new(StringArray::from(vec![Some("c1"), None, Some("c2")]));
        let tenants: ArrayRef = Arc::new(StringArray::from(vec![Some("t1"), Some("t1"), None]));
        let downloads: ArrayRef = Arc::new(Int64Array::from(vec![3, 2, 1]));
        let columns = [("course_id", courses), ("tenant_id", tenants), ("downloads", downloads)];
        RecordBatch::try_from_iter(columns).expect("rows")
    }

    #[test]
    fn names_are_the_last_column_where_there_is_a_table_of_them() {
        let named = names(&[("c1", "नई शिक्षा"), ("c3", "Other")])
            .beside(&rows())
            .expect("rows");
        let headers: Vec<String> = named
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        assert_eq!(headers, ["course_id", "tenant_id", "downloads", "course_name"]);
        let found: Vec<Option<&str>> = named.column(3).as_string::<i32>().iter().collect();
        assert_eq!(found, [Some("नई शिक्षा"), None, None]);
    }

    #[test]
    fn without_tables_or_ids_rows_stay_as_they_are() {
        assert!(Names::default().are_none());
        assert_ne!(Names::default().digest(), names(&[]).digest());
        assert_eq!(Names::default().beside(&rows()).expect("rows"), rows());
        let counts = rows().project(&[2]).expect("a column");
        assert_eq!(names(&[("c1", "One")]).beside(&counts).expect("rows"), counts);
    }
}
