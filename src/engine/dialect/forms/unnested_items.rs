//! `SELECT unnest(a) AS x, CASE b … END AS b`: elements of arrays in the list of columns, beside an item that is named
//! as a column which the list reads. The engine keeps these columns beside the items while it unnests, and cannot tell
//! them apart. So the list is made by a query inside, under names of its own, and the arrays are unnested around it.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, Query, Select, SelectItem, SetExpr,
    Statement, TableFactor, Visitor, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::super::syntax::{call, kept, name_of};
use crate::engine::dialect::walk::{walk, walk_mut};

const UNNEST: &str = "unnest";
/// The alias of the inner query.
const INSIDE: &str = "__items";
const AROUND: &str = "SELECT 1 FROM (SELECT 1) AS \"__items\"";

/// Rewrites such lists in all queries of a statement.
pub fn rewrite(statement: &mut Statement) {
    let _ = walk_mut(statement, &mut ListNester);
}

struct ListNester;

impl VisitorMut for ListNester {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        // ORDER BY may name a column that SELECT does not have.
        if query.order_by.is_none()
            && let SetExpr::Select(select) = query.body.as_ref()
            && let Some(nested) = nested(select)
        {
            *query.body = nested;
        }
        ControlFlow::Continue(())
    }
}

/// An item of a list of columns.
struct Item {
    /// What the inner query computes.
    expr: Expr,
    is_unnested: bool,
    is_named: bool,
    name: Ident,
}

/// The query around `select`; none where it needs none, or has clauses that look at its columns.
fn nested(select: &Select) -> Option<SetExpr> {
    let is_plain = select.distinct.is_none()
        && select.having.is_none()
        && select.qualify.is_none()
        && select.into.is_none()
        && matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    if !is_plain {
        return None;
    }
    let items = select.projection.iter().map(item).collect::<Option<Vec<_>>>()?;
    if !items.iter().any(|item| item.is_unnested) || !is_any_named_as_column(&items) {
        return None;
    }
    let around = Parser::new(&PostgreSqlDialect {})
        .try_with_sql(AROUND)
        .and_then(|mut parser| parser.parse_query());
    let around = *around.ok()?;
    let SetExpr::Select(mut around) = *around.body else {
        return None;
    };
    let mut inside = select.clone();
    inside.projection.clear();
    around.projection.clear();
    for (place, item) in items.into_iter().enumerate() {
        let own = Ident::with_quote('"', format!("__item_{place}"));
        let made = Expr::CompoundIdentifier(vec![Ident::with_quote('"', INSIDE), own.clone()]);
        inside.projection.push(SelectItem::ExprWithAlias {
            expr: item.expr,
            alias: own,
        });
        around.projection.push(SelectItem::ExprWithAlias {
            expr: match item.is_unnested {
                true => call(UNNEST, vec![made]),
                false => made,
            },
            alias: item.name,
        });
    }
    let TableFactor::Derived { subquery, .. } = &mut around.from.first_mut()?.relation else {
        return None;
    };
    *subquery.body = SetExpr::Select(Box::new(inside));
    Some(SetExpr::Select(around))
}

/// An item of the list; none where it gives several columns, or has a name that is not known here.
fn item(item: &SelectItem) -> Option<Item> {
    let (expr, name) = match item {
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias)),
        SelectItem::UnnamedExpr(expr) => (expr, column_of(expr)),
        _ => return None,
    };
    let is_named = matches!(item, SelectItem::ExprWithAlias { .. });
    match unnested(expr) {
        Some(array) => Some(Item {
            expr: array.clone(),
            is_unnested: true,
            is_named,
            name: name.cloned().unwrap_or_else(|| Ident::new(UNNEST)),
        }),
        None => Some(Item {
            expr: expr.clone(),
            is_unnested: false,
            is_named,
            name: name?.clone(),
        }),
    }
}

/// The array whose elements a call gives.
fn unnested(expr: &Expr) -> Option<&Expr> {
    let Expr::Function(function) = expr else {
        return None;
    };
    match &function.args {
        FunctionArguments::List(list) if name_of(function) == UNNEST => match list.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(array))] => Some(array),
            _ => None,
        },
        _ => None,
    }
}

/// The name of a column that an expression is.
fn column_of(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(names) => names.last(),
        _ => None,
    }
}

/// Whether an item has been given the name of a column that the list reads.
fn is_any_named_as_column(items: &[Item]) -> bool {
    struct ColumnCollector(HashSet<String>);

    impl Visitor for ColumnCollector {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            self.0.extend(column_of(expr).map(kept));
            ControlFlow::Continue(())
        }
    }

    let mut columns = ColumnCollector(HashSet::new());
    for item in items {
        let _ = walk(&item.expr, &mut columns);
    }
    items
        .iter()
        .any(|item| item.is_named && !item.is_unnested && columns.0.contains(&kept(&item.name)))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::super::tried::rows;

    #[tokio::test]
    async fn expressions_may_be_named_as_the_columns_that_they_read() {
        for (sql, expected) in [
            (
                "select m, batch from (select unnest(b.mentors) as m, case b.batch when 'a' then 'A' else '-' end as batch, \
                 b.batch as plain from batches b) t order by 1, 2",
                vec!["x A", "y A", "z -", " -"],
            ),
            (
                "select x, t.mentors from (select unnest(mentors) as x, array_length(mentors) as mentors from batches) t \
                 where x = 'y'",
                vec!["y 2"],
            ),
            (
                "select m, batch from (select unnest(b.mentors) as m, b.batch as batch from batches b) t where m = 'y'",
                vec!["y a"],
            ),
            (
                "select count(*) from (select unnest(mentors), upper(batch) as batch from batches limit 3) t",
                vec!["3"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
    }

    #[test]
    fn other_lists_stay_as_they_are() {
        for sql in [
            "SELECT unnest(mentors) AS m, upper(batch) AS big FROM batches",
            "SELECT unnest(mentors) AS mentors, batch FROM batches",
            "SELECT upper(batch) AS batch, mentors FROM batches",
            "SELECT DISTINCT unnest(mentors) AS m, upper(batch) AS batch FROM batches",
            "SELECT unnest(mentors) AS m, upper(batch) AS batch FROM batches ORDER BY 1",
            "SELECT *, unnest(mentors) AS m, upper(batch) AS batch FROM batches",
        ] {
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
            super::rewrite(&mut statements[0]);
            assert_eq!(statements[0].to_string(), sql);
        }
    }
}
