//! A physical optimizer rule in place of the engine's that answers aggregates from statistics.
//!
//! A filter reports that a column which a condition leaves one value has exactly one distinct value, although perhaps no
//! row passes (a defect of DataFusion): `count(distinct a), count(distinct b)` with `a = 1 and b = 2` would be 1 and 1
//! over no rows. A plan that counts distinct values is therefore left as it is. Others are changed by the engine's rule.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNode;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;

/// The name of the engine's rule.
const ENGINES: &str = "aggregate_statistics";

type Rule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

/// The engine's rule for plans that count no distinct values.
#[derive(Debug)]
struct CountsOfValues(Rule);

/// The engine's rules with ours in the place of the one that answers aggregates from statistics.
pub fn checked(rules: Vec<Rule>) -> Vec<Rule> {
    rules.into_iter().map(replaced).collect()
}

fn replaced(rule: Rule) -> Rule {
    if rule.name() == ENGINES {
        Arc::new(CountsOfValues(rule))
    } else {
        rule
    }
}

impl PhysicalOptimizerRule for CountsOfValues {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        if plan.exists(|node| Ok(counts_distinct_values(node.as_ref())))? {
            return Ok(plan);
        }
        self.0.optimize(plan, config)
    }

    fn name(&self) -> &str {
        self.0.name()
    }

    fn schema_check(&self) -> bool {
        self.0.schema_check()
    }
}

fn counts_distinct_values(plan: &dyn ExecutionPlan) -> bool {
    plan.downcast_ref::<AggregateExec>()
        .is_some_and(|aggregate| aggregate.aggr_expr().iter().any(|function| function.is_distinct()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn session() -> SessionContext {
        let state = SessionStateBuilder::new()
            .with_default_features()
            .with_physical_optimizer_rules(checked(PhysicalOptimizer::new().rules))
            .build();
        let session = SessionContext::new_with_state(state);
        let table = "create table lessons as select * from (values (1, 2, 'a'), (2, 2, 'b')) t(pupil, subject, name)";
        let made = session.sql(table).await.expect("a table").collect().await;
        made.expect("made");
        session
    }

    async fn answer(session: &SessionContext, sql: &str) -> String {
        let rows = session.sql(sql).await.expect(sql).collect().await.expect(sql);
        let table = pretty_format_batches(&rows).expect(sql).to_string();
        table.lines().nth(3).unwrap_or_default().replace(' ', "")
    }

    #[tokio::test]
    async fn no_row_has_no_distinct_value() {
        let session = session().await;
        for (condition, expected) in [
            ("pupil = 7 and subject = 7", "|0|0|"),
            ("pupil = 1 and subject = 3", "|0|0|"),
            ("pupil = 1 and subject = 2", "|1|1|"),
            ("pupil = 1 and name = 'b'", "|0|0|"),
            ("subject = 2", "|2|1|"),
        ] {
            let sql = format!("select count(distinct pupil), count(distinct subject) from lessons where {condition}");
            assert_eq!(answer(&session, &sql).await, expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn rows_are_still_counted_without_reading_them() {
        let session = session().await;
        assert_eq!(answer(&session, "select count(*) from lessons").await, "|2|");
        let frame = session.sql("select count(*) from lessons").await.expect("a query");
        let plan = frame.create_physical_plan().await.expect("a plan");
        assert!(!plan.exists(|node| Ok(node.is::<AggregateExec>())).expect("nodes"));
    }
}
