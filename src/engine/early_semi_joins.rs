//! An optimizer rule that runs a selective semi join before the inner joins below it.
//!
//! The engine makes a semi join of `where k in (select … group by … having …)`, and puts it above all joins of the `from`
//! clause, since it does not reorder joins. These then carry rows which the semi join would have left out. Where the key
//! belongs to one input of the inner joins, the rule puts the semi join above that input:
//!
//! ```text
//! LeftSemi: orders.key = few.key                Inner: orders.key = items.key
//!   Inner: orders.key = items.key                 LeftSemi: orders.key = few.key
//!     orders                            ->          orders
//!     items                                         few
//!   few                                           items
//! ```
//!
//! A row of the inner join has the key of its row of `orders`, so it passes the semi join above if and only if that row
//! passes the semi join below, also where the key is NULL, and as often. That is not so below an outer join, whose rows
//! may lack the row of an input.
//!
//! Keys are columns only: another expression might fail for rows that the joins leave out. The rule applies where the
//! keys are probably few, since a semi join that leaves out nothing is cheaper after joins that leave few rows.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, Projection, SubqueryAlias};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

/// Runs selective semi joins before inner joins.
#[derive(Debug)]
pub struct EarlySemiJoins;

impl OptimizerRule for EarlySemiJoins {
    fn name(&self) -> &str {
        "early_semi_joins"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let moved = match &plan {
            LogicalPlan::Join(join) => moved(join)?,
            _ => None,
        };
        Ok(moved.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// The rows of a semi join that runs before the inner joins below it; none where the join stays where it is.
fn moved(join: &Join) -> Result<Option<LogicalPlan>> {
    let is_plain = join.join_type == JoinType::LeftSemi && join.filter.is_none() && !join.on.is_empty();
    if !is_plain || !has_few_keys(&join.right) {
        return Ok(None);
    }
    let schema = join.left.schema();
    let place = |key: &Expr| key.try_as_col().and_then(|column| schema.maybe_index_of_column(column));
    let keys: Option<Vec<usize>> = join.on.iter().map(|(key, _)| place(key)).collect();
    match keys {
        Some(keys) => below_joins(&join.left, &keys, join),
        None => Ok(None),
    }
}

/// Whether the rows are probably few: groups that meet a condition, one row, or rows limited by number.
fn has_few_keys(rows: &LogicalPlan) -> bool {
    match rows {
        LogicalPlan::Projection(projection) => has_few_keys(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => has_few_keys(&alias.input),
        LogicalPlan::Filter(filter) => is_aggregation(&filter.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty() || has_few_keys(&aggregate.input),
        LogicalPlan::Limit(limit) => limit.fetch.is_some(),
        LogicalPlan::Sort(sort) => sort.fetch.is_some() || has_few_keys(&sort.input),
        _ => false,
    }
}

fn is_aggregation(rows: &LogicalPlan) -> bool {
    match rows {
        LogicalPlan::Projection(projection) => is_aggregation(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_aggregation(&alias.input),
        LogicalPlan::Aggregate(_) => true,
        _ => false,
    }
}

/// The rows with the semi join below at least one inner join; none where that cannot be. `keys` are places of the semi
/// join's keys in the columns of `rows`.
fn below_joins(rows: &LogicalPlan, keys: &[usize], semi: &Join) -> Result<Option<LogicalPlan>> {
    match rows {
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner => below_join(join, keys, semi),
        LogicalPlan::Projection(projection) => {
            let input = &projection.input;
            let place = |key: &usize| {
                let column = passed_on(projection.expr.get(*key)?)?;
                input.schema().maybe_index_of_column(column)
            };
            let Some(keys) = keys.iter().map(place).collect::<Option<Vec<_>>>() else {
                return Ok(None);
            };
            let Some(input) = below_joins(input, &keys, semi)? else {
                return Ok(None);
            };
            let (columns, schema) = (projection.expr.clone(), Arc::clone(&projection.schema));
            let projection = Projection::try_new_with_schema(columns, Arc::new(input), schema)?;
            Ok(Some(LogicalPlan::Projection(projection)))
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let Some(input) = below_joins(&alias.input, keys, semi)? else {
                return Ok(None);
            };
            let alias = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
            Ok(Some(LogicalPlan::SubqueryAlias(alias)))
        }
        _ => Ok(None),
    }
}

/// The column that a projection passes on.
fn passed_on(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Alias(alias) => alias.expr.try_as_col(),
        other => other.try_as_col(),
    }
}

/// The inner join with the semi join on the side that has all keys; none where no side has them all.
fn below_join(join: &Join, keys: &[usize], semi: &Join) -> Result<Option<LogicalPlan>> {
    let of_left = join.left.schema().fields().len();
    let mut changed = join.clone();
    if keys.iter().all(|key| *key < of_left) {
        changed.left = Arc::new(on_side(&join.left, keys, semi)?);
    } else if keys.iter().all(|key| *key >= of_left) {
        let keys: Vec<usize> = keys.iter().map(|key| key - of_left).collect();
        changed.right = Arc::new(on_side(&join.right, &keys, semi)?);
    } else {
        return Ok(None);
    }
    Ok(Some(LogicalPlan::Join(changed)))
}

/// The rows of one side of an inner join with the semi join above them, or further down.
fn on_side(rows: &Arc<LogicalPlan>, keys: &[usize], semi: &Join) -> Result<LogicalPlan> {
    if let Some(moved) = below_joins(rows, keys, semi)? {
        return Ok(moved);
    }
    let key = |place: &usize| Expr::Column(Column::from(rows.schema().qualified_field(*place)));
    let on = keys
        .iter()
        .zip(&semi.on)
        .map(|(place, (_, other))| (key(place), other.clone()));
    let join = Join::try_new(
        Arc::clone(rows),
        Arc::clone(&semi.right),
        on.collect(),
        None,
        JoinType::LeftSemi,
        semi.join_constraint,
        semi.null_equality,
        semi.null_aware,
    )?;
    Ok(LogicalPlan::Join(join))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::SessionContext;
    use proptest::prelude::*;
    use tokio::runtime::Runtime;

    use super::*;

    /// Two columns of a small table.
    type Rows = Vec<(Option<i64>, Option<i64>)>;

    /// The keys of few groups stand for `FEW`. The tables are `a` (k, x), `b` (x, y) and `s` (k, n).
    const MOVED: [&str; 9] = [
        "select a.x, y from a, b where a.x = b.x and k in (FEW)",
        "select y, a.x from b, a where a.x = b.x and k in (FEW)",
        "select a.x, b.y, c.y as z from a, b, b as c where a.x = b.x and b.y = c.y and c.x in (FEW)",
        "select a.k, b.y from a join b on a.x = b.x and a.k < b.y where a.k in (FEW)",
        "select t.m, b.y from (select k as m, x from a where x > 0) t join b on t.x = b.x where t.m in (FEW)",
        "select one.k, other.x from a as one, a as other where one.x = other.x and other.k in (FEW)",
        "select count(*), sum(y) from a, b where a.x = b.x and k in (select max(k) from s)",
        "select a.k, y from a, b where a.x = b.x and k in (select k from s order by k limit 2)",
        "select a.k, y from a, b where a.x = b.x and k in (FEW) and y in (FEW)",
    ];
    /// An outer join, other joins than a plain semi join, and keys that may be many.
    const LEFT_AS_THEY_ARE: [&str; 6] = [
        "select a.k, b.y from a left join b on a.x = b.x where b.y in (FEW)",
        "select a.k, b.y from a full join b on a.x = b.x where a.k in (FEW)",
        "select a.x, y from a, b where a.x = b.x and k not in (FEW)",
        "select a.x, y from a, b where a.x = b.x and (k in (FEW) or y = 1)",
        "select a.x, y from a, b where a.x = b.x and k in (select k from s)",
        "select a.x, y from a, b where a.x = b.x and k + y in (FEW)",
    ];

    fn with_few(sql: &str) -> String {
        sql.replace("FEW", "select k from s group by k having sum(n) > 2")
    }

    fn session(tables: &[Rows; 3], has_rule: bool) -> SessionContext {
        let mut state = SessionStateBuilder::new().with_default_features();
        if has_rule {
            state = state.with_optimizer_rule(Arc::new(EarlySemiJoins));
        }
        let session = SessionContext::new_with_state(state.build());
        let named = [("a", ["k", "x"]), ("b", ["x", "y"]), ("s", ["k", "n"])];
        for ((name, [first, second]), rows) in named.into_iter().zip(tables) {
            let firsts: ArrayRef = Arc::new(rows.iter().map(|row| row.0).collect::<Int64Array>());
            let seconds: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>());
            let columns = [(first, firsts, true), (second, seconds, true)];
            let rows = RecordBatch::try_from_iter_with_nullable(columns).expect("rows");
            session.register_batch(name, rows).expect("a table");
        }
        session
    }

    async fn plan(tables: &[Rows; 3], sql: &str, has_rule: bool) -> String {
        let frame = session(tables, has_rule).sql(sql).await.expect(sql);
        frame.into_optimized_plan().expect(sql).display_indent().to_string()
    }

    /// The rows of an answer, in no order.
    async fn answer(tables: &[Rows; 3], sql: &str, has_rule: bool) -> Vec<String> {
        let frame = session(tables, has_rule).sql(sql).await.expect(sql);
        let batches = frame.collect().await.expect(sql);
        let table = pretty_format_batches(&batches).expect(sql).to_string();
        let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
        let mut rows: Vec<String> = lines.map(|row| row.replace(' ', "")).collect();
        rows.sort();
        rows
    }

    fn some_rows() -> [Rows; 3] {
        let a = vec![(Some(1), Some(1)), (Some(2), Some(1)), (None, Some(2)), (Some(3), None)];
        let b = vec![(Some(1), Some(1)), (Some(1), Some(4)), (Some(2), None), (None, Some(1))];
        let s = vec![
            (Some(1), Some(2)),
            (Some(1), Some(1)),
            (Some(2), Some(2)),
            (None, Some(9)),
        ];
        [a, b, s]
    }

    #[tokio::test]
    async fn a_selective_semi_join_runs_before_inner_joins() {
        for sql in MOVED.map(with_few) {
            let places = |plan: &str| (plan.find("LeftSemi Join"), plan.find("Inner Join"));
            let (semi, inner) = places(&plan(&some_rows(), &sql, false).await);
            assert!(semi.is_some() && inner.is_some() && semi < inner, "{sql}");
            let changed = plan(&some_rows(), &sql, true).await;
            let (semi, inner) = places(&changed);
            assert!(semi.is_some() && inner.is_some() && inner < semi, "{sql}: {changed}");
        }
    }

    #[tokio::test]
    async fn the_semi_join_is_above_the_table_of_its_key() {
        let sql = with_few("select a.x, y from b, a where a.x = b.x and k in (FEW)");
        let plan = plan(&some_rows(), &sql, true).await;
        let (_, of_semi) = plan
            .split_once("LeftSemi Join: a.k = __correlated_sq_1.k")
            .expect(&plan);
        let first = of_semi.lines().nth(1).expect(&plan);
        assert!(first.trim().starts_with("TableScan: a"), "{plan}");
    }

    #[tokio::test]
    async fn other_joins_stay() {
        for sql in LEFT_AS_THEY_ARE.map(with_few) {
            let with = plan(&some_rows(), &sql, true).await;
            let without = plan(&some_rows(), &sql, false).await;
            assert_eq!(with, without, "{sql}");
        }
    }

    /// NULL is no key: `a` has one, and so has the group with the largest sum.
    #[tokio::test]
    async fn keys_of_few_groups_choose_the_rows_of_joins() {
        let sql = with_few("select k, y from a, b where a.x = b.x and k in (FEW)");
        assert_eq!(answer(&some_rows(), &sql, true).await, ["|1|1|", "|1|4|"]);
    }

    fn rows() -> impl Strategy<Value = Rows> {
        let value = || proptest::option::weighted(0.8, 0_i64..4);
        proptest::collection::vec((value(), value()), 0..7)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn answers_are_the_same_with_the_rule_and_without(tables in proptest::array::uniform3(rows())) {
            let runtime = Runtime::new().expect("a runtime");
            for sql in MOVED.into_iter().chain(LEFT_AS_THEY_ARE).map(with_few) {
                let [with, without] = [true, false].map(|has_rule| runtime.block_on(answer(&tables, &sql, has_rule)));
                prop_assert_eq!(with, without, "{}", sql);
            }
        }
    }
}
