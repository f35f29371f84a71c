//! Scalar subqueries: `ARRAY(SELECT …)`, and those of which the engine cannot prove that they give one row.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType, Expr, FunctionArgumentClause, FunctionArguments, GroupByExpr, OrderByKind, Query,
    Select, SelectItem, SetExpr, Statement, TableFactor, Value, Visitor, VisitorMut,
};

use super::views;
use crate::engine::dialect::walk::{walk, walk_mut};
use crate::postgres::syntax::{argument, call, cast, function, literal, plain, rewrite_all};

const AGGREGATES: [&str; 13] = [
    "array_agg",
    "string_agg",
    "first_value",
    "last_value",
    "max",
    "min",
    "sum",
    "count",
    "avg",
    "bool_and",
    "bool_or",
    "every",
    "json_agg",
];

/// Rewrites `ARRAY(SELECT …)` as an aggregate; as an empty array where the rows come from a function.
pub fn arrays(statement: &mut Statement) {
    rewrite_all(statement, |expr| {
        if let Expr::Function(function) = expr
            && plain(&function.name) == "array"
            && let FunctionArguments::Subquery(query) = &function.args
        {
            let mut query = query.clone();
            *expr = match reads_functions(&query) || !aggregate(&mut query, "array_agg") {
                true => empty_array(),
                false => Expr::Subquery(query),
            };
        }
    });
}

/// Replaces what the engine cannot plan: EXISTS and scalar subqueries over a table that is always empty here, EXISTS
/// without a table, and ORDER BY a subquery, which is left out.
pub fn unplannable(statement: &mut Statement) {
    struct SubqueryReplacer;

    impl VisitorMut for SubqueryReplacer {
        type Break = ();

        fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
            if let Some(OrderByKind::Expressions(order)) = query.order_by.as_mut().map(|order| &mut order.kind) {
                order.retain(|by| !has_subquery(&by.expr));
                if order.is_empty() {
                    query.order_by = None;
                }
            }
            ControlFlow::Continue(())
        }

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Exists {
                subquery,
                negated: false,
            } = expr
                && let Some(condition) = condition_alone(subquery)
            {
                *expr = condition;
                return ControlFlow::Continue(());
            }
            let value = match expr {
                Expr::Exists { subquery, negated } if reads_nothing(subquery) => Value::Boolean(*negated),
                Expr::Subquery(query) if reads_nothing(query) => Value::Null,
                _ => return ControlFlow::Continue(()),
            };
            *expr = literal(value);
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut SubqueryReplacer);
}

fn has_subquery(expr: &Expr) -> bool {
    struct SubqueryFinder;

    impl Visitor for SubqueryFinder {
        type Break = ();

        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }

    walk(expr, &mut SubqueryFinder).is_break()
}

/// `EXISTS (SELECT … WHERE EXISTS (…))` without a table is true where the inner EXISTS is.
fn condition_alone(query: &Query) -> Option<Expr> {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let is_alone = select.from.is_empty() && select.having.is_none() && query.limit_clause.is_none();
    // An aggregate gives one row also where there is no input row.
    let gives_rows = |item: &SelectItem| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => !is_aggregate(expr),
        _ => false,
    };
    let is_truth = |condition: &Expr| match condition {
        Expr::Exists { .. } => true,
        Expr::Value(value) => matches!(value.value, Value::Boolean(_)),
        _ => false,
    };
    let condition = select.selection.as_ref()?;
    let is_known = is_alone && is_truth(condition) && select.projection.iter().all(gives_rows);
    is_known.then(|| condition.clone())
}

/// Whether a query reads one table, which is always empty here, and gives no row then.
fn reads_nothing(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return false;
    };
    let [from] = select.from.as_slice() else {
        return false;
    };
    let TableFactor::Table { name, args: None, .. } = &from.relation else {
        return false;
    };
    let name = plain(name);
    let is_empty = name.strip_prefix("pg_catalog.").is_some_and(views::is_always_empty);
    is_empty && from.joins.is_empty() && only_columns(select)
}

/// Whether a SELECT list has columns and values alone. An aggregate over an empty table would give a row.
fn only_columns(select: &Select) -> bool {
    select.projection.iter().all(|item| match item {
        SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
            let is_of_rows = matches!(expr, Expr::Function(function) if plain(&function.name).ends_with("pg_get_expr"));
            is_of_rows || matches!(expr, Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_))
        }
        SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => true,
        _ => false,
    })
}

/// Makes an aggregate of a subquery that stands for a value, so that it gives one row.
pub fn one_row(statement: &mut Statement) {
    rewrite_all(statement, |expr| {
        if let Expr::Subquery(query) = expr {
            aggregate(query, "first_value");
        }
    });
}

/// Puts the one column of `query` into an aggregate, with its order. False where it is not of that shape.
fn aggregate(query: &mut Query, name: &str) -> bool {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return false;
    };
    let is_plain = matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty())
        && select.distinct.is_none()
        && select.having.is_none()
        && !select.from.is_empty();
    let Some(column) = only_column(select).filter(|column| is_plain && !is_aggregate(column)) else {
        return false;
    };
    let mut order = match query.order_by.take().map(|order| order.kind) {
        Some(OrderByKind::Expressions(order)) => order,
        _ => Vec::new(),
    };
    for by in &mut order {
        if matches!(&by.expr, Expr::Value(value) if matches!(value.value, Value::Number(..))) {
            by.expr = column.clone();
        }
    }
    query.limit_clause = None;
    query.fetch = None;
    let clauses = match order.is_empty() {
        true => Vec::new(),
        false => vec![FunctionArgumentClause::OrderBy(order)],
    };
    let call = Expr::Function(function(name, vec![argument(column)], clauses));
    select.projection = vec![SelectItem::UnnamedExpr(call)];
    true
}

fn only_column(select: &Select) -> Option<Expr> {
    match select.projection.as_slice() {
        [SelectItem::UnnamedExpr(expr)] | [SelectItem::ExprWithAlias { expr, .. }] => Some(expr.clone()),
        _ => None,
    }
}

fn is_aggregate(expr: &Expr) -> bool {
    match expr {
        Expr::Function(function) => {
            let name = plain(&function.name);
            let name = name.rsplit('.').next().unwrap_or(&name);
            AGGREGATES.contains(&name)
        }
        Expr::Cast { expr, .. } | Expr::Nested(expr) => is_aggregate(expr),
        _ => false,
    }
}

fn reads_functions(query: &Query) -> bool {
    let SetExpr::Select(select) = query.body.as_ref() else {
        return false;
    };
    let is_function = |factor: &TableFactor| match factor {
        TableFactor::Table { args, .. } => args.is_some(),
        TableFactor::Function { .. } | TableFactor::UNNEST { .. } => true,
        _ => false,
    };
    select
        .from
        .iter()
        .any(|from| is_function(&from.relation) || from.joins.iter().any(|join| is_function(&join.relation)))
}

fn empty_array() -> Expr {
    let texts = DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(DataType::Text), None));
    cast(call("make_array", Vec::new()), texts)
}
