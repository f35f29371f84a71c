//! Removes branches without rows from plans. A task of Ballista 55 that reads nothing does not report its output, and
//! the stages after it wait for ever.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use crate::engine::compact_before_sort::CompactExec;
use crate::engine::constraints::NoKeysExec;

/// The same plan without those inputs of unions that are known to be empty.
pub fn without_empty_branches(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if !node.is::<UnionExec>() {
            return Ok(Transformed::no(node));
        }
        let branches = node.children();
        let count = branches.len();
        let filled: Vec<_> = branches
            .into_iter()
            .filter(|branch| !is_empty(branch))
            .cloned()
            .collect();
        match filled.as_slice() {
            [] => Ok(Transformed::yes(Arc::new(EmptyExec::new(node.schema())))),
            [one] if count > 1 => Ok(Transformed::yes(renamed(Arc::clone(one), &node)?)),
            some if some.len() < count => Ok(Transformed::yes(UnionExec::try_new(filled)?)),
            _ => Ok(Transformed::no(node)),
        }
    })
    .data()
}

/// Whether a plan is known to give no rows.
fn is_empty(plan: &Arc<dyn ExecutionPlan>) -> bool {
    plan.is::<EmptyExec>() || (makes_nothing_of_nothing(plan) && plan.children().into_iter().all(is_empty))
}

/// `rows` with its columns renamed to those of `node`.
fn renamed(rows: Arc<dyn ExecutionPlan>, node: &Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let (schema, names) = (rows.schema(), node.schema());
    let columns = schema.fields().iter().zip(names.fields()).enumerate();
    let columns = columns.map(|(place, (field, name))| {
        ProjectionExpr::new(Arc::new(Column::new(field.name(), place)), name.name().clone())
    });
    Ok(Arc::new(ProjectionExec::try_new(columns.collect::<Vec<_>>(), rows)?))
}

fn makes_nothing_of_nothing(node: &Arc<dyn ExecutionPlan>) -> bool {
    let is_grouped = |aggregate: &AggregateExec| !aggregate.group_expr().is_empty();
    node.is::<ProjectionExec>()
        || node.is::<FilterExec>()
        || node.is::<SortExec>()
        || node.is::<SortPreservingMergeExec>()
        || node.is::<RepartitionExec>()
        || node.is::<CompactExec>()
        || node.is::<NoKeysExec>()
        || node.is::<WindowAggExec>()
        || node.is::<BoundedWindowAggExec>()
        || node.downcast_ref::<AggregateExec>().is_some_and(is_grouped)
}
