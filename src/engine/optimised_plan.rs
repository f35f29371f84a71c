//! A plan with parameters that is analysed and optimised once, for all their values.
//!
//! A statement that looks up a few rows takes less time to run than to plan, and clients prepare such statements to run
//! them many times. The plan that is kept must be the one that planning anew would make: so nothing in it depends on
//! the moment or the session, and each parameter is compared with a column, alone or in a list, since its
//! value makes no better plan there. How far conditions with parameters go down into tables is decided once; the tables
//! look at the values when they are scanned.

use std::collections::BTreeMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, Result, ScalarValue};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, Volatility};

use super::parameter_lists::{ParameterLists, compared};

/// An optimised plan, into which the values of its parameters are put.
#[derive(Debug)]
pub struct OptimisedPlan {
    plan: LogicalPlan,
    /// The types of the parameters, by their names (`$1`).
    parameters: BTreeMap<String, DataType>,
    lists: ParameterLists,
}

impl OptimisedPlan {
    /// Analyses and optimises `plan` with the settings of `state`; none where it has to be planned anew for each
    /// execution.
    ///
    /// # Errors
    /// Where the plan cannot be optimised before its parameters are known, or not at all.
    pub fn of(state: &SessionState, plan: LogicalPlan) -> Result<Option<Self>> {
        let analysed = state
            .analyzer()
            .execute_and_check(plan, state.config_options(), |_, _| {})?;
        if depends_on_moment(&analysed)? {
            return Ok(None);
        }
        let Some((analysed, lists)) = ParameterLists::taken_from(analysed)? else {
            return Ok(None);
        };
        let plan = state.optimizer().optimize(analysed, state, |_, _| {})?;
        let mut found = Parameters::new(&lists);
        found.note_all(&plan)?;
        let Parameters {
            types: parameters,
            is_any_elsewhere,
            ..
        } = found;
        Ok((!is_any_elsewhere).then_some(Self {
            plan,
            parameters,
            lists,
        }))
    }

    /// The plan with the values of its parameters; `None` where it was not optimised for such values: NULL, or values
    /// of other types.
    ///
    /// # Errors
    /// Where a parameter has no value.
    pub fn bound(&self, values: Option<&ParamValues>) -> Result<Option<LogicalPlan>> {
        if self.parameters.is_empty() {
            return Ok(Some(self.plan.clone()));
        }
        let Some(values) = values else {
            return Ok(None);
        };
        let mut literals = BTreeMap::new();
        for (name, kind) in &self.parameters {
            let (value, metadata) = values.get_placeholders_with_values(name)?.into_inner();
            let Some(value) = fitting(value, kind)? else {
                return Ok(None);
            };
            literals.insert(name.as_str(), Expr::Literal(value, metadata));
        }
        let put = |expr: Expr| {
            let value = match &expr {
                Expr::Placeholder(parameter) => literals.get(parameter.id.as_str()).cloned(),
                Expr::BinaryExpr(comparison) => self.lists.list_of(comparison, &literals),
                _ => None,
            };
            Ok(value.map_or_else(|| Transformed::no(expr), Transformed::yes))
        };
        let bound = self
            .plan
            .clone()
            .transform_up_with_subqueries(|node| node.map_expressions(|expr| expr.transform_up(put)))?;
        Ok(Some(bound.data))
    }
}

/// The value in the type that the plan was optimised for; `None` for NULL, and for values of other types.
fn fitting(value: ScalarValue, kind: &DataType) -> Result<Option<ScalarValue>> {
    let has = value.data_type();
    if value.is_null() {
        return Ok(None);
    }
    if has == *kind {
        return Ok(Some(value));
    }
    // Clients do not distinguish the engine's types of text.
    match has.is_string() && kind.is_string() {
        true => value.cast_to(kind).map(Some),
        false => Ok(None),
    }
}

/// Whether the optimiser may put values of this moment, or of this session, into the plan.
fn depends_on_moment(plan: &LogicalPlan) -> Result<bool> {
    let mut depends = false;
    plan.apply_with_subqueries(|node| {
        depends |= matches!(node, LogicalPlan::Explain(_) | LogicalPlan::Analyze(_));
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                depends |= match expr {
                    Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Immutable,
                    Expr::HigherOrderFunction(_) | Expr::ScalarVariable(..) => true,
                    _ => false,
                };
                Ok(match depends {
                    true => TreeNodeRecursion::Stop,
                    false => TreeNodeRecursion::Continue,
                })
            })
        })
    })?;
    Ok(depends)
}

/// The parameters of an optimised plan.
struct Parameters<'a> {
    lists: &'a ParameterLists,
    /// The types of the parameters that are compared with columns, by their names.
    types: BTreeMap<String, DataType>,
    /// Whether a parameter is used elsewhere than beside a column, or has no type or several types.
    is_any_elsewhere: bool,
}

impl<'a> Parameters<'a> {
    fn new(lists: &'a ParameterLists) -> Self {
        Self {
            lists,
            types: BTreeMap::new(),
            is_any_elsewhere: false,
        }
    }

    fn note_all(&mut self, plan: &LogicalPlan) -> Result<()> {
        plan.apply_with_subqueries(|node| {
            let is_condition = matches!(node, LogicalPlan::Filter(_) | LogicalPlan::TableScan(_));
            node.apply_expressions(|expr| expr.apply(|expr| Ok(self.note(expr, is_condition))))
        })?;
        Ok(())
    }

    fn note(&mut self, expr: &Expr, is_condition: bool) -> TreeNodeRecursion {
        match expr {
            Expr::BinaryExpr(comparison) if is_condition && is_comparison(comparison.op) => {
                match compared(comparison) {
                    Some((_, parameter)) => {
                        self.add_compared(parameter, comparison.op);
                        TreeNodeRecursion::Jump
                    }
                    None => TreeNodeRecursion::Continue,
                }
            }
            Expr::Placeholder(_) => {
                self.is_any_elsewhere = true;
                TreeNodeRecursion::Stop
            }
            _ => TreeNodeRecursion::Continue,
        }
    }

    /// Adds a parameter, or those of the list that it stands for.
    fn add_compared(&mut self, parameter: &Placeholder, op: Operator) {
        let lists = self.lists;
        match lists.parameters_of(&parameter.id) {
            None => self.add(parameter),
            Some(parameters) => {
                self.is_any_elsewhere |= !matches!(op, Operator::Eq | Operator::NotEq);
                parameters.for_each(|parameter| self.add(parameter));
            }
        }
    }

    fn add(&mut self, parameter: &Placeholder) {
        let Some(field) = &parameter.field else {
            self.is_any_elsewhere = true;
            return;
        };
        let kind = field.data_type();
        let known = self.types.entry(parameter.id.clone()).or_insert_with(|| kind.clone());
        self.is_any_elsewhere |= known != kind;
    }
}

fn is_comparison(op: Operator) -> bool {
    matches!(
        op,
        Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
    )
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;

    async fn session() -> SessionContext {
        let session = SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let table = "create table users as select * from (values ('a', 1), ('b', 2), ('c', null)) t(user_id, batches)";
        session
            .sql(table)
            .await
            .expect("a table")
            .collect()
            .await
            .expect("made");
        session
    }

    async fn kept(session: &SessionContext, sql: &str) -> Option<OptimisedPlan> {
        let state = session.state();
        let plan = state.create_logical_plan(sql).await.expect(sql);
        OptimisedPlan::of(&state, plan).ok().flatten()
    }

    async fn rows(session: &SessionContext, plan: &LogicalPlan) -> Vec<String> {
        let state = session.state();
        let planned = state.query_planner().create_physical_plan(plan, &state).await;
        let batches = datafusion::physical_plan::collect(planned.expect("a plan"), session.task_ctx()).await;
        let table = pretty_format_batches(&batches.expect("rows"))
            .expect("text")
            .to_string();
        let rows = table.lines().filter(|line| line.starts_with('|')).skip(1);
        rows.map(|row| row.replace(['|', ' '], "")).collect()
    }

    #[tokio::test]
    async fn one_plan_is_right_for_every_value() {
        let session = session().await;
        let sql = "select batches from users where user_id = $1 and batches > $2";
        let kept = kept(&session, sql).await.expect("it is kept");
        for (user, batches, expected) in [
            ("a", 0_i64, vec!["1"]),
            ("b", 0, vec!["2"]),
            ("b", 2, vec![]),
            ("z", 0, vec![]),
        ] {
            let values = ParamValues::from(vec![ScalarValue::from(user), ScalarValue::from(batches)]);
            let plan = kept.bound(Some(&values)).expect("bound").expect("for these values");
            assert_eq!(rows(&session, &plan).await, expected, "{user} {batches}");
        }
    }

    #[tokio::test]
    async fn lists_of_parameters_are_compared_by_their_values() {
        let session = session().await;
        for (sql, cases) in [
            (
                "select user_id from users where user_id in ($1, $2) and user_id in ('a', 'b')",
                [("a", "c", vec!["a"]), ("b", "a", vec!["a", "b"]), ("c", "z", vec![])],
            ),
            (
                "select user_id from users where user_id in ($1) and user_id in ($2)",
                [("a", "a", vec!["a"]), ("a", "b", vec![]), ("c", "c", vec!["c"])],
            ),
            (
                "select user_id from users where user_id in ($1, 'b') and user_id not in ('a', $2)",
                [("a", "z", vec!["b"]), ("c", "b", vec!["c"]), ("a", "b", vec![])],
            ),
            (
                "select user_id from users where user_id not in ($1, 'b') or user_id not in ('a', $2)",
                [
                    ("a", "b", vec!["c"]),
                    ("a", "c", vec!["b", "c"]),
                    ("c", "b", vec!["a", "c"]),
                ],
            ),
        ] {
            let kept = kept(&session, sql).await.expect(sql);
            for (one, other, expected) in cases {
                let values = ParamValues::from(vec![ScalarValue::from(one), ScalarValue::from(other)]);
                let plan = kept.bound(Some(&values)).expect("bound").expect("for these values");
                assert_eq!(rows(&session, &plan).await, expected, "{sql}: {one} {other}");
            }
        }
    }

    #[tokio::test]
    async fn values_of_other_types_and_null_are_planned_anew() {
        let session = session().await;
        let kept = kept(&session, "select user_id from users where batches = $1")
            .await
            .expect("it is kept");
        for value in [ScalarValue::Int64(None), ScalarValue::Float64(Some(1.5))] {
            let values = ParamValues::from(vec![value]);
            assert!(kept.bound(Some(&values)).expect("no error").is_none());
        }
        assert!(kept.bound(None).expect("no error").is_none());
        let text = ParamValues::from(vec![ScalarValue::Utf8View(Some("a".to_owned()))]);
        let by_text = super::tests::kept(&session, "select batches from users where user_id in ($1, 'b')").await;
        let plan = by_text
            .expect("it is kept")
            .bound(Some(&text))
            .expect("bound")
            .expect("a text");
        assert_eq!(rows(&session, &plan).await, ["1", "2"]);
    }

    #[tokio::test]
    async fn what_depends_on_the_moment_or_on_values_is_planned_anew() {
        let session = session().await;
        for sql in [
            "select now()",
            "select user_id from users where random() < 0.5",
            "select user_id from users limit $1",
            "select $1 = user_id from users",
            "select user_id from users where batches + 1 = $1",
            "select user_id from users where batches in (1, $1 + 1)",
            "select user_id from users where array_has(make_array($1, 'b'), user_id)",
            "select user_id from users where lower(user_id) in ($1) and lower(user_id) in ('a')",
            "explain select user_id from users",
        ] {
            assert!(kept(&session, sql).await.is_none(), "{sql}");
        }
        assert!(kept(&session, "select count(*) from users").await.is_some());
    }
}
