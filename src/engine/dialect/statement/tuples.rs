//! Rows in parentheses: `(a, b) = (c, d)`, `(a, b) < (c, d)`, `(a, b) IN ((1, 2), (3, 4))`, `(a, b) IN (SELECT …)`, and
//! `row(a, b)` as a value, whose fields are `f1`, `f2` and so on.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Query, Select, SelectItem,
    Statement, UnaryOperator, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::super::DialectError;
use super::super::syntax::{call, name_of, rewrite_all, rewrite_each, text};
use crate::engine::dialect::walk::walk_mut;

/// Compares rows field by field, and makes values of the others.
///
/// # Errors
/// Where rows of different lengths are compared, and where one is looked for in a query outside of WHERE.
pub fn compare(statement: &mut Statement) -> Result<(), DialectError> {
    struct FilterRewriter;

    impl VisitorMut for FilterRewriter {
        type Break = DialectError;

        fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<DialectError> {
            match select.selection.as_mut().map(in_condition) {
                Some(Err(error)) => ControlFlow::Break(error),
                _ => ControlFlow::Continue(()),
            }
        }
    }

    if let ControlFlow::Break(error) = walk_mut(statement, &mut FilterRewriter) {
        return Err(error);
    }
    rewrite_each(statement, |expr| {
        if let Some(compared) = compared(expr)? {
            *expr = compared;
        }
        Ok(())
    })?;
    as_values(statement);
    Ok(())
}

/// The fields of a row.
fn fields(expr: &Expr) -> Option<Vec<Expr>> {
    match expr {
        Expr::Tuple(fields) => Some(fields.clone()),
        Expr::Nested(inner) => fields(inner),
        Expr::Function(function) => of_function(function),
        _ => None,
    }
}

/// The fields of `row(…)`.
fn of_function(function: &Function) -> Option<Vec<Expr>> {
    if name_of(function) != "row" {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let fields = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    fields.collect()
}

fn compared(expr: &Expr) -> Result<Option<Expr>, DialectError> {
    Ok(match expr {
        Expr::BinaryOp { left, op, right } => match (fields(left), fields(right)) {
            (Some(left), Some(right)) => by_fields(&left, op, &right)?,
            _ => None,
        },
        Expr::InList { expr, list, negated } => match fields(expr) {
            Some(row) => Some(in_list(&row, list, *negated)?),
            None => None,
        },
        Expr::InSubquery { expr, .. } if fields(expr).is_some() => {
            return Err(DialectError::NotSupported(
                "(a, b) IN (SELECT …) is supported as a condition of WHERE alone, beside AND and OR; write EXISTS"
                    .to_owned(),
            ));
        }
        _ => None,
    })
}

fn by_fields(left: &[Expr], op: &BinaryOperator, right: &[Expr]) -> Result<Option<Expr>, DialectError> {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    let strict = match op {
        Eq | NotEq => op.clone(),
        Lt | LtEq => Lt,
        Gt | GtEq => Gt,
        _ => return Ok(None),
    };
    if left.len() != right.len() || left.is_empty() {
        let reason = "unequal number of entries in row expressions";
        return Err(DialectError::Syntax(reason.to_owned()));
    }
    let mut pairs = left.iter().zip(right).rev();
    let Some((last, other)) = pairs.next() else {
        return Ok(None);
    };
    let mut made = binary(last, op.clone(), other);
    for (one, other) in pairs {
        made = match op {
            Eq => joined(binary(one, Eq, other), And, made),
            NotEq => joined(binary(one, NotEq, other), Or, made),
            _ => joined(
                binary(one, strict.clone(), other),
                Or,
                joined(binary(one, Eq, other), And, made),
            ),
        };
    }
    Ok(Some(made))
}

/// Whether a row is one of a list.
fn in_list(row: &[Expr], list: &[Expr], is_negated: bool) -> Result<Expr, DialectError> {
    let mut any: Option<Expr> = None;
    for other in list {
        let other = fields(other).ok_or_else(|| {
            DialectError::Syntax("a row is compared with rows alone: (a, b) IN ((1, 2), (3, 4))".to_owned())
        })?;
        let Some(equal) = by_fields(row, &BinaryOperator::Eq, &other)? else {
            continue;
        };
        any = Some(match any {
            None => equal,
            Some(any) => joined(any, BinaryOperator::Or, equal),
        });
    }
    let any = any.ok_or_else(|| DialectError::Syntax("IN needs at least one row".to_owned()))?;
    Ok(match is_negated {
        true => Expr::UnaryOp {
            op: UnaryOperator::Not,
            expr: Box::new(any),
        },
        false => any,
    })
}

fn binary(left: &Expr, op: BinaryOperator, right: &Expr) -> Expr {
    Expr::BinaryOp {
        left: Box::new(Expr::Nested(Box::new(left.clone()))),
        op,
        right: Box::new(Expr::Nested(Box::new(right.clone()))),
    }
}

/// Two conditions in parentheses.
fn joined(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp {
        left: Box::new(left),
        op,
        right: Box::new(right),
    }))
}

/// Rewrites `(a, b) IN (SELECT …)` in conditions, which do not distinguish NULL from false.
fn in_condition(expr: &mut Expr) -> Result<(), DialectError> {
    match expr {
        Expr::Nested(inner) => in_condition(inner),
        Expr::BinaryOp {
            left,
            op: BinaryOperator::And | BinaryOperator::Or,
            right,
        } => {
            in_condition(left)?;
            in_condition(right)
        }
        Expr::InSubquery {
            expr: row,
            subquery,
            negated,
        } => {
            if let Some(row) = fields(row) {
                *expr = exists(&row, subquery, *negated)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// `(a, b) IN (SELECT …)` as a condition on the rows of the query: one is equal, or for NOT IN, all differ.
fn exists(row: &[Expr], query: &Query, is_negated: bool) -> Result<Expr, DialectError> {
    let names: Vec<String> = (1..=row.len()).map(|place| format!("found_{place}")).collect();
    let equal: Vec<String> = row
        .iter()
        .zip(&names)
        .map(|(field, name)| format!("({field}) = found_rows.{name}"))
        .collect();
    let (equal, names) = (equal.join(" AND "), names.join(", "));
    let sql = match is_negated {
        false => format!("EXISTS (SELECT 1 FROM ({query}) AS found_rows ({names}) WHERE {equal})"),
        true => format!("NOT EXISTS (SELECT 1 FROM ({query}) AS found_rows ({names}) WHERE ({equal}) IS NOT FALSE)"),
    };
    // The query and the row are written as SQL, which is parsed again. Names keep the quotes that they had.
    let read = Parser::new(&PostgreSqlDialect {}).try_with_sql(&sql);
    let read = read.and_then(|mut parser| parser.parse_expr());
    read.map_err(|_| DialectError::Syntax("a row of IN (SELECT …) cannot be read".to_owned()))
}

/// Rewrites rows that are values: `row(…)` everywhere, and rows in parentheses as columns and arguments.
fn as_values(statement: &mut Statement) {
    struct ItemRewriter;

    impl VisitorMut for ItemRewriter {
        type Break = ();

        fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
                    && let Expr::Tuple(fields) = expr
                {
                    *expr = value(fields);
                }
            }
            ControlFlow::Continue(())
        }
    }

    let _ = walk_mut(statement, &mut ItemRewriter);
    rewrite_all(statement, |expr| {
        let Expr::Function(function) = expr else {
            return;
        };
        if let Some(fields) = of_function(function) {
            *expr = value(&fields);
            return;
        }
        if let FunctionArguments::List(list) = &mut function.args {
            for argument in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument
                    && let Expr::Tuple(fields) = expr
                {
                    *expr = value(fields);
                }
            }
        }
    });
}

fn value(fields: &[Expr]) -> Expr {
    let named = fields
        .iter()
        .enumerate()
        .flat_map(|(place, field)| [text(&format!("f{}", place + 1)), field.clone()]);
    call("named_struct", named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(sql: &str) -> Result<String, DialectError> {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
        compare(&mut statements[0])?;
        Ok(statements[0].to_string())
    }

    #[test]
    fn rows_are_compared_field_by_field() {
        for (expr, expected) in [
            ("(a, b) = (c, d)", "((a) = (c) AND (b) = (d))"),
            ("(a, b) <> (c, d)", "((a) <> (c) OR (b) <> (d))"),
            ("(a, b) < (c, d)", "((a) < (c) OR ((a) = (c) AND (b) < (d)))"),
            ("(a, b) >= (c, d)", "((a) > (c) OR ((a) = (c) AND (b) >= (d)))"),
            (
                "(a, b) IN ((1, 2), (3, 4))",
                "(((a) = (1) AND (b) = (2)) OR ((a) = (3) AND (b) = (4)))",
            ),
            ("(a, b) NOT IN ((1, 2))", "NOT ((a) = (1) AND (b) = (2))"),
            ("row(a, b) = row(c, d)", "((a) = (c) AND (b) = (d))"),
            ("row(a, b)", "named_struct('f1', a, 'f2', b)"),
            ("(a, b)", "named_struct('f1', a, 'f2', b)"),
            ("count((a, b))", "count(named_struct('f1', a, 'f2', b))"),
            ("(a + b) = (c)", "(a + b) = (c)"),
        ] {
            assert_eq!(
                rewritten(&format!("SELECT {expr}")).expect(expr),
                format!("SELECT {expected}")
            );
        }
        assert!(rewritten("SELECT (a, b) = (c, d, e)").is_err());
    }

    #[test]
    fn rows_are_looked_for_in_queries() {
        let found = rewritten("SELECT 1 FROM t WHERE x AND (a, t.b) IN (SELECT c, d FROM u)").expect("rewritten");
        assert_eq!(
            found,
            "SELECT 1 FROM t WHERE x AND EXISTS (SELECT 1 FROM (SELECT c, d FROM u) AS found_rows (found_1, found_2) \
             WHERE (a) = found_rows.found_1 AND (t.b) = found_rows.found_2)"
        );
        let unfound = rewritten("SELECT 1 FROM t WHERE (a, b) NOT IN (SELECT c, d FROM u)").expect("rewritten");
        assert_eq!(
            unfound,
            "SELECT 1 FROM t WHERE NOT EXISTS (SELECT 1 FROM (SELECT c, d FROM u) AS found_rows (found_1, found_2) \
             WHERE ((a) = found_rows.found_1 AND (b) = found_rows.found_2) IS NOT FALSE)"
        );
        assert!(rewritten("SELECT (a, b) IN (SELECT c, d FROM u) FROM t").is_err());
    }
}
