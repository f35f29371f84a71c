//! Functions that measure arrays and look into them. The engine's own return 0 for an empty array, count in other
//! types, and remove only the first of several equal elements.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int32Array, UInt64Array};
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use super::text::{element_of, list_of};
use crate::engine::dialect::function::{Function, no_function};

/// All functions of this file.
pub const ALL: [Function; 7] = [
    Function {
        name: "array_length",
        coerce: of_array_and_dimension,
        returns: integer,
        run: |columns, _| measured(columns, |length| (length > 0).then_some(length)),
    },
    Function {
        name: "array_upper",
        coerce: of_array_and_dimension,
        returns: integer,
        run: |columns, _| measured(columns, |length| (length > 0).then_some(length)),
    },
    Function {
        name: "array_lower",
        coerce: of_array_and_dimension,
        returns: integer,
        run: |columns, _| measured(columns, |length| (length > 0).then_some(1)),
    },
    Function {
        name: "cardinality",
        coerce: of_array,
        returns: integer,
        run: |columns, _| {
            let counts: Int32Array = (0..columns[0].len())
                .map(|row| elements_of(&columns[0], row).map(|elements| count(&elements)))
                .collect();
            Ok(Arc::new(counts))
        },
    },
    Function {
        name: "array_position",
        coerce: of_array_and_element,
        returns: integer,
        run: |columns, _| position(columns),
    },
    Function {
        name: "array_remove",
        coerce: of_array_and_element,
        returns: |arguments, _| Ok(arguments[0].clone()),
        run: |columns, _| without(columns),
    },
    Function {
        name: "array_overlap",
        coerce: |name, arguments| match arguments {
            [left, right] => match (element_of(left), element_of(right)) {
                (Some(left), Some(right)) => match comparison_coercion(left, right) {
                    Some(common) => Ok(vec![list_of(common.clone()), list_of(common)]),
                    None => no_function(name, arguments),
                },
                _ => no_function(name, arguments),
            },
            _ => no_function(name, arguments),
        },
        returns: |_, _| Ok(DataType::Boolean),
        run: |columns, _| overlap(columns),
    },
];

fn integer(_: &[DataType], _: &[Option<&datafusion::common::ScalarValue>]) -> Result<DataType> {
    Ok(DataType::Int32)
}

fn as_list(kind: &DataType) -> Option<DataType> {
    element_of(kind).map(|element| list_of(element.clone()))
}

fn of_array(name: &'static str, arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [array] => match as_list(array) {
            Some(list) => Ok(vec![list]),
            None => no_function(name, arguments),
        },
        _ => no_function(name, arguments),
    }
}

fn of_array_and_dimension(name: &'static str, arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [array, dimension] if dimension.is_integer() || dimension.is_null() => match as_list(array) {
            Some(list) => Ok(vec![list, DataType::Int32]),
            None => no_function(name, arguments),
        },
        _ => no_function(name, arguments),
    }
}

fn of_array_and_element(name: &'static str, arguments: &[DataType]) -> Result<Vec<DataType>> {
    let [array, element] = arguments else {
        return no_function(name, arguments);
    };
    let common = element_of(array).and_then(|of_array| match (of_array, element) {
        (kind, DataType::Null) | (DataType::Null, kind) => Some(kind.clone()),
        (of_array, element) => comparison_coercion(of_array, element),
    });
    match common {
        Some(common) => Ok(vec![list_of(common.clone()), common]),
        None => no_function(name, arguments),
    }
}

/// The elements of an array that is not NULL.
fn elements_of(lists: &ArrayRef, row: usize) -> Option<ArrayRef> {
    let lists = lists.as_list_opt::<i32>()?;
    lists.is_valid(row).then(|| lists.value(row))
}

/// Elements of all dimensions.
fn count(elements: &ArrayRef) -> i32 {
    match elements.as_list_opt::<i32>() {
        Some(lists) => lists.iter().flatten().map(|inner| count(&inner)).sum(),
        None => i32::try_from(elements.len()).unwrap_or(i32::MAX),
    }
}

/// Applies `answer` to the length of a dimension, for each row.
fn measured(columns: &[ArrayRef], answer: fn(i32) -> Option<i32>) -> Result<ArrayRef> {
    let [arrays, dimensions] = columns else {
        return exec_err!("an array and a dimension are expected");
    };
    let dimensions = dimensions.as_primitive::<Int32Type>();
    let lengths = (0..arrays.len()).map(|row| {
        let mut elements = elements_of(arrays, row)?;
        let dimension = dimensions.is_valid(row).then(|| dimensions.value(row))?;
        for _ in 1..dimension {
            elements = if elements.is_empty() {
                return None;
            } else {
                elements_of(&elements, 0)?
            };
        }
        let length = i32::try_from(elements.len()).unwrap_or(i32::MAX);
        if dimension < 1 { None } else { answer(length) }
    });
    Ok(Arc::new(lengths.collect::<Int32Array>()))
}

/// Which elements of a row equal its value, where NULL equals NULL.
fn same(elements: &ArrayRef, values: &ArrayRef, row: usize) -> Result<BooleanArray> {
    let value = datafusion::arrow::array::Scalar::new(values.slice(row, 1));
    Ok(cmp::not_distinct(elements, &value)?)
}

fn position(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let positions = (0..columns[0].len()).map(|row| {
        let Some(elements) = elements_of(&columns[0], row) else {
            return Ok(None);
        };
        let found = same(&elements, &columns[1], row)?
            .iter()
            .position(|same| same == Some(true));
        Ok(found.map(|place| i32::try_from(place + 1).unwrap_or(i32::MAX)))
    });
    Ok(Arc::new(positions.collect::<Result<Int32Array>>()?))
}

fn without(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(lists) = columns[0].as_list_opt::<i32>() else {
        return exec_err!("array_remove takes an array");
    };
    let (mut kept, mut lengths) = (Vec::new(), Vec::with_capacity(lists.len()));
    for row in 0..lists.len() {
        let before = kept.len();
        if let Some(elements) = elements_of(&columns[0], row) {
            let same = same(&elements, &columns[1], row)?;
            // Offsets are never negative.
            let first = lists.value_offsets()[row] as u64;
            let places = (first..).zip(same.iter());
            kept.extend(places.filter(|(_, same)| *same != Some(true)).map(|(place, _)| place));
        }
        lengths.push(kept.len() - before);
    }
    let values = take(lists.values(), &UInt64Array::from(kept), None)?;
    let DataType::List(field) = lists.data_type() else {
        return exec_err!("array_remove takes an array");
    };
    let offsets = datafusion::arrow::buffer::OffsetBuffer::from_lengths(lengths);
    let made =
        datafusion::arrow::array::ListArray::try_new(Arc::clone(field), offsets, values, lists.nulls().cloned())?;
    Ok(Arc::new(made))
}

fn overlap(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let answers = (0..columns[0].len()).map(|row| {
        let (Some(left), Some(right)) = (elements_of(&columns[0], row), elements_of(&columns[1], row)) else {
            return Ok(None);
        };
        for place in (0..right.len()).filter(|place| right.is_valid(*place)) {
            if same(&left, &right, place)?.true_count() > 0 {
                return Ok(Some(true));
            }
        }
        Ok(Some(false))
    });
    Ok(Arc::new(answers.collect::<Result<BooleanArray>>()?))
}
