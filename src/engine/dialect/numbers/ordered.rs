//! Aggregates of ordered values that the engine does not have: `percentile_disc`, `mode`, and percentiles for an array of
//! fractions. They keep the values of a group in memory, as `percentile_cont` does.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, ListArray, RecordBatch, UInt64Array, new_empty_array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::{SortOptions, concat, filter, is_not_null, partition, sort_to_indices, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Schema};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::format_state_name;
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Signature, Volatility};

use super::arithmetic::is_number;
use super::casts;
use crate::engine::dialect::arrays::{element_of, list_of};
use crate::engine::dialect::function::no_function;

/// The name of `percentile_cont` of an array of fractions.
pub const PERCENTILES: &str = "percentile_cont_array";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    Mode,
    /// The first value at which a fraction of all is reached.
    Disc,
    /// The value at a fraction, between two where it lies there.
    Cont,
}

/// The aggregates.
pub fn all() -> [AggregateUDF; 3] {
    [
        ("mode", Kind::Mode),
        ("percentile_disc", Kind::Disc),
        (PERCENTILES, Kind::Cont),
    ]
    .map(|(name, kind)| {
        AggregateUDF::new_from_impl(Ordered {
            name,
            kind,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Ordered {
    name: &'static str,
    kind: Kind,
    signature: Signature,
}

impl AggregateUDFImpl for Ordered {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn supports_within_group_clause(&self) -> bool {
        true
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let values = |kind: &DataType| match self.kind {
            Kind::Cont => DataType::Float64,
            _ => kind.clone(),
        };
        match (self.kind, arguments) {
            (Kind::Mode, [kind]) => Ok(vec![kind.clone()]),
            (Kind::Cont, [kind, _]) if !is_number(kind) => no_function("percentile_cont", arguments),
            (Kind::Disc | Kind::Cont, [kind, fractions]) if element_of(fractions).is_some() => {
                Ok(vec![values(kind), list_of(DataType::Float64)])
            }
            (Kind::Disc, [kind, fraction]) if is_number(fraction) || fraction.is_null() => {
                Ok(vec![kind.clone(), DataType::Float64])
            }
            _ => no_function(self.name, arguments),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [kind] => Ok(kind.clone()),
            [kind, fractions] if element_of(fractions).is_some() => Ok(list_of(kind.clone())),
            [kind, _] => Ok(kind.clone()),
            _ => plan_err!("{} orders one value", self.name),
        }
    }

    fn state_fields(&self, arguments: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let kind = match arguments.input_fields.first() {
            Some(field) => field.data_type().clone(),
            None => return plan_err!("{} orders values", self.name),
        };
        let name = format_state_name(arguments.name, "values");
        Ok(vec![
            Field::new_list(name, Field::new_list_field(kind, true), true).into(),
        ])
    }

    fn accumulator(&self, arguments: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        if arguments.is_distinct {
            return exec_err!("DISTINCT is not supported for {}", self.name);
        }
        let fractions = match self.kind {
            Kind::Mode => Fractions::None,
            Kind::Disc | Kind::Cont => fractions(&arguments)?,
        };
        let order = arguments.order_bys.first().map(|by| by.options).unwrap_or_default();
        Ok(Box::new(Values {
            kind: self.kind,
            fractions,
            order: SortOptions {
                descending: order.descending,
                nulls_first: false,
            },
            of: arguments.expr_fields[0].data_type().clone(),
            kept: Vec::new(),
        }))
    }
}

#[derive(Debug)]
enum Fractions {
    None,
    One(Option<f64>),
    Many(Vec<Option<f64>>),
}

/// The fractions, which are the same for all rows.
fn fractions(arguments: &AccumulatorArgs) -> Result<Fractions> {
    let no_rows = RecordBatch::new_empty(Arc::new(Schema::empty()));
    let value = match arguments.exprs.get(1).map(|fraction| fraction.evaluate(&no_rows)) {
        Some(Ok(ColumnarValue::Scalar(value))) => value,
        Some(Ok(ColumnarValue::Array(values))) if values.len() == 1 => ScalarValue::try_from_array(&values, 0)?,
        _ => return plan_err!("the fraction of a percentile must be a constant"),
    };
    let checked = |fraction: Option<f64>| match fraction {
        Some(value) if !(0.0..=1.0).contains(&value) => {
            exec_err!("percentile value {value} is not between 0 and 1")
        }
        other => Ok(other),
    };
    match value {
        ScalarValue::Float64(fraction) => Ok(Fractions::One(checked(fraction)?)),
        ScalarValue::List(lists) if lists.len() == 1 && lists.is_valid(0) => {
            let fractions = lists.value(0);
            let fractions = fractions.as_primitive::<Float64Type>().iter().map(checked);
            Ok(Fractions::Many(fractions.collect::<Result<_>>()?))
        }
        value if value.is_null() => Ok(Fractions::One(None)),
        other => plan_err!("{other} is no fraction of a percentile"),
    }
}

/// The values of one group.
#[derive(Debug)]
struct Values {
    kind: Kind,
    fractions: Fractions,
    order: SortOptions,
    of: DataType,
    kept: Vec<ArrayRef>,
}

impl Values {
    fn keep(&mut self, values: &ArrayRef) -> Result<()> {
        let known = match values.null_count() {
            0 => Arc::clone(values),
            _ => filter(values, &is_not_null(values)?)?,
        };
        if !known.is_empty() {
            self.kept.push(known);
        }
        Ok(())
    }

    fn all(&self) -> Result<ArrayRef> {
        if self.kept.is_empty() {
            return Ok(new_empty_array(&self.of));
        }
        let parts: Vec<&dyn Array> = self.kept.iter().map(AsRef::as_ref).collect();
        Ok(concat(&parts)?)
    }

    fn ordered(&self) -> Result<ArrayRef> {
        let all = self.all()?;
        let places = sort_to_indices(&all, Some(self.order), None)?;
        Ok(take(&all, &places, None)?)
    }

    /// The values at some fractions, as a column.
    fn at(&self, values: &ArrayRef, fractions: &[Option<f64>]) -> Result<ArrayRef> {
        if self.kind == Kind::Cont {
            let floats = casts::float(values)?;
            let floats = floats.as_primitive::<Float64Type>();
            let at = fractions.iter().map(|fraction| between(floats, (*fraction)?));
            return Ok(Arc::new(at.collect::<Float64Array>()));
        }
        let places: UInt64Array = fractions
            .iter()
            .map(|fraction| place(values.len(), (*fraction)?))
            .collect();
        Ok(take(values, &places, None)?)
    }
}

/// The first place at which a fraction of all values is reached.
#[expect(
    clippy::cast_precision_loss,
    reason = "groups of more than 2^52 values do not fit into memory"
)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the number of values"
)]
fn place(length: usize, fraction: f64) -> Option<u64> {
    let reached = (fraction * length as f64).ceil() as u64;
    let last = (length as u64).checked_sub(1)?;
    Some(reached.saturating_sub(1).min(last))
}

/// The value at a fraction.
#[expect(
    clippy::cast_precision_loss,
    reason = "groups of more than 2^52 values do not fit into memory"
)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and the number of values"
)]
fn between(values: &Float64Array, fraction: f64) -> Option<f64> {
    let place = fraction * values.len().checked_sub(1)? as f64;
    let (low, high) = (
        values.value(place.floor() as usize),
        values.value(place.ceil() as usize),
    );
    Some(low + (high - low) * place.fract())
}

/// The value that is there most often; of several, the first in order.
fn most_frequent(values: &ArrayRef) -> Result<Option<usize>> {
    let mut most: Option<(usize, usize)> = None;
    if values.is_empty() {
        return Ok(None);
    }
    for range in partition(&[Arc::clone(values)])?.ranges() {
        if most.is_none_or(|(_, count)| range.len() > count) {
            most = Some((range.start, range.len()));
        }
    }
    Ok(most.map(|(place, _)| place))
}

impl Accumulator for Values {
    fn update_batch(&mut self, columns: &[ArrayRef]) -> Result<()> {
        self.keep(&columns[0])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.keep(&values)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![in_list(self.all()?)?])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let values = self.ordered()?;
        let at = match &self.fractions {
            Fractions::None => match most_frequent(&values)? {
                Some(place) => return ScalarValue::try_from_array(&values, place),
                None => return ScalarValue::try_new_null(&self.of),
            },
            Fractions::One(fraction) => self.at(&values, &[*fraction])?,
            Fractions::Many(fractions) if !values.is_empty() => return in_list(self.at(&values, fractions)?),
            Fractions::Many(_) => return ScalarValue::try_new_null(&list_of(self.of.clone())),
        };
        ScalarValue::try_from_array(&at, 0)
    }

    fn size(&self) -> usize {
        size_of_val(self)
            + self
                .kept
                .iter()
                .map(|values| values.get_array_memory_size())
                .sum::<usize>()
    }
}

/// A list of one row.
fn in_list(values: ArrayRef) -> Result<ScalarValue> {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let list = ListArray::try_new(field, OffsetBuffer::from_lengths([values.len()]), values, None)?;
    Ok(ScalarValue::List(Arc::new(list)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_lie_on_values_or_between_them() {
        let places = [0.0, 0.25, 0.26, 0.5, 1.0].map(|fraction| place(4, fraction));
        assert_eq!(places, [Some(0), Some(0), Some(1), Some(1), Some(3)]);
        assert_eq!(place(0, 0.5), None);
        let values = Float64Array::from(vec![1.0, 2.0, 4.0, 8.0]);
        assert_eq!(
            [0.0, 0.5, 1.0].map(|fraction| between(&values, fraction)),
            [Some(1.0), Some(3.0), Some(8.0)]
        );
        assert_eq!(between(&Float64Array::from(Vec::<f64>::new()), 0.5), None);
    }

    #[test]
    fn the_mode_is_the_first_of_the_most_frequent() {
        let values: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 2.0, 3.0, 3.0]));
        assert_eq!(most_frequent(&values).expect("a place"), Some(1));
    }
}
