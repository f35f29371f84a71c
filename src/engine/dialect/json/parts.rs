//! Functions that read documents: casts, parts by key and position, containment, and sizes.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, ListArray, ListBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{Result, ScalarValue, plan_err};

use super::document::{Json, Value};
use super::error::JsonError;
use super::types::{Kind, texts};
use crate::engine::dialect::arrays::{element_of, list_of};
use crate::engine::dialect::function::{Function, no_function};
use crate::engine::dialect::texts::is_text;
use crate::engine::dialect::type_names::of_arrow;

/// The elements of an array, as an array of documents.
pub const ELEMENTS: [&str; 2] = ["json_elements", "jsonb_elements"];
/// The same as texts.
pub const ELEMENT_TEXTS: [&str; 2] = ["json_element_texts", "jsonb_element_texts"];
/// The keys of an object.
pub const KEYS: [&str; 2] = ["json_keys", "jsonb_keys"];

/// All functions of this file.
pub const ALL: [Function; 30] = [
    Function::new("json", value, json, |columns, _| converted(&columns[0], Kind::Json)),
    Function::new("jsonb", value, jsonb, |columns, _| converted(&columns[0], Kind::Jsonb)),
    Function::new("json_object_field", with_text, json, |columns, _| {
        field(columns, Kind::Json)
    }),
    Function::new("jsonb_object_field", with_text, jsonb, |columns, _| {
        field(columns, Kind::Jsonb)
    }),
    Function::new("json_object_field_text", with_text, text, |columns, _| {
        field_text(columns)
    }),
    Function::new("jsonb_object_field_text", with_text, text, |columns, _| {
        field_text(columns)
    }),
    Function::new("json_array_element", with_place, json, |columns, _| {
        element(columns, Kind::Json)
    }),
    Function::new("jsonb_array_element", with_place, jsonb, |columns, _| {
        element(columns, Kind::Jsonb)
    }),
    Function::new("json_array_element_text", with_place, text, |columns, _| {
        element_text(columns)
    }),
    Function::new("jsonb_array_element_text", with_place, text, |columns, _| {
        element_text(columns)
    }),
    Function::new("json_extract_path", with_path, json, |columns, _| {
        under(columns, Kind::Json)
    }),
    Function::new("jsonb_extract_path", with_path, jsonb, |columns, _| {
        under(columns, Kind::Jsonb)
    }),
    Function::new("json_extract_path_text", with_path, text, |columns, _| {
        under_text(columns)
    }),
    Function::new("jsonb_extract_path_text", with_path, text, |columns, _| {
        under_text(columns)
    }),
    Function::new("json_array_length", alone, integer, |columns, _| length(&columns[0])),
    Function::new("jsonb_array_length", alone, integer, |columns, _| length(&columns[0])),
    Function::new("json_typeof", alone, text, |columns, _| type_names(&columns[0])),
    Function::new("jsonb_typeof", alone, text, |columns, _| type_names(&columns[0])),
    Function::new("jsonb_contains", with_document, boolean, |columns, _| {
        compared(columns, |one, other| one.contains(other))
    }),
    Function::new("jsonb_eq", with_document, boolean, |columns, _| {
        compared(columns, |one, other| one.is_same(other))
    }),
    Function::new("jsonb_exists", with_text, boolean, |columns, _| has(columns)),
    Function::new("jsonb_exists_any", with_texts, boolean, |columns, _| {
        has_of(columns, |json, keys| keys.iter().flatten().any(|key| json.has(key)))
    }),
    Function::new("jsonb_exists_all", with_texts, boolean, |columns, _| {
        has_of(columns, |json, keys| keys.iter().flatten().all(|key| json.has(key)))
    }),
    Function::new("jsonb_concat", with_document, jsonb, |columns, _| joined(columns)),
    Function::new(ELEMENTS[0], alone, list_of_json, |columns, _| {
        elements(&columns[0], Kind::Json)
    }),
    Function::new(ELEMENTS[1], alone, list_of_jsonb, |columns, _| {
        elements(&columns[0], Kind::Jsonb)
    }),
    Function::new(ELEMENT_TEXTS[0], alone, list_of_texts, |columns, _| {
        element_texts(&columns[0])
    }),
    Function::new(ELEMENT_TEXTS[1], alone, list_of_texts, |columns, _| {
        element_texts(&columns[0])
    }),
    Function::new(KEYS[0], alone, list_of_texts, |columns, _| keys(&columns[0])),
    Function::new(KEYS[1], alone, list_of_texts, |columns, _| keys(&columns[0])),
];

type Literals<'a> = [Option<&'a ScalarValue>];

fn json(_: &[DataType], _: &Literals) -> Result<DataType> {
    Ok(Kind::Json.data_type())
}

fn jsonb(_: &[DataType], _: &Literals) -> Result<DataType> {
    Ok(Kind::Jsonb.data_type())
}

fn text(_: &[DataType], _: &Literals) -> Result<DataType> {
    Ok(DataType::Utf8)
}

fn integer(_: &[DataType], _: &Literals) -> Result<DataType> {
    Ok(DataType::Int32)
}

fn boolean(_: &[DataType], _: &Literals) -> Result<DataType> {
    Ok(DataType::Boolean)
}

fn list_of_json(_: &[DataType], _: &Literals) -> Result<DataType> {
    Ok(list_of(Kind::Json.data_type()))
}

fn list_of_jsonb(_: &[DataType], _: &Literals) -> Result<DataType> {
    Ok(list_of(Kind::Jsonb.data_type()))
}

fn list_of_texts(_: &[DataType], _: &Literals) -> Result<DataType> {
    Ok(list_of(DataType::Utf8))
}

fn is_text_or_null(kind: &DataType) -> bool {
    is_text(kind) || kind.is_null()
}

/// A document of the type that a function is of, or its text.
fn document(name: &str, kind: &DataType) -> Option<DataType> {
    let wanted = match name.starts_with("jsonb") {
        true => Kind::Jsonb,
        false => Kind::Json,
    };
    match Kind::of(kind) {
        Some(given) => (given == wanted).then(|| kind.clone()),
        None => is_text_or_null(kind).then_some(DataType::Utf8),
    }
}

fn value(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [kind] if Kind::of(kind).is_some() => Ok(vec![kind.clone()]),
        [kind] if is_text_or_null(kind) => Ok(vec![DataType::Utf8]),
        [kind] => plan_err!("cannot cast type {} to {name}", of_arrow(kind)),
        _ => no_function(name, types),
    }
}

fn alone(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    match types {
        [kind] => document(name, kind).map_or_else(|| no_function(name, types), |kind| Ok(vec![kind])),
        _ => no_function(name, types),
    }
}

/// The argument types of a document and of a second argument, which `beside` accepts.
fn with(
    name: &'static str,
    types: &[DataType],
    beside: impl Fn(&DataType) -> Option<DataType>,
) -> Result<Vec<DataType>> {
    if let [kind, other] = types
        && let (Some(kind), Some(other)) = (document(name, kind), beside(other))
    {
        return Ok(vec![kind, other]);
    }
    no_function(name, types)
}

fn with_text(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    with(name, types, |kind| is_text_or_null(kind).then_some(DataType::Utf8))
}

fn with_place(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    with(name, types, |kind| kind.is_integer().then_some(DataType::Int64))
}

fn with_document(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    with(name, types, |kind| document(name, kind))
}

fn with_texts(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    with(name, types, texts_of)
}

fn texts_of(kind: &DataType) -> Option<DataType> {
    element_of(kind)
        .is_some_and(is_text_or_null)
        .then(|| list_of(DataType::Utf8))
}

/// A document and a path: an array of texts, or a text for each step.
fn with_path(name: &'static str, types: &[DataType]) -> Result<Vec<DataType>> {
    if let [kind, steps @ ..] = types
        && let Some(kind) = document(name, kind)
    {
        if let [path] = steps
            && let Some(path) = texts_of(path)
        {
            return Ok(vec![kind, path]);
        }
        if steps.iter().all(is_text_or_null) {
            let steps = steps.iter().map(|_| DataType::Utf8);
            return Ok(std::iter::once(kind).chain(steps).collect());
        }
    }
    no_function(name, types)
}

/// Applies `find` to each document and the number of its row.
fn found<T>(
    column: &ArrayRef,
    find: impl Fn(&Json<'_>, usize) -> Result<Option<T>, JsonError>,
) -> Result<Vec<Option<T>>> {
    let documents = texts(column)?;
    let rows = documents.iter().enumerate().map(|(row, document)| match document {
        None => Ok(None),
        Some(document) => find(&Json::read(document, Kind::Json.name())?, row),
    });
    Ok(rows.collect::<Result<Vec<_>, JsonError>>()?)
}

/// A part of a document, as documents of the kind are written.
fn part(found: Option<&Json>, kind: Kind) -> Result<Option<String>, JsonError> {
    match (found, kind) {
        (None, _) => Ok(None),
        (Some(part), Kind::Json) => Ok(Some(part.raw.to_owned())),
        (Some(part), Kind::Jsonb) => part.canonical().map(Some),
    }
}

/// A part as text.
fn as_text(part: Option<&Json<'_>>) -> Result<Option<String>, JsonError> {
    part.map_or(Ok(None), Json::text)
}

fn texts_column(texts: Vec<Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from(texts))
}

/// A text or another document as a document of this type.
fn converted(column: &ArrayRef, kind: Kind) -> Result<ArrayRef> {
    if Kind::of(column.data_type()) == Some(kind) {
        return Ok(Arc::clone(column));
    }
    let read = texts(column)?;
    let kept = read.iter().map(|text| match text {
        None => Ok(None),
        Some(text) => {
            let document = Json::read(text, kind.name())?;
            match kind {
                Kind::Json => Ok(Some(text.to_owned())),
                Kind::Jsonb => Ok(Some(document.canonical()?)),
            }
        }
    });
    let kept = kept.collect::<Result<Vec<_>, JsonError>>()?;
    kind.column(StringArray::from(kept))
}

/// The key of a row.
fn key(keys: &StringArray, row: usize) -> Option<&str> {
    keys.is_valid(row).then(|| keys.value(row))
}

fn field(columns: &[ArrayRef], kind: Kind) -> Result<ArrayRef> {
    let keys = texts(&columns[1])?;
    let parts = found(&columns[0], |json, row| {
        part(key(&keys, row).and_then(|key| json.field(key)), kind)
    })?;
    kind.column(StringArray::from(parts))
}

fn field_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let keys = texts(&columns[1])?;
    let parts = found(&columns[0], |json, row| {
        as_text(key(&keys, row).and_then(|key| json.field(key)))
    })?;
    Ok(texts_column(parts))
}

fn element(columns: &[ArrayRef], kind: Kind) -> Result<ArrayRef> {
    let places = columns[1].as_primitive::<Int64Type>();
    let parts = found(&columns[0], |json, row| {
        let place = places.is_valid(row).then(|| places.value(row));
        part(place.and_then(|place| json.element(place)), kind)
    })?;
    kind.column(StringArray::from(parts))
}

fn element_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let places = columns[1].as_primitive::<Int64Type>();
    let parts = found(&columns[0], |json, row| {
        let place = places.is_valid(row).then(|| places.value(row));
        as_text(place.and_then(|place| json.element(place)))
    })?;
    Ok(texts_column(parts))
}

/// The path of each row.
enum Paths {
    Array(ListArray),
    Steps(Vec<StringArray>),
}

impl Paths {
    fn new(columns: &[ArrayRef]) -> Result<Self> {
        Ok(match columns {
            [path] if element_of(path.data_type()).is_some() => Self::Array(lists_of_texts(path)?),
            steps => Self::Steps(steps.iter().map(texts).collect::<Result<_>>()?),
        })
    }

    /// None where a step is NULL.
    fn of(&self, row: usize) -> Option<Vec<String>> {
        match self {
            Self::Array(paths) => {
                let steps = paths.is_valid(row).then(|| paths.value(row))?;
                let steps = steps.as_string::<i32>().iter();
                steps.map(|step| step.map(str::to_owned)).collect()
            }
            Self::Steps(steps) => steps.iter().map(|steps| key(steps, row).map(str::to_owned)).collect(),
        }
    }
}

fn lists_of_texts(column: &ArrayRef) -> Result<ListArray> {
    let lists = cast(column, &list_of(DataType::Utf8))?;
    Ok(lists.as_list::<i32>().clone())
}

fn under(columns: &[ArrayRef], kind: Kind) -> Result<ArrayRef> {
    let paths = Paths::new(&columns[1..])?;
    let parts = found(&columns[0], |json, row| {
        let path = paths.of(row);
        part(path.and_then(|path| json.under(path.iter().map(String::as_str))), kind)
    })?;
    kind.column(StringArray::from(parts))
}

fn under_text(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let paths = Paths::new(&columns[1..])?;
    let parts = found(&columns[0], |json, row| {
        let path = paths.of(row);
        as_text(path.and_then(|path| json.under(path.iter().map(String::as_str))))
    })?;
    Ok(texts_column(parts))
}

fn length(column: &ArrayRef) -> Result<ArrayRef> {
    let lengths = found(column, |json, _| match &json.value {
        Value::Array(elements) => Ok(i32::try_from(elements.len()).ok()),
        Value::Object(_) => Err(JsonError::NoArray),
        _ => Err(JsonError::Scalar),
    })?;
    Ok(Arc::new(Int32Array::from(lengths)))
}

fn type_names(column: &ArrayRef) -> Result<ArrayRef> {
    let names = found(column, |json, _| Ok(Some(json.type_name().to_owned())))?;
    Ok(texts_column(names))
}

/// Whether `is` holds for two documents, for each row.
fn compared(columns: &[ArrayRef], is: fn(&Json<'_>, &Json<'_>) -> bool) -> Result<ArrayRef> {
    let others = texts(&columns[1])?;
    let compared = found(&columns[0], |json, row| match key(&others, row) {
        None => Ok(None),
        Some(other) => Ok(Some(is(json, &Json::read(other, Kind::Jsonb.name())?))),
    })?;
    Ok(Arc::new(BooleanArray::from(compared)))
}

fn has(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let keys = texts(&columns[1])?;
    let found = found(&columns[0], |json, row| Ok(key(&keys, row).map(|key| json.has(key))))?;
    Ok(Arc::new(BooleanArray::from(found)))
}

fn has_of(columns: &[ArrayRef], is: fn(&Json<'_>, &StringArray) -> bool) -> Result<ArrayRef> {
    let keys = lists_of_texts(&columns[1])?;
    let found = found(&columns[0], |json, row| {
        let keys = keys.is_valid(row).then(|| keys.value(row));
        Ok(keys.map(|keys| is(json, keys.as_string::<i32>())))
    })?;
    Ok(Arc::new(BooleanArray::from(found)))
}

/// `||`: the fields of both objects, or the elements of both arrays; a single value is an array of one.
fn joined(columns: &[ArrayRef]) -> Result<ArrayRef> {
    let others = texts(&columns[1])?;
    let joined = found(&columns[0], |json, row| {
        let Some(other) = key(&others, row) else {
            return Ok(None);
        };
        let other = Json::read(other, Kind::Jsonb.name())?;
        let (start, end) = match (&json.value, &other.value) {
            (Value::Object(_), Value::Object(_)) => ('{', '}'),
            (Value::Array(_), _) | (_, Value::Array(_)) => ('[', ']'),
            (Value::Object(_), _) | (_, Value::Object(_)) => return Err(JsonError::Joined),
            _ => ('[', ']'),
        };
        let parts = [within(json, end), within(&other, end)];
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
        let text = format!("{start}{}{end}", parts.join(","));
        Ok(Some(Json::read(&text, Kind::Jsonb.name())?.canonical()?))
    })?;
    Kind::Jsonb.column(StringArray::from(joined))
}

/// The text of a document without the brackets that it begins and ends with, if it has them.
fn within<'a>(json: &Json<'a>, end: char) -> &'a str {
    let inner = json.raw.strip_suffix(end).and_then(|text| text.get(1..));
    inner.unwrap_or(json.raw)
}

/// The elements of each array as documents.
fn elements(column: &ArrayRef, kind: Kind) -> Result<ArrayRef> {
    let lists = found(column, |json, _| match &json.value {
        Value::Array(elements) => {
            let parts = elements.iter().map(|element| part(Some(element), kind));
            Ok(Some(parts.collect::<Result<Vec<_>, JsonError>>()?))
        }
        _ => Err(JsonError::NoElements),
    })?;
    let lengths = lists.iter().map(|list| list.as_ref().map_or(0, Vec::len));
    let offsets = OffsetBuffer::from_lengths(lengths);
    let nulls: NullBuffer = lists.iter().map(Option::is_some).collect::<Vec<bool>>().into();
    let values = kind.column(lists.into_iter().flatten().flatten().collect())?;
    let field = Arc::new(Field::new_list_field(kind.data_type(), true));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, Some(nulls))?))
}

fn element_texts(column: &ArrayRef) -> Result<ArrayRef> {
    let lists = found(column, |json, _| match &json.value {
        Value::Array(elements) => {
            let texts = elements.iter().map(Json::text);
            Ok(Some(texts.collect::<Result<Vec<_>, JsonError>>()?))
        }
        _ => Err(JsonError::NoElements),
    })?;
    Ok(lists_column(lists))
}

fn keys(column: &ArrayRef) -> Result<ArrayRef> {
    let lists = found(column, |json, _| match &json.value {
        Value::Object(fields) => Ok(Some(fields.iter().map(|(key, _)| Some(key.clone())).collect())),
        _ => Err(JsonError::NoKeys),
    })?;
    Ok(lists_column(lists))
}

fn lists_column(lists: Vec<Option<Vec<Option<String>>>>) -> ArrayRef {
    let mut column = ListBuilder::new(StringBuilder::new());
    for list in lists {
        column.append_option(list);
    }
    Arc::new(column.finish())
}
