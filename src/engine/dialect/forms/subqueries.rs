//! Subqueries that the engine plans only in conditions, or not at all: EXISTS in a SELECT list, the first value that
//! belongs to an outer row (`(SELECT … WHERE e.a = o.a ORDER BY … LIMIT 1)`), and the only one (`(SELECT … WHERE e.id =
//! o.id)`).
//!
//! All become aggregates over the rows that belong to the outer row, which the engine plans as joins: whether there are
//! any, the first value in the order, and all values, of which there must be no second where they are used.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::functions_aggregate::array_agg::array_agg;
use datafusion::functions_aggregate::count::count;
use datafusion::functions_aggregate::first_last::first_value;
use datafusion::logical_expr::expr::Exists;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::{Expr, FetchType, Limit, LogicalPlan, LogicalPlanBuilder, SkipType, SortExpr, lit, not};
use datafusion::optimizer::AnalyzerRule;

use super::key_columns::with_key_columns;
use crate::engine::dialect::arrays::ONLY_VALUE;

/// Rewrites the subqueries to aggregates.
#[derive(Debug)]
pub struct SubqueriesAsValues;

impl AnalyzerRule for SubqueriesAsValues {
    fn name(&self) -> &str {
        "subqueries_as_values"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(in_node).data()
    }
}

fn in_node(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    // In conditions the engine joins by EXISTS itself.
    let is_list = matches!(node, LogicalPlan::Projection(_));
    let names = NamePreserver::new(&node);
    node.map_expressions(|expr| {
        let name = names.save(&expr);
        let put = expr.transform_up(|expr| match expr {
            Expr::Exists(exists) if is_list => Ok(Transformed::yes(is_any(exists)?)),
            Expr::ScalarSubquery(subquery) => {
                let (subquery, is_changed) = with_key_columns(subquery)?;
                let made = match first(&subquery)? {
                    Some(first) => Some(Expr::ScalarSubquery(first)),
                    None => only(&subquery)?,
                };
                let made = made.map(Transformed::yes);
                Ok(made.unwrap_or_else(|| Transformed::new_transformed(Expr::ScalarSubquery(subquery), is_changed)))
            }
            expr => Ok(Transformed::no(expr)),
        })?;
        Ok(put.update_data(|expr| name.restore(expr)))
    })
}

/// Whether there are rows: `coalesce((SELECT count(1) > 0 FROM …), false)`.
fn is_any(exists: Exists) -> Result<Expr> {
    let Subquery {
        subquery,
        outer_ref_columns,
        spans,
    } = exists.subquery;
    let mut rows = subquery;
    while let Some(input) = without_order(&rows)? {
        rows = input;
    }
    let counted = LogicalPlanBuilder::from(rows.as_ref().clone())
        .aggregate(Vec::<Expr>::new(), [count(lit(1_i64))])?
        .build()?;
    let number = Expr::Column(counted.schema().columns().remove(0));
    let plan = LogicalPlanBuilder::from(counted)
        .project([number.gt(lit(0_i64)).alias("exists")])?
        .build()?;
    let is_any = Expr::ScalarSubquery(Subquery {
        subquery: Arc::new(plan),
        outer_ref_columns,
        spans,
    });
    let is_any = coalesce(vec![is_any, lit(false)]);
    Ok(if exists.negated { not(is_any) } else { is_any })
}

/// The input of a sort or limit that does not change whether there are rows.
fn without_order(plan: &LogicalPlan) -> Result<Option<Arc<LogicalPlan>>> {
    Ok(match plan {
        LogicalPlan::Sort(sort) => Some(Arc::clone(&sort.input)),
        LogicalPlan::Limit(limit) if takes_first(limit, |rows| rows > 0)? => Some(Arc::clone(&limit.input)),
        _ => None,
    })
}

/// Whether a limit skips no row and takes as many as `is_right`.
fn takes_first(limit: &Limit, is_right: fn(usize) -> bool) -> Result<bool> {
    let FetchType::Literal(Some(rows)) = limit.get_fetch_type()? else {
        return Ok(false);
    };
    Ok(is_right(rows) && matches!(limit.get_skip_type()?, SkipType::Literal(0)))
}

/// `LIMIT 1` of rows that belong to an outer row, as the first value; `None` where it has another form.
fn first(subquery: &Subquery) -> Result<Option<Subquery>> {
    let LogicalPlan::Limit(limit) = subquery.subquery.as_ref() else {
        return Ok(None);
    };
    if subquery.outer_ref_columns.is_empty() || !takes_first(limit, |rows| rows == 1)? {
        return Ok(None);
    }
    let column = |plan: &LogicalPlan| Expr::Column(plan.schema().columns().remove(0));
    let none: &[SortExpr] = &[];
    let (value, order, input) = match limit.input.as_ref() {
        LogicalPlan::Projection(list) => match (list.input.as_ref(), list.expr.as_slice()) {
            (LogicalPlan::Sort(sort), [value]) => (value.clone().unalias(), sort.expr.as_slice(), &sort.input),
            _ => (column(&limit.input), none, &limit.input),
        },
        LogicalPlan::Sort(sort) => (column(&sort.input), sort.expr.as_slice(), &sort.input),
        _ => (column(&limit.input), none, &limit.input),
    };
    if value.contains_outer() || order.iter().any(|by| by.expr.contains_outer()) {
        return Ok(None);
    }
    let name = limit.input.schema().field(0).name();
    let firsts = LogicalPlanBuilder::from(input.as_ref().clone())
        .aggregate(Vec::<Expr>::new(), [first_value(value, order.to_vec())])?
        .build()?;
    let value = column(&firsts);
    let plan = LogicalPlanBuilder::from(firsts).project([value.alias(name)])?.build()?;
    Ok(Some(Subquery {
        subquery: Arc::new(plan),
        outer_ref_columns: subquery.outer_ref_columns.clone(),
        spans: subquery.spans.clone(),
    }))
}

/// A value of the rows that belong to an outer row, of which there may be one: `only_value((SELECT array_agg(value)
/// …))`. `None` where the subquery has one row by its form.
fn only(subquery: &Subquery) -> Result<Option<Expr>> {
    let plan = subquery.subquery.as_ref();
    let has_one_row = plan.max_rows().is_some_and(|rows| rows <= 1);
    if subquery.outer_ref_columns.is_empty() || has_one_row || plan.schema().fields().len() != 1 {
        return Ok(None);
    }
    let value = Expr::Column(plan.schema().columns().remove(0));
    let values = LogicalPlanBuilder::from(plan.clone())
        .aggregate(Vec::<Expr>::new(), [array_agg(value)])?
        .build()?;
    let values = Expr::ScalarSubquery(Subquery {
        subquery: Arc::new(values),
        outer_ref_columns: subquery.outer_ref_columns.clone(),
        spans: subquery.spans.clone(),
    });
    Ok(Some(ONLY_VALUE.udf(Vec::new()).call(vec![values])))
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn subqueries_are_values_of_each_row() {
        for (sql, expected) in [
            (
                "select batch, exists (select 1 from learners l where l.batch = b.batch) as e from batches b order by 1",
                vec!["a true", "b false", "c true", "d false"],
            ),
            (
                "select batch, not exists (select * from learners l where l.batch = b.batch and score > 4 \
                 order by name limit 1) from batches b order by 1",
                vec!["a true", "b true", "c false", "d true"],
            ),
            (
                "select exists (select 1 from learners where score = 9), exists (select 1 from learners) as f",
                vec!["false true"],
            ),
            (
                "select batch, case when exists (select 1 from learners l where l.batch = b.batch) then 1 else 0 end \
                 from batches b order by 1",
                vec!["a 1", "b 0", "c 1", "d 0"],
            ),
            (
                "select batch, (select name from learners l where l.batch = b.batch order by score limit 1) as f \
                 from batches b order by 1",
                vec!["a bo", "b", "c di", "d"],
            ),
            (
                "select batch, (select name from learners l where l.batch = b.batch order by score desc nulls last, name desc \
                 limit 1) from batches b order by 1",
                vec!["a ann", "b", "c fy", "d"],
            ),
            (
                "select batch, (select score from learners l where l.batch = b.batch order by 1 desc nulls first limit 1) \
                 from batches b order by 1",
                vec!["a 3", "b", "c", "d"],
            ),
            (
                "select batch from batches b where 'cy' = (select name from learners l where l.batch = b.batch \
                 and name > 'bo' order by name limit 1)",
                vec!["a"],
            ),
            (
                "select batch, (select upper(name) from learners l where l.batch = b.batch and name = 'bo' limit 1) \
                 from batches b order by 1",
                vec!["a BO", "b", "c", "d"],
            ),
            (
                "select (select name from learners order by name desc limit 1)",
                vec!["gi"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_subquery_of_one_row_is_its_value() {
        for (sql, expected) in [
            (
                "select batch, (select name from learners l where l.batch = b.batch and score = 2) from batches b \
                 order by 1",
                vec!["a cy", "b", "c", "d"],
            ),
            (
                "select name from learners l where score > (select max(score) from learners x where x.batch = l.batch) - 1 \
                 and batch = (select b.batch from batches b where b.batch = l.batch) order by 1",
                vec!["ann", "di", "fy"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_second_value_is_an_error_where_it_is_used() {
        let names = "(select name from learners l where l.batch = b.batch)";
        let used = rows(&format!("select {names} from batches b")).await;
        assert!(used.is_err());
        let other = rows(&format!("select batch, {names} from batches b where batch = 'd'")).await;
        assert_eq!(other.expect("rows"), ["d"]);
    }
}
