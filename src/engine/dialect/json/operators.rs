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
    /// True of `<>`.
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
    let no = || no_operator(&raw.op, left, right);
    let both = || vec![raw.left.clone(), raw.right.clone()];
    let turned = || vec![raw.right.clone(), raw.left.clone()];
    // A text that is written in a statement is of the type of the other side.
    let is_jsonb = |kind: Option<Kind>, expr: &Expr, of: &DataType| {
        kind == Some(Kind::Jsonb) || matches!(expr, Expr::Literal(..)) && (is_text(of) || of.is_null())
    };
    let are_jsonb = is_jsonb(kinds.0, &raw.left, left) && is_jsonb(kinds.1, &raw.right, right);
    let is_key = is_text(right) || right.is_null();
    let (function, arguments) = match (&raw.op, kinds.0) {
        (BinaryOperator::Arrow, Some(kind)) if is_key => (of(kind, "json_object_field", "jsonb_object_field"), both()),
        (BinaryOperator::Arrow, Some(kind)) if right.is_integer() => {
            (of(kind, "json_array_element", "jsonb_array_element"), both())
        }
        (BinaryOperator::LongArrow, Some(kind)) if is_key => {
            let function = of(kind, "json_object_field_text", "jsonb_object_field_text");
            (function, both())
        }
        (BinaryOperator::LongArrow, Some(kind)) if right.is_integer() => {
            let function = of(kind, "json_array_element_text", "jsonb_array_element_text");
            (function, both())
        }
        (BinaryOperator::HashArrow, Some(kind)) => match texts(&raw.right, right)? {
            Some(path) => {
                let function = of(kind, "json_extract_path", "jsonb_extract_path");
                (function, vec![raw.left.clone(), path])
            }
            None => return no(),
        },
        (BinaryOperator::HashLongArrow, Some(kind)) => match texts(&raw.right, right)? {
            Some(path) => {
                let function = of(kind, "json_extract_path_text", "jsonb_extract_path_text");
                (function, vec![raw.left.clone(), path])
            }
            None => return no(),
        },
        (BinaryOperator::Question, Some(Kind::Jsonb)) if is_key => ("jsonb_exists", both()),
        (BinaryOperator::QuestionPipe, Some(Kind::Jsonb)) => match texts(&raw.right, right)? {
            Some(keys) => ("jsonb_exists_any", vec![raw.left.clone(), keys]),
            None => return no(),
        },
        (BinaryOperator::QuestionAnd, Some(Kind::Jsonb)) => match texts(&raw.right, right)? {
            Some(keys) => ("jsonb_exists_all", vec![raw.left.clone(), keys]),
            None => return no(),
        },
        (BinaryOperator::AtArrow, _) if are_jsonb => ("jsonb_contains", both()),
        (BinaryOperator::ArrowAt, _) if are_jsonb => ("jsonb_contains", turned()),
        (BinaryOperator::Eq | BinaryOperator::NotEq, _) if are_jsonb => ("jsonb_eq", both()),
        (BinaryOperator::StringConcat, _) if are_jsonb => ("jsonb_concat", both()),
        // Beside a text, a document is its text.
        (BinaryOperator::StringConcat, _) if is_text(left) || is_text(right) => return Ok(None),
        _ => return no(),
    };
    Ok(Some(Operation {
        function,
        arguments,
        is_negated: raw.op == BinaryOperator::NotEq,
    }))
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
