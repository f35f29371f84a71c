//! Functions that are only asked of `pg_catalog`, beside those of the library.

use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields};
use datafusion::common::{Result, ScalarValue, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};
use datafusion::prelude::SessionContext;

use super::super::functions::Constant;
use super::size_pretty::size_pretty;

/// Registers them.
pub fn register(session: &SessionContext) {
    let number = DataType::Int64;
    // Places of an array with their elements; asked of indexes and constraints, of which there are none.
    let places = Fields::from(vec![
        Field::new("x", DataType::Int32, true),
        Field::new("n", DataType::Int32, true),
    ]);
    let none = ScalarValue::try_from(&DataType::Struct(places.clone())).unwrap_or(ScalarValue::Null);
    let rights = Fields::from(vec![
        Field::new("grantor", DataType::Int32, true),
        Field::new("grantee", DataType::Int32, true),
        Field::new("privilege_type", DataType::Utf8, true),
        Field::new("is_grantable", DataType::Boolean, true),
    ]);
    let no_rights = ScalarValue::try_from(&DataType::Struct(rights.clone())).unwrap_or(ScalarValue::Null);
    let constants = [
        ("pg_table_size", number.clone(), ScalarValue::Int64(None)),
        ("pg_indexes_size", number.clone(), ScalarValue::Int64(None)),
        // What exports take in files, nobody is told.
        ("pg_database_size", number.clone(), ScalarValue::from(0_i64)),
        ("pg_tablespace_size", number, ScalarValue::from(0_i64)),
        ("pg_is_other_temp_schema", DataType::Boolean, ScalarValue::from(false)),
        ("pg_is_wal_replay_paused", DataType::Boolean, ScalarValue::from(false)),
        ("pg_ts_config_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_conversion_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_get_function_sqlbody", DataType::Utf8, ScalarValue::Utf8(None)),
        // In lists of columns, where `access_lists` leaves no row.
        ("aclexplode", DataType::Struct(rights.clone()), no_rights),
        ("pg_function_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_type_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_collation_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_operator_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_opclass_is_visible", DataType::Boolean, ScalarValue::from(true)),
        ("pg_get_userbyid", DataType::Utf8, ScalarValue::from("pragati")),
        ("_pg_expandarray", DataType::Struct(places), none),
    ];
    for (name, kind, value) in constants {
        session.register_udf(ScalarUDF::from(Constant::new(name, kind, value)));
    }
    session.register_udf(size_pretty());
    session.register_udf(ScalarUDF::new_from_impl(Format {
        signature: Signature::one_of(vec![TypeSignature::VariadicAny], Volatility::Immutable),
    }));
}

/// `format('%I.%I', schema, name)`: texts put into a text; `%s` as it is, `%I` as a name, `%L` as a literal.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Format {
    signature: Signature,
}

impl ScalarUDFImpl for Format {
    fn name(&self) -> &str {
        "format"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = arguments
            .args
            .iter()
            .map(|value| Ok(cast(&value.to_array(arguments.number_rows)?, &DataType::Utf8)?))
            .collect::<Result<Vec<ArrayRef>>>()?;
        let Some((formats, values)) = columns.split_first() else {
            return exec_err!("format takes a text");
        };
        let formats = formats.as_string::<i32>();
        let texts = (0..arguments.number_rows).map(|row| {
            if formats.is_null(row) {
                return Ok(None);
            }
            let values = values.iter().map(|column| {
                let column = column.as_string::<i32>();
                column.is_valid(row).then(|| column.value(row))
            });
            formatted(formats.value(row), values).map(Some)
        });
        let texts = texts.collect::<Result<StringArray>>()?;
        Ok(ColumnarValue::Array(Arc::new(texts)))
    }
}

fn formatted<'a>(format: &str, mut values: impl Iterator<Item = Option<&'a str>>) -> Result<String> {
    let mut text = String::new();
    let mut letters = format.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            text.push(letter);
            continue;
        }
        let kind = letters.next();
        if kind == Some('%') {
            text.push('%');
            continue;
        }
        let Some(value) = values.next() else {
            return exec_err!("too few arguments for format()");
        };
        match (kind, value) {
            (Some('s'), value) => text.push_str(value.unwrap_or_default()),
            (Some('I'), Some(name)) => text.push_str(&name_of(name)),
            (Some('I'), None) => return exec_err!("null values cannot be formatted as an SQL identifier"),
            (Some('L'), Some(value)) => text.push_str(&format!("'{}'", value.replace('\'', "''"))),
            (Some('L'), None) => text.push_str("NULL"),
            (kind, _) => {
                let kind = kind.map(String::from).unwrap_or_default();
                return exec_err!("unrecognized format() type specifier \"{kind}\"");
            }
        }
    }
    Ok(text)
}

fn name_of(name: &str) -> String {
    let is_plain = name.starts_with(|letter: char| letter.is_ascii_lowercase() || letter == '_')
        && name
            .chars()
            .all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_');
    match is_plain {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_put_into_texts() {
        let put = |format, values: &[Option<&'static str>]| formatted(format, values.iter().copied()).ok();
        assert_eq!(
            put("%I.%I", &[Some("public"), Some("a B")]).as_deref(),
            Some("public.\"a B\"")
        );
        assert_eq!(
            put("%s, %L, %L, 5%%", &[None, Some("o'n"), None]).as_deref(),
            Some(", 'o''n', NULL, 5%")
        );
        assert_eq!(put("%s", &[]), None);
        assert_eq!(put("%d", &[Some("1")]), None);
    }
}
