//! `ARRAY(SELECT …)`: the rows of a query as an array, in their order.

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, GroupByExpr, OrderByExpr, OrderByKind, Select,
    SelectItem, SetExpr, Statement, Value,
};

use super::functions::ARRAY_OF_ROWS;
use crate::engine::dialect::syntax::{argument, call, function, name_of, rewrite_all};

/// Rewrites such arrays as aggregates of the queries' rows, where the order of these can be that of the aggregate.
pub fn aggregate(statement: &mut Statement) {
    rewrite_all(statement, |expr| {
        if let Expr::Function(called) = expr
            && let Some(made) = aggregated(called)
        {
            *expr = made;
        }
    });
}

fn aggregated(called: &Function) -> Option<Expr> {
    let FunctionArguments::Subquery(query) = &called.args else {
        return None;
    };
    if name_of(called) != "array" || query.limit_clause.is_some() || query.fetch.is_some() {
        return None;
    }
    let mut query = query.as_ref().clone();
    let order = match query.order_by.take().map(|order| order.kind) {
        None => Vec::new(),
        Some(OrderByKind::Expressions(order)) => order,
        Some(OrderByKind::All(_)) => return None,
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return None;
    };
    aggregate_list(select, order)?;
    Some(call(ARRAY_OF_ROWS, vec![Expr::Subquery(Box::new(query))]))
}

/// `SELECT value` with an order as `SELECT array_agg(value ORDER BY …)`; `None` where the list is not of values of
/// single rows.
fn aggregate_list(select: &mut Select, mut order: Vec<OrderByExpr>) -> Option<()> {
    let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    if is_grouped || select.distinct.is_some() || select.having.is_some() {
        return None;
    }
    let [item] = select.projection.as_mut_slice() else {
        return None;
    };
    let (value, alias) = match &*item {
        SelectItem::UnnamedExpr(value) => (value.clone(), None),
        SelectItem::ExprWithAlias { expr, alias } => (expr.clone(), Some(alias.clone())),
        _ => return None,
    };
    if matches!(&value, Expr::Function(called) if gives_others(called)) {
        return None;
    }
    for by in &mut order {
        let is_item = match &by.expr {
            Expr::Value(place) => matches!(&place.value, Value::Number(place, _) if place == "1"),
            Expr::Identifier(name) => Some(&name.value) == alias.as_ref().map(|alias| &alias.value),
            _ => false,
        };
        if is_item {
            by.expr = value.clone();
        }
    }
    let clauses = match order.is_empty() {
        true => Vec::new(),
        false => vec![FunctionArgumentClause::OrderBy(order)],
    };
    *item = SelectItem::UnnamedExpr(Expr::Function(function("array_agg", vec![argument(value)], clauses)));
    Some(())
}

/// Whether a function gives rows, or a value of many: the aggregate cannot be made of it here.
fn gives_others(called: &Function) -> bool {
    const OTHERS: [&str; 10] = [
        "unnest",
        "generate_series",
        "series",
        "count",
        "sum",
        "avg",
        "min",
        "max",
        "array_agg",
        "string_agg",
    ];
    called.over.is_some() || OTHERS.contains(&name_of(called).as_str())
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    #[test]
    fn rows_are_aggregated_in_their_order() {
        for (query, expected) in [
            ("ARRAY(SELECT a FROM t)", "array_of_rows((SELECT array_agg(a) FROM t))"),
            (
                "ARRAY(SELECT a FROM t WHERE b = c ORDER BY b DESC, 1)",
                "array_of_rows((SELECT array_agg(a ORDER BY b DESC, a) FROM t WHERE b = c))",
            ),
            (
                "ARRAY(SELECT upper(a) AS x FROM t ORDER BY x)",
                "array_of_rows((SELECT array_agg(upper(a) ORDER BY upper(a)) FROM t))",
            ),
            ("ARRAY(SELECT a FROM t LIMIT 2)", "ARRAY(SELECT a FROM t LIMIT 2)"),
            ("ARRAY(SELECT DISTINCT a FROM t)", "ARRAY(SELECT DISTINCT a FROM t)"),
            ("ARRAY[1, 2]", "ARRAY[1, 2]"),
        ] {
            let sql = format!("SELECT {query}");
            let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, &sql).expect(query);
            aggregate(&mut statements[0]);
            assert_eq!(statements[0].to_string(), format!("SELECT {expected}"));
        }
    }
}
