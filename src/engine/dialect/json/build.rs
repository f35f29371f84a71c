//! Functions that make documents from values: `to_json`, `json_build_object` and others, and those that aggregates are
//! rewritten to.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, plan_err};
use datafusion::config::ConfigOptions;

use super::document::{Json, write_text};
use super::error::JsonError;
use super::types::Kind;
use super::values::{elements, null, written};
use crate::engine::dialect::arrays::element_of;
use crate::engine::dialect::function::{FunctionOfSession, no_function};
use crate::engine::dialect::texts::as_text;
use crate::engine::dialect::time::{Zone, as_shown};
use crate::engine::dialect::type_names::of_arrow;

/// A document of the array of the values that are aggregated.
pub const ARRAY_OF_ALL: [&str; 2] = ["json_of_all", "jsonb_of_all"];
/// A document of the array of keys and values that are aggregated.
pub const OBJECT_OF_ALL: [&str; 2] = ["json_object_of_all", "jsonb_object_of_all"];

/// All functions of this file.
pub const ALL: [FunctionOfSession; 12] = [
    FunctionOfSession {
        name: "to_json",
        coerce: one_value,
        returns: json,
        run: |columns, _, settings| of_values(&columns[0], Kind::Json, settings),
    },
    FunctionOfSession {
        name: "to_jsonb",
        coerce: one_value,
        returns: jsonb,
        run: |columns, _, settings| of_values(&columns[0], Kind::Jsonb, settings),
    },
    FunctionOfSession {
        name: "array_to_json",
        coerce: |name, types| match types {
            [kind] if element_of(kind).is_some() || kind.is_null() => Ok(vec![kind.clone()]),
            _ => no_function(name, types),
        },
        returns: json,
        run: |columns, _, settings| of_values(&columns[0], Kind::Json, settings),
    },
    FunctionOfSession {
        name: "row_to_json",
        coerce: |name, types| match types {
            [kind @ DataType::Struct(_)] if Kind::of(kind).is_none() => Ok(vec![kind.clone()]),
            _ => no_function(name, types),
        },
        returns: json,
        run: |columns, _, settings| of_values(&columns[0], Kind::Json, settings),
    },
    FunctionOfSession {
        name: "json_build_object",
        coerce: any_values,
        returns: json,
        run: |columns, _, settings| object(columns, Kind::Json, settings),
    },
    FunctionOfSession {
        name: "jsonb_build_object",
        coerce: any_values,
        returns: jsonb,
        run: |columns, _, settings| object(columns, Kind::Jsonb, settings),
    },
    FunctionOfSession {
        name: "json_build_array",
        coerce: any_values,
        returns: json,
        run: |columns, _, settings| array(columns, Kind::Json, settings),
    },
    FunctionOfSession {
        name: "jsonb_build_array",
        coerce: any_values,
        returns: jsonb,
        run: |columns, _, settings| array(columns, Kind::Jsonb, settings),
    },
    FunctionOfSession {
        name: ARRAY_OF_ALL[0],
        coerce: one_value,
        returns: json,
        run: |columns, _, settings| array_of_all(&columns[0], Kind::Json, settings),
    },
    FunctionOfSession {
        name: ARRAY_OF_ALL[1],
        coerce: one_value,
        returns: jsonb,
        run: |columns, _, settings| array_of_all(&columns[0], Kind::Jsonb, settings),
    },
    FunctionOfSession {
        name: OBJECT_OF_ALL[0],
        coerce: one_value,
        returns: json,
        run: |columns, _, settings| object_of_all(&columns[0], Kind::Json, settings),
    },
    FunctionOfSession {
        name: OBJECT_OF_ALL[1],
        coerce: one_value,
        returns: jsonb,
        run: |columns, _, settings| object_of_all(&columns[0], Kind::Jsonb, settings),
    },
];

fn json(_: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(Kind::Json.data_type())
}

fn jsonb(_: &[DataType], _: &[Option<&ScalarValue>]) -> Result<DataType> {
    Ok(Kind::Jsonb.data_type())
}

fn one_value(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [kind] => Ok(vec![kind.clone()]),
        _ => no_function(name, types),
    }
}

fn any_values(_: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    Ok(types.to_vec())
}

/// Texts of JSON as documents of a type.
fn documents(kind: Kind, texts: impl Iterator<Item = Option<String>>) -> Result<ArrayRef> {
    let kept = texts.map(|text| match (kind, text) {
        (_, None) => Ok(None),
        (Kind::Json, Some(text)) => Ok(Some(text)),
        (Kind::Jsonb, Some(text)) => Ok(Some(Json::read(&text, kind.name())?.canonical()?)),
    });
    kind.column(kept.collect::<Result<StringArray>>()?)
}

fn of_values(column: &ArrayRef, kind: Kind, settings: &ConfigOptions) -> Result<ArrayRef> {
    documents(kind, written(column, &Zone::of_session(settings))?.into_iter())
}

/// The rows of the columns. Without any column there is one.
fn rows_of(columns: &[ArrayRef]) -> usize {
    columns.first().map_or(1, Array::len)
}

fn object(columns: &[ArrayRef], kind: Kind, settings: &ConfigOptions) -> Result<ArrayRef> {
    let zone = Zone::of_session(settings);
    let pairs = columns.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(JsonError::Odd.into());
    }
    let mut read = Vec::new();
    for (place, pair) in pairs.enumerate() {
        read.push((keys(&pair[0], &zone, place * 2 + 1)?, written(&pair[1], &zone)?));
    }
    let rows = (0..rows_of(columns)).map(|row| {
        let fields = read.iter().map(|(keys, values)| {
            let value = values[row].as_deref().unwrap_or("null");
            format!("{} : {value}", keys[row])
        });
        Some(format!("{{{}}}", fields.collect::<Vec<_>>().join(", ")))
    });
    documents(kind, rows)
}

/// The keys of a column, in quotes.
fn keys(column: &ArrayRef, zone: &Arc<Zone>, argument: usize) -> Result<Vec<String>> {
    let texts = key_texts(column, zone)?;
    let quoted = texts.iter().map(|key| {
        let mut quoted = String::new();
        write_text(key.ok_or(JsonError::NullKey(argument))?, &mut quoted)?;
        Ok(quoted)
    });
    quoted.collect()
}

/// The texts of keys, which are single values.
fn key_texts(column: &ArrayRef, zone: &Arc<Zone>) -> Result<StringArray> {
    match column.data_type() {
        kind if element_of(kind).is_some() || matches!(kind, DataType::Struct(_)) => Err(JsonError::Key.into()),
        _ => as_text(&as_shown(column, zone)?),
    }
}

fn array(columns: &[ArrayRef], kind: Kind, settings: &ConfigOptions) -> Result<ArrayRef> {
    let zone = Zone::of_session(settings);
    let read = columns
        .iter()
        .map(|column| written(column, &zone))
        .collect::<Result<Vec<_>>>()?;
    let rows = (0..rows_of(columns)).map(|row| {
        let values = read.iter().map(|values| values[row].as_deref().unwrap_or("null"));
        Some(format!("[{}]", values.collect::<Vec<_>>().join(", ")))
    });
    documents(kind, rows)
}

/// `json_agg` of the values in an array. Arrays and rows stand on lines of their own.
fn array_of_all(column: &ArrayRef, kind: Kind, settings: &ConfigOptions) -> Result<ArrayRef> {
    let Some(element) = element_of(column.data_type()) else {
        return plan_err!("json_agg does not take {}", of_arrow(column.data_type()));
    };
    let is_large =
        element_of(element).is_some() || matches!(element, DataType::Struct(_)) && Kind::of(element).is_none();
    let all = elements(column, &Zone::of_session(settings))?;
    let texts = all.into_iter().map(|elements| {
        let mut out = "[".to_owned();
        for (place, element) in elements?.iter().enumerate() {
            if place > 0 {
                out.push_str(", ");
                if is_large && element != "null" {
                    out.push_str("\n ");
                }
            }
            out.push_str(element);
        }
        out.push(']');
        Some(out)
    });
    documents(kind, texts)
}

/// `json_object_agg` of the keys and values in an array of pairs.
fn object_of_all(column: &ArrayRef, kind: Kind, settings: &ConfigOptions) -> Result<ArrayRef> {
    let zone = Zone::of_session(settings);
    let Some(lists) = column.as_list_opt::<i32>() else {
        return plan_err!("json_object_agg does not take {}", of_arrow(column.data_type()));
    };
    let object = |pairs: ArrayRef| {
        let pairs = pairs.as_struct();
        let names = key_texts(pairs.column(0), &zone)?;
        let values = written(pairs.column(1), &zone)?;
        let mut fields = Vec::with_capacity(values.len());
        for (name, value) in names.iter().zip(values) {
            let mut field = String::new();
            write_text(name.ok_or(JsonError::NullName)?, &mut field)?;
            fields.push(format!("{field} : {}", value.unwrap_or_else(null)));
        }
        Ok(format!("{{ {} }}", fields.join(", ")))
    };
    let texts = lists.iter().map(|pairs| pairs.map(object).transpose());
    documents(kind, texts.collect::<Result<Vec<_>>>()?.into_iter())
}
