//! Functions whose results may be of any size, however small their arguments are; a query's memory limit does not count
//! them. Some get a largest size; those that PostgreSQL does not have are not offered.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::length::length;
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

/// The limit of bytes that such a function may return for one batch.
const MOST: i128 = 64 * 1024 * 1024;
/// The most bytes that a letter takes.
const BYTES_OF_LETTER: i128 = 4;
const BYTES_OF_NUMBER: i128 = 8;
/// Functions that make arrays of any length. Rows of a series come from `FROM generate_series(…)`.
const NOT_OFFERED: [&str; 3] = ["range", "array_repeat", "array_resize"];

/// Replaces the engine's functions by the bounded ones, and removes those that are not offered.
pub fn register(session: &SessionContext) -> Result<()> {
    for name in NOT_OFFERED {
        session.deregister_udf(name);
    }
    let bounded = [
        ("repeat", repeated as SizeOf),
        ("lpad", padded),
        ("rpad", padded),
        // Tools call it for short series.
        ("generate_series", series),
    ];
    for (name, size) in bounded {
        let inner = session.udf(name)?;
        session.register_udf(ScalarUDF::from(Bounded { inner, size }));
    }
    Ok(())
}

/// Upper bound of the result's bytes for these arguments and `rows` rows.
type SizeOf = fn(&[ColumnarValue], usize) -> Result<i128>;

/// `repeat(text, times)`
fn repeated(arguments: &[ColumnarValue], rows: usize) -> Result<i128> {
    let [texts, times, ..] = arguments else { return Ok(0) };
    let bytes = numbers(&length(&texts.to_array(rows)?)?)?;
    let times = numbers(&times.to_array(rows)?)?;
    Ok(bytes.zip(times).map(|(bytes, times)| bytes * times.max(0)).sum())
}

/// `lpad(text, letters, …)`
fn padded(arguments: &[ColumnarValue], rows: usize) -> Result<i128> {
    let [_, letters, ..] = arguments else { return Ok(0) };
    let letters = numbers(&letters.to_array(rows)?)?;
    Ok(letters.map(|letters| letters.max(0) * BYTES_OF_LETTER).sum())
}

/// `generate_series(first, last, step)`
fn series(arguments: &[ColumnarValue], rows: usize) -> Result<i128> {
    if !arguments
        .iter()
        .all(|argument| argument.data_type().is_integer() || argument.data_type().is_null())
    {
        return plan_err!("generate_series gives arrays of whole numbers; take other rows FROM generate_series(…)");
    }
    let [first, last, step @ ..] = arguments else {
        return Ok(0);
    };
    let steps: Vec<i128> = match step {
        [step, ..] => numbers(&step.to_array(rows)?)?.collect(),
        [] => vec![1; rows],
    };
    let ends = numbers(&first.to_array(rows)?)?.zip(numbers(&last.to_array(rows)?)?);
    let counts = ends
        .zip(steps)
        .map(|((first, last), step)| (last - first).abs() / step.abs().max(1) + 1);
    Ok(counts.map(|count| count * BYTES_OF_NUMBER).sum())
}

/// Whole numbers; 0 where there is none.
fn numbers(column: &ArrayRef) -> Result<impl Iterator<Item = i128> + use<>> {
    let column = cast(column, &DataType::Int64)?;
    let column = column.as_primitive::<Int64Type>().clone();
    Ok((0..column.len()).map(move |row| {
        if column.is_null(row) {
            0
        } else {
            i128::from(column.value(row))
        }
    }))
}

/// A function of the engine, and the upper bound of its result.
#[derive(Debug)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    size: SizeOf,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Bounded {}

impl std::hash::Hash for Bounded {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn simplify(&self, arguments: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(arguments, context)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bytes = (self.size)(&arguments.args, arguments.number_rows)?;
        if bytes > MOST {
            let (name, rows) = (self.name(), arguments.number_rows);
            return exec_err!("{name} would make {bytes} bytes of {rows} rows; at most {MOST} are made at a time");
        }
        self.inner.invoke_with_args(arguments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn results_are_bounded_and_small_ones_are_unchanged() {
        let (session, plain) = (SessionContext::new(), SessionContext::new());
        register(&session).expect("registered");
        for sql in [
            "select repeat('ab', 1000000000)",
            "select repeat(a, 1000000) from (values ('x'), ('y')) t(a), generate_series(1, 1000)",
            "select lpad('x', 2000000000)",
            "select rpad('x', b, 'y') from (values (100000000)) t(b)",
            "select range(0, 2000000000)",
            "select generate_series(0, 2000000000)",
            "select generate_series(2000000000, 0, -1)",
            "select generate_series(date '2020-01-01', date '2026-01-01', interval '1 day')",
            "select array_repeat('x', 2000000000)",
            "select list_repeat('x', 2000000000)",
            "select array_resize([1], 2000000000, 2)",
        ] {
            let result = async { session.sql(sql).await?.collect().await };
            assert!(result.await.is_err(), "{sql}");
        }
        for sql in [
            "select repeat('ab', 3), repeat('x', -1), repeat(null, 3), repeat('x', null)",
            "select lpad('x', 5), rpad('ज़िला', 9, 'ab'), lpad('abc', -2, 'x')",
            "select generate_series(1, 3), generate_series(3, 1, -1), generate_series(1, b) from (values (2), (null)) t(b)",
            "select lpad(a, b, 'x'), repeat(a, b) from (values ('a', 2), (null, 3), ('ab', null)) t(a, b)",
            "select repeat(arrow_cast('ab', 'LargeUtf8'), 2), repeat(arrow_cast('ab', 'Utf8View'), 2)",
        ] {
            let [here, there] = [&session, &plain].map(|session| async { session.sql(sql).await?.collect().await });
            let (here, there) = (here.await.expect(sql), there.await.expect(sql));
            assert_eq!(here, there, "{sql}");
        }
    }
}
