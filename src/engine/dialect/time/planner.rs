//! Plans operators between times as functions that compute what PostgreSQL computes.

use std::sync::Arc;

use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::Functions;
use super::functions::{arithmetic, casts, extract};
use super::values::{Kind, kind_of};

/// The deepest nesting of operators: the engine computes the name and type of nested functions again at every level.
const DEEPEST: usize = 125;

/// Plans operators between times, and `extract`.
#[derive(Debug)]
pub struct TimePlanner(pub Arc<Functions>);

impl ExprPlanner for TimePlanner {
    fn plan_binary_op(&self, raw: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let planned =
            operator_of(&raw.op).and_then(|operator| operation(&self.0, &raw.left, operator, &raw.right, schema));
        if planned.as_ref().is_some_and(is_too_deep) {
            return plan_err!(
                "more than {DEEPEST} operations on times are one around the other; put parts of them in a WITH"
            );
        }
        Ok(planned.map_or(PlannerResult::Original(raw), PlannerResult::Planned))
    }

    fn plan_extract(&self, arguments: Vec<Expr>) -> Result<PlannerResult<Vec<Expr>>> {
        Ok(PlannerResult::Planned(self.0.call(extract::EXTRACT, arguments)))
    }
}

/// Whether the left side of an operation is nested more deeply than can be planned in a short time.
fn is_too_deep(operation: &Expr) -> bool {
    let mut inner = operation;
    for _ in 0..DEEPEST {
        match inner {
            Expr::ScalarFunction(call) if !call.args.is_empty() => inner = &call.args[0],
            _ => return false,
        }
    }
    matches!(inner, Expr::ScalarFunction(_))
}

/// The operators that mean something else between times.
fn operator_of(operator: &BinaryOperator) -> Option<Operator> {
    Some(match operator {
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        BinaryOperator::Multiply => Operator::Multiply,
        BinaryOperator::Divide => Operator::Divide,
        BinaryOperator::Eq => Operator::Eq,
        BinaryOperator::NotEq => Operator::NotEq,
        BinaryOperator::Lt => Operator::Lt,
        BinaryOperator::LtEq => Operator::LtEq,
        BinaryOperator::Gt => Operator::Gt,
        BinaryOperator::GtEq => Operator::GtEq,
        _ => return None,
    })
}

/// The function for an operator between times; `None` where the engine's own is right.
pub fn operation(
    functions: &Functions,
    left: &Expr,
    operator: Operator,
    right: &Expr,
    schema: &DFSchema,
) -> Option<Expr> {
    let is_arithmetic = matches!(
        operator,
        Operator::Plus | Operator::Minus | Operator::Multiply | Operator::Divide
    );
    // Types are only asked for where they matter: finding those of a long chain of operators takes a while.
    if !is_arithmetic && !is_comparison(operator) {
        return None;
    }
    let operands = Operands {
        functions,
        left,
        right,
        left_kind: kind_of(&left.get_type(schema).ok()?),
        right_kind: kind_of(&right.get_type(schema).ok()?),
    };
    match operator {
        Operator::Plus => operands.sum(),
        Operator::Minus => operands.difference(),
        Operator::Multiply => operands.product(),
        Operator::Divide => operands.quotient(),
        operator => operands.compared(operator),
    }
}

/// Whether an operator compares two values by their order.
pub fn is_comparison(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(
        operator,
        Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom
    )
}

/// Whether one is an interval and the other a number.
fn is_scaled(left: Kind, right: Kind) -> bool {
    left.is_length() && matches!(right, Kind::Number | Kind::Null)
}

/// Two values with an operator between them.
struct Operands<'a> {
    functions: &'a Functions,
    left: &'a Expr,
    right: &'a Expr,
    left_kind: Kind,
    right_kind: Kind,
}

impl Operands<'_> {
    /// A call of a function with both values.
    fn call(&self, name: &'static str) -> Option<Expr> {
        Some(self.functions.call(name, vec![self.left.clone(), self.right.clone()]))
    }

    fn sum(&self) -> Option<Expr> {
        let is_time = |kind: Kind| kind.is_point() || kind == Kind::Time;
        let is_by = |time: Kind, by: Kind| {
            let is_text = by == Kind::Text && matches!(time, Kind::Local | Kind::Moment);
            (is_time(time) && (by.is_length() || is_text)) || (time == Kind::Date && by == Kind::Time)
        };
        let (left, right) = (self.left_kind, self.right_kind);
        let is_length = |kind: Kind| kind.is_length() || kind == Kind::Text;
        let are_lengths = (left.is_length() && is_length(right)) || (right.is_length() && is_length(left));
        if is_by(left, right) || are_lengths {
            return self.call(arithmetic::PLUS);
        }
        let turned = || vec![self.right.clone(), self.left.clone()];
        is_by(right, left).then(|| self.functions.call(arithmetic::PLUS, turned()))
    }

    fn difference(&self) -> Option<Expr> {
        let is_timelike = |kind: Kind| kind.is_point() || kind.is_length() || kind == Kind::Time;
        let (left, right) = (self.left_kind, self.right_kind);
        // A text is of the type of the other side.
        if right == Kind::Text && is_timelike(left) {
            let right = self.functions.call(cast_to(left), vec![self.right.clone()]);
            return Some(self.functions.call(arithmetic::MINUS, vec![self.left.clone(), right]));
        }
        if left == Kind::Text && (right.is_point() || right == Kind::Time) {
            let left = self.functions.call(cast_to(right), vec![self.left.clone()]);
            return Some(self.functions.call(arithmetic::MINUS, vec![left, self.right.clone()]));
        }
        let is_known = match (left, right) {
            (left, right) if left.is_point() => {
                right.is_point() || right.is_length() || (left, right) == (Kind::Date, Kind::Time)
            }
            (Kind::Time, right) => right == Kind::Time || right.is_length(),
            (left, right) => left.is_length() && right.is_length(),
        };
        is_known.then(|| self.call(arithmetic::MINUS)).flatten()
    }

    fn product(&self) -> Option<Expr> {
        let is_scaled = is_scaled(self.left_kind, self.right_kind) || is_scaled(self.right_kind, self.left_kind);
        is_scaled.then(|| self.call(arithmetic::TIMES)).flatten()
    }

    fn quotient(&self) -> Option<Expr> {
        is_scaled(self.left_kind, self.right_kind)
            .then(|| self.call(arithmetic::DIVIDED))
            .flatten()
    }

    /// A comparison: of intervals by their length, and of times of one type.
    fn compared(&self, operator: Operator) -> Option<Expr> {
        let kinds = [self.left_kind, self.right_kind];
        let [left, right] = aligned(self.functions, [self.left, self.right], kinds)?;
        Some(Expr::BinaryExpr(BinaryExpr::new(
            Box::new(left),
            operator,
            Box::new(right),
        )))
    }
}

/// The cast that a text is read with beside a value of this kind.
fn cast_to(kind: Kind) -> &'static str {
    match kind {
        Kind::Date => casts::DATE,
        Kind::Local => casts::TIMESTAMP,
        Kind::Moment => casts::TIMESTAMPTZ,
        Kind::Time => casts::TIME,
        _ => casts::INTERVAL,
    }
}

/// Values of times as they can be compared: intervals as their lengths, and dates, timestamps and texts as the most
/// exact of them, in the session's zone. `None` where they can be compared as they are.
pub fn aligned<const N: usize>(functions: &Functions, values: [&Expr; N], kinds: [Kind; N]) -> Option<[Expr; N]> {
    if kinds.iter().any(|kind| kind.is_length()) {
        let is_comparable = |kind: &Kind| kind.is_length() || matches!(kind, Kind::Text | Kind::Null);
        let is_as_kept = kinds.iter().all(|kind| matches!(kind, Kind::Span | Kind::Null));
        if is_as_kept || !kinds.iter().all(is_comparable) {
            return None;
        }
        let mut kinds = kinds.into_iter();
        return Some(values.map(|value| match kinds.next() {
            Some(Kind::Interval | Kind::Text) => functions.call(arithmetic::LENGTH, vec![value.clone()]),
            _ => value.clone(),
        }));
    }
    // The most exact one.
    let target = [Kind::Moment, Kind::Local, Kind::Date, Kind::Time]
        .into_iter()
        .find(|kind| kinds.contains(kind))?;
    let is_comparable = |kind: &Kind| {
        kind == &target || target.is_point() && kind.is_point() || matches!(kind, Kind::Text | Kind::Null)
    };
    let is_as_kept = kinds.iter().all(|kind| *kind == target || *kind == Kind::Null);
    if is_as_kept || !kinds.iter().all(is_comparable) {
        return None;
    }
    let mut kinds = kinds.into_iter();
    Some(values.map(|value| match kinds.next() {
        Some(Kind::Date) if target == Kind::Local => functions.call(casts::MIDNIGHT, vec![value.clone()]),
        Some(kind) if kind != target && kind != Kind::Null => functions.call(cast_to(target), vec![value.clone()]),
        _ => value.clone(),
    }))
}
