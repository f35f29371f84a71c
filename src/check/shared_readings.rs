//! Reads rows once that several rules filter.
//!
//! Most rules are a condition on a table or on a join, `select … from rows where condition`. Those over the same rows share
//! a reading: the rows that break one of them, few in sound exports, are kept, and each rule runs over these. A table
//! of the contract is read whole anyway, since every column of it must be readable, so its rules share that reading.
//! Rules are found by their plans and not by their names, so a site's own rules are among them.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::Utc;
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::catalog::TableProvider;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, Result, ScalarValue, internal_err};
use datafusion::dataframe::DataFrame;
use datafusion::datasource::provider_as_source;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::logical_plan::{Filter, Projection};
use datafusion::logical_expr::utils::disjunction;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, cast};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;

use crate::engine::materialised;
use crate::engine::repeated_rows::SplitTables;
use crate::exports::Table;

/// The number of rules from which on a shared reading is worth its cost.
const FEWEST_RULES: usize = 2;

/// The rows that several rules filter.
pub struct SharedReadings {
    readings: Vec<Reading>,
    moment: Moment,
}

/// The time that is `now()` in all conditions, in nanoseconds since 1970, so that no row breaks a rule only later.
#[derive(Debug, Clone, Copy)]
struct Moment(Option<i64>);

/// Rows that are read once.
struct Reading {
    /// The rows, as in the plans of the rules.
    rows: LogicalPlan,
    /// The table of the contract whose rows these are, all of them.
    table: Option<Table>,
    /// The positions of the columns that are kept.
    columns: BTreeSet<usize>,
    /// The rules' conditions, over the columns' names by [`kept_name`].
    conditions: Vec<Expr>,
    /// The rows that meet one of the conditions.
    kept: Option<Arc<dyn TableProvider>>,
}

/// A part of a rule that filters rows.
struct Filtering<'a> {
    projection: &'a Projection,
    filter: &'a Filter,
    /// The condition, with the time of the check.
    condition: Expr,
    /// The positions of the columns that it reads.
    columns: BTreeSet<usize>,
}

impl SharedReadings {
    /// No reading is shared.
    pub fn none() -> Self {
        Self {
            readings: Vec::new(),
            moment: Moment(None),
        }
    }

    /// The readings that `rules` share. Nothing is read or planned yet.
    ///
    /// # Errors
    /// Where a table cannot be found, or a part of a rule is invalid.
    pub async fn of_rules(session: &SessionContext, rules: &[&LogicalPlan]) -> Result<Self> {
        let mut shared = Self {
            readings: Vec::new(),
            moment: Moment(Utc::now().timestamp_nanos_opt()),
        };
        for table in Table::ALL {
            if session.table_exist(table.name())? {
                let rows = session.table(table.name()).await?.into_unoptimized_plan();
                shared.readings.push(Reading::new(rows, Some(table)));
            }
        }
        for rule in rules {
            shared.add(rule)?;
        }
        let is_shared = |reading: &Reading| match reading.table {
            Some(_) => !reading.conditions.is_empty(),
            None => reading.conditions.len() >= FEWEST_RULES,
        };
        shared.readings.retain(is_shared);
        Ok(shared)
    }

    /// Plans the readings of a table of the contract, or all others: only now, since planning runs the mapping of a
    /// table. Rules whose reading is not planned read for themselves.
    ///
    /// # Errors
    /// Where the rows cannot be planned, or a mapping fails.
    pub async fn plan(&mut self, session: &SessionContext, table: Option<Table>) -> Result<()> {
        for reading in &mut self.readings {
            if reading.table == table {
                reading.kept = reading.keep(session).await?;
            }
        }
        Ok(())
    }

    /// The rows of a table of the contract that may break a rule. Reading them reads every row and column of the table.
    pub fn of_table(&self, table: Table) -> Option<Arc<dyn TableProvider>> {
        let reading = self.readings.iter().find(|reading| reading.table == Some(table));
        reading.and_then(|reading| reading.kept.clone())
    }

    /// The plan of a rule over the rows that were kept.
    ///
    /// # Errors
    /// Where a part of the plan is invalid.
    pub fn replace_in(&self, rule: LogicalPlan) -> Result<LogicalPlan> {
        let replaced = rule.transform_down(|node| {
            if is_union(&node) {
                return Ok(Transformed::no(node));
            }
            Ok(match self.replacement(&node)? {
                Some(over_kept) => Transformed::new(over_kept, true, TreeNodeRecursion::Jump),
                None => Transformed::new(node, false, TreeNodeRecursion::Jump),
            })
        });
        replaced.data()
    }

    fn replacement(&self, node: &LogicalPlan) -> Result<Option<LogicalPlan>> {
        let Some(filtering) = Filtering::of(node, self.moment)? else {
            return Ok(None);
        };
        let rows = filtering.filter.input.as_ref();
        match self.readings.iter().position(|reading| reading.rows == *rows) {
            Some(number) => self.readings[number].replace(&filtering, number),
            None => Ok(None),
        }
    }

    /// Adds the conditions by which a rule finds violations. Those further below in its plan are not looked at: they may
    /// hold for all rows.
    fn add(&mut self, rule: &LogicalPlan) -> Result<()> {
        rule.apply(|node| {
            if is_union(node) {
                return Ok(TreeNodeRecursion::Continue);
            }
            if let Some(filtering) = Filtering::of(node, self.moment)? {
                let rows = filtering.filter.input.as_ref();
                let known = self.readings.iter().position(|reading| reading.rows == *rows);
                let place = known.unwrap_or(self.readings.len());
                if known.is_none() {
                    self.readings.push(Reading::new(rows.clone(), None));
                }
                self.readings[place].add(filtering)?;
            }
            Ok(TreeNodeRecursion::Jump)
        })?;
        Ok(())
    }
}

impl Reading {
    fn new(rows: LogicalPlan, table: Option<Table>) -> Self {
        let columns = match table {
            Some(_) => (0..rows.schema().fields().len()).collect(),
            None => BTreeSet::new(),
        };
        Self {
            rows,
            table,
            columns,
            conditions: Vec::new(),
            kept: None,
        }
    }

    fn add(&mut self, filtering: Filtering) -> Result<()> {
        let schema = self.rows.schema();
        let renamed = filtering.condition.transform(|part| {
            let place = match &part {
                Expr::Column(column) => schema.maybe_index_of_column(column),
                _ => None,
            };
            Ok(match place {
                Some(place) => Transformed::yes(Expr::Column(Column::new_unqualified(kept_name(place)))),
                None => Transformed::no(part),
            })
        });
        self.conditions.push(renamed.data()?);
        self.columns.extend(filtering.columns);
        Ok(())
    }

    /// The table of the rows that meet one of the conditions, which are read when it is first read. The conditions are
    /// applied to the rows of a finished plan: pushed into it, they would keep it from reading all of a table.
    async fn keep(&self, session: &SessionContext) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(condition) = disjunction(self.conditions.iter().cloned()) else {
            return Ok(None);
        };
        let columns = self.columns.iter().map(|&place| {
            let column = Column::from(self.rows.schema().qualified_field(place));
            Expr::Column(column).alias(kept_name(place))
        });
        let rows = Projection::try_new(columns.collect(), Arc::new(self.rows.clone()))?;
        let rows = DataFrame::new(session.state(), LogicalPlan::Projection(rows));
        let mut rows = rows.create_physical_plan().await?;
        if let Some(table) = self.table {
            // All rows are read here with all columns, so they need not be read again for the keys that views compare.
            let table = session.table_provider(table.name()).await?;
            rows = SplitTables::of(&session.copied_config()).finding_keys(&table, rows);
        }
        let condition = session.create_physical_expr(condition, &DFSchema::try_from(rows.schema())?)?;
        let rows: Arc<dyn ExecutionPlan> = Arc::new(FilterExec::try_new(condition, rows)?);
        let schema = rows.schema();
        let partitions = (0..rows.output_partitioning().partition_count()).map(|number| -> Arc<dyn PartitionStream> {
            Arc::new(Partition {
                rows: Mutex::new(Some(Arc::clone(&rows))),
                schema: Arc::clone(&schema),
                number,
            })
        });
        let rows = StreamingTable::try_new(Arc::clone(&schema), partitions.collect())?;
        // The finished plan runs once, so it must not be tried again for another partition where it fails.
        Ok(Some(materialised(session.read_table(Arc::new(rows))?, 1)))
    }

    /// The part of a rule over the rows that were kept, under their own names.
    fn replace(&self, filtering: &Filtering, number: usize) -> Result<Option<LogicalPlan>> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let name = format!("rows_that_break_rules_{number}");
        let kept = LogicalPlanBuilder::scan(name, provider_as_source(Arc::clone(kept)), None)?.build()?;
        let columns = self.columns.iter().enumerate().map(|(kept_place, &place)| {
            let (qualifier, field) = self.rows.schema().qualified_field(place);
            let (kept_qualifier, kept_field) = kept.schema().qualified_field(kept_place);
            let mut column = Expr::Column(Column::from((kept_qualifier, kept_field)));
            // The optimiser may have chosen another type of text.
            if kept_field.data_type() != field.data_type() {
                column = cast(column, field.data_type().clone());
            }
            column.alias_qualified(qualifier.cloned(), field.name())
        });
        let named = Projection::try_new(columns.collect(), Arc::new(kept.clone()))?;
        let named = Arc::new(LogicalPlan::Projection(named));
        let filter = LogicalPlan::Filter(Filter::try_new(filtering.condition.clone(), named)?);
        let rows = Projection::try_new(filtering.projection.expr.clone(), Arc::new(filter))?;
        Ok(Some(LogicalPlan::Projection(rows)))
    }
}

impl<'a> Filtering<'a> {
    /// What a node of a plan filters, where its condition can be applied to rows that another rule looks for.
    fn of(node: &'a LogicalPlan, moment: Moment) -> Result<Option<Self>> {
        let LogicalPlan::Projection(projection) = node else {
            return Ok(None);
        };
        let LogicalPlan::Filter(filter) = projection.input.as_ref() else {
            return Ok(None);
        };
        let condition = moment.in_condition(&filter.predicate)?;
        let is_whole = filter.input.all_out_ref_exprs().is_empty() && !projection.expr.iter().any(has_subquery);
        if !is_whole || !cannot_fail(&condition) {
            return Ok(None);
        }
        let schema = filter.input.schema();
        let read = projection.expr.iter().chain([&filter.predicate]);
        let columns = read.flat_map(Expr::column_refs);
        let columns: Option<BTreeSet<usize>> = columns.map(|column| schema.maybe_index_of_column(column)).collect();
        let columns = columns.filter(|columns| !columns.is_empty());
        Ok(columns.map(|columns| Self {
            projection,
            filter,
            condition,
            columns,
        }))
    }
}

impl Moment {
    /// The condition with this time for `now()`.
    fn in_condition(self, condition: &Expr) -> Result<Expr> {
        let with_time = condition.clone().transform(|part| {
            let is_now = match &part {
                Expr::ScalarFunction(function) => function.args.is_empty() && function.func.name() == "now",
                _ => false,
            };
            if is_now
                && self.0.is_some()
                && let DataType::Timestamp(TimeUnit::Nanosecond, zone) = part.get_type(&DFSchema::empty())?
            {
                let time = ScalarValue::TimestampNanosecond(self.0, zone);
                return Ok(Transformed::yes(Expr::Literal(time, None)));
            }
            Ok(Transformed::no(part))
        });
        with_time.data()
    }
}

/// Whether a rule gives the violations of several queries.
fn is_union(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::Union(_))
}

/// The name of a kept column, by its position. Columns of a join may have the same name.
fn kept_name(place: usize) -> String {
    format!("c{place}")
}

/// Whether a condition is made of comparisons alone, which give no error for any row and the same each time.
fn cannot_fail(condition: &Expr) -> bool {
    let may_fail = condition.exists(|part| {
        let is_plain = match part {
            Expr::Column(_) | Expr::Literal(..) | Expr::IsNull(_) | Expr::IsNotNull(_) => true,
            Expr::Not(_) | Expr::Negative(_) | Expr::InList(_) | Expr::Between(_) => true,
            Expr::BinaryExpr(binary) => is_comparison(binary.op),
            Expr::ScalarFunction(function) => function.func.name() == "isnan",
            _ => false,
        };
        Ok(!is_plain)
    });
    may_fail.is_ok_and(|may_fail| !may_fail)
}

fn is_comparison(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::And
            | Operator::Or
            | Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
    )
}

/// Whether an expression has a subquery, which may read columns that its own do not tell.
fn has_subquery(expr: &Expr) -> bool {
    let has = expr.exists(|part| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_)
        ))
    });
    has.unwrap_or(true)
}

/// A partition of the rows that meet a condition.
#[derive(Debug)]
struct Partition {
    /// The plan of all partitions, until this one is read: a plan that has run may hold the rows of a join's side.
    rows: Mutex<Option<Arc<dyn ExecutionPlan>>>,
    schema: SchemaRef,
    number: usize,
}

impl PartitionStream for Partition {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        let number = self.number;
        let batches = futures::stream::once(async move {
            match rows {
                Some(rows) => rows.execute(number, context),
                None => internal_err!("rows of several rules are read once"),
            }
        });
        let batches = batches.try_flatten();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringViewArray};
    use datafusion::arrow::util::pretty::pretty_format_batches;
    use datafusion::datasource::MemTable;
    use datafusion::prelude::SessionConfig;

    use super::*;
    use crate::engine::repeated_rows::{Inputs, ranking_only_repeated};

    /// Users, in two partitions, and their progress.
    fn session() -> SessionContext {
        let text = |values: [Option<&str>; 4]| -> ArrayRef { Arc::new(StringViewArray::from_iter(values)) };
        let users = [
            ("user_id", text([Some("u1"), Some("u2"), None, Some("u2")])),
            ("first_name", text([Some("a"), None, Some("c"), Some("d")])),
        ];
        let percents = Float64Array::from(vec![Some(0.0), Some(f64::NAN), Some(101.0), None]);
        let progress = [
            ("user_id", text([Some("u1"), Some("u2"), Some("u9"), None])),
            ("progress_percent", Arc::new(percents) as ArrayRef),
        ];
        let config = SessionConfig::new().with_target_partitions(2);
        let session = SessionContext::new_with_config(config.with_extension(Arc::new(SplitTables::default())));
        for (name, columns) in [("users", users), ("course_progress", progress)] {
            let columns = columns.map(|(column, values)| (column, values, true));
            let rows = RecordBatch::try_from_iter_with_nullable(columns).expect("columns");
            let parts = vec![vec![rows.slice(0, 2)], vec![rows.slice(2, 2)]];
            let table = MemTable::try_new(rows.schema(), parts).expect("a table");
            session.register_table(name, Arc::new(table)).expect("a table");
        }
        session
    }

    /// The sorted lines of an answer.
    async fn lines(session: &SessionContext, plan: LogicalPlan) -> Vec<String> {
        let rows = DataFrame::new(session.state(), plan).collect().await.expect("rows");
        let text = pretty_format_batches(&rows).expect("text").to_string();
        let mut lines: Vec<String> = text
            .lines()
            .filter(|line| line.contains(" row "))
            .map(str::to_owned)
            .collect();
        lines.sort_unstable();
        lines
    }

    /// Rules, whether each runs over rows that were kept, and how many rows break it.
    const RULES: [(&str, bool, usize); 10] = [
        (
            "select concat('row ', first_name) as example from users where user_id is null",
            true,
            1,
        ),
        (
            "select concat('row ', user_id) as example from users where first_name is null",
            true,
            1,
        ),
        (
            "select concat('row ', user_id) as example from course_progress \
             where progress_percent < 0 or progress_percent > 100 or isnan(progress_percent)",
            true,
            2,
        ),
        (
            "select concat('row ', progress.user_id) as example from course_progress as progress \
             left join users as who on who.user_id = progress.user_id where who.user_id is null",
            true,
            2,
        ),
        (
            "select concat('row ', who.first_name) as example from course_progress as progress \
             left join users as who on who.user_id = progress.user_id where who.first_name = 'd'",
            true,
            1,
        ),
        (
            "select concat('row ', user_id) as example from users where first_name = 'a' \
             union all select concat('row ', user_id) as example from users where now() is null",
            true,
            1,
        ),
        // A condition that finds no violations itself.
        (
            "select concat('row ', user_id) as example from (select distinct user_id from users where user_id is not null)",
            false,
            2,
        ),
        // Alone over its rows; with a function that may fail; with a condition on groups.
        (
            "select concat('row ', u.user_id) as example from users as u where u.first_name = 'd'",
            false,
            1,
        ),
        (
            "select concat('row ', user_id) as example from users where lower(first_name) = 'a'",
            false,
            1,
        ),
        (
            "select concat('row ', user_id) as example from users group by user_id having count(*) > 1",
            false,
            1,
        ),
    ];

    #[tokio::test]
    async fn rules_over_the_same_rows_find_in_one_reading_what_they_find_alone() {
        let session = session();
        let mut plans = Vec::new();
        for (sql, ..) in RULES {
            plans.push(session.sql(sql).await.expect(sql).into_unoptimized_plan());
        }
        let rules: Vec<&LogicalPlan> = plans.iter().collect();
        let mut shared = SharedReadings::of_rules(&session, &rules).await.expect("readings");
        for table in [Some(Table::Users), Some(Table::CourseProgress), None] {
            shared.plan(&session, table).await.expect("plans");
        }
        assert!(shared.of_table(Table::Users).is_some() && shared.of_table(Table::CourseProgress).is_some());
        assert!(shared.of_table(Table::Enrolments).is_none());
        assert_eq!(shared.readings.len(), 3);
        for ((sql, is_shared, count), plan) in RULES.into_iter().zip(&plans) {
            let replaced = shared.replace_in(plan.clone()).expect(sql);
            let shown = replaced.display_indent().to_string();
            assert_eq!(shown.contains("rows_that_break_rules"), is_shared, "{sql}\n{shown}");
            let found = lines(&session, replaced).await;
            assert_eq!(found.len(), count, "{sql}");
            assert_eq!(found, lines(&session, plan.clone()).await, "{sql}");
        }
    }

    #[tokio::test]
    async fn a_view_keeps_one_row_of_each_key_after_its_keys_were_found_in_a_reading() {
        let session = session();
        let sql = "select concat('row ', user_id) as example \
            from (select *, row_number() over (partition by user_id order by first_name) as n from users) where n = 1";
        let view = session.sql(sql).await.expect("a view").into_unoptimized_plan();
        let split = SplitTables::of(&session.copied_config());
        let view = ranking_only_repeated(view, Inputs::TablesAndViews, &split).expect("a view");
        let rule = session.sql(RULES[0].0).await.expect("a rule").into_unoptimized_plan();
        let mut shared = SharedReadings::of_rules(&session, &[&rule]).await.expect("readings");
        shared.plan(&session, Some(Table::Users)).await.expect("plans");
        let rows = shared.of_table(Table::Users).expect("a reading");
        session.read_table(rows).expect("rows").collect().await.expect("rows");
        assert_eq!(lines(&session, view).await.len(), 3, "u1, u2 and the row without an id");
    }

    #[tokio::test]
    async fn the_rows_of_a_table_are_those_that_break_a_rule() {
        let session = session();
        let rule = session.sql(RULES[0].0).await.expect("a rule").into_unoptimized_plan();
        let mut shared = SharedReadings::of_rules(&session, &[&rule]).await.expect("readings");
        assert!(shared.of_table(Table::Users).is_none(), "a plan before it is asked for");
        shared.plan(&session, Some(Table::Users)).await.expect("plans");
        let rows = shared.of_table(Table::Users).expect("a reading");
        let rows = session.read_table(rows).expect("rows").collect().await.expect("rows");
        insta::assert_snapshot!(pretty_format_batches(&rows).expect("text").to_string(), @r"
        +----+----+
        | c0 | c1 |
        +----+----+
        |    | c  |
        +----+----+
        ");
        assert!(shared.of_table(Table::CourseProgress).is_none());
    }
}
