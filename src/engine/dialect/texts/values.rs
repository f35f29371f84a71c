//! Values as texts: `text(value)`, `varchar(value, letters)` and `bpchar(value, letters)`, which casts become, and
//! `pg_typeof`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err};

use crate::engine::dialect::arrays::{element_of, list_of, written};
use crate::engine::dialect::function::{Function, no_function};
use crate::engine::dialect::json;
use crate::engine::dialect::numbers::{as_numerics, floats, is_numeric, numeric};
use crate::engine::dialect::type_names::{TYPE_OF, of_arrow};

/// All functions of this file.
pub const ALL: [Function; 4] = [
    Function {
        name: "text",
        coerce: |name, types| match types {
            [kind] => Ok(vec![as_written(kind)]),
            _ => no_function(name, types),
        },
        returns: text,
        run: |columns, _| Ok(Arc::new(as_text(&columns[0])?)),
    },
    Function {
        name: "varchar",
        coerce: with_letters,
        returns: text,
        run: |columns, _| shortened(columns, |text| text),
    },
    Function {
        name: "bpchar",
        coerce: with_letters,
        returns: text,
        // Trailing spaces are ignored on both sides.
        run: |columns, _| shortened(columns, |text| text.trim_end_matches(' ')),
    },
    Function {
        name: TYPE_OF,
        coerce: |name, types| match types {
            [kind] => Ok(vec![kind.clone()]),
            _ => no_function(name, types),
        },
        returns: text,
        run: |columns, _| {
            let name = of_arrow(columns[0].data_type());
            let names = std::iter::repeat_n(Some(name), columns[0].len());
            Ok(Arc::new(names.collect::<StringArray>()))
        },
    },
];

/// The result type of functions of texts.
pub fn text(_: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(DataType::Utf8)
}

/// Makes arrays of all kinds one kind; other types stay as they are.
fn as_array(kind: &DataType) -> DataType {
    element_of(kind).map_or_else(|| kind.clone(), |element| list_of(as_array(element)))
}

/// The type of a value that becomes a text here. Times are cast before, by functions of the session's zone.
pub fn as_written(kind: &DataType) -> DataType {
    match kind.is_temporal() {
        true => DataType::Utf8,
        false => as_array(kind),
    }
}

fn with_letters(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [kind] => Ok(vec![as_written(kind)]),
        [kind, letters] if letters.is_integer() => Ok(vec![as_written(kind), DataType::Int64]),
        _ => no_function(name, types),
    }
}

/// The first letters of each text.
fn shortened(columns: &[ArrayRef], trimmed: fn(&str) -> &str) -> Result<ArrayRef> {
    let texts = as_text(&columns[0])?;
    let made: StringArray = match columns {
        [_, letters] => {
            let letters = letters.as_primitive::<Int64Type>();
            let first = |(text, letters): (Option<&str>, Option<i64>)| {
                let (text, letters) = (text?, usize::try_from(letters?).ok()?);
                let end = text.char_indices().nth(letters).map_or(text.len(), |(end, _)| end);
                Some(trimmed(&text[..end]).to_owned())
            };
            texts.iter().zip(letters).map(first).collect()
        }
        _ => texts
            .iter()
            .map(|text| text.map(|text| trimmed(text).to_owned()))
            .collect(),
    };
    Ok(Arc::new(made))
}

/// The values of a column as PostgreSQL writes them.
///
/// # Errors
/// Where values of the type have no text.
pub fn as_text(column: &ArrayRef) -> Result<StringArray> {
    Ok(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().clone(),
        DataType::Boolean => {
            let name = |value: bool| if value { "true" } else { "false" };
            column.as_boolean().iter().map(|value| value.map(name)).collect()
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>();
            values.iter().map(|value| value.map(floats::written)).collect()
        }
        DataType::Float32 => {
            let values = column.as_primitive::<Float32Type>();
            values.iter().map(|value| value.map(floats::written_real)).collect()
        }
        kind if is_numeric(kind) => {
            let (values, scale) = as_numerics(column)?;
            let text = |value| numeric::written(value, scale);
            values.iter().map(|value| value.map(text)).collect()
        }
        kind if element_of(kind).is_some() => of_lists(column)?,
        kind if json::Kind::of(kind).is_some() => json::texts(column)?,
        _ => {
            let texts = cast(column, &DataType::Utf8)?;
            texts.as_string::<i32>().clone()
        }
    })
}

/// The values of a column as PostgreSQL sends them to clients, which differs from a cast to text for booleans alone.
///
/// # Errors
/// As [`as_text`].
pub fn as_sent(column: &ArrayRef) -> Result<StringArray> {
    match column.as_boolean_opt() {
        Some(values) => {
            let name = |value: bool| if value { "t" } else { "f" };
            Ok(values.iter().map(|value| value.map(name)).collect())
        }
        None => as_text(column),
    }
}

fn of_lists(column: &ArrayRef) -> Result<StringArray> {
    let column = cast(column, &as_array(column.data_type()))?;
    let Some(lists) = column.as_list_opt::<i32>() else {
        return exec_err!("{} is no array", column.data_type());
    };
    let is_nested = element_of(lists.values().data_type()).is_some();
    let texts = lists.iter().map(|elements| {
        let Some(elements) = elements else { return Ok(None) };
        let is_boolean = elements.data_type() == &DataType::Boolean;
        let texts = as_text(&elements)?;
        Ok(Some(match is_nested {
            // Arrays in arrays are written without quotes.
            true => format!(
                "{{{}}}",
                texts
                    .iter()
                    .map(|text| text.unwrap_or("NULL"))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
            false => written(texts.iter().map(|text| {
                text.map(|text| match (is_boolean, text) {
                    (true, text) => text[..1].to_owned(),
                    (false, text) => text.to_owned(),
                })
            })),
        }))
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Decimal128Array, Float64Array, ListArray};
    use datafusion::arrow::datatypes::Int32Type;

    use super::*;

    fn texts(column: ArrayRef) -> Vec<Option<String>> {
        let texts = as_text(&column).expect("texts");
        texts.iter().map(|text| text.map(str::to_owned)).collect()
    }

    #[test]
    fn values_are_written_as_postgresql_writes_them() {
        let some = |text: &str| Some(text.to_owned());
        let numbers = Decimal128Array::from(vec![Some(150), None]).with_precision_and_scale(38, 2);
        assert_eq!(texts(Arc::new(numbers.expect("numbers"))), [some("1.50"), None]);
        assert_eq!(
            texts(Arc::new(Float64Array::from(vec![2.0, 1e20]))),
            [some("2"), some("1e+20")]
        );
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1), None]), None, Some(vec![])]);
        assert_eq!(texts(Arc::new(lists)), [some("{1,NULL}"), None, some("{}")]);
    }
}
