//! The plan node of `enrolment_details`: its children read the tables, and it assembles their rows.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::compute::SortOptions;
use datafusion::common::stats::Precision;
use datafusion::common::{DataFusionError, Result, ScalarValue, Statistics, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
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
use super::rows::ROW_BYTES;
use super::scope::NamedBatches;
use super::without_users::{assemble_buckets, bucket_count};
use super::{AllUsers, Scope, assemble, assemble_some, batches_in_parts, part_count};
use crate::engine::EngineError;

/// What a scan asks for.
#[derive(Debug, Clone)]
pub struct Asked {
    pub wanted: Wanted,
    /// The batches whose rows the tables' plans give.
    pub batches: NamedBatches,
    /// The estimated number of rows of all reports.
    pub rows: u64,
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

    /// The largest number of partitions: as many as rows are divided into.
    pub fn most_partitions(&self) -> usize {
        match self.is_of_few() {
            true => 1,
            false if self.is_ordered() => part_count(self.rows),
            false => bucket_count(self.rows),
        }
    }

    /// What is known of the order of the rows, and of their batch where it is one.
    fn equivalences(&self) -> Result<EquivalenceProperties> {
        let order = match self.is_ordered() {
            true => self.order(),
            false => Vec::new(),
        };
        let orders = (!order.is_empty()).then_some(order);
        let mut known = EquivalenceProperties::new_with_orderings(self.wanted.schema(), orders);
        if let (Some(id), Some(batch)) = (self.batches.one(), self.expression(Column::BatchId)) {
            let same = AcrossPartitions::Uniform(Some(ScalarValue::Utf8View(Some(id.to_owned()))));
            known.add_constants([ConstExpr::new(Arc::new(batch), same)])?;
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
    _memory: Option<MemoryReservation>,
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
        if !self.is_ordered() {
            let buckets = if self.is_of_few() { 1 } else { bucket_count(self.rows) };
            return Ok(Assembled {
                parts: assemble_buckets(&tables, &self.wanted, buckets).await?,
                _memory: None,
            });
        }
        let assembly = if self.is_of_few() {
            assemble_some(&tables, &self.wanted).await?
        } else {
            let (all_users, batches) = tokio::try_join!(AllUsers::read(&tables), batches_in_parts(&tables, self.rows))?;
            let all_users = all_users.with_columns(self.wanted.clone());
            let parts = 0..batches.part_count();
            assemble(&tables, Scope::Everything, &all_users, batches, parts).await?
        };
        let memory = MemoryConsumer::new("EnrolmentDetailsExec").register(context.memory_pool());
        let rows: usize = assembly.part_sizes.iter().sum();
        let reserved = memory.try_grow(rows.saturating_mul(ROW_BYTES));
        reserved.map_err(EngineError::running("the rows of enrolment_details"))?;
        Ok(Assembled {
            parts: assembly.details(),
            _memory: Some(memory),
        })
    }
}

impl DisplayAs for EnrolmentDetailsExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let batches = if self.asked.is_of_few() { "named" } else { "all" };
        let texts = self.asked.wanted.texts();
        write!(
            f,
            "EnrolmentDetailsExec: batches={batches}, progress={}",
            self.asked.wanted.has_progress()
        )?;
        write!(f, ", users=[{}], ordered={}", texts.join(", "), self.asked.is_ordered())?;
        write!(f, ", partitions={}", self.partitions)
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
        let assembled = async move {
            let assembled = shared.get_or_try_init(|| asked.assemble(plans, &context)).await;
            let parts = assembled.map_err(DataFusionError::from)?.parts.iter();
            let parts: Vec<Arc<dyn PartitionStream>> =
                parts.skip(partition).step_by(partitions).map(Arc::clone).collect();
            // The streams hold the parts, and `shared` the memory that is reserved for them.
            let rows = futures::stream::iter(parts).flat_map(move |part| part.execute(Arc::clone(&context)));
            Ok::<_, DataFusionError>(rows.inspect(move |_| _ = &shared))
        };
        let mut rows = Box::pin(futures::stream::once(assembled).try_flatten());
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let compute = metrics.elapsed_compute().clone();
        let measured = futures::stream::poll_fn(move |task| {
            let timer = compute.timer();
            let polled = rows.poll_next_unpin(task);
            timer.done();
            metrics.record_poll(polled)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), measured)))
    }

    fn child_stats_requests(&self, _partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::Skip; self.plans.len()]
    }

    fn statistics_from_inputs(&self, _inputs: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        if !self.asked.is_of_few() {
            let rows = usize::try_from(self.asked.rows).unwrap_or(usize::MAX);
            let shares = if args.partition().is_some() { self.partitions } else { 1 };
            statistics.num_rows = Precision::Inexact(rows / shares);
        }
        Ok(Arc::new(statistics))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
