//! Plans operators: calculations of numbers become checked functions, text literals take the type of the other side,
//! and comparing a text with a number is refused.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawAggregateExpr, RawBinaryExpr};
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable, ScalarUDF, cast, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::arrays::{element_of, elements};
use super::json;
use super::numbers::numeric::{self, FREE, no_number, numeric};
use super::numbers::{PERCENTILES, chain, floats, is_number, is_numeric};
use super::texts::is_text;
use super::type_names::of_arrow;

/// Plans operators with the functions of the dialect.
#[derive(Debug)]
pub struct Operators {
    functions: HashMap<String, Arc<ScalarUDF>>,
    percentiles: Option<Arc<AggregateUDF>>,
}

impl Operators {
    /// A planner with the dialect's functions.
    pub fn new() -> Self {
        let functions = super::functions()
            .into_iter()
            .map(|function| (function.name().to_owned(), Arc::new(function)));
        let percentiles = super::aggregates()
            .into_iter()
            .find(|aggregate| aggregate.name() == PERCENTILES);
        Self {
            functions: functions.collect(),
            percentiles: percentiles.map(Arc::new),
        }
    }

    fn call(&self, name: &str, arguments: Vec<Expr>) -> Result<Expr> {
        match self.functions.get(name) {
            Some(function) => Ok(function.call(arguments)),
            None => plan_err!("the dialect has no function {name}"),
        }
    }
}

impl Operators {
    /// A calculation of two numbers of these types; part of a chain where many are nested.
    fn calculated(&self, name: &str, left: Expr, right: Expr, kinds: [DataType; 2]) -> Result<Expr> {
        let is_of_chain = chain::takes(name) && kinds.iter().all(is_number) && chain::is_long(&left);
        match self.functions.get(chain::CHAIN) {
            Some(function) if is_of_chain => chain::longer(function, name, left, right, kinds),
            _ => self.call(name, vec![left, right]),
        }
    }
}

/// The function of a calculation; `None` for other operators.
fn calculation(operator: &BinaryOperator) -> Option<&'static str> {
    Some(match operator {
        BinaryOperator::Plus => "add_numbers",
        BinaryOperator::Minus => "subtract_numbers",
        BinaryOperator::Multiply => "multiply_numbers",
        BinaryOperator::Divide => "divide_numbers",
        BinaryOperator::Modulo => "mod",
        BinaryOperator::PGExp => "power",
        _ => return None,
    })
}

fn compares(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Eq
            | BinaryOperator::NotEq
            | BinaryOperator::Lt
            | BinaryOperator::LtEq
            | BinaryOperator::Gt
            | BinaryOperator::GtEq
    )
}

impl ExprPlanner for Operators {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let raw = json::with_typed_parameter(raw);
        let (Ok(left), Ok(right)) = (raw.left.get_type(schema), raw.right.get_type(schema)) else {
            return Ok(PlannerResult::Original(raw));
        };
        if let Some(of_documents) = json::operation(&raw, &left, &right)? {
            let called = self.call(of_documents.function, of_documents.arguments)?;
            return Ok(PlannerResult::Planned(match of_documents.is_negated {
                true => Expr::Not(Box::new(called)),
                false => called,
            }));
        }
        let function = calculation(&raw.op);
        if raw.op == BinaryOperator::StringConcat {
            return Ok(PlannerResult::Original(self.joined(raw, &left, &right)?));
        }
        if function.is_none() && !compares(&raw.op) {
            return Ok(PlannerResult::Original(raw));
        }
        let RawBinaryExpr {
            op,
            left: one,
            right: other,
        } = raw;
        let one = of_type(one, &left, &right)?;
        let other = of_type(other, &right, &left)?;
        let (left, right) = (one.get_type(schema)?, other.get_type(schema)?);
        if is_text(&left) && is_number(&right) || is_number(&left) && is_text(&right) {
            return no_operator(&op, &left, &right);
        }
        let calculates = (is_number(&left) || left.is_null()) && (is_number(&right) || right.is_null());
        match function {
            Some(name) if calculates && !(left.is_null() && right.is_null()) => Ok(PlannerResult::Planned(
                self.calculated(name, one, other, [left, right])?,
            )),
            Some(_) => {
                // The engine counts days in 64 bits.
                let (one, other) = (days(one, &left, &right), days(other, &right, &left));
                Ok(PlannerResult::Original(RawBinaryExpr {
                    op,
                    left: one,
                    right: other,
                }))
            }
            None => Ok(PlannerResult::Original(RawBinaryExpr {
                op,
                left: one,
                right: other,
            })),
        }
    }

    fn plan_aggregate(&self, mut raw: RawAggregateExpr) -> Result<PlannerResult<RawAggregateExpr>> {
        if raw.func.name() == "percentile_cont"
            && let Some(fractions) = raw.args.get(1)
            && let Ok(kind) = fractions.get_type(&DFSchema::empty())
            && element_of(&kind).is_some()
            && let Some(percentiles) = &self.percentiles
        {
            raw.func = Arc::clone(percentiles);
        }
        Ok(PlannerResult::Original(raw))
    }
}

impl Operators {
    /// `||` of a text with numbers, booleans and documents, as PostgreSQL writes them.
    fn joined(&self, raw: RawBinaryExpr, left: &DataType, right: &DataType) -> Result<RawBinaryExpr> {
        // `a || '{x}'` of an array: the text is an array too.
        if is_simple_list(left) || is_simple_list(right) {
            return Ok(RawBinaryExpr {
                left: of_type(raw.left, left, right)?,
                right: of_type(raw.right, right, left)?,
                op: raw.op,
            });
        }
        let is_written =
            |kind: &DataType| is_number(kind) || kind == &DataType::Boolean || json::Kind::of(kind).is_some();
        let written = |expr: Expr, kind: &DataType, beside: &DataType| match is_written(kind) && is_text(beside) {
            true => self.call("text", vec![expr]),
            false => Ok(expr),
        };
        Ok(RawBinaryExpr {
            left: written(raw.left, left, right)?,
            right: written(raw.right, right, left)?,
            op: raw.op,
        })
    }
}

/// PostgreSQL's error where there is no operator for two types.
pub fn no_operator<T>(operator: &BinaryOperator, left: &DataType, right: &DataType) -> Result<T> {
    plan_err!(
        "operator does not exist: {} {operator} {}; cast one side to the type of the other",
        of_arrow(left),
        of_arrow(right)
    )
}

/// A literal text or a parameter of the type that stands beside it.
fn of_type(expr: Expr, kind: &DataType, beside: &DataType) -> Result<Expr> {
    match &expr {
        Expr::Placeholder(placeholder) if placeholder.field.is_none() && is_number(beside) => {
            // As many decimals as it has, whatever the other side has.
            let kind = if is_numeric(beside) {
                numeric(FREE)
            } else {
                beside.clone()
            };
            let field = Field::new("", kind, true);
            Ok(Expr::Placeholder(Placeholder::new_with_field(
                placeholder.id.clone(),
                Some(field.into()),
            )))
        }
        Expr::Literal(value, _) if is_text(kind) && (is_number(beside) || beside == &DataType::Boolean) => {
            match value.try_as_str().flatten() {
                Some(text) => read(text, beside),
                None => Ok(lit(ScalarValue::try_new_null(beside)?)),
            }
        }
        Expr::Literal(value, _) if is_text(kind) && is_simple_list(beside) => match value.try_as_str().flatten() {
            Some(text) => read_list(text, beside),
            None => Ok(lit(ScalarValue::try_new_null(beside)?)),
        },
        _ => Ok(expr),
    }
}

/// Whether a type is that of arrays whose elements mean the same in every session.
fn is_simple_list(kind: &DataType) -> bool {
    let is_simple = |element: &DataType| is_text(element) || is_number(element) || element == &DataType::Boolean;
    matches!(kind, DataType::List(_)) && element_of(kind).is_some_and(is_simple)
}

/// A text such as `{1,2}` as a literal of a type of arrays.
fn read_list(text: &str, kind: &DataType) -> Result<Expr> {
    let elements = elements(text).map_err(ArrowError::ParseError)?;
    let elements: Vec<ScalarValue> = elements.into_iter().map(ScalarValue::Utf8).collect();
    let list = ScalarValue::List(ScalarValue::new_list(&elements, &DataType::Utf8, true));
    let list = list.cast_to(kind).map_err(|_| no_number(&of_arrow(kind), text))?;
    Ok(lit(list))
}

/// A text as a literal of another type.
fn read(text: &str, kind: &DataType) -> Result<Expr> {
    let name = of_arrow(kind);
    let trimmed = text.trim();
    Ok(match kind {
        DataType::Boolean => match trimmed.to_ascii_lowercase().as_str() {
            "t" | "true" | "y" | "yes" | "on" | "1" => lit(true),
            "f" | "false" | "n" | "no" | "off" | "0" => lit(false),
            _ => return Err(no_number(&name, text)),
        },
        kind if kind.is_floating() => lit(floats::read(text).ok_or_else(|| no_number(&name, text))?),
        kind if is_numeric(kind) => {
            let (value, scale) = numeric::read(text).ok_or_else(|| no_number(&name, text))??;
            lit(ScalarValue::Decimal128(Some(value), numeric::DIGITS, scale))
        }
        kind => {
            let whole = trimmed.parse::<i64>().map_err(|_| no_number(&name, text))?;
            let value = ScalarValue::from(whole)
                .cast_to(kind)
                .map_err(|_| no_number(&name, text))?;
            lit(value)
        }
    })
}

/// Days that are added to a date, or taken from it.
fn days(expr: Expr, kind: &DataType, beside: &DataType) -> Expr {
    let is_narrow = kind.is_integer() && kind != &DataType::Int64;
    match is_narrow && beside.is_temporal() {
        true => cast(expr, DataType::Int64),
        false => expr,
    }
}
