//! `JOIN t ON t.id = (SELECT c.oid FROM … WHERE c.name = other.name)`: a correlated subquery in the condition of a
//! join, which the engine cannot plan. Its rows are joined first, on the columns that it compares.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, GroupByExpr, Ident, Join, JoinConstraint, JoinOperator, Query, Select, SelectItem, SetExpr,
    Statement, TableAlias, TableFactor, TableWithJoins, VisitorMut,
};

use crate::engine::dialect::walk::walk_mut;
use crate::postgres::syntax::operation;

/// The name of the column with the value of a subquery.
const FOUND: &str = "found";

/// Rewrites such subqueries as joins, in every SELECT that names its columns.
pub fn rewrite(statement: &mut Statement) {
    struct SubqueryJoiner;

    impl VisitorMut for SubqueryJoiner {
        type Break = ();

        fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
            let gives_all = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_));
            if !select.projection.iter().any(gives_all) {
                let mut number = 0;
                for item in &mut select.from {
                    join_subqueries(item, &mut number);
                }
            }
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut SubqueryJoiner);
}

fn join_subqueries(item: &mut TableWithJoins, number: &mut usize) {
    let mut joins = Vec::with_capacity(item.joins.len());
    for mut join in std::mem::take(&mut item.joins) {
        if let Some(condition) = condition_of(&mut join.join_operator) {
            let mut parts = Vec::new();
            parts_of(condition, &mut parts);
            for part in parts {
                let Some(query) = subquery_of(part) else { continue };
                let name = format!("looked_up_{}", *number + 1);
                if let Some(looked_up) = joined(query, &name) {
                    *number += 1;
                    joins.push(looked_up);
                    put_value(
                        part,
                        Expr::CompoundIdentifier(vec![Ident::new(name), Ident::new(FOUND)]),
                    );
                }
            }
        }
        joins.push(join);
    }
    item.joins = joins;
}

fn condition_of(operator: &mut JoinOperator) -> Option<&mut Expr> {
    match operator {
        JoinOperator::Join(JoinConstraint::On(condition))
        | JoinOperator::Inner(JoinConstraint::On(condition))
        | JoinOperator::Left(JoinConstraint::On(condition))
        | JoinOperator::LeftOuter(JoinConstraint::On(condition)) => Some(condition),
        _ => None,
    }
}

/// Collects the operands of AND.
fn parts_of<'a>(condition: &'a mut Expr, parts: &mut Vec<&'a mut Expr>) {
    match condition {
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And,
            right,
        } => {
            parts_of(left, parts);
            parts_of(right, parts);
        }
        Expr::Nested(inner) => parts_of(inner, parts),
        part => parts.push(part),
    }
}

/// The subquery that a value is compared with.
fn subquery_of(part: &Expr) -> Option<&Query> {
    match part {
        Expr::BinaryOp {
            op: BinaryOperator::Eq,
            right,
            ..
        } => match right.as_ref() {
            Expr::Subquery(query) => Some(query),
            _ => None,
        },
        _ => None,
    }
}

fn put_value(part: &mut Expr, value: Expr) {
    if let Expr::BinaryOp { right, .. } = part {
        **right = value;
    }
}

/// The rows of a subquery as a join on the columns that it compares with columns of the outer query. `None` where it
/// has another shape.
fn joined(query: &Query, name: &str) -> Option<Join> {
    let is_plain =
        query.with.is_none() && query.order_by.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    let SetExpr::Select(select) = query.body.as_ref() else {
        return None;
    };
    let has_groups = !matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    if !is_plain || has_groups || select.distinct.is_some() || select.having.is_some() {
        return None;
    }
    let (SelectItem::UnnamedExpr(value @ Expr::CompoundIdentifier(_))
    | SelectItem::ExprWithAlias {
        expr: value @ Expr::CompoundIdentifier(_),
        ..
    }) = one(&select.projection)?
    else {
        return None;
    };
    let tables = tables_of(select)?;
    let mut items = vec![named(value.clone(), FOUND.to_owned())];
    let (mut keys, mut rest) = (None, None);
    let mut condition = select.selection.clone()?;
    let mut parts = Vec::new();
    parts_of(&mut condition, &mut parts);
    for part in parts {
        let Some((inner, outer)) = compared(part, &tables) else {
            rest = Some(with(rest, part.clone()));
            continue;
        };
        let key = format!("key_{}", items.len());
        let here = Expr::CompoundIdentifier(vec![Ident::new(name), Ident::new(&key)]);
        items.push(named(inner, key));
        keys = Some(with(keys, operation(here, BinaryOperator::Eq, outer)));
    }
    let mut select = select.clone();
    select.projection = items;
    select.selection = rest;
    let mut subquery = query.clone();
    *subquery.body = SetExpr::Select(select);
    Some(Join {
        relation: TableFactor::Derived {
            lateral: false,
            subquery: Box::new(subquery),
            alias: Some(TableAlias {
                explicit: true,
                name: Ident::new(name),
                columns: Vec::new(),
                at: None,
            }),
            sample: None,
        },
        global: false,
        join_operator: JoinOperator::Left(JoinConstraint::On(keys?)),
    })
}

fn one<T>(items: &[T]) -> Option<&T> {
    match items {
        [item] => Some(item),
        _ => None,
    }
}

fn named(expr: Expr, name: String) -> SelectItem {
    SelectItem::ExprWithAlias {
        expr,
        alias: Ident::new(name),
    }
}

fn with(before: Option<Expr>, condition: Expr) -> Expr {
    match before {
        Some(before) => operation(before, BinaryOperator::And, condition),
        None => condition,
    }
}

/// The names of the tables that a subquery reads.
fn tables_of(select: &Select) -> Option<Vec<String>> {
    let mut names = Vec::new();
    for item in &select.from {
        let joined = item.joins.iter().map(|join| &join.relation);
        for relation in std::iter::once(&item.relation).chain(joined) {
            names.push(match relation {
                TableFactor::Table { alias: Some(alias), .. } => alias.name.value.clone(),
                TableFactor::Table { name, .. } => name.0.last()?.as_ident()?.value.clone(),
                _ => return None,
            });
        }
    }
    Some(names)
}

/// An equality of a column of these tables with a column of another table.
fn compared(part: &Expr, tables: &[String]) -> Option<(Expr, Expr)> {
    let Expr::BinaryOp {
        left,
        op: BinaryOperator::Eq,
        right,
    } = part
    else {
        return None;
    };
    let is_here = |expr: &Expr| match expr {
        Expr::CompoundIdentifier(names) => Some(names.first().is_some_and(|name| tables.contains(&name.value))),
        _ => None,
    };
    match (is_here(left.as_ref())?, is_here(right.as_ref())?) {
        (true, false) => Some((left.as_ref().clone(), right.as_ref().clone())),
        (false, true) => Some((right.as_ref().clone(), left.as_ref().clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn put(sql: &str) -> String {
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql).remove(0);
        rewrite(&mut statement);
        statement.to_string()
    }

    #[test]
    fn the_rows_of_a_subquery_are_joined_before() {
        let asked = "SELECT a.x FROM t AS a LEFT JOIN pg_attribute AS b ON b.n = a.n AND b.id = (SELECT c.oid FROM pg_class AS c \
                     LEFT JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE c.relname = a.name AND s.nspname = a.place \
                     AND c.relkind = 'r')";
        assert_eq!(
            put(asked),
            "SELECT a.x FROM t AS a LEFT JOIN (SELECT c.oid AS found, c.relname AS key_1, s.nspname AS key_2 \
             FROM pg_class AS c LEFT JOIN pg_namespace AS s ON s.oid = c.relnamespace WHERE c.relkind = 'r') AS looked_up_1 \
             ON looked_up_1.key_1 = a.name AND looked_up_1.key_2 = a.place \
             LEFT JOIN pg_attribute AS b ON b.n = a.n AND b.id = looked_up_1.found"
        );
    }

    #[test]
    fn other_conditions_stay_as_they_are() {
        for sql in [
            "SELECT a.x FROM t AS a LEFT JOIN b ON b.id = (SELECT c.oid FROM c WHERE c.x = 1)",
            "SELECT a.x FROM t AS a LEFT JOIN b ON b.id = (SELECT max(c.oid) FROM c WHERE c.x = a.x)",
            "SELECT * FROM t AS a LEFT JOIN b ON b.id = (SELECT c.oid FROM c WHERE c.x = a.x)",
            "SELECT a.x FROM t AS a JOIN b ON b.id = a.id",
        ] {
            assert_eq!(put(sql), sql);
        }
    }
}
