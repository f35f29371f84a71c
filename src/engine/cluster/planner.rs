//! The query planner that decides which plans run on the cluster.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, not_impl_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use super::codec::encode_plan;
use super::empty::without_empty_branches;
use super::remote::RemoteExec;
use super::windows::part_that_encoding_loses;
use super::{Cluster, EngineError};

/// Plans as usual, and wraps a plan that can run on the cluster in a [`RemoteExec`].
#[derive(Debug)]
pub struct ClusterPlanner(Arc<Cluster>);

impl ClusterPlanner {
    /// A planner of queries that run on `cluster` where they can.
    pub fn new(cluster: Arc<Cluster>) -> Self {
        Self(cluster)
    }
}

#[async_trait]
impl QueryPlanner for ClusterPlanner {
    async fn create_physical_plan(
        &self,
        logical_plan: &LogicalPlan,
        session_state: &dyn Session,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = DefaultPhysicalPlanner::default();
        if let LogicalPlan::Analyze(analyze) = logical_plan {
            return not_impl_err!(
                "EXPLAIN ANALYZE of a plan on a cluster; use EXPLAIN, or run it without --cluster: {}",
                analyze.input.display()
            );
        }
        let plan = planner.create_physical_plan(logical_plan, session_state).await?;
        let plan = without_empty_branches(plan)?;
        let reason = match part_that_encoding_loses(logical_plan)? {
            Some(part) => Some(format!("{part} would be lost on the way")),
            None => why_not_remote(&plan, &self.0)?,
        };
        match reason {
            None => Ok(Arc::new(RemoteExec::new(in_one(plan), Arc::clone(&self.0)))),
            Some(reason) => {
                tracing::info!("a plan runs in this process, not on the cluster: {reason}");
                Ok(plan)
            }
        }
    }
}

/// Plans a query that becomes a part of a larger submitted plan.
///
/// # Errors
/// The query cannot be planned, reads something that only this process has, or has a part that executors would not see.
pub async fn remote_plan(rows: DataFrame, what: &'static str) -> Result<Arc<dyn ExecutionPlan>, EngineError> {
    let failed = || EngineError::running(what);
    let (state, plan) = rows.into_parts();
    let plan = state.optimize(&plan).map_err(failed())?;
    if let Some(part) = part_that_encoding_loses(&plan).map_err(failed())? {
        return Err(EngineError::Query {
            what: what.to_owned(),
            reason: format!(
                "{part} does not reach the cluster; write CASE in its arguments instead, or run it without --cluster"
            ),
        });
    }
    let plan = DefaultPhysicalPlanner::default()
        .create_physical_plan(&plan, &state)
        .await;
    let plan = plan.and_then(without_empty_branches).map_err(failed())?;
    match sources(&plan).map_err(failed())? {
        Sources::LocalOnly(leaf) => Err(EngineError::Query {
            what: what.to_owned(),
            reason: format!("it reads {leaf}, which does not exist on the cluster"),
        }),
        Sources::Files | Sources::Values => Ok(plan),
    }
}

fn in_one(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    match plan.output_partitioning().partition_count() {
        1 => plan,
        _ => Arc::new(CoalescePartitionsExec::new(plan)),
    }
}

/// Why a plan cannot run on the cluster, or need not; `None` where it can.
fn why_not_remote(plan: &Arc<dyn ExecutionPlan>, cluster: &Cluster) -> Result<Option<String>> {
    Ok(match sources(plan)? {
        Sources::LocalOnly(leaf) => Some(format!("it reads {leaf}")),
        Sources::Values => Some("it reads no files".to_owned()),
        Sources::Files => encode_plan(plan, cluster.codec())
            .err()
            .map(|error| error.strip_backtrace()),
    })
}

/// What the leaves of a plan read.
enum Sources {
    /// Files, which every process of the cluster can open.
    Files,
    /// Only values in the plan itself.
    Values,
    /// Something that only this process has; holds the name of the plan node.
    LocalOnly(String),
}

/// What the leaves of a plan read. Ballista gives each task its share of files and values; of any other leaf, each task
/// would read all rows.
fn sources(plan: &Arc<dyn ExecutionPlan>) -> Result<Sources> {
    let mut found = Sources::Values;
    plan.apply(|node| {
        if node.children().is_empty() {
            match source(node) {
                Sources::Values => {}
                other => found = other,
            }
        }
        Ok(match found {
            Sources::LocalOnly(_) => TreeNodeRecursion::Stop,
            Sources::Files | Sources::Values => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(found)
}

fn source(leaf: &Arc<dyn ExecutionPlan>) -> Sources {
    if leaf.is::<EmptyExec>() || leaf.is::<PlaceholderRowExec>() {
        return Sources::Values;
    }
    let source = leaf.downcast_ref::<DataSourceExec>().map(DataSourceExec::data_source);
    match source {
        Some(source) if source.downcast_ref::<FileScanConfig>().is_some() => Sources::Files,
        Some(source) if source.downcast_ref::<MemorySourceConfig>().is_some() => Sources::Values,
        _ => Sources::LocalOnly(leaf.name().to_owned()),
    }
}
