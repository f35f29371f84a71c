//! `x NOT IN (SELECT …)`, `x = ANY (SELECT …)`, `x > ALL (SELECT …)` and the like in conditions.
//!
//! The engine plans IN as a join, which tells whether there is an equal row, and NOT IN so that NULLs count, but only
//! where each alone is what a row must meet. Beside OR, its NOT IN takes rows for which NULL makes the answer unknown;
//! in `(x IN (SELECT …)) IS NULL`, nothing is ever unknown. It cannot join by NOT IN over rows that belong to the outer
//! row. In comparisons with ANY and ALL it takes columns of one name on both sides for the same. All of these are put
//! here as what it plans rightly.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{BinaryExpr, Expr, Filter, LogicalPlan, LogicalPlanBuilder, Operator};
use datafusion::optimizer::AnalyzerRule;

/// The name of the column of a subquery that is compared.
const COMPARED: &str = "__compared";

/// Rewrites such conditions.
#[derive(Debug)]
pub struct Memberships;

impl AnalyzerRule for Memberships {
    fn name(&self) -> &str {
        "memberships"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(in_node).data()
    }
}

fn in_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Filter(filter) = node else {
        return Ok(Transformed::no(node));
    };
    if !has_membership(&filter.predicate)? {
        return Ok(Transformed::no(LogicalPlan::Filter(filter)));
    }
    let conditions = split_conjunction_owned(filter.predicate).into_iter().map(alone);
    let conditions = conditions.collect::<Result<Vec<Expr>>>()?;
    let input = filter.input;
    Ok(match conjunction(conditions) {
        Some(predicate) => Transformed::yes(LogicalPlan::Filter(Filter::try_new(predicate, input)?)),
        None => Transformed::yes(Arc::unwrap_or_clone(input)),
    })
}

fn has_membership(condition: &Expr) -> Result<bool> {
    condition.exists(|expr| Ok(matches!(expr, Expr::InSubquery(_) | Expr::SetComparison(_))))
}

/// A condition that each row must meet.
fn alone(condition: Expr) -> Result<Expr> {
    match without_not(condition) {
        Expr::InSubquery(query) if !query.negated || query.subquery.outer_ref_columns.is_empty() => {
            Ok(Expr::InSubquery(query))
        }
        condition => joined(condition),
    }
}

/// NOT IN for NOT of IN, and the other way round.
fn without_not(condition: Expr) -> Expr {
    match condition {
        Expr::Not(inner) => match *inner {
            Expr::InSubquery(query) => Expr::InSubquery(InSubquery {
                negated: !query.negated,
                ..query
            }),
            inner => Expr::Not(Box::new(inner)),
        },
        condition => condition,
    }
}

/// A condition with nothing but AND and OR around it: that it is unknown is the same as that it is false.
fn joined(condition: Expr) -> Result<Expr> {
    match without_not(condition) {
        Expr::BinaryExpr(BinaryExpr {
            left,
            op: op @ (Operator::And | Operator::Or),
            right,
        }) => {
            let (left, right) = (joined(*left)?, joined(*right)?);
            Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
        }
        Expr::InSubquery(query) if !query.negated => Ok(Expr::InSubquery(query)),
        Expr::InSubquery(query) if query.subquery.outer_ref_columns.is_empty() => in_no_row(query),
        Expr::SetComparison(comparison) if is_in(&comparison) => Ok(Expr::InSubquery(InSubquery {
            expr: comparison.expr,
            subquery: comparison.subquery,
            negated: false,
        })),
        condition => elsewhere(condition),
    }
}

fn is_in(comparison: &SetComparison) -> bool {
    comparison.op == Operator::Eq && comparison.quantifier == SetQuantifier::Any
}

/// Memberships within any expression: with all three answers.
fn elsewhere(expr: Expr) -> Result<Expr> {
    let put = expr.transform_up(|expr| match expr {
        Expr::InSubquery(query) => Ok(Transformed::yes(compared(query)?)),
        Expr::SetComparison(comparison) => {
            let subquery = with_name(comparison.subquery)?;
            Ok(Transformed::yes(Expr::SetComparison(SetComparison {
                subquery,
                ..comparison
            })))
        }
        expr => Ok(Transformed::no(expr)),
    });
    put.data()
}

/// `x <> ALL (…)` for NOT IN, and `x = ANY (…)` for IN.
fn compared(query: InSubquery) -> Result<Expr> {
    let (op, quantifier) = match query.negated {
        true => (Operator::NotEq, SetQuantifier::All),
        false => (Operator::Eq, SetQuantifier::Any),
    };
    let subquery = with_name(query.subquery)?;
    Ok(Expr::SetComparison(SetComparison::new(
        query.expr, subquery, op, quantifier,
    )))
}

/// `NOT x IN (…) AND (x IS NOT NULL OR NOT EXISTS (…)) AND NOT EXISTS (… IS NULL)`: NOT IN where it is true.
fn in_no_row(query: InSubquery) -> Result<Expr> {
    let InSubquery { expr, subquery, .. } = query;
    let rows = subquery.subquery.as_ref();
    let column = Expr::Column(rows.schema().columns().remove(0));
    let any = LogicalPlanBuilder::from(rows.clone()).limit(0, Some(1))?.build()?;
    let null = LogicalPlanBuilder::from(rows.clone())
        .filter(column.is_null())?
        .limit(0, Some(1))?
        .build()?;
    let none = |plan: LogicalPlan| {
        let mut subquery = subquery.clone();
        subquery.subquery = Arc::new(plan);
        Expr::Exists(Exists {
            subquery,
            negated: true,
        })
    };
    let is_known = expr.as_ref().clone().is_not_null().or(none(any));
    let no_null = none(null);
    let is_in = Expr::InSubquery(InSubquery {
        expr,
        subquery: subquery.clone(),
        negated: false,
    });
    Ok(Expr::Not(Box::new(is_in)).and(is_known).and(no_null))
}

/// The subquery, whose only column has a name that no other has.
fn with_name(mut subquery: Subquery) -> Result<Subquery> {
    let columns = subquery.subquery.schema().columns();
    let [column] = columns.as_slice() else {
        return Ok(subquery);
    };
    if column.name != COMPARED {
        let rows = LogicalPlanBuilder::from(subquery.subquery.as_ref().clone());
        let named = rows.project([Expr::Column(column.clone()).alias(COMPARED)])?;
        subquery.subquery = Arc::new(named.build()?);
    }
    Ok(subquery)
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn null_makes_answers_unknown() {
        // The scores are 3, 1, 2, 5, NULL, 5, 1, of ann, bo, cy, di, ed, fy and gi.
        for (condition, expected) in [
            (
                "name = 'ed' or score not in (select 5)",
                vec!["ann", "bo", "cy", "ed", "gi"],
            ),
            ("name = 'bo' or score not in (select 5)", vec!["ann", "bo", "cy", "gi"]),
            (
                "name = 'bo' or score not in (select score from learners where batch = 'c')",
                vec!["bo"],
            ),
            (
                "name = 'x' or score not in (select 5 where false)",
                vec!["ann", "bo", "cy", "di", "ed", "fy", "gi"],
            ),
            ("(score in (select 5)) is null", vec!["ed"]),
            (
                "(score in (select null::bigint)) is null and name < 'c'",
                vec!["ann", "bo"],
            ),
            ("not (score = 1 or score in (select 5))", vec!["ann", "cy"]),
            (
                "score not in (select x.score from learners x where x.batch = learners.batch and x.name <> learners.name)",
                vec!["ann", "bo", "cy", "gi"],
            ),
            (
                "score = any (select score from learners where name = 'di')",
                vec!["di", "fy"],
            ),
            (
                "score >= all (select score from learners where score is not null)",
                vec!["di", "fy"],
            ),
            (
                "score < any (select score from learners where name = 'cy')",
                vec!["bo", "gi"],
            ),
            (
                "score <> all (select score from learners where name < 'c')",
                vec!["cy", "di", "fy"],
            ),
        ] {
            let sql = format!("select name from learners where {condition} order by 1");
            assert_eq!(rows(&sql).await.expect(&sql), expected, "{sql}");
        }
    }
}
