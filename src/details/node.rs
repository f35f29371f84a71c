//! The plan node of `enrolment_details`: its children read the tables, and it assembles their rows.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::compute::SortOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Result, ScalarValue, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column as ColumnExpr;
use datafusion::physical_expr::{AcrossPartitions, ConstExpr, EquivalenceProperties, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ReplaceChildrenOptions};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use futures::{StreamExt, TryStreamExt};
use tokio::sync::OnceCell;

use super::columns::{Column, Wanted};
use super::error::DetailsError;
use super::planned::{PlannedTables, TablePlan};
use super::row_memory::RowMemory;
use super::scope::NamedBatches;
use super::tenants::TenantCondition;
use super::without_users::{assemble_buckets, bucket_count};
use super::{AllUsers, PART_ROWS, Scope, assemble_some, assemble_within, batches_in_parts, part_count};
use crate::engine::measured;

/// A condition on tenants is expected to leave one row in so many, as the engine expects of one that it knows nothing of.
const ROWS_PER_ROW_OF_TENANTS: u64 = 5;

/// What a scan asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub wanted: Wanted,
    /// The batches whose rows the tables' plans give.
    pub batches: NamedBatches,
    /// The condition that the tenants of their batches meet.
    pub tenants: Option<TenantCondition>,
    /// The conditions on batches and tenants that the rows meet, as EXPLAIN shows them.
    pub condition: Option<String>,
    /// The estimated number of rows of all reports.
    pub rows: u64,
    /// As many rows suffice, whichever they are.
    pub limit: Option<usize>,
    pub temp_folder: PathBuf,
}

impl Asked {
    /// Whether rows have an order: by batch and user within each partition. Rows of which no column is about the user
    /// have none.
    fn is_ordered(&self) -> bool {
        self.wanted.is_about_users()
    }

    /// Whether the rows are those of few batches, which are one part.
    fn is_of_few(&self) -> bool {
        self.batches != NamedBatches::All
    }

    /// Whether about one part has as many rows as suffice.
    fn is_of_one_part(&self) -> bool {
        self.limit.is_some_and(|limit| limit as u64 <= PART_ROWS)
    }

    /// The largest number of partitions: as many as rows are divided into. Where a part has rows enough, one: others would
    /// assemble parts that nobody asks for.
    pub fn most_partitions(&self) -> usize {
        match self.is_of_few() || self.is_of_one_part() {
            true => 1,
            false if self.is_ordered() => part_count(self.rows),
            false => bucket_count(self.rows),
        }
    }

    /// What is known of one of so many shares of the rows before they are read: about how many there are, since how many
    /// enrolments are repeated or inactive shows only then, and that a batch and a user are never missing.
    fn statistics(&self, shares: usize) -> Statistics {
        let mut statistics = Statistics::new_unknown(&self.wanted.schema());
        if !self.is_of_few() {
            let share = self.tenants.as_ref().map_or(1, |_| ROWS_PER_ROW_OF_TENANTS);
            let rows = usize::try_from(self.rows / share).unwrap_or(usize::MAX);
            let most = self.limit.unwrap_or(usize::MAX);
            statistics.num_rows = Precision::Inexact((rows / shares).min(most));
        }
        let never_missing = [Column::BatchId, Column::UserId, Column::HasProgress, Column::KnownUser];
        for (column, known) in self.wanted.columns().iter().zip(&mut statistics.column_statistics) {
            if never_missing.contains(column) {
                known.null_count = Precision::Exact(0);
            }
        }
        statistics
    }

    /// What is known of the order of the rows, and of their batch and its tenant where it is one.
    fn equivalences(&self) -> Result<EquivalenceProperties> {
        let order = match self.is_ordered() {
            true => self.order(),
            false => Vec::new(),
        };
        let orders = (!order.is_empty()).then_some(order);
        let mut known = EquivalenceProperties::new_with_orderings(self.wanted.schema(), orders);
        let tenant = self.tenants.as_ref().and_then(TenantCondition::one);
        for (id, column) in [(self.batches.one(), Column::BatchId), (tenant, Column::TenantId)] {
            if let (Some(id), Some(column)) = (id, self.expression(column)) {
                let same = AcrossPartitions::Uniform(Some(ScalarValue::Utf8View(Some(id.to_owned()))));
                known.add_constants([ConstExpr::new(Arc::new(column), same)])?;
            }
        }
        Ok(known)
    }

    /// The order of rows by batch and user, as far as these columns are wanted. Rows of one batch are ordered by user.
    fn order(&self) -> Vec<PhysicalSortExpr> {
        let ascending = SortOptions {
            descending: false,
            nulls_first: false,
        };
        let columns: &[Column] = match self.batches.one() {
            Some(_) => &[Column::UserId],
            None => &[Column::BatchId, Column::UserId],
        };
        let expressions = columns.iter().map_while(|&column| self.expression(column));
        expressions
            .map(|column| PhysicalSortExpr::new(Arc::new(column), ascending))
            .collect()
    }

    /// A wanted column, as expressions over the rows name it.
    fn expression(&self, column: Column) -> Option<ColumnExpr> {
        let place = self.wanted.columns().iter().position(|other| *other == column)?;
        Some(ColumnExpr::new(self.wanted.schema().field(place).name(), place))
    }
}

/// Assembles rows of `enrolment_details`: ordered by batch and user within each partition where a column is about the
/// user, in no order otherwise.
///
/// The first partition that is polled reads the tables for all. Each partition then gives every n-th part, one after
/// the other, so that no more parts are sorted at a time than there are partitions.
#[derive(Debug)]
pub struct EnrolmentDetailsExec {
    /// The children, as the tables that they read.
    plans: Vec<TablePlan>,
    asked: Asked,
    partitions: usize,
    run: Mutex<Run>,
    metrics: ExecutionPlanMetricsSet,
    properties: Arc<PlanProperties>,
}

/// A run of the node, until all of its partitions have begun.
#[derive(Debug)]
struct Run {
    begun: Vec<bool>,
    assembled: Option<Arc<OnceCell<Assembled>>>,
}

/// The state that the partitions of one run share.
#[derive(Debug)]
struct Assembled {
    /// The parts, each of which can be read once.
    parts: Vec<Arc<dyn PartitionStream>>,
    /// Accounts for the rows as long as one of the partitions lives; none where the parts do it themselves.
    _memory: Option<RowMemory>,
}

impl EnrolmentDetailsExec {
    /// Assembles the rows of `plans` in `partitions` partitions.
    ///
    /// # Errors
    /// Where the engine refuses what is known of the rows.
    pub fn try_new(plans: Vec<TablePlan>, asked: Asked, partitions: usize) -> Result<Self> {
        let properties = PlanProperties::new(
            asked.equivalences()?,
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            plans,
            asked,
            partitions,
            run: Mutex::new(Run::of(partitions)),
            metrics: ExecutionPlanMetricsSet::new(),
            properties: Arc::new(properties),
        })
    }
}

impl Run {
    /// A run of `partitions` partitions, none of which has begun.
    fn of(partitions: usize) -> Self {
        Self {
            begun: vec![false; partitions],
            assembled: None,
        }
    }

    /// The state that this partition shares with the others of the run; where it has begun before, another run begins.
    fn begin(&mut self, partition: usize) -> Arc<OnceCell<Assembled>> {
        if self.begun[partition] {
            *self = Self::of(self.begun.len());
        }
        self.begun[partition] = true;
        let assembled = Arc::clone(self.assembled.get_or_insert_default());
        if self.begun.iter().all(|&begun| begun) {
            // The partitions keep it as long as they live.
            self.assembled = None;
        }
        assembled
    }
}

impl Asked {
    /// Reads the tables.
    async fn assemble(&self, plans: Vec<TablePlan>, context: &Arc<TaskContext>) -> Result<Assembled, DetailsError> {
        let tables = PlannedTables {
            plans,
            context: Arc::clone(context),
            temp_folder: self.temp_folder.clone(),
        };
        let tenants = self.tenants.as_ref();
        if !self.is_ordered() {
            let buckets = if self.is_of_few() { 1 } else { bucket_count(self.rows) };
            return Ok(Assembled {
                parts: assemble_buckets(&tables, &self.wanted, tenants, buckets).await?,
                _memory: None,
            });
        }
        let memory = RowMemory::within(context.memory_pool());
        let assembly = if self.is_of_few() {
            assemble_some(&tables, &self.wanted, tenants, &memory).await?
        } else {
            let (all_users, batches) = tokio::try_join!(AllUsers::read(&tables), batches_in_parts(&tables, self.rows))?;
            let all_users = all_users.with_columns(self.wanted.clone());
            let batches = batches.of_tenants(tenants)?;
            let parts = 0..batches.part_count();
            assemble_within(&tables, Scope::Everything, &all_users, batches, parts, &memory).await?
        };
        Ok(Assembled {
            parts: assembly.details(),
            _memory: Some(memory),
        })
    }
}

impl DisplayAs for EnrolmentDetailsExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let batches = match (&self.asked.batches, &self.asked.condition) {
            (NamedBatches::One(_) | NamedBatches::Several, _) => "named",
            (NamedBatches::All, Some(_)) => "matching",
            (NamedBatches::All, None) => "all",
        };
        let texts = self.asked.wanted.texts();
        write!(
            f,
            "EnrolmentDetailsExec: batches={batches}, progress={}",
            self.asked.wanted.has_progress()
        )?;
        write!(f, ", users=[{}], ordered={}", texts.join(", "), self.asked.is_ordered())?;
        write!(f, ", partitions={}", self.partitions)?;
        if let Some(limit) = self.asked.limit {
            write!(f, ", limit={limit}")?;
        }
        match &self.asked.condition {
            Some(condition) => write!(f, ", condition={condition}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for EnrolmentDetailsExec {
    fn name(&self) -> &str {
        "EnrolmentDetailsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.plans.iter().map(|plan| &plan.rows).collect()
    }

    /// More partitions of a child would only be more streams.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.plans.len()]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false; self.plans.len()]
    }

    crate::engine::without_expressions!();

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.plans.len() {
            return internal_err!("EnrolmentDetailsExec has {} children", self.plans.len());
        }
        let plans = self.plans.iter().zip(children);
        let plans = plans.map(|(plan, rows)| TablePlan { rows, ..plan.clone() });
        let rows = Self::try_new(plans.collect(), self.asked.clone(), self.partitions)?;
        Ok(Arc::new(rows))
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let shared = self.run.lock().unwrap_or_else(PoisonError::into_inner).begin(partition);
        let (plans, asked, partitions) = (self.plans.clone(), self.asked.clone(), self.partitions);
        let limit = asked.limit;
        let assembled = async move {
            let assembled = shared.get_or_try_init(|| asked.assemble(plans, &context)).await;
            let parts = assembled.map_err(DataFusionError::from)?.parts.iter();
            let parts: Vec<Arc<dyn PartitionStream>> =
                parts.skip(partition).step_by(partitions).map(Arc::clone).collect();
            // The streams hold the parts, and `shared` the memory that is reserved for them.
            let rows = futures::stream::iter(parts).flat_map(move |part| part.execute(Arc::clone(&context)));
            Ok::<_, DataFusionError>(rows.inspect(move |_| _ = &shared))
        };
        let rows = futures::stream::once(assembled).try_flatten();
        let rows: SendableRecordBatchStream = Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows));
        let rows = match limit {
            Some(limit) => first_rows(rows, limit),
            None => rows,
        };
        Ok(measured(rows, BaselineMetrics::new(&self.metrics, partition)))
    }

    fn child_stats_requests(&self, _partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::Skip; self.plans.len()]
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let shares = if args.partition().is_some() { self.partitions } else { 1 };
        Ok(Arc::new(self.asked.statistics(shares)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The first rows of a stream, of which no more is read: each part is assembled when its first rows are.
fn first_rows(rows: SendableRecordBatchStream, most: usize) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let first = futures::stream::try_unfold((rows, most), |(mut rows, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let Some(batch) = rows.try_next().await? else {
            return Ok(None);
        };
        let given = batch.slice(0, batch.num_rows().min(left));
        let left = left - given.num_rows();
        Ok::<_, DataFusionError>(Some((given, (rows, left))))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, first))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::physical_plan::PhysicalExpr;
    use datafusion::prelude::{SessionContext, col, lit};

    use super::*;

    /// All columns of the rows of about five parts, or of the first of them.
    fn asked(limit: Option<usize>) -> Asked {
        Asked {
            wanted: Wanted::all(),
            batches: NamedBatches::All,
            tenants: None,
            condition: None,
            rows: 5 * PART_ROWS,
            limit,
            temp_folder: PathBuf::new(),
        }
    }

    #[test]
    fn the_number_of_rows_is_an_estimate_and_no_id_is_missing() {
        let rows = usize::try_from(5 * PART_ROWS).expect("a number");
        assert_eq!(asked(None).statistics(1).num_rows, Precision::Inexact(rows));
        assert_eq!(asked(None).statistics(5).num_rows, Precision::Inexact(rows / 5));
        assert_eq!(asked(Some(7)).statistics(1).num_rows, Precision::Inexact(7));
        assert_eq!(of_tenant("t1").statistics(1).num_rows, Precision::Inexact(rows / 5));
        let of_one = Asked {
            batches: NamedBatches::One("b1".to_owned()),
            ..asked(None)
        };
        for known in [asked(None).statistics(1), of_one.statistics(1)] {
            let schema = Wanted::all().schema();
            let columns = schema.fields().iter().zip(&known.column_statistics);
            let without_nulls = columns.filter(|(_, known)| known.null_count == Precision::Exact(0));
            let names: Vec<&str> = without_nulls.map(|(field, _)| field.name().as_str()).collect();
            assert_eq!(names, ["batch_id", "user_id", "has_progress", "known_user"]);
        }
    }

    /// The same rows of the batches of a tenant.
    fn of_tenant(tenant: &str) -> Asked {
        let condition = col("tenant_id").eq(lit(tenant));
        let condition = TenantCondition::new(condition, Some(tenant.to_owned()), &SessionContext::new().state());
        Asked {
            tenants: Some(condition.expect("a condition")),
            ..asked(None)
        }
    }

    #[test]
    fn the_tenant_of_rows_that_an_equality_chooses_is_constant() {
        let constants = |asked: Asked| {
            let known = asked.equivalences().expect("an order");
            let tenant = asked.expression(Column::TenantId).expect("a column");
            let tenant: Arc<dyn PhysicalExpr> = Arc::new(tenant);
            known.is_expr_constant(&tenant)
        };
        assert_eq!(constants(asked(None)), None);
        let same = ScalarValue::Utf8View(Some("t1".to_owned()));
        assert_eq!(constants(of_tenant("t1")), Some(AcrossPartitions::Uniform(Some(same))));
    }

    #[test]
    fn few_rows_are_those_of_one_partition() {
        let partitions = |limit| asked(limit).most_partitions();
        let of_part = usize::try_from(PART_ROWS).expect("a number");
        assert_eq!((partitions(None), partitions(Some(of_part + 1))), (5, 5));
        assert_eq!((partitions(Some(5)), partitions(Some(of_part))), (1, 1));
    }

    #[tokio::test]
    async fn nothing_is_read_beyond_the_rows_that_suffice() {
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..10));
        let rows = RecordBatch::try_from_iter([("number", numbers)]).expect("rows");
        for (most, sizes, batches_read) in [
            (0, vec![], 0),
            (10, vec![10], 1),
            (15, vec![10, 5], 2),
            (99, vec![10, 10, 10], 3),
        ] {
            let read = Arc::new(AtomicUsize::new(0));
            let (count, batch) = (Arc::clone(&read), rows.clone());
            let batches = futures::stream::iter(0..3).map(move |_| {
                count.fetch_add(1, Ordering::Relaxed);
                Ok::<_, DataFusionError>(batch.clone())
            });
            let batches = Box::pin(RecordBatchStreamAdapter::new(rows.schema(), batches));
            let given: Vec<RecordBatch> = first_rows(batches, most).try_collect().await.expect("rows");
            let given: Vec<usize> = given.iter().map(RecordBatch::num_rows).collect();
            assert_eq!((given, read.load(Ordering::Relaxed)), (sizes, batches_read), "{most}");
        }
    }

    #[test]
    fn partitions_of_one_run_share_what_was_assembled_and_no_run_reads_it_twice() {
        let mut run = Run::of(2);
        let first = run.begin(0);
        let again = run.begin(0);
        assert!(!Arc::ptr_eq(&first, &again));
        assert!(Arc::ptr_eq(&again, &run.begin(1)));
        let (last, shared) = (run.begin(1), run.begin(0));
        assert!(!Arc::ptr_eq(&again, &last) && Arc::ptr_eq(&last, &shared));
        // The node keeps nothing of a run whose partitions have all begun.
        assert!(run.assembled.is_none());
    }
}
