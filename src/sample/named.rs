//! The tables `courses` and `tenants`: what the courses of the batches, and the tenants, are called.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::batches::Batches;
use super::names::STATES;
use super::plan::Plan;
use super::write::TableWriter;
use super::{COURSES, SampleError, TENANTS, record_batch};

/// The schema of the table `courses`.
pub(super) fn courses_schema() -> SchemaRef {
    schema("course_id", "course_name")
}

/// The schema of the table `tenants`.
pub(super) fn tenants_schema() -> SchemaRef {
    schema("tenant_id", "tenant_name")
}

fn schema(id: &str, name: &str) -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![text(id), text(name)]))
}

/// Writes the courses that have a batch, ordered by id.
pub(super) fn write_courses(batches: &Batches, table: &mut TableWriter) -> Result<(), SampleError> {
    let all = batches.all().iter();
    let courses: BTreeMap<&str, &str> = all.map(|batch| (batch.course_id.as_str(), batch.course_name)).collect();
    table.write(&rows(COURSES, courses_schema(), courses)?)
}

/// Writes all tenants, also those without a batch.
pub(super) fn write_tenants(plan: &Plan, table: &mut TableWriter) -> Result<(), SampleError> {
    let tenants = (0..plan.tenants.count()).map(|tenant| (plan.tenants.id(tenant), STATES[tenant].name));
    table.write(&rows(TENANTS, tenants_schema(), tenants)?)
}

/// Rows of ids and names.
fn rows<'a>(
    table: &'static str,
    schema: SchemaRef,
    named: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<RecordBatch, SampleError> {
    let (ids, names): (Vec<&str>, Vec<&str>) = named.into_iter().unzip();
    let columns = [ids, names].map(|texts| Arc::new(StringArray::from(texts)) as ArrayRef);
    record_batch(table, schema, columns.into())
}
