//! Makes long joins cooperative, so that cancelling a query takes effect soon.
//!
//! A cancelled task of the engine ends at its next yield. A nested-loop or cross join may compute for minutes before it
//! yields: such joins are wrapped in a cooperative node, and the condition of a nested-loop join fails once the query is
//! cancelled.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{FieldRef, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{CrossJoinExec, NestedLoopJoinExec};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

/// The cancellation token of a running query. Dropping it cancels the query.
#[derive(Debug, Default)]
pub struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The same plan, which ends soon after `cancel` is dropped.
pub fn stoppable(plan: Arc<dyn ExecutionPlan>, cancel: &CancelOnDrop) -> Result<Arc<dyn ExecutionPlan>> {
    let with_yields = |node: Arc<dyn ExecutionPlan>| {
        if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>() {
            let join = with_stoppable_condition(join, cancel)?;
            return Ok(Transformed::yes(
                Arc::new(CooperativeExec::new(join)) as Arc<dyn ExecutionPlan>
            ));
        }
        if node.is::<CrossJoinExec>() {
            return Ok(Transformed::yes(
                Arc::new(CooperativeExec::new(node)) as Arc<dyn ExecutionPlan>
            ));
        }
        Ok(Transformed::no(node))
    };
    plan.transform_up(with_yields).data()
}

fn with_stoppable_condition(join: &NestedLoopJoinExec, cancel: &CancelOnDrop) -> Result<Arc<dyn ExecutionPlan>> {
    let filter = join.filter().map(|filter| {
        let condition = Stoppable {
            condition: Arc::clone(filter.expression()),
            is_cancelled: Arc::clone(&cancel.0),
        };
        JoinFilter::new(
            Arc::new(condition),
            filter.column_indices().to_vec(),
            Arc::clone(filter.schema()),
        )
    });
    let projection = join.projection().as_ref().map(|columns| columns.to_vec());
    let (left, right) = (Arc::clone(join.left()), Arc::clone(join.right()));
    let join = NestedLoopJoinExec::try_new(left, right, filter, join.join_type(), projection)?;
    Ok(Arc::new(join))
}

/// A join condition that fails once the query is cancelled.
#[derive(Debug, Clone)]
pub struct Stoppable {
    condition: Arc<dyn PhysicalExpr>,
    is_cancelled: Arc<AtomicBool>,
}

impl PhysicalExpr for Stoppable {
    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.condition.return_field(schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.is_cancelled.load(Ordering::Relaxed) {
            return exec_err!("the query was cancelled");
        }
        self.condition.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.condition]
    }

    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let condition = children.pop().unwrap_or_else(|| Arc::clone(&self.condition));
        Ok(Arc::new(Self {
            condition,
            is_cancelled: Arc::clone(&self.is_cancelled),
        }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt_sql(f)
    }
}

impl fmt::Display for Stoppable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.condition.fmt(f)
    }
}

impl PartialEq for Stoppable {
    fn eq(&self, other: &Self) -> bool {
        self.condition.as_ref() == other.condition.as_ref()
    }
}

impl Eq for Stoppable {}

impl Hash for Stoppable {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.condition.hash(state);
    }
}
