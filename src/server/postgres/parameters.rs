//! The types of a prepared statement's parameters, as clients have to send them.

use std::collections::BTreeMap;

use arrow_pg::datatypes::{PG_OID_ALIAS_KEY, into_pg_type, pg_type_for_alias_kind};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan};
use pgwire::api::Type;

/// One parameter: `$1`, `$2`, …
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// What the engine wants; none where the statement does not tell.
    pub engine: Option<DataType>,
    /// What the client has to send.
    pub wire: Type,
}

/// The parameters of a plan in order.
pub fn of_plan(plan: &LogicalPlan) -> Result<Vec<Parameter>> {
    let mut casts: BTreeMap<String, DataType> = BTreeMap::new();
    let mut aliases: BTreeMap<String, Type> = BTreeMap::new();
    plan.apply_with_subqueries(|node| {
        for expr in node.expressions() {
            expr.apply(|expr| {
                if let Expr::Cast(cast) = expr
                    && let Expr::Placeholder(placeholder) = cast.expr.as_ref()
                {
                    casts.insert(placeholder.id.clone(), cast.field.data_type().clone());
                }
                if let Expr::Placeholder(placeholder) = expr
                    && let Some(alias) = placeholder.field.as_deref().and_then(object_id)
                {
                    aliases.insert(placeholder.id.clone(), alias);
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    let mut found: Vec<(u32, Parameter)> = plan
        .get_parameter_types()?
        .into_iter()
        .filter_map(|(name, kind)| {
            let number = name.trim_start_matches('$').parse().ok()?;
            let engine = kind.or_else(|| casts.get(&name).cloned());
            let wire = aliases
                .get(&name)
                .cloned()
                .or_else(|| into_pg_type(engine.as_ref()?).ok())
                .unwrap_or(Type::UNKNOWN);
            Some((number, Parameter { engine, wire }))
        })
        .collect();
    found.sort_by_key(|(number, _)| *number);
    Ok(found.into_iter().map(|(_, parameter)| parameter).collect())
}

/// The type of a column of object ids, which is kept as an integer.
fn object_id(field: &Field) -> Option<Type> {
    let kind = field.metadata().get(PG_OID_ALIAS_KEY)?;
    (field.data_type() == &DataType::Int32)
        .then(|| pg_type_for_alias_kind(kind))
        .flatten()
}
