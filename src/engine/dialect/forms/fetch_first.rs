//! `FETCH FIRST n ROWS ONLY`, which is LIMIT, and `WITH TIES`, which takes the rows whose rank by the query's order is
//! at most n.

use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, Result, not_impl_err, plan_err};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Distinct, Expr, Fetch, Function, LimitClause, OrderByExpr, OrderByKind, Query, Select, SelectItem,
    SetExpr, Statement, Value, VisitorMut, WindowSpec, WindowType,
};

use super::super::syntax::{function, operation};
use crate::engine::dialect::walk::walk_mut;

/// Rewrites FETCH FIRST in all queries of a statement.
pub fn rewrite(statement: &mut Statement) -> Result<()> {
    match walk_mut(statement, &mut FetchRewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct FetchRewriter;

impl VisitorMut for FetchRewriter {
    type Break = DataFusionError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<DataFusionError> {
        match query.fetch.take().map(|fetch| put(query, fetch)) {
            Some(Err(error)) => ControlFlow::Break(error),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn put(query: &mut Query, fetch: Fetch) -> Result<()> {
    if fetch.percent {
        return plan_err!("FETCH FIRST takes a number of rows, not a share of them");
    }
    let rows = fetch.quantity.unwrap_or_else(|| number("1"));
    match (&mut query.limit_clause, fetch.with_ties) {
        (clause, true) => {
            let skipped = match clause {
                None => None,
                Some(LimitClause::LimitOffset {
                    limit: None, offset, ..
                }) => offset.as_ref().map(|offset| offset.value.clone()),
                Some(_) => return plan_err!("LIMIT and FETCH FIRST cannot both be given"),
            };
            let last = match skipped {
                Some(skipped) => operation(skipped, BinaryOperator::Plus, rows),
                None => rows,
            };
            with_ties(query, last)
        }
        (clause @ None, false) => {
            *clause = Some(LimitClause::LimitOffset {
                limit: Some(rows),
                offset: None,
                limit_by: Vec::new(),
            });
            Ok(())
        }
        (Some(LimitClause::LimitOffset { limit, .. }), false) if limit.is_none() => {
            *limit = Some(rows);
            Ok(())
        }
        (Some(_), false) => plan_err!("LIMIT and FETCH FIRST cannot both be given"),
    }
}

/// Keeps the rows whose rank is at most `last`.
fn with_ties(query: &mut Query, last: Expr) -> Result<()> {
    let order = match query.order_by.as_ref().map(|order| &order.kind) {
        Some(OrderByKind::Expressions(order)) => order.clone(),
        _ => return plan_err!("WITH TIES cannot be specified without ORDER BY clause"),
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return not_impl_err!("WITH TIES is for one SELECT; put what it is asked of into a subquery");
    };
    if select
        .distinct
        .as_ref()
        .is_some_and(|distinct| !matches!(distinct, Distinct::All))
        || select.qualify.is_some()
    {
        return not_impl_err!("WITH TIES beside DISTINCT is not supported; put DISTINCT into a subquery");
    }
    let order = order
        .into_iter()
        .map(|by| OrderByExpr {
            expr: meant(by.expr, select),
            ..by
        })
        .collect();
    select.qualify = Some(operation(
        rank(order),
        BinaryOperator::LtEq,
        Expr::Nested(Box::new(last)),
    ));
    Ok(())
}

/// The expression that an item of ORDER BY means where it is the number or the name of a column.
fn meant(by: Expr, select: &Select) -> Expr {
    let named = |item: &SelectItem| match (item, &by) {
        (SelectItem::ExprWithAlias { expr, alias }, Expr::Identifier(name)) if alias.value == name.value => {
            Some(expr.clone())
        }
        _ => None,
    };
    let numbered = || {
        let Expr::Value(value) = &by else { return None };
        let Value::Number(number, _) = &value.value else {
            return None;
        };
        let place = number.parse::<usize>().ok()?.checked_sub(1)?;
        match select.projection.get(place)? {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => Some(expr.clone()),
            _ => None,
        }
    };
    let found = select.projection.iter().find_map(named).or_else(numbered);
    found.unwrap_or(by)
}

/// `rank() OVER (ORDER BY …)`
fn rank(order_by: Vec<OrderByExpr>) -> Expr {
    Expr::Function(Function {
        over: Some(WindowType::WindowSpec(WindowSpec {
            window_name: None,
            partition_by: Vec::new(),
            order_by,
            window_frame: None,
        })),
        ..function("rank", Vec::new(), Vec::new())
    })
}

fn number(number: &str) -> Expr {
    Expr::Value(Value::Number(number.to_owned(), false).with_empty_span())
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn the_first_rows_are_taken() {
        for (sql, expected) in [
            (
                "select name from learners order by name fetch first 2 rows only",
                vec!["ann", "bo"],
            ),
            (
                "select name from learners order by name fetch next row only",
                vec!["ann"],
            ),
            (
                "select name from learners order by name offset 1 row fetch next 1 row only",
                vec!["bo"],
            ),
            (
                "select count(*) from (select 1 from learners fetch first 3 rows only) t",
                vec!["3"],
            ),
            (
                "select name from learners order by score desc nulls last fetch first 1 row with ties",
                vec!["di", "fy"],
            ),
            (
                "select score as s, name from learners order by s desc nulls last, 2 fetch first 2 rows with ties",
                vec!["5 di", "5 fy"],
            ),
            (
                "select score from learners where score is not null order by 1 offset 1 fetch first 1 row with ties",
                vec!["1"],
            ),
            (
                "select batch, count(*) from learners group by batch order by count(*) desc fetch first 1 row with ties",
                vec!["a 3", "c 3"],
            ),
        ] {
            let mut rows = rows(sql).await.expect(sql);
            rows.sort();
            assert_eq!(rows, expected, "{sql}");
        }
        for sql in [
            "select name from learners fetch first 2 rows with ties",
            "select name from learners fetch first 2 percent rows only",
            "select name from learners limit 1 fetch first 2 rows only",
            "select distinct name from learners order by name fetch first 2 rows with ties",
        ] {
            assert!(rows(sql).await.is_err(), "{sql}");
        }
    }
}
