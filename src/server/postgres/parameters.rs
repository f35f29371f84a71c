//! The types of a prepared statement's parameters, as clients have to send them.

use std::collections::BTreeMap;

use arrow_pg::datatypes::{PG_OID_ALIAS_KEY, into_pg_type, pg_type_for_alias_kind};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use pgwire::api::Type;

use super::arrays::{ARRAY_OF, element_of, list_of};
use super::quantified::is_quantified;

/// One parameter: `$1`, `$2`, …
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// What the engine wants; none where the statement does not tell.
    pub engine: Option<DataType>,
    /// What the client has to send.
    pub wire: Type,
}

/// What a plan tells of one parameter.
#[derive(Default)]
struct Told {
    /// Where the parameter is compared with columns.
    compared: Option<DataType>,
    cast: Option<DataType>,
    /// Where it is an array that something is looked for in, or is looked for in one.
    quantified: Option<DataType>,
    alias: Option<Type>,
}

/// The parameters of a plan in order.
pub fn of_plan(plan: &LogicalPlan) -> Result<Vec<Parameter>> {
    let mut told: BTreeMap<u32, Told> = BTreeMap::new();
    plan.apply_with_subqueries(|node| {
        let mut schema = DFSchema::empty();
        for input in node.inputs() {
            schema.merge(input.schema());
        }
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                note(expr, &schema, &mut told);
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    let known = |told: Told| {
        let engine = told.compared.or(told.quantified).or(told.cast);
        let wire = told.alias.or_else(|| into_pg_type(engine.as_ref()?).ok());
        Parameter {
            engine,
            wire: wire.unwrap_or(Type::UNKNOWN),
        }
    };
    Ok(told.into_values().map(known).collect())
}

fn note(expr: &Expr, schema: &DFSchema, told: &mut BTreeMap<u32, Told>) {
    match expr {
        Expr::Placeholder(placeholder) => {
            let Some(told) = told_of(placeholder, told) else {
                return;
            };
            let Some(field) = placeholder.field.as_deref() else {
                return;
            };
            // Forms of text are one type to clients.
            if told.compared.is_none() {
                told.compared = Some(field.data_type().clone());
            }
            if told.alias.is_none() {
                told.alias = object_id(field);
            }
        }
        Expr::Cast(cast) => {
            if let Some(told) = placeholder_in(&cast.expr).and_then(|placeholder| told_of(placeholder, told)) {
                told.cast = Some(cast.field.data_type().clone());
            }
        }
        Expr::ScalarFunction(function) if is_quantified(function.name()) => {
            let [left, right] = function.args.as_slice() else {
                return;
            };
            let kind = |expr: &Expr| expr.get_type(schema).ok().filter(|kind| !kind.is_null());
            if let (Expr::Placeholder(placeholder), Some(kind)) = (right, kind(left))
                && let Some(told) = told_of(placeholder, told)
            {
                told.quantified = Some(list_of(kind));
            }
            if let (Expr::Placeholder(placeholder), Some(kind)) = (left, kind(right))
                && let Some(told) = told_of(placeholder, told)
            {
                told.quantified = element_of(&kind).cloned();
            }
        }
        _ => {}
    }
}

fn told_of<'a>(placeholder: &Placeholder, told: &'a mut BTreeMap<u32, Told>) -> Option<&'a mut Told> {
    let number = placeholder.id.trim_start_matches('$').parse().ok()?;
    Some(told.entry(number).or_default())
}

/// The parameter that is cast, also where it is cast to an array.
fn placeholder_in(expr: &Expr) -> Option<&Placeholder> {
    match expr {
        Expr::Placeholder(placeholder) => Some(placeholder),
        Expr::ScalarFunction(function) if function.name() == ARRAY_OF => match function.args.as_slice() {
            [Expr::Placeholder(placeholder)] => Some(placeholder),
            _ => None,
        },
        _ => None,
    }
}

/// The type of a column of object ids, which is kept as an integer.
fn object_id(field: &Field) -> Option<Type> {
    let kind = field.metadata().get(PG_OID_ALIAS_KEY)?;
    (field.data_type() == &DataType::Int32)
        .then(|| pg_type_for_alias_kind(kind))
        .flatten()
}
