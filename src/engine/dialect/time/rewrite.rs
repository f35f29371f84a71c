//! Rewrites forms about times that the engine's SQL planner would misunderstand: `AT TIME ZONE`, interval literals,
//! arguments with names, series, and the session's zone.

use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, Result};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    Interval as IntervalLiteral, ObjectName, Set, Statement, TableFactor, UnaryOperator, Value, VisitorMut,
};

use super::civil::SECOND;
use super::interval::Interval;
use super::interval_literal::{engine_text, interval_literal};
use super::series;
use super::zone::{Zone, session_name};
use crate::engine::dialect::syntax::{call, text};
use crate::engine::dialect::walk::walk_mut;

/// The parts of `make_interval`, in order.
const PARTS: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
/// The engine's setting that holds the session's zone.
const ZONE_SETTING: &str = "datafusion.execution.time_zone";

/// Rewrites a statement.
///
/// # Errors
/// Where the text of an interval literal is not an interval.
pub fn in_statement(statement: &mut Statement) -> Result<()> {
    match walk_mut(statement, &mut Rewriter) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// `SET TIME ZONE …` and `SET timezone = …` as the engine's setting, for sessions that keep no variables of their own.
///
/// # Errors
/// Where there is no such zone.
pub fn zone_setting(statement: &mut Statement) -> Result<()> {
    let Statement::Set(set) = statement else {
        return Ok(());
    };
    let value = match set {
        Set::SetTimeZone { value, .. } => value.clone(),
        Set::SingleAssignment { variable, values, .. } => match values.as_slice() {
            [value] if variable.to_string().eq_ignore_ascii_case("timezone") => value.clone(),
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    let name = session_zone(&value)?.unwrap_or_else(|| super::UTC.to_owned());
    *set = Set::SingleAssignment {
        scope: None,
        hivevar: false,
        variable: ObjectName::from(ZONE_SETTING.split('.').map(Ident::new).collect::<Vec<_>>()),
        values: vec![text(&name)],
    };
    Ok(())
}

/// The name of the zone that SET is given: a name, a number of hours east, or an interval; `None` for LOCAL and DEFAULT.
///
/// # Errors
/// Where there is no such zone.
pub fn session_zone(value: &Expr) -> Result<Option<String>> {
    let given = match value {
        Expr::Interval(literal) => {
            let interval = interval_literal(literal)?;
            if interval.months != 0 || interval.days != 0 {
                let reason = "a time zone is an interval of hours and minutes, without days and months";
                return Err(DataFusionError::Plan(reason.to_owned()));
            }
            return Ok(Some(Zone::east(interval.micros / SECOND)?.name().to_owned()));
        }
        Expr::Value(value) => value.value.clone().into_string().unwrap_or_else(|| value.to_string()),
        Expr::Identifier(name) if name.quote_style.is_none() => {
            if ["local", "default"].contains(&name.value.to_lowercase().as_str()) {
                return Ok(None);
            }
            name.value.clone()
        }
        Expr::Identifier(name) => name.value.clone(),
        Expr::UnaryOp { .. } => value.to_string().replace(' ', ""),
        other => other.to_string(),
    };
    let name = session_name(&given);
    name.map(Some)
        .ok_or_else(|| DataFusionError::Plan(format!("invalid value for parameter \"TimeZone\": \"{given}\"")))
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = DataFusionError;

    fn pre_visit_table_factor(&mut self, table: &mut TableFactor) -> ControlFlow<DataFusionError> {
        series::in_relation(table);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<DataFusionError> {
        match rewritten(expr) {
            Ok(Some(rewritten)) => *expr = rewritten,
            Ok(None) => {}
            Err(error) => return ControlFlow::Break(error),
        }
        ControlFlow::Continue(())
    }
}

fn rewritten(expr: &mut Expr) -> Result<Option<Expr>> {
    Ok(match expr {
        Expr::AtTimeZone { timestamp, time_zone } => {
            Some(call("timezone", vec![(**time_zone).clone(), (**timestamp).clone()]))
        }
        Expr::Interval(literal) if matches!(literal.value.as_ref(), Expr::Value(_)) => {
            Some(engine_interval(interval_literal(literal)?))
        }
        // The engine's planner would take the minus for one of the first part alone.
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => match expr.as_ref() {
            Expr::Interval(literal) => Some(engine_interval(interval_literal(literal)?.negated()?)),
            _ => None,
        },
        Expr::Function(function) => rewritten_call(function)?,
        _ => None,
    })
}

/// A literal that the engine's own planner reads as this interval.
fn engine_interval(interval: Interval) -> Expr {
    Expr::Interval(IntervalLiteral {
        value: Box::new(text(&engine_text(interval))),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })
}

fn rewritten_call(function: &mut Function) -> Result<Option<Expr>> {
    let name = function.name.to_string().to_lowercase();
    let FunctionArguments::List(list) = &mut function.args else {
        return Ok(None);
    };
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    match (name, list.args.as_slice()) {
        ("make_interval", _) => {
            name_parts(list)?;
            Ok(None)
        }
        ("age", [FunctionArg::Unnamed(FunctionArgExpr::Expr(time))]) => {
            Ok(Some(call("age", vec![call("current_date", Vec::new()), time.clone()])))
        }
        (
            "current_timestamp" | "localtimestamp",
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(digits @ Expr::Value(_)))],
        ) => {
            let now = call(name, Vec::new());
            Ok(Some(call("time_rounded", vec![now, digits.clone()])))
        }
        _ => Ok(None),
    }
}

/// The name and value of an argument such as `days => 3` or `days := 3`.
fn named(argument: &FunctionArg) -> Option<(&Ident, &Expr)> {
    match argument {
        FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(value),
            ..
        }
        | FunctionArg::ExprNamed {
            name: Expr::Identifier(name),
            arg: FunctionArgExpr::Expr(value),
            ..
        } => Some((name, value)),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
            left,
            op: BinaryOperator::Assignment,
            right,
        })) => match left.as_ref() {
            Expr::Identifier(name) => Some((name, right)),
            _ => None,
        },
        _ => None,
    }
}

/// Puts the arguments of `make_interval` in order, with 0 for those that are left out.
fn name_parts(list: &mut FunctionArgumentList) -> Result<()> {
    if list.args.iter().all(|argument| named(argument).is_none()) {
        return Ok(());
    }
    let zero = || Expr::Value(Value::Number("0".to_owned(), false).with_empty_span());
    let mut parts: [Expr; 7] = std::array::from_fn(|_| zero());
    for (place, argument) in list.args.iter().enumerate() {
        let (place, value) = match (named(argument), argument) {
            (Some((name, value)), _) => {
                let is_named = |part: &&'static str| name.value.eq_ignore_ascii_case(part);
                (PARTS.iter().position(is_named), value)
            }
            (None, FunctionArg::Unnamed(FunctionArgExpr::Expr(value))) => (Some(place), value),
            (None, _) => (None, &parts[0]),
        };
        let value = value.clone();
        let place = place.and_then(|place| parts.get_mut(place)).ok_or_else(|| {
            DataFusionError::Plan(format!(
                "make_interval has no argument {argument}; its arguments are {}",
                PARTS.join(", ")
            ))
        })?;
        *place = value;
    }
    list.args = parts
        .map(|part| FunctionArg::Unnamed(FunctionArgExpr::Expr(part)))
        .into();
    Ok(())
}

/// Whether an expression is a number, perhaps with a sign.
pub fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Value(value) => matches!(value.value, Value::Number(_, _)),
        Expr::UnaryOp {
            op: UnaryOperator::Minus | UnaryOperator::Plus,
            expr,
        } => is_number(expr),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn statement(sql: &str) -> Statement {
        Parser::parse_sql(&PostgreSqlDialect {}, sql).expect(sql).remove(0)
    }

    fn in_form(sql: &str) -> String {
        let mut statement = statement(sql);
        in_statement(&mut statement).expect(sql);
        statement.to_string()
    }

    #[test]
    fn intervals_are_in_the_form_that_is_read() {
        for (literal, expected) in [
            ("'1 month 2 days 03:04:05'", "1 months 2 days 11045000000 microseconds"),
            ("'10' hour", "36000000000 microseconds"),
            ("'1-2'", "14 months"),
            ("'1 day 02:03:04' hour to minute", "1 days 7380000000 microseconds"),
            ("'5:06' minute to second", "306000000 microseconds"),
            ("'13 months' year", "12 months"),
            ("'0'", "0 days"),
        ] {
            let expected = format!("SELECT INTERVAL '{expected}'");
            assert_eq!(in_form(&format!("select interval {literal}")), expected, "{literal}");
        }
        assert!(in_statement(&mut statement("select interval 'soon'")).is_err());
    }

    #[test]
    fn forms_become_calls() {
        for (sql, expected) in [
            (
                "select a at time zone 'UTC' at time zone b",
                "SELECT timezone(b, timezone('UTC', a))",
            ),
            ("select age(a)", "SELECT age(current_date(), a)"),
            (
                "select make_interval(hours => 2, days := 3)",
                "SELECT make_interval(0, 0, 0, 3, 2, 0, 0)",
            ),
            (
                "select make_interval(1, secs => 2.5)",
                "SELECT make_interval(1, 0, 0, 0, 0, 0, 2.5)",
            ),
        ] {
            assert_eq!(in_form(sql), expected);
        }
        assert!(in_statement(&mut statement("select make_interval(moons => 1)")).is_err());
    }

    #[test]
    fn zones_are_set_in_every_form() {
        for (sql, expected) in [
            ("set time zone 'Asia/Kolkata'", "Asia/Kolkata"),
            ("set timezone to 'asia/kolkata'", "Asia/Kolkata"),
            ("set time zone interval '+05:30' hour to minute", "<+05:30>-05:30"),
            ("set time zone 5.5", "<+05:30>-05:30"),
            ("set time zone -7", "<-07>+07"),
            ("set time zone local", "UTC"),
            ("set time zone default", "UTC"),
            ("set timezone = 'UTC'", "UTC"),
        ] {
            let mut statement = statement(sql);
            zone_setting(&mut statement).expect(sql);
            assert_eq!(
                statement.to_string(),
                format!("SET {ZONE_SETTING} = '{expected}'"),
                "{sql}"
            );
        }
        assert!(zone_setting(&mut statement("set time zone 'Mars/Olympus'")).is_err());
    }

    #[test]
    fn days_are_no_part_of_a_zone() {
        assert!(zone_setting(&mut statement("set time zone interval '1 day'")).is_err());
    }
}
