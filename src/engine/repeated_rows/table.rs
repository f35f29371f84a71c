//! The table of the rows that stand alone, or of the others.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaBuilder, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use super::kept_keys::KeptKeys;
use super::plan::{OutputColumn, RepeatedRowsExec, RepeatedRowsFilter};
use super::repeated_keys::KeySource;
use super::{Inputs, Key, MAY_BE_REPEATED, Passing};
use crate::engine::planning::planning_parts;

/// The rows of a table that stand alone, or the others.
#[derive(Debug)]
pub struct UniqueOrRepeatedRows {
    table: Arc<dyn TableProvider>,
    key: Key,
    /// The repeated keys of the whole table.
    repeated: Arc<KeptKeys>,
    passing: Passing,
    inputs: Inputs,
    schema: SchemaRef,
}

impl UniqueOrRepeatedRows {
    pub fn new(
        table: Arc<dyn TableProvider>,
        key: Key,
        repeated: Arc<KeptKeys>,
        passing: Passing,
        inputs: Inputs,
    ) -> Self {
        let mut schema = table.schema();
        if passing == Passing::Others && key.neighbours.is_some() {
            let mut with_mark = SchemaBuilder::from(schema.as_ref());
            with_mark.push(Field::new(MAY_BE_REPEATED, DataType::Boolean, false));
            schema = Arc::new(with_mark.finish());
        }
        Self {
            table,
            key,
            repeated,
            passing,
            inputs,
            schema,
        }
    }

    /// The repeated keys of the whole table.
    #[cfg(test)]
    pub fn repeated(&self) -> &Arc<KeptKeys> {
        &self.repeated
    }

    /// Whether a filter removes either all rows of a key, with their neighbours, or none.
    fn is_about_key(&self, filter: &Expr) -> bool {
        let of_key = |name: &str| self.key.repeated.iter().any(|column| column == name);
        let columns = filter.column_refs();
        self.key.neighbours.is_none() && columns.iter().all(|column| of_key(column.name()))
    }
}

/// The place of a column among `columns`, which are in ascending order.
fn place_among(columns: &[usize], column: usize) -> usize {
    columns.partition_point(|&other| other < column)
}

impl UniqueOrRepeatedRows {
    /// The filter of rows with the columns `read` of the whole table, which has `schema`. Its output has the columns
    /// `given`.
    fn filter(&self, schema: &Schema, given: &[usize], read: &[usize]) -> Result<RepeatedRowsFilter> {
        let columns = given.iter().map(|&column| match column < schema.fields().len() {
            true => OutputColumn::Read(place_among(read, column)),
            false => OutputColumn::MayBeRepeated,
        });
        Ok(RepeatedRowsFilter {
            passing: self.passing,
            is_of_statement: self.inputs == Inputs::Tables,
            key: self.key.places(|name| Ok(place_among(read, schema.index_of(name)?)))?,
            columns: columns.collect(),
        })
    }

    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema.fields().len()).collect();
        let given: Vec<usize> = projection.cloned().unwrap_or_else(all);
        let schema = self.table.schema();
        let key = self.key.places(|name| Ok(schema.index_of(name)?))?.all();
        let is_read = |column: &usize| *column < schema.fields().len();
        let read: Vec<usize> = BTreeSet::from_iter(given.iter().chain(&key).copied().filter(is_read))
            .into_iter()
            .collect();
        let filter = self.filter(&schema, &given, &read)?;
        let given = Arc::new(self.schema.project(&given)?);
        // The table may be a view. Its plan is a visible part of this one, and is optimized with it.
        let session = planning_parts(session)?;
        let rows = self.table.scan(&session, Some(&read), filters, None).await?;
        let keys = KeySource {
            plan: self.table.scan(&session, Some(&key), filters, None).await?,
            columns: self.key.places(|name| Ok(place_among(&key, schema.index_of(name)?)))?,
            expected_rows: self
                .table
                .statistics()
                .and_then(|statistics| statistics.num_rows.get_value().copied()),
        };
        // A filter removes keys, so repeated keys found behind it hold for this scan alone.
        let repeated = if filters.is_empty() {
            self.repeated.keys()
        } else {
            Arc::default()
        };
        Ok(Arc::new(RepeatedRowsExec::new(given, rows, keys, repeated, filter)))
    }
}

impl TableProvider for UniqueOrRepeatedRows {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    crate::scans::scan_in_own_future!(UniqueOrRepeatedRows);

    /// A filter may be pushed down where it removes all rows of a key or none; others would change which rows are
    /// repeated.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let below = self.table.supports_filters_pushdown(filters)?;
        let support = filters.iter().zip(below).map(|(filter, below)| {
            // Without the rows whose key has a NULL, the repeated keys are the same; and they are shared by all scans
            // that are not filtered.
            let is_of_nulls = matches!(filter, Expr::IsNotNull(_));
            if self.is_about_key(filter) && !is_of_nulls && below != TableProviderFilterPushDown::Unsupported {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        });
        Ok(support.collect())
    }
}
