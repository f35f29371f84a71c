//! A canonical table over all usable days of the exports, with an additional column `snapshot_date`.
//!
//! Files are listed when a query reads the table. Filters on `snapshot_date` are pushed down to the listing, so files
//! of other days are not opened. The files of the remaining days are checked and normalised like those of a snapshot.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Date32Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, DataFusionError, Result};
use datafusion::datasource::TableType;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::columns::check_contract;
use super::contract::Table;
use super::error::ExportsError;
use super::inspect::read_footers;
use super::snapshot::Exports;
use super::table::{SNAPSHOT_DATE, SnapshotTable, pushdown, schema_of_days};
use crate::ids::SnapshotDate;
use crate::zone::Zone;

/// One table over all usable days.
#[derive(Debug)]
pub struct HistoryTable {
    exports: Arc<Exports>,
    table: Table,
    store: ObjectStoreUrl,
    schema: SchemaRef,
    zone: Zone,
}

impl HistoryTable {
    /// The days of `table` in `exports`, whose store is registered in the session as `store`; dates are those of `zone`.
    pub fn new(exports: Arc<Exports>, table: Table, store: ObjectStoreUrl, zone: Zone) -> Self {
        Self {
            exports,
            table,
            store,
            schema: schema_of_days(table),
            zone,
        }
    }

    /// The normalised rows of the days that meet `condition`, or of all days where there is none.
    async fn days(&self, condition: Option<Arc<dyn PhysicalExpr>>) -> Result<SnapshotTable> {
        let keep = |dates: &BTreeSet<SnapshotDate>| match &condition {
            None => Ok(dates.clone()),
            Some(condition) => dates_that_match(dates, condition),
        };
        let days = self.exports.days_of(self.table.name(), keep).await?;
        let mut files = Vec::new();
        for (date, found) in days {
            let inspected = read_footers(&found).await?;
            check_contract(self.table, &found, &inspected, &self.zone)?;
            files.extend(inspected.into_iter().map(|file| (date, file)));
        }
        Ok(SnapshotTable::of_days(
            self.table,
            self.store.clone(),
            files,
            self.zone.clone(),
        ))
    }
}

impl HistoryTable {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (of_dates, of_rows): (Vec<Expr>, Vec<Expr>) = filters.iter().cloned().partition(chooses_days);
        let condition = match conjunction(of_dates) {
            Some(condition) => Some(session.create_physical_expr(condition, &DFSchema::try_from(date_schema())?)?),
            None => None,
        };
        let days = self.days(condition).await?;
        days.scan(session, projection, &of_rows, limit).await
    }
}

impl TableProvider for HistoryTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    crate::scans::scan_in_own_future!(HistoryTable);

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let support = |filter: &&Expr| match chooses_days(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => pushdown(filter),
        };
        Ok(filters.iter().map(support).collect())
    }
}

/// Whether a filter depends on `snapshot_date` alone.
fn chooses_days(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    let is_of_dates = !columns.is_empty() && columns.iter().all(|column| column.name == SNAPSHOT_DATE);
    is_of_dates && !filter.is_volatile() && !has_subquery(filter)
}

fn has_subquery(filter: &Expr) -> bool {
    let is_subquery = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)
        ))
    };
    filter.exists(is_subquery).unwrap_or(true)
}

fn date_schema() -> Arc<Schema> {
    Arc::new(Schema::new(vec![Field::new(SNAPSHOT_DATE, DataType::Date32, false)]))
}

fn dates_that_match(
    dates: &BTreeSet<SnapshotDate>,
    condition: &Arc<dyn PhysicalExpr>,
) -> Result<BTreeSet<SnapshotDate>> {
    let days = Date32Array::from_iter_values(dates.iter().map(|date| date.day().to_epoch_days()));
    let batch = RecordBatch::try_new(date_schema(), vec![Arc::new(days)])?;
    let holds = condition.evaluate(&batch)?.into_array(batch.num_rows())?;
    let matching = dates.iter().zip(holds.as_boolean().iter());
    Ok(matching
        .filter_map(|(date, holds)| holds.unwrap_or(false).then_some(*date))
        .collect())
}

impl From<ExportsError> for DataFusionError {
    fn from(error: ExportsError) -> Self {
        Self::External(Box::new(error))
    }
}
