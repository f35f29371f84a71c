//! Analyzer rules: comparisons of times before the engine's type coercion, casts of times after it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, plan_err};
use datafusion::logical_expr::expr::{AggregateFunction, Between, Cast, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, lit};
use datafusion::optimizer::AnalyzerRule;

use super::Functions;
use super::functions::{arithmetic, casts};
use super::planner::{aligned, is_comparison, operation};
use super::values::{Kind, interval_type, kind_of, local_type, moment_type, time_type};

/// The functions that casts to text are rewritten to, and that do not know the zone.
const WRITERS: [&str; 3] = ["text", "varchar", "bpchar"];

/// Compares times of different types as the most exact of them, and intervals by their lengths; also plans operators
/// between parameters, whose types were not known before.
#[derive(Debug)]
pub struct Comparisons(pub Arc<Functions>);

/// Casts times by the dialect's own functions, also where the engine inserted the cast.
#[derive(Debug)]
pub struct Casts(pub Arc<Functions>);

impl AnalyzerRule for Comparisons {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        rewritten(plan, &|expr, schema| self.expression(expr, schema))
    }

    fn name(&self) -> &str {
        "comparisons_of_times"
    }
}

impl AnalyzerRule for Casts {
    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let plan = rewritten(plan, &|expr, schema| self.expression(expr, schema))?;
        plan.transform_up_with_subqueries(|plan| self.sorted(plan))
            .map(|plan| plan.data)
    }

    fn name(&self) -> &str {
        "casts_of_times"
    }
}

/// Rewrites every expression of a plan, the inner ones first. Columns keep their names.
fn rewritten(plan: LogicalPlan, rewrite: &dyn Fn(Expr, &DFSchema) -> Result<Transformed<Expr>>) -> Result<LogicalPlan> {
    let mut is_changed = false;
    let rewritten = plan.transform_up_with_subqueries(|plan| {
        let mut schema = merge_schema(&plan.inputs());
        if let LogicalPlan::TableScan(scan) = &plan {
            let columns = DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?;
            schema.merge(&columns);
        }
        let names = NamePreserver::new(&plan);
        let rewritten = plan.map_expressions(|expr| {
            let name = names.save(&expr);
            let rewritten = expr.transform_up(|expr| rewrite(expr, &schema))?;
            Ok(match rewritten.transformed {
                true => rewritten.update_data(|expr| name.restore(expr)),
                false => rewritten,
            })
        })?;
        is_changed |= rewritten.transformed;
        // The types of columns may have changed, here or below.
        match is_changed {
            true => rewritten.map_data(LogicalPlan::recompute_schema),
            false => Ok(rewritten),
        }
    })?;
    Ok(rewritten.data)
}

impl Comparisons {
    fn expression(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let kind = |expr: &Expr| expr.get_type(schema).map_or(Kind::Other, |kind| kind_of(&kind));
        match &expr {
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
                let planned = operation(&self.0, left, *op, right, schema);
                Ok(planned.map_or_else(|| Transformed::no(expr), Transformed::yes))
            }
            Expr::Between(Between {
                expr: value,
                negated,
                low,
                high,
            }) => {
                let kinds = [kind(value), kind(low), kind(high)];
                let Some([value, low, high]) = aligned(&self.0, [value, low, high], kinds) else {
                    return Ok(Transformed::no(expr));
                };
                let between = Between::new(Box::new(value), *negated, Box::new(low), Box::new(high));
                Ok(Transformed::yes(Expr::Between(between)))
            }
            Expr::InList(list) => Ok(self
                .in_list(list, &kind)
                .map_or_else(|| Transformed::no(expr), Transformed::yes)),
            _ => Ok(Transformed::no(expr)),
        }
    }

    /// `x in (…)`, where not all are of one type, as comparisons of each.
    fn in_list(&self, list: &InList, kind: &dyn Fn(&Expr) -> Kind) -> Option<Expr> {
        let of_value = kind(&list.expr);
        let pairs = list
            .list
            .iter()
            .map(|item| aligned(&self.0, [&*list.expr, item], [of_value, kind(item)]));
        let pairs: Vec<Option<[Expr; 2]>> = pairs.collect();
        let is_changed = pairs.iter().any(Option::is_some);
        // Where only the items change, it stays a list.
        let is_value_kept = pairs.iter().flatten().all(|[value, _]| value == &*list.expr);
        if !is_changed {
            return None;
        }
        let items = pairs.into_iter().zip(&list.list);
        if is_value_kept {
            let items = items.map(|(pair, item)| pair.map_or_else(|| item.clone(), |[_, item]| item));
            return Some(Expr::InList(InList::new(
                list.expr.clone(),
                items.collect(),
                list.negated,
            )));
        }
        let equals = items.map(|(pair, item)| {
            let [value, item] = pair.unwrap_or_else(|| [(*list.expr).clone(), item.clone()]);
            value.eq(item)
        });
        let any = equals.reduce(Expr::or)?;
        Some(if list.negated { Expr::Not(Box::new(any)) } else { any })
    }
}

impl Casts {
    fn expression(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        let kind = |expr: &Expr| expr.get_type(schema).map_or(Kind::Other, |kind| kind_of(&kind));
        match expr {
            Expr::Cast(cast) => {
                let Ok(from) = cast.expr.get_type(schema) else {
                    return Ok(Transformed::no(Expr::Cast(cast)));
                };
                let planned = self.cast(&cast.expr, &from, cast.field.data_type());
                Ok(planned.map_or_else(|| Transformed::no(Expr::Cast(cast)), Transformed::yes))
            }
            Expr::Negative(value) if kind(&value).is_length() => Ok(Transformed::yes(
                self.0.call(arithmetic::TIMES, vec![*value, lit(-1_i64)]),
            )),
            Expr::BinaryExpr(BinaryExpr { left, op, right })
                if is_comparison(op) && [kind(&left), kind(&right)].contains(&Kind::Interval) =>
            {
                let length = |expr: Expr| self.0.call(arithmetic::LENGTH, vec![expr]);
                let (left, right) = (Box::new(length(*left)), Box::new(length(*right)));
                Ok(Transformed::yes(Expr::BinaryExpr(BinaryExpr::new(left, op, right))))
            }
            Expr::ScalarFunction(mut function) if WRITERS.contains(&function.name()) => {
                let writer = function
                    .args
                    .first()
                    .and_then(|value| writer_of(&value.get_type(schema).ok()?));
                let Some(writer) = writer else {
                    return Ok(Transformed::no(Expr::ScalarFunction(function)));
                };
                let value = function.args[0].clone();
                function.args[0] = self.0.call(writer, vec![value]);
                Ok(Transformed::yes(Expr::ScalarFunction(function)))
            }
            Expr::AggregateFunction(aggregate) => {
                check_aggregate(&aggregate, &kind)?;
                Ok(Transformed::no(Expr::AggregateFunction(aggregate)))
            }
            expr => Ok(Transformed::no(expr)),
        }
    }

    /// The cast of a time or to a time; `None` where the engine's own is right.
    fn cast(&self, expr: &Expr, from: &DataType, to: &DataType) -> Option<Expr> {
        let (from_kind, to_kind) = (kind_of(from), kind_of(to));
        let is_text = from_kind == Kind::Text;
        let (name, made) = match to {
            // The engine's casts would take endless times for days of the calendar.
            DataType::Date32 | DataType::Date64 if is_text || matches!(from_kind, Kind::Moment | Kind::Local) => {
                (casts::DATE, DataType::Date32)
            }
            DataType::Timestamp(_, None) if is_text || matches!(from_kind, Kind::Moment | Kind::Date) => {
                (casts::TIMESTAMP, local_type())
            }
            DataType::Timestamp(_, Some(_)) if is_text || matches!(from_kind, Kind::Local | Kind::Date) => {
                (casts::TIMESTAMPTZ, moment_type())
            }
            DataType::Time64(_)
                if is_text || matches!(from_kind, Kind::Moment | Kind::Local | Kind::Interval | Kind::Span) =>
            {
                (casts::TIME, time_type())
            }
            DataType::Interval(_) if is_text || matches!(from_kind, Kind::Span | Kind::Time) => {
                (casts::INTERVAL, interval_type())
            }
            _ if to_kind == Kind::Text && is_written(from_kind) => (casts::TIME_TEXT, DataType::Utf8),
            DataType::Timestamp(_, _) if from_kind == to_kind => return self.coarser(expr.clone(), from, to),
            _ => return None,
        };
        let value = self.0.call(name, vec![expr.clone()]);
        if let Some(value) = self.coarser(value.clone(), &made, to) {
            return Some(value);
        }
        Some(match made == *to {
            true => value,
            false => Expr::Cast(Cast::new(Box::new(value), to.clone())),
        })
    }

    /// A timestamp with fewer digits behind the second: it is rounded, where the engine would cut it off.
    fn coarser(&self, value: Expr, from: &DataType, to: &DataType) -> Option<Expr> {
        let (DataType::Timestamp(from, _), DataType::Timestamp(unit, _)) = (from, to) else {
            return None;
        };
        let digits = |unit: &TimeUnit| match unit {
            TimeUnit::Second => 0_i64,
            TimeUnit::Millisecond => 3,
            TimeUnit::Microsecond => 6,
            TimeUnit::Nanosecond => 9,
        };
        if digits(unit) >= 6 || digits(unit) >= digits(from) {
            return None;
        }
        // Rounded in microseconds, so that every unit is at hand.
        let rounded = self.0.call(casts::TIME_ROUNDED, vec![value, lit(digits(unit))]);
        Some(Expr::Cast(Cast::new(Box::new(rounded), to.clone())))
    }

    /// Intervals are sorted by their lengths.
    fn sorted(&self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Sort(mut sort) = plan else {
            return Ok(Transformed::no(plan));
        };
        let schema = Arc::clone(sort.input.schema());
        let mut is_changed = false;
        for key in &mut sort.expr {
            if kind_of(&key.expr.get_type(&schema)?) == Kind::Interval {
                key.expr = self.0.call(arithmetic::LENGTH, vec![key.expr.clone()]);
                is_changed = true;
            }
        }
        let plan = LogicalPlan::Sort(sort);
        Ok(match is_changed {
            true => Transformed::yes(plan),
            false => Transformed::no(plan),
        })
    }
}

/// Whether a value of this kind is written in PostgreSQL's way.
fn is_written(kind: Kind) -> bool {
    kind.is_point() || kind.is_length() || kind == Kind::Time
}

/// The function that writes a time of this type, or an array of times.
fn writer_of(kind: &DataType) -> Option<&'static str> {
    match kind {
        DataType::List(element) if is_written(kind_of(element.data_type())) => Some(casts::TIME_TEXTS),
        kind => is_written(kind_of(kind)).then_some(casts::TIME_TEXT),
    }
}

/// Refuses aggregates of intervals that have months, which the engine orders part by part.
fn check_aggregate(aggregate: &AggregateFunction, kind: &dyn Fn(&Expr) -> Kind) -> Result<()> {
    let name = aggregate.func.name();
    let is_ordered = ["min", "max", "avg"].contains(&name);
    let is_interval = aggregate
        .params
        .args
        .first()
        .is_some_and(|value| kind(value) == Kind::Interval);
    if is_ordered && is_interval {
        return plan_err!(
            "{name} of intervals with months is not supported; write {name}(extract(epoch from …)) * interval '1 second', or subtract timestamps"
        );
    }
    Ok(())
}
