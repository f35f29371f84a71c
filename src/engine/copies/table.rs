//! The table of either kind of rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::TableType;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;

use super::plan::{CopiesExec, CopiesFilter, Kept};
use super::repeated::{KeySource, RepeatedKeys};

/// The rows of a table whose keys stand once, or the others.
#[derive(Debug)]
pub struct RowsByCopies {
    table: Arc<dyn TableProvider>,
    key: &'static [&'static str],
    /// Of the whole table.
    repeated: Arc<RepeatedKeys>,
    kept: Kept,
}

impl RowsByCopies {
    pub fn new(
        table: Arc<dyn TableProvider>,
        key: &'static [&'static str],
        repeated: Arc<RepeatedKeys>,
        kept: Kept,
    ) -> Self {
        Self {
            table,
            key,
            repeated,
            kept,
        }
    }

    fn key_columns(&self) -> Result<Vec<usize>> {
        let schema = self.table.schema();
        let columns = self.key.iter().map(|name| Ok(schema.index_of(name)?));
        columns.collect()
    }

    fn is_about_key(&self, filter: &Expr) -> bool {
        let columns = filter.column_refs();
        columns.iter().all(|column| self.key.contains(&column.name()))
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
        let key = self.key_columns()?;
        let read: Vec<usize> = BTreeSet::from_iter(given.iter().chain(&key).copied())
            .into_iter()
            .collect();
        let place = |column: &usize| read.partition_point(|other| other < column);
        let filter = CopiesFilter {
            kept: self.kept,
            key: key.iter().map(place).collect(),
            columns: given.iter().map(place).collect(),
        };
        let rows = self.table.scan(session, Some(&read), filters, None).await?;
        let keys = KeySource {
            plan: self.table.scan(session, Some(&key), filters, None).await?,
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

    /// A filter on key columns hides all copies of a key or none, so it may go down; others would hide some.
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
