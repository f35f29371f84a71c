//! An analyzer rule: a query that keeps the first row of each key ranks only rows whose key may be repeated.
//!
//! The shape is `row_number() over (partition by key order by …)` with `= 1` above it. A row of a unique key is the
//! first of its key, whatever the order. So the window is replaced by the rows of unique keys, numbered 1, and the
//! window over the other rows. That gives the rows of the window, so nothing above has to change; NULLs, ties and
//! orders are left to the window. It is done for `= 2` as well, which finds each repeated key once: no row of a unique
//! key has that number, so the optimiser leaves these out.
//!
//! The input is read three times: its keys, the rows of unique keys, and the others. So it has to be one table, with
//! projections and conditions that give the same each time. It is a rule over logical plans, since columns and
//! conditions are pushed into scans there: the keys alone are read first, and a condition on the key is applied before
//! keys are compared.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::TableProvider;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue, TableReference};
use datafusion::datasource::{TableType, ViewTable, provider_as_source, source_as_provider};
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::logical_plan::{Filter, Projection, SubqueryAlias, TableScan, Union, Window};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, LogicalPlan, LogicalPlanBuilder, Operator, WindowFunctionDefinition, lit,
};
use datafusion::optimizer::AnalyzerRule;

use super::fingerprint::can_be_of_key;
use super::split_tables::SplitTables;
use super::table::UniqueOrRepeatedRows;
use super::{Key, tables};

/// The rule, for the statements of a session. They share the repeated keys that were found for a view over the same
/// table.
#[derive(Debug, Default)]
pub struct RankOnlyRepeated {
    split: Arc<SplitTables>,
}

/// What the rule may read three times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inputs {
    /// Tables whose number of rows is known from statistics.
    Tables,
    /// All tables, and views under a name as well, such as those that a mapping makes, unless they are an aggregation.
    TablesAndViews,
}

/// What may be read three times, and what views split already.
#[derive(Debug, Clone, Copy)]
struct Splitting<'a> {
    inputs: Inputs,
    split: &'a SplitTables,
}

impl RankOnlyRepeated {
    /// The rule of a session whose views split these tables.
    pub fn new(split: Arc<SplitTables>) -> Self {
        Self { split }
    }
}

impl AnalyzerRule for RankOnlyRepeated {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        ranking_only_repeated(plan, Inputs::Tables, &self.split)
    }

    fn name(&self) -> &str {
        "rank_only_repeated"
    }
}

/// Rewrites every query in `plan` that keeps the first row of each key, where its input may be read three times: it
/// ranks only rows whose key may be repeated. Physical plans of the result share the repeated keys that are found, also
/// with plans of other queries over a table that a view splits by the same key, according to `split`.
///
/// # Errors
/// Where a part of the plan is invalid.
pub fn ranking_only_repeated(plan: LogicalPlan, inputs: Inputs, split: &SplitTables) -> Result<LogicalPlan> {
    let splitting = Splitting { inputs, split };
    let replaced = plan.transform_up(|node| {
        let LogicalPlan::Filter(filter) = &node else {
            return Ok(Transformed::no(node));
        };
        let numbers = split_conjunction(&filter.predicate).into_iter().filter_map(numbered);
        for number in numbers {
            if let Some(input) = with_window_split(&filter.input, number, splitting)? {
                let filter = Filter::try_new(filter.predicate.clone(), Arc::new(input))?;
                return Ok(Transformed::yes(LogicalPlan::Filter(filter)));
            }
        }
        Ok(Transformed::no(node))
    });
    replaced.data()
}

/// The column in a condition that compares it with a number, such as `number = 1`.
fn numbered(condition: &Expr) -> Option<&Column> {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else {
        return None;
    };
    match op {
        Operator::Eq if number_of(right).is_some() => column_of(left),
        Operator::Eq if number_of(left).is_some() => column_of(right),
        Operator::LtEq if number_of(right) == Some(1) => column_of(left),
        _ => None,
    }
}

/// The column that an expression passes on, perhaps cast. The cast does not matter, because a split window gives all
/// rows of the window.
fn column_of(expr: &Expr) -> Option<&Column> {
    match expr {
        Expr::Column(column) => Some(column),
        Expr::Cast(cast) => column_of(&cast.expr),
        Expr::Alias(alias) => column_of(&alias.expr),
        _ => None,
    }
}

/// The value of an expression that is a whole number, perhaps cast.
fn number_of(expr: &Expr) -> Option<i64> {
    match expr {
        Expr::Literal(value, _) if value.data_type().is_numeric() => match value.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(number)) => number,
            _ => None,
        },
        Expr::Cast(cast) => number_of(&cast.expr),
        _ => None,
    }
}

/// The plan with its window split, where `number` is that window's column.
fn with_window_split(plan: &LogicalPlan, number: &Column, splitting: Splitting<'_>) -> Result<Option<LogicalPlan>> {
    let Some(place) = plan.schema().maybe_index_of_column(number) else {
        return Ok(None);
    };
    match plan {
        LogicalPlan::SubqueryAlias(alias) => {
            let below = column_at(&alias.input, place);
            let input = with_window_split(&alias.input, &below, splitting)?;
            let under_alias = |input| SubqueryAlias::try_new(Arc::new(input), alias.alias.clone());
            Ok(input.map(under_alias).transpose()?.map(LogicalPlan::SubqueryAlias))
        }
        LogicalPlan::Projection(projection) => {
            let Some(below) = column_of(&projection.expr[place]) else {
                return Ok(None);
            };
            let input = with_window_split(&projection.input, below, splitting)?;
            input.map(|input| over(projection, input)).transpose()
        }
        LogicalPlan::Filter(filter) => {
            let input = with_window_split(&filter.input, number, splitting)?;
            let filtered = |input| Filter::try_new(filter.predicate.clone(), Arc::new(input));
            Ok(input.map(filtered).transpose()?.map(LogicalPlan::Filter))
        }
        LogicalPlan::Window(window) if place == window.input.schema().fields().len() => split_window(window, splitting),
        _ => Ok(None),
    }
}

/// The rows of a window that numbers the rows of each key, as a union: the rows of unique keys, numbered 1, and the
/// window over the other rows.
fn split_window(window: &Window, splitting: Splitting<'_>) -> Result<Option<LogicalPlan>> {
    let [numbering] = window.window_expr.as_slice() else {
        return Ok(None);
    };
    let Some(key) = key_of(numbering) else {
        return Ok(None);
    };
    let number = window.schema.field(window.input.schema().fields().len());
    if *number.data_type() != DataType::UInt64 {
        return Ok(None);
    }
    let Some(Split { unique, repeated }) = split(&window.input, &key, splitting)? else {
        return Ok(None);
    };
    let mut columns: Vec<Expr> = unique.schema().iter().map(|field| Expr::Column(field.into())).collect();
    columns.push(lit(1_u64).alias(number.name()));
    let unique = Projection::try_new(columns, Arc::new(unique))?;
    let ranked = Window::try_new(window.window_expr.clone(), Arc::new(repeated))?;
    let all = Union::try_new(vec![
        Arc::new(LogicalPlan::Projection(unique)),
        Arc::new(LogicalPlan::Window(ranked)),
    ])?;
    // A union drops the qualifiers of columns, which nodes above may use.
    let columns = all.schema.fields().iter().zip(window.schema.iter());
    let columns = columns.map(|(column, (qualifier, field))| {
        Expr::Column(Column::new_unqualified(column.name())).alias_qualified(qualifier.cloned(), field.name())
    });
    let named = Projection::try_new(columns.collect(), Arc::new(LogicalPlan::Union(all)))?;
    Ok(Some(LogicalPlan::Projection(named)))
}

/// The columns by which `row_number` is partitioned, where it has no filter and its order is deterministic.
fn key_of(numbering: &Expr) -> Option<Vec<Column>> {
    let Expr::WindowFunction(function) = unaliased(numbering) else {
        return None;
    };
    let WindowFunction { fun, params } = function.as_ref();
    let is_row_number = matches!(fun, WindowFunctionDefinition::WindowUDF(function) if function.name() == "row_number");
    if !is_row_number || params.filter.is_some() || numbering.is_volatile() {
        return None;
    }
    let key: Option<Vec<Column>> = params
        .partition_by
        .iter()
        .map(|part| plain_column(part).cloned())
        .collect();
    key.filter(|key| !key.is_empty())
}

/// A plan over the rows of unique keys, and over all others.
struct Split {
    unique: LogicalPlan,
    repeated: LogicalPlan,
}

impl Split {
    fn map(self, above: impl Fn(LogicalPlan) -> Result<LogicalPlan>) -> Result<Self> {
        Ok(Self {
            unique: above(self.unique)?,
            repeated: above(self.repeated)?,
        })
    }
}

/// The plan over both parts of its table, split by columns of the plan that are columns of the table.
fn split(plan: &LogicalPlan, key: &[Column], splitting: Splitting<'_>) -> Result<Option<Split>> {
    let places = key.iter().map(|column| plan.schema().maybe_index_of_column(column));
    let Some(places) = places.collect::<Option<Vec<usize>>>() else {
        return Ok(None);
    };
    match plan {
        LogicalPlan::Filter(filter) if is_fixed(&filter.predicate) => {
            let filtered = |input: LogicalPlan| -> Result<LogicalPlan> {
                let filter = Filter::try_new(filter.predicate.clone(), Arc::new(input))?;
                Ok(LogicalPlan::Filter(filter))
            };
            let below = split(&filter.input, key, splitting)?;
            below.map(|parts| parts.map(filtered)).transpose()
        }
        LogicalPlan::Projection(projection) if projection.expr.iter().all(is_fixed) => {
            let below = places
                .iter()
                .map(|&place| plain_column(&projection.expr[place]).cloned());
            let Some(below) = below.collect::<Option<Vec<Column>>>() else {
                return Ok(None);
            };
            let below = split(&projection.input, &below, splitting)?;
            below
                .map(|parts| parts.map(|input| over(projection, input)))
                .transpose()
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let below: Vec<Column> = places.iter().map(|&place| column_at(&alias.input, place)).collect();
            if let Some(below) = split(&alias.input, &below, splitting)? {
                let named = |input: LogicalPlan| -> Result<LogicalPlan> {
                    let named = SubqueryAlias::try_new(Arc::new(input), alias.alias.clone())?;
                    Ok(LogicalPlan::SubqueryAlias(named))
                };
                return below.map(named).map(Some);
            }
            if splitting.inputs == Inputs::Tables || is_aggregation(&alias.input) || !can_be_read_again(&alias.input)? {
                return Ok(None);
            }
            let view = Arc::new(ViewTable::new(alias.input.as_ref().clone(), None));
            split_table(view, &alias.alias, key, splitting)
        }
        LogicalPlan::TableScan(scan) => match table_of(scan, splitting) {
            Some(table) => split_table(table, &scan.table_name, key, splitting),
            None => Ok(None),
        },
        _ => Ok(None),
    }
}

/// Whether an expression is deterministic and can be moved: it has no subquery, and no column of an outer query.
fn is_fixed(expr: &Expr) -> bool {
    let is_bound = expr.exists(|part| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    });
    !expr.is_volatile() && is_bound.is_ok_and(|is_bound| !is_bound)
}

/// Whether a plan gives the same rows each time it runs, and reads no part of a split table. Which of the rows that tie
/// in the order of a window comes first may differ; a query that depends on it has no definite answer.
fn can_be_read_again(plan: &LogicalPlan) -> Result<bool> {
    let mut has_other = false;
    plan.apply_with_subqueries(|node| {
        has_other |= match node {
            LogicalPlan::Limit(_) | LogicalPlan::Distinct(Distinct::On(_)) => true,
            LogicalPlan::TableScan(scan) => is_part(scan) || scan.fetch.is_some(),
            _ => false,
        };
        let mut expressions = node.expressions().into_iter();
        has_other |= expressions.any(|expr| expr.is_volatile() || takes_any_row(&expr));
        Ok(match has_other {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    })?;
    Ok(!has_other)
}

/// Whether an expression takes the value of an arbitrary row of a group, which may be another row each time.
fn takes_any_row(expr: &Expr) -> bool {
    let takes_one = expr.exists(|part| {
        Ok(match part {
            Expr::AggregateFunction(function) => {
                let is_of_one = matches!(
                    function.func.name(),
                    "any_value" | "first_value" | "last_value" | "nth_value"
                );
                is_of_one && function.params.order_by.is_empty()
            }
            _ => false,
        })
    });
    takes_one.unwrap_or(true)
}

/// Whether a scan reads a part of a table that is split already.
fn is_part(scan: &TableScan) -> bool {
    source_as_provider(&scan.source).is_ok_and(|table| table.is::<UniqueOrRepeatedRows>())
}

/// Whether a plan is an aggregation, perhaps with projections and conditions on top: computing it again would cost as
/// much as ranking.
fn is_aggregation(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => true,
        LogicalPlan::Projection(projection) => is_aggregation(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_aggregation(&alias.input),
        LogicalPlan::Filter(filter) => is_aggregation(&filter.input),
        _ => false,
    }
}

/// The table of a scan that reads all of it, where it may be read three times and is not a part of another already.
fn table_of(scan: &TableScan, splitting: Splitting<'_>) -> Option<Arc<dyn TableProvider>> {
    let reads_all = scan.projection.is_none() && scan.filters.is_empty() && scan.fetch.is_none();
    let table = source_as_provider(&scan.source).ok()?;
    let is_counted = || {
        table
            .statistics()
            .is_some_and(|known| known.num_rows.get_value().is_some())
    };
    let is_known = table.table_type() == TableType::Base && is_counted();
    let may_be_read = is_known || splitting.inputs == Inputs::TablesAndViews;
    (reads_all && may_be_read && !is_part(scan)).then_some(table)
}

/// Scans of both parts of a table, under its name.
fn split_table(
    table: Arc<dyn TableProvider>,
    name: &TableReference,
    key: &[Column],
    splitting: Splitting<'_>,
) -> Result<Option<Split>> {
    let schema = table.schema();
    let is_comparable = |column: &Column| {
        let field = schema.field_with_name(&column.name);
        field.is_ok_and(|field| can_be_of_key(field.data_type()))
    };
    if !key.iter().all(is_comparable) {
        return Ok(None);
    }
    let columns: Vec<String> = key.iter().map(|column| column.name.clone()).collect();
    let of_key = columns.join(", ");
    let key = Key {
        repeated: columns.into(),
        neighbours: None,
    };
    let Splitting { inputs, split } = splitting;
    let keys = split.repeated_keys(&table, &key.repeated, inputs);
    // Scans are distinguished by the names of their tables alone.
    let scan = |part, which: &str| {
        let part_name = TableReference::bare(format!("{name} of {which} {of_key}"));
        let rows = LogicalPlanBuilder::scan(part_name, provider_as_source(part), None)?;
        rows.alias(name.clone())?.build()
    };
    let [unique, repeated] = tables(&table, &key, &keys, inputs);
    Ok(Some(Split {
        unique: scan(unique, "unique")?,
        repeated: scan(repeated, "repeated")?,
    }))
}

/// A projection over another input of the same columns.
fn over(projection: &Projection, input: LogicalPlan) -> Result<LogicalPlan> {
    let schema = Arc::clone(&projection.schema);
    let projection = Projection::try_new_with_schema(projection.expr.clone(), Arc::new(input), schema)?;
    Ok(LogicalPlan::Projection(projection))
}

/// The column of a plan's rows at a position.
fn column_at(plan: &LogicalPlan, place: usize) -> Column {
    Column::from(plan.schema().qualified_field(place))
}

/// The column that an expression passes on, perhaps under another name.
fn plain_column(expr: &Expr) -> Option<&Column> {
    match unaliased(expr) {
        Expr::Column(column) => Some(column),
        _ => None,
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use datafusion::arrow::array::{ArrayRef, Float64Array, Int32Array, Int64Array, RecordBatch, StringViewArray};
    use datafusion::arrow::datatypes::SchemaRef;
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::catalog::Session;
    use datafusion::common::Statistics;
    use datafusion::common::stats::Precision;
    use datafusion::datasource::MemTable;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::physical_plan::ExecutionPlan;
    use datafusion::prelude::{SessionConfig, SessionContext};
    use proptest::prelude::*;
    use tokio::runtime::Runtime;

    use super::*;
    use crate::engine::repeated_rows::kept_keys::KeptKeys;

    /// A table in memory with a number of rows in its statistics.
    #[derive(Debug)]
    struct Counted(MemTable, usize);

    #[async_trait]
    impl TableProvider for Counted {
        fn schema(&self) -> SchemaRef {
            self.0.schema()
        }

        fn table_type(&self) -> TableType {
            TableType::Base
        }

        fn statistics(&self) -> Option<Statistics> {
            let mut statistics = Statistics::new_unknown(&self.schema());
            statistics.num_rows = Precision::Exact(self.1);
            Some(statistics)
        }

        async fn scan(
            &self,
            session: &dyn Session,
            projection: Option<&Vec<usize>>,
            filters: &[Expr],
            limit: Option<usize>,
        ) -> Result<Arc<dyn ExecutionPlan>> {
            self.0.scan(session, projection, filters, limit).await
        }
    }

    /// A row: two texts, a day and a number; its id is its place.
    type Row = (Option<&'static str>, Option<&'static str>, Option<i32>, Option<f64>);

    fn some_rows() -> impl Strategy<Value = Vec<Row>> {
        let text = || {
            prop::option::weighted(
                0.9,
                prop::sample::select(vec!["x", "y", "z", "X", "", "long enough to lie beside"]),
            )
        };
        let number = prop::option::weighted(0.8, prop::sample::select(vec![0.0, 1.0, 2.5, f64::NAN]));
        prop::collection::vec((text(), text(), prop::option::weighted(0.9, 0..4), number), 0..40)
    }

    /// A session with the rows as table `t` in two partitions, and a view `seen` of it, with or without the rule.
    async fn session(rows: &[Row], has_rule: bool) -> SessionContext {
        let columns: [(&str, ArrayRef); 5] = [
            ("id", Arc::new(Int64Array::from_iter_values(0..rows.len() as i64))),
            ("a", Arc::new(rows.iter().map(|row| row.0).collect::<StringViewArray>())),
            ("b", Arc::new(rows.iter().map(|row| row.1).collect::<StringViewArray>())),
            ("day", Arc::new(rows.iter().map(|row| row.2).collect::<Int32Array>())),
            ("v", Arc::new(rows.iter().map(|row| row.3).collect::<Float64Array>())),
        ];
        let columns = columns.map(|(name, values)| (name, values, true));
        let all = RecordBatch::try_from_iter_with_nullable(columns).expect("columns");
        let half = rows.len() / 2;
        let parts = vec![vec![all.slice(0, half)], vec![all.slice(half, rows.len() - half)]];
        let table = MemTable::try_new(all.schema(), parts).expect("a table");
        let mut state = SessionStateBuilder::new()
            .with_config(SessionConfig::new().with_target_partitions(2))
            .with_default_features();
        if has_rule {
            state = state.with_analyzer_rule(Arc::new(RankOnlyRepeated::default()));
        }
        let session = SessionContext::new_with_state(state.build());
        session
            .register_table("t", Arc::new(Counted(table, rows.len())))
            .expect("a table");
        let view = session
            .sql("select id, a as name, b, day from t where day is null or day < 3")
            .await;
        session
            .register_table("seen", view.expect("a view").into_view())
            .expect("a view");
        session
    }

    /// The lines of the answer, in any order.
    async fn answer(session: &SessionContext, sql: &str) -> Vec<String> {
        let rows = session.sql(sql).await.expect(sql).collect().await.expect(sql);
        let text = pretty_format_batches(&rows).expect("text").to_string();
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| line.starts_with('|'))
            // Without rows, the names of the columns may be missing: an answer may have no batch at all.
            .skip(1)
            .map(str::to_owned)
            .collect();
        lines.sort_unstable();
        lines
    }

    /// Queries of the shape, and the key whose rows are compared.
    const SPLIT: [(&str, &str); 9] = [
        (
            "select * from (select *, row_number() over (partition by a order by v desc nulls last, id) as place from t) where place = 1",
            "a",
        ),
        (
            "with ranked as (select t.*, row_number() over (partition by b, a order by v, id desc) as place from t where day is not null) \
             select a, b, id from ranked where 1 = place and day > 0",
            "b, a",
        ),
        (
            "select id, x from (select id, v * 2 as x, row_number() over (partition by day order by b nulls first, id) as n from t) where n <= 1",
            "day",
        ),
        (
            // Ties: which row wins is open, but not the values it is ranked by.
            "select a, day, v from (select *, row_number() over (partition by a, day order by v asc nulls first) as n from t) r \
             where n = 1",
            "a, day",
        ),
        (
            "select count(*) from (select a, row_number() over (partition by a order by id) as n from t) where n = 1",
            "a",
        ),
        (
            "select name, id from (select *, row_number() over (partition by name order by id desc) as n from seen) where n = 1 and name <> 'x'",
            "a",
        ),
        (
            "select id, day from t qualify row_number() over (partition by a order by id) = 1",
            "a",
        ),
        (
            "select l.id, r.id from t l join (select * from (select *, row_number() over (partition by a order by id) as n from t) \
             where n = 1) r on l.a = r.a",
            "a",
        ),
        (
            "with firsts as (select *, lower(b) as low from (select *, row_number() over (partition by b order by day, id) as n from t) \
             where n = 1) select l.id, r.id, r.day from firsts l join firsts r on l.id <= r.id where l.low = 'x'",
            "b",
        ),
    ];

    /// Queries that ask for repeated keys alone, by `a`.
    const REPEATED: [&str; 2] = [
        "select id, n from (select *, row_number() over (partition by a order by id) as n from t) where n = 2",
        "select a from (select a, row_number() over (partition by a) as n from t where a is not null) where n = 2",
    ];

    /// Queries that are left as they are.
    const NOT_SPLIT: [&str; 9] = [
        "select id from (select *, row_number() over (partition by lower(a) order by id) as n from t) where n = 1",
        "select id from (select *, row_number() over (partition by v order by id) as n from t) where n = 1",
        "select id, n from (select *, row_number() over (partition by a order by id) as n from t) where n > 1",
        "select id from (select *, row_number() over (order by id) as n from t) where n = 1",
        "select id from (select *, row_number() over (partition by a order by id) as n from (select * from t limit 100)) where n = 1",
        "select id from (select *, rank() over (partition by a order by day) as n from t) where n = 1",
        "select id, c from (select *, row_number() over (partition by a order by id) as n, count(*) over (partition by a) as c from t) where n = 1",
        "select id from (select *, row_number() over (partition by a order by id) as n from (select distinct a, id from t)) where n = 1",
        "select id from (select *, row_number() over (partition by a order by id) as n from t where day in (select day from t where v > 1)) where n = 1",
    ];

    #[test]
    fn explain_shows_which_queries_compare_keys_first() {
        let runtime = Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let session = session(&[(Some("x"), None, Some(1), None)], true).await;
            for (sql, key) in SPLIT {
                let plan = answer(&session, &format!("explain {sql}")).await.join("\n");
                for passing in ["Alone", "Others"] {
                    let node = format!("RepeatedRowsExec: passing={passing}, key=[{key}]");
                    assert!(plan.contains(&node), "{sql}\n{plan}");
                }
            }
            for sql in REPEATED {
                let plan = answer(&session, &format!("explain {sql}")).await.join("\n");
                assert!(
                    plan.contains("RepeatedRowsExec: passing=Others, key=[a]"),
                    "{sql}\n{plan}"
                );
                assert!(!plan.contains("passing=Alone"), "{sql}\n{plan}");
            }
            for sql in NOT_SPLIT {
                let plan = answer(&session, &format!("explain {sql}")).await.join("\n");
                assert!(!plan.contains("RepeatedRowsExec"), "{sql}\n{plan}");
            }
        });
    }

    #[tokio::test]
    async fn a_statement_whose_repeated_keys_may_not_fit_into_memory_ranks_all_rows() {
        let rows: [Row; 3] = [
            (Some("x"), None, Some(1), Some(1.0)),
            (Some("y"), None, None, None),
            (Some("x"), Some("b"), Some(2), None),
        ];
        let plain = session(&rows, false).await;
        for (said_rows, alone) in [(3, 1), (1 << 40, 0)] {
            let runtime = RuntimeEnvBuilder::new().with_memory_limit(1 << 30, 1.0);
            let state = SessionStateBuilder::new_from_existing(session(&rows, true).await.state());
            let state = state.with_runtime_env(runtime.build_arc().expect("a runtime"));
            let session = SessionContext::new_with_state(state.build());
            let table = session.table("t").await.expect("t");
            let schema = Arc::clone(table.schema().inner());
            let batches = table.collect().await.expect("rows");
            let table = MemTable::try_new(schema, vec![batches]).expect("a table");
            session.deregister_table("t").expect("t");
            session
                .register_table("t", Arc::new(Counted(table, said_rows)))
                .expect("a table");
            let (sql, key) = SPLIT[0];
            assert_eq!(answer(&session, sql).await, answer(&plain, sql).await);
            let run = answer(&session, &format!("explain analyze {sql}")).await.join("\n");
            let node = format!("RepeatedRowsExec: passing=Alone, key=[{key}], metrics=[output_rows={alone},");
            assert!(run.contains(&node), "{run}");
        }
    }

    #[tokio::test]
    async fn views_are_split_where_they_are_the_same_each_time() {
        let session = session(&[(Some("x"), None, Some(1), None)], false).await;
        let of_days = |key: &str| {
            format!("select l.k, r.id from (select {key} as k, day from t group by day) l join t r on r.day = l.day")
        };
        for (view, is_split) in [
            ("select lower(a) as k, id from t".to_owned(), true),
            ("select lower(a) as k, id from t limit 5".to_owned(), false),
            (
                "select lower(a) as k, id from t where id in (select id from t limit 5)".to_owned(),
                false,
            ),
            ("select distinct on (b) lower(a) as k, id from t".to_owned(), false),
            (
                "select case when random() < 0.5 then a end as k, id from t".to_owned(),
                false,
            ),
            (of_days("min(a)"), true),
            (of_days("first_value(a order by id)"), true),
            (of_days("first_value(a)"), false),
        ] {
            let sql = format!(
                "select k from (select *, row_number() over (partition by k order by id) as n from ({view}) v) where n = 1"
            );
            let plan = session.sql(&sql).await.expect(&view).into_unoptimized_plan();
            let plan = ranking_only_repeated(plan, Inputs::TablesAndViews, &SplitTables::default()).expect(&view);
            let shown = plan.display_indent().to_string();
            assert_eq!(shown.contains("TableScan: v of unique k"), is_split, "{view}\n{shown}");
        }
    }

    /// The repeated keys of all parts of tables in a plan.
    fn keys_in(plan: &LogicalPlan) -> Vec<Arc<KeptKeys>> {
        let mut keys = Vec::new();
        plan.apply(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Ok(table) = source_as_provider(&scan.source)
                && let Some(part) = table.downcast_ref::<UniqueOrRepeatedRows>()
            {
                keys.push(Arc::clone(part.repeated()));
            }
            Ok(TreeNodeRecursion::Continue)
        })
        .expect("a plan");
        keys
    }

    #[tokio::test]
    async fn a_statement_shares_the_repeated_keys_of_a_view_over_its_table() {
        let rows: [Row; 2] = [(Some("x"), None, Some(1), None), (Some("x"), None, None, None)];
        let session = session(&rows, false).await;
        let split = SplitTables::default();
        let plan = async |sql: &str, inputs: Inputs| {
            let plan = session.sql(sql).await.expect(sql).into_unoptimized_plan();
            ranking_only_repeated(plan, inputs, &split).expect(sql)
        };
        let view = plan(SPLIT[0].0, Inputs::TablesAndViews).await;
        let of_view = keys_in(&view);
        assert_eq!(of_view.len(), 2);
        for (sql, is_shared) in [(REPEATED[0], true), (REPEATED[1], true), (SPLIT[2].0, false)] {
            let statement = keys_in(&plan(sql, Inputs::Tables).await);
            assert_eq!(statement.len(), 2, "{sql}");
            let is_of_view = |keys: &Arc<KeptKeys>| Arc::ptr_eq(keys, &of_view[0]);
            assert!(statement.iter().all(|keys| is_of_view(keys) == is_shared), "{sql}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn the_rows_are_those_of_the_plain_window(rows in some_rows()) {
            let runtime = Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let (with, without) = (session(&rows, true).await, session(&rows, false).await);
                for sql in SPLIT.map(|(sql, _)| sql).into_iter().chain(REPEATED).chain(NOT_SPLIT) {
                    assert_eq!(answer(&with, sql).await, answer(&without, sql).await, "{sql}");
                }
            });
        }
    }
}
