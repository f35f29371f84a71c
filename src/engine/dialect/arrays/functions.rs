//! Functions that measure arrays and look into them. The engine's own return 0 for an empty array, count in other
//! types, and remove only the first of several equal elements.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, StringArray, UInt64Array,
};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::kernels::cmp;
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use super::text::{element_of, list_of};
use crate::engine::dialect::function::{Function, no_function};

/// The only element of an array of the rows of a subquery that is a value; an error where there are several.
pub const ONLY_VALUE: Function = Function {
    name: "only_value",
    coerce: of_array,
    returns: |arguments, _| match arguments {
        [array] => Ok(element_of(array).cloned().unwrap_or(DataType::Null)),
        _ => no_function("only_value", arguments),
    },
    run: |columns, _| only_value(&columns[0]),
};
/// `ARRAY(SELECT …)` of no rows, whose aggregate is NULL, is an array without elements.
pub const ARRAY_OF_ROWS: &str = "array_of_rows";

/// All functions of this file.
pub const ALL: [Function; 10] = [
    ONLY_VALUE,
    Function {
        name: ARRAY_OF_ROWS,
        coerce: of_array,
        returns: |arguments, _| Ok(arguments[0].clone()),
        run: |columns, _| without_null(&columns[0]),
    },
    Function {
        name: "array_dims",
        coerce: of_array,
        returns: |_, _| Ok(DataType::Utf8),
        run: |columns, _| {
            let texts: StringArray = (0..columns[0].len())
                .map(|row| elements_of(&columns[0], row).and_then(dimensions))
                .collect();
            Ok(Arc::new(texts))
        },
    },
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

/// The bounds of each dimension; `None` where there are no elements.
fn dimensions(elements: ArrayRef) -> Option<String> {
    let mut text = String::new();
    let mut next = Some(elements);
    while let Some(elements) = next.take_if(|elements| !elements.is_empty()) {
        text.push_str(&format!("[1:{}]", elements.len()));
        next = elements_of(&elements, 0);
    }
    (!text.is_empty()).then_some(text)
}

fn only_value(arrays: &ArrayRef) -> Result<ArrayRef> {
    let Some(lists) = arrays.as_list_opt::<i32>() else {
        return exec_err!("only_value takes an array");
    };
    let places = (0..lists.len()).map(|row| match lists.is_valid(row) {
        false => Ok(None),
        true => match lists.value_length(row) {
            0 => Ok(None),
            // Offsets are never negative.
            1 => Ok(Some(lists.value_offsets()[row] as u64)),
            _ => exec_err!("more than one row returned by a subquery used as an expression"),
        },
    });
    let places = places.collect::<Result<UInt64Array>>()?;
    Ok(take(lists.values(), &places, None)?)
}

fn without_null(arrays: &ArrayRef) -> Result<ArrayRef> {
    let Some(lists) = arrays.as_list_opt::<i32>() else {
        return exec_err!("{ARRAY_OF_ROWS} takes an array");
    };
    let DataType::List(field) = lists.data_type() else {
        return exec_err!("{ARRAY_OF_ROWS} takes an array");
    };
    // What lies below NULL may be anything.
    let lengths = (0..lists.len()).map(|row| match lists.is_valid(row) {
        true => usize::try_from(lists.value_length(row)).unwrap_or_default(),
        false => 0,
    });
    let offsets = OffsetBuffer::from_lengths(lengths);
    let kept = (0..lists.len()).filter(|row| lists.is_valid(*row)).flat_map(|row| {
        // Offsets are never negative.
        let first = lists.value_offsets()[row] as u64;
        first..first + lists.value_length(row) as u64
    });
    let values = take(lists.values(), &UInt64Array::from_iter_values(kept), None)?;
    let made = ListArray::try_new(Arc::clone(field), offsets, values, None)?;
    Ok(Arc::new(made))
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
    let offsets = OffsetBuffer::from_lengths(lengths);
    let made = ListArray::try_new(Arc::clone(field), offsets, values, lists.nulls().cloned())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn lists(rows: [Option<Vec<Option<i32>>>; 3]) -> ArrayRef {
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(rows))
    }

    #[test]
    fn a_subquery_of_one_row_is_its_value() {
        let one = lists([Some(vec![Some(7)]), None, Some(vec![])]);
        let values = only_value(&one).expect("values");
        let values: Vec<_> = values.as_primitive::<Int32Type>().iter().collect();
        assert_eq!(values, [Some(7), None, None]);
        let several = lists([None, Some(vec![Some(1), Some(1)]), None]);
        assert!(only_value(&several).is_err());
    }

    #[test]
    fn no_rows_are_an_array_without_elements() {
        let made = without_null(&lists([Some(vec![Some(7), None]), None, Some(vec![Some(8)])])).expect("lists");
        assert_eq!(
            &made,
            &lists([Some(vec![Some(7), None]), Some(vec![]), Some(vec![Some(8)])])
        );
    }

    #[test]
    fn dimensions_have_bounds() {
        let inner = lists([Some(vec![Some(1), Some(2)]), Some(vec![Some(3), Some(4)]), None]);
        assert_eq!(dimensions(inner.slice(0, 2)).as_deref(), Some("[1:2][1:2]"));
        assert_eq!(
            dimensions(Arc::new(Int32Array::from(vec![1, 2, 3]))).as_deref(),
            Some("[1:3]")
        );
        assert_eq!(dimensions(Arc::new(Int32Array::from(Vec::<i32>::new()))), None);
    }
}
