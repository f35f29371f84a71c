//! `text_map(map)`, `text_list(list)` and `count_in_map(map, value, except)`: maps and lists as a platform's tools
//! export them.
//!
//! Spark writes them as maps and lists; `cqlsh COPY` and CSV files hold them as text, such as `{'do_1': 2, 'do_2': 1}` or
//! `['a', 'b']`, or as JSON. `text_map` and `text_list` return maps and lists unchanged and parse text; text that is
//! neither gives NULL. `count_in_map` counts the entries with a given value in a map of either form, except those of
//! given keys.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Array, Int64Array, ListArray, ListBuilder, MapArray, MapBuilder, MapFieldNames,
    PrimitiveArray, StringArray, StringBuilder, StringViewArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Int32Type, Int64Type};
use datafusion::common::{Result, ScalarValue, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::collection_text::{list_entries, map_entries};
use super::is_text;

/// The SQL functions of this file.
pub fn collection_functions() -> [ScalarUDF; 3] {
    let function = |kind, arguments| {
        ScalarUDF::new_from_impl(Collection {
            kind,
            signature: Signature::any(arguments, Volatility::Immutable),
        })
    };
    [
        function(Kind::TextMap, 1),
        function(Kind::TextList, 1),
        function(Kind::CountInMap, 3),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    TextMap,
    TextList,
    CountInMap,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Collection {
    kind: Kind,
    signature: Signature,
}

impl ScalarUDFImpl for Collection {
    fn name(&self) -> &str {
        match self.kind {
            Kind::TextMap => "text_map",
            Kind::TextList => "text_list",
            Kind::CountInMap => "count_in_map",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let given = &arguments[0];
        match (self.kind, given) {
            (Kind::TextMap, DataType::Map(_, _)) | (Kind::TextList, DataType::List(_) | DataType::LargeList(_)) => {
                Ok(given.clone())
            }
            (Kind::TextMap, kind) if is_text(kind) => Ok(map_type()),
            (Kind::TextList, kind) if is_text(kind) => Ok(list_type()),
            (Kind::CountInMap, DataType::Map(_, _)) => Ok(DataType::Int64),
            (Kind::CountInMap, kind) if is_text(kind) => Ok(DataType::Int64),
            (Kind::TextList, _) => plan_err!("text_list takes a list or text, not {given}"),
            (Kind::TextMap | Kind::CountInMap, _) => plan_err!("{} takes a map or text, not {given}", self.name()),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = arguments.number_rows;
        let given = arguments.args[0].to_array(rows)?;
        let found: ArrayRef = match self.kind {
            Kind::TextMap if is_text(given.data_type()) => Arc::new(maps(&texts(&given)?)?),
            Kind::TextList if is_text(given.data_type()) => Arc::new(lists(&texts(&given)?)),
            Kind::TextMap | Kind::TextList => given,
            Kind::CountInMap => {
                let ColumnarValue::Scalar(value) = &arguments.args[1] else {
                    return exec_err!("count_in_map takes one value for all rows, such as 2");
                };
                let ScalarValue::Int64(Some(value)) = value.cast_to(&DataType::Int64)? else {
                    return exec_err!("count_in_map takes a whole number, such as 2");
                };
                let except = arguments.args[2].to_array(rows)?;
                Arc::new(counts(&given, value, &except)?)
            }
        };
        let is_scalar = arguments
            .args
            .iter()
            .all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        Ok(match is_scalar && rows > 0 {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&found, 0)?),
            false => ColumnarValue::Array(found),
        })
    }
}

fn map_type() -> DataType {
    let key = Arc::new(Field::new("key", DataType::Utf8, false));
    let value = Arc::new(Field::new("value", DataType::Utf8, true));
    let entries = Field::new("entries", DataType::Struct(vec![key, value].into()), false);
    DataType::Map(Arc::new(entries), false)
}

fn list_type() -> DataType {
    DataType::new_list(DataType::Utf8, true)
}

fn texts(array: &ArrayRef) -> Result<StringViewArray> {
    Ok(cast(array, &DataType::Utf8View)?.as_string_view().clone())
}

fn maps(texts: &StringViewArray) -> Result<MapArray> {
    let names = MapFieldNames {
        entry: "entries".to_owned(),
        key: "key".to_owned(),
        value: "value".to_owned(),
    };
    let mut maps = MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new());
    for text in texts {
        let entries = text.and_then(map_entries);
        for (key, value) in entries.iter().flatten() {
            maps.keys().append_value(key);
            maps.values().append_option(value.as_ref());
        }
        maps.append(entries.is_some())?;
    }
    Ok(maps.finish())
}

fn lists(texts: &StringViewArray) -> ListArray {
    let mut lists = ListBuilder::new(StringBuilder::new());
    for text in texts {
        let entries = text.and_then(list_entries);
        for entry in entries.iter().flatten() {
            lists.values().append_option(entry.as_ref());
        }
        lists.append(entries.is_some());
    }
    lists.finish()
}

/// For each map, the number of entries with the value whose key is not in the list of its row.
fn counts(given: &ArrayRef, value: i64, except: &ArrayRef) -> Result<Int64Array> {
    let parsed;
    let maps = match given.as_map_opt() {
        Some(maps) => maps,
        None => {
            parsed = self::maps(&texts(given)?)?;
            &parsed
        }
    };
    let except = Except::new(maps, except)?;
    // Numbers of four bytes are counted as they are: a copy of all entries in eight costs as much as counting them.
    if let (Some(values), Ok(value)) = (maps.values().as_primitive_opt::<Int32Type>(), i32::try_from(value)) {
        return Ok(counts_of(maps, values, value, except.as_ref()));
    }
    let values = cast(maps.values(), &DataType::Int64)?;
    Ok(counts_of(
        maps,
        values.as_primitive::<Int64Type>(),
        value,
        except.as_ref(),
    ))
}

/// As [`counts`], where the maps' values are `values`.
fn counts_of<T: ArrowPrimitiveType>(
    maps: &MapArray,
    values: &PrimitiveArray<T>,
    value: T::Native,
    except: Option<&Except>,
) -> Int64Array {
    let is_meant = |entry: &usize| values.is_valid(*entry) && values.value(*entry) == value;
    let offsets = maps.value_offsets();
    let counts = (0..maps.len()).map(|row| {
        if maps.is_null(row) {
            return None;
        }
        // Offsets are never negative.
        let entries = offsets[row] as usize..offsets[row + 1] as usize;
        let count = match except.filter(|except| !except.rows[row].is_empty()) {
            Some(except) => except.count(row, entries.filter(is_meant)),
            None if values.null_count() == 0 => {
                let values = &values.values()[entries];
                values.iter().filter(|other| **other == value).count()
            }
            None => entries.filter(is_meant).count(),
        };
        i64::try_from(count).ok()
    });
    counts.collect()
}

/// The keys that are excluded in each row.
struct Except {
    keys: Keys,
    /// The range of the excluded keys, by row.
    rows: Vec<std::ops::Range<usize>>,
    not_counted: StringViewArray,
}

impl Except {
    /// `None` where no keys are excluded.
    fn new(maps: &MapArray, except: &ArrayRef) -> Result<Option<Self>> {
        if except.null_count() == except.len() || except.data_type() == &DataType::Null {
            return Ok(None);
        }
        let lists = match except.data_type() {
            DataType::LargeList(field) => cast(except, &DataType::List(Arc::clone(field)))?,
            _ => Arc::clone(except),
        };
        let Some(lists) = lists.as_list_opt::<i32>() else {
            return exec_err!(
                "count_in_map takes a list of keys that do not count, not {}",
                except.data_type()
            );
        };
        let rows = lists.value_offsets().windows(2).enumerate().map(|(row, ends)| {
            // A NULL list may have entries in memory.
            let start = ends[0] as usize;
            start..if lists.is_valid(row) { ends[1] as usize } else { start }
        });
        Ok(Some(Self {
            keys: Keys::new(maps.keys())?,
            rows: rows.collect(),
            not_counted: texts(lists.values())?,
        }))
    }

    fn count(&self, row: usize, entries: impl Iterator<Item = usize>) -> usize {
        let is_counted = |entry: &usize| {
            let mut not_counted = self.rows[row].clone().filter(|&other| self.not_counted.is_valid(other));
            let key = self.keys.text(*entry);
            !not_counted.any(|other| self.not_counted.value(other) == key)
        };
        entries.filter(is_counted).count()
    }
}

/// The keys of all entries. Those of dictionaries stay numbers, and only the texts of keys that are asked for are looked at.
struct Keys {
    texts: KeyTexts,
    /// For each entry, the place of its key among the texts; `None` where they are in the order of the entries.
    places: Option<Int32Array>,
}

/// The texts of keys. A dictionary has those of all rows of a row group, far more than a batch asks for, so they stay as
/// they are read.
enum KeyTexts {
    Plain(StringArray),
    Views(StringViewArray),
}

impl Keys {
    fn new(keys: &ArrayRef) -> Result<Self> {
        let numbered = keys.as_dictionary_opt::<Int32Type>();
        let values = numbered.map_or(keys, |numbered| numbered.values());
        Ok(Self {
            texts: match values.as_string_opt::<i32>() {
                Some(texts) => KeyTexts::Plain(texts.clone()),
                None => KeyTexts::Views(texts(values)?),
            },
            places: numbered.map(|numbered| numbered.keys().clone()),
        })
    }

    fn text(&self, entry: usize) -> &str {
        // Keys of maps are never NULL, and places are never negative.
        let place = match &self.places {
            Some(places) => places.value(entry) as usize,
            None => entry,
        };
        match &self.texts {
            KeyTexts::Plain(texts) => texts.value(place),
            KeyTexts::Views(texts) => texts.value(place),
        }
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Int32Builder, StructArray};
    use datafusion::arrow::datatypes::Fields;

    use super::*;

    fn column(texts: &[Option<&str>]) -> ArrayRef {
        Arc::new(StringArray::from(texts.to_vec()))
    }

    #[test]
    fn maps_and_their_texts_are_counted_alike() {
        let mut typed = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        for (key, value) in [("c1", 2), ("c2", 1), ("c3", 2)] {
            typed.keys().append_value(key);
            typed.values().append_value(value);
        }
        typed.append(true).expect("a map");
        typed.append(true).expect("an empty map");
        typed.append(false).expect("a missing map");
        let typed: ArrayRef = Arc::new(typed.finish());
        let cqlsh = column(&[Some("{'c1': 2, 'c2': 1, 'c3': 2}"), Some("{}"), None]);
        let json = column(&[Some(r#"{"c1":2,"c2":1,"c3":2}"#), Some("{}"), Some("no map")]);
        let optional = lists(&texts(&column(&[Some("['c3', 'c9']"), None, None])).expect("text"));
        let optional: ArrayRef = Arc::new(optional);
        let none: ArrayRef = Arc::new(Int64Array::from(vec![None; 3]));
        for maps in [typed, cqlsh, json] {
            let count = |except| counts(&maps, 2, except).expect("counts").iter().collect::<Vec<_>>();
            assert_eq!(count(&none), [Some(2), Some(0), None]);
            assert_eq!(count(&optional), [Some(1), Some(0), None]);
            let last_first = counts(&maps.slice(0, 1), 1, &none.slice(0, 1)).expect("counts");
            assert_eq!(last_first.value(0), 1);
        }
    }

    /// The same maps with dictionaries as keys, as `repeated_keys` are read.
    fn with_numbered_keys(maps: &ArrayRef) -> ArrayRef {
        let maps = maps.as_map();
        let key = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        let keys = cast(maps.keys(), &key).expect("numbers");
        let fields: Fields = vec![
            Field::new("key", key, false),
            Field::new("value", maps.values().data_type().clone(), true),
        ]
        .into();
        let entries = StructArray::new(fields.clone(), vec![keys, Arc::clone(maps.values())], None);
        let field = Arc::new(Field::new("entries", DataType::Struct(fields), false));
        let (offsets, nulls) = (maps.offsets().clone(), maps.nulls().cloned());
        Arc::new(MapArray::new(field, offsets, entries, nulls, false))
    }

    #[test]
    fn keys_that_are_numbers_and_missing_values_are_counted_alike() {
        let mut plain = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
        let rows: [&[(&str, Option<i32>)]; 3] = [
            &[("c1", Some(2)), ("c2", Some(2)), ("c3", None)],
            &[("c2", Some(2)), ("c1", Some(1))],
            &[("c3", Some(2)), ("c1", Some(2)), ("c2", Some(2))],
        ];
        for row in rows {
            for (key, value) in row {
                plain.keys().append_value(key);
                plain.values().append_option(*value);
            }
            plain.append(true).expect("a map");
        }
        let plain: ArrayRef = Arc::new(plain.finish());
        let missing: ArrayRef = Arc::new(lists(&texts(&column(&[None, None, None])).expect("text")));
        let except = column(&[Some("['c2']"), None, Some("['c1', 'c9', 'c2']")]);
        let except: ArrayRef = Arc::new(lists(&texts(&except).expect("text")));
        for maps in [with_numbered_keys(&plain), plain] {
            let of_all = |value| {
                let counts = counts(&maps, value, &missing).expect("counts");
                counts.iter().collect::<Vec<_>>()
            };
            assert_eq!(of_all(2), [Some(2), Some(1), Some(3)]);
            assert_eq!(of_all(1), [Some(0), Some(1), Some(0)]);
            assert_eq!(of_all(1 << 40), [Some(0); 3]);
            let some = counts(&maps, 2, &except).expect("counts");
            assert_eq!(some.iter().collect::<Vec<_>>(), [Some(1), Some(1), Some(1)]);
            let last = counts(&maps.slice(2, 1), 2, &except.slice(2, 1)).expect("counts");
            assert_eq!(last.value(0), 1);
        }
    }
}
