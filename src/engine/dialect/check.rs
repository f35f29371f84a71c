//! Refuses what PostgreSQL refuses and the engine would accept with a cast: a text compared with a number in lists,
//! ranges and joins, a number as a time, and documents that are compared or ordered. Operators are checked where they
//! are planned.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, not_impl_err, plan_err};
use datafusion::logical_expr::expr::{Cast, WindowFunction};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, RecursiveQuery};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::arrays::element_of;
use super::json;
use super::numbers::is_number;
use super::planner::no_operator;
use super::texts::is_text;
use super::type_names::of_arrow;

/// Refuses a plan that compares texts with numbers, or that orders documents or gives arrays of them.
///
/// # Errors
/// Where the plan does so.
pub fn check(plan: &LogicalPlan) -> Result<()> {
    let is_document = |kind: &DataType| json::Kind::of(kind).is_some();
    let mut kinds = plan.schema().fields().iter().map(|field| field.data_type());
    if kinds.any(|kind| element_of(kind).is_some_and(is_document)) {
        return not_impl_err!("arrays of json are no result columns here; aggregate with json_agg instead");
    }
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Join(join) = node {
            let (left, right) = (join.left.schema(), join.right.schema());
            for (one, other) in &join.on {
                compared(
                    &BinaryOperator::Eq,
                    kind(one, left).as_ref(),
                    kind(other, right).as_ref(),
                )?;
            }
        }
        if let LogicalPlan::Filter(filter) = node
            && filter
                .predicate
                .exists(|expr| Ok(matches!(expr, Expr::WindowFunction(_))))?
        {
            return plan_err!(
                "window functions are not allowed in WHERE and HAVING; write SELECT … FROM (SELECT …, row_number() OVER (…) AS n FROM …) t WHERE n = 1"
            );
        }
        if let LogicalPlan::RecursiveQuery(query) = node {
            keeps_digits(query)?;
        }
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        json::check(node, &schema)?;
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                check_one(expr, &schema)?;
                json::check_expression(expr, &schema)?;
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}

fn kind(expr: &Expr, schema: &DFSchema) -> Option<DataType> {
    match expr {
        // It takes the type of the other side.
        Expr::Literal(value, _) if is_text(&value.data_type()) => None,
        expr => expr.get_type(schema).ok(),
    }
}

fn check_one(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match expr {
        Expr::InList(list) => {
            let of = kind(&list.expr, schema);
            list.list
                .iter()
                .try_for_each(|value| compared(&BinaryOperator::Eq, of.as_ref(), kind(value, schema).as_ref()))
        }
        Expr::Between(between) => {
            let of = kind(&between.expr, schema);
            compared(&BinaryOperator::GtEq, of.as_ref(), kind(&between.low, schema).as_ref())?;
            compared(&BinaryOperator::LtEq, of.as_ref(), kind(&between.high, schema).as_ref())
        }
        Expr::InSubquery(query) => {
            let of = kind(&query.expr, schema);
            let found = query
                .subquery
                .subquery
                .schema()
                .fields()
                .first()
                .map(|field| field.data_type().clone());
            compared(&BinaryOperator::Eq, of.as_ref(), found.as_ref())
        }
        Expr::Cast(cast) => is_cast(cast, schema),
        Expr::WindowFunction(called) => has_default(called, schema),
        Expr::ScalarSubquery(subquery) => is_joined(subquery),
        _ => Ok(()),
    }
}

/// The engine casts the rows of a recursive query to the types of its first part. A cast that a statement writes is a
/// function of the dialect.
fn keeps_digits(query: &RecursiveQuery) -> Result<()> {
    let LogicalPlan::Projection(list) = query.recursive_term.as_ref() else {
        return Ok(());
    };
    for (place, expr) in list.expr.iter().enumerate() {
        let expr = match expr {
            Expr::Alias(alias) => alias.expr.as_ref(),
            expr => expr,
        };
        let Expr::Cast(cast) = expr else { continue };
        let (from, to) = (cast.expr.get_type(list.input.schema())?, cast.field.data_type());
        if loses_digits(&from, to) {
            return plan_err!(
                "recursive query \"{}\" column {} has type {} in its first part, where digits of the {} of the other would be lost; cast both to one type, such as numeric(30, 10)",
                query.name,
                place + 1,
                of_arrow(to),
                of_arrow(&from)
            );
        }
    }
    Ok(())
}

fn loses_digits(from: &DataType, to: &DataType) -> bool {
    match (from, to) {
        (DataType::Decimal128(_, from), DataType::Decimal128(_, to)) => from > to,
        (from, to) if is_number(from) && is_number(to) => {
            !from.is_integer() && (to.is_integer() || from.is_floating() && !to.is_floating())
        }
        _ => false,
    }
}

/// A value that belongs to an outer row is found by equality alone; the engine's own message does not say so.
fn is_joined(subquery: &Subquery) -> Result<()> {
    let (mut reads, mut compares) = (false, false);
    if !subquery.outer_ref_columns.is_empty() {
        subquery.subquery.apply(|node| {
            reads |= matches!(node, LogicalPlan::TableScan(_) | LogicalPlan::Values(_));
            if let LogicalPlan::Filter(filter) = node {
                compares |= split_conjunction(&filter.predicate)
                    .into_iter()
                    .any(|condition| condition.contains_outer() && !is_equality(condition));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    match reads && compares {
        true => not_impl_err!(
            "a subquery that is a value compares with the outer row by = alone here; for others, join the tables (LEFT JOIN … ON …) and group by the outer row"
        ),
        false => Ok(()),
    }
}

fn is_equality(condition: &Expr) -> bool {
    matches!(condition, Expr::BinaryExpr(BinaryExpr { op: Operator::Eq, .. }))
}

/// The engine takes a number for the days or microseconds since 1970. A value with parameters passes: its type is known
/// only when they have values.
fn is_cast(cast: &Cast, schema: &DFSchema) -> Result<()> {
    let to = cast.field.data_type();
    if cast.expr.exists(|part| Ok(matches!(part, Expr::Placeholder(_))))? {
        return Ok(());
    }
    let is_time = matches!(to, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..));
    match kind(&cast.expr, schema) {
        Some(from) if is_time && is_number(&from) => plan_err!(
            "cannot cast type {} to {}; write to_timestamp(…) for seconds since 1970, or add days to a date",
            of_arrow(&from),
            of_arrow(to)
        ),
        _ => Ok(()),
    }
}

/// The default of `lag` and `lead`, which the engine cuts off to a whole number beside whole numbers.
fn has_default(called: &WindowFunction, schema: &DFSchema) -> Result<()> {
    let name = called.fun.name();
    let [value, _, default] = called.params.args.as_slice() else {
        return Ok(());
    };
    let (Some(value), Some(default)) = (kind(value, schema), kind(default, schema)) else {
        return Ok(());
    };
    let is_shortened = value.is_integer() && is_number(&default) && !default.is_integer();
    match is_shortened && ["lag", "lead"].contains(&name) {
        true => plan_err!(
            "{name} of {} has a default of {}; cast its first argument to numeric",
            of_arrow(&value),
            of_arrow(&default)
        ),
        false => Ok(()),
    }
}

fn compared(operator: &BinaryOperator, left: Option<&DataType>, right: Option<&DataType>) -> Result<()> {
    match (left, right) {
        (Some(left), Some(right)) if json::Kind::of(left).is_some() || json::Kind::of(right).is_some() => {
            no_operator(operator, left, right)
        }
        (Some(left), Some(right)) if is_text(left) && is_number(right) || is_number(left) && is_text(right) => {
            no_operator(operator, left, right)
        }
        _ => Ok(()),
    }
}
