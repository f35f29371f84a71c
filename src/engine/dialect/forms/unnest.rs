//! `FROM t, unnest(t.arrays)`: the elements of an array as rows beside the row of the array, also with their positions
//! (`WITH ORDINALITY`), and with a row of NULL for an empty array (LEFT JOIN).
//!
//! `UnnestInFrom` plans the function by itself, from one row. Where the array is a column of another table, that plan
//! is one side of a join; `UnnestOfEachRow` replaces the one row by the other table, which removes the join.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, NullHandling, Result, ScalarValue, UnnestOptions, plan_err};
use datafusion::functions::core::expr_fn::{coalesce, greatest};
use datafusion::functions_nested::expr_fn::{array_length, gen_series};
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Unnest, cast, lit};
use datafusion::optimizer::AnalyzerRule;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, Ident, ObjectName, TableAlias, TableFactor,
};

const UNNEST: &str = "unnest";
const ORDINALITY: &str = "ordinality";

/// Plans `unnest(…)` in FROM.
#[derive(Debug)]
pub struct UnnestInFrom;

impl RelationPlanner for UnnestInFrom {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let (arrays, alias, with_ordinality) = match relation {
            TableFactor::UNNEST {
                alias,
                array_exprs,
                with_offset: false,
                with_offset_alias: None,
                with_ordinality,
            } => (array_exprs, alias, with_ordinality),
            TableFactor::Function {
                ref name,
                ref args,
                ref alias,
                with_ordinality,
                ..
            } if is_unnest(name) => match values(args) {
                Some(arrays) => (arrays, alias.clone(), with_ordinality),
                None => return Ok(RelationPlanning::Original(Box::new(relation))),
            },
            relation => return Ok(RelationPlanning::Original(Box::new(relation))),
        };
        let arrays = arrays
            .into_iter()
            .map(|array| context.sql_expr_to_logical_expr(array, &DFSchema::empty()))
            .collect::<Result<Vec<_>>>()?;
        let names = names(alias.as_ref(), arrays.len(), with_ordinality, |name| {
            context.normalize_ident(name)
        })?;
        let plan = rows_of(arrays, with_ordinality, names)?;
        let named = TableAlias {
            explicit: true,
            name: alias.map_or_else(|| Ident::new(UNNEST), |alias| alias.name),
            columns: Vec::new(),
            at: None,
        };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(
            plan,
            Some(named),
        ))))
    }
}

fn is_unnest(name: &ObjectName) -> bool {
    let last = name.0.last().and_then(|part| part.as_ident());
    last.is_some_and(|name| name.value.eq_ignore_ascii_case(UNNEST))
}

fn values(arguments: &[FunctionArg]) -> Option<Vec<SqlExpr>> {
    let value = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    };
    arguments.iter().map(value).collect()
}

/// The names of the columns: those of the alias, and PostgreSQL's for the rest.
fn names(
    alias: Option<&TableAlias>,
    arrays: usize,
    with_ordinality: bool,
    normalized: impl Fn(Ident) -> String,
) -> Result<Vec<String>> {
    let given = alias.map(|alias| alias.columns.as_slice()).unwrap_or_default();
    let count = arrays + usize::from(with_ordinality);
    if given.len() > count {
        return plan_err!(
            "unnest gives {count} columns, and {} names are given for them",
            given.len()
        );
    }
    if arrays > 1 && given.len() < arrays {
        return plan_err!("name the columns of several arrays: unnest(a, b) AS t(x, y)");
    }
    let usual = |place: usize| match place {
        0 => alias.map_or_else(|| UNNEST.to_owned(), |alias| normalized(alias.name.clone())),
        _ => ORDINALITY.to_owned(),
    };
    let name = |place: usize| match given.get(place) {
        Some(column) => normalized(column.name.clone()),
        None => usual(place),
    };
    Ok((0..count).map(name).collect())
}

/// The elements of several arrays side by side, from one row with the arrays.
fn rows_of(mut arrays: Vec<Expr>, with_ordinality: bool, names: Vec<String>) -> Result<LogicalPlan> {
    if with_ordinality {
        arrays.push(places(&arrays));
    }
    let kept = |place: usize| format!("__array_{place}");
    let columns: Vec<Column> = (0..arrays.len())
        .map(|place| Column::new_unqualified(kept(place)))
        .collect();
    let arrays = arrays
        .into_iter()
        .enumerate()
        .map(|(place, array)| array.alias(kept(place)));
    let named = columns.clone().into_iter().zip(names);
    LogicalPlanBuilder::empty(true)
        .project(arrays)?
        .unnest_columns_with_options(columns, UnnestOptions::new().with_null_handling(NullHandling::Drop))?
        .project(named.map(|(column, name)| Expr::Column(column).alias(name)))?
        .build()
}

/// The positions in the longest of some arrays: `{1,2,3}`.
fn places(arrays: &[Expr]) -> Expr {
    let lengths = arrays
        .iter()
        .map(|array| coalesce(vec![cast(array_length(array.clone()), DataType::Int64), lit(0_i64)]));
    let longest = match lengths.collect::<Vec<_>>() {
        mut one if one.len() == 1 => one.remove(0),
        lengths => greatest(lengths),
    };
    gen_series(lit(1_i64), longest, lit(1_i64))
}

/// The optimizer rule that replaces the one row by the table whose arrays are unnested.
#[derive(Debug)]
pub struct UnnestOfEachRow;

impl AnalyzerRule for UnnestOfEachRow {
    fn name(&self) -> &str {
        "unnest_of_each_row"
    }

    fn analyze(&self, plan: LogicalPlan, _: &ConfigOptions) -> Result<LogicalPlan> {
        let put = |node: LogicalPlan| match &node {
            LogicalPlan::Join(join) => match without_join(join)? {
                Some(plan) => Ok(Transformed::yes(plan)),
                None => Ok(Transformed::no(node)),
            },
            _ => Ok(Transformed::no(node)),
        };
        plan.transform_up_with_subqueries(put).data()
    }
}

/// The plan without the join, where that is one with the elements of arrays of its left side.
fn without_join(join: &Join) -> Result<Option<LogicalPlan>> {
    let handling = match join.join_type {
        JoinType::Inner => NullHandling::Drop,
        JoinType::Left => NullHandling::PreserveAndExpandEmpty,
        _ => return Ok(None),
    };
    let LogicalPlan::SubqueryAlias(named) = join.right.as_ref() else {
        return Ok(None);
    };
    let LogicalPlan::Subquery(subquery) = named.input.as_ref() else {
        return Ok(None);
    };
    let Some((elements, unnest, arrays)) = parts(&subquery.subquery) else {
        return Ok(None);
    };
    let condition = join.filter.clone().filter(|condition| !is_true(condition));
    if !join.on.is_empty() || condition.is_some() && join.join_type == JoinType::Left {
        return Ok(None);
    }
    let left: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
    let Some(arrays) = of_left(arrays, join.left.schema())? else {
        return Ok(None);
    };
    let elements = elements
        .expr
        .iter()
        .zip(elements.schema.fields())
        .map(|(element, field)| {
            element
                .clone()
                .unalias()
                .alias_qualified(Some(named.alias.clone()), field.name())
        });
    let plan = LogicalPlanBuilder::from(join.left.as_ref().clone())
        .project(left.iter().cloned().chain(arrays))?
        .unnest_columns_with_options(
            unnest.exec_columns.clone(),
            UnnestOptions::new().with_null_handling(handling),
        )?
        .project(left.into_iter().chain(elements))?;
    let plan = match condition {
        Some(condition) => plan.filter(condition)?,
        None => plan,
    };
    plan.build().map(Some)
}

/// The plan that [`rows_of`] made.
fn parts(plan: &LogicalPlan) -> Option<(&Projection, &Unnest, &Projection)> {
    let LogicalPlan::Projection(elements) = plan else {
        return None;
    };
    let LogicalPlan::Unnest(unnest) = elements.input.as_ref() else {
        return None;
    };
    let LogicalPlan::Projection(arrays) = unnest.input.as_ref() else {
        return None;
    };
    let is_of_one_row = matches!(arrays.input.as_ref(), LogicalPlan::EmptyRelation(empty) if empty.produce_one_row);
    is_of_one_row.then_some((elements, unnest, arrays))
}

/// The arrays as columns of the left side; `None` where they belong to an outer query.
fn of_left(arrays: &Projection, left: &DFSchema) -> Result<Option<Vec<Expr>>> {
    let mut is_of_left = true;
    let mut put = |expr: Expr| match expr {
        Expr::OuterReferenceColumn(_, column) => {
            is_of_left &= left.has_column(&column);
            Ok(Transformed::yes(Expr::Column(column)))
        }
        expr => Ok(Transformed::no(expr)),
    };
    let arrays = arrays.expr.iter().map(|array| array.clone().transform(&mut put).data());
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    Ok(is_of_left.then_some(arrays))
}

fn is_true(condition: &Expr) -> bool {
    matches!(condition, Expr::Literal(ScalarValue::Boolean(Some(true)), _))
}

#[cfg(test)]
mod tests {
    use super::super::tried::rows;

    #[tokio::test]
    async fn elements_stand_beside_their_row() {
        for (sql, expected) in [
            ("select u from unnest(array['a', 'b']) as u order by 1", vec!["a", "b"]),
            ("select unnest from unnest(array[1, 2]) order by 1", vec!["1", "2"]),
            (
                "select x + 1 from unnest(array[1, 2]) as u(x) order by 1",
                vec!["2", "3"],
            ),
            (
                "select batch, m from batches, unnest(mentors) as m order by 1, 2",
                vec!["a x", "a y", "c z", "c"],
            ),
            (
                "select b.batch, m.m from batches b cross join unnest(b.mentors) m where m = 'y'",
                vec!["a y"],
            ),
            (
                "select batch, m from batches left join lateral unnest(mentors) as m on true order by 1, 2",
                vec!["a x", "a y", "b", "c z", "c", "d"],
            ),
            (
                "select batch, m from batches join lateral unnest(mentors) as m on m <> 'x' order by 1",
                vec!["a y", "c z"],
            ),
            (
                "select batch, count(m) from batches left join unnest(mentors) m on true group by 1 order by 1",
                vec!["a 2", "b 0", "c 1", "d 0"],
            ),
            (
                "select u.x, u.i from unnest(array['a', 'b']) with ordinality as u(x, i) order by i",
                vec!["a 1", "b 2"],
            ),
            (
                "select batch, m, ordinality from batches, unnest(mentors) with ordinality m order by 1, 3",
                vec!["a x 1", "a y 2", "c z 1", "c  2"],
            ),
            (
                "select a, b from unnest(array[1, 2, 3], array['x']) as t(a, b) order by 1",
                vec!["1 x", "2", "3"],
            ),
            (
                "select batch, x, y from batches, unnest(mentors) x, unnest(mentors) y where x = y order by 1, 2",
                vec!["a x x", "a y y", "c z z"],
            ),
            (
                "select batch from batches b where exists (select 1 from unnest(array['x']) m where m = b.batch)",
                vec![],
            ),
            (
                "select * from batches, unnest(mentors) m where batch = 'a' order by m limit 1",
                vec!["a [x, y] x"],
            ),
        ] {
            assert_eq!(rows(sql).await.expect(sql), expected, "{sql}");
        }
        for sql in [
            "select * from unnest(array[1], array[2]) t",
            "select * from unnest(array[1]) t(a, b)",
            "select * from unnest(1) t",
        ] {
            assert!(rows(sql).await.is_err(), "{sql}");
        }
    }
}
