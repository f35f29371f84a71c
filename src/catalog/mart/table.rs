//! `course_progress_report` as a table over the files of a mart.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, Result, ScalarValue, Statistics, project_schema};
use datafusion::datasource::TableType;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use tokio::sync::OnceCell;

use super::error::MartError;
use super::files::OpenPart;
use super::node::{ReportMartExec, Shown};
use super::pruned::may_hold;
use super::reader::PinnedFiles;
use super::{ReportMart, is_comparison, support};
use crate::engine::scan_of_view;

const BATCH_ID: &str = "batch_id";

/// The rows of a mart as a table. Its files are opened when a query first reads it.
#[derive(Debug)]
pub struct ReportTable {
    mart: ReportMart,
    store: ObjectStoreUrl,
    schema: SchemaRef,
    /// The view's query, which runs where the files were replaced or damaged.
    query: LogicalPlan,
    open: OnceCell<Vec<OpenPart>>,
}

impl ReportTable {
    /// The rows of `mart`, in `store`, with the columns `schema`; `query` gives them too.
    pub fn new(mart: ReportMart, store: ObjectStoreUrl, schema: SchemaRef, query: LogicalPlan) -> Self {
        Self {
            mart,
            store,
            schema,
            query,
            open: OnceCell::new(),
        }
    }

    /// The files, as long as the output is the one that was opened; they are opened in so many tasks.
    async fn parts(&self, tasks: usize) -> Result<&[OpenPart], MartError> {
        let open = || self.mart.open(&self.schema, tasks);
        let parts = self.open.get_or_try_init(open).await?;
        // After the files were opened, so that they are those that the manifest lists.
        self.mart.check_current().await?;
        Ok(parts)
    }

    /// The plan that reads the files.
    fn read(
        &self,
        parts: &[OpenPart],
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let conditions: Vec<Expr> = filters.iter().filter(|filter| is_comparison(filter)).cloned().collect();
        let few_rows = conditions.iter().any(leaves_few_rows);
        let condition = conjunction(conditions);
        let text = condition.as_ref().map(ToString::to_string);
        let of_table = DFSchema::try_from(Arc::clone(&self.schema))?;
        let condition = condition.map(|condition| session.create_physical_expr(condition, &of_table));
        let condition = condition.transpose()?;

        let mut wanted: Vec<&OpenPart> = parts.iter().collect();
        if let Some(condition) = &condition {
            let listed: Vec<_> = parts.iter().map(|part| &part.listed).collect();
            let may_hold = may_hold(&listed, &self.schema, condition);
            wanted = parts
                .iter()
                .zip(may_hold)
                .filter_map(|(part, may)| may.then_some(part))
                .collect();
        }
        let shown = Shown {
            day: self.mart.day,
            files: wanted.len(),
            of_files: parts.len(),
            condition: text,
        };
        if wanted.is_empty() {
            let none = EmptyExec::new(project_schema(&self.schema, projection)?);
            return Ok(Arc::new(ReportMartExec::new(shown, Arc::new(none))));
        }

        let store = Arc::clone(&self.mart.reports.store);
        let mut source = ParquetSource::new(Arc::clone(&self.schema))
            .with_table_parquet_options(session.table_options().parquet.clone())
            .with_pushdown_filters(few_rows)
            .with_parquet_file_reader_factory(Arc::new(PinnedFiles::new(store, self.mart.reports.root.as_str())));
        if let Some(condition) = condition {
            source = source.with_predicate(condition);
        }
        let partitions = session.config().target_partitions().clamp(1, wanted.len());
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(in_groups(&wanted, partitions))
            .with_statistics(self.statistics_of(&wanted))
            .with_projection_indices(projection.cloned())?
            // Each partition reads its files in their order, which is that of batches.
            .with_preserve_order(true)
            .with_limit(limit.filter(|_| filters.is_empty()))
            .build();
        let scan = DataSourceExec::from_data_source(config);
        Ok(Arc::new(ReportMartExec::new(shown, scan)))
    }

    /// What is known of the rows of some files. The scan itself makes estimates of it where it has a condition.
    fn statistics_of(&self, parts: &[&OpenPart]) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.schema);
        let rows: u64 = parts.iter().map(|part| part.listed.rows).sum();
        let groups = parts.iter().flat_map(|part| part.footer.0.row_groups());
        let bytes: i64 = groups.map(|group| group.total_byte_size()).sum();
        statistics.num_rows = Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX));
        statistics.total_byte_size = Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX));
        if let (Ok(place), Some(first), Some(last)) = (self.schema.index_of(BATCH_ID), parts.first(), parts.last()) {
            let id = |id: &str| Precision::Exact(ScalarValue::Utf8View(Some(id.to_owned())));
            let column = &mut statistics.column_statistics[place];
            column.null_count = Precision::Exact(0);
            column.min_value = id(&first.listed.first_batch_id);
            column.max_value = id(&last.listed.last_batch_id);
        }
        statistics
    }
}

/// Every n-th file in each of so many partitions, so that they have about as much to read.
fn in_groups(parts: &[&OpenPart], partitions: usize) -> Vec<FileGroup> {
    let group = |partition: usize| {
        let of_partition = parts.iter().skip(partition).step_by(partitions);
        FileGroup::new(of_partition.map(|part| file_of(part)).collect())
    };
    (0..partitions).map(group).collect()
}

fn file_of(part: &OpenPart) -> PartitionedFile {
    // With its schema, the reader need not decode the one in the footer.
    let mut file = PartitionedFile::new_from_meta(part.object.clone()).with_arrow_schema(Arc::clone(&part.schema));
    file.extensions.insert_arc(Arc::clone(&part.footer));
    file
}

/// Whether a condition leaves few rows, or long runs of them, such as those of a batch, a tenant or a user: the reader
/// then finds them before it decodes the other columns.
fn leaves_few_rows(condition: &Expr) -> bool {
    let is_text = |expr: &Expr| matches!(expr, Expr::Literal(value, _) if value.data_type().is_string());
    match condition {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Eq,
            right,
        }) => is_text(left) || is_text(right),
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: Operator::Or,
            right,
        }) => leaves_few_rows(left) && leaves_few_rows(right),
        Expr::InList(list) => !list.negated && list.list.iter().all(is_text),
        _ => false,
    }
}

impl ReportTable {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match self.parts(session.config().target_partitions()).await {
            Ok(parts) => self.read(parts, session, projection, filters, limit),
            Err(error) => {
                tracing::debug!("the rows of course_progress_report are assembled: {error}");
                scan_of_view(session, &self.query, &self.schema, projection, filters).await
            }
        }
    }
}

impl TableProvider for ReportTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    crate::engine::scan_in_own_future!(ReportTable);

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| support(filter)).collect())
    }
}
