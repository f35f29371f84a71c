//! Lists with parameters, such as `x in ($1, 'b')`: each stands as one parameter of its own while a plan is optimised.
//!
//! The optimiser intersects lists by comparing their items as they are written. To it, `$1` and `'a'` are never the same
//! value, so that `x in ($1) and x in ('a')` would hold for no row, whatever the value of `$1`. Written as `x = $list1`,
//! a list is a single unknown value.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::expr::{InList, Placeholder};
use datafusion::logical_expr::{BinaryExpr, Expr, LogicalPlan, Operator};

/// Lists by the names of the parameters that stand for them (`$list1`).
#[derive(Debug, Default)]
pub struct ParameterLists(BTreeMap<String, Vec<Expr>>);

impl ParameterLists {
    /// Puts a parameter in the place of each list with parameters that a column is looked for in. None where a parameter
    /// stands in another list, or in a function, of which the optimiser may make a list.
    ///
    /// # Errors
    /// Errors of the engine alone.
    pub fn taken_from(plan: LogicalPlan) -> Result<Option<(LogicalPlan, Self)>> {
        let mut lists = Self::default();
        let taken = plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Filter(_) => node.map_expressions(|expr| expr.transform_up(|expr| Ok(lists.named(expr)))),
            _ => Ok(Transformed::no(node)),
        })?;
        let plan = taken.data;
        Ok(match stands_in_list_or_function(&plan)? {
            true => None,
            false => Some((plan, lists)),
        })
    }

    /// The parameters in the list that a parameter stands for; none where it stands for itself.
    pub fn parameters_of(&self, name: &str) -> Option<impl Iterator<Item = &Placeholder>> {
        let items = self.0.get(name)?;
        Some(items.iter().filter_map(|item| match item {
            Expr::Placeholder(parameter) => Some(parameter),
            _ => None,
        }))
    }

    /// The list that a comparison stands for, with the values of its parameters by their names; none where it stands for
    /// no list.
    pub fn list_of(&self, comparison: &BinaryExpr, values: &BTreeMap<&str, Expr>) -> Option<Expr> {
        let (column, parameter) = compared(comparison)?;
        let items = self.0.get(&parameter.id)?.iter().map(|item| match item {
            Expr::Placeholder(parameter) => values.get(parameter.id.as_str()).cloned(),
            literal => Some(literal.clone()),
        });
        let items = items.collect::<Option<Vec<_>>>()?;
        let is_negated = comparison.op == Operator::NotEq;
        Some(Expr::InList(InList::new(Box::new(column.clone()), items, is_negated)))
    }

    /// `x = $list1` for `x in (…)`, `x <> $list1` for `x not in (…)`; anything else stays.
    fn named(&mut self, expr: Expr) -> Transformed<Expr> {
        let Expr::InList(list) = &expr else {
            return Transformed::no(expr);
        };
        let Some((items, field)) = items_of(list) else {
            return Transformed::no(expr);
        };
        let id = format!("$list{}", self.0.len() + 1);
        let op = match list.negated {
            true => Operator::NotEq,
            false => Operator::Eq,
        };
        let parameter = Expr::Placeholder(Placeholder {
            id: id.clone(),
            field: Some(field),
        });
        let comparison = BinaryExpr::new(list.expr.clone(), op, Box::new(parameter));
        self.0.insert(id, items);
        Transformed::yes(Expr::BinaryExpr(comparison))
    }
}

/// The column and the parameter of a comparison of these.
pub fn compared(comparison: &BinaryExpr) -> Option<(&Expr, &Placeholder)> {
    match (comparison.left.as_ref(), comparison.right.as_ref()) {
        (column @ Expr::Column(_), Expr::Placeholder(parameter))
        | (Expr::Placeholder(parameter), column @ Expr::Column(_)) => Some((column, parameter)),
        _ => None,
    }
}

/// The items of a list with parameters that a column is looked for in, and the field that tells their type; none where
/// they are of several types, or others than parameters and values.
fn items_of(list: &InList) -> Option<(Vec<Expr>, FieldRef)> {
    if !matches!(*list.expr, Expr::Column(_)) {
        return None;
    }
    let field = list.list.iter().find_map(|item| match item {
        Expr::Placeholder(parameter) => parameter.field.clone(),
        _ => None,
    })?;
    let items = list.list.iter().map(|item| item_of(item, field.data_type()));
    let items = items.collect::<Option<Vec<_>>>()?;
    Some((items, field))
}

/// An item of this type. `None` for NULL: `x in (NULL)` is neither true nor false, and no value of a parameter has that
/// effect.
fn item_of(item: &Expr, kind: &DataType) -> Option<Expr> {
    match item {
        Expr::Placeholder(parameter) => {
            let field = parameter.field.as_ref();
            field
                .is_some_and(|field| field.data_type() == kind)
                .then(|| item.clone())
        }
        Expr::Literal(value, _) => (!value.is_null() && value.data_type() == *kind).then(|| item.clone()),
        // A text as another form of text.
        Expr::Cast(cast) if kind.is_string() && cast.field.data_type() == kind => match cast.expr.as_ref() {
            Expr::Literal(value, _) if !value.is_null() && value.data_type().is_string() => {
                Some(Expr::Literal(value.cast_to(kind).ok()?, None))
            }
            _ => None,
        },
        _ => None,
    }
}

fn stands_in_list_or_function(plan: &LogicalPlan) -> Result<bool> {
    let mut is_found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if matches!(expr, Expr::InList(_) | Expr::ScalarFunction(_)) {
                    is_found |= expr.exists(|part| Ok(matches!(part, Expr::Placeholder(_))))?;
                }
                Ok(match is_found {
                    true => TreeNodeRecursion::Stop,
                    false => TreeNodeRecursion::Continue,
                })
            })
        })
    })?;
    Ok(is_found)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::Field;
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn parameter(name: &str, kind: DataType) -> Expr {
        Expr::Placeholder(Placeholder {
            id: name.to_owned(),
            field: Some(Arc::new(Field::new("", kind, true))),
        })
    }

    fn named(items: Vec<Expr>, is_negated: bool) -> Option<(String, ParameterLists)> {
        let mut lists = ParameterLists::default();
        let list = Expr::InList(InList::new(Box::new(col("x")), items, is_negated));
        let named = lists.named(list);
        named.transformed.then(|| (named.data.to_string(), lists))
    }

    #[test]
    fn a_list_is_one_parameter_until_values_are_known() {
        for (is_negated, comparison, list) in [(false, "x = $list1", "x IN"), (true, "x != $list1", "x NOT IN")] {
            let items = vec![parameter("$1", DataType::Utf8), lit("b")];
            let (shown, lists) = named(items, is_negated).expect("it is named");
            assert_eq!(shown, comparison);
            let op = match is_negated {
                true => Operator::NotEq,
                false => Operator::Eq,
            };
            let standing = BinaryExpr::new(Box::new(col("x")), op, Box::new(parameter("$list1", DataType::Utf8)));
            let values = BTreeMap::from([("$1", lit("a"))]);
            let bound = lists.list_of(&standing, &values).expect("a list").to_string();
            assert!(bound.starts_with(list), "{bound}");
            assert!(lists.list_of(&standing, &BTreeMap::new()).is_none(), "$1 has no value");
        }
    }

    #[test]
    fn lists_without_parameters_with_null_or_of_several_types_stay() {
        assert!(named(vec![lit("a")], false).is_none());
        let of_text = || parameter("$1", DataType::Utf8);
        for other in [
            lit(1_i64),
            lit(ScalarValue::Utf8(None)),
            parameter("$2", DataType::Int64),
        ] {
            assert!(named(vec![of_text(), other.clone()], false).is_none(), "{other}");
        }
        assert!(named(vec![of_text(), parameter("$2", DataType::Utf8)], false).is_some());
    }
}
