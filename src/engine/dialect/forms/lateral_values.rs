//! `FROM o, LATERAL (SELECT o.a * 2 AS b)` and `LATERAL (VALUES ('a', o.a), ('b', o.b))`: values that are computed of
//! each outer row, without a table of their own.
//!
//! They are columns of the outer rows here, each of which is repeated for every row of VALUES.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::expr::Case;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, lit};
use datafusion::optimizer::AnalyzerRule;

/// The rows that the outer rows are repeated for, and their numbers.
const ROWS: &str = "__lateral_rows";
const NUMBER: &str = "column1";

/// Makes the values columns.
#[derive(Debug)]
pub struct ValuesOfEachRow;

impl AnalyzerRule for ValuesOfEachRow {
    fn name(&self) -> &str {
        "values_of_each_row"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let put = |node: LogicalPlan| {
            let LogicalPlan::Join(join) = node else {
                return Ok(Transformed::no(node));
            };
            Ok(match as_columns(&join)? {
                Some(plan) => Transformed::yes(plan),
                None => Transformed::no(LogicalPlan::Join(join)),
            })
        };
        plan.transform_up_with_subqueries(put).data()
    }
}

/// The outer rows with the values; `None` where the join has another form.
fn as_columns(join: &Join) -> Result<Option<LogicalPlan>> {
    let takes_all = join.on.is_empty() && join.filter.as_ref().is_none_or(is_true);
    if !takes_all || !matches!(join.join_type, JoinType::Inner | JoinType::Left) {
        return Ok(None);
    }
    let Some(rows) = rows_of(&join.right, false)? else {
        return Ok(None);
    };
    let mut of_columns = Vec::with_capacity(rows.len());
    for row in rows {
        match row
            .into_iter()
            .map(|value| of_row(value, join))
            .collect::<Result<Option<Vec<Expr>>>>()?
        {
            Some(row) => of_columns.push(row),
            None => return Ok(None),
        }
    }
    let outer = LogicalPlanBuilder::from(join.left.as_ref().clone());
    let outer = match of_columns.len() {
        1 => outer,
        rows => outer.cross_join(numbers(rows)?)?,
    };
    let mut list: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    for (place, (table, field)) in join.right.schema().iter().enumerate() {
        let values = of_columns.iter().map(|row| row[place].clone());
        list.push(chosen(values.collect()).alias_qualified(table.cloned(), field.name()));
    }
    outer.project(list)?.build().map(Some)
}

fn is_true(condition: &Expr) -> bool {
    matches!(condition, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

/// `VALUES (1), (2), …`
fn numbers(rows: usize) -> Result<LogicalPlan> {
    let numbers = (0..rows).map(|number| vec![lit(number as u64)]);
    LogicalPlanBuilder::values(numbers.collect())?.alias(ROWS)?.build()
}

/// The value of the row of this number.
fn chosen(mut values: Vec<Expr>) -> Expr {
    if values.len() == 1 {
        return values.remove(0);
    }
    let number = Expr::Column(Column::new(Some(ROWS), NUMBER));
    let cases = values.into_iter().enumerate();
    let cases = cases.map(|(number, value)| (Box::new(lit(number as u64)), Box::new(value)));
    Expr::Case(Case::new(Some(Box::new(number)), cases.collect(), None))
}

/// The rows of the right side, which read nothing but the outer row; `None` where they are others. `is_lateral`: below
/// the mark of a lateral subquery.
fn rows_of(plan: &LogicalPlan, is_lateral: bool) -> Result<Option<Vec<Vec<Expr>>>> {
    match plan {
        LogicalPlan::SubqueryAlias(named) => rows_of(&named.input, is_lateral),
        LogicalPlan::Subquery(lateral) => rows_of(&lateral.subquery, true),
        LogicalPlan::EmptyRelation(empty) if is_lateral && empty.produce_one_row => Ok(Some(vec![Vec::new()])),
        LogicalPlan::Values(values) if is_lateral => Ok(Some(values.values.clone())),
        LogicalPlan::Projection(list) => {
            let Some(rows) = rows_of(&list.input, is_lateral)? else {
                return Ok(None);
            };
            let rows = rows.into_iter().map(|row| {
                let values = list.expr.iter().map(|expr| put_into(expr, &list.input, &row));
                values.collect::<Result<Vec<Expr>>>()
            });
            rows.collect::<Result<Vec<_>>>().map(Some)
        }
        _ => Ok(None),
    }
}

/// An expression over the columns of `input` with the values of a row in their places.
fn put_into(expr: &Expr, input: &Arc<LogicalPlan>, row: &[Expr]) -> Result<Expr> {
    let put = expr.clone().unalias().transform_up(|expr| {
        let value = match &expr {
            Expr::Column(column) => {
                let place = input.schema().maybe_index_of_column(column);
                place.and_then(|place| row.get(place)).cloned()
            }
            _ => None,
        };
        Ok(value.map_or_else(|| Transformed::no(expr), Transformed::yes))
    });
    put.data()
}

/// A value as an expression over the outer row; `None` where it reads a row further out.
fn of_row(value: Expr, join: &Join) -> Result<Option<Expr>> {
    let mut is_of_row = true;
    let value = value.unalias().transform_up(|expr| {
        Ok(match expr {
            Expr::OuterReferenceColumn(_, column) if join.left.schema().has_column(&column) => {
                Transformed::yes(Expr::Column(column))
            }
            expr => {
                is_of_row &= !matches!(expr, Expr::OuterReferenceColumn(..));
                Transformed::no(expr)
            }
        })
    });
    let value = value.data()?;
    Ok(is_of_row.then_some(value))
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn values_belong_to_each_row() {
        for (sql, expected) in [
            (
                "select name, x.twice from learners l cross join lateral (select l.score * 2 as twice) x \
                 where l.batch = 'a' order by 1",
                vec!["ann 6", "bo 2", "cy 4"],
            ),
            (
                "select name, y.c from learners l, lateral (select score + 1 as b) x, lateral (select x.b + l.score as c) y \
                 where l.batch = 'c' order by 1",
                vec!["di 11", "ed", "fy 11"],
            ),
            (
                "select l.name, x.kind, x.value from learners l left join lateral \
                 (values ('score', l.score), ('next', l.score + 1)) x(kind, value) on true where l.batch = 'a' order by 1, 2",
                vec![
                    "ann next 4",
                    "ann score 3",
                    "bo next 2",
                    "bo score 1",
                    "cy next 3",
                    "cy score 2",
                ],
            ),
            (
                "select count(*), count(distinct v.k) from learners l cross join lateral (values (1), (2)) v(k)",
                vec!["14 2"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }
}
