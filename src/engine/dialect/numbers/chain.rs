//! Long chains of calculations, such as `a + b - c * d + …`, as one function of all their numbers.
//!
//! The engine computes the name and type of nested functions again at every level, in time that grows with the cube of
//! the depth. A calculation nested deeper than [`LONGEST`] becomes one call, which calculates from left to right. A
//! cast to its own type tells the planner the type without looking at the numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, new_empty_array};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Cast, Expr, ScalarUDF};

use super::arithmetic::{Operation, calculated, is_number, result};
use crate::engine::dialect::function::{Function, no_function};
use crate::engine::dialect::texts::is_text;

/// The function: a sign for each operator in one text, and one number more than signs.
pub const CHAIN: &str = "calculate_numbers";
/// The nesting depth up to which calculations stay functions of two numbers.
const LONGEST: usize = 16;

/// The functions of two numbers that a chain takes in.
const SIGNS: [(&str, char, Operation); 5] = [
    ("add_numbers", '+', Operation::Add),
    ("subtract_numbers", '-', Operation::Subtract),
    ("multiply_numbers", '*', Operation::Multiply),
    ("divide_numbers", '/', Operation::Divide),
    ("mod", '%', Operation::Rest),
];

/// All functions of this file.
pub const ALL: [Function; 1] = [Function {
    name: CHAIN,
    coerce: as_they_are,
    returns: kind,
    run: numbers,
}];

fn sign_of(function: &str) -> Option<(char, Operation)> {
    let known = SIGNS.iter().find(|(name, ..)| *name == function);
    known.map(|(_, sign, operation)| (*sign, *operation))
}

/// Whether a chain takes in the calculations of a function.
pub fn takes(function: &str) -> bool {
    sign_of(function).is_some()
}

fn operations(signs: &str) -> Result<Vec<Operation>> {
    let operation = |sign: char| match SIGNS.iter().find(|(_, known, _)| *known == sign) {
        Some((.., operation)) => Ok(*operation),
        None => exec_err!("{CHAIN}: {sign} is no sign of a calculation"),
    };
    signs.chars().map(operation).collect()
}

fn as_they_are(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [signs, numbers @ ..] if is_text(signs) && numbers.len() > 1 && numbers.iter().all(is_number) => {
            Ok(types.to_vec())
        }
        _ => no_function(name, types),
    }
}

fn kind(types: &[DataType], values: &[Option<&ScalarValue>]) -> Result<DataType> {
    let signs = values
        .first()
        .copied()
        .flatten()
        .and_then(|value| value.try_as_str().flatten());
    let (Some(signs), [_, first, rest @ ..]) = (signs, types) else {
        return plan_err!("{CHAIN} takes a text of signs and numbers");
    };
    let mut kind = first.clone();
    for (operation, other) in operations(signs)?.into_iter().zip(rest) {
        kind = result(operation, &[kind, other.clone()])?;
    }
    Ok(kind)
}

fn numbers(columns: &[ArrayRef], out: &DataType) -> Result<ArrayRef> {
    let [signs, first, rest @ ..] = columns else {
        return exec_err!("{CHAIN} takes a text of signs and numbers");
    };
    if first.is_empty() {
        return Ok(new_empty_array(out));
    }
    let Some(signs) = signs.as_string_opt::<i32>() else {
        return exec_err!("{CHAIN} takes its signs as a text");
    };
    let operations = operations(signs.value(0))?;
    if operations.len() != rest.len() {
        return exec_err!("{CHAIN} takes one number more than signs");
    }
    let mut made = Arc::clone(first);
    for (operation, other) in operations.into_iter().zip(rest) {
        let kind = result(operation, &[made.data_type().clone(), other.data_type().clone()])?;
        made = calculated(operation, &[made, Arc::clone(other)], &kind)?;
    }
    Ok(made)
}

/// Whether a calculation with this on its left side has to be one of a chain.
pub fn is_long(expr: &Expr) -> bool {
    if is_chain(expr) {
        return true;
    }
    let mut inner = expr;
    for _ in 0..LONGEST {
        match inner {
            Expr::ScalarFunction(call) if is_calculation(call) => inner = &call.args[0],
            _ => return false,
        }
    }
    true
}

/// A calculation of two numbers of types that are known.
fn is_calculation(call: &ScalarFunction) -> bool {
    let is_known = |argument: &Expr| match argument {
        Expr::Literal(value, _) => !value.is_null(),
        Expr::Placeholder(placeholder) => placeholder.field.is_some(),
        _ => true,
    };
    call.args.len() == 2 && sign_of(call.func.name()).is_some() && call.args.iter().all(is_known)
}

fn is_chain(expr: &Expr) -> bool {
    match expr {
        Expr::Cast(cast) => match cast.expr.as_ref() {
            Expr::ScalarFunction(call) => call.func.name() == CHAIN,
            _ => false,
        },
        _ => false,
    }
}

/// A long chain with one calculation more: that of a function of two numbers, of these types.
///
/// # Errors
/// Where the function cannot be part of a chain.
pub fn longer(chain: &Arc<ScalarUDF>, function: &str, left: Expr, right: Expr, kinds: [DataType; 2]) -> Result<Expr> {
    let Some((sign, operation)) = sign_of(function) else {
        return plan_err!("{CHAIN}: {function} is no calculation of a chain");
    };
    let kind = result(operation, &kinds)?;
    let mut call = match is_chain(&left) {
        true => match left {
            Expr::Cast(cast) => *cast.expr,
            other => other,
        },
        false => chained(chain, left),
    };
    if let Expr::ScalarFunction(ScalarFunction { args, .. }) = &mut call {
        if let Some(Expr::Literal(ScalarValue::Utf8(Some(signs)), _)) = args.first_mut() {
            signs.push(sign);
        }
        args.push(right);
    }
    Ok(Expr::Cast(Cast::new(Box::new(call), kind)))
}

/// Nested calculations as a chain.
fn chained(chain: &Arc<ScalarUDF>, expr: Expr) -> Expr {
    let (mut signs, mut numbers) = (Vec::new(), Vec::new());
    let mut inner = expr;
    loop {
        match inner {
            Expr::ScalarFunction(mut call) if is_calculation(&call) => {
                signs.extend(sign_of(call.func.name()).map(|(sign, _)| sign));
                numbers.push(call.args.remove(1));
                inner = call.args.remove(0);
            }
            first => {
                numbers.push(first);
                break;
            }
        }
    }
    let signs: String = signs.into_iter().rev().collect();
    let mut args = vec![Expr::Literal(ScalarValue::Utf8(Some(signs)), None)];
    args.extend(numbers.into_iter().rev());
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(chain), args))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::display::array_value_to_string;
    use datafusion::prelude::SessionContext;

    use super::*;

    async fn value(sql: &str) -> Result<String> {
        let session = SessionContext::new();
        crate::engine::dialect::add_to(&session)?;
        let batches = session.sql(sql).await?.collect().await?;
        let values = batches.iter().flat_map(|batch| {
            let column = batch.column(0);
            (0..column.len()).map(move |row| array_value_to_string(column, row))
        });
        Ok(values.collect::<std::result::Result<Vec<_>, _>>()?.join(" "))
    }

    #[tokio::test]
    async fn long_chains_have_the_value_of_short_ones() {
        let chain = |first: &str, link: &str, count: usize| format!("select {first}{} as made", link.repeat(count));
        for (sql, expected) in [
            (chain("1", " + 2 * 3 - 1", 100), "501"),
            (chain("0.5", " + 0.25", 100), "25.50"),
            (chain("1", " * 2", 40), "1099511627776"),
            (chain("7", " - 3 + 3", 50), "7"),
            (chain("2", " * 3 / 3 % 5", 40), "2"),
            (chain("cast(1 as double)", " + 0.5", 40), "21.0"),
            (
                format!("{} from (values (1), (2)) t(a)", chain("a", " + a", 99)),
                "100 200",
            ),
            (
                format!("{} from (values (1), (null)) t(a)", chain("a", " + 1", 40)),
                "41 ",
            ),
            (
                format!("{} from (values (1)) t(a) where a > 1", chain("a", " + 1", 40)),
                "",
            ),
        ] {
            assert_eq!(value(&sql).await.expect(&sql), expected, "{sql}");
        }
    }

    #[tokio::test]
    async fn every_step_of_a_chain_is_checked() {
        for sql in [
            format!("select 9223372036854775807{} + 1 - 1", " + 0".repeat(40)),
            format!("select 1{} / 0", " + 0".repeat(40)),
            format!("select 1{} + 'a'", " + 0".repeat(40)),
        ] {
            assert!(value(&sql).await.is_err(), "{sql}");
        }
    }

    #[tokio::test]
    async fn a_long_chain_is_one_function_and_a_short_one_is_not() {
        let session = SessionContext::new();
        crate::engine::dialect::add_to(&session).expect("the dialect");
        for (count, functions) in [(LONGEST, 0), (LONGEST + 1, 1), (300, 1)] {
            let sql = format!("select 0{}", "+1".repeat(count));
            let plan = session.sql(&sql).await.expect("a plan").into_unoptimized_plan();
            let found = plan.display_indent().to_string().matches(CHAIN).count();
            assert_eq!(found, functions, "{count}");
        }
    }
}
