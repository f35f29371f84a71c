//! Numbers as they are written in a statement: whole numbers are `integer` where they fit, and numbers with a point or an
//! exponent are `numeric`.
//!
//! The engine types whole numbers as `bigint`. A number that is a position, a count or a bound is kept.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, LimitClause, NamedWindowDefinition, NamedWindowExpr, OrderBy, OrderByKind, Query, Select, SetExpr,
    Statement, Subscript, TableFactor, UnaryOperator, Value, VisitorMut, WindowFrameBound, WindowSpec, WindowType,
};

use super::super::numbers::numeric::{DIGITS, read, written};
use super::super::numbers::{ROUND_TO, TRUNC_TO};
use super::super::syntax::{cast, literal, name_of, plain, rewrite_all};
use crate::engine::dialect::walk::walk_mut;

/// Gives the numbers of a statement PostgreSQL's types.
pub fn type_numbers(statement: &mut Statement) {
    let _ = walk_mut(statement, &mut NumberTyper);
    // The literals that are kept.
    rewrite_all(statement, |expr| {
        if let Expr::Value(value) = expr
            && let Value::Number(_, is_kept) = &mut value.value
        {
            *is_kept = false;
        }
    });
}

/// Marks numbers that are not values with the parser's flag for long numbers, and gives the others types.
struct NumberTyper;

impl VisitorMut for NumberTyper {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        keep_order(query.order_by.as_mut());
        match &mut query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                limit.iter_mut().for_each(keep);
                offset.iter_mut().for_each(|offset| keep(&mut offset.value));
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
                keep(offset);
                keep(limit);
            }
            None => {}
        }
        if let Some(fetch) = &mut query.fetch {
            fetch.quantity.iter_mut().for_each(keep);
        }
        keep_groups(&mut query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for NamedWindowDefinition(_, window) in &mut select.named_window {
            if let NamedWindowExpr::WindowSpec(window) = window {
                keep_frame(window);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            args: Some(arguments), ..
        } = factor
        {
            let _ = walk_mut(&mut arguments.args, &mut NumberKeeper);
        }
        if let TableFactor::Function { args, .. } = factor {
            let _ = walk_mut(args, &mut NumberKeeper);
        }
        ControlFlow::Continue(())
    }

    // After its arguments, whose numbers are kept.
    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let Some(arguments) = integers_of_series(factor) {
            arguments.into_iter().for_each(as_integer);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::UnaryOp {
                op: UnaryOperator::Minus,
                expr: negated,
            } => {
                if let Some(number) = number_in(negated) {
                    let negative = match number.strip_prefix('-') {
                        Some(positive) => positive.to_owned(),
                        None => format!("-{number}"),
                    };
                    *expr = literal(Value::Number(negative, false));
                }
            }
            Expr::Interval(interval) => {
                let _ = walk_mut(interval.value.as_mut(), &mut NumberKeeper);
            }
            Expr::CompoundFieldAccess { access_chain, .. } => access_chain.iter_mut().for_each(keep_subscript),
            Expr::Function(function) => {
                keep_bounds(function);
                keep_sizes(function);
            }
            Expr::Rollup(sets) | Expr::Cube(sets) | Expr::GroupingSets(sets) => {
                sets.iter_mut().flatten().for_each(keep);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::Number(text, false) = &value.value
            && let Some(typed) = typed(text)
        {
            *expr = typed;
        }
        ControlFlow::Continue(())
    }
}

/// The arguments of a series in FROM that are all `integer`: so are its values, which are between them.
fn integers_of_series(factor: &mut TableFactor) -> Option<Vec<&mut Expr>> {
    let (name, arguments) = match factor {
        TableFactor::Table {
            name,
            args: Some(arguments),
            with_ordinality: false,
            ..
        } => (name, &mut arguments.args),
        TableFactor::Function {
            name,
            args,
            with_ordinality: false,
            ..
        } => (name, args),
        _ => return None,
    };
    let name = plain(name);
    if name.strip_prefix("pg_catalog.").unwrap_or(&name) != "generate_series" {
        return None;
    }
    let integers = arguments.iter_mut().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) if is_integer(expr) => Some(expr),
        _ => None,
    });
    integers.collect()
}

/// The engine makes `bigint` of numbers without a type, and of series of them.
fn as_integer(number: &mut Expr) {
    *number = cast(number.clone(), DataType::Int(None));
}

/// A number as it is written, perhaps with a sign, that is an `integer`.
fn is_integer(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => digits.replace('_', "").parse::<i32>().is_ok(),
            _ => false,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            expr,
        } => is_integer(expr),
        _ => false,
    }
}

/// Keeps every number.
struct NumberKeeper;

impl VisitorMut for NumberKeeper {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        keep(expr);
        ControlFlow::Continue(())
    }
}

fn keep(expr: &mut Expr) {
    if let Expr::Value(value) = expr
        && let Value::Number(_, is_kept) = &mut value.value
    {
        *is_kept = true;
    }
}

fn keep_order(order: Option<&mut OrderBy>) {
    if let Some(OrderByKind::Expressions(by)) = order.map(|order| &mut order.kind) {
        by.iter_mut().for_each(|by| keep(&mut by.expr));
    }
}

fn keep_groups(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            if let GroupByExpr::Expressions(by, _) = &mut select.group_by {
                by.iter_mut().for_each(keep);
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            keep_groups(left);
            keep_groups(right);
        }
        _ => {}
    }
}

fn keep_subscript(access: &mut AccessExpr) {
    match access {
        AccessExpr::Subscript(Subscript::Index { index }) => keep(index),
        AccessExpr::Subscript(Subscript::Slice {
            lower_bound,
            upper_bound,
            stride,
        }) => [lower_bound, upper_bound, stride].into_iter().flatten().for_each(keep),
        AccessExpr::Dot(_) => {}
    }
}

fn keep_bounds(function: &mut Function) {
    if let Some(WindowType::WindowSpec(window)) = &mut function.over {
        keep_frame(window);
    }
}

/// Bounds of a window's frame.
fn keep_frame(window: &mut WindowSpec) {
    let Some(frame) = &mut window.window_frame else {
        return;
    };
    for bound in std::iter::once(&mut frame.start_bound).chain(&mut frame.end_bound) {
        if let WindowFrameBound::Preceding(Some(rows)) | WindowFrameBound::Following(Some(rows)) = bound {
            keep(rows);
        }
    }
}

/// Digits, decimals and letters, which tell a function's type: the planner reads them from plain literals alone.
fn keep_sizes(function: &mut Function) {
    const SIZED: [&str; 5] = ["numeric", "varchar", "bpchar", ROUND_TO, TRUNC_TO];
    let is_sized = SIZED.contains(&name_of(function).as_str());
    if let FunctionArguments::List(list) = &mut function.args
        && is_sized
    {
        for size in list.args.iter_mut().skip(1) {
            let _ = walk_mut(size, &mut NumberKeeper);
        }
    }
}

fn number_in(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(text, false) => Some(text),
            _ => None,
        },
        _ => None,
    }
}

/// The number as a literal of PostgreSQL's type; `None` where the engine already gives it that type, or it has too many
/// digits.
fn typed(text: &str) -> Option<Expr> {
    let text = text.replace('_', "");
    if text.parse::<i32>().is_ok() {
        return Some(cast(literal(Value::Number(text, false)), DataType::Int(None)));
    }
    if text.parse::<i64>().is_ok() {
        return None;
    }
    // Numbers of more digits than a numeric has here are floating point numbers.
    numeric_literal(&text).or_else(|| {
        text.parse::<f64>().ok()?;
        Some(cast(
            super::super::syntax::text(&text),
            DataType::Double(ExactNumberInfo::None),
        ))
    })
}

/// A number as a literal of the type `numeric`, with as many decimals as it has; none where it has too many digits.
pub fn numeric_literal(text: &str) -> Option<Expr> {
    let (value, scale) = read(text)?.ok()?;
    let digits = u64::from(value.unsigned_abs().checked_ilog10().unwrap_or(0)) + 1;
    let precision = digits.max(u64::from(scale.unsigned_abs()) + 1).min(u64::from(DIGITS));
    let kind = DataType::Numeric(ExactNumberInfo::PrecisionAndScale(precision, i64::from(scale)));
    let text = super::super::syntax::text(&written_plainly(value, scale));
    Some(cast(text, kind))
}

/// A numeric as text with all its decimals, also where its scale stands for "as many as needed".
fn written_plainly(value: i128, scale: i8) -> String {
    let needed = written(value, scale);
    let decimals = needed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let missing = usize::try_from(scale).unwrap_or(0).saturating_sub(decimals);
    match (missing, decimals) {
        (0, _) => needed,
        (missing, 0) => format!("{needed}.{}", "0".repeat(missing)),
        (missing, _) => format!("{needed}{}", "0".repeat(missing)),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn rewritten(sql: &str) -> String {
        let mut statements = Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql);
        type_numbers(&mut statements[0]);
        statements[0].to_string()
    }

    #[test]
    fn numbers_have_postgresqls_types() {
        for (number, expected) in [
            ("1", "CAST(1 AS INT)"),
            ("-1", "CAST(-1 AS INT)"),
            ("2147483648", "2147483648"),
            ("-9223372036854775808", "-9223372036854775808"),
            ("9223372036854775808", "CAST('9223372036854775808' AS NUMERIC(19,0))"),
            ("0.10", "CAST('0.10' AS NUMERIC(3,2))"),
            ("-2.5", "CAST('-2.5' AS NUMERIC(2,1))"),
            ("1e3", "CAST('1000' AS NUMERIC(4,0))"),
            ("1e-3", "CAST('0.001' AS NUMERIC(4,3))"),
            ("-1e300", "CAST('-1e300' AS DOUBLE)"),
        ] {
            assert_eq!(rewritten(&format!("SELECT {number}")), format!("SELECT {expected}"));
        }
    }

    #[test]
    fn series_of_integers_have_integers() {
        for (series, expected) in [
            (
                "generate_series(1, -3, -1) AS g (a)",
                "generate_series(CAST(1 AS INT), CAST(-3 AS INT), CAST(-1 AS INT)) AS g (a)",
            ),
            (
                "generate_series(1, 3000000000) AS g (a)",
                "generate_series(1, 3000000000) AS g (a)",
            ),
            ("generate_series(1, b) AS g (a)", "generate_series(1, b) AS g (a)"),
            ("other(1, 3) AS g (a)", "other(1, 3) AS g (a)"),
        ] {
            assert_eq!(
                rewritten(&format!("SELECT a FROM {series}")),
                format!("SELECT a FROM {expected}")
            );
        }
    }

    #[test]
    fn places_counts_and_bounds_stay_as_they_are() {
        for sql in [
            "SELECT a, b FROM t GROUP BY 1, 2 ORDER BY 2, 1 LIMIT 10 OFFSET 5",
            "SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN 2 PRECEDING AND 1 FOLLOWING) FROM t",
            "SELECT tags[1] FROM t GROUP BY ROLLUP (1)",
            "SELECT a FROM generate_series(1, 3000000000) AS g (a)",
            "SELECT a FROM t FETCH FIRST 3 ROWS ONLY",
            "SELECT numeric(a, 10, 2), varchar(a, 3), round_to(a, -2, 0) FROM t",
        ] {
            assert_eq!(rewritten(sql), sql);
        }
    }
}
