//! A physical optimizer rule that corrects the unique keys which projections report.
//!
//! An aggregation reports that its group columns are a unique key, so that a sort by them needs no further columns. A
//! projection that reorders columns passes the key on without mapping the column indexes from its input to its output (a
//! defect of DataFusion): after `SELECT rank() …, tenant_id … GROUP BY tenant_id`, the rank counts as unique, and `ORDER BY
//! 1, 2` loses its second column. Above such a projection, the rule inserts a node that reports no unique keys and no
//! order. It has to run after the rule that records the required order of the result, and before those that use orders:
//! see [`added_to`].

use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Constraint, Constraints, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties};

use super::measured_stream::counted;

/// Inserts a [`NoKeysExec`] above each projection whose unique keys are not those of its input.
#[derive(Debug)]
struct RightKeys;

/// Inserts this rule into the engine's rules.
pub fn added_to(
    mut rules: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>>,
) -> Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> {
    // The first rule records the required order of the result.
    rules.insert(rules.len().min(1), Arc::new(RightKeys));
    rules
}

impl PhysicalOptimizerRule for RightKeys {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let mended = |plan: Arc<dyn ExecutionPlan>| match plan.downcast_ref::<ProjectionExec>() {
            Some(projection) if !has_right_keys(projection) => {
                Ok(Transformed::yes(Arc::new(NoKeysExec::new(plan)) as _))
            }
            _ => Ok(Transformed::no(plan)),
        };
        plan.transform_up(mended).data()
    }

    fn name(&self) -> &str {
        "right_keys"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// Whether every unique key of the projection is one of its input.
fn has_right_keys(projection: &ProjectionExec) -> bool {
    let reported = projection.properties().equivalence_properties().constraints();
    if reported.iter().next().is_none() {
        return true;
    }
    let places: Vec<Option<usize>> = projection
        .expr()
        .iter()
        .map(|column| column.expr.downcast_ref::<Column>().map(Column::index))
        .collect();
    let right: Vec<Constraint> = projection
        .input()
        .equivalence_properties()
        .constraints()
        .iter()
        .filter_map(|key| projected(key, &places))
        .collect();
    reported.iter().all(|key| right.contains(key))
}

/// A unique key of the input, mapped to the column indexes of the projection; `None` where a column is not projected.
fn projected(key: &Constraint, places: &[Option<usize>]) -> Option<Constraint> {
    let moved = |columns: &[usize]| -> Option<Vec<usize>> {
        let place = |column: &usize| places.iter().position(|place| *place == Some(*column));
        columns.iter().map(place).collect()
    };
    match key {
        Constraint::PrimaryKey(columns) => moved(columns).map(Constraint::PrimaryKey),
        Constraint::Unique(columns) => moved(columns).map(Constraint::Unique),
    }
}

/// A plan node that passes rows through and reports no unique keys.
#[derive(Debug)]
pub struct NoKeysExec {
    rows: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl NoKeysExec {
    /// A node above `rows`.
    pub fn new(rows: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::clone(rows.properties());
        let mut known = properties
            .eq_properties
            .clone()
            .with_constraints(Constraints::default());
        // Otherwise a sort below this node could replace one that is required above it.
        known.clear_orderings();
        let properties = Arc::new(properties.with_eq_properties(known));
        Self {
            rows,
            properties,
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    fn over(&self, rows: Arc<dyn ExecutionPlan>) -> Self {
        Self::new(rows)
    }
}

impl DisplayAs for NoKeysExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("NoKeysExec")
    }
}

impl ExecutionPlan for NoKeysExec {
    fn name(&self) -> &str {
        "NoKeysExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        // A sort must not be pushed below this node, where the wrong key would shorten it.
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    crate::engine::one_input!(rows);

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        Ok(counted(self.rows.execute(partition, context)?, metrics))
    }

    crate::engine::statistics_of_input!();

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn rows(sql: &str) -> String {
        let rules = added_to(PhysicalOptimizer::new().rules);
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_physical_optimizer_rules(rules)
            .build();
        let session = SessionContext::new_with_state(state);
        let batches = session.sql(sql).await.expect(sql).collect().await.expect(sql);
        pretty_format_batches(&batches).expect(sql).to_string()
    }

    #[tokio::test]
    async fn the_second_key_of_an_order_counts() {
        // Four tenants of one rank, in an order that a sort by rank alone would leave as it is.
        let users = "with users as (select column1 as tenant from (values ('d'), ('b'), ('c'), ('a'), ('x'), ('x')) v)";
        let ranked =
            format!("{users} select rank() over (order by count(*) desc) as r, tenant from users group by tenant");
        for order in ["1, 2", "r, tenant", "r asc, tenant asc"] {
            let rows = rows(&format!("{ranked} order by {order}")).await;
            insta::allow_duplicates! {
                insta::assert_snapshot!(rows, @r"
                +---+--------+
                | r | tenant |
                +---+--------+
                | 1 | x      |
                | 2 | a      |
                | 2 | b      |
                | 2 | c      |
                | 2 | d      |
                +---+--------+
                ");
            }
        }
        let first =
            "select distinct on (t) t, u from (values ('b', 1), ('a', 3), ('a', 2), ('c', 0)) v(t, u) order by t, u";
        insta::assert_snapshot!(rows(first).await, @r"
        +---+---+
        | t | u |
        +---+---+
        | a | 2 |
        | b | 1 |
        | c | 0 |
        +---+---+
        ");
        let inner = format!(
            "select r, tenant, row_number() over (order by r, tenant) as n from ({ranked}) order by n desc limit 2"
        );
        insta::assert_snapshot!(rows(&inner).await, @r"
        +---+--------+---+
        | r | tenant | n |
        +---+--------+---+
        | 2 | d      | 5 |
        | 2 | c      | 4 |
        +---+--------+---+
        ");
    }
}
