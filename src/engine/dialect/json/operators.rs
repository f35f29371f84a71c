//! Plans the operators of documents as functions.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::planner::RawBinaryExpr;
use datafusion::logical_expr::{Expr, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::types::Kind;
use crate::engine::dialect::arrays::{element_of, elements, list_of};
use crate::engine::dialect::planner::no_operator;
use crate::engine::dialect::texts::is_text;

/// The function that an operator is planned as.
#[derive(Debug)]
pub struct Operation {
    pub function: &'static str,
    pub arguments: Vec<Expr>,
    /// Whether the result is negated, as for `<>`.
    pub is_negated: bool,
}

/// Whether an operator is one of documents alone.
fn is_of_documents(operator: &BinaryOperator) -> bool {
    matches!(
        operator,
        BinaryOperator::Arrow
            | BinaryOperator::LongArrow
            | BinaryOperator::HashArrow
            | BinaryOperator::HashLongArrow
            | BinaryOperator::Question
            | BinaryOperator::QuestionAnd
            | BinaryOperator::QuestionPipe
    )
}

/// A parameter without a type behind an operator of documents is a key, or a path.
pub fn with_typed_parameter(raw: RawBinaryExpr) -> RawBinaryExpr {
    let kind = match &raw.op {
        BinaryOperator::Arrow | BinaryOperator::LongArrow | BinaryOperator::Question => DataType::Utf8,
        operator if is_of_documents(operator) => list_of(DataType::Utf8),
        _ => return raw,
    };
    let right = match raw.right {
        Expr::Placeholder(Placeholder { id, field: None }) => {
            let field = Arc::new(Field::new("", kind, true));
            Expr::Placeholder(Placeholder::new_with_field(id, Some(field)))
        }
        other => other,
    };
    RawBinaryExpr { right, ..raw }
}

/// The function for an operator between values of these types; `None` where neither is a document.
///
/// # Errors
/// Where PostgreSQL has no such operator.
pub fn operation(raw: &RawBinaryExpr, left: &DataType, right: &DataType) -> Result<Option<Operation>> {
    let kinds = (Kind::of(left), Kind::of(right));
    if kinds == (None, None) && !is_of_documents(&raw.op) {
        return Ok(None);
    }
    let found = reading(raw, kinds.0, right)?;
    match found.or_else(|| combining(raw, kinds, left, right)) {
        Some((function, arguments)) => Ok(Some(Operation {
            function,
            arguments,
            is_negated: raw.op == BinaryOperator::NotEq,
        })),
        // A document that is concatenated with a text counts as its own text.
        None if raw.op == BinaryOperator::StringConcat && (is_text(left) || is_text(right)) => Ok(None),
        None => no_operator(&raw.op, left, right),
    }
}

/// A function and its arguments.
type Called = (&'static str, Vec<Expr>);

/// The function of an operator that reads a part of the document on its left side, or looks for keys in it; `kind` is the
/// kind of that document. `None` for other operators, and where the right side is neither a key nor a path.
fn reading(raw: &RawBinaryExpr, kind: Option<Kind>, right: &DataType) -> Result<Option<Called>> {
    let Some(kind) = kind else { return Ok(None) };
    let is_key = is_text(right) || right.is_null();
    let function = match &raw.op {
        BinaryOperator::Arrow if is_key => of(kind, "json_object_field", "jsonb_object_field"),
        BinaryOperator::Arrow if right.is_integer() => of(kind, "json_array_element", "jsonb_array_element"),
        BinaryOperator::LongArrow if is_key => of(kind, "json_object_field_text", "jsonb_object_field_text"),
        BinaryOperator::LongArrow if right.is_integer() => {
            of(kind, "json_array_element_text", "jsonb_array_element_text")
        }
        BinaryOperator::Question if is_key && kind == Kind::Jsonb => "jsonb_exists",
        _ => return reading_by_list(raw, kind, right),
    };
    Ok(Some((function, vec![raw.left.clone(), raw.right.clone()])))
}

/// The same for operators whose right side is a list of texts: a path, or several keys.
fn reading_by_list(raw: &RawBinaryExpr, kind: Kind, right: &DataType) -> Result<Option<Called>> {
    let function = match &raw.op {
        BinaryOperator::HashArrow => of(kind, "json_extract_path", "jsonb_extract_path"),
        BinaryOperator::HashLongArrow => of(kind, "json_extract_path_text", "jsonb_extract_path_text"),
        BinaryOperator::QuestionPipe if kind == Kind::Jsonb => "jsonb_exists_any",
        BinaryOperator::QuestionAnd if kind == Kind::Jsonb => "jsonb_exists_all",
        _ => return Ok(None),
    };
    let list = texts(&raw.right, right)?;
    Ok(list.map(|list| (function, vec![raw.left.clone(), list])))
}

/// The function of an operator that compares or combines two documents of the type `jsonb`; `None` for other operators and
/// types.
fn combining(
    raw: &RawBinaryExpr,
    kinds: (Option<Kind>, Option<Kind>),
    left: &DataType,
    right: &DataType,
) -> Option<Called> {
    // A text that is written in a statement is of the type of the other side.
    let is_jsonb = |kind: Option<Kind>, expr: &Expr, of: &DataType| {
        kind == Some(Kind::Jsonb) || matches!(expr, Expr::Literal(..)) && (is_text(of) || of.is_null())
    };
    if !is_jsonb(kinds.0, &raw.left, left) || !is_jsonb(kinds.1, &raw.right, right) {
        return None;
    }
    let (left, right) = (raw.left.clone(), raw.right.clone());
    match &raw.op {
        BinaryOperator::AtArrow => Some(("jsonb_contains", vec![left, right])),
        BinaryOperator::ArrowAt => Some(("jsonb_contains", vec![right, left])),
        BinaryOperator::Eq | BinaryOperator::NotEq => Some(("jsonb_eq", vec![left, right])),
        BinaryOperator::StringConcat => Some(("jsonb_concat", vec![left, right])),
        _ => None,
    }
}

fn of(kind: Kind, json: &'static str, jsonb: &'static str) -> &'static str {
    match kind {
        Kind::Json => json,
        Kind::Jsonb => jsonb,
    }
}

/// An array of texts, also where it is written as a text.
fn texts(expr: &Expr, kind: &DataType) -> Result<Option<Expr>> {
    if let Expr::Literal(value, _) = expr
        && let Some(Some(text)) = value.try_as_str()
    {
        return match elements(text) {
            Ok(texts) => {
                let texts: Vec<ScalarValue> = texts.into_iter().map(ScalarValue::Utf8).collect();
                let list = ScalarValue::new_list_nullable(&texts, &DataType::Utf8);
                Ok(Some(lit(ScalarValue::List(list))))
            }
            Err(reason) => Err(ArrowError::ParseError(reason).into()),
        };
    }
    Ok(element_of(kind).is_some_and(is_text).then(|| expr.clone()))
}
