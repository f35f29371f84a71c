//! `course_progress_report` as a table over the files of a mart.

use std::sync::{Arc, OnceLock};

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
use datafusion::logical_expr::{BinaryExpr, Expr, Operator, TableProviderFilterPushDown};
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

use super::error::MartError;
use super::files::OpenPart;
use super::node::{ReportMartExec, Shown};
use super::pruned::may_hold;
use super::reader::PinnedFiles;
use super::view::ReportView;
use super::{ReportMart, is_comparison, support};

const BATCH_ID: &str = "batch_id";

/// The rows of a mart as a table. A file is opened when a query first reads it.
#[derive(Debug)]
pub struct ReportTable {
    mart: ReportMart,
    store: ObjectStoreUrl,
    /// The view, which is read where the files were replaced or damaged.
    view: ReportView,
    /// The files of `mart`, in their order, as far as they were opened.
    open: Vec<OnceLock<OpenPart>>,
}

/// The arguments of a scan.
struct Asked<'a> {
    projection: Option<&'a Vec<usize>>,
    filters: &'a [Expr],
    limit: Option<usize>,
    /// The conditions by which files and rows are skipped.
    condition: Option<Condition>,
}

struct Condition {
    expr: Arc<dyn PhysicalExpr>,
    /// The condition as EXPLAIN shows it.
    text: String,
    /// Whether few rows meet it, or long runs of adjacent rows.
    leaves_few_rows: bool,
}

impl ReportTable {
    /// The rows of `mart`, in `store`, which `view` gives too.
    pub fn new(mart: ReportMart, store: ObjectStoreUrl, view: ReportView) -> Self {
        Self {
            open: mart.parts.iter().map(|_| OnceLock::new()).collect(),
            mart,
            store,
            view,
        }
    }

    /// The part of some filters by which files and rows are skipped.
    fn condition_of(&self, session: &dyn Session, filters: &[Expr]) -> Result<Option<Condition>> {
        let conditions: Vec<Expr> = filters.iter().filter(|filter| is_comparison(filter)).cloned().collect();
        let leaves_few_rows = conditions.iter().any(leaves_few_rows);
        let Some(condition) = conjunction(conditions) else {
            return Ok(None);
        };
        let of_table = DFSchema::try_from(Arc::clone(&self.view.schema))?;
        Ok(Some(Condition {
            text: condition.to_string(),
            expr: session.create_physical_expr(condition, &of_table)?,
            leaves_few_rows,
        }))
    }

    /// The places of the files that may hold wanted rows.
    fn places(&self, condition: Option<&Condition>) -> Vec<usize> {
        let Some(condition) = condition else {
            return (0..self.open.len()).collect();
        };
        let listed: Vec<_> = self.mart.parts.iter().collect();
        let may_hold = may_hold(&listed, &self.view.schema, &condition.expr);
        may_hold
            .into_iter()
            .enumerate()
            .filter_map(|(place, may)| may.then_some(place))
            .collect()
    }

    /// The files at some places; those that no query has read yet are opened with `tasks` concurrent tasks. An error
    /// where a later run has replaced the output.
    async fn parts_at(&self, places: &[usize], tasks: usize) -> Result<Vec<&OpenPart>, MartError> {
        let is_closed = |place: &usize| self.open[*place].get().is_none();
        let closed: Vec<usize> = places.iter().copied().filter(is_closed).collect();
        let listed = closed.iter().map(|&place| self.mart.parts[place].clone()).collect();
        let opened = self.mart.open(listed, &self.view.schema, tasks).await?;
        for (place, part) in closed.into_iter().zip(opened) {
            // Another query may have opened it meanwhile.
            let _known = self.open[place].get_or_init(|| part);
        }
        // After the files were opened, so that they are those that the manifest lists.
        self.mart.check_current().await?;
        Ok(places.iter().filter_map(|&place| self.open[place].get()).collect())
    }

    /// The plan that reads the files `wanted`.
    fn read(&self, wanted: &[&OpenPart], session: &dyn Session, asked: Asked) -> Result<Arc<dyn ExecutionPlan>> {
        let Asked {
            projection,
            filters,
            limit,
            condition,
        } = asked;
        let shown = Shown {
            day: self.mart.day,
            files: wanted.len(),
            of_files: self.mart.parts.len(),
            condition: condition.as_ref().map(|condition| condition.text.clone()),
        };
        if wanted.is_empty() {
            let none = EmptyExec::new(project_schema(&self.view.schema, projection)?);
            return Ok(Arc::new(ReportMartExec::new(shown, Arc::new(none))));
        }

        let store = Arc::clone(&self.mart.reports.store);
        let mut source = ParquetSource::new(Arc::clone(&self.view.schema))
            .with_table_parquet_options(session.table_options().parquet.clone())
            .with_pushdown_filters(condition.as_ref().is_some_and(|condition| condition.leaves_few_rows))
            .with_parquet_file_reader_factory(Arc::new(PinnedFiles::new(store, self.mart.reports.root.as_str())));
        if let Some(condition) = condition {
            source = source.with_predicate(condition.expr);
        }
        let partitions = session.config().target_partitions().clamp(1, wanted.len());
        let config = FileScanConfigBuilder::new(self.store.clone(), Arc::new(source))
            .with_file_groups(in_groups(wanted, partitions))
            .with_statistics(self.statistics_of(wanted))
            .with_projection_indices(projection.cloned())?
            // Each partition reads its files in their order, which is that of batches.
            .with_preserve_order(true)
            .with_limit(limit.filter(|_| filters.is_empty()))
            .build();
        let scan = DataSourceExec::from_data_source(config);
        Ok(Arc::new(ReportMartExec::new(shown, scan)))
    }

    /// The statistics of the rows of some files. The scan makes estimates of them where it has a condition.
    fn statistics_of(&self, parts: &[&OpenPart]) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.view.schema);
        let rows: u64 = parts.iter().map(|part| part.listed.rows).sum();
        let groups = parts.iter().flat_map(|part| part.footer.0.row_groups());
        let bytes: i64 = groups.map(|group| group.total_byte_size()).sum();
        statistics.num_rows = Precision::Exact(usize::try_from(rows).unwrap_or(usize::MAX));
        statistics.total_byte_size = Precision::Inexact(usize::try_from(bytes).unwrap_or(usize::MAX));
        if let (Ok(place), Some(first), Some(last)) = (self.view.schema.index_of(BATCH_ID), parts.first(), parts.last())
        {
            let id = |id: &str| Precision::Exact(ScalarValue::Utf8View(Some(id.to_owned())));
            let column = &mut statistics.column_statistics[place];
            column.null_count = Precision::Exact(0);
            column.min_value = id(&first.listed.first_batch_id);
            column.max_value = id(&last.listed.last_batch_id);
        }
        statistics
    }
}

/// Divides files among `partitions` in turn, so that all have about as much to read.
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
        let asked = Asked {
            projection,
            filters,
            limit,
            condition: self.condition_of(session, filters)?,
        };
        let places = self.places(asked.condition.as_ref());
        match self.parts_at(&places, session.config().target_partitions()).await {
            Ok(wanted) => self.read(&wanted, session, asked),
            Err(error) => {
                tracing::debug!("the rows of course_progress_report are assembled: {error}");
                self.view.scan(session, projection, filters).await
            }
        }
    }
}

impl TableProvider for ReportTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.view.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    crate::scans::scan_in_own_future!(ReportTable);

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| support(filter)).collect())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, RecordBatch, StringViewArray};
    use datafusion::logical_expr::{LogicalPlanBuilder, col, lit};
    use datafusion::prelude::SessionContext;

    use super::super::test_mart::mart_in_memory;
    use super::*;

    /// A mart of one file for each batch.
    async fn table(batches: &[&str]) -> ReportTable {
        let rows_of = |batch: &str| {
            let ids = Arc::new(StringViewArray::from_iter_values([batch])) as ArrayRef;
            RecordBatch::try_from_iter([(BATCH_ID, ids)]).expect("a row")
        };
        let files: Vec<_> = batches.iter().map(|&batch| (batch, rows_of(batch))).collect();
        let schema = files.first().expect("a batch").1.schema();
        let query = LogicalPlanBuilder::empty(false).build().expect("a plan");
        let (store, view) = (ObjectStoreUrl::local_filesystem(), ReportView::new(schema, query));
        ReportTable::new(mart_in_memory(&files).await, store, view)
    }

    #[tokio::test]
    async fn only_files_that_may_hold_wanted_rows_are_opened() {
        let table = table(&["b1", "b2", "b3"]).await;
        let open = || table.open.iter().map(|part| part.get().is_some()).collect::<Vec<_>>();
        let session = SessionContext::new().state();
        let of_batch = |id: &str| col(BATCH_ID).eq(lit(ScalarValue::Utf8View(Some(id.to_owned()))));
        for (filters, expected) in [
            (vec![of_batch("b9")], [false, false, false]),
            (vec![of_batch("b2")], [false, true, false]),
            (vec![of_batch("b1").or(of_batch("b2"))], [true, true, false]),
            (vec![], [true, true, true]),
        ] {
            let plan = table.scan(&session, None, &filters, None).await.expect("a plan");
            assert_eq!(plan.name(), "ReportMartExec");
            assert_eq!(open(), expected, "{filters:?}");
        }
    }
}
