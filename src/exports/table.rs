//! A snapshot's files as a DataFusion table: a fixed list of Parquet files under one schema.
//!
//! Canonical tables come out typed and normalised (blank text is NULL); raw tables come out as they are.
//! Filters that compare a column with a value go down to the Parquet reader, which skips what cannot match.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, ScalarUDF, TableProviderFilterPushDown};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::blank::{is_blank, nonblank};
use super::inspect::InspectedFile;
use crate::ids::SnapshotDate;

/// One table of a snapshot, or of several.
#[derive(Debug)]
pub struct SnapshotTable {
    store: ObjectStoreUrl,
    schema: TableSchema,
    files: Vec<InspectedFile>,
    /// The day of each file, where the schema has a column for it.
    dates: Vec<SnapshotDate>,
    blanks: Blanks,
}

/// What becomes of blank text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blanks {
    /// It reads as NULL: canonical tables.
    Null,
    /// It stays: raw tables, whose staging queries decide.
    Keep,
}

impl SnapshotTable {
    /// The rows of `files` in `store`, read as `schema`.
    pub fn new(store: ObjectStoreUrl, schema: SchemaRef, files: Vec<InspectedFile>, blanks: Blanks) -> Self {
        Self {
            store,
            schema: schema.into(),
            files,
            dates: Vec::new(),
            blanks,
        }
    }

    /// The normalised rows of `files` of several days; the one partition column of `schema` says which day a row is of.
    pub fn of_days(store: ObjectStoreUrl, schema: TableSchema, files: Vec<(SnapshotDate, InspectedFile)>) -> Self {
        let (dates, files) = files.into_iter().unzip();
        Self {
            store,
            schema,
            files,
            dates,
            blanks: Blanks::Null,
        }
    }

    /// The files as the scan wants them, each with its day where there is a column for it.
    fn partitioned_files(&self) -> Vec<PartitionedFile> {
        let mut files: Vec<PartitionedFile> = self
            .files
            .iter()
            .map(|file| PartitionedFile::new_from_meta(file.object.clone()))
            .collect();
        for (file, date) in files.iter_mut().zip(&self.dates) {
            file.partition_values = vec![ScalarValue::Date32(Some(date.day().to_epoch_days()))];
        }
        files
    }

    fn row_count(&self) -> usize {
        self.files
            .iter()
            .map(|file| usize::try_from(file.rows).unwrap_or(usize::MAX))
            .sum()
    }

    fn scan_statistics(&self) -> Statistics {
        let bytes: u64 = self.files.iter().map(|file| file.uncompressed_bytes).sum();
        let mut statistics = Statistics::new_unknown(self.schema.table_schema());
        statistics.num_rows = Precision::Exact(self.row_count());
        statistics.total_byte_size = Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX));
        statistics
    }

    /// Puts `nonblank` around the text columns of `scan`.
    fn blanks_as_null(&self, scan: Arc<dyn ExecutionPlan>, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let function = Arc::new(nonblank());
        let schema = scan.schema();
        let columns = schema.fields().iter().enumerate().map(|(index, field)| {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(field.name(), index));
            let expr = if field.data_type() == &DataType::Utf8View {
                call(&function, column, &schema, session)?
            } else {
                column
            };
            Ok(ProjectionExpr::new(expr, field.name().clone()))
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(Arc::new(ProjectionExec::try_new(columns, scan)?))
    }
}

fn call(
    function: &Arc<ScalarUDF>,
    argument: Arc<dyn PhysicalExpr>,
    schema: &SchemaRef,
    session: &dyn Session,
) -> Result<Arc<dyn PhysicalExpr>> {
    let options = Arc::new(session.config_options().clone());
    let expr = ScalarFunctionExpr::try_new(Arc::clone(function), vec![argument], schema, options)?;
    Ok(Arc::new(expr))
}

#[async_trait]
impl TableProvider for SnapshotTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.schema.table_schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.scan_statistics())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = datafusion::common::project_schema(self.schema.table_schema(), projection)?;
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let options = session.table_options().parquet.clone();
        let mut source = ParquetSource::new(self.schema.clone()).with_table_parquet_options(options);
        if let Some(filter) = conjunction(filters.iter().filter(|filter| narrows_files(filter)).cloned()) {
            let schema = DFSchema::try_from(Arc::clone(self.schema.table_schema()))?;
            source = source.with_predicate(session.create_physical_expr(filter, &schema)?);
        }
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(vec![FileGroup::new(self.partitioned_files())])
            .with_statistics(self.scan_statistics())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        let scan: Arc<dyn ExecutionPlan> = DataSourceExec::from_data_source(config);
        match self.blanks {
            Blanks::Null => self.blanks_as_null(scan, session),
            Blanks::Keep => Ok(scan),
        }
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| pushdown(filter)).collect())
    }
}

/// Whether the scan can use a filter on the normalised columns.
pub fn pushdown(filter: &Expr) -> TableProviderFilterPushDown {
    if narrows_files(filter) {
        TableProviderFilterPushDown::Inexact
    } else {
        TableProviderFilterPushDown::Unsupported
    }
}

/// Whether a filter on the normalised columns can only hold where it also holds on the exported ones:
/// a column compared with a value that is not blank.
fn narrows_files(filter: &Expr) -> bool {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let is_comparison = matches!(
                op,
                Operator::Eq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
            );
            let has_both = |a: &Expr, b: &Expr| matches!(a, Expr::Column(_)) && is_filled_value(b);
            is_comparison && (has_both(left, right) || has_both(right, left))
        }
        Expr::InList(list) => {
            !list.negated && matches!(*list.expr, Expr::Column(_)) && list.list.iter().all(is_filled_value)
        }
        _ => false,
    }
}

fn is_filled_value(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text), _) => {
            text.as_deref().is_some_and(|text| !is_blank(text))
        }
        Expr::Literal(value, _) => !value.is_null(),
        _ => false,
    }
}
