//! `generate_series` in FROM: rows of numbers or times. (In a list of columns it is one of several functions that give
//! rows, which the dialect's rewrites of statements unnest.)
//!
//! A series of integer literals stays the engine's, which generates its rows batch by batch. All others become arrays
//! of `series(…)` that are unnested.

use datafusion::sql::sqlparser::ast::{
    DataType, Expr, FunctionArg, FunctionArgExpr, Ident, ObjectName, SelectItem, TableAlias, TableFactor, Value,
};

use super::super::syntax::{call, cast, name_column, select};
use super::functions::series::SERIES;
use super::rewrite::is_number;

const NAME: &str = "generate_series";
const UNNEST: &str = "unnest";

fn is_series(name: &ObjectName) -> bool {
    let name = name.to_string().to_lowercase();
    name.strip_prefix("pg_catalog.").unwrap_or(&name) == NAME
}

fn unnamed(arguments: &[FunctionArg]) -> Option<Vec<Expr>> {
    let arguments = arguments.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    });
    arguments.collect()
}

/// Names the column of a series in FROM as PostgreSQL does, and makes series of times rows.
pub fn in_relation(relation: &mut TableFactor) {
    let (name, arguments, alias, lateral, with_ordinality) = match relation {
        TableFactor::Table {
            name,
            args: Some(arguments),
            alias,
            with_ordinality,
            ..
        } => (name, &arguments.args, alias, false, *with_ordinality),
        TableFactor::Function {
            lateral,
            name,
            args,
            alias,
            with_ordinality,
        } => (name, &*args, alias, *lateral, *with_ordinality),
        _ => return,
    };
    let Some(arguments) = is_series(name).then(|| unnamed(arguments)).flatten() else {
        return;
    };
    if with_ordinality {
        *relation = numbered(alias.clone(), arguments);
        return;
    }
    let mut alias_of_rows = alias.clone().unwrap_or_else(usual_alias);
    name_column(&mut alias_of_rows);
    let arguments = with_counts(arguments);
    let is_of_numbers = arguments.iter().all(is_number);
    let is_whole = !arguments
        .iter()
        .any(|number| number.to_string().contains(['.', 'e', 'E']));
    if is_of_numbers && is_whole {
        *alias = Some(alias_of_rows);
        return;
    }
    let rows = SelectItem::ExprWithAlias {
        expr: call(UNNEST, vec![call(SERIES, arguments)]),
        alias: alias_of_rows.columns[0].name.clone(),
    };
    *relation = TableFactor::Derived {
        lateral,
        subquery: Box::new(select(rows, Vec::new())),
        alias: Some(alias_of_rows),
        sample: None,
    };
}

fn usual_alias() -> TableAlias {
    TableAlias {
        explicit: true,
        name: Ident::new(NAME),
        columns: Vec::new(),
        at: None,
    }
}

/// A series WITH ORDINALITY, which the engine's own would leave out: its array unnested with the numbers of its rows.
fn numbered(alias: Option<TableAlias>, arguments: Vec<Expr>) -> TableFactor {
    TableFactor::UNNEST {
        alias: Some(alias.unwrap_or_else(usual_alias)),
        array_exprs: vec![call(SERIES, with_counts(arguments))],
        with_offset: false,
        with_offset_alias: None,
        with_ordinality: true,
    }
}

/// The arguments, whose parameters are whole numbers where one of the others is: `generate_series(1, $1)`.
fn with_counts(arguments: Vec<Expr>) -> Vec<Expr> {
    let is_parameter = |expr: &Expr| matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)));
    if !arguments.iter().any(is_number) {
        return arguments;
    }
    let arguments = arguments.into_iter().map(|argument| match is_parameter(&argument) {
        true => cast(argument, DataType::Int(None)),
        false => argument,
    });
    arguments.collect()
}
