//! Refuses to compare documents. PostgreSQL has no order of `json`, and its order of `jsonb` is not implemented here.
//! Comparing them as texts would give other rows than PostgreSQL, so everything that compares documents, or mixes them
//! with other types, is refused.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::{AggregateFunction, Case, WindowFunction};
use datafusion::logical_expr::{BinaryExpr, Distinct, Expr, ExprSchemable, LogicalPlan, Operator};

use super::types::Kind;
use crate::engine::dialect::type_names::of_arrow;

/// Functions that compare their arguments.
const COMPARING: [&str; 3] = ["nullif", "greatest", "least"];
/// Aggregates that do not compare their arguments.
const AGGREGATES: [&str; 4] = ["count", "array_agg", "first_value", "last_value"];

/// Refuses a node of a plan that orders, groups or compares documents.
///
/// # Errors
/// Where it does.
pub fn check(node: &LogicalPlan, schema: &DFSchema) -> Result<()> {
    match node {
        LogicalPlan::Sort(sort) => sort.expr.iter().try_for_each(|by| ordered(&by.expr, schema)),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().try_for_each(|by| match by {
            Expr::GroupingSet(sets) => sets.distinct_expr().into_iter().try_for_each(|by| ordered(by, schema)),
            by => ordered(by, schema),
        }),
        LogicalPlan::Distinct(Distinct::All(input)) => {
            let mut kinds = input
                .schema()
                .fields()
                .iter()
                .filter_map(|field| Kind::of(field.data_type()));
            kinds.next().map_or(Ok(()), no_order)
        }
        LogicalPlan::Distinct(Distinct::On(on)) => on.on_expr.iter().try_for_each(|by| ordered(by, schema)),
        LogicalPlan::Union(union) => {
            for place in 0..union.schema.fields().len() {
                let kinds = union.inputs.iter().map(|input| {
                    let fields = input.schema().fields();
                    fields.get(place).map(|field| field.data_type().clone())
                });
                mixed("UNION", kinds)?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Refuses an expression that orders or compares documents, within a node of this input.
///
/// # Errors
/// Where the expression does so.
pub fn check_expression(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match expr {
        // Those of jsonb are planned as functions, but for one with a parameter whose type is not known yet.
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) => {
            ordered(left, schema)?;
            ordered(right, schema)
        }
        Expr::AggregateFunction(AggregateFunction { func, params }) => {
            let is_known = AGGREGATES.contains(&func.name()) && !params.distinct;
            if !is_known {
                params.args.iter().try_for_each(|argument| ordered(argument, schema))?;
            }
            params.order_by.iter().try_for_each(|by| ordered(&by.expr, schema))
        }
        Expr::WindowFunction(window) => {
            let WindowFunction { params, .. } = window.as_ref();
            params.partition_by.iter().try_for_each(|by| ordered(by, schema))?;
            params.order_by.iter().try_for_each(|by| ordered(&by.expr, schema))
        }
        Expr::Case(case) => of_case(case, schema),
        Expr::ScalarFunction(called) if COMPARING.contains(&called.name()) => {
            called.args.iter().try_for_each(|argument| ordered(argument, schema))
        }
        Expr::ScalarFunction(called) if called.name() == "coalesce" => {
            let kinds = called.args.iter().map(|argument| argument.get_type(schema).ok());
            mixed("COALESCE", kinds)
        }
        _ => Ok(()),
    }
}

fn compares(operator: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(
        operator,
        Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom
    )
}

fn of_case(case: &Case, schema: &DFSchema) -> Result<()> {
    if let Some(compared) = &case.expr {
        ordered(compared, schema)?;
    }
    let results = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
    mixed("CASE", results.map(|result| result.get_type(schema).ok()))
}

/// Refuses to order by a document.
fn ordered(expr: &Expr, schema: &DFSchema) -> Result<()> {
    let kind = expr.get_type(schema).ok();
    kind.as_ref().and_then(Kind::of).map_or(Ok(()), no_order)
}

fn no_order(kind: Kind) -> Result<()> {
    plan_err!(
        "could not identify an ordering or equality operator for type {}: operator does not exist here; cast it to text",
        kind.name()
    )
}

/// Refuses documents beside values of other types, which the engine would put into one type.
fn mixed(what: &str, kinds: impl Iterator<Item = Option<DataType>>) -> Result<()> {
    let mut first: Option<DataType> = None;
    for kind in kinds.flatten().filter(|kind| !kind.is_null()) {
        match &first {
            None => first = Some(kind),
            Some(first) if Kind::of(first) != Kind::of(&kind) => {
                return plan_err!(
                    "{what} types {} and {} cannot be matched; cast one to the other",
                    of_arrow(first),
                    of_arrow(&kind)
                );
            }
            Some(_) => {}
        }
    }
    Ok(())
}
