//! Records as PostgreSQL writes them: `(1,"a b",)`.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;

use super::values::as_text;
use crate::engine::dialect::json;
use crate::engine::dialect::time::{Zone, as_shown};

/// Whether a type is one of records.
pub fn is_record(kind: &DataType) -> bool {
    matches!(kind, DataType::Struct(_)) && json::Kind::of(kind).is_none()
}

/// A column of records as texts, with moments in a zone; other columns stay as they are.
///
/// # Errors
/// Where values of a field have no text.
pub fn as_records(column: &ArrayRef, zone: &Arc<Zone>) -> Result<ArrayRef> {
    match is_record(column.data_type()) {
        true => Ok(Arc::new(texts(column, zone)?)),
        false => Ok(Arc::clone(column)),
    }
}

fn texts(column: &ArrayRef, zone: &Arc<Zone>) -> Result<StringArray> {
    let records = column.as_struct();
    let fields = records.columns().iter().map(|field| match field.data_type() {
        kind if is_record(kind) => texts(field, zone),
        DataType::Boolean => {
            let letter = |value: bool| if value { "t" } else { "f" };
            Ok(field.as_boolean().iter().map(|value| value.map(letter)).collect())
        }
        _ => as_text(&as_shown(field, zone)?),
    });
    let fields = fields.collect::<Result<Vec<StringArray>>>()?;
    let written = (0..records.len()).map(|row| {
        let values = fields
            .iter()
            .map(|field| match field.is_valid(row) {
                true => quoted(field.value(row)),
                // NULL is written as nothing.
                false => String::new(),
            })
            .collect::<Vec<_>>();
        records.is_valid(row).then(|| format!("({})", values.join(",")))
    });
    Ok(written.collect())
}

fn quoted(text: &str) -> String {
    let is_plain =
        !text.is_empty() && !text.contains(|letter: char| "\"\\(),".contains(letter) || letter.is_ascii_whitespace());
    match is_plain {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{BooleanArray, Int32Array, StructArray};
    use datafusion::arrow::datatypes::Field;

    use super::*;

    #[test]
    fn records_are_written_as_postgresql_writes_them() {
        let fields = vec![
            Field::new("a", DataType::Int32, true),
            Field::new("b", DataType::Utf8, true),
            Field::new("c", DataType::Boolean, true),
        ];
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int32Array::from(vec![Some(1), None])),
            Arc::new(StringArray::from(vec!["a \"b\"", ""])),
            Arc::new(BooleanArray::from(vec![Some(true), None])),
        ];
        let records: ArrayRef = Arc::new(StructArray::try_new(fields.into(), columns, None).expect("records"));
        let texts = as_records(&records, &Zone::utc()).expect("texts");
        let texts: Vec<Option<&str>> = texts.as_string::<i32>().iter().collect();
        assert_eq!(texts, [Some("(1,\"a \"\"b\"\"\",t)"), Some("(,\"\",)")]);
    }
}
