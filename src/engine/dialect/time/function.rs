//! The common form of all functions of times: a name, the result type, and the computation for one row.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use chrono::Utc;
use datafusion::arrow::array::{
    ArrayRef, Date32Array, DurationMicrosecondArray, IntervalMonthDayNanoArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err, plan_err};
use datafusion::logical_expr::interval_arithmetic::Interval as Range;
use datafusion::logical_expr::preimage::PreimageResult;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};

use super::civil::{DAY, is_known};
use super::clock::Clock;
use super::endless::Endless;
use super::error::TimeError;
use super::interval::Interval;
use super::read::Now;
use super::values::{Argument, Value};
use super::zone::Zone;

/// A function of times.
pub struct Definition {
    pub name: &'static str,
    pub aliases: &'static [&'static str],
    /// The fewest and most arguments.
    pub takes: (usize, usize),
    /// The result type, from the types of the arguments and the values of constant ones.
    pub returns: fn(&[DataType], &[Option<&ScalarValue>]) -> Result<DataType>,
    /// The computation for each row.
    pub rows: fn(&Call) -> Result<ArrayRef>,
    /// The value at the start of the statement, for functions that depend on nothing else, such as `now()`.
    pub at_start: Option<fn(&Clock, i64) -> ScalarValue>,
    /// For immutable functions of one argument, the values of the argument that give a result.
    pub preimage: Option<Preimage>,
    pub volatility: Volatility,
}

/// The first value of an argument of this type that gives a result, and the first one after those that do. `None` where
/// they are not known.
pub type Preimage = fn(&DataType, &ScalarValue) -> Option<(ScalarValue, ScalarValue)>;

/// A function that only depends on its arguments and the session's zone.
pub const fn function(
    name: &'static str,
    takes: (usize, usize),
    returns: fn(&[DataType], &[Option<&ScalarValue>]) -> Result<DataType>,
    rows: fn(&Call) -> Result<ArrayRef>,
) -> Definition {
    Definition {
        name,
        aliases: &[],
        takes,
        returns,
        rows,
        at_start: None,
        preimage: None,
        volatility: Volatility::Stable,
    }
}

impl Definition {
    /// The function as the engine registers it.
    pub fn registered(&'static self) -> ScalarUDF {
        let signature = match self.takes {
            (0, 0) => Signature::nullary(self.volatility),
            (0, _) => Signature::one_of(
                vec![TypeSignature::Nullary, TypeSignature::VariadicAny],
                self.volatility,
            ),
            _ => Signature::variadic_any(self.volatility),
        };
        let aliases = self.aliases.iter().map(|&alias| alias.to_owned()).collect();
        ScalarUDF::new_from_impl(TimeFunction {
            definition: self,
            signature,
            aliases,
        })
    }
}

/// The values of a call, and the session's zone.
pub struct Call {
    name: &'static str,
    arguments: Vec<Argument>,
    rows: usize,
    pub clock: Clock,
    pub returns: DataType,
}

/// A time outside of the years that PostgreSQL knows.
pub fn out_of_range(what: &str) -> DataFusionError {
    TimeError::OutOfRange(format!("{what} out of range")).into()
}

impl Call {
    /// The zone, and the present moment, for texts such as `today`.
    pub fn now(&self) -> Now<'_> {
        Now {
            clock: &self.clock,
            utc: Utc::now().timestamp_micros(),
        }
    }

    /// The first argument, where it is a column of arrays.
    pub fn lists(&self) -> Option<&ArrayRef> {
        self.arguments.first()?.lists()
    }

    /// Rows of the result.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Applies `make` to the values of each row; NULL where one of them is NULL.
    pub fn each<'a, T>(&'a self, mut make: impl FnMut(&[Value<'a>]) -> Result<T>) -> Result<Vec<Option<T>>> {
        let mut values = Vec::with_capacity(self.arguments.len());
        let row = |row: usize| {
            values.clear();
            for argument in &self.arguments {
                match argument.value(row) {
                    Some(value) => values.push(value),
                    None => return Ok(None),
                }
            }
            make(&values).map(Some)
        };
        (0..self.rows).map(row).collect()
    }

    /// As [`each`](Self::each), where the result may be NULL for other values too.
    pub fn each_or_null<'a, T>(
        &'a self,
        make: impl FnMut(&[Value<'a>]) -> Result<Option<T>>,
    ) -> Result<Vec<Option<T>>> {
        Ok(self.each(make)?.into_iter().map(Option::flatten).collect())
    }

    /// The error for values that the function does not take.
    pub fn refused<T>(&self, values: &[Value]) -> Result<T> {
        let reason = format!(
            "function {} does not take {}; check the types of its arguments or cast them",
            self.name,
            values.iter().map(kind_name).collect::<Vec<_>>().join(", ")
        );
        Err(TimeError::Types(reason).into())
    }

    pub fn dates<'a>(&'a self, mut make: impl FnMut(&[Value<'a>]) -> Result<i64>) -> Result<ArrayRef> {
        let days = self.each(|values| {
            let days = make(values)?;
            let is_day = Endless::of_days(days).is_some() || is_known(days.saturating_mul(DAY));
            let days = i32::try_from(days).ok().filter(|_| is_day);
            days.ok_or_else(|| out_of_range("date"))
        })?;
        Ok(Arc::new(Date32Array::from(days)))
    }

    pub fn locals<'a>(&'a self, make: impl FnMut(&[Value<'a>]) -> Result<i64>) -> Result<ArrayRef> {
        Ok(Arc::new(TimestampMicrosecondArray::from(self.times(make)?)))
    }

    pub fn moments<'a>(&'a self, make: impl FnMut(&[Value<'a>]) -> Result<i64>) -> Result<ArrayRef> {
        let moments = TimestampMicrosecondArray::from(self.times(make)?);
        Ok(Arc::new(moments.with_timezone("UTC")))
    }

    fn times<'a>(&'a self, mut make: impl FnMut(&[Value<'a>]) -> Result<i64>) -> Result<Vec<Option<i64>>> {
        self.each(|values| {
            let micros = make(values)?;
            let is_time = Endless::of_micros(micros).is_some() || is_known(micros);
            is_time.then_some(micros).ok_or_else(|| out_of_range("timestamp"))
        })
    }

    /// Timestamps of the type that the call gives: with a zone or without.
    pub fn points<'a>(&'a self, make: impl FnMut(&[Value<'a>]) -> Result<i64>) -> Result<ArrayRef> {
        match self.returns {
            DataType::Timestamp(_, Some(_)) => self.moments(make),
            _ => self.locals(make),
        }
    }

    pub fn times_of_day<'a>(&'a self, make: impl FnMut(&[Value<'a>]) -> Result<i64>) -> Result<ArrayRef> {
        Ok(Arc::new(Time64MicrosecondArray::from(self.each(make)?)))
    }

    pub fn intervals<'a>(&'a self, mut make: impl FnMut(&[Value<'a>]) -> Result<Interval>) -> Result<ArrayRef> {
        let intervals = self.each(|values| make(values)?.stored())?;
        Ok(Arc::new(IntervalMonthDayNanoArray::from(intervals)))
    }

    pub fn spans<'a>(&'a self, make: impl FnMut(&[Value<'a>]) -> Result<i64>) -> Result<ArrayRef> {
        Ok(Arc::new(DurationMicrosecondArray::from(self.each(make)?)))
    }

    pub fn texts<'a>(&'a self, make: impl FnMut(&[Value<'a>]) -> Result<String>) -> Result<ArrayRef> {
        Ok(Arc::new(StringArray::from(self.each(make)?)))
    }
}

fn kind_name(value: &Value) -> &'static str {
    match value {
        Value::Date(_) => "date",
        Value::Local(_) => "timestamp",
        Value::Moment(_) => "timestamp with time zone",
        Value::Time(_) => "time",
        Value::Interval(_) => "interval",
        Value::Text(_) => "text",
        Value::Integer(_) => "integer",
        Value::Double(_) => "double precision",
        Value::Decimal(_, _) => "numeric",
        Value::List => "an array",
    }
}

struct TimeFunction {
    definition: &'static Definition,
    signature: Signature,
    aliases: Vec<String>,
}

impl std::fmt::Debug for TimeFunction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.definition.name)
    }
}

impl PartialEq for TimeFunction {
    fn eq(&self, other: &Self) -> bool {
        self.definition.name == other.definition.name
    }
}

impl Eq for TimeFunction {}

impl Hash for TimeFunction {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.definition.name.hash(state);
    }
}

impl ScalarUDFImpl for TimeFunction {
    fn name(&self) -> &str {
        self.definition.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        internal_err!("the type of {} is told by its fields", self.definition.name)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        let kinds: Vec<DataType> = arguments
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone())
            .collect();
        let (fewest, most) = self.definition.takes;
        if !(fewest..=most).contains(&kinds.len()) {
            let given = kinds.len();
            return plan_err!(
                "function {} takes {fewest} to {most} arguments, not {given}",
                self.definition.name
            );
        }
        let kind = (self.definition.returns)(&kinds, arguments.scalar_arguments)?;
        Ok(Arc::new(Field::new(self.definition.name, kind, true)))
    }

    fn simplify(&self, arguments: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let (Some(at_start), Some(start)) = (self.definition.at_start, context.query_execution_start_time()) else {
            return Ok(ExprSimplifyResult::Original(arguments));
        };
        let clock = Clock::new(Zone::of_session(context.config_options()));
        let value = at_start(&clock, start.timestamp_micros());
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(value, None)))
    }

    /// Lets the optimizer compare the argument itself, which a scan can test against the statistics of files.
    fn preimage(&self, arguments: &[Expr], result: &Expr, context: &SimplifyContext) -> Result<PreimageResult> {
        let (Some(preimage), [argument], Some(result)) = (self.definition.preimage, arguments, result.as_literal())
        else {
            return Ok(PreimageResult::None);
        };
        // Where the type of the argument is not known, the call stays as it is.
        let kind = context.get_data_type(argument).ok();
        Ok(match kind.and_then(|kind| preimage(&kind, result)) {
            Some((first, end)) => PreimageResult::Range {
                expr: argument.clone(),
                interval: Box::new(Range::try_new(first, end)?),
            },
            None => PreimageResult::None,
        })
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_scalar = |argument: &ColumnarValue| matches!(argument, ColumnarValue::Scalar(_));
        let is_all_scalar = arguments.args.iter().all(is_scalar) && self.definition.volatility != Volatility::Volatile;
        let rows = if is_all_scalar { 1 } else { arguments.number_rows };
        let mut columns = Vec::with_capacity(arguments.args.len());
        for argument in &arguments.args {
            let is_one = is_scalar(argument);
            columns.push(Argument::new(
                &argument.to_array(if is_one { 1 } else { rows })?,
                is_one,
            )?);
        }
        let call = Call {
            name: self.definition.name,
            arguments: columns,
            rows,
            clock: Clock::new(Zone::of_session(&arguments.config_options)),
            returns: arguments.return_field.data_type().clone(),
        };
        let values = (self.definition.rows)(&call)?;
        Ok(match is_all_scalar {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?),
            false => ColumnarValue::Array(values),
        })
    }
}
