//! The tables of rows by how they stand.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use super::plan::{CopiesExec, CopiesFilter};
use super::repeated::{KeySource, RepeatedKeys};
use super::{Key, Standing};

/// The rows of a table that stand in one way.
#[derive(Debug)]
pub struct RowsByCopies {
    table: Arc<dyn TableProvider>,
    key: Key,
    /// Of the whole table.
    repeated: Arc<RepeatedKeys>,
    kept: Standing,
}

impl RowsByCopies {
    pub fn new(table: Arc<dyn TableProvider>, key: Key, repeated: Arc<RepeatedKeys>, kept: Standing) -> Self {
        Self {
            table,
            key,
            repeated,
            kept,
        }
    }

    /// Whether the filter hides all copies and neighbours of a row, or none.
    fn is_about_key(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        self.key.neighbours.is_none() && columns.iter().all(|column| self.key.copies.contains(&column.name()))
    }
}

#[async_trait]
impl TableProvider for RowsByCopies {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let all = || (0..self.schema().fields().len()).collect();
        let given: Vec<usize> = projection.cloned().unwrap_or_else(all);
        let schema = self.schema();
        let key = self.key.places(|name| Ok(schema.index_of(name)?))?.all();
        let read: Vec<usize> = BTreeSet::from_iter(given.iter().chain(&key).copied())
            .into_iter()
            .collect();
        let among = |columns: &[usize], column: usize| columns.partition_point(|&other| other < column);
        let filter = CopiesFilter {
            kept: self.kept,
            key: self.key.places(|name| Ok(among(&read, schema.index_of(name)?)))?,
            columns: given.iter().map(|&column| among(&read, column)).collect(),
        };
        let rows = self.table.scan(session, Some(&read), filters, None).await?;
        let keys = KeySource {
            plan: self.table.scan(session, Some(&key), filters, None).await?,
            columns: self.key.places(|name| Ok(among(&key, schema.index_of(name)?)))?,
            expected_rows: self
                .table
                .statistics()
                .and_then(|statistics| statistics.num_rows.get_value().copied()),
        };
        // A filter hides keys, so what is found behind one holds for this scan alone.
        let repeated = if filters.is_empty() {
            Arc::clone(&self.repeated)
        } else {
            Arc::default()
        };
        Ok(Arc::new(CopiesExec::try_new(rows, keys, repeated, filter)?))
    }

    /// A filter that hides all rows of a key or none may go down; others would hide some.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let below = self.table.supports_filters_pushdown(filters)?;
        let support = filters.iter().zip(below).map(|(filter, below)| {
            if self.is_about_key(filter) && below != TableProviderFilterPushDown::Unsupported {
                TableProviderFilterPushDown::Inexact
            } else {
                TableProviderFilterPushDown::Unsupported
            }
        });
        Ok(support.collect())
    }
}
