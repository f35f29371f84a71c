//! `sum` and `avg` with PostgreSQL's types: of `bigint` and `numeric`, both are numeric, and an average of whole numbers is
//! numeric too. A sum that 38 digits do not hold is an error. Everything else is the engine's own.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Int64Array};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_err};
use datafusion::functions_aggregate::average::avg_udaf;
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature,
    Volatility,
};

use super::arithmetic::as_numerics;
use super::numeric::{self as decimal, DIGITS, QUOTIENT, is_numeric, scale_of};
use super::totals::{DistinctTotal, GroupTotals, Total};
use crate::engine::dialect::function::no_function;

/// The aggregate that is made from a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    Sum,
    Mean,
}

/// The aggregates `sum` and `avg`.
pub fn all() -> [AggregateUDF; 2] {
    [(Measure::Sum, sum_udaf()), (Measure::Mean, avg_udaf())].map(|(measure, inner)| {
        AggregateUDF::new_from_impl(Exact {
            measure,
            inner,
            aliases: match measure {
                Measure::Sum => vec!["sum".to_owned()],
                Measure::Mean => vec!["mean".to_owned()],
            },
            signature: Signature::user_defined(Volatility::Immutable),
        })
    })
}

#[derive(Debug)]
struct Exact {
    measure: Measure,
    /// The engine's own aggregate, for types that are not exact.
    inner: Arc<AggregateUDF>,
    aliases: Vec<String>,
    signature: Signature,
}

impl PartialEq for Exact {
    fn eq(&self, other: &Self) -> bool {
        self.measure == other.measure
    }
}

impl Eq for Exact {}

impl Hash for Exact {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.measure.hash(state);
    }
}

fn is_exact(kind: &DataType) -> bool {
    kind.is_integer() || is_numeric(kind)
}

/// Converts the totals of a column to the aggregate's values.
#[derive(Debug, Clone)]
pub struct Shape {
    pub measure: Measure,
    /// Decimals of the total.
    pub scale: i8,
    /// The type of the aggregate.
    pub kind: DataType,
}

impl Shape {
    /// The conversion of totals of values of this type.
    pub fn of(measure: Measure, argument: &DataType) -> Self {
        let scale = scale_of(argument).unwrap_or(0);
        let kind = match (measure, argument) {
            (Measure::Mean, _) => decimal::numeric(QUOTIENT.max(scale)),
            (Measure::Sum, DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16) => {
                DataType::Int64
            }
            (Measure::Sum, _) => decimal::numeric(scale),
        };
        Self { measure, scale, kind }
    }

    /// The type of a total.
    pub fn total(&self) -> DataType {
        decimal::numeric(self.scale)
    }

    /// The aggregate for a total of `count` values; `None` for no values.
    pub fn value(&self, total: i128, count: i64) -> Result<Option<i128>> {
        if count == 0 {
            return Ok(None);
        }
        Ok(Some(match (&self.kind, self.measure) {
            (DataType::Decimal128(_, out), Measure::Mean) => {
                decimal::divide((total, self.scale), (i128::from(count), 0), *out)?
            }
            _ => decimal::rescaled(total, self.scale, self.scale)?,
        }))
    }

    /// The values as a column of the aggregate's type.
    pub fn column(&self, values: Vec<Option<i128>>) -> Result<ArrayRef> {
        if self.kind == DataType::Int64 {
            let whole = values.into_iter().map(|value| match value.map(i64::try_from) {
                Some(Ok(value)) => Ok(Some(value)),
                Some(Err(_)) => Err(decimal::out_of_range("bigint")),
                None => Ok(None),
            });
            return Ok(Arc::new(whole.collect::<std::result::Result<Int64Array, _>>()?));
        }
        let DataType::Decimal128(_, scale) = self.kind else {
            return exec_err!("sums are whole numbers or numerics");
        };
        let column: datafusion::arrow::array::Decimal128Array = values.into_iter().collect();
        Ok(Arc::new(column.with_precision_and_scale(DIGITS, scale)?))
    }
}

impl Exact {
    fn shape(&self, arguments: &AccumulatorArgs) -> Option<Shape> {
        let kind = arguments.expr_fields.first()?.data_type();
        is_exact(kind).then(|| Shape::of(self.measure, kind))
    }
}

impl AggregateUDFImpl for Exact {
    /// An optimizer rule assumes that an aggregate named `sum` has the type of the summed values' own sums, which is
    /// not so for `integer`.
    fn name(&self) -> &str {
        match self.measure {
            Measure::Sum => "exact_sum",
            Measure::Mean => "avg",
        }
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [kind] if is_exact(kind) => Ok(vec![kind.clone()]),
            [kind] if kind.is_floating() || kind.is_null() => Ok(vec![DataType::Float64]),
            [kind @ (DataType::Duration(_) | DataType::Interval(_))] => Ok(vec![kind.clone()]),
            _ => no_function(self.inner.name(), arguments),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [kind] if is_exact(kind) => Ok(Shape::of(self.measure, kind).kind),
            [DataType::Float16 | DataType::Float32 | DataType::Null] => Ok(DataType::Float64),
            _ => self.inner.return_type(arguments),
        }
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.shape(&arguments) {
            Some(shape) if arguments.is_distinct => Ok(Box::new(DistinctTotal::new(shape))),
            Some(shape) => Ok(Box::new(Total::new(shape))),
            None => self.inner.accumulator(arguments),
        }
    }

    fn create_sliding_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        match self.shape(&arguments) {
            Some(_) => self.accumulator(arguments),
            None => self.inner.create_sliding_accumulator(arguments),
        }
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let argument = match arguments.input_fields.first() {
            Some(field) if is_exact(field.data_type()) => field.data_type().clone(),
            _ => return self.inner.state_fields(arguments),
        };
        let total = Shape::of(self.measure, &argument).total();
        let name = |part: &str| format_state_name(arguments.name, part);
        if arguments.is_distinct {
            let values = Field::new_list(name("values"), Field::new_list_field(total, true), true);
            return Ok(vec![values.into()]);
        }
        Ok(vec![
            Field::new(name("total"), total, true).into(),
            Field::new(name("count"), DataType::Int64, true).into(),
        ])
    }

    fn groups_accumulator_supported(&self, arguments: AccumulatorArgs) -> bool {
        match self.shape(&arguments) {
            Some(_) => !arguments.is_distinct,
            None => self.inner.groups_accumulator_supported(arguments),
        }
    }

    fn create_groups_accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn GroupsAccumulator>> {
        match self.shape(&arguments) {
            Some(shape) => Ok(Box::new(GroupTotals::new(shape))),
            None => self.inner.create_groups_accumulator(arguments),
        }
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        datafusion::logical_expr::utils::AggregateOrderSensitivity::Insensitive
    }

    fn set_monotonicity(&self, _kind: &DataType) -> SetMonotonicity {
        SetMonotonicity::NotMonotonic
    }
}

/// The values of a column that are not NULL, as numbers of the total's decimals.
pub fn values(column: &ArrayRef) -> Result<datafusion::arrow::array::Decimal128Array> {
    Ok(as_numerics(column)?.0)
}
