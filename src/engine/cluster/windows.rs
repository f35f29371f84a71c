//! Finds parts of window functions that the encoding of plans for the cluster would lose.
//!
//! The encoding of physical plans (datafusion-proto 55.2.0) has neither the FILTER of an aggregate over a window nor the
//! IGNORE NULLS of `lag`, `lead`, `first_value`, `last_value` and `nth_value`. It says nothing of that, and executors
//! would answer as if the query did not have them.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{NullTreatment, WindowFunction};
use datafusion::logical_expr::{Expr, LogicalPlan, WindowFunctionDefinition};

/// The first part of a window function in `plan` that executors would not see, such as `IGNORE NULLS of lag`.
///
/// # Errors
/// The plan cannot be walked.
pub fn part_that_encoding_loses(plan: &LogicalPlan) -> Result<Option<String>> {
    let mut lost = None;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            expression.apply(|part| {
                if let Expr::WindowFunction(function) = part {
                    lost = lost_part(function);
                }
                Ok(match lost {
                    Some(_) => TreeNodeRecursion::Stop,
                    None => TreeNodeRecursion::Continue,
                })
            })
        })
    })?;
    Ok(lost)
}

fn lost_part(function: &WindowFunction) -> Option<String> {
    let params = &function.params;
    match &function.fun {
        WindowFunctionDefinition::AggregateUDF(aggregate) if params.filter.is_some() => {
            Some(format!("FILTER of {} over a window", aggregate.name()))
        }
        WindowFunctionDefinition::WindowUDF(udf) if params.null_treatment == Some(NullTreatment::IgnoreNulls) => {
            Some(format!("IGNORE NULLS of {}", udf.name()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::SessionContext;

    use super::part_that_encoding_loses;

    async fn lost(sql: &str) -> Option<String> {
        let rows = SessionContext::new().sql(sql).await.unwrap();
        part_that_encoding_loses(&rows.into_optimized_plan().unwrap()).unwrap()
    }

    const ROWS: &str = "(values (1, 10), (2, null)) as t(i, x)";

    #[tokio::test]
    async fn a_filter_over_a_window_is_lost() {
        let sql = format!("select i, count(*) filter (where i > 1) over (order by i) from {ROWS}");
        assert_eq!(lost(&sql).await.as_deref(), Some("FILTER of count over a window"));
    }

    #[tokio::test]
    async fn ignored_nulls_are_lost_also_in_a_subquery() {
        let lag = format!("select lag(x) ignore nulls over (order by i) as l from {ROWS}");
        assert_eq!(lost(&lag).await.as_deref(), Some("IGNORE NULLS of lag"));
        let nested = format!("select i from {ROWS} where i in (select l from ({lag}) as u)");
        assert_eq!(lost(&nested).await.as_deref(), Some("IGNORE NULLS of lag"));
    }

    #[tokio::test]
    async fn parts_that_the_encoding_keeps_are_accepted() {
        for sql in [
            format!("select i, sum(x) over (order by i), lag(x) over (order by i) from {ROWS}"),
            format!("select count(*) filter (where i > 1) from {ROWS}"),
            format!("select array_agg(x) ignore nulls over (order by i) from {ROWS}"),
        ] {
            assert_eq!(lost(&sql).await, None, "{sql}");
        }
    }
}
