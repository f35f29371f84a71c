//! Arrays that are written as text: `'{a,"b c",NULL}'` beside `ARRAY['a', 'b c', NULL]`.
//!
//! The engine would take such a text for an array of one element. Here literals become arrays, and everything else that is
//! cast to an array goes through `array_of`, which reads the text, or leaves what is an array already.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, ListBuilder, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::sql::sqlparser::ast::{Array, CastKind, DataType as SqlType, Expr, Statement, Value};

use crate::engine::dialect::DialectError;
use crate::engine::dialect::syntax::{self, call, rewrite_each};

/// The function that casts to arrays call.
pub const ARRAY_OF: &str = "array_of";

/// The same for arrays of object ids, which clients send in a type of their own.
pub const ARRAY_OF_IDS: &str = "array_of_ids";

/// The elements of an array that is written as text. NULL stands for itself, unless it is quoted.
///
/// # Errors
/// The text is not an array in PostgreSQL's notation; the error says what is wrong.
pub fn elements(text: &str) -> Result<Vec<Option<String>>, String> {
    let malformed = || format!("malformed array literal: \"{text}\"");
    let inner = text.trim().strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    let inner = inner.ok_or_else(malformed)?;
    if inner.trim().is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let mut letters = inner.chars().peekable();
    loop {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        let mut element = String::new();
        let is_quoted = letters.next_if_eq(&'"').is_some();
        if is_quoted {
            loop {
                match letters.next().ok_or_else(malformed)? {
                    '"' => break,
                    '\\' => element.push(letters.next().ok_or_else(malformed)?),
                    letter => element.push(letter),
                }
            }
            while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        } else {
            while let Some(letter) = letters.next_if(|letter| *letter != ',') {
                match letter {
                    '{' | '}' | '"' => return Err(malformed()),
                    '\\' => element.push(letters.next().ok_or_else(malformed)?),
                    letter => element.push(letter),
                }
            }
            element.truncate(element.trim_end().len());
        }
        match (is_quoted, element.is_empty()) {
            (false, true) => return Err(malformed()),
            (false, _) if element.eq_ignore_ascii_case("null") => found.push(None),
            _ => found.push(Some(element)),
        }
        match letters.next() {
            Some(',') => {}
            None => return Ok(found),
            Some(_) => return Err(malformed()),
        }
    }
}

/// The array that a text literal means where an array is expected.
pub fn literal(expr: &Expr) -> Result<Option<Expr>, DialectError> {
    let Expr::Value(value) = expr else {
        return Ok(None);
    };
    let Value::SingleQuotedString(text) = &value.value else {
        return Ok(None);
    };
    let elements = elements(text).map_err(DialectError::Syntax)?;
    let values = elements
        .into_iter()
        .map(|element| syntax::literal(element.map_or(Value::Null, Value::SingleQuotedString)));
    Ok(Some(Expr::Array(Array {
        elem: values.collect(),
        named: true,
    })))
}

/// Rewrites casts to arrays so that texts are parsed in PostgreSQL's notation.
pub fn read_casts(statement: &mut Statement) -> Result<(), DialectError> {
    rewrite_each(statement, |expr| {
        if let Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon,
            expr,
            data_type: kind @ SqlType::Array(_),
            ..
        } = expr
            && !matches!(expr.as_ref(), Expr::Array(_))
        {
            **expr = match literal(expr)? {
                Some(array) => array,
                None => {
                    let reader = if is_of_ids(kind) { ARRAY_OF_IDS } else { ARRAY_OF };
                    call(reader, vec![(**expr).clone()])
                }
            };
        }
        Ok(())
    })
}

fn is_of_ids(kind: &SqlType) -> bool {
    let name = kind.to_string().to_lowercase();
    let name = name.strip_prefix("pg_catalog.").unwrap_or(&name);
    name.starts_with("oid") || name.starts_with("reg")
}

/// The SQL functions `array_of` and `array_of_ids`.
pub fn readers() -> [ScalarUDF; 2] {
    [ARRAY_OF, ARRAY_OF_IDS].map(|name| {
        ScalarUDF::new_from_impl(ArrayOf {
            name,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ArrayOf {
    name: &'static str,
    signature: Signature,
}

impl ScalarUDFImpl for ArrayOf {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match arguments {
            [kind] if is_list(kind) || kind.is_null() => Ok(vec![kind.clone()]),
            [kind] if kind.is_string() => Ok(vec![DataType::Utf8]),
            [kind] => plan_err!("cannot cast type {kind} to an array"),
            _ => plan_err!("{} takes one argument", self.name),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [kind] if kind.is_string() => Ok(list_of(DataType::Utf8)),
            [kind] => Ok(kind.clone()),
            _ => plan_err!("{} takes one argument", self.name),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match arguments.args.as_slice() {
            [value] if value.data_type().is_string() => {
                let texts = cast(&value.to_array(arguments.number_rows)?, &DataType::Utf8)?;
                let mut lists = ListBuilder::new(StringBuilder::new());
                for text in texts.as_string::<i32>() {
                    match text.map(elements).transpose() {
                        Ok(list) => lists.append_option(list),
                        Err(reason) => return exec_err!("{reason}"),
                    }
                }
                Ok(ColumnarValue::Array(Arc::new(lists.finish()) as ArrayRef))
            }
            [value] => Ok(value.clone()),
            _ => exec_err!("{} takes one argument", self.name),
        }
    }
}

/// The text of an array of these elements; `None` is NULL.
pub fn written(elements: impl IntoIterator<Item = Option<String>>) -> String {
    let elements = elements.into_iter().map(|element| match element {
        None => "NULL".to_owned(),
        Some(text) if needs_quotes(&text) => {
            format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\""))
        }
        Some(text) => text,
    });
    format!("{{{}}}", elements.collect::<Vec<_>>().join(","))
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case("null")
        || text.contains(|letter: char| r#"{}",\"#.contains(letter) || letter.is_whitespace())
}

/// An array of elements that may be NULL.
pub fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

/// Whether a type is one of arrays, of any kind.
pub fn is_list(kind: &DataType) -> bool {
    element_of(kind).is_some()
}

/// The type of an array's elements.
pub fn element_of(kind: &DataType) -> Option<&DataType> {
    match kind {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => Some(field.data_type()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(elements: &[Option<&str>]) -> Result<Vec<Option<String>>, String> {
        Ok(elements.iter().map(|element| element.map(str::to_owned)).collect())
    }

    #[test]
    fn elements_are_read_as_postgresql_reads_them() {
        for (text, expected) in [
            ("{}", vec![]),
            (" { } ", vec![]),
            ("{a,b}", vec![Some("a"), Some("b")]),
            ("{ a b , c }", vec![Some("a b"), Some("c")]),
            (r#"{"a,b","c\"d",""}"#, vec![Some("a,b"), Some("c\"d"), Some("")]),
            (r#"{null,NULL,"NULL"}"#, vec![None, None, Some("NULL")]),
        ] {
            assert_eq!(elements(text), texts(&expected), "{text}");
        }
        for text in [
            "",
            "a",
            "{a",
            "a}",
            "{a,}",
            "{,a}",
            "{{a},{b}}",
            r#"{"a}"#,
            r#"{"a"b}"#,
            r#"{a"b"}"#,
        ] {
            assert!(elements(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in proptest::collection::vec(proptest::option::of(".{0,8}"), 0..4)) {
            prop_assert_eq!(elements(&written(values.clone())), Ok(values));
        }

        #[test]
        fn what_is_quoted_comes_back(values in proptest::collection::vec(".{0,8}", 0..4)) {
            let quoted: Vec<String> = values
                .iter()
                .map(|value| format!("\"{}\"", value.replace('\\', r"\\").replace('"', "\\\"")))
                .collect();
            let read = elements(&format!("{{{}}}", quoted.join(",")));
            prop_assert_eq!(read, Ok(values.into_iter().map(Some).collect()));
        }
    }
}
