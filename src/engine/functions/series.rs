//! `generate_series(first, last[, step])` in FROM: a series of `integer` values where the arguments are `integer`.
//! Series of `bigint` and of times are the engine's.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{Result, ScalarValue, plan_err, project_schema};
use datafusion::datasource::TableType;
use datafusion::functions_table::generate_series::GenerateSeriesFunc;
use datafusion::logical_expr::Expr;
use datafusion::physical_plan::ExecutionPlan;

use super::series_rows::{Series, SeriesExec};
use crate::engine::dialect::time::TimeError;

/// The name under which sessions register [`GenerateSeries`].
pub const NAME: &str = "generate_series";
/// The name of the column.
const COLUMN: &str = "value";

/// The table function `generate_series`.
#[derive(Debug)]
pub struct GenerateSeries;

impl TableFunctionImpl for GenerateSeries {
    fn call_with_args(&self, arguments: TableFunctionArgs) -> Result<Arc<dyn TableProvider>> {
        if has_zero_step(arguments.exprs()) {
            return Err(TimeError::Parameter("step size cannot equal zero".to_owned()).into());
        }
        let Some(numbers) = integers(arguments.exprs()) else {
            let widened: Vec<Expr> = arguments.exprs().iter().map(widened).collect();
            return GenerateSeriesFunc {}.call_with_args(TableFunctionArgs::new(&widened, arguments.session()));
        };
        let series = match numbers[..] {
            // The engine's series of one argument start at zero too.
            [last] => last.map(|last| Series::new(0, last, 1)),
            [first, last] => first.zip(last).map(|(first, last)| Series::new(first, last, 1)),
            [first, last, step] => first
                .zip(last)
                .zip(step)
                .map(|((first, last), step)| Series::new(first, last, step)),
            _ => return plan_err!("{NAME} takes the first value, the last and perhaps the step"),
        };
        Ok(Arc::new(SeriesTable {
            schema: Arc::new(Schema::new(vec![Field::new(COLUMN, DataType::Int32, false)])),
            series,
        }))
    }
}

/// Whether the step is zero, and no argument is NULL: then there are no rows, whatever the step is.
fn has_zero_step(arguments: &[Expr]) -> bool {
    let is_null = |argument: &Expr| matches!(argument, Expr::Literal(value, _) if value.is_null());
    let is_zero = |step: &Expr| {
        matches!(
            step,
            Expr::Literal(ScalarValue::Int32(Some(0)) | ScalarValue::Int64(Some(0)), _)
        )
    };
    arguments.get(2).is_some_and(is_zero) && !arguments.iter().any(is_null)
}

/// A number as `bigint`, of which the engine makes series; what is no whole number stays.
fn widened(argument: &Expr) -> Expr {
    match argument {
        Expr::Literal(value @ (ScalarValue::Int16(_) | ScalarValue::Int32(_)), _) => {
            match value.cast_to(&DataType::Int64) {
                Ok(wide) => Expr::Literal(wide, None),
                Err(_) => argument.clone(),
            }
        }
        _ => argument.clone(),
    }
}

/// The arguments, each `None` where it is NULL; `None` where they are not all `integer`.
fn integers(arguments: &[Expr]) -> Option<Vec<Option<i32>>> {
    let is_integer = |argument: &Expr| matches!(argument, Expr::Literal(ScalarValue::Int32(_), _));
    if !arguments.iter().any(is_integer) {
        return None;
    }
    let numbers = arguments.iter().map(|argument| match argument {
        Expr::Literal(ScalarValue::Int32(number), _) => Some(*number),
        Expr::Literal(ScalarValue::Null, _) => Some(None),
        _ => None,
    });
    numbers.collect()
}

/// The table of a series.
#[derive(Debug)]
struct SeriesTable {
    schema: SchemaRef,
    /// `None`: an argument is NULL, so there are no rows.
    series: Option<Series>,
}

impl SeriesTable {
    /// The plan of [`TableProvider::scan`].
    async fn plan_scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = project_schema(&self.schema, projection)?;
        let partitions = session.config().target_partitions();
        Ok(Arc::new(SeriesExec::new(self.series, schema, partitions)))
    }
}

impl TableProvider for SeriesTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    crate::scans::scan_in_own_future!(SeriesTable);
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use bytesize::ByteSize;
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::{Int32Type, Int64Type};
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    use crate::engine::{EngineOptions, new_session};

    /// A session whose plans have four partitions.
    fn session(folder: &std::path::Path) -> SessionContext {
        new_session(&EngineOptions {
            threads: NonZeroUsize::new(4),
            memory_limit: Some(ByteSize::mib(256)),
            temp_dir: folder.to_owned(),
            cluster: None,
        })
        .expect("a session")
    }

    /// `generate_series` of `integer` arguments.
    fn of_integers(arguments: &[&str]) -> String {
        let integers: Vec<String> = arguments
            .iter()
            .map(|argument| format!("cast({argument} as int)"))
            .collect();
        format!("generate_series({})", integers.join(", "))
    }

    /// The `integer` values of a query's first column.
    async fn values(session: &SessionContext, sql: &str) -> Vec<i32> {
        let batches = session.sql(sql).await.expect(sql).collect().await.expect(sql);
        let columns = batches
            .iter()
            .map(|rows| rows.column(0).as_primitive::<Int32Type>().values());
        columns.flat_map(|column| column.iter().copied()).collect()
    }

    #[tokio::test]
    async fn rows_come_in_the_order_of_the_series() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let series = of_integers(&["50000", "1", "-1"]);
        let found = values(&session, &format!("select value from {series}")).await;
        assert_eq!(found, (1..=50_000).rev().collect::<Vec<i32>>());
        let sql = format!("select cast(value * 2 as int) from {series} where value % 2 = 0");
        assert_eq!(
            values(&session, &sql).await,
            (1..=25_000).rev().map(|half| half * 4).collect::<Vec<i32>>()
        );
    }

    #[tokio::test]
    async fn series_are_not_sorted_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let sql = format!("select value from {} order by value", of_integers(&["1", "50000"]));
        let plan = session.sql(&sql).await.expect("a plan").create_physical_plan().await;
        let plan = displayable(plan.expect("a plan").as_ref()).indent(false).to_string();
        assert!(
            plan.contains("SeriesExec: first=1, last=50000, step=1") && !plan.contains("SortExec"),
            "{plan}"
        );
        assert_eq!(values(&session, &sql).await, (1..=50_000).collect::<Vec<i32>>());
    }

    #[tokio::test]
    async fn rows_are_counted_and_joined() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let (many, few) = (of_integers(&["1", "20000"]), of_integers(&["19999", "20002"]));
        for (sql, expected) in [
            (format!("select count(*) from {many}"), 20_000),
            (format!("select count(*) from {many} a, {few} b"), 80_000),
            (
                format!("select count(*) from {many} a join {few} b on a.value = b.value"),
                2,
            ),
            (
                format!("select count(*) from (select value % 7 from {many} group by 1)"),
                7,
            ),
        ] {
            let rows = session.sql(&sql).await.expect(&sql).collect().await.expect(&sql);
            assert_eq!(
                rows[0].column(0).as_primitive::<Int64Type>().value(0),
                expected,
                "{sql}"
            );
        }
    }

    #[tokio::test]
    async fn null_gives_no_rows_and_a_step_of_zero_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        for arguments in [["null", "3", "0"], ["1", "null", "1"], ["1", "3", "null"]] {
            let sql = format!("select value from {}", of_integers(&arguments));
            assert!(values(&session, &sql).await.is_empty(), "{sql}");
        }
        for series in [of_integers(&["1", "3", "0"]), "generate_series(1, 3, 0)".to_owned()] {
            let failed = session.sql(&format!("select value from {series}")).await;
            let message = failed.expect_err("a step of zero").to_string();
            assert!(message.contains("step size cannot equal zero"), "{message}");
        }
    }

    #[tokio::test]
    async fn other_series_are_the_engines() {
        let folder = tempfile::tempdir().expect("a folder");
        let session = session(folder.path());
        let rows = session.sql("select value from generate_series(1, 3)").await;
        let rows = rows.expect("a plan").collect().await.expect("rows");
        assert_eq!(
            rows[0].column(0).as_primitive::<Int64Type>().values().to_vec(),
            [1, 2, 3]
        );
    }
}
