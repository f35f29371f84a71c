//! `(SELECT count(*) FROM e WHERE date(e.at) = o.day)`: subqueries that compare something computed with the outer row.
//!
//! The engine joins an aggregate of such rows by columns alone. Here what is computed is a column of the rows.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder};

use super::lateral::sides;

/// The subquery with such columns, and whether it has any.
///
/// # Errors
/// Errors of the engine alone.
pub fn with_key_columns(mut subquery: Subquery) -> Result<(Subquery, bool)> {
    if subquery.outer_ref_columns.is_empty() {
        return Ok((subquery, false));
    }
    let mut number = 0;
    let rows = subquery.subquery.as_ref().clone();
    let made = rows.transform_up(|node| in_filter(node, &mut number))?;
    subquery.subquery = Arc::new(made.data);
    Ok((subquery, made.transformed))
}

/// `number` counts the columns, whose names differ within a subquery.
fn in_filter(node: LogicalPlan, number: &mut usize) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(filter) = node else {
        return Ok(Transformed::no(node));
    };
    let mut keys = Vec::new();
    let conditions = split_conjunction_owned(filter.predicate.clone());
    let conditions: Vec<Expr> = conditions
        .into_iter()
        .map(|condition| compared(condition, &mut keys, number))
        .collect();
    let Some(predicate) = conjunction(conditions).filter(|_| !keys.is_empty()) else {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    };
    let columns = filter.input.schema().columns().into_iter().map(Expr::Column);
    let columns: Vec<Expr> = columns.collect();
    let plan = LogicalPlanBuilder::from(filter.input.as_ref().clone())
        .project(columns.iter().cloned().chain(keys))?
        .filter(predicate)?
        .project(columns)?
        .build()?;
    Ok(Transformed::yes(plan))
}

/// The condition with a column for what is computed of the rows; the column is added to `keys`.
fn compared(condition: Expr, keys: &mut Vec<Expr>, number: &mut usize) -> Expr {
    match sides(&condition) {
        Some((inner, outer)) if inner.any_column_refs() && !matches!(inner, Expr::Column(_)) => {
            let name = format!("__equal_{number}");
            *number += 1;
            keys.push(inner.alias(&name));
            Expr::Column(Column::new_unqualified(name)).eq(outer)
        }
        _ => condition,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn what_is_computed_is_compared_with_each_row() {
        for (sql, expected) in [
            (
                "select batch, (select count(*) from learners l where upper(l.batch) = upper(b.batch)) from batches b \
                 order by 1",
                vec!["a 3", "b 0", "c 3", "d 0"],
            ),
            (
                "select batch, (select max(score) from learners l where l.batch || 'x' = b.batch || 'x' and name > 'b') \
                 from batches b order by 1",
                vec!["a 2", "b", "c 5", "d"],
            ),
            (
                "select batch, (select name from learners l where lower(l.batch) = b.batch and score = 1) from batches b \
                 order by 1",
                vec!["a bo", "b", "c", "d"],
            ),
            (
                "select batch, (select name from learners l where lower(l.batch) = lower(b.batch) order by name desc limit 1) \
                 from batches b order by 1",
                vec!["a cy", "b", "c fy", "d"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }
}
