//! `FROM o, LATERAL (SELECT … WHERE e.a = o.a ORDER BY … LIMIT n)`: the first rows that belong to each outer row.
//!
//! The engine joins with a lateral subquery by conditions of its WHERE, but not over a LIMIT. Here the rows are
//! numbered among those that have the same values in these conditions; the limit becomes one of the numbers, and the
//! conditions come after it.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{Column, Result};
use datafusion::functions_window::row_number::row_number;
use datafusion::logical_expr::logical_plan::{Filter, Subquery, SubqueryAlias};
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, ExprFunctionExt, FetchType, Limit, LogicalPlan, LogicalPlanBuilder, Operator, SkipType,
    SortExpr, lit,
};
use datafusion::optimizer::AnalyzerRule;

/// Numbers the rows.
#[derive(Debug)]
pub struct FirstOfEachRow;

impl AnalyzerRule for FirstOfEachRow {
    fn name(&self) -> &str {
        "first_of_each_row"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let put = |node: LogicalPlan| {
            let LogicalPlan::Join(mut join) = node else {
                return Ok(Transformed::no(node));
            };
            match numbered(&join.right)? {
                Some(right) => {
                    join.right = Arc::new(right);
                    Ok(Transformed::yes(LogicalPlan::Join(join)))
                }
                None => Ok(Transformed::no(LogicalPlan::Join(join))),
            }
        };
        plan.transform_up_with_subqueries(put).data()
    }
}

/// The right side of a lateral join without its limit; `None` where it has another form.
fn numbered(right: &LogicalPlan) -> Result<Option<LogicalPlan>> {
    match right {
        LogicalPlan::SubqueryAlias(named) => match numbered(&named.input)? {
            Some(input) => {
                let named = SubqueryAlias::try_new(Arc::new(input), named.alias.clone())?;
                Ok(Some(LogicalPlan::SubqueryAlias(named)))
            }
            None => Ok(None),
        },
        LogicalPlan::Subquery(lateral) => {
            let LogicalPlan::Limit(limit) = lateral.subquery.as_ref() else {
                return Ok(None);
            };
            let plan = without_limit(limit)?;
            Ok(plan.map(|plan| {
                LogicalPlan::Subquery(Subquery {
                    subquery: Arc::new(plan),
                    outer_ref_columns: lateral.outer_ref_columns.clone(),
                    spans: lateral.spans.clone(),
                })
            }))
        }
        _ => Ok(None),
    }
}

fn without_limit(limit: &Limit) -> Result<Option<LogicalPlan>> {
    let (SkipType::Literal(skipped), FetchType::Literal(Some(taken))) =
        (limit.get_skip_type()?, limit.get_fetch_type()?)
    else {
        return Ok(None);
    };
    let columns = |plan: &LogicalPlan| {
        plan.schema()
            .columns()
            .into_iter()
            .map(Expr::Column)
            .collect::<Vec<_>>()
    };
    let none: &[SortExpr] = &[];
    let (list, order, input) = match limit.input.as_ref() {
        LogicalPlan::Sort(sort) => (columns(&sort.input), sort.expr.as_slice(), &sort.input),
        LogicalPlan::Projection(list) => match list.input.as_ref() {
            LogicalPlan::Sort(sort) => (list.expr.clone(), sort.expr.as_slice(), &sort.input),
            _ => (columns(&limit.input), none, &limit.input),
        },
        _ => (columns(&limit.input), none, &limit.input),
    };
    if list
        .iter()
        .chain(order.iter().map(|by| &by.expr))
        .any(Expr::contains_outer)
    {
        return Ok(None);
    }
    let Some(carried) = carried(input)? else {
        return Ok(None);
    };
    let keys: Vec<Expr> = carried.keys.iter().map(|(key, _)| Expr::Column(key.clone())).collect();
    let place = row_number().partition_by(keys).order_by(order.to_vec()).build()?;
    let numbered = LogicalPlanBuilder::from(carried.plan).window([place])?.build()?;
    let Some(place) = numbered.schema().columns().pop().map(Expr::Column) else {
        return Ok(None);
    };
    let (first, last) = (skipped as u64, skipped.saturating_add(taken) as u64);
    let belongs = carried.keys.into_iter().map(|(key, outer)| Expr::Column(key).eq(outer));
    let condition = belongs.fold(place.clone().gt(lit(first)).and(place.lt_eq(lit(last))), Expr::and);
    let plan = LogicalPlanBuilder::from(numbered).filter(condition)?.project(list)?;
    plan.build().map(Some)
}

/// A plan without the conditions on the outer row.
struct Carried {
    plan: LogicalPlan,
    /// The columns that hold the values compared with the outer row, and the outer expressions.
    keys: Vec<(Column, Expr)>,
}

/// Removes the conditions on the outer row from a plan and keeps their columns; `None` where they are not equalities,
/// or a node of the plan does not keep columns.
fn carried(plan: &LogicalPlan) -> Result<Option<Carried>> {
    if let LogicalPlan::Filter(filter) = plan
        && filter.predicate.contains_outer()
    {
        return taken_out(filter);
    }
    if plan.contains_outer_reference() {
        return Ok(None);
    }
    let [input] = plan.inputs()[..] else { return Ok(None) };
    let Some(Carried { plan: input, keys }) = carried(input)? else {
        return Ok(None);
    };
    let builder = LogicalPlanBuilder::from(input);
    let columns = keys.iter().map(|(key, _)| Expr::Column(key.clone()));
    let (builder, keys) = match plan {
        LogicalPlan::Filter(filter) => (builder.filter(filter.predicate.clone())?, keys),
        LogicalPlan::Projection(list) => (builder.project(list.expr.iter().cloned().chain(columns))?, keys),
        LogicalPlan::Aggregate(groups) if !groups.group_expr.is_empty() => {
            let by = groups.group_expr.iter().cloned().chain(columns);
            let aggregate = builder.aggregate(by, groups.aggr_expr.clone())?;
            // Group columns come first; the kept ones are the last of them.
            let list = plan.schema().columns().into_iter().map(Expr::Column);
            let columns = keys.iter().map(|(key, _)| Expr::Column(key.clone()));
            (aggregate.project(list.chain(columns))?, keys)
        }
        LogicalPlan::Distinct(Distinct::All(_)) => (builder.distinct()?, keys),
        LogicalPlan::SubqueryAlias(named) => {
            let of_alias = |(key, outer): (Column, Expr)| (Column::new(Some(named.alias.clone()), key.name), outer);
            let keys = keys.into_iter().map(of_alias).collect();
            (builder.alias(named.alias.clone())?, keys)
        }
        _ => return Ok(None),
    };
    Ok(Some(Carried {
        plan: builder.build()?,
        keys,
    }))
}

/// The conditions of one filter.
fn taken_out(filter: &Filter) -> Result<Option<Carried>> {
    if !filter.input.all_out_ref_exprs().is_empty() {
        return Ok(None);
    }
    let (belonging, others): (Vec<&Expr>, Vec<&Expr>) = split_conjunction(&filter.predicate)
        .into_iter()
        .partition(|condition| condition.contains_outer());
    let pairs: Option<Vec<(Expr, Expr)>> = belonging.into_iter().map(sides).collect();
    let Some(pairs) = pairs else { return Ok(None) };
    let builder = LogicalPlanBuilder::from(filter.input.as_ref().clone());
    let builder = match conjunction(others.into_iter().cloned()) {
        Some(condition) => builder.filter(condition)?,
        None => builder,
    };
    let name = |place: usize| format!("__key_{place}");
    let columns = filter.input.schema().columns().into_iter().map(Expr::Column);
    let keys = pairs
        .iter()
        .enumerate()
        .map(|(place, (inner, _))| inner.clone().alias(name(place)));
    let plan = builder.project(columns.chain(keys))?.build()?;
    let keys = pairs
        .into_iter()
        .enumerate()
        .map(|(place, (_, outer))| (Column::new_unqualified(name(place)), outer));
    Ok(Some(Carried {
        plan,
        keys: keys.collect(),
    }))
}

/// The inner and the outer side of an equality.
pub fn sides(condition: &Expr) -> Option<(Expr, Expr)> {
    let Expr::BinaryExpr(BinaryExpr {
        left,
        op: Operator::Eq,
        right,
    }) = condition
    else {
        return None;
    };
    let is_inner = |expr: &Expr| !expr.contains_outer();
    let is_outer = |expr: &Expr| expr.contains_outer() && !expr.any_column_refs();
    match (left.as_ref(), right.as_ref()) {
        (inner, outer) if is_inner(inner) && is_outer(outer) => Some((inner.clone(), outer.clone())),
        (outer, inner) if is_inner(inner) && is_outer(outer) => Some((inner.clone(), outer.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn the_first_rows_belong_to_each_row() {
        for (sql, expected) in [
            (
                "select b.batch, x.name from batches b cross join lateral \
                 (select name from learners l where l.batch = b.batch order by score limit 2) x order by 1, 2",
                vec!["a bo", "a cy", "c di", "c fy"],
            ),
            (
                "select b.batch, x.name from batches b, lateral \
                 (select name from learners l where b.batch = l.batch and score < 5 order by score desc, name limit 1) x order by 1",
                vec!["a ann"],
            ),
            (
                "select b.batch, x.name from batches b left join lateral \
                 (select name from learners l where l.batch = b.batch order by name offset 1 limit 1) x on true order by 1",
                vec!["a bo", "b", "c ed", "d"],
            ),
            (
                "select * from (select batch from batches) b, lateral \
                 (select score, name from learners l where l.batch = b.batch order by 1 desc nulls last, 2 fetch first 1 row only) x \
                 order by 1",
                vec!["a 3 ann", "c 5 di"],
            ),
            (
                "select b.batch, x.score, x.n from batches b, lateral (select score, count(*) as n from learners l \
                 where l.batch = b.batch group by score having count(*) > 1 order by n desc limit 1) x order by 1",
                vec!["c 5 2"],
            ),
            (
                "select b.batch, x.s, y.name from batches b, lateral (select distinct score as s from learners l \
                 where l.batch = b.batch limit 1) x, lateral (select name from learners l where l.score = x.s and \
                 upper(l.batch) = upper(b.batch) order by name desc limit 1) y where b.batch = 'c' and x.s = 5",
                vec!["c 5 fy"],
            ),
        ] {
            let rows = rows(sql).await.expect(sql);
            // The statement does not define which of the distinct rows comes first.
            assert!(
                rows == expected || sql.contains("distinct") && rows.is_empty(),
                "{sql}: {rows:?}"
            );
        }
    }
}
